"""Whatever IRI the hub coins, and whoever asks for it: there is an answer that speaks of it."""

from __future__ import annotations

import gzip
from urllib.parse import quote, urlsplit

import pytest
from flask.testing import FlaskClient
from pyoxigraph import NamedNode, Quad, RdfFormat, Triple, parse
from werkzeug.test import TestResponse

from server.graph.rdf import FORMATS
from server.graph.vocabulary import HUB, PREFIXES
from server.hub import Hub
from tests.http.linked.conftest import BASE

TURTLE, HTML = "text/turtle", "text/html"
VOID = PREFIXES["void"]


def path_of(iri: str) -> str:
    parts = urlsplit(iri)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def follow(site: FlaskClient, iri: str, accept: str) -> TestResponse:
    answer = site.get(path_of(iri), headers={"Accept": accept})
    if answer.status_code == 303:
        answer = site.get(path_of(answer.headers["Location"]), headers={"Accept": accept})
    return answer


def graph(answer: TestResponse) -> set[Quad]:
    assert answer.status_code == 200, answer.text
    return set(parse(answer.data, FORMATS[answer.content_type.partition(";")[0]]))


@pytest.fixture(scope="module")
def past(site: FlaskClient) -> str:
    """Make a model that was changed, deleted, restored, and one that stays deleted; return the path of the first."""
    made = site.post("/api/models", json={"title": "Short life", "algorithm": "a/b #1 ü?"})
    path = path_of(made.headers["Location"])
    assert site.patch(path, json={"title": "Shorter"}, headers={"If-Match": "*"}).status_code == 200
    assert site.delete(path).status_code == 204
    assert site.post(f"{path}/restore").status_code == 200
    other = path_of(site.post("/api/models", json={"title": "Gone"}).headers["Location"])
    assert site.delete(other).status_code == 204
    return path


def test_every_iri_in_the_store_leads_to_a_description(catalogue: Hub, site: FlaskClient, past: str) -> None:
    quads = [*catalogue.kg.dump()]
    old = catalogue.tools.names.aliases  # says the same in names that an older interface made up
    quads = [quad for quad in quads if quad.graph_name != old or quad.subject == old]
    iris = {each.value for quad in quads for each in (*quad.triple, quad.graph_name) if isinstance(each, NamedNode) and each.value.startswith(BASE)}
    kinds = {iri.removeprefix(BASE).rpartition("/")[0].split("/")[0:2][-1] for iri in iris}
    assert len(iris) > 300 and {"models", "terms", "transactions", "measures", "people"} <= kinds | {iri.removeprefix(BASE + "api/") for iri in iris}
    pages = 0
    for number, iri in enumerate(sorted(iris)):
        answer = follow(site, iri, TURTLE)
        if answer.status_code == 410:
            assert answer.json["tombstone"] if "/revisions/" not in iri else "deletion" in answer.json["detail"], iri
            continue
        assert answer.status_code == 200, (iri, answer.text)
        if iri.startswith((BASE + "id/", BASE + "api/transactions/")) or iri.endswith("/history"):
            assert f"<{iri}>".encode() in answer.data, iri
        if number % 7 == 0:
            page = follow(site, iri, HTML)
            assert page.status_code == 200 and page.content_type.startswith(HTML) and "default-src 'none'" in page.headers["Content-Security-Policy"]
            pages += 1
    assert pages > 40


@pytest.mark.parametrize("label", ["a/b #1 ü?", "a//b", "/a", "a/", "50 %", "%2F", ".", "..", "x;y=1&z", "<script>alert(1)</script>"])
def test_shared_nodes_are_found_by_whatever_label(site: FlaskClient, catalogue: Hub, label: str) -> None:
    made = site.post("/api/models", json={"title": "Labelled", "algorithm": label}).json
    iri = catalogue.tools.names.shared("algorithms", label).value
    assert made["algorithm"]["iri"] == iri
    answer = follow(site, iri, "application/n-triples")
    assert f"<{iri}>" in answer.text and answer.status_code == 200
    assert "<script>" not in follow(site, iri, HTML).text


