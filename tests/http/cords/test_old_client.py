"""A client that was written for the CORDS service runs unchanged: the calls that its README prints, with the real curl, and the requests of its
interface in their order, against a hub process on either store.

The addresses of the README were blanked out; the Basic header still holds one. Its last call announces 224 bytes and sends fewer, as printed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import urllib3

from tests.http.cords.conftest import basic
from tests.support.load import listed
from tests.support.server import RunningHub, running_hub
from tests.support.stores import EMBEDDED, FUSEKI, emptied_store

REGISTER = """curl -X POST http://localhost:5000/api/users/register \\
-H "Content-Type: application/json" \\
-H "User-Agent: PostmanRuntime/7.39.0" \\
-H "Accept: */*" \\
-H "Cache-Control: no-cache" \\
-H "Host: localhost:5000" \\
-H "Accept-Encoding: gzip, deflate, br" \\
-d '{
"email": "tharindu.prf@gmail.com",
"password": "password123",
"first_name": "Tharindu",
"last_name": "Ranathunga",
"role": "ML Engineer"
}'"""
TOKEN = """curl -X POST http://localhost:5000/api/users/get-auth-token \\
-H 'Authorization: Basic dGhhcmluZHUucHJmQGdtYWlsLmNvbTpwYXNzd29yZDEyMw==' \\
-H 'User-Agent: PostmanRuntime/7.39.0' \\
-H 'Accept: */*' \\
-H 'Cache-Control: no-cache' \\
-H 'Host: localhost:5000' \\
-H 'Accept-Encoding: gzip, deflate, br' \\
-H 'Connection: keep-alive' \\
-H 'Content-Length: 0'"""
ADD = """curl -X POST http://localhost:5000/api/ml_models/add_model \\
-H 'Content-Type: application/json' \\
-H 'Authorization: Bearer LNUDU7YPEeYPcXPXqZPF8jDEiFrVnFmwLTbwYwzxrF8' \\
-H 'User-Agent: PostmanRuntime/7.39.0' \\
-H 'Accept: */*' \\
-H 'Cache-Control: no-cache' \\
-H 'Host: localhost:5000' \\
-H 'Accept-Encoding: gzip, deflate, br' \\
-H 'Connection: keep-alive' \\
-H 'Content-Length: 224' \\
-d '{
"name": "Test Model 1",
"version": "1.0",
"description": "This model is a test model",
"ml_flow_model_path": "mlflow-artifacts:/208444466607110357/2c8c2fc3fefe4c56a29ac325c0bac39c/artifacts/knnmodel"
}'"""


PERSON = {"email": "grace@example.org", "password": "pass", "first_name": "Grace", "last_name": "Example", "role": "ML Engineer"}
MODEL = {
    "name": "Test Model 1", "version": "1.0", "description": "This model is a test model",
    "ml_flow_model_path": "mlflow-artifacts:/208444466607110357/2c8c2fc3fefe4c56a29ac325c0bac39c/artifacts/knnmodel",
}  # fmt: skip
SERVICE: dict[str, Any] = {
    "name": "FL Service 1", "description": "A service", "fl_session": {"session_id": "s1", "session_start_time": "2025-04-01T12:40"},
    "fl_aggregation": {"aggregation_method": "fed_avg"}, "fl_communication": {"communication_protocol": "grpc"},
    "fl_security": {"encryption_method": "aes_256"}, "fl_training": {"training_rounds": 5},
}  # fmt: skip
RUN = {
    "title": "run", "metrics": [{"measure": "test_RMSE", "value": 0.2282492132979683}],
    "tags": [{"name": "cords.Run", "value": "r1"}, {"name": "cords.Run.executes", "value": "K-NeighborsRegressor"}],
}  # fmt: skip
NOWHERE = "0" * 64
OLD = re.compile("/api/(users|ml_models|fl_services|front_end)/")


@pytest.fixture(scope="module", params=[EMBEDDED, FUSEKI])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """Run a hub with the sample catalogue."""
    settings: dict[str, str] = {}
    if request.param == FUSEKI:
        url = request.getfixturevalue("fuseki_url")
        for dataset in ("kg", "system"):
            with emptied_store(f"{url}/{dataset}"):
                settings["HUB_STORE"] = f"{url}/kg"
    with running_hub(tmp_path_factory.mktemp("old"), arguments=["--sample"], **settings) as running:
        yield running


