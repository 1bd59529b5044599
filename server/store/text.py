"""Fill terms into the hub's own SPARQL text. The only place where a value meets a query.

A template is a constant of the code with `$name` where a term belongs; pyoxigraph writes every term in N-Triples
syntax, so no value can end the place it stands in. Nothing else may be substituted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

Filling = NamedNode | BlankNode | Literal | int | Iterable[NamedNode | BlankNode | Literal | Triple]

_PLACE = re.compile(r"\$([a-z_]+)")


def fill(template: str, **terms: Filling) -> str:
    """Replace each `$name` by its term, or by its terms one after another (VALUES lists, blocks of triples).

    Raises `KeyError` for a place without a term and `ValueError` for a term without a place: both are programming errors.
    """
    used: set[str] = set()

    def place(match: re.Match[str]) -> str:
        used.add(match[1])
        return write(terms[match[1]])

    text = _PLACE.sub(place, template)
    if unused := terms.keys() - used:
        raise ValueError(f"no place in the template for {sorted(unused)}")
    return text


def block(quad: Quad) -> str:
    """Write a quad of a named graph as a graph block."""
    return f"GRAPH {quad.graph_name} {{ {quad.subject} {quad.predicate} {quad.object} }}"


def blocks(quads: Iterable[Quad]) -> str:
    """Write quads of named graphs as graph blocks, one for each run of quads of the same graph."""
    return " ".join(f"GRAPH {name} {{ {write([each.triple for each in group])} }}" for name, group in groupby(quads, lambda quad: quad.graph_name))


def write(term: Filling) -> str:
    """Write one term, or several with blanks between; a triple ends with its full stop."""
    if isinstance(term, int):
        return str(term)
    if isinstance(term, Triple):
        return f"{term} ."
    if isinstance(term, (NamedNode, BlankNode, Literal)):
        return str(term)
    return " ".join(write(each) for each in term)
