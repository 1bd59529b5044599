"""Federated-learning services as the clients of the CORDS service add, read, replace, publish, list, describe and remove them."""

from __future__ import annotations

import copy
import re
from itertools import product
from typing import Any

import orjson
import pytest

from tests.http.cords.conftest import Api

BASE, FRONT = "/api/fl_services/", "/api/front_end/"
CONNECTOR = "https://w3id.org/engrd/connector/provider21"
FORM: dict[str, Any] = {
    "name": "FL Service 1",
    "description": "A service to test with",
    "fl_session": {
        "session_id": "s1", "session_start_time": "2025-04-01T12:40", "session_end_time": "2025-05-31T12:40", "num_min_clients": 1,
        "num_max_clients": 100, "participation_ratio": 0.5,
    },
    "fl_aggregation": {"aggregation_method": "fed_avg", "aggregation_frequency": 10},
    "fl_communication": {"communication_protocol": "grpc", "secure_aggregation_enabled": True},
    "fl_security": {"differential_privacy_enabled": False, "encryption_method": "aes_256"},
    "fl_training": {"training_rounds": 50, "local_epochs": 5, "loss_function": "mse"},
}  # fmt: skip
OFFERED = FORM | {"fl_client": "5f8d0d55b54764421b7156c1", "connector_id": CONNECTOR}
NOWHERE = "0" * 64
XSD = "http://www.w3.org/2001/XMLSchema#"


@pytest.fixture
def user(api: Api) -> Api:
    api.log_in()
    made = api.call("POST", "/api/connectors", {"iri": CONNECTOR, "title": "CORDS True Connector", "identifiers": ["provider 21"]})
    assert made.status_code == 201, made.text
    return api


