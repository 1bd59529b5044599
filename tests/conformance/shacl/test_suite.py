"""The W3C's tests of SHACL Core and SHACL-SPARQL, sent to `POST /api/validate` as a client sends them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pyoxigraph import CanonicalizationAlgorithm as Canonical
from pyoxigraph import Dataset, Quad, RdfFormat, parse
from werkzeug.test import TestResponse

from server.graph.turtle import Reader
from server.graph.vocabulary import SH
from server.http.app import application
from tests.conformance.shacl.suite import Case, cases, results
from tests.support.hubs import wired
from tests.support.stores import embedded_store

NT = "application/n-triples"
WANTED = 121


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Make a client of a hub; no store is asked by validation, so one will do."""
    folder = tmp_path_factory.mktemp("suite")
    with embedded_store(folder / "kg") as kg, embedded_store(folder / "system") as system, wired((kg, system), folder) as hub:
        yield application(hub).test_client()


def send(client: FlaskClient, case: Case) -> TestResponse:
    base = f"@base <{case.data.as_uri()}> .\n".encode()
    data = base + case.data.read_bytes()
    if case.data == case.shapes:
        return client.post("/api/validate?shapes=data", data=data, content_type="text/turtle", headers={"Accept": NT})
    shapes = f"@base <{case.shapes.as_uri()}> .\n".encode() + case.shapes.read_bytes()
    parts = {"data": (io.BytesIO(data), "data.ttl"), "shapes": (io.BytesIO(shapes), "shapes.ttl")}
    return client.post("/api/validate", data=parts, headers={"Accept": NT})


def passes(client: FlaskClient, case: Case) -> bool:
    answer = send(client, case)
    if case.report is None:
        return answer.status_code == 400
    if answer.status_code not in (200, 422) or answer.content_type != NT:
        return False
    graph = Reader(quad.triple for quad in parse(answer.data, RdfFormat.N_TRIPLES))
    (report,) = graph.subjects(SH.ValidationReport)
    said = results(report, graph)
    verdict = graph.text(report, SH.conforms) == "true"
    return canonical(said) == canonical(case.report) and verdict == (answer.status_code == 200)


def canonical(triples: frozenset) -> set[str]:  # type: ignore[type-arg]
    dataset = Dataset([Quad(each.subject, each.predicate, each.object) for each in triples])
    dataset.canonicalize(Canonical.RDFC_1_0)
    return {str(quad) for quad in dataset}


def test_every_test_of_the_suite_passes(client: FlaskClient, tmp_path: Path) -> None:
    tests = list(cases())
    assert len(tests) == WANTED
    failed = [each.name for each in tests if not passes(client, each)]
    assert failed == [], f"{WANTED - len(failed)} of {WANTED}"
