"""What surrounds an answer of `/sparql`: the service description, compression, the explanation of a query, the audit log."""

from __future__ import annotations

import gzip

import pyoxigraph
from flask import Flask
from flask.testing import FlaskClient
from pyoxigraph import NamedNode, RdfFormat

SD, VOID = "http://www.w3.org/ns/sparql-service-description#", "http://rdfs.org/ns/void#"


def test_without_a_query_the_service_is_described(client: FlaskClient) -> None:
    client.post("/api/toys", json={"title": "Ball", "description": "A toy."})
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    asks = (({}, ""), ({"Accept": "application/rdf+xml"}, ""), ({}, "?format=nt"), ({"Accept": browser}, ""))
    for headers, wish in asks:
        answer = client.get(f"/sparql{wish}", headers=headers)
        assert answer.status_code == 200
        assert {"Accept", "Accept-Encoding"} <= set(answer.headers["Vary"].split(", "))
        triples = [quad.triple for quad in pyoxigraph.parse(answer.data, RdfFormat.from_media_type(answer.mimetype))]
        [service] = [each.subject.value for each in triples if each.object == NamedNode(SD + "Service")]  # type: ignore[union-attr]
        assert service == "http://hub.test/sparql"
        [dataset] = [each.object for each in triples if each.predicate.value == SD + "defaultDataset"]
        [graph] = [each.object for each in triples if each.subject == dataset and each.predicate.value == SD + "defaultGraph"]
        said = {each.predicate.value: each.object.value for each in triples if each.subject == graph}  # type: ignore[union-attr]
        found = client.get("/sparql", query_string={"query": "SELECT (COUNT(*) AS ?n) { SELECT DISTINCT * { ?s ?p ?o } }", "format": "csv"})
        assert said[VOID + "triples"] == found.text.split()[1]
        assert said[VOID + "entities"] == "1"
        assert sum(each.predicate.value == SD + "resultFormat" for each in triples) == 10
    assert client.head("/sparql").status_code == 200
    assert client.get("/sparql", headers={"Accept": "text/csv"}).status_code == 406


def test_answers_are_compressed_where_it_is_worth_it(client: FlaskClient) -> None:
    long, short = ({"query": f"SELECT * {{ VALUES ?a {{ {' '.join(map(str, range(many)))} }} }}", "format": "csv"} for many in (30_000, 3))
    plain, packed = (client.get("/sparql", query_string=long, headers={"Accept-Encoding": each}) for each in ("identity", "br, gzip;q=0.5"))
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert (packed.headers["Content-Encoding"], packed.headers.get("Content-Length")) == ("gzip", None)
    head = client.head("/sparql", query_string=long, headers={"Accept-Encoding": "gzip"})
    assert (head.headers["Content-Encoding"], head.data) == ("gzip", b"")
    for question, accepted in ((short, "gzip"), (long, "gzip;q=0"), (long, "*;q=0"), (long, "")):
        answer = client.get("/sparql", query_string=question, headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["Vary"]


def test_a_query_is_explained_on_demand(client: FlaskClient) -> None:
    told = client.get("/sparql", query_string={"query": "SELECT ?s { ?s ?p ?o }", "explain": "true", "timeout": "3"})
    assert (told.status_code, told.mimetype) == (200, "application/json")
    assert (told.json["asked"]["form"], told.json["limits"]["seconds"]) == ("select", 3)
    refused = client.post("/sparql", data={"query": "SELECT ?s {", "explain": ""})
    assert (refused.status_code, refused.json["explain"]["asked"]["form"]) == (400, "query")
    assert client.get("/sparql", query_string={"query": "ASK { }", "explain": "maybe"}).status_code == 400
    assert client.get("/sparql", query_string={"query": "ASK { }", "explain": "false"}).json == {"head": {}, "boolean": True}


def test_every_query_is_in_the_audit_log(client: FlaskClient, app: Flask) -> None:
    hub = app.extensions["hub"]
    client.get("/sparql", query_string={"query": "SELECT ?a { VALUES ?a { 1 2 3 } }"}, headers={"X-Request-Id": "mine"})
    client.post("/sparql", data={"query": "DESCRIBE <http://x/>"})
    client.get("/sparql", query_string={"query": "ASK { SERVICE <http://x/> { } }"})
    client.get("/sparql", query_string={"query": "ASK { }"}, headers={"Authorization": "Bearer wrong"})
    assert hub.identity.audit.flush(30)
    entries = [entry for entry in hub.identity.audit.entries() if entry.action.startswith("SPARQL")]
    assert [(each.action, each.outcome, each.rows) for each in entries] == [
        ("SPARQL query: QueryRefused", "failed", 0),
        ("SPARQL describe", "done", 0),
        ("SPARQL select", "done", 3),
    ]
    assert (entries[-1].request, entries[-1].address, entries[-1].account) == ("mine", "127.0.0.1", None)
    assert (entries[-1].milliseconds or 0) >= 0
    assert (entries[-1].bytes or 0) > 100
    assert not any("VALUES" in str(entry) for entry in hub.identity.audit.entries())