def test_things_lead_to_their_documents_in_every_type(site: FlaskClient, catalogue: Hub) -> None:
    thing = site.get("/api/runs?limit=1").json["items"][0]
    first = site.get(path_of(thing["iri"]))
    assert first.status_code == 303 and first.headers["Location"] == f"{BASE}api/runs/{thing['id']}" and "Accept" in first.headers["Vary"]
    part = thing["metrics"][0]["iri"]
    assert site.get(path_of(part)).headers["Location"] == first.headers["Location"]
    wanted = {quad.triple for quad in graph(follow(site, thing["iri"], TURTLE))}
    assert any(triple.subject == NamedNode(part) for triple in wanted)
    for media_type in FORMATS:
        assert {quad.triple for quad in graph(follow(site, thing["iri"], media_type))} == wanted
    for missing in ("nothing", f"nothing/{'0' * 64}", "models/xyz", "measures", "measures/never_measured", ""):
        assert follow(site, f"{BASE}id/{missing}", TURTLE).status_code == 404, missing
    assert follow(site, f"{BASE}id/models/{'0' * 64}", TURTLE).status_code == 404
    assert site.get("/api/transactions/" + quote("x y<>", safe="")).status_code == 404


def test_the_past_is_a_graph_too(site: FlaskClient, catalogue: Hub, past: str) -> None:
    history = graph(site.get(f"{past}/history", headers={"Accept": "application/n-quads"}))
    document = BASE.rstrip("/") + past
    assert {quad.graph_name for quad in history} == {NamedNode(f"{document}/history")}
    assert {quad.triple for quad in history} == set(catalogue.kg.graph(NamedNode(f"{document}/history")))
    assert site.get(f"{past}/history").json["items"][0]["revision"] == 4
    assert site.get("/api/models/" + "0" * 64 + "/history", headers={"Accept": TURTLE}).status_code == 404
    last = site.get("/api/changes?limit=1000").json["items"][-1]["sequence"]
    log = site.get(f"/api/changes?since={last - 2}&limit=1", headers={"Accept": TURTLE})
    assert 'rel="next"' in log.headers["Link"]
    revisions = {quad.subject for quad in graph(log) if quad.predicate == HUB.sequence}
    assert len(revisions) == 1 and not any(quad.predicate == HUB.patch for quad in graph(log))
    assert 'rel="next"' not in site.get(f"/api/changes?since={last}", headers={"Accept": HTML}).headers.get("Link", "")


def test_void_tells_tools_what_they_want_to_know_and_its_dump_is_all_there_is(site: FlaskClient, catalogue: Hub) -> None:
    assert site.get("/void").headers["Location"] == f"{BASE}.well-known/void"
    for accept in (*FORMATS, HTML):
        assert site.get("/.well-known/void", headers={"Accept": accept}).status_code == 200
    said: dict[str, set[str]] = {}
    for quad in graph(site.get("/.well-known/void", headers={"Accept": TURTLE})):
        if quad.subject == NamedNode(BASE):
            said.setdefault(quad.predicate.value.removeprefix(VOID), set()).add(str(getattr(quad.object, "value", "")))
    assert said["sparqlEndpoint"] == {f"{BASE}sparql"} and said["uriSpace"] == {f"{BASE}id/"}
    assert {PREFIXES["hub"], PREFIXES["cords"], PREFIXES["ids"], PREFIXES["dct"], PREFIXES["prov"], PREFIXES["mls"]} <= said["vocabulary"]
    assert len(said["exampleResource"]) == len(catalogue.registry.kinds)
    for example in said["exampleResource"]:
        if example.startswith(BASE):
            assert follow(site, example, TURTLE).status_code == 200
    (dump,) = said["dataDump"]
    with site.get(path_of(dump)) as answer:
        quads = list(parse(gzip.decompress(answer.data), RdfFormat.N_QUADS))
    assert set(quads) == set(catalogue.kg.dump()) and len(quads) > 1000
    assert {int(each) for each in said["triples"]} == {len({quad.triple for quad in quads})}


