"""What a page says of its thing to search engines and to programs that preview links: schema.org as JSON-LD, and Open Graph.

Which class and which property of schema.org stands for which of ours is said by the SKOS matches of the ontologies; nothing here knows a kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.vocabulary import PREFIXES, RDF, SKOS
from server.graph.writing import Nodes
from server.services.things import Thing
from server.store.base import Term

_MATCHES = (SKOS.exactMatch, SKOS.closeMatch, SKOS.broadMatch)
_DEPTH = 3  # parts of parts


def matches(statements: Iterable[Triple]) -> dict[NamedNode, str]:
    """Read which term of schema.org corresponds to which of ours, the closest first."""
    found: dict[NamedNode, tuple[int, str]] = {}
    for each in statements:
        if each.predicate in _MATCHES and isinstance(each.subject, NamedNode) and isinstance(each.object, NamedNode):
            name = each.object.value.removeprefix(PREFIXES["schema"])
            rank = _MATCHES.index(each.predicate)
            if name != each.object.value and rank < found.get(each.subject, (9, ""))[0]:
                found[each.subject] = (rank, name)
    return {term: name for term, (_, name) in found.items()}


def describe(thing: Thing, table: Mapping[NamedNode, str], title: str) -> dict[str, Any]:
    """Write a thing as a JSON-LD document of schema.org."""
    written = _node(thing.iri, thing.nodes, table, 0)
    return {"@context": "https://schema.org/", **written, "name": written.get("name", title), "url": thing.document.value}


def open_graph(thing: Thing, title: str, description: str) -> list[tuple[str, str]]:
    """Write the properties of Open Graph."""
    said = [("og:type", "website"), ("og:site_name", "CORDS Hub"), ("og:title", title), ("og:url", thing.iri.value)]
    return [*said, ("og:description", description)] if description else said


def _node(node: NamedNode, nodes: Nodes, table: Mapping[NamedNode, str], depth: int) -> dict[str, Any]:
    properties = nodes.get(node, {})
    types = [each for each in properties.get(RDF.type, ()) if isinstance(each, NamedNode)]
    own = [each for each in types if each.value.startswith(PREFIXES["schema"])]
    kind = next((each.value.removeprefix(PREFIXES["schema"]) for each in own), None) or next(
        (table[each] for each in types if each in table), "Thing"
    )
    written: dict[str, Any] = {"@type": kind, "@id": node.value}
    for predicate, values in properties.items():
        name = _name(predicate, table)
        if name is not None:
            said = [_value(each, nodes, table, depth) for each in values]
            written.setdefault(name, said[0] if len(said) == 1 else said)
    return written


def _name(predicate: NamedNode, table: Mapping[NamedNode, str]) -> str | None:
    own = predicate.value.removeprefix(PREFIXES["schema"])
    return own if own != predicate.value else table.get(predicate)


def _value(value: Term, nodes: Nodes, table: Mapping[NamedNode, str], depth: int) -> Any:
    if isinstance(value, Literal):
        return {"@value": value.value, "@language": value.language} if value.language else value.value
    if isinstance(value, NamedNode) and value in nodes and depth < _DEPTH:
        return _node(value, nodes, table, depth + 1)
    return {"@id": str(value.value)}
