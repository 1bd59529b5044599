"""The page about the data model is right: its kinds are all kinds, its example conforms, its queries find something in the sample catalogue."""

from __future__ import annotations

import re

import pytest
from pyoxigraph import NamedNode, Quad, RdfFormat, Store, parse

from server.graph.gate import Gate, context_triples
from server.graph.kinds import Registry
from server.graph.vocabulary import compact
from server.values import ROOT
from tests.shapes.conftest import NAMES, Sample

PAGE = (ROOT / "docs" / "data-model.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_it_lists_every_kind_with_its_classes(registry: Registry) -> None:
    rows = {row[0]: set(re.findall(r"`([^`]+)`", row[1])) for row in re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+) \|", PAGE, re.MULTILINE)}
    assert rows == {kind.collection: {compact(each.value) for each in (*kind.types, *kind.targets)} for kind in registry.kinds.values()} | {
        "offers": {"ids:DataResource"}  # the page leaves out the rarer sorts of resource
    }


def test_its_example_conforms(gate: Gate) -> None:
    quads = list(parse(blocks("trig")[0], RdfFormat.TRIG))
    terms = NamedNode("http://localhost:5000/api/terms")
    shared = [quad.triple for quad in quads if quad.graph_name == terms]
    documents = {str(quad.graph_name.value) for quad in quads} - {terms.value}
    things = {NamedNode(document.replace("/api/", "/id/")): document.split("/")[-2] for document in documents}
    marks = context_triples(things, [(thing, (collection,)) for thing, collection in things.items()])
    assert shared and documents
    for graph in map(NamedNode, documents):
        triples = [*(quad.triple for quad in quads if quad.graph_name == graph), *shared, *marks]
        verdict = gate.judge(triples)
        assert gate.passes(triples) and verdict.conforms, verdict.violations


@pytest.mark.parametrize("query", blocks("sparql"))
def test_its_queries_find_something(query: str, samples: list[Sample]) -> None:
    store = Store()
    for sample in samples:
        document = NAMES.document(sample.draft.kind.collection, NAMES.id_of(sample.draft.kind, sample.draft.thing))
        store.extend(Quad(triple.subject, triple.predicate, triple.object, document) for triple in sample.draft.triples)
    assert list(store.query(query, use_default_graph_as_union=True))  # type: ignore[arg-type]
