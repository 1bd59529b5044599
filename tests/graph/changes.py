"""Changes made by hand, for tests of the history."""

from __future__ import annotations

from typing import Any

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.changes import Change
from server.graph.names import Names
from server.graph.vocabulary import DCT, RDF

NAMES = Names("http://hub.test/")
TOY_CLASS = NamedNode("http://toys.example/ns#Toy")


def titled(number: int, title: str, language: str | None = None) -> Triple:
    """Give a toy a title."""
    return Triple(NAMES.thing("toys", f"{number:064x}"), DCT.title, Literal(title, language=language))


def create(number: int, *triples: Triple, **more: Any) -> Change:
    """Create a toy that says these triples and its type."""
    thing = NAMES.thing("toys", f"{number:064x}")
    after = frozenset({Triple(thing, RDF.type, TOY_CLASS), *triples})
    return Change("toys", f"{number:064x}", thing, "create", 0, frozenset(), after, **more)


def revised(change: Change, *triples: Triple, **more: Any) -> Change:
    """Replace what a change said by these triples and the type; without any, by nothing at all."""
    after = frozenset({Triple(change.thing, RDF.type, TOY_CLASS), *triples}) if triples else frozenset()
    return Change("toys", change.id, change.thing, "replace", change.revision, change.after, after, **more)


def document(change: Change) -> NamedNode:
    """Name the document of what is changed."""
    return NAMES.document(change.collection, change.id)
