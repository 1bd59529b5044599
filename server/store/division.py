"""Divide a DELETE/INSERT of SPARQL Update, cut into terminals, into its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.store.lexer import Token


@dataclass(frozen=True)
class Parts:
    """The parts of a DELETE/INSERT: the graph of WITH, the templates and the group with their braces, the graphs of USING (NAMED or not)."""

    within: Token | None
    delete: Sequence[Token]
    insert: Sequence[Token]
    using: Sequence[tuple[bool, Token]]
    group: Sequence[Token]


def divide(found: Sequence[Token]) -> Parts | None:
    """Find the parts of a DELETE/INSERT, or None where it has not the form of one."""
    rest, within = list(found), None
    templates: dict[str, Sequence[Token]] = {"DELETE": (), "INSERT": ()}
    using: list[tuple[bool, Token]] = []
    if _word(rest) == "WITH":
        within, rest = (rest[1] if len(rest) > 1 else None), rest[2:]
    if _word(rest) == "DELETE" and _word(rest[1:]) == "WHERE":
        group = _group(rest[2:])
        return Parts(within, group, (), (), group) if group and len(group) == len(rest) - 2 else None
    for name in ("DELETE", "INSERT"):
        if _word(rest) == name:
            templates[name] = _group(rest[1:])
            rest = rest[1 + len(templates[name]) :]
    while _word(rest) == "USING":
        named = _word(rest[1:]) == "NAMED"
        graph = rest[2 if named else 1 :][:1]
        using += [(named, each) for each in graph]
        rest = rest[3 if named else 2 :]
    group = _group(rest[1:]) if _word(rest) == "WHERE" else ()
    whole = group and len(group) == len(rest) - 1 and (templates["DELETE"] or templates["INSERT"])
    return Parts(within, templates["DELETE"], templates["INSERT"], using, group) if whole else None


def _word(rest: Sequence[Token]) -> str:
    return rest[0].text.upper() if rest and rest[0].kind == "word" else ""


def _group(rest: Sequence[Token]) -> Sequence[Token]:
    """Return the terminals of the group in braces that these begin with."""
    depth = 0
    for place, token in enumerate(rest):
        if token.kind == "mark":
            depth += (token.text == "{") - (token.text == "}")
        if depth == 0:
            return rest[: place + 1] if place else ()
    return ()
