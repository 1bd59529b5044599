"""Validation as a service: by a kind, by shapes that are sent, by those in the data; the report in every type; and what is refused."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from pyoxigraph import parse
from werkzeug.test import TestResponse

from server.errors import QueryLimit, QueryTimeout
from server.graph import validator
from server.graph.rdf import FORMATS, TRIPLE_TYPES
from server.graph.vocabulary import SH
from server.services import validating

TURTLE = "text/turtle"
SHAPES = """@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix : <http://x/> .
:S a sh:NodeShape ; sh:targetClass :T ; sh:property [ sh:path :n ; sh:minCount 1 ; sh:maxInclusive 9 ] ."""
GOOD, BAD = "@prefix : <http://x/> . :a a :T ; :n 1 .", "@prefix : <http://x/> . :a a :T ; :n 10 . :b a :T ."


def post(site: FlaskClient, data: str, shapes: str | None, accept: str = "application/json", path: str = "/api/validate") -> TestResponse:
    if shapes is None:
        return site.post(path, data=data, content_type=TURTLE, headers={"Accept": accept})
    parts = {"data": (io.BytesIO(data.encode()), "data.ttl"), "shapes": (io.BytesIO(shapes.encode()), "shapes.bin", "application/octet-stream")}
    return site.post(path, data=parts, headers={"Accept": accept})


def test_shapes_are_sent_beside_the_data_or_within_it(site: FlaskClient) -> None:
    assert post(site, GOOD, SHAPES).json == {"conforms": True, "warnings": []}
    bad = post(site, BAD, SHAPES)
    assert bad.status_code == 422 and len(bad.json["errors"]) == 2 and "http://x/b" in str(bad.json["errors"])
    within = post(site, BAD + SHAPES, None, path="/api/validate?shapes=data")
    assert within.status_code == 422 and len(within.json["errors"]) == 2
    as_fields = site.post("/api/validate", data={"data": GOOD, "shapes": SHAPES}, content_type="multipart/form-data")
    assert as_fields.status_code == 200, as_fields.text


@pytest.mark.parametrize("accept", TRIPLE_TYPES)
def test_the_report_comes_in_every_type_whatever_the_verdict(site: FlaskClient, accept: str) -> None:
    for data, status, shapes, path in (
        (GOOD, 200, SHAPES, "/api/validate"),
        (BAD, 422, SHAPES, "/api/validate"),
        ("<urn:x:a> a <urn:x:B> .", 200, None, "/api/validate"),
        ("<urn:x:a> a <http://www.w3.org/ns/mls#Model> .", 422, None, "/api/validate"),
    ):
        answer = post(site, data, shapes, accept, path)
        assert answer.status_code == status and answer.content_type == accept, answer.text
        found = {quad.triple for quad in parse(answer.data, FORMATS[accept])}
        assert any(each.predicate == SH.conforms and each.object.value == str(status == 200).lower() for each in found)  # type: ignore[union-attr]


def test_a_kinds_shape_judges_a_graph_and_json_ld_is_pointed_into(site: FlaskClient) -> None:
    model = {"@id": "http://x/m/0", "@type": "http://www.w3.org/ns/mls#Model"}
    document: dict[str, Any] = {"@context": {}, "@graph": [{"@id": "http://x/ok", "http://x/p": 1}, model]}
    answer = site.post("/api/validate?shapes=models", json=document, content_type="application/ld+json")
    assert answer.status_code == 422 and {each["pointer"] for each in answer.json["errors"]} == {"/@graph/1"}
    assert site.post("/api/validate?shapes=nothing", data=GOOD, content_type=TURTLE).status_code == 404


@pytest.mark.parametrize(
    ("data", "shapes", "path"),
    [
        (GOOD, "not turtle", "/api/validate"),
        ("<<<", SHAPES, "/api/validate"),
        (GOOD, SHAPES, "/api/validate?kind=models"),
        (
            GOOD,
            "@prefix sh: <http://www.w3.org/ns/shacl#> . [] a sh:NodeShape ; sh:targetNode 1 ; sh:pattern '(((' .",
            "/api/validate",
        ),
        (GOOD, None, "/api/validate?shape=x"),
    ],
)
def test_what_cannot_be_used_is_refused(site: FlaskClient, data: str, shapes: str | None, path: str) -> None:
    answer = post(site, data, shapes, path=path)
    assert answer.status_code == 400 and answer.json["detail"], answer.text


def test_parts_are_those_that_are_known(site: FlaskClient) -> None:
    assert site.post("/api/validate", data={"data": GOOD, "shape": SHAPES}, content_type="multipart/form-data").status_code == 400
    assert site.post("/api/validate", data={"shapes": SHAPES}, content_type="multipart/form-data").status_code == 400
    json = {"data": (io.BytesIO(b"{}"), "x.json"), "shapes": (io.BytesIO(SHAPES.encode()), "s.ttl")}
    assert site.post("/api/validate", data=json).status_code == 400
    assert site.post("/api/validate", data=GOOD, content_type="image/png").status_code == 415


def test_work_ends_at_its_limits_and_reaches_nobody(site: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    service = """@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:x:s> a sh:NodeShape ; sh:targetNode <urn:x:a> ;
      sh:sparql [ sh:select "SELECT $this WHERE { SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } }" ] ."""
    assert post(site, GOOD, service).status_code in (200, 400, 422)
    with pytest.raises(QueryTimeout):
        validator.report([], [], seconds=0.001)
    monkeypatch.setattr(validator, "__name__", "server.no_such_module")
    with pytest.raises(QueryLimit):
        validator.report([], [])
    held = [validating._PLACES.acquire(blocking=False) for _ in range(2)]
    try:
        busy = post(site, GOOD, SHAPES)
        assert busy.status_code == 429 and busy.headers["Retry-After"]
    finally:
        for _ in held:
            validating._PLACES.release()
