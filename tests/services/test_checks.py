"""Checks of what is stored: a well store passes, and every kind of damage is found and named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from server.graph.kinds import Registry
from server.graph.ontology import Ontologies
from server.graph.vocabulary import DCT
from server.hub import Hub, wire
from server.services import checks
from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from server.services.migrations import migrate
from server.store.base import Store
from server.store.text import fill
from server.values import ROOT
from tests.support.settings import make_settings


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path) -> Iterator[Hub]:
    settings = make_settings(tmp_path)
    migrate(*stores, settings.base_iri)
    hub = wire(settings, *stores, Registry.load(settings.shapes))
    hub.indexing.feed.stop()  # so that damage done behind its back stays
    yield hub
    hub.identity.close()
    hub.index.close()


def create(hub: Hub, collection: str, **members: object) -> NamedNode:
    return hub.assets.create(SYSTEM, collection, Document(JSON, members)).document


def everything(hub: Hub) -> list[str]:
    found = checks.heads(hub.tools)
    hub.indexing.settle()
    return [
        *checks.check_log(found, hub.tools.history.last()),
        *checks.check_things(hub.tools, found),
        *checks.check_index(hub.index, found),
    ]


def test_damage_is_found_and_named(hub: Hub) -> None:
    model, other = create(hub, "models", title="One"), create(hub, "models", title="Two")
    deleted = create(hub, "models", title="Three")
    hub.assets.delete(SYSTEM, "models", deleted.value.rpartition("/")[2], None)
    assert everything(hub) == []
    hub.kg.load([Quad(hub.tools.names.thing("models", model.value.rpartition("/")[2]), DCT.description, Literal("behind its back"), model)])
    hub.kg.update(fill("DELETE WHERE { GRAPH $document { ?s $title ?o } }", document=other, title=DCT.title))
    names = [f"models/{document.value.rpartition('/')[2]}" for document in (model, other)]
    found = everything(hub)
    assert [f"{name}: the graph is not what its history says." in found for name in names] == [True, True]
    assert [line for line in found if line.startswith(names[1]) and "title" in line], found
    assert len(found) == 3


def test_an_index_that_lags_or_has_too_much_is_found(hub: Hub) -> None:
    id = create(hub, "models", title="One").value.rpartition("/")[2]
    (head,) = checks.heads(hub.tools)
    known = {"models": [(id, 1, head.sequence)]}

    class Lagging:
        def revisions(self, kind: str) -> Iterator[tuple[str, int, int]]:
            return iter(known[kind])

        def check(self) -> list[str]:
            return ["A table is damaged."]

    assert list(checks.check_index(Lagging(), [head])) == ["Index: A table is damaged."]
    assert next(iter(checks.check_index(Lagging(), [dataclasses.replace(head, revision=2)]))).endswith("the store has revision 2, the index 1.")
    known["models"] = [("b" * 64, 1, 1)]
    texts = list(checks.check_index(Lagging(), [head]))
    assert any("lacks it" in text for text in texts) and any("the store does not" in text for text in texts)
    assert list(checks.check_log([head], head.sequence + 1)) == [
        f"The change log ends at {head.sequence + 1}, the newest revision is {head.sequence}."
    ]


def test_shapes_use_terms_that_an_ontology_describes() -> None:
    ontologies = Ontologies.load()
    assert list(checks.check_shapes(Registry.load([ROOT / "shapes"]), ontologies)) == []
    toy = """
        @prefix shape: <https://w3id.org/cords-hub/shapes#> . @prefix hub: <https://w3id.org/cords-hub/ns#> .
        @prefix sh: <http://www.w3.org/ns/shacl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix toy: <http://toy.test/> .
        shape:Toy a sh:NodeShape, hub:Kind ; sh:targetClass toy:Toy ; hub:collection "toys" ; hub:type toy:Toy ; rdfs:label "toy"@en ."""
    assert list(checks.check_shapes(Registry.parse([("toy", toy)]), ontologies)) == ["toy: no ontology describes http://toy.test/Toy."]
