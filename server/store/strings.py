"""Refuse queries that build strings without measure, or match them without end, before an engine begins.

A remote engine shares its heap and its threads with everybody: a string that is doubled thirty times ends it, and a regular expression of Java
with a back-reference cannot be stopped at all. How long strings become is worked out from the query alone, roughly and from above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from server.store.lexer import Token, refused

MOST_CHARACTERS = 1 << 26
_MOST_WILD = 5
_USUAL = 100  # characters of a value from the graph
_GROUP = 1_000  # rows that a GROUP_CONCAT joins
_SHORT = 20  # characters of a number or a truth value
_ROUNDS = 64
_BUILDS = re.compile(r"concat|replace", re.IGNORECASE)
_MATCHES = re.compile(r"regex|replace", re.IGNORECASE)
_TELLS = frozenset(("STRLEN", "REGEX", "CONTAINS", "STRSTARTS", "STRENDS", "BOUND", "COUNT", "MD5", "SHA1", "SHA256", "SHA384", "SHA512"))
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_WILD = re.compile(r"\.(?:[*+]|\{\d+,\})")


def check_strings(text: str, found: Sequence[Token]) -> None:
    """Raise `QueryRefused`, with the position, for a query that could build or match strings without end."""
    if _MATCHES.search(text):
        _check_patterns(text, found)
    if _BUILDS.search(text):
        _Sizes(text, found).check()


def _check_patterns(text: str, found: Sequence[Token]) -> None:
    for token in found:
        if token.kind != "string":
            continue
        content = token.text[3:-3] if token.text[:3] in ('"""', "'''") else token.text[1:-1]
        if any(escaped in "123456789" for escaped in _ESCAPED.findall(_ESCAPED.sub(r"\1", content))):  # at the end of a text it is empty
            raise refused("Back-references in regular expressions are not allowed: they can take for ever.", text, token.start)
        if len(_WILD.findall(content)) > _MOST_WILD:
            raise refused(f"A regular expression has more than {_MOST_WILD} times .* or .+; use CONTAINS, or several filters.", text, token.start)


class _Sizes:
    """How long the values of a query's expressions can become."""

    def __init__(self, text: str, found: Sequence[Token]) -> None:
        self._text, self._found = text, found
        self._ends: dict[int, int] = {}
        self._sizes: dict[str, int] = {}
        stack: list[int] = []
        for place, token in enumerate(found):
            if token.text == "(":
                stack.append(place)
            elif token.text == ")" and token.kind == "mark" and stack:
                self._ends[stack.pop()] = place

    def check(self) -> None:
        """Work out the sizes of what `AS` names, from each other, then look at all other calls."""
        named = list(self._named())
        for _ in range(min(len(named) + 1, _ROUNDS)):
            before = dict(self._sizes)
            for begin, end, name in named:
                self._sizes[name] = max(self._sizes.get(name, 0), self._size(begin, end))
            if before == self._sizes:
                break
        place = 0
        while place < len(self._found):
            place = self._call(place)[0] if self._calls(place) else place + 1

    def _named(self) -> Iterator[tuple[int, int, str]]:
        """Yield where the expressions are that get a name: `( expression AS ?name )`."""
        for begin, end in self._ends.items():
            if end - begin > 3 and self._found[end - 2].text.upper() == "AS" and self._found[end - 1].kind == "variable":
                yield begin + 1, end - 2, self._found[end - 1].text[1:]

    def _calls(self, place: int) -> bool:
        return self._found[place].kind == "word" and place + 1 in self._ends

    def _size(self, begin: int, end: int) -> int:
        """Return the size of the longest thing that stands in an expression."""
        longest, place = 0, begin
        while place < end:
            if self._calls(place):
                place, size = self._call(place)
            else:
                token = self._found[place]
                size = self._sizes.get(token.text[1:], _USUAL) if token.kind == "variable" else len(token.text) if token.kind == "string" else _SHORT
                place += 1
            longest = max(longest, size)
        return longest

    def _call(self, place: int) -> tuple[int, int]:
        """Return where a call ends and how long its value can be."""
        name, end = self._found[place].text.upper(), self._ends[place + 1]
        sizes = [self._size(first, last) for first, last in self._arguments(place + 2, end)]
        size = max(sizes, default=0)
        if name == "CONCAT":
            size = sum(sizes)
        elif name == "GROUP_CONCAT":
            size = sum(sizes) * _GROUP
        elif name == "REPLACE" and len(sizes) > 2:
            size = sizes[0] * max(1, sizes[2])
        if size > MOST_CHARACTERS:
            raise refused(f"The {name} can build a string of more than {MOST_CHARACTERS} characters.", self._text, self._found[place].start)
        return end + 1, _SHORT if name in _TELLS else size

    def _arguments(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        first = place = begin
        while place < end:
            if self._found[place].text == ",":
                yield first, place
                first = place + 1
            place = self._ends.get(place, place) + 1
        yield first, end