def changed(form: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Change members; those that are objects are merged into the form's."""
    result = copy.deepcopy(form)
    for name, value in parts.items():
        result[name] = {**result[name], **value} if isinstance(value, dict) else value
    return result


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json


def test_a_service_is_added_with_its_resource_and_is_a_thing_of_the_hub(user: Api) -> None:
    answer = user.call("POST", FRONT + "add_fl_service", OFFERED | {"anything": "passed over"})
    service = ok(answer, 201)
    assert answer.data == orjson.dumps(service, option=orjson.OPT_SORT_KEYS)
    told = {key: service[key] for key in FORM}
    assert told == FORM
    assert {key: service[key] for key in ("doc_type", "publised", "published", "fl_client", "connector_id", "status", "message", "error")} == {
        "doc_type": "fl_service", "publised": False, "published": False, "fl_client": OFFERED["fl_client"], "connector_id": CONNECTOR,
        "status": "success", "message": "FL service and resource created successfully", "error": None,
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", service["timestamp"])
    read = ok(user.call("GET", BASE + "get/" + service["fl_service_id"]))
    assert read == {key: service[key] for key in service if key not in ("resource_id", "connector_id", "status", "message", "error")}
    own = ok(user.call("GET", f"/api/fl-services/{service['fl_service_id']}"))
    assert (own["title"], own["client"]["label"], own["training"]["aggregation"]["aggregation_method"]) == (
        FORM["name"],
        OFFERED["fl_client"],
        "fed_avg",
    )
    assert own["sessions"][0]["session_start_time"] == "2025-04-01T12:40:00"
    offer = ok(user.call("GET", f"/api/offers/{service['resource_id']}"))
    assert (offer["asset"], offer["connector"], offer["asset_type"]) == (own["iri"], CONNECTOR, "fl_service")
    chosen = ok(user.call("POST", FRONT + "add_fl_service", OFFERED | {"fl_service_id": "ab" * 32, "connector_id": "provider 21"}), 201)
    assert chosen["fl_service_id"] == "ab" * 32
    assert user.call("POST", BASE + "add", FORM | {"fl_service_id": "ab" * 32}).status_code == 409


def test_adding_without_a_resource_and_updating_work(user: Api) -> None:
    service = ok(user.call("POST", BASE + "add", FORM), 201)
    assert service["fl_client"] is None and "resource_id" not in service
    id = service["fl_service_id"]
    rounds = [{"round_id": "1", "num_participating_clients": 2}]
    own = ok(user.call("GET", f"/api/fl-services/{id}"))
    session = {**own["sessions"][0], "rounds": rounds}
    ok(user.call("PATCH", f"/api/fl-services/{id}", {"sessions": [session], "keywords": ["kept", "too"]}, If_Match="*"))
    other = changed(FORM, name="Renamed", fl_training={"local_epochs": 7}, fl_session={"num_max_clients": 5})
    del other["fl_training"]["loss_function"]
    other["fl_security_privacy"] = other.pop("fl_security") | {"encryption_method": "paillier"}
    updated = ok(user.call("PUT", BASE + "update/" + id, other))
    assert (updated["name"], updated["fl_security"]["encryption_method"], updated["fl_session"]["num_max_clients"]) == ("Renamed", "paillier", 5)
    assert updated["fl_training"] == {"training_rounds": 50, "local_epochs": 7}
    own = ok(user.call("GET", f"/api/fl-services/{id}"))
    assert own["keywords"] == ["kept", "too"] and [each["round_id"] for each in own["sessions"][0]["rounds"]] == ["1"]
    session = {"session_id": "s2", "session_start_time": "2025-07-01T00:00:00Z", "session_end_time": "2025-08-01T00:00:00+02:00"}
    other = changed(other, fl_session=session, fl_security_privacy={"encryption_method": "none"}) | {"fl_client": "other"}
    again = ok(user.call("PUT", BASE + "update/" + id, other))
    assert again["fl_session"]["session_id"] == "s2" and again["fl_client"] == "other"
    own = ok(user.call("GET", f"/api/fl-services/{id}"))
    assert sorted(each["session_id"] for each in own["sessions"]) == ["s1", "s2"], "a session with rounds is history"
    assert ok(user.call("PATCH", f"/api/fl-services/{id}", {"title": {"de": "Eins", "en": "One"}}, If_Match="*"))
    assert ok(user.call("GET", BASE + "get/" + id))["name"] == "One"


def test_a_service_is_published_and_unpublished(user: Api) -> None:
    id = ok(user.call("POST", BASE + "add", FORM), 201)["fl_service_id"]
    published = ok(user.call("POST", BASE + "update_published_status/" + id, {"whatever": False}))
    assert published == {"status": "success", "message": f"Published status updated for service ID {id}"}
    service = ok(user.call("GET", BASE + "get/" + id))
    assert service["publised"] is True and service["published"] is True
    assert ok(user.call("GET", "/api/fl-services?published=true"))["total"] == 1
    ok(user.call("DELETE", BASE + "update_published_status/" + id))
    assert ok(user.call("GET", BASE + "get/" + id))["publised"] is False


def test_lists_and_the_summary_join_without_mixing(user: Api) -> None:
    for path in (BASE + "list", FRONT + "list_service_summary"):
        assert ok(user.call("GET", path)) == {"status": "success", "message": "No FL services available"}
    alone = ok(user.call("POST", BASE + "add", FORM | {"name": "Alone"}), 201)
    service = ok(user.call("POST", FRONT + "add_fl_service", OFFERED), 201)
    second = {"title": "Second", "asset": service["fl_service_id"], "asset_type": "fl_service", "connector": CONNECTOR}
    second["asset"] = ok(user.call("GET", f"/api/fl-services/{service['fl_service_id']}"))["iri"]
    other = ok(user.call("POST", "/api/offers", second), 201)
    policies = [
        ok(user.call("POST", "/api/policies", {"title": kind, "policy_type": kind, "target": target, **more}), 201)
        for kind, target, more in (
            ("N_TIMES", service["resource_id"], {"policy_metadata": '{"TIMES": "5"}'}), ("ROLE", other["id"], {"policy_metadata": "{broken"}),
        )
    ]  # fmt: skip
    listed = ok(user.call("GET", BASE + "list"))
    assert [each["name"] for each in listed] == ["Alone", FORM["name"]] and listed[0] == ok(user.call("GET", BASE + "get/" + alone["fl_service_id"]))
    rows = ok(user.call("GET", FRONT + "list_service_summary"))
    assert [each["resource_id"] for each in rows] == [service["resource_id"], other["id"]]
    for row, policy, metadata in zip(rows, policies, ({"TIMES": "5"}, "{broken"), strict=True):
        assert listed[1].items() <= row.items(), "the service's own members win"
        assert (row["asset_id"], row["connector_id"], row["type"]) == (service["fl_service_id"], CONNECTOR, "fl_service")
        assert row["resource"]["doc_type"] == "resource" and row["resource"]["resource_id"] == row["resource_id"]
        (shown,) = row["policies"]
        assert (shown["policy_id"], shown["policy_type"], shown["policy_metadata"]) == (policy["id"], policy["policy_type"], metadata)
        assert (shown["doc_type"], shown["resource_id"]) == ("policy", row["resource_id"])


def test_a_service_goes_with_its_resources_and_policies_or_not_at_all(user: Api) -> None:
    service = ok(user.call("POST", FRONT + "add_fl_service", OFFERED), 201)
    id, offer = service["fl_service_id"], service["resource_id"]
    policy = ok(user.call("POST", "/api/policies", {"title": "Five times", "policy_type": "N_TIMES", "target": offer}), 201)["id"]
    iri = ok(user.call("GET", f"/api/fl-services/{id}"))["iri"]
    training = ok(user.call("POST", "/api/fl-trainings", {"title": "first", "service": iri}), 201)["id"]
    refused = user.call("DELETE", BASE + "remove/" + id)
    assert refused.status_code == 409 and refused.json["referrers"][0].endswith(training) and refused.json["status"] == "failed"
    assert all(user.call("GET", path).status_code == 200 for path in (f"/api/fl-services/{id}", f"/api/offers/{offer}", f"/api/policies/{policy}"))
    ok(user.call("PATCH", f"/api/fl-trainings/{training}", {"service": None}, If_Match="*"))
    mine = user.token
    user.log_in(email="bob@example.org")
    assert user.call("DELETE", BASE + "remove/" + id).status_code == 403
    user.token = mine
    assert ok(user.call("DELETE", BASE + "remove/" + id)) == {"status": "success", "message": f"FL service with ID {id} removed successfully."}
    assert all(user.call("GET", path).status_code == 410 for path in (f"/api/fl-services/{id}", f"/api/offers/{offer}", f"/api/policies/{policy}"))
    assert [ok(user.call("GET", f"/api/{each}"))["total"] for each in ("fl-services", "offers", "policies")] == [0, 0, 0]
    numbers = [each["sequence"] for each in ok(user.call("GET", "/api/changes?limit=100"))["items"]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_service_that_is_not_there_is_404_in_the_old_words(user: Api) -> None:
    removed = ok(user.call("POST", BASE + "add", FORM), 201)["fl_service_id"]
    ok(user.call("DELETE", BASE + "remove/" + removed))
    calls = {
        "GET": ("get/", "generate_semantics/"), "PUT": ("update/",), "POST": ("update_published_status/",),
        "DELETE": ("update_published_status/", "remove/"),
    }  # fmt: skip
    for id, (method, path) in product((NOWHERE, removed, "no-id"), [(method, path) for method, paths in calls.items() for path in paths]):
        answer = user.call(method, BASE + path + id, FORM if method == "PUT" else None)
        told = ok(answer, 404)
        expected = {"status": "failed", "message": "FL Service not found", "error": f"Service ID {id} not found"}
        assert {key: told[key] for key in expected} == expected and told["type"] == "/errors/not-found"


def test_the_description_has_the_datatypes_of_the_ontology_and_stays_the_same(user: Api) -> None:
    id = ok(user.call("POST", BASE + "add", FORM), 201)["fl_service_id"]
    described = ok(user.call("GET", BASE + "generate_semantics/" + id))
    assert described == ok(user.call("GET", BASE + "generate_semantics/" + id))
    assert described["@context"]["fl"] == "https://www.cords.ie/ontologies/cordsfl" and len(described["@context"]) == 7
    nodes = described["cords:flmetadata"]
    assert [each["@type"] for each in nodes] == ["fl:FLSession", "fl:FLAggregation", "fl:FLCommunication", "fl:FLSecurity", "fl:FLTraining"]
    assert all(re.fullmatch(r"http://example\.org#[0-9a-f-]{36}", each["@id"]) for each in nodes)
    values = {key: (each[key]["@type"].removeprefix(XSD), each[key]["@value"]) for each in nodes for key in each if key[0] != "@"}
    assert values == {
        "fl:sessionID": ("string", "s1"), "fl:sessionStartTime": ("dateTime", "2025-04-01T12:40:00"),
        "fl:sessionEndTime": ("dateTime", "2025-05-31T12:40:00"), "fl:numMinClients": ("integer", 1), "fl:numMaxClients": ("integer", 100),
        "fl:participationRatio": ("float", 0.5), "fl:aggregationAlgorithm": ("string", "fed_avg"), "fl:aggregationFrequency": ("integer", 10),
        "fl:communicationProtocol": ("string", "grpc"), "fl:secureAggregationEnabled": ("boolean", True),
        "fl:differentialPrivacyEnabled": ("boolean", False), "fl:encryptionMethod": ("string", "aes_256"), "fl:trainingRounds": ("integer", 50),
        "fl:localEpochs": ("integer", 5), "fl:lossFunction": ("string", "mse"),
    }  # fmt: skip
    full = user.call("GET", BASE + f"generate_semantics/{id}?profile=full")
    assert full.content_type == "application/ld+json" and full.json["training"]["aggregation"]["type"] == ["cordsfl:FLAggregation"]
    empty = ok(user.call("POST", "/api/fl-services", {"title": "Bare"}), 201)["id"]
    assert ok(user.call("GET", BASE + "generate_semantics/" + empty))["cords:flmetadata"] == []


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "a number as text": (changed(FORM, fl_session={"num_min_clients": "1"}), 400, "/fl_session/num_min_clients"),
    "a truth as text": (changed(FORM, fl_communication={"secure_aggregation_enabled": "true"}), 400, "/fl_communication/secure_aggregation_enabled"),
    "a truth as a number": (changed(FORM, fl_training={"local_epochs": True}), 400, "/fl_training/local_epochs"),
    "half an epoch": (changed(FORM, fl_training={"local_epochs": 1.5}), 400, "/fl_training/local_epochs"),
    "a ratio as text": (changed(FORM, fl_session={"participation_ratio": "0.5"}), 400, "/fl_session/participation_ratio"),
    "no time": (changed(FORM, fl_session={"session_end_time": "tomorrow"}), 400, "/fl_session/session_end_time"),
    "no object": (FORM | {"fl_training": "fast"}, 400, "/fl_training"),
    "a list for a text": (changed(FORM, fl_security={"encryption_method": ["aes"]}), 400, "/fl_security/encryption_method"),
    "end before start": (changed(FORM, fl_session={"session_end_time": "2025-03-01T12:40"}), 422, "/fl_session/session_start_time"),
    "min above max": (changed(FORM, fl_session={"num_min_clients": 101}), 422, "/fl_session/num_min_clients"),
    "a ratio above one": (changed(FORM, fl_session={"participation_ratio": 1.5}), 422, "/fl_session/participation_ratio"),
    "no rounds": (changed(FORM, fl_training={"training_rounds": 0}), 422, "/fl_training/training_rounds"),
    "a frequency below one": (changed(FORM, fl_aggregation={"aggregation_frequency": -1}), 422, "/fl_aggregation/aggregation_frequency"),
    "a name too long": (FORM | {"name": "x" * 400}, 422, "/name"),
}  # fmt: skip


def test_what_makes_no_sense_is_refused_with_its_place_and_nothing_is_stored(user: Api) -> None:
    id = ok(user.call("POST", BASE + "add", FORM), 201)["fl_service_id"]
    before = ok(user.call("GET", BASE + "get/" + id))
    for why, (form, status, pointer) in BAD.items():
        for answer in (user.call("POST", BASE + "add", form), user.call("PUT", BASE + "update/" + id, form)):
            told = ok(answer, status)
            assert pointer in [each["pointer"] for each in told["errors"]], (why, told)
            assert (told["status"], told["message"]) == ("failed", "Error Occurred") and told["error"], why
            place = told["messages"]["json"]
            for step in pointer[1:].split("/"):
                place = place[step]
            assert isinstance(place, list), why
    assert user.call("POST", FRONT + "add_fl_service", OFFERED | {"fl_training": {"training_rounds": "x"}}).status_code == 400
    assert ok(user.call("GET", BASE + "get/" + id)) == before and ok(user.call("GET", "/api/fl-services"))["total"] == 1


def test_what_is_missing_is_said_in_the_old_words(user: Api) -> None:
    for path, form in ((BASE + "add", FORM), (FRONT + "add_fl_service", OFFERED)):
        told = ok(user.call("POST", path, {}), 400)
        assert (told["status"], told["message"], told["error"]) == ("failed", "Error Occurred", "No data provided")
        for name in form:
            told = ok(user.call("POST", path, form | {name: {} if isinstance(form[name], dict) else ""}), 400)
            assert told["error"] == "Missing required fields" and list(told["messages"]["json"]) == [name]
        assert ok(user.call("POST", path, b"{", Content_Type="application/json"), 400)["message"] == "Error Occurred"
        assert user.call("POST", path, [FORM]).status_code == 400
    unknown = ok(user.call("POST", FRONT + "add_fl_service", OFFERED | {"connector_id": "https://nowhere.example/"}), 400)
    assert "/connector_id" in [each["pointer"] for each in unknown["errors"]]
    assert ok(user.call("GET", "/api/fl-services"))["total"] == 0, "nothing is left behind"


def test_a_value_in_the_wrong_object_is_taken_and_hostile_text_is_only_text(user: Api) -> None:
    form = changed(FORM, fl_training={"aggregation_method": "fed_prox", "training_rounds": 9.0}, fl_session={"session_id": 7})
    form["fl_aggregation"] = {"aggregation_frequency": 3}
    made = ok(user.call("POST", BASE + "add", form), 201)
    assert made["fl_aggregation"] == {"aggregation_method": "fed_prox", "aggregation_frequency": 3}
    assert made["fl_session"]["session_id"] == "7" and made["fl_training"]["training_rounds"] == 9
    for text in ('"} DROP ALL #', "$thing ?x <a>", "\u202eabc", "{{7*7}}", "a\\u0022"):
        hostile = changed(FORM, name=text, description=text, fl_session={"session_id": text}, fl_aggregation={"aggregation_method": text})
        made = ok(user.call("POST", BASE + "add", hostile), 201)
        assert {key: made[key] for key in hostile} == hostile


def test_nobody_writes_without_the_right_and_wrong_credentials_are_401(api: Api) -> None:
    for method, path in (("POST", BASE + "add"), ("POST", FRONT + "add_fl_service"), ("DELETE", BASE + "remove/" + NOWHERE), ("GET", BASE + "list")):
        refused = api.call(method, path, FORM if method == "POST" else None, Authorization="Bearer wrong")
        assert ok(refused, 401)["code"] == 401
    assert api.call("POST", BASE + "add", FORM).status_code in (401, 403)
    assert api.call("GET", BASE + "list").status_code == 200
