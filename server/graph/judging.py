"""The shapes as the engines are given them: what the hub's annotations mean, said in SHACL.

* A `hub:refersTo` becomes a `sh:class` that only things of those kinds have in the graph that is validated (`marker`).
* A part gets its own type as target, so that a faulty part is reported itself and not only as the value of the thing's property.
* Where several keys share one path, told apart by what the values are, each value has to be of one of the keys' classes, and what a
  key says of cardinality counts the values of its own class (`sh:qualifiedValueShape`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from server.graph.kinds import Registry
from server.graph.turtle import Reader
from server.graph.vocabulary import HUB, RDF, SH
from server.store.base import Term

_REFERENCE = "urn:x-hub:one-of:"
_QUALIFIED = {SH.minCount: SH.qualifiedMinCount, SH.maxCount: SH.qualifiedMaxCount}


def marker(collections: Iterable[str]) -> NamedNode:
    """Name the class that stands for `things of these collections` while a graph is validated."""
    return NamedNode(_REFERENCE + "+".join(sorted(collections)))


def judging_shapes(registry: Registry) -> list[Triple]:
    """Return the shapes graph for the engines."""
    reader = Reader(registry.shapes)
    classes = _classes(registry, reader)
    shared = {node: group for group in _shared_paths(registry, reader) for node in group}
    shapes = [each for each in registry.shapes if each.subject not in shared or each.predicate not in (SH.node, SH.nodeKind, *_QUALIFIED)]
    for node, own in classes.items():
        if node not in shared:
            if reader.value(node, HUB.refersTo) is not None:
                shapes.append(Triple(node, SH["class"], own))
            continue
        alternatives = [classes[each] for each in shared[node] if each in classes]
        shapes += _either(node, alternatives)
        shapes += _counted(node, own, reader)
    return [*shapes, *_part_targets(registry)]


def _classes(registry: Registry, reader: Reader) -> dict[NamedNode | BlankNode, NamedNode]:
    """Return the class of the values of each property shape that refers to things or holds parts."""
    collections: dict[Term, str] = {NamedNode(kind.iri): kind.collection for kind in registry.kinds.values()}
    found: dict[NamedNode | BlankNode, NamedNode] = {}
    for triple in registry.shapes:
        node = triple.subject
        if not isinstance(node, (NamedNode, BlankNode)):
            continue
        if triple.predicate == HUB.refersTo:
            found[node] = marker(collections[each] for each in reader.objects(node, HUB.refersTo))
        elif triple.predicate == HUB.part and isinstance(triple.object, NamedNode):
            found[node] = registry.parts[triple.object.value].types[0]
    return found


def _shared_paths(registry: Registry, reader: Reader) -> list[list[NamedNode | BlankNode]]:
    """Group the property shapes with a key that have one path in one shape, where there are several."""
    groups: dict[tuple[str, Term], list[NamedNode | BlankNode]] = {}
    for shape in (*registry.kinds.values(), *registry.parts.values()):
        for node in reader.objects(NamedNode(shape.iri), SH.property):
            path = reader.value(node, SH.path)
            if isinstance(node, (NamedNode, BlankNode)) and path is not None and reader.value(node, HUB.key) is not None:
                groups.setdefault((shape.iri, path), []).append(node)
    return [group for group in groups.values() if len(group) > 1]


def _either(node: NamedNode | BlankNode, classes: list[NamedNode]) -> list[Triple]:
    """Say that each value is of one of the classes."""
    written: list[Triple] = []
    rest: NamedNode | BlankNode = RDF.nil
    for each in reversed(classes):
        choice, cell = BlankNode(), BlankNode()
        written += [Triple(choice, SH["class"], each), Triple(cell, RDF.first, choice), Triple(cell, RDF.rest, rest)]
        rest = cell
    return [*written, Triple(node, SH["or"], rest)]


def _counted(node: NamedNode | BlankNode, own: NamedNode, reader: Reader) -> list[Triple]:
    """Say how many values of the key's own class there are."""
    written: list[Triple] = []
    for count, qualified in _QUALIFIED.items():
        if (number := reader.value(node, count)) is not None and isinstance(number, Literal):
            written.append(Triple(node, qualified, number))
    if written:
        value = BlankNode()
        written += [Triple(node, SH.qualifiedValueShape, value), Triple(value, SH["class"], own)]
    return written


def _part_targets(registry: Registry) -> list[Triple]:
    parts = [part.types[0] for part in registry.parts.values()]
    taken = [*registry.by_class, *(each for each in parts if parts.count(each) > 1)]
    return [Triple(NamedNode(part.iri), SH.targetClass, part.types[0]) for part in registry.parts.values() if part.types[0] not in taken]
