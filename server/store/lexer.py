"""Cut SPARQL into the terminals of its grammar (SPARQL 1.1 §19.8), with one compiled expression.

Only what is lexical is known here. A text is read as a standard lexer reads it, the longest terminal first; `server.store.guard`
knows where an engine may read it otherwise.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from server.errors import QueryRefused

# PN_CHARS_BASE, and what a name may go on with
_BASE = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_START = _BASE + "_"
_INNER = _START + "0-9\u00b7\u0300-\u036f\u203f\u2040\\-"
_CODEPOINT = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_ESCAPE = rf"%[0-9A-Fa-f]{{2}}|\\[_~.\-!$&'()*+,;=/?#@%]|{_CODEPOINT}"
_PREFIX = rf"[{_BASE}](?:[{_INNER}.]{{0,100}}[{_INNER}])?"  # bounded: what is tried at every letter must not read to the end
_LOCAL = rf"(?:[{_START}:0-9]|{_ESCAPE})(?:(?:[{_INNER}.:]|{_ESCAPE})*(?:[{_INNER}:]|{_ESCAPE}))?"

_TERMINALS = rf"""
    (?P<space>[ \t\r\n]+)
  | (?P<comment>\#[^\r\n]*)
  | (?P<iri><(?:[^\x00-\x20<>"{{}}|^`\\]|{_CODEPOINT})*>)
  | (?P<string>
      \"\"\"[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*\"\"\"
    | '''[^'\\]*(?:(?:\\[\s\S]|'(?!''))[^'\\]*)*'''
    | "(?!"")[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"
    | '(?!'')[^'\\\r\n]*(?:\\[^\r\n][^'\\\r\n]*)*')
  | (?P<variable>[?$][{_START}0-9][{_START}0-9\u00b7\u0300-\u036f\u203f\u2040]*)
  | (?P<blank>_:[{_START}0-9](?:[{_INNER}.]*[{_INNER}])?)
  | (?P<name>(?:{_PREFIX})?:(?:{_LOCAL})?)
  | (?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
  | (?P<number>(?:[0-9]*\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+\.[eE][+-]?[0-9]+)
  | (?P<word>[A-Za-z][A-Za-z0-9_]*)
  | (?P<escape>{_CODEPOINT})
  | (?P<mark>\^\^|&&|\|\||!=|<=|>=|<<|>>|[{{}}()\[\].;,=<>!*/+\-|^?])
"""
_TOKEN = re.compile(_TERMINALS, re.VERBOSE)
_BLANKS = ("space", "comment")


class Token(NamedTuple):
    """One terminal: its kind (a group of the expression above), its text, where it starts."""

    kind: str
    text: str
    start: int


def tokens(text: str, most: int) -> list[Token]:
    """Cut a text into terminals, without blanks and comments; raise `QueryRefused` where none can be read, or when they are too many."""
    found: list[Token] = []
    position, end, match_at = 0, len(text), _TOKEN.match
    while position < end:
        match = match_at(text, position)
        if match is None:
            raise refused(_unreadable(text, position), text, position)
        kind = match.lastgroup or ""
        if kind not in _BLANKS:
            found.append(Token(kind, match[0], position))
            if len(found) > most:
                raise refused(f"The query has more than {most} words; ask in several queries.", text, position)
        position = match.end()
    return found


def refused(reason: str, text: str, position: int) -> QueryRefused:
    """Make the refusal of a text for what stands at a position, counted in lines and columns from 1."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return QueryRefused(f"{reason} (line {line}, column {column})", line=line, column=column)


def _unreadable(text: str, position: int) -> str:
    character = text[position]
    if character in "\"'":
        return "The string that starts here does not end."
    if character == "\0":
        return "A query cannot hold the character U+0000."
    return f"No word of SPARQL starts with {character!r}."
