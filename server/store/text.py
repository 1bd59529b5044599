"""Fill terms into the hub's own SPARQL text. The only place where a value meets a query.

A template is a constant of the code with `$name` where a term belongs; pyoxigraph writes every term in N-Triples
syntax, so no value can end the place it stands in. Nothing else may be substituted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

from server.store.lexer import Token, tokens

Filling = NamedNode | BlankNode | Literal | int | Iterable[NamedNode | BlankNode | Literal | Triple]

_MOST_WORDS = 100_000
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


def places(sparql: str) -> list[str]:
    """Return the names of the `$name` in a query of somebody else's, in the order of their first use; those in strings and comments are none."""
    return list(dict.fromkeys(each.text[1:] for each in _variables(sparql)))


def bind(sparql: str, terms: Mapping[str, Sequence[NamedNode | Literal]]) -> str:
    """Put terms in the places of a query of somebody else's: each `$name` that stands as a variable becomes its terms, none becomes UNDEF.

    What is replaced are terminals of the grammar: a `$name` within a string, an IRI or a comment stays as it is, so that no value can
    end what it stands in.
    """
    parts: list[str] = []
    end = 0
    for each in _variables(sparql):
        if (name := each.text[1:]) in terms:
            parts += [sparql[end : each.start], write(terms[name]) or "UNDEF"]
            end = each.start + len(each.text)
    return "".join([*parts, sparql[end:]])


def bind_rows(sparql: str, names: Sequence[str], rows: Iterable[Sequence[NamedNode | Literal]]) -> str:
    """Let some variables of a query be bound in turn to each of these rows.

    The rows stand at the beginning of each branch of a WHERE that is a union, else of the whole: engines look up what follows rows in
    a group, but work a union out for everything there is before they join it.
    """
    given = f" VALUES ({' '.join(f'?{name}' for name in names)}) {{ {' '.join(f'({write(row)})' for row in rows)} }} "
    parts, end = [], 0
    for start in _branches(sparql):
        parts += [sparql[end:start], given]
        end = start
    return "".join([*parts, sparql[end:]])


@lru_cache(maxsize=256)
def _branches(sparql: str) -> tuple[int, ...]:
    """Find where the groups of a WHERE begin that are joined by nothing but UNION and begin with a pattern."""
    found: list[int] = []
    unions: list[bool] = []  # of each open brace: is it a group that begins with groups, as do those around it
    words = tokens(sparql, _MOST_WORDS)
    groups = 1 + any(each.text.upper() == "CONSTRUCT" for each in words if each.kind == "word")  # the template comes first
    for before, each, after in zip(["", *(each.text for each in words)], words, [*(each.text for each in words[1:]), ""], strict=False):
        if each.text == "{":
            groups -= not unions
            branch = unions[-1] and before.upper() in ("{", "}", "UNION") if unions else groups <= 0
            unions.append(branch and after == "{")
            if branch and after != "{":
                found.append(each.start + 1)
        elif each.text == "}" and unions:
            unions.pop()
    if not found:
        raise ValueError("write the query as CONSTRUCT { … } WHERE { … }")
    return tuple(found)


@lru_cache(maxsize=256)
def _variables(sparql: str) -> list[Token]:
    return [each for each in tokens(sparql, _MOST_WORDS) if each.kind == "variable" and each.text.startswith("$")]


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