class Client:
    """Sends what the old client sends, with the token that it was given."""

    def __init__(self, hub: RunningHub) -> None:
        """Speak to a hub."""
        self.hub, self.token = hub, ""

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
        """Send a request."""
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"body": orjson.dumps(body), "headers": {"Content-Type": "application/json", **given, **headers}}
        return self.hub.request(method, path, **(content if body is not None else {"headers": {**given, **headers}}))

    def ok(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """Send a request that succeeds; what is answered on the old paths is compact, sorted JSON."""
        answer = self.send(method, path, body, **headers)
        assert answer.status == status, answer.data
        found = orjson.loads(answer.data)
        if isinstance(found, dict) and OLD.match(path):
            assert answer.data == orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
        return found

    def refused(self, method: str, path: str, status: int, body: Any = None, **headers: str) -> Any:
        """Send a request that is refused in the old shape and as a problem."""
        answer = self.send(method, path, body, **headers)
        assert answer.status == status, answer.data
        found = answer.json()
        assert found["code"] == 401 if status == 401 else found["status"] == "failed" and found["error"]
        assert found["title"] and found["type"].startswith("/errors/")
        return found


def ran(hub: RunningHub, call: str) -> tuple[int, dict[str, str]]:
    """Run a printed call against the hub's own port and give status and body."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    told = call.replace("localhost:5000", f"localhost:{hub.port}").replace("curl ", "curl -sS -m 30 -w '\\n%{http_code}' ", 1)
    done = subprocess.run(["bash", "-c", told], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_registering_logging_in_and_adding_a_model_work_as_printed(hub: RunningHub) -> None:
    assert ran(hub, REGISTER)[0] == 201
    status, answer = ran(hub, TOKEN)
    assert status == 200
    add = ADD.replace("LNUDU7YPEeYPcXPXqZPF8jDEiFrVnFmwLTbwYwzxrF8", answer["token"])
    status, model = ran(hub, add)
    assert status == 201 and model["name"] == "Test Model 1"
    assert ran(hub, ADD)[0] == 401


def test_a_body_that_is_longer_than_announced_is_refused_and_not_waited_for(hub: RunningHub) -> None:
    status, answer = ran(hub, REGISTER.replace("-d ", "-H 'Content-Length: 20' -d "))
    assert status == 400 and "_schema" in answer["messages"]["json"]  # type: ignore[index]
    assert hub.request("GET", "/health").status == 200


def test_the_requests_about_users_and_models_in_their_order(hub: RunningHub) -> None:
    client = Client(hub)
    users, models = "/api/users/", "/api/ml_models/"
    client.refused("POST", users + "register", 400, {})
    user = client.ok("POST", users + "register", PERSON, 201)
    assert user.keys() == {"email", "first_name", "last_name", "role", "user_id", "timestamp"}  # and no password
    client.refused("POST", users + "register", 409, PERSON)
    for header in (
        {},
        {"Authorization": "Basic x"},
        {"Authorization": basic("nobody@example.org", "x")},
        {"Authorization": basic(PERSON["email"], "x")},
    ):
        client.refused("POST", users + "get-auth-token", 401, **header)
    for method, path in (
        ("POST", "add_model"),
        ("GET", f"get_model/{NOWHERE}"),
        ("PUT", f"update_model/{NOWHERE}"),
        ("GET", f"generate_semantics/{NOWHERE}"),
    ):
        client.refused(method, models + path, 401, MODEL if method != "GET" else None)
    client.token = client.ok("POST", users + "get-auth-token", Authorization=basic(PERSON["email"], PERSON["password"]))["token"]
    assert re.fullmatch(r"[\w-]{43}", client.token)

    wrong = client.refused("POST", models + "add_model", 400, {"name": 1, "version": None, "description": ""})
    assert wrong["messages"]["json"] == {
        "name": ["Not a valid string."], "version": ["Field may not be null."], "description": ["Shorter than minimum length 1."],
        "ml_flow_model_path": ["Model path is required."],
    }  # fmt: skip
    client.refused("POST", models + "add_model", 400, MODEL | {"ml_flow_model_path": "no path"})
    for path in (
        MODEL["ml_flow_model_path"],
        f"models:/m-{'0' * 32}",
        f"runs:/{'a' * 32}/model",
        "mlflow-artifacts:/1/" + "a" * 32 + "/artifacts/a.b/c",
    ):
        assert (
            client.ok("POST", models + "add_model", MODEL | {"ml_flow_model_path": path, "resource_id": "extra"}, 201)["ml_flow_model_path"] == path
        )
    chosen = client.ok("POST", models + "add_model", MODEL | {"model_id": "e" * 64}, 201)
    assert chosen["model_id"] == "e" * 64 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", chosen["timestamp"])
    assert client.ok("GET", models + "get_model/" + "e" * 64).keys() == {*MODEL, "model_id", "timestamp"}
    client.refused("GET", models + "get_model/" + NOWHERE, 404)
    client.refused("PUT", models + "update_model/" + NOWHERE, 404, MODEL)
    assert client.ok("PUT", models + "update_model/" + "e" * 64, MODEL | {"name": "renamed"})["name"] == "renamed"
    client.refused("GET", models + "generate_semantics/" + "e" * 64, 502)  # there is no MLflow here, and nobody has described the run
    run = client.ok("POST", "/api/runs", RUN, 201)
    client.ok("PATCH", "/api/models/" + "e" * 64, {"run": run["iri"]}, If_Match="*")
    client.refused("GET", models + "generate_semantics/" + NOWHERE, 404)
    described = client.ok("GET", models + "generate_semantics/" + "e" * 64)
    assert described == client.ok("GET", models + "generate_semantics/" + "e" * 64 + "?refresh=true")
    nodes = {node["@id"].partition("#")[2]: node for node in described["semantics"]["cords:mlmetadata"]}
    assert nodes["modelEvaluation_test_RMSE"]["mls:hasValue"]["@value"] == "0.2282492132979683"
    assert nodes["r1"]["mls:executes"]["@value"] == "K-NeighborsRegressor"

    note = {"cords:mlmetadata": [{"@id": "http://example.org#note", "mls:achieves": "kept"}]}
    client.ok("PATCH", models + "semantics/" + "e" * 64, note)
    again = client.ok("GET", models + "generate_semantics/" + "e" * 64 + "?refresh=true")["semantics"]["cords:mlmetadata"]
    assert again[:-1] == described["semantics"]["cords:mlmetadata"] and again[-1]["mls:achieves"]["@value"] == "kept"


def test_the_requests_about_federated_learning_in_their_order(hub: RunningHub) -> None:
    client, services = Client(hub), "/api/fl_services/"
    client.ok("POST", "/api/users/register", PERSON | {"email": "fl@example.org"}, 201)
    client.token = client.ok("POST", "/api/users/get-auth-token", Authorization=basic("fl@example.org", "pass"))["token"]
    service = client.ok("POST", services + "add", SERVICE, 201)
    place = service["fl_service_id"]
    assert client.ok("GET", services + "get/" + place)["publised"] is False
    assert place in [each["fl_service_id"] for each in client.ok("GET", services + "list")]
    assert client.ok("PUT", services + "update/" + place, SERVICE | {"description": "changed"})["description"] == "changed"
    assert client.ok("GET", services + "generate_semantics/" + place)["cords:flmetadata"]
    client.ok("POST", services + "update_published_status/" + place)
    assert client.ok("GET", services + "get/" + place)["publised"] is True
    assert client.ok("DELETE", services + "remove/" + place)["message"] == f"FL service with ID {place} removed successfully."
    offered = SERVICE | {"fl_client": "c1", "connector_id": client.ok("GET", "/api/connectors?limit=1")["items"][0]["iri"]}
    made = client.ok("POST", "/api/front_end/add_fl_service", offered, 201)
    assert made["resource_id"] in [row["resource_id"] for row in client.ok("GET", "/api/front_end/list_service_summary")]


def test_the_examples_of_the_openapi_document_are_answered_as_it_says(hub: RunningHub) -> None:
    client, ids = Client(hub), dict[str, str]()
    document = client.ok("GET", "/apispec.json")
    calls = [
        (method, path, declared)
        for path, methods in document["paths"].items()
        for method, declared in methods.items()
        if declared["tags"] == ["CORDS"]
    ]  # fmt: skip
    order = ("register", "get-auth-token", "/add", "post ", "put ", "patch ", "get ", "update_published", "delete_model", "remove", "delete_user")
    calls.sort(key=lambda call: next(place for place, word in enumerate(order) if word in f"{call[0]} {call[1]}"))
    assert len(calls) > 20
    for method, path, declared in calls:
        body = declared.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("example")
        assert (body is not None) == ("requestBody" in declared), f"{method} {path} has no example"
        headers = {"Authorization": basic("ada@example.org", "password123")} if path.endswith("get-auth-token") else {}
        answer = client.send(method.upper(), path.format(**ids), body, **headers)
        assert str(answer.status) in declared["responses"] and answer.status < 300, f"{method} {path}: {answer.data!r}"
        found = answer.json()
        schema = declared["responses"][str(answer.status)]["content"]["application/json"]["schema"]
        if "properties" in schema:
            assert found.keys() <= schema["properties"].keys(), f"{method} {path}"
        if "example" in schema:
            assert found.keys() == schema["example"].keys()
        client.token = found.get("token", client.token) if isinstance(found, dict) else client.token
        ids |= {key: value for key, value in found.items() if key.endswith("_id") and method == "post"} if isinstance(found, dict) else {}


def test_fifty_clients_that_write_at_once_lose_nothing(hub: RunningHub) -> None:
    client = Client(hub)
    client.ok("POST", "/api/users/register", PERSON | {"email": "many@example.org"}, 201)
    client.token = client.ok("POST", "/api/users/get-auth-token", Authorization=basic("many@example.org", "pass"))["token"]
    made, faults, end = list[str](), list[bytes](), time.monotonic() + 3

    def write() -> None:
        going_on = True
        while going_on:
            answer = client.send("POST", "/api/ml_models/add_model", MODEL | {"ml_flow_model_path": "s3://bucket/model"})
            (made if answer.status == 201 else faults).append(answer.json()["model_id"] if answer.status == 201 else answer.data)  # type: ignore[arg-type]
            going_on = time.monotonic() < end  # each writes once at least, however busy the machine

    threads = [threading.Thread(target=write) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults and len(set(made)) == len(made) >= 50
    assert set(made) <= listed(hub, "id")
