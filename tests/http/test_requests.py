"""What HTTP asks of a server: methods, types, sizes, conditions, origins; and nothing that nobody asked for."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.http.app import application
from server.hub import Hub
from server.store.base import Store
from tests.support.hubs import wired
from tests.support.server import RunningHub, running_hub
from tests.support.toys import CAR, toy_registry

LIMIT = 20_000
ALLOWED, FOREIGN = "http://localhost:8082", "https://evil.example"
ID = "a" * 64


@pytest.fixture
def small(stores: tuple[Store, Store], tmp_path: Path) -> Iterator[Flask]:
    """Make an application that takes small bodies."""
    with wired(stores, tmp_path, toy_registry(), anonymous_role="contributor", body_bytes=LIMIT) as hub:
        yield application(hub)


class Body(io.RawIOBase):
    """A body without end that counts what was read of it."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b" " * len(buffer)
        self.read_bytes += len(buffer)
        return len(buffer)


WRITES = [
    ("POST", "/api/toys", "application/json"),
    ("POST", "/api/toys?dry-run=true", "text/turtle"),
    ("PUT", f"/api/toys/{ID}", "application/json"),
    ("PATCH", f"/api/toys/{ID}", "application/merge-patch+json"),
    ("PATCH", f"/api/toys/{ID}", "application/sparql-update"),
    ("POST", "/api/validate", "text/turtle"),
    ("POST", "/sparql", "application/sparql-query"),
    ("POST", "/sparql", "application/x-www-form-urlencoded"),
    ("POST", "/api/me/password", "application/json"),
]


@pytest.mark.parametrize(("method", "path", "media_type"), WRITES)
def test_a_body_that_is_too_large_is_refused_before_it_is_read(small: Flask, method: str, path: str, media_type: str) -> None:
    body, headers = Body(), {"If-Match": "*"}
    overrides: dict[str, Any] = {"wsgi.input": body, "CONTENT_LENGTH": str(10**12)}
    announced = small.test_client().open(path, method=method, headers=headers, content_type=media_type, environ_overrides=overrides)
    assert announced.status_code == 413 and announced.json["type"] == "/errors/too-large" and body.read_bytes == 0
    headers["Transfer-Encoding"] = "chunked"
    chunked = small.test_client().open(path, method=method, headers=headers, content_type=media_type, environ_overrides={"wsgi.input": body})
    assert chunked.status_code == 413 and body.read_bytes <= LIMIT + 70_000, body.read_bytes


