"""What is counted is what a query counts, soon after a write; and what takes too long is not counted on and on."""

from __future__ import annotations

import time

import pytest
from pyoxigraph import BlankNode, NamedNode

from server.errors import QueryTimeout
from server.graph.vocabulary import RDF
from server.hub import Hub
from server.services import statistics
from server.services.statistics import VOID, Counting
from tests.services.conftest import toy


def counted(hub: Hub, sparql: str) -> int:
    return int(hub.kg.select(f"SELECT (COUNT(*) AS ?n) WHERE {{ SELECT DISTINCT {sparql} }}")[0]["n"].value)


def test_figures_are_those_of_the_store(hub: Hub) -> None:
    counting = Counting(hub.tools)
    toy(hub, keywords=["a", "b"])
    first = counting.current(wait=30)
    assert first is counting.current()  # nothing was written
    toy(hub)
    found = counting.current(wait=30)
    assert (first.kinds["toys"], found.kinds["toys"], found.entities) == (1, 2, 2)
    assert found.triples == counted(hub, "?s ?p ?o WHERE { ?s ?p ?o }") == sum(found.properties.values())
    assert found.subjects == counted(hub, "?s WHERE { ?s ?p ?o }")
    assert found.objects == counted(hub, "?o WHERE { ?s ?p ?o }")
    assert found.graphs == counted(hub, "?g WHERE { GRAPH ?g { ?s ?p ?o } }")
    assert len(found.classes) == counted(hub, "?c WHERE { ?s a ?c }")
    assert found.classes["http://toys.example/ns#Toy"] == 2
    assert found.properties[RDF.type.value] == counted(hub, "?s ?c WHERE { ?s a ?c }")
    assert found.sequence == hub.tools.history.last()
    counting.close()


def test_figures_in_the_words_of_void(hub: Hub) -> None:
    counting = Counting(hub.tools)
    toy(hub)
    dataset = NamedNode("http://hub.test/dataset")
    triples = list(counting.current(wait=30).describe(dataset))
    own = {triple.predicate.value.removeprefix(VOID): triple.object for triple in triples if triple.subject == dataset}
    assert {"triples", "entities", "classes", "properties", "distinctSubjects", "distinctObjects", "classPartition"} <= own.keys()
    toys = [triple.subject for triple in triples if triple.object == NamedNode("http://toys.example/ns#Toy")]
    assert [triple.object.value for triple in triples if triple.subject in toys and triple.predicate.value == VOID + "entities"] == ["1"]  # type: ignore[union-attr]
    assert all(isinstance(node, BlankNode) for node in toys)
    counting.close()


def test_what_takes_long_rests(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_SMALL_SECONDS", 0.0)
    counting = Counting(hub.tools)
    before = counting.current(wait=30)
    toy(hub)
    assert counting.current() is before
    monkeypatch.setattr(statistics, "_REST", 0)
    assert counting.current(wait=30).kinds == {"toys": 1}
    counting.close()


def test_what_is_not_known_is_left_out(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(hub.tools)
    assert counting.current(wait=0).triples is None  # nobody waits for the first count longer than that
    counting.close()

    def slow(*_: object, **__: object) -> None:
        time.sleep(0.01)
        raise QueryTimeout("too slow")

    monkeypatch.setattr(hub.tools.store, "stranger", slow)
    counting = Counting(hub.tools)
    found = counting.current(wait=30)
    assert (found.triples, found.entities, found.kinds, found.properties) == (None, None, {}, {})
    assert {triple.predicate.value.removeprefix(VOID) for triple in found.describe(NamedNode("http://hub.test/d"))}.isdisjoint({"triples", "classes"})
    counting.close()


def test_nothing_is_asked_of_a_store_that_closes(hub: Hub) -> None:
    counting = Counting(hub.tools)
    counting.close()
    assert counting.current(wait=30).triples is None
