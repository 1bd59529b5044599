"""The hub's JSON-LD context, written from the shapes: with it the JSON of a thing is exactly its graph.

Keys are scoped by the type of the kind (JSON-LD 1.1, 4.1.5), and those of parts by the key that leads to them, so that two kinds may use one key
for two paths. Derived members map to null. The context imports nothing.
"""

from __future__ import annotations

from typing import Any

from server.graph.kinds import Field, Registry, Shape
from server.graph.vocabulary import PREFIXES, RDF, XSD, compact


def build(registry: Registry) -> dict[str, Any]:
    """Write the context for all kinds of the registry."""
    context: dict[str, Any] = {"@version": 1.1, **PREFIXES, "iri": "@id", "type": "@type", "id": None, "revision": None}
    for kind in registry.kinds.values():
        scoped = {each.key: _term(registry, each, ()) for each in kind.fields}
        for target in kind.targets:
            context[compact(target.value)] = {"@id": target.value, "@context": scoped}
    return context


def _term(registry: Registry, found: Field, above: tuple[str, ...]) -> dict[str, Any]:
    term: dict[str, Any] = {"@id": found.path.value}
    part = registry.part_of(found)
    if part is not None:
        if part.iri not in above:
            term["@context"] = _part_context(registry, part, (*above, part.iri))
    elif found.iri or found.refers:
        term["@type"] = "@id"
    elif found.language:
        term["@container"] = "@language"
    elif len(found.datatypes) == 1 and (datatype := next(iter(found.datatypes))) not in (XSD.string, RDF.langString):
        term["@type"] = datatype.value
    return term


def _part_context(registry: Registry, part: Shape, above: tuple[str, ...]) -> dict[str, Any]:
    return {"id": None, **{each.key: _term(registry, each, above) for each in part.fields}}