@pytest.mark.parametrize("length", [b"Content-Length: 10000000000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_the_real_server_answers_before_the_body_is_through(real: RunningHub, length: bytes) -> None:
    part = b" " * 0x10000
    with socket.create_connection(("127.0.0.1", real.port)) as connection:
        connection.settimeout(10)
        connection.sendall(b"POST /api/models HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + length + b"\r\n")
        with suppress(ConnectionError):  # it answers, and hears no more
            for _ in range(1000):
                connection.sendall(b"10000\r\n" + part + b"\r\n" if b"chunked" in length else part)
            pytest.fail("64 MiB were taken")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert real.request("GET", "/health").status == 200


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """Run a hub as users do."""
    with running_hub(tmp_path_factory.mktemp("real"), HUB_ANONYMOUS_ROLE="contributor", HUB_BODY_BYTES="1MiB") as hub:
        yield hub


def test_a_chunked_body_below_the_limit_is_read_whole(small: Flask) -> None:
    content = io.BytesIO(b'{"title": "' + b"x" * 250 + b'"}')
    made = small.test_client().post("/api/toys", input_stream=content, content_type="application/json", headers={"Transfer-Encoding": "chunked"})
    assert made.status_code == 201 and made.json["title"] == "x" * 250


def test_a_stream_may_be_longer_than_a_body(small: Flask) -> None:
    lines = b'{"title": "toy"}\n' * (LIMIT // 10)
    answer = small.test_client().post("/api/toys/bulk?dry-run=no", data=lines, content_type="application/x-ndjson")
    assert answer.status_code == 400 and "dry-run" in answer.json["detail"]
    answer = small.test_client().post("/api/toys/bulk", data=lines[: 2 * LIMIT // 17 * 17], content_type="application/x-ndjson")
    assert answer.status_code == 200 and answer.text.count('"status":201') == answer.text.count("\n") > LIMIT // 17


def path_of_queries(write: tuple[str, str, str]) -> bool:
    return write[1] == "/sparql"


def test_types_that_are_not_read_are_415(client: FlaskClient) -> None:
    others = ("text/csv", "application/xml", "multipart/form-data", "nonsense", "text/turtle2")
    for method, path, other in ((*each[:2], other) for each in WRITES if not path_of_queries(each) for other in others):
        if path.startswith("/api/validate") and other == "multipart/form-data":
            continue  # data and shapes may come as its parts
        answer = client.open(path, method=method, data="x", content_type=other, headers={"If-Match": "*"})
        assert (answer.status_code == 415 and "Send" in answer.json["detail"]) or "send" in answer.json["detail"], (other, answer.text)


def test_parameters_of_a_type_do_not_matter(client: FlaskClient) -> None:
    for media_type in ("application/json; charset=utf-8", "APPLICATION/JSON", ""):
        assert client.post("/api/toys", data='{"title": "é"}'.encode(), content_type=media_type).json["title"] == "é"
    turtle = "<> a <http://toys.example/ns#Toy> ; <http://purl.org/dc/terms/title> 'x' ."
    assert client.post("/api/toys", data=turtle, content_type="text/turtle;charset=UTF-8").status_code == 201


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/toys", {"GET", "HEAD", "OPTIONS", "POST"}),
        (f"/api/toys/{ID}", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"}),
        ("/api/changes", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_other_methods_are_405_and_options_says_which_there_are(client: FlaskClient, path: str, methods: set[str]) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - methods:
        answer = client.open(path, method=method)
        assert (
            answer.status_code == 405 and set(answer.headers["Allow"].split(", ")) == methods and answer.json["type"] == "/errors/method-not-allowed"
        )
    options = client.options(path)
    assert options.status_code == 200 and set(options.headers["Allow"].split(", ")) == methods and not options.data


def test_representations_that_cannot_be_made_are_406(client: FlaskClient) -> None:
    path = f"/api/toys/{client.post('/api/toys', json=CAR).json['id']}"
    for other in ("image/png", "text/csv", "text/turtle;q=0", "application/json;q=0, */*;q=0"):
        answer = client.get(path, headers={"Accept": other})
        assert answer.status_code == 406 and "application/json" in answer.json["detail"], other
    assert client.get("/api/toys", headers={"Accept": "application/rdf+xml"}).status_code == 406
    assert client.get("/api/toys", headers={"Accept": "text/csv"}).status_code == 200


UNKNOWN = [
    ("/api/toys?keyword=x", "keywords"),
    (f"/api/toys/{ID}?veiw=x", "view"),
    (f"/api/toys/{ID}/history?limit=1", "none"),
    ("/api/changes?sinse=1", "since"),
    ("/api/toys/bulk?x=1", "none"),
    ("/api/validate?kinds=toys", "kind"),
    (f"/api/toys/{ID}/diff?form=1", "from"),
    (f"/api/toys/{ID}/restore?revison=1", "revision"),
]


def test_unknown_parameters_are_named_with_the_nearest_known(client: FlaskClient) -> None:
    for path, hint in UNKNOWN:
        method = "POST" if any(word in path for word in ("bulk", "validate", "restore")) else "GET"
        answer = client.open(path, method=method)
        assert answer.status_code == 400 and hint in answer.json["detail"] and answer.json["errors"][0]["pointer"].startswith("?")


WRONG = [
    *((f"/api/changes?since={each}", "?since") for each in ("-1", "1e3", "9" * 30, "x", "")),
    *((f"/api/changes?limit={each}", "?limit") for each in ("0", "1001")),
    ("/api/toys?limit=x", "?limit"),
    (f"/api/toys/{ID}/diff?from=x", "?from"),
    (f"/api/toys/{ID}/diff?to=0", "?to"),
]


def test_wrong_values_of_parameters_are_named(client: FlaskClient) -> None:
    for path, pointer in WRONG:
        answer = client.get(path)
        assert answer.status_code == 400 and [fault["pointer"] for fault in answer.json["errors"]] == [pointer]


def test_nobody_gets_html_who_did_not_ask(client: FlaskClient, hub: Hub) -> None:
    made = client.post("/api/toys", json=CAR).json["id"]
    paths = [f"/api/toys/{made}", "/api/toys", "/api/nothing", f"/api/toys/{ID}", "/errors/gone", "/nothing/at/all", "/sparql", "/"]
    for path in paths:
        for accept in (None, "*/*", "application/json", "text/turtle, */*;q=0.1"):
            answer = client.get(path, headers={"Accept": accept} if accept else {})
            assert not answer.content_type.startswith("text/html") and "<html" not in answer.text, (path, accept)
    assert client.get(f"/api/toys/{made}", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}).content_type.startswith("text/html")


def test_head_is_get_without_the_body(client: FlaskClient) -> None:
    path = f"/api/toys/{client.post('/api/toys', json=CAR).json['id']}"
    for each in (path, "/api/toys", f"/api/toys/{ID}", f"{path}/history"):
        get, head = client.get(each), client.head(each)
        assert (head.status_code, head.data) == (get.status_code, b"")
        for name in ("Content-Type", "ETag", "Link", "Vary", "Cache-Control"):
            assert head.headers.get(name) == get.headers.get(name), (each, name)


def test_answers_say_what_they_depend_on(client: FlaskClient) -> None:
    path = f"/api/toys/{client.post('/api/toys', json=CAR).json['id']}"
    for each in (path, "/api/toys", f"{path}/diff", f"{path}/views/prov", "/api/changes", "/errors/gone", f"{path}/revisions/1"):
        answer = client.get(each)
        assert answer.status_code == 200 and {"Accept", "Origin"} <= {name.strip() for name in answer.headers["Vary"].split(",")}, each
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and "total;dur=" in answer.headers["Server-Timing"]


def test_only_configured_origins_may_read_answers(client: FlaskClient) -> None:
    made = client.post("/api/toys", json={"title": "x"}, headers={"Origin": ALLOWED})
    assert (
        made.status_code == 201
        and made.headers["Access-Control-Allow-Origin"] == ALLOWED
        and "Location" in made.headers["Access-Control-Expose-Headers"]
    )
    for path in ("/api/toys", f"/api/toys/{ID}", "/api/nothing", "/api/audit"):
        assert client.get(path, headers={"Origin": ALLOWED}).headers["Access-Control-Allow-Origin"] == ALLOWED, path
        for other in (FOREIGN, "null", ALLOWED + ".evil.example", "http://localhost:80820"):
            answer = client.get(path, headers={"Origin": other})
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control")], (path, other)
    preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match, content-type"}
    answer = client.options(f"/api/toys/{ID}", headers={"Origin": ALLOWED, **preflight})
    assert answer.status_code == 200 and "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "if-match, content-type" and "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Origin" not in client.options(f"/api/toys/{ID}", headers={"Origin": FOREIGN, **preflight}).headers


def test_a_request_has_one_id_everywhere(client: FlaskClient) -> None:
    assert client.get("/api/nothing", headers={"X-Request-Id": "my-id.1"}).json["instance"] == "urn:request:my-id.1"
    for bad in ("a b", "x" * 129, "é", '"><script>', ""):
        answer = client.get("/api/nothing", headers={"X-Request-Id": bad.encode().decode("latin-1")})
        assert answer.headers["X-Request-Id"] != bad and answer.json["instance"] == f"urn:request:{answer.headers['X-Request-Id']}"


CONDITIONS = [
    *((each, 200) for each in ('"1-json"', '"1-ttl"', '"1"', "*", ' "1-json" , "1-ttl" ')),
    *((each, 412) for each in ('"2-json"', 'W/"1-json"')),
    *((each, 400) for each in ("1", '"1-json', '"x"', "", '"1-json", "2-json"', '"99999999999999999999"', '"1-json" $log')),
]


def test_if_match_names_a_revision(client: FlaskClient) -> None:
    for header, status in CONDITIONS:
        path = f"/api/toys/{client.post('/api/toys', json={'title': 'x'}).json['id']}"
        assert client.patch(path, json={"title": "y"}, headers={"If-Match": header}).status_code == status, header
        assert client.get(path).json["revision"] == (2 if status == 200 else 1)
