"""What a client learns from the headers and the page of a thing, and that all forms of it say the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from pyld import jsonld
from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse
from werkzeug.test import TestResponse

from server.graph.ontology import Ontologies
from server.graph.vocabulary import PREFIXES
from server.hub import Hub
from tests.http.linked.conftest import BASE
from tests.http.linked.test_dereferencing import follow, path_of

HTML = "text/html"
HOSTILE = '</script><script>alert("1")</script> & <b>\u2028'
_LINK = re.compile(r'<([^>]*)>((?:; \w[\w-]*="[^"]*")+)')


def signposts(answer: TestResponse) -> list[tuple[str, str, str]]:
    """Read the header Link as (relation, target, type)."""
    found = [
        (target, dict(re.findall(r'(\w[\w-]*)="([^"]*)"', rest)))
        for header in answer.headers.getlist("Link")
        for target, rest in _LINK.findall(header)
    ]
    return [(parameters["rel"], target, parameters.get("type", "")) for target, parameters in found]


def card(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    written: dict[str, Any] = json.loads(text)
    return written


def test_signposts_lead_from_a_thing_to_all_that_belongs_to_it(site: FlaskClient) -> None:
    ada = site.get("/api/people?limit=1").json["items"][0]
    found = next(each for each in site.get("/api/datasets?limit=100").json["items"] if "license" in each and each.get("distributions"))
    answer = site.get(f"/api/datasets/{found['id']}")
    links = signposts(answer)
    by = {relation: {target for each, target, _ in links if each == relation} for relation, _, _ in links}
    assert by["cite-as"] == by["describes"] == {found["iri"]} and by["license"] == {found["license"]}
    assert by["collection"] == {f"{BASE}api/datasets"} and by["profile"] == {f"{BASE}shapes/datasets"}
    assert {PREFIXES["dcat"] + "Dataset", PREFIXES["prov"] + "Entity"} <= by["type"]
    urls = {each["download_url"]: each.get("media_type", "") for each in found["distributions"] if "download_url" in each}
    assert by.get("item", set()) == set(urls)
    for relation, target, kind in links:
        if relation == "item":
            assert urls[target].endswith(kind)
        if relation in ("describedby", "collection", "profile", "version-history"):
            followed = site.get(path_of(target), headers={"Accept": kind or "*/*"})
            assert followed.status_code == 200 and (not kind or followed.content_type == kind)
    assert ("author", ada["iri"], "") not in links
    mine = site.post("/api/models", json={"title": "x", "license": "MIT"})
    assert ("license", "http://spdx.org/licenses/MIT", "") in signposts(mine)


def _rounded(triple: Triple) -> str:
    """Write a double with the sixteen digits to which JSON-LD 1.1 rounds numbers (data round tripping, 8.6), and everything else as it is."""
    if isinstance(triple.object, Literal) and triple.object.datatype.value.endswith("#double"):
        return f"{triple.subject} {triple.predicate} {float(triple.object.value):.14E}"
    return str(triple)


def test_json_with_the_context_and_turtle_are_one_graph_for_every_kind(site: FlaskClient, catalogue: Hub) -> None:
    context = site.get("/context.jsonld").json["@context"]
    for collection in catalogue.registry.kinds:
        items = site.get(f"/api/{collection}?limit=100").json["items"]
        assert items, collection
        documents = [site.get(f"/api/{collection}/{each['id']}").json for each in items]
        quads = jsonld.to_rdf({"@context": context, "@graph": documents}, {"format": "application/n-quads"})
        expanded = {_rounded(quad.triple) for quad in parse(quads, RdfFormat.N_QUADS)}
        turtle: set[str] = set()
        for each in items:
            text = site.get(f"/api/{collection}/{each['id']}", headers={"Accept": "text/turtle"}).data
            turtle |= {_rounded(quad.triple) for quad in parse(text, RdfFormat.TURTLE)}
        assert expanded == turtle and len(turtle) > 5 * len(items), collection


def test_every_term_in_any_graph_is_described_in_an_ontology_or_belongs_to_a_vocabulary_that_is_listed(site: FlaskClient, catalogue: Hub) -> None:
    ontologies = Ontologies.load()
    old = catalogue.tools.names.aliases  # the names of an older interface, kept as they were because they were wrong
    graphs = [[quad.triple for quad in catalogue.kg.dump() if quad.graph_name != old]]
    for path in ("/.well-known/void", *(f"/shapes/{each}" for each in catalogue.registry.kinds), *(f"/ontology/{each}" for each in ontologies)):
        graphs.append([quad.triple for quad in parse(site.get(path, headers={"Accept": "text/turtle"}).data, RdfFormat.TURTLE)])
    typed = NamedNode(PREFIXES["rdf"] + "type")
    terms = {triple.predicate for graph in graphs for triple in graph}
    terms |= {triple.object for graph in graphs for triple in graph if triple.predicate == typed and isinstance(triple.object, NamedNode)}
    assert len(terms) > 150
    own = "https://site.example/"  # what another test states with words of its own
    assert sorted(term.value for term in terms if not ontologies.knows(term) and not term.value.startswith(own)) == []
    listed = {quad.object for quad in parse(site.get("/.well-known/void", headers={"Accept": "text/turtle"}).data, RdfFormat.TURTLE)}
    assert {NamedNode(each.namespace) for each in ontologies.vocabularies} <= listed


def test_the_page_of_a_thing_tells_search_engines_what_it_is(site: FlaskClient, catalogue: Hub) -> None:
    seen = {}
    for collection in catalogue.registry.kinds:
        thing = site.get(f"/api/{collection}?limit=1").json["items"][0]
        page = site.get(f"/api/{collection}/{thing['id']}", headers={"Accept": HTML}).text
        said = card(page)
        assert said["@context"] == "https://schema.org/" and said["@id"] == thing["iri"] and said["name"], collection
        assert f'<meta property="og:url" content="{thing["iri"]}">' in page and '<meta property="og:title" content="' in page
        seen[collection] = said["@type"]
    assert seen["datasets"] == "Dataset" and seen["people"] == "Person" and seen["organisations"] == "Organization" and seen["backends"] == "WebAPI"
    assert seen["models"] == "CreativeWork" and [each for each, kind in seen.items() if kind == "Thing"] == ["deployments"]
    data = next(each for each in site.get("/api/datasets?limit=100").json["items"] if each.get("distributions"))
    said = card(follow(site, data["iri"], HTML).text)
    distribution = said["distribution"][0] if isinstance(said["distribution"], list) else said["distribution"]
    assert distribution["@type"] == "DataDownload" and said["license"] == {"@id": data["license"]} and said["dateCreated"] == data["created"]


@pytest.mark.parametrize("title", [HOSTILE, {"en": HOSTILE, "de": "x"}])
def test_nothing_in_a_page_comes_alive(site: FlaskClient, title: Any) -> None:
    made = site.post("/api/models", json={"title": title, "description": HOSTILE, "keywords": [HOSTILE], "algorithm": HOSTILE}).json
    answer = site.get(f"/api/models/{made['id']}", headers={"Accept": HTML})
    assert answer.text.count("<script") == 1 == answer.text.count("</script>") and "<b>" not in answer.text
    assert HOSTILE in json.dumps(card(answer.text)["name"], ensure_ascii=False).replace('\\"', '"').replace("\\u2028", "\u2028")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy
    hosts = set(re.findall(r'(?:src|href)="(https?://[^/"]+)', answer.text)) - {BASE.rstrip("/")}
    assert not re.findall(r'<(?:img|script|iframe|link rel="stylesheet")[^>]*https?://', answer.text), hosts
    assert "style.css" not in answer.text and answer.headers["X-Content-Type-Options"] == "nosniff"


def test_problem_pages_have_the_policy_too(site: FlaskClient) -> None:
    answer = site.get("/errors/gone", headers={"Accept": HTML})
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "'self'" in site.get("/docs", headers={"Accept": HTML}).headers["Content-Security-Policy"]
