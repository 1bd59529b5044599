"""Questions that do not know the hierarchy, over HTTP on both stores: the closure in the store, and `reasoning=rdfs`."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.graph.vocabulary import PREFIXES
from server.hub import Hub

PROLOGUE = "".join(f"PREFIX {prefix}: <{namespace}> " for prefix, namespace in PREFIXES.items())


def ask(site: FlaskClient, query: str, **parameters: str) -> list[dict[str, Any]]:
    answer = send(site, query, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.get_json(force=True)["results"]["bindings"]  # type: ignore[no-any-return]


def send(site: FlaskClient, query: str, **parameters: str) -> TestResponse:
    return site.get("/sparql", query_string={"query": PROLOGUE + query, **parameters})


def column(rows: list[dict[str, Any]], name: str) -> set[str]:
    return {row[name]["value"] for row in rows}


def test_a_class_stands_for_those_below_it_and_each_thing_counts_once(site: FlaskClient, catalogue: Hub) -> None:
    query = "SELECT ?x { ?x a prov:Agent }"
    stated, entailed = ask(site, query), ask(site, query, reasoning="rdfs")
    people = {each["iri"] for each in site.get("/api/people?limit=100").json["items"]}
    connectors = {each["iri"] for each in site.get("/api/connectors?limit=100").json["items"]}
    assert people | connectors <= column(entailed, "x") and not people & column(stated, "x")
    assert len(entailed) == len(column(entailed, "x"))
    (count,) = ask(
        site, "SELECT (COUNT(?x) AS ?n) { ?x a dcat:Resource ; dct:title ?t . FILTER(STRSTARTS(STR(?x), 'http://hub.test/'))}", reasoning="rdfs"
    )
    (plain,) = ask(site, "SELECT (COUNT(?x) AS ?n) { ?x a dcat:Resource ; dct:title ?t }")
    assert int(count["n"]["value"]) > int(plain["n"]["value"])


def test_a_property_stands_for_those_below_it(site: FlaskClient) -> None:
    query = "SELECT DISTINCT ?relation { ?offer dct:source ?asset . ?offer ?relation ?asset }"
    assert ask(site, query) == []
    relative = "SELECT ?m { ?m a <../ns/own#Model> ; a dcat:Resource } "
    assert ask(site, relative, reasoning="rdfs") == []
    assert column(ask(site, query, reasoning="rdfs"), "relation") == {PREFIXES["hub"] + "sharesAsset"}
    steps = "SELECT DISTINCT ?y { ?x a mls:Model ; prov:wasInfluencedBy+ ?y . ?y a mls:Algorithm }"
    assert ask(site, steps) == [] and len(ask(site, steps, reasoning="rdfs")) > 1
    made = "ASK { ?x prov:generated ?y }"
    assert send(site, made).get_json(force=True)["boolean"] is False and send(site, made, reasoning="rdfs").get_json(force=True)["boolean"] is True


def test_the_closure_is_in_the_store_for_who_asks_it(site: FlaskClient) -> None:
    rows = ask(site, "SELECT DISTINCT ?x { ?x a ?class . ?class rdfs:subClassOf prov:Agent }")
    assert len(rows) > 3
    assert {PREFIXES["hub"] + "sharesAsset"} <= column(ask(site, "SELECT ?p { ?p rdfs:subPropertyOf prov:wasInfluencedBy }"), "p")


@pytest.mark.parametrize("wish", ["owl", "1"])
def test_other_regimes_are_refused_and_so_is_what_is_not_allowed(site: FlaskClient, wish: str) -> None:
    refused = send(site, "ASK { ?x a mls:Model }", reasoning=wish)
    assert refused.status_code == 400 and refused.json["errors"][0]["pointer"] == "?reasoning"
    assert send(site, "ASK { ?x a mls:Model }", reasoning="none").status_code == 200
    outside = send(site, "SELECT * { SERVICE <http://127.0.0.1:9/> { ?x a dcat:Resource } }", reasoning="rdfs")
    assert outside.status_code == 400 and "SERVICE" in outside.json["detail"]
    broken = site.post("/sparql?reasoning=rdfs", data="SELECT ?x {\n ?x a }", content_type="application/sparql-query")
    assert broken.status_code == 400 and broken.json["line"] == 2


def test_the_closure_follows_the_ontologies(catalogue: Hub) -> None:
    wanted = frozenset(catalogue.kg.graph(catalogue.linked.closure))
    catalogue.kg.update(f"INSERT DATA {{ GRAPH {catalogue.linked.closure} {{ <urn:old> <urn:old> <urn:old> }} }}")
    assert catalogue.linked.keep_closure() is True and frozenset(catalogue.kg.graph(catalogue.linked.closure)) == wanted
