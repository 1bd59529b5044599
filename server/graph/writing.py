"""Triples → JSON, by the shape of the kind; with the hub's context the JSON is exactly the graph again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.kinds import Field, Kind, Registry, Shape
from server.graph.literals import to_json
from server.graph.names import Names
from server.graph.vocabulary import RDF, compact
from server.store.base import Term

INCLUDED = "@included"  # of JSON-LD, so that the context needs no word for it
Nodes = dict[Term, dict[NamedNode, list[Term]]]


def by_subject(triples: Iterable[Triple]) -> Nodes:
    """Index triples by subject and predicate, values in the order of their N-Triples text."""
    nodes: Nodes = {}
    for subject, predicate, value in triples:
        nodes.setdefault(subject, {}).setdefault(predicate, []).append(value)
    for properties in nodes.values():
        for values in properties.values():
            if len(values) > 1:
                values.sort(key=str)
    return nodes


class JsonWriter:
    """Turns the graphs of things into JSON, and walks them by shape."""

    def __init__(self, registry: Registry, names: Names) -> None:
        """Write by these kinds, with IRIs below this base."""
        self.registry, self.names = registry, names

    def write(self, kind: Kind, thing: NamedNode, nodes: Nodes, revision: int) -> dict[str, Any]:
        """Map the description of a thing to its JSON object: id, iri, type, revision, then the fields in their order."""
        head: dict[str, Any] = {"id": self.names.id_of(kind, thing), "iri": thing.value}
        seen: set[Term] = set()
        written = {**head, **self._node(kind, thing, nodes, seen, revision)}
        if len(seen) < len(nodes):
            rest = sorted((each for each in nodes if each not in seen), key=str)
            written[INCLUDED] = [included(each, nodes[each]) for each in rest]
        return written

    def field_for(self, shape: Shape, predicate: NamedNode, value: Term, nodes: Nodes) -> Field | None:
        """Find the field that a statement belongs to; two fields on one path are told apart by what the value is."""
        fields = shape.by_path.get(predicate, ())
        if len(fields) < 2:
            return fields[0] if fields and self._fits(fields[0], value, nodes) else None
        ranked = [each for each in fields if self._fits(each, value, nodes)]
        collection = (self.names.split(value.value) or ("",))[0] if isinstance(value, NamedNode) else ""
        return next((each for each in ranked if each.part or collection in each.refers), ranked[0] if ranked else None)

    def _fits(self, found: Field, value: Term, nodes: Nodes) -> bool:
        part = self.registry.part_of(found)
        if part is not None:
            return part.types[0] in nodes.get(value, {}).get(RDF.type, ())
        return isinstance(value, NamedNode) if found.iri or found.refers else isinstance(value, Literal) or value in found.choices

    def _node(self, shape: Shape, node: Term, nodes: Nodes, seen: set[Term], revision: int | None = None) -> dict[str, Any]:
        properties = nodes.get(node, {})
        seen.add(node)
        types = [each for each in properties.get(RDF.type, ()) if isinstance(each, NamedNode)]
        rank = {each: place for place, each in enumerate(shape.types)}
        types.sort(key=lambda each: (rank.get(each, 99), each.value))
        written: dict[str, Any] = {"type": [compact(each.value) for each in types]}
        if revision is not None:
            written["revision"] = revision
        collected: dict[str, list[Any]] = {}
        extensions: dict[str, list[Any]] = {}
        for predicate, values in properties.items():
            if predicate == RDF.type:
                continue
            for value in values:
                found = self.field_for(shape, predicate, value, nodes)
                if found is None:
                    extensions.setdefault(predicate.value, []).append(_expanded(value))
                else:
                    collected.setdefault(found.key, []).append(self._value(found, value, nodes, seen))
        for found in shape.fields:
            if found.key in collected:
                written[found.key] = _gather(found, collected[found.key])
        return {**written, **dict(sorted(extensions.items()))}

    def _value(self, found: Field, value: Term, nodes: Nodes, seen: set[Term]) -> Any:
        part = self.registry.part_of(found)
        if part is not None:
            return {"iri": value.value, **self._node(part, value, nodes, seen)} if not isinstance(value, Literal) else value.value
        return to_json(value, found.datatypes) if isinstance(value, Literal) else value.value

    def walk(self, shape: Shape, node: Term, nodes: Nodes, before: str = "") -> Iterator[tuple[str, Field, Term, Term]]:
        """Yield (dotted key, field, subject, value) of every statement that a field covers, parts included."""
        for predicate, values in nodes.get(node, {}).items():
            for value in values:
                found = self.field_for(shape, predicate, value, nodes)
                if found is not None:
                    yield before + found.key, found, node, value
                    if (part := self.registry.part_of(found)) is not None:
                        yield from self.walk(part, value, nodes, f"{before}{found.key}.")


def _gather(found: Field, values: list[Any]) -> Any:
    """Join the values of one field: a scalar, an array, or for tagged text an object of languages."""
    if found.language and any(isinstance(each, dict) and "@language" in each for each in values):
        languages: dict[str, list[str]] = {}
        for each in values:
            tag = each["@language"] if isinstance(each, dict) else "@none"
            languages.setdefault(tag, []).append(each["@value"] if isinstance(each, dict) else each)
        return {tag: texts[0] if len(texts) == 1 else texts for tag, texts in languages.items()}
    if found.language and len(values) == 1:
        return values[0]
    return values[0] if found.single and len(values) == 1 else values


def included(node: Term, properties: dict[NamedNode, list[Term]]) -> dict[str, Any]:
    """Write a node that no member leads to; all its statements are the owner's own."""
    types = [str(each.value) for each in properties.get(RDF.type, ())]
    others = sorted((predicate.value, [_expanded(each) for each in values]) for predicate, values in properties.items() if predicate != RDF.type)
    return {"iri": node.value, **({"type": types} if types else {}), **dict(others)}


def _expanded(value: Term) -> dict[str, str]:
    if isinstance(value, Literal):
        if value.language is not None:
            return {"@value": value.value, "@language": value.language}
        return {"@value": value.value, "@type": value.datatype.value}
    return {"@id": value.value if isinstance(value, NamedNode) else str(value)}
