"""A graph as one JSON-LD 1.1 object: each node stands where it is first referred to from the root, and nowhere twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.vocabulary import PREFIXES, RDF, XSD, compact
from server.graph.writing import INCLUDED, Nodes, by_subject
from server.store.base import Term


def nested(triples: Iterable[Triple], root: NamedNode) -> dict[str, Any]:
    """Write a graph as a tree below a node; what nothing leads to stands in `@included`. The same graph gives the same object."""
    nodes = by_subject(triples)
    writing = _Tree(nodes)
    tree = writing.node(root)
    while rest := sorted((each for each in nodes if each not in writing.seen), key=str):
        tree.setdefault(INCLUDED, []).append(writing.node(rest[0]))
    return {"@context": {prefix: PREFIXES[prefix] for prefix in sorted(writing.prefixes)}, **tree}


class _Tree:
    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self.seen: set[Term] = set()
        self.prefixes: set[str] = set()

    def node(self, node: Term) -> dict[str, Any]:
        self.seen.add(node)
        written: dict[str, Any] = {"@id": str(node.value)}
        properties = sorted(self._nodes.get(node, {}).items(), key=lambda each: (each[0] != RDF.type, each[0].value))
        for predicate, values in properties:
            if predicate == RDF.type:
                written["@type"] = [self._short(str(each.value)) for each in values]
                continue
            shown = [self._value(each) for each in values]
            written[self._short(predicate.value)] = shown[0] if len(shown) == 1 else shown
        return written

    def _value(self, value: Term) -> Any:
        if not isinstance(value, Literal):
            return self.node(value) if value in self._nodes and value not in self.seen else {"@id": str(value.value)}
        if value.language:
            return {"@value": value.value, "@language": value.language}
        return value.value if value.datatype == XSD.string else {"@value": value.value, "@type": self._short(value.datatype.value)}

    def _short(self, iri: str) -> str:
        short = compact(iri)
        if short != iri:
            self.prefixes.add(short.partition(":")[0])
        return short
