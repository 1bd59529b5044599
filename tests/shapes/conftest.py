"""What the tests of the shapes share: the shapes as a graph, as kinds and compiled for both engines, and the sample catalogue as triples."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pyoxigraph import NamedNode, Triple

from server.graph.gate import Gate, context_triples
from server.graph.kinds import Registry
from server.graph.names import Names
from server.graph.reading import Draft, JsonReader
from server.graph.turtle import Reader
from server.graph.writing import JsonWriter, by_subject
from server.services.samples import read_catalogue
from server.values import ROOT

FOLDER = ROOT / "shapes"
NAMES = Names("http://hub.example/")


@dataclass(frozen=True)
class Sample:
    """One thing of the sample catalogue: what the file says, the draft it becomes, the marks of what it refers to."""

    members: dict[str, object]
    draft: Draft
    context: list[Triple]

    @property
    def graph(self) -> list[Triple]:
        """Return what is validated when the thing is written."""
        return [*self.draft.triples, *self.context]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.load([FOLDER])


@pytest.fixture(scope="session")
def shapes(registry: Registry) -> Reader:
    return Reader(registry.shapes)


@pytest.fixture(scope="session")
def gate(registry: Registry) -> Gate:
    return Gate(registry)


@pytest.fixture(scope="session")
def samples(registry: Registry) -> list[Sample]:
    """Read the catalogue as the hub would, each thing knowing those before it."""
    reader, writer = JsonReader(registry, NAMES), JsonWriter(registry, NAMES)
    known: dict[NamedNode, str] = {}
    read = []
    for collection, members in read_catalogue():
        kind = registry.kinds[collection]
        thing = NamedNode(members["iri"]) if kind.external else NAMES.thing(collection, members["id"])
        draft = reader.read(kind, thing, members)
        wanted = [(value, found.refers) for _, found, _, value in writer.walk(kind, thing, by_subject(draft.triples)) if found.refers]
        known[thing] = collection
        read.append(Sample(members, draft, context_triples(known, [(each, asked) for each, asked in wanted if isinstance(each, NamedNode)])))
    return read
