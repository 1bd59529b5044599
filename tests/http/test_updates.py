"""SPARQL Update over HTTP: in every form, by whom it may be sent, with programs that people use, and the lines of the documentation."""

from __future__ import annotations

import json
import re
import subprocess
import warnings
from collections.abc import Iterator

import pytest
import rdflib
import urllib3
from flask.testing import FlaskClient
from rdflib.plugins.stores.sparqlstore import SPARQLUpdateStore
from SPARQLWrapper import BASIC, JSON, POST, SPARQLWrapper

from server.hub import Hub
from server.values import ROOT
from tests.support.listener import listening
from tests.support.server import RunningHub, running_hub
from tests.support.stores import FUSEKI, emptied_store

FORM, UPDATE = "application/x-www-form-urlencoded", "application/sparql-update"
INSERT = "INSERT DATA { GRAPH <http://x.example/g> { <http://x.example/s> <http://x.example/p> %d } }"


def test_an_update_may_be_sent_in_every_way(client: FlaskClient, curator: dict[str, str], hub: Hub) -> None:
    for number, options in enumerate(({"data": {"update": INSERT % 0}}, {"data": INSERT % 1, "content_type": UPDATE})):
        for place, path in enumerate(("/update", "/sparql")):
            answer = client.post(path, headers=curator, **options)
            first = place == 0
            assert answer.status_code == 200 and answer.json["graphs"] == answer.json["added"] == first, answer.text
            assert answer.json.get("first") == answer.json.get("last") == (number + 1 if first else None)
    using = {"using-graph-uri": "http://x.example/g", "reason": "why"}
    text = "INSERT { GRAPH <http://x.example/h> { ?s ?p ?o } } WHERE { ?s ?p ?o }"
    assert client.post("/update", query_string=using, data=text, content_type=UPDATE, headers=curator).json["added"] == 2
    assert client.post("/update", data={"update": text, **using}, headers=curator).json["added"] == 0
    entry = client.get(f"/api/graphs/{hub.past.changes(2, 1)[0][0]['id']}/history").json["items"][0]
    assert entry["reason"] == f"why: {text}"
    hub.identity.audit.flush()
    written = [each.action for each in hub.identity.audit.entries() if "sparql" in each.action]
    assert written == ["POST /sparql"] * 2, "though a question is not written down"


WRONG = {
    "nothing": ({"data": "x=y"}, 400, "An update is missing"),
    "two": ({"data": "update=CLEAR+ALL&update=CLEAR+ALL"}, 400, "not several"),
    "in the address": ({"query_string": {"update": "CLEAR ALL"}, "data": {"x": "y"}}, 400, "in the body"),
    "another type": ({"data": "CLEAR ALL", "content_type": "text/plain"}, 415, "application/sparql-update"),
    "another encoding": ({"data": "CLEAR ALL".encode("utf-16"), "content_type": f"{UPDATE}; charset=UTF-16"}, 415, "UTF-8"),
    "no UTF-8": ({"data": b"CLEAR \xff", "content_type": UPDATE}, 400, "UTF-8"),
    "no SPARQL": ({"data": "CLEAR XYZ", "content_type": UPDATE}, 400, "line 1, column 7"),
    "two datasets": (
        {"data": "WITH <a:b> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", "content_type": UPDATE, "query_string": {"using-graph-uri": "a:c"}},
        400,
        "do not go together",
    ),
    "a graph of the hub": ({"data": "DROP GRAPH <http://hub.test/api/changes>", "content_type": UPDATE}, 403, "keeps"),
    "not conforming": ({"data": "INSERT DATA { <a:b> a <http://toys.example/ns#Toy> }", "content_type": UPDATE}, 422, "A toy has a title"),
    "a long reason": ({"data": "CLEAR ALL", "content_type": UPDATE, "headers": {"X-Reason": "x" * 1001}}, 400, "reason"),
    "a remote graph": ({"data": "LOAD <http://127.0.0.1:1/>", "content_type": UPDATE}, 400, "LOAD is not allowed"),
}


