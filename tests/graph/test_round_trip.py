"""JSON, its graph and JSON-LD are one: what goes in comes out, and every JSON-LD processor reads the same graph from it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
import rdflib
from pyld import jsonld
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, Triple, parse

from server.graph.context import build
from server.graph.kinds import Kind, Registry
from server.graph.literals import canonical_triple
from server.graph.rdf import read, write
from server.graph.reading import Draft, JsonReader
from server.graph.writing import JsonWriter, by_subject
from tests.graph.conftest import NAMES, TOY, Toys
from tests.support.documents import document
from tests.support.toys import CAR

Documents = list[tuple[Kind, Draft, dict[str, Any]]]


@pytest.fixture(scope="module")
def documents(shipped: Registry) -> Documents:
    """Make some documents of every kind, always the same."""
    chance = random.Random(11)
    reader = JsonReader(shipped, NAMES)
    made = []
    for kind in shipped.kinds.values():
        for number in range(6):
            thing = NamedNode("https://publisher.example/it") if kind.external else NAMES.thing(kind.collection, f"{number:064x}")
            body = document(shipped, kind, chance, thing)
            made.append((kind, reader.read(kind, thing, body), body))
    return made


def same(one: Iterable[Triple], other: Iterable[Triple]) -> bool:
    """Compare graphs by their canonical spelling."""
    return {str(canonical_triple(each)) for each in one} == {str(canonical_triple(each)) for each in other}


def with_context(registry: Registry, written: dict[str, Any]) -> dict[str, Any]:
    return {"@context": build(registry), **written}


def test_every_kind_is_among_the_documents(documents: Documents, shipped: Registry) -> None:
    assert {kind.collection for kind, _, _ in documents} == set(shipped.kinds)
    assert sum(len(draft.triples) for _, draft, _ in documents) > 2000


def test_what_goes_in_as_json_comes_out_and_goes_in_again(documents: Documents, shipped: Registry) -> None:
    reader, writer = JsonReader(shipped, NAMES), JsonWriter(shipped, NAMES)
    for kind, draft, body in documents:
        written = json.loads(json.dumps(writer.write(kind, draft.thing, by_subject(draft.triples), 1)))
        assert set(body) <= set(written)
        again = reader.read(kind, draft.thing, written)
        assert again.triples == draft.triples, kind.collection


def test_json_with_the_context_is_the_graph(documents: Documents, shipped: Registry) -> None:
    writer = JsonWriter(shipped, NAMES)
    for kind, draft, _ in documents:
        whole = json.dumps(with_context(shipped, writer.write(kind, draft.thing, by_subject(draft.triples), 1)))
        assert same((quad.triple for quad in parse(whole, RdfFormat.JSON_LD)), draft.triples), kind.collection


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # rdflib's JSON-LD parser uses it itself
def test_independent_processors_read_the_same_graph(documents: Documents, shipped: Registry) -> None:
    writer = JsonWriter(shipped, NAMES)
    for kind, draft, _ in documents[::3]:
        whole = with_context(shipped, writer.write(kind, draft.thing, by_subject(draft.triples), 1))
        by_pyld = jsonld.to_rdf(whole, {"format": "application/n-quads"})
        assert same((quad.triple for quad in parse(by_pyld, RdfFormat.N_QUADS)), draft.triples), f"PyLD, {kind.collection}"
        graph = rdflib.Graph().parse(data=json.dumps(whole), format="json-ld")
        by_rdflib = graph.serialize(format="nt", encoding="utf-8")
        assert same((quad.triple for quad in parse(by_rdflib, RdfFormat.N_TRIPLES)), draft.triples), f"rdflib, {kind.collection}"


@pytest.mark.parametrize("media_type", ["text/turtle", "application/n-triples", "application/rdf+xml", "application/trig", "application/n-quads"])
def test_every_syntax_says_the_same(documents: Documents, media_type: str) -> None:
    for kind, draft, _ in documents[::4]:
        assert same(read(write(draft.triples, media_type), media_type, "http://hub.test/"), draft.triples), kind.collection


def test_turtle_is_read_alike_by_rdflib(documents: Documents) -> None:
    for kind, draft, _ in documents[::6]:
        graph = rdflib.Graph().parse(data=write(draft.triples, "text/turtle"), format="turtle")
        by_rdflib = graph.serialize(format="nt", encoding="utf-8")
        assert same((quad.triple for quad in parse(by_rdflib, RdfFormat.N_TRIPLES)), draft.triples), kind.collection


def test_the_context_imports_nothing(shipped: Registry) -> None:
    def strings(node: Any) -> Iterable[str]:
        if isinstance(node, dict):
            assert "@import" not in node
            for key, value in node.items():
                yield from [value] if key == "@context" and isinstance(value, str) else strings(value)

    assert list(strings({"@context": build(shipped)})) == []


def test_statements_that_no_member_covers_are_in_the_json_too(toys: Toys) -> None:
    nodes = [NamedNode(f"{TOY.value}/part/{each}") for each in "abc"]
    own = [NamedNode(f"http://own.example/{each}") for each in "pqr"]
    extra = {
        Triple(TOY, own[0], nodes[0]),
        Triple(nodes[0], own[1], nodes[1]),
        Triple(nodes[1], own[1], nodes[0]),  # round in a circle
        Triple(nodes[1], own[2], Literal("x", language="de")),
        Triple(TOY, NamedNode("http://purl.org/dc/terms/license"), nodes[2]),
        Triple(nodes[2], NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"), own[2]),
    }
    draft = toys.read({**CAR, "license": None})
    whole = draft.triples | extra
    written = toys.writer.write(toys.kind, TOY, by_subject(whole), 1)
    assert [each["iri"] for each in written["@included"]] == [each.value for each in nodes]
    assert toys.read(written).triples == whole
    json_ld = json.dumps(with_context(toys.registry, written))
    assert same((quad.triple for quad in parse(json_ld, RdfFormat.JSON_LD)), whole)
    by_pyld = jsonld.to_rdf(json.loads(json_ld), {"format": "application/n-quads"})
    assert same((quad.triple for quad in parse(by_pyld, RdfFormat.N_QUADS)), whole)


def test_quads_stand_in_the_graph_of_their_document() -> None:
    triple, graph = Triple(TOY, NamedNode("http://own.example/p"), Literal("x")), NamedNode("http://hub.test/api/toys/1")
    for media_type, kind in (("application/n-quads", RdfFormat.N_QUADS), ("application/trig", RdfFormat.TRIG)):
        assert list(parse(write([triple], media_type, graph), kind)) == [Quad(*triple, graph)]
    assert list(parse(write([triple], "text/turtle", graph), RdfFormat.TURTLE)) == [Quad(*triple)]
