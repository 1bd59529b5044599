"""`/sparql` as the protocol has it, and with the clients that people use, on both stores."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyoxigraph
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyoxigraph import RdfFormat
from rdflib import URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import CSV, JSON, JSONLD, N3, POST, POSTDIRECTLY, RDFXML, TSV, TURTLE, XML, SPARQLWrapper

from tests.support.listener import listening
from tests.support.server import RunningHub, running_hub

QUERY = "SELECT ?title WHERE { ?toy <http://purl.org/dc/terms/title> ?title } ORDER BY ?title"
GRAPH = "CONSTRUCT { ?toy <http://purl.org/dc/terms/title> ?title } WHERE { ?toy <http://purl.org/dc/terms/title> ?title }"
ENDLESS = "SELECT (COUNT(*) AS ?count) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o . ?p ?q ?r }"
SPARQL_JSON = "application/sparql-results+json"


@pytest.fixture
def toys(client: FlaskClient) -> list[str]:
    """Register two toys; return their documents."""
    found = []
    for title in ("Ball", "Car"):
        answer = client.post("/api/toys", json={"title": title, "description": "A toy."})
        assert answer.status_code == 201, answer.text
        found.append(f"http://hub.test/api/toys/{answer.json['id']}")
    return found


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["title"]["value"] for row in answer.json["results"]["bindings"]]


@pytest.mark.usefixtures("toys")
def test_a_query_may_be_sent_in_every_way(client: FlaskClient) -> None:
    expected = ["Ball", "Car"]
    assert titles(client.get("/sparql", query_string={"query": QUERY})) == expected
    assert titles(client.post("/sparql", data={"query": QUERY})) == expected
    assert titles(client.post("/sparql", data=QUERY, content_type="application/sparql-query")) == expected
    assert titles(client.post("/sparql", data=QUERY, content_type="application/sparql-query; charset=UTF-8")) == expected
    assert titles(client.post("/sparql", query_string={"query": QUERY})) == expected


def test_the_dataset_may_be_named_in_every_way(client: FlaskClient, toys: list[str]) -> None:
    ball = {"default-graph-uri": toys[0]}
    within = "SELECT ?title WHERE { GRAPH ?g { ?toy <http://purl.org/dc/terms/title> ?title } } ORDER BY ?title"
    assert titles(client.get("/sparql", query_string={"query": QUERY, **ball})) == ["Ball"]
    assert titles(client.post("/sparql", data={"query": QUERY, **ball})) == ["Ball"]
    assert titles(client.post("/sparql", query_string=ball, data=QUERY, content_type="application/sparql-query")) == ["Ball"]
    assert titles(client.get("/sparql", query_string={"query": QUERY, "default-graph-uri": toys})) == ["Ball", "Car"]
    assert titles(client.get("/sparql", query_string={"query": within, "named-graph-uri": toys[1]})) == ["Car"]
    assert titles(client.get("/sparql", query_string={"query": QUERY.replace("WHERE", f"FROM <{toys[1]}> WHERE")})) == ["Car"]
    missing = client.get("/sparql", query_string={"query": QUERY, "default-graph-uri": "http://elsewhere.example/"})
    assert missing.status_code == 200 and not missing.json["results"]["bindings"], "a graph that nobody has is empty"


TABLES = [
    ("", "", SPARQL_JSON),
    ("*/*", "", SPARQL_JSON),
    ("application/sparql-results+xml", "", "application/sparql-results+xml"),
    ("application/json", "", "application/json"),
    ("application/xml", "", "application/xml"),
    ("text/csv", "", "text/csv; charset=utf-8"),
    ("text/tab-separated-values", "", "text/tab-separated-values; charset=utf-8"),
    ("text/csv;q=0.5, application/sparql-results+xml;q=0.9, */*;q=0.1", "", "application/sparql-results+xml"),
    ("text/*", "", "text/csv; charset=utf-8"),
    ("application/pdf, text/csv;q=0.1", "", "text/csv; charset=utf-8"),
    ("text/turtle", "format=csv", "text/csv; charset=utf-8"),
    ("", "output=xml", "application/sparql-results+xml"),
    ("", "results=tsv", "text/tab-separated-values; charset=utf-8"),
    ("", "format=application/sparql-results%2Bxml", "application/sparql-results+xml"),
    ("text/csv", "format=turtle", "text/csv; charset=utf-8"),
]
GRAPHS = [
    ("", "", "text/turtle; charset=utf-8"),
    ("application/rdf+xml", "", "application/rdf+xml"),
    ("application/n-triples", "", "application/n-triples"),
    ("application/ld+json", "", "application/ld+json"),
    ("application/trig", "", "application/trig"),
    ("application/n-quads", "", "application/n-quads"),
    ("application/json", "", "application/json"),
    ("text/turtle;q=0.2, application/rdf+xml;q=0.3", "", "application/rdf+xml"),
    ("", "format=jsonld", "application/ld+json"),
    ("", "format=nt", "application/n-triples"),
    ("", "output=rdf%2Bxml", "application/rdf+xml"),
]


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(("query", "cases"), [(QUERY, TABLES), (GRAPH, GRAPHS), ("ASK { ?s ?p ?o }", TABLES)], ids=["select", "construct", "ask"])
def test_the_type_is_negotiated(client: FlaskClient, query: str, cases: list[tuple[str, str, str]]) -> None:
    for accept, wish, expected in cases:
        headers = {"Accept": accept} if accept else {}
        answer = client.get(f"/sparql?{urlencode({'query': query})}&{wish}", headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, expected), (accept, wish)
        assert "Accept" in answer.headers["Vary"]
        assert int(answer.headers["Content-Length"]) == len(answer.data) > 0
        head = client.head(f"/sparql?{urlencode({'query': query})}&{wish}", headers=headers)
        assert (head.status_code, head.headers["Content-Type"], head.data) == (200, expected, b"")
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]


@pytest.mark.parametrize(
    ("query", "accept", "wish"),
    [(QUERY, "text/turtle", ""), (QUERY, "text/html", ""), (GRAPH, "text/csv", ""), (QUERY, "text/csv;q=0", ""), (QUERY, "", "pdf")],
)
def test_what_cannot_be_written_is_not_acceptable(client: FlaskClient, query: str, accept: str, wish: str) -> None:
    answer = client.get("/sparql", query_string={"query": query, "format": wish}, headers={"Accept": accept} if accept else {})
    assert answer.status_code == 406
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "text/" in answer.json["detail"] or "csv" in answer.json["detail"]


WRONG = {
    "no query": ({"method": "GET", "query_string": {"default-graph-uri": "http://x/"}}, 400, "A query is missing"),
    "nothing posted": ({"method": "POST"}, 400, "A query is missing"),
    "empty form": ({"method": "POST", "data": {"x": "y"}}, 400, "A query is missing"),
    "two queries": ({"method": "GET", "query_string": {"query": ["ASK { }", "ASK { }"]}}, 400, "one query"),
    "two places": ({"method": "POST", "query_string": {"query": "ASK { }"}, "data": {"query": "ASK { }"}}, 400, "one query"),
    "plain text": ({"method": "POST", "data": "ASK { }", "content_type": "text/plain"}, 415, "application/sparql-query"),
    "no type": ({"method": "POST", "data": "query=ASK%20%7B%7D"}, 415, "application/sparql-query"),
    "multipart": ({"method": "POST", "data": {"query": "ASK { }"}, "content_type": "multipart/form-data"}, 415, "application/sparql-query"),
    "another charset": (
        {"method": "POST", "data": "ASK { }".encode("utf-16"), "content_type": "application/sparql-query; charset=UTF-16"},
        415,
        "UTF-8",
    ),
    "not UTF-8": ({"method": "POST", "data": b"ASK { ?s ?p '\xff' }", "content_type": "application/sparql-query"}, 400, "UTF-8 at byte 13"),
    "form that is not UTF-8": (
        {"method": "POST", "data": "query=ASK%20%7B%7D%FF", "content_type": "application/x-www-form-urlencoded"},
        400,
        "UTF-8",
    ),
    "update in a form": ({"method": "POST", "data": {"update": "CLEAR ALL"}}, 401, "role curator"),
    "update by GET": ({"method": "GET", "query_string": {"update": "CLEAR ALL"}}, 400, "sent in the body of a POST"),
    "update in a body": ({"method": "POST", "data": "CLEAR ALL", "content_type": "application/sparql-update"}, 401, "role curator"),
    "update as query": ({"method": "POST", "data": {"query": "CLEAR ALL"}}, 400, "CLEAR is an update"),
    "no SPARQL": ({"method": "GET", "query_string": {"query": "SELECT *\n{ ?s ?p }"}}, 400, "line 2"),
    "service": ({"method": "GET", "query_string": {"query": "ASK { SERVICE <http://x/> { } }"}}, 400, "SERVICE is not allowed"),
    "time that is no number": ({"method": "GET", "query_string": {"query": "ASK { }", "timeout": "soon"}}, 400, "seconds"),
    "put": ({"method": "PUT", "data": "ASK { }"}, 405, ""),
    "delete": ({"method": "DELETE"}, 405, ""),
}


@pytest.mark.parametrize(("request_", "status", "detail"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said(client: FlaskClient, request_: dict[str, Any], status: int, detail: str) -> None:
    answer = client.open("/sparql", **request_)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    assert detail in answer.json["detail"]
    if status == 405:
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_refusal_has_its_position(client: FlaskClient) -> None:
    answer = client.get("/sparql", query_string={"query": "ASK {\n  SERVICE <http://x/> { } }"})
    assert (answer.json["line"], answer.json["column"]) == (2, 3)
    assert answer.json["type"].endswith("/errors/query-refused")


def test_time_may_be_lowered(client: FlaskClient) -> None:
    for number in range(4):
        client.post("/api/toys", json={"title": f"Toy {number}", "description": "A toy."})
    answer = client.get("/sparql", query_string={"query": ENDLESS, "timeout": "0.5"})
    assert answer.status_code == 408
    assert "0.5 seconds" in answer.json["detail"]


def test_nobody_reads_where_readers_need_an_account(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.extensions["hub"].settings.__dict__, "anonymous_role", "none")
    answer = app.test_client().get("/sparql?query=ASK%20%7B%7D")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"]


def test_other_parameters_are_ignored(client: FlaskClient) -> None:
    assert client.get("/sparql?query=ASK%7B%7D&debug=on&default-graph-uri2=x&soft-limit=1").status_code == 200


def test_the_route_says_what_it_takes(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").json["paths"]["/sparql"]
    assert {"get", "post"} <= set(paths)
    assert "application/sparql-query" in json.dumps(paths["post"]["requestBody"])


@pytest.fixture
def running(store_url: str | None, store: object, stores: object, tmp_path: Path) -> Iterator[RunningHub]:
    """Run a real hub, with the sample catalogue, over the store of the test (emptied by the fixtures named)."""
    remote = {"HUB_WORKERS": "1", "HUB_STORE": f"{store_url}/kg", "HUB_SYSTEM_STORE": f"{store_url}/system"} if store_url else {}
    with running_hub(tmp_path / "running", **remote) as hub:
        yield hub


def test_clients_that_people_use(running: RunningHub) -> None:
    """SPARQLWrapper and rdflib in every way that they send queries, and nobody else is contacted meanwhile."""
    endpoint = f"{running.url}/sparql"
    with listening() as (address, came):
        _sparqlwrapper(endpoint)
        _rdflib(endpoint)
        for text in (f"ASK {{ SERVICE <{address}> {{ }} }}", f"ASK {{ SERVICE SILENT <{address}> {{ }} }}", f"ASK FROM <{address}> {{ ?s ?p ?o }}"):
            assert running.request("GET", f"/sparql?{urlencode({'query': text})}").status == 400
            assert running.request("POST", "/sparql", fields={"query": text}, encode_multipart=False).status == 400
        assert not came


def _sparqlwrapper(endpoint: str) -> None:
    people = "SELECT ?name WHERE { ?person <http://xmlns.com/foaf/0.1/name> ?name } ORDER BY ?name"
    for method, how in ((None, None), (POST, None), (POST, POSTDIRECTLY)):
        client = SPARQLWrapper(endpoint)
        if method:
            client.setMethod(method)
        if how:
            client.setRequestMethod(how)
        client.setQuery(people)
        client.setReturnFormat(JSON)
        names = [row["name"]["value"] for row in client.queryAndConvert()["results"]["bindings"]]
        assert names
        client.setReturnFormat(XML)
        assert len(client.queryAndConvert().getElementsByTagName("result")) == len(names)
        client.setReturnFormat(CSV)
        assert client.queryAndConvert().decode().count("\r\n") == len(names) + 1
        client.setReturnFormat(TSV)
        assert client.queryAndConvert().decode().startswith("?name\n")
        client.setQuery("ASK { ?s ?p ?o }")
        client.setReturnFormat(JSON)
        assert client.queryAndConvert()["boolean"] is True
        client.setQuery("CONSTRUCT { ?s <http://xmlns.com/foaf/0.1/name> ?o } WHERE { ?s <http://xmlns.com/foaf/0.1/name> ?o }")
        for wanted in (TURTLE, N3):
            client.setReturnFormat(wanted)
            assert len(list(pyoxigraph.parse(client.queryAndConvert(), RdfFormat.TURTLE))) == len(names)
        for wanted in (RDFXML, JSONLD):
            client.setReturnFormat(wanted)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # rdflib's own classes, used by the client
                assert len(client.queryAndConvert()) == len(names)


def _rdflib(endpoint: str) -> None:
    name = URIRef("http://xmlns.com/foaf/0.1/name")
    for method in ("GET", "POST", "POST_FORM"):
        store = SPARQLStore(endpoint, method=method)
        rows = list(store.query("SELECT ?s ?o WHERE { ?s <http://xmlns.com/foaf/0.1/name> ?o }"))
        assert rows
        triples = list(store.triples((None, name, None)))
        assert len(triples) == len(rows)
        assert store.query("ASK { ?s ?p ?o }").askAnswer is True
        graph = store.query("CONSTRUCT { ?s <http://xmlns.com/foaf/0.1/name> ?o } WHERE { ?s <http://xmlns.com/foaf/0.1/name> ?o }").graph
        assert graph is not None
        assert len(graph) == len(rows)
