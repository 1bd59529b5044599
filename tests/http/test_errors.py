"""Whatever goes wrong is answered in one form: a problem that names its type, what to change, where, and the request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint
from flask.testing import FlaskClient
from pyoxigraph import NamedNode, RdfFormat, parse
from werkzeug.test import TestResponse

from server.errors import StoreFull, StoreUnavailable, UpstreamTimeout, UpstreamUnavailable
from server.graph.vocabulary import RDF, SH
from server.http import app, cords
from server.http.problems import OTHERS, TABLE
from server.hub import Hub
from server.services.callers import Role

PROBLEM = "application/problem+json"
ID = "a" * 64
PASSWORD = "correct horse battery"
EX = "http://toys.example/ns#"
SLUGS = {each.slug: each for each in (*TABLE.values(), *OTHERS)}

Provoke = Callable[["Scene"], TestResponse]


class Scene:
    """An application, and the means to bring it into trouble."""

    def __init__(self, client: FlaskClient, hub: Hub, patch: pytest.MonkeyPatch) -> None:
        self.client, self.hub, self.patch = client, hub, patch

    def toy(self, **members: Any) -> str:
        """Store a toy and return its path."""
        made = self.client.post("/api/toys", json={"title": "x", **members})
        assert made.status_code == 201, made.text
        return f"/api/toys/{made.json['id']}"

    def failing(self, error: Exception) -> TestResponse:
        """Read a thing while reading raises this."""

        def fail(*_: Any) -> None:
            raise error

        self.patch.setattr(self.hub.assets, "read", fail)
        return self.client.get(f"/api/toys/{ID}")

    def deleted(self) -> str:
        """Store and delete a toy; return its path."""
        path = self.toy()
        assert self.client.delete(path).status_code == 204
        return path

    def account(self, role: Role) -> tuple[str, str]:
        """Open an account and return its credentials."""
        self.hub.identity.registration.attach(NamedNode(f"http://hub.test/id/people/{ID}"), "ada@hub.test", PASSWORD, role)
        return "ada@hub.test", PASSWORD


def refused_log_ins(scene: Scene) -> TestResponse:
    for _ in range(30):
        answer = scene.client.get("/api/me", auth=("nobody@hub.test", "wrong password"))
        if answer.status_code != 401:
            break
    return answer


def in_use(scene: Scene) -> TestResponse:
    path = scene.toy(id=ID)
    scene.toy(goes_with=[ID])
    return scene.client.delete(path)


def too_many_rows(scene: Scene) -> TestResponse:
    for _ in range(12):
        scene.toy()
    return scene.client.get("/sparql", query_string={"query": "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"})


def endless(scene: Scene) -> TestResponse:
    for _ in range(3):
        scene.toy()
    query = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n0 ?o . ?p ?q ?r }"
    return scene.client.get("/sparql", query_string={"query": query, "timeout": "1"})


ROWS: dict[str, Provoke] = {
    "malformed": lambda scene: scene.client.post("/api/toys", data="{", content_type="application/json"),
    "query-refused": lambda scene: scene.client.get("/sparql?query=SELECT"),
    "unauthenticated": lambda scene: scene.client.get("/api/toys", headers={"Authorization": "Bearer nothing"}),
    "forbidden": lambda scene: scene.client.get("/api/audit", auth=scene.account(Role.contributor)),
    "not-found": lambda scene: scene.client.get(f"/api/toys/{ID}"),
    "not-acceptable": lambda scene: scene.client.get(scene.toy(), headers={"Accept": "image/png"}),
    "query-timeout": endless,
    "already-exists": lambda scene: scene.client.post("/api/toys", json={"title": "x", "id": scene.toy().rpartition("/")[2]}),
    "in-use": in_use,
    "gone": lambda scene: scene.client.get(scene.deleted()),
    "revision-mismatch": lambda scene: scene.client.put(scene.toy(), json={"title": "y"}, headers={"If-Match": '"7-json"'}),
    "too-large": lambda scene: scene.client.post("/api/toys", data=b" " * (16 * 2**20 + 1), content_type="application/json"),
    "unsupported-media-type": lambda scene: scene.client.post("/api/toys", data="a,b", content_type="text/csv"),
    "does-not-conform": lambda scene: scene.client.post("/api/toys", json={"price": -1}),
    "revision-required": lambda scene: scene.client.put(scene.toy(), json={"title": "y"}),
    "too-many-requests": refused_log_ins,
    "upstream-timeout": lambda scene: scene.failing(UpstreamTimeout("MLflow does not answer.")),
    "upstream-unavailable": lambda scene: scene.failing(UpstreamUnavailable("MLflow is away.")),
    "query-limit": too_many_rows,
    "store-unavailable": lambda scene: scene.failing(StoreUnavailable("The store cannot be reached.")),
    "store-full": lambda scene: scene.failing(StoreFull("The disk is full.")),
    "method-not-allowed": lambda scene: scene.client.delete("/api/toys"),
    "internal": lambda scene: scene.failing(ZeroDivisionError("secret: s3cr3t")),
}


@pytest.fixture
def scene(client: FlaskClient, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(client, hub, monkeypatch)


def test_every_type_of_problem_is_provoked() -> None:
    assert set(ROWS) == set(SLUGS)


@pytest.mark.parametrize("slug", ROWS)
def test_every_problem_has_the_same_form(scene: Scene, slug: str) -> None:
    answer, wanted = ROWS[slug](scene), SLUGS[slug]
    assert (answer.status_code, answer.content_type) == (wanted.status, PROBLEM), answer.text
    members: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert (members["type"], members["title"], members["status"]) == (f"/errors/{slug}", wanted.title, wanted.status)
    assert members["detail"] and members["instance"] == f"urn:request:{answer.headers['X-Request-Id']}"
    assert all(set(fault) == {"pointer", "message"} for fault in members.get("errors", []))
    assert ("Retry-After" in answer.headers) == (wanted.status in (429, 502, 503, 504))
    assert ("WWW-Authenticate" in answer.headers) == (wanted.status == 401) and ("Allow" in answer.headers) == (wanted.status == 405)
    assert not any(word in answer.text for word in ("Traceback", "s3cr3t", ".py", "<html", "SELECT ?"))
    scene.patch.undo()
    page = scene.client.get(members["type"])
    assert page.status_code == 200 and page.json == {"type": members["type"], "status": wanted.status, "title": wanted.title, "advice": wanted.advice}
    shown = scene.client.get(members["type"], headers={"Accept": "text/html"})
    assert shown.status_code == 200 and shown.content_type.startswith("text/html") and wanted.title in shown.text.replace("&#39;", "'")


def test_a_crash_is_told_to_the_operator_alone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    answer = scene.failing(ZeroDivisionError("secret: s3cr3t"))
    assert answer.status_code == 500 and set(answer.json or {}) == {"type", "title", "status", "detail", "instance"}
    assert any(record.exc_info and "s3cr3t" in str(record.exc_info[1]) for record in caplog.records)


MEDIA = {
    "json": "application/json",
    "jsonld": "application/ld+json",
    "turtle": "text/turtle",
    "n-triples": "application/n-triples",
    "rdf": "application/rdf+xml",
}


BROKEN = [
    ("json", '{\n  "title": \n}', "line 3, column 1"),
    ("json", "", "line 1, column"),
    ("json", '{"title": "\xff"}'.encode("latin-1"), "line 1"),
    ("jsonld", '{\n"a": }', "line 2, column"),
    ("turtle", "<> a <x> ;\n  <p", "line 2"),
    ("n-triples", "bad", "line 1"),
    ("rdf", "<a>\n\n</b>", "line 3, column"),
]


@pytest.mark.parametrize("path", ["/api/toys", "/api/toys?dry-run=true", "/api/validate?kind=toys"])
def test_syntax_errors_have_a_line(client: FlaskClient, path: str) -> None:
    for media, body, where in BROKEN:
        answer = client.post(path, data=body, content_type=MEDIA[media])
        assert answer.status_code == 400 and where in answer.json["detail"], (media, body, answer.text)


FAULTY: list[tuple[Any, int, set[str]]] = [
    ({"titel": "x"}, 400, {"/titel"}),
    ({"title": "x", "wheels": [{"size": 1, "sise": 2}]}, 400, {"/wheels/0/sise"}),
    ({"title": "x", "id": "short"}, 400, {"/id"}),
    ({"title": "x", "created": "2020-01-01T00:00:00Z"}, 400, {"/created"}),
    ([], 400, {""}),
    ({}, 422, {"/title"}),
    ({"title": ["x", 5], "price": "much", "fragile": "yes", "bought": "yesterday"}, 422, {"/title/1", "/price", "/fragile", "/bought"}),
    ({"title": "x" * 301, "price": -1, "state": "odd"}, 422, {"/title", "/price", "/state"}),
    ({"title": "x", "wheels": [{"size": 1}, {}, {"size": [1]}]}, 422, {"/wheels/2/size"}),
    ({"title": "x", "wheels": [{"size": 1}, {}]}, 422, {"/wheels/1/size"}),
    ({"title": "x", "license": "http://x/ y"}, 422, {"/license"}),
    ({"title": "x", "goes_with": [ID], "friends": ["b" * 64]}, 422, {"/goes_with/0", "/friends/0"}),
    ({"title": "x", "license": "http://x.example/../y"}, 422, {"/license"}),
    ({"title": "x", "type": [5]}, 422, {"/type"}),
]


def test_faults_point_into_the_request(client: FlaskClient) -> None:
    for body, status, pointers in FAULTY:
        for path in ("/api/toys", "/api/toys?dry-run=true", "/api/validate?kind=toys"):
            answer = client.post(path, json=body)
            if path.startswith("/api/validate") and isinstance(body, dict) and "created" in body:
                continue  # validation judges what is said, not who may say it
            assert answer.status_code == status, (path, answer.text)
            assert {fault["pointer"] for fault in answer.json["errors"]} == pointers, path
        line = json.loads(client.post("/api/toys/bulk", data=json.dumps(body), content_type="application/x-ndjson").text)
        assert line["status"] == status and line["problem"]["type"].startswith("/errors/")
    assert client.get("/api/toys").json["total"] == 0


def test_the_report_comes_as_rdf_to_who_asks_for_it(client: FlaskClient) -> None:
    answer = client.post("/api/toys", json={"price": -1})
    assert answer.json["report"] and "@context" not in answer.json
    in_json = {quad.triple for quad in parse(json.dumps(answer.json["report"]), RdfFormat.JSON_LD)}
    for media_type, kind in (
        ("text/turtle", RdfFormat.TURTLE),
        ("application/n-triples", RdfFormat.N_TRIPLES),
        ("application/rdf+xml", RdfFormat.RDF_XML),
    ):
        for path in ("/api/toys", "/api/toys?dry-run=true", "/api/validate?kind=toys"):
            told = client.post(path, json={"price": -1}, headers={"Accept": f"{media_type}, */*;q=0.1"})
            assert (told.status_code, told.content_type) == (422, media_type) and "Accept" in told.headers["Vary"]
            report = [quad.triple for quad in parse(told.data, kind)]
            assert len(report) == len(in_json) and any(each.predicate == RDF.type and each.object == SH.ValidationReport for each in report)
    for accept in ("*/*", "application/json", "text/html", "application/problem+json, text/turtle;q=0.5"):
        assert client.post("/api/toys", json={"price": -1}, headers={"Accept": accept}).content_type == PROBLEM
    assert client.post("/api/toys", json={"titel": 1}, headers={"Accept": "text/turtle"}).content_type == PROBLEM


def test_a_route_that_does_not_say_who_may_use_it_is_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = Blueprint("stray", __name__)
    stray.add_url_rule("/stray", "stray", lambda: "")
    monkeypatch.setattr(cords, "BLUEPRINTS", (*cords.BLUEPRINTS, stray))
    with pytest.raises(TypeError, match=r"stray\.stray"):
        app.application(hub)