def test_the_dump_is_got_by_few_at_a_time(site: FlaskClient) -> None:
    held = [site.get("/dump.nq.gz", buffered=False) for _ in range(2)]
    busy = site.get("/dump.nq.gz")
    assert busy.status_code == 429 and busy.headers["Retry-After"] == "60"
    for each in held:
        each.close()
    with site.get("/dump.nq.gz") as free:
        assert free.status_code == 200


def test_ontologies_are_served_with_their_versions(site: FlaskClient, catalogue: Hub) -> None:
    listed = site.get("/ontology").json["items"]
    assert {each["name"] for each in listed} == {*catalogue.linked.ontologies, "closure"}
    for each in listed:
        answer = site.get(path_of(each["url"]), headers={"Accept": "application/rdf+xml"})
        assert len(graph(answer)) > 100 or each["name"] == "alignments", each
        if each["version"]:
            assert f'<{each["iri"]}>; rel="canonical"' in answer.headers.getlist("Link")
            versioned = site.get(f"{path_of(each['url'])}/{each['version']}", headers={"Accept": TURTLE})
            assert versioned.status_code == 200 and NamedNode(each["iri"]) in {quad.subject for quad in graph(versioned)}
            assert site.get(f"{path_of(each['url'])}/0.0.1").status_code == 404
    assert site.get("/ontology/nothing").status_code == 404 and "cordsml" in site.get("/ontology/nothing").json["detail"]
    closure = {quad.triple for quad in graph(site.get("/ontology/closure", headers={"Accept": TURTLE}))}
    assert closure == set(catalogue.kg.graph(catalogue.linked.closure)) and catalogue.linked.keep_closure() is False
    page = site.get("/ontology/hub", headers={"Accept": HTML}).text
    assert 'id="sharesAsset"' in page and "What the words" in site.get("/ontology", headers={"Accept": HTML}).text
    own = graph(site.get("/ns", headers={"Accept": TURTLE}))
    assert (
        any(quad.subject == HUB.sharesAsset for quad in own) and site.get("/ns", headers={"Accept": "application/json"}).json["prefixes"] == PREFIXES
    )


def test_shapes_are_served_whole(site: FlaskClient, catalogue: Hub) -> None:
    listed = site.get("/shapes").json["items"]
    assert {each["name"] for each in listed} == set(catalogue.registry.kinds)
    own = set(catalogue.registry.shapes)
    for each in listed:
        triples = graph(site.get(path_of(each["url"]), headers={"Accept": TURTLE}))
        assert any(quad.subject == NamedNode(each["iri"]) for quad in triples)
    named = {triple for triple in own if isinstance(triple.subject, NamedNode) and isinstance(triple.object, NamedNode)}
    runs = {Triple(*quad.triple) for quad in graph(site.get("/shapes/runs", headers={"Accept": "application/ld+json"}))}
    assert {each for each in runs if isinstance(each.subject, NamedNode) and isinstance(each.object, NamedNode)} <= named
    assert {NamedNode(PREFIXES["shape"] + name) for name in ("Run", "HyperParameterSetting", "Measure")} <= {each.subject for each in runs}
    assert site.get("/shapes/nothing").status_code == 404


def test_the_base_says_where_everything_begins(site: FlaskClient, catalogue: Hub) -> None:
    items = site.get("/").json["items"]
    for each in items:
        with site.get(path_of(each["url"]), headers={"Accept": "*/*"}) as answer:
            assert answer.status_code == 200 or each["name"] == "sparql", each
    page = site.get("/", headers={"Accept": HTML}).text
    assert page.startswith("<!doctype html>") and "api/models" in page
    assert NamedNode(BASE) in {quad.subject for quad in graph(site.get("/", headers={"Accept": TURTLE}))}
    assert len(graph(site.get("/api/terms", headers={"Accept": TURTLE}))) > 20