def test_what_is_wrong_is_refused(client: FlaskClient, curator: dict[str, str], hub: Hub) -> None:
    last = hub.tools.history.last()
    for name, (options, status, words) in WRONG.items():
        sent = {"content_type": FORM, **options, "headers": curator | options.get("headers", {})}  # type: ignore[dict-item, operator]
        answer = client.post("/update", **sent)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json") and words in answer.text, f"{name}: {answer.text}"
    refused = client.post("/update", data="INSERT DATA { <a:b> a <http://toys.example/ns#Toy> }", content_type=UPDATE, headers=curator)
    assert "ValidationReport" in json.dumps(refused.json["report"])
    assert client.get("/update?update=CLEAR+ALL", headers=curator).status_code == 405
    for path in ("/update", "/sparql"):
        assert client.post(path, data="CLEAR ALL", content_type=UPDATE).status_code == 401
    assert hub.tools.history.last() == last


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def real(store_kind: str, store_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """Run a hub with the project's own kinds as its users do."""
    remote = {}
    if store_kind == FUSEKI:
        for name in ("kg", "system"):
            with emptied_store(f"{store_url}/{name}"):
                remote = {"HUB_STORE": f"{store_url}/kg", "HUB_SYSTEM_STORE": f"{store_url}/system"}
    with running_hub(tmp_path_factory.mktemp("real"), arguments=["--sample"], **remote) as running:
        yield running


@pytest.mark.slow
def test_the_programs_that_people_use(real: RunningHub) -> None:
    token, email, password = (real.printed(f"administrator {each}") for each in ("token", "e-mail", "password"))
    of_pages(real, token)
    wrapper(real, email, password)
    store_of_rdflib(real, token)
    with listening() as (address, came):
        for text in (
            f"LOAD <{address}>",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE SILENT <{address}> {{ ?s ?p ?o }} }}",
            f"COPY <{address}> TO <a:b>",
        ):
            assert send(real, token, text).status in (400, 404)
        assert send(real, token, f"INSERT {{ <a:a> <a:b> <a:c> }} USING <{address}> USING NAMED <{address}data> WHERE {{ }}").status == 200
        assert send(real, token, "INSERT DATA { <a:a> <a:b> 1 }" + " #\n" * 3_000_000).status == 200
        assert send(real, token, "INSERT DATA { <a:a> <a:b> 1 " + ". <a:a> <a:b> 1 " * 700_000 + "}").status == 413
        assert not came


def send(hub: RunningHub, token: str, text: str) -> urllib3.BaseHTTPResponse:
    return hub.request("POST", "/update", headers={"Content-Type": UPDATE, "Authorization": f"Bearer {token}"}, body=text.encode())


def of_pages(hub: RunningHub, token: str) -> None:
    """Run the lines of the pages in one shell."""
    script = "\n".join([*blocks("graphs.md", "sh"), *(each for each in blocks("sparql.md", "sh") if "/update" in each)])
    script = script.replace("http://localhost:5000", f"http://localhost:{hub.port}").replace("curl ", "curl -sS --fail-with-body ")
    ran = subprocess.run(["bash", "-eu"], input=f"TOKEN={token}\n{script}", capture_output=True, text=True, timeout=200, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("Ask the owner") == 2 and "team/vocabulary" in ran.stdout and '"reason":"notes of the meeting"' in ran.stdout
    assert "A <http://example.org/notes#2>" in ran.stdout
    written = [json.loads(each) for each in re.findall(r'\{"graphs".*?\}', ran.stdout)]
    models = hub.request("GET", "/api/models?keywords=checked").json()["total"]
    assert [(each["graphs"], each["added"]) for each in written] == [(models, models * 2), (2, 2)], "each model has its time of change, too"


def wrapper(hub: RunningHub, email: str, password: str) -> None:
    """Write and read with SPARQLWrapper, with credentials."""
    client = SPARQLWrapper(f"{hub.url}/sparql", updateEndpoint=f"{hub.url}/update")
    client.setHTTPAuth(BASIC)
    client.setCredentials(email, password)
    client.setMethod(POST)
    client.setQuery(INSERT % 7)
    assert client.query().response.status == 200
    client.setReturnFormat(JSON)
    client.setQuery("SELECT ?o WHERE { GRAPH <http://x.example/g> { ?s ?p ?o } }")
    assert [row["o"]["value"] for row in client.queryAndConvert()["results"]["bindings"]] == ["7"]


def store_of_rdflib(hub: RunningHub, token: str) -> None:
    """Write and read with rdflib's store, which always sends CREATE GRAPH and updates of its own making."""
    store = SPARQLUpdateStore(f"{hub.url}/sparql", f"{hub.url}/update", headers={"Authorization": f"Bearer {token}"}, context_aware=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = rdflib.Dataset(store=store).graph(rdflib.URIRef("http://x.example/r"))
        subject, name = rdflib.URIRef("http://x.example/s"), rdflib.URIRef("http://x.example/name")
        graph.add((subject, name, rdflib.Literal("Ä 'quoted' \"twice\"\n", lang="de")))
        graph.add((subject, name, rdflib.Literal(5)))
        assert set(graph.objects(subject, name)) == {rdflib.Literal("Ä 'quoted' \"twice\"\n", lang="de"), rdflib.Literal(5)}
        graph.remove((subject, name, rdflib.Literal(5)))
        graph.update("INSERT { ?s <http://x.example/len> ?n } WHERE { ?s <http://x.example/name> ?o BIND(STRLEN(?o) AS ?n) }")
        assert list(graph.objects(subject, rdflib.URIRef("http://x.example/len"))) == [rdflib.Literal(19)]
        rdflib.Dataset(store=store).remove_graph(graph)
    assert hub.request("GET", "/graphs?graph=http://x.example/r").status == 404
