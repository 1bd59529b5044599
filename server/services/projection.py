"""From a thing to its row in the search index, by the shape of its kind."""

from __future__ import annotations

from collections.abc import Iterable

from pyoxigraph import Literal

from server.graph.kinds import Field
from server.graph.literals import plain
from server.graph.vocabulary import RDFS, XSD
from server.graph.writing import Nodes
from server.index.rows import IndexRow, Scalar, SortValue
from server.services.things import Thing, Workbench
from server.store.base import Term

ALWAYS = ("title", "modified", "created")  # every kind can be sorted by these


def project(tools: Workbench, thing: Thing, sequence: int, modified: str) -> IndexRow:
    """Describe a thing for lists: its JSON, its sort keys, its filterable values, its words.

    `modified` is the time of its last revision, for kinds without a field of that name.
    """
    sorts: dict[str, SortValue] = {"title": None, "created": modified, "modified": modified}
    terms: list[tuple[str, Scalar]] = []
    words: dict[int, list[str]] = {}
    nodes, wanted, sortable = thing.nodes, tools.registry.filterable(thing.kind), sort_keys(thing.kind.fields)
    for key, found, _, value in tools.writer.walk(thing.kind, thing.iri, nodes):
        if found.search and isinstance(value, Literal):
            words.setdefault(found.search, []).append(value.value)
        if key in ("created", "modified") or (key in sortable and sorts.get(key) is None):
            sorts[key] = _sortable(value)
        elif key in wanted:
            terms += _terms(tools, key, found, value, nodes)
    return IndexRow(
        kind=thing.kind.collection,
        id=thing.id,
        iri=thing.iri.value,
        sequence=sequence,
        revision=thing.revision,
        item=tools.item(thing),
        sorts={key: sorts.get(key) for key in sortable},
        terms=sorted(set(terms), key=repr),
        text={weight: "\n".join(texts) for weight, texts in words.items()},
    )


def sort_keys(fields: Iterable[Field]) -> list[str]:
    """List the keys that a kind can be sorted by."""
    return list(dict.fromkeys((*ALWAYS, *(found.key for found in fields if found.sort))))


def gone(tools: Workbench, collection: str, id: str, sequence: int, revision: int) -> IndexRow:
    """Describe a deleted thing for the index."""
    return IndexRow(kind=collection, id=id, iri=tools.names.thing(collection, id).value, sequence=sequence, revision=revision, deleted=True)


def _terms(tools: Workbench, key: str, found: Field, value: Term, nodes: Nodes) -> list[tuple[str, Scalar]]:
    """Return what a value is filtered by: a literal's value, an IRI, or the label of a shared node."""
    if isinstance(value, Literal):
        return [(key, plain(value))]
    if tools.registry.part_of(found) is not None:
        return [(key, each.value) for each in nodes.get(value, {}).get(RDFS.label, ()) if isinstance(each, Literal)]
    return [(key, str(value.value))]


def _sortable(value: Term) -> SortValue:
    if not isinstance(value, Literal):
        return None
    scalar = plain(value)
    return scalar if value.datatype != XSD.boolean else str(scalar).lower()
