"""Look at a stranger's SPARQL before any engine does: its form, its dataset, and whether it asks for what is not allowed.

Whether the text is SPARQL at all is for the engine to say. What has to be certain is that it reaches for nothing outside the
store (`SERVICE`, functions and properties that run code of the engine) and is not so deep that a parser dies of it.

Engines do not agree on where a terminal ends. Some have a lexer, as the grammar wants; pyoxigraph and the Oxigraph server have none:
they take `SERVICEex:x {}` for `SERVICE ex:x {}`, and `'a'<'x>y'` for a comparison of two strings, where a lexer sees the IRI `<'x>`
and a string that begins after it and may hide a `SERVICE`. A text that can be read in both ways is refused. They do not agree
on `\\u0053` outside strings either, so a text with such escapes has to pass as it is and with the escapes replaced (§19.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from server.errors import QueryRefused
from server.store.base import Form
from server.store.lexer import Token, refused, tokens
from server.store.strings import check_strings

_FORMS: dict[str, Form] = {"SELECT": "select", "ASK": "ask", "CONSTRUCT": "construct", "DESCRIBE": "construct"}
_UPDATES = frozenset({"INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"})
_FUNCTIONS = "http://www.w3.org/2001/XMLSchema#"  # casts; every other function has a name of its own in SPARQL
_ENGINE = re.compile(r"^java:|//jena\.apache\.org|//jena\.hpl\.hp\.com", re.IGNORECASE)  # classes and magic properties of Jena
_SERVICE = re.compile("service", re.IGNORECASE)
_GLUED = re.compile(r"filter|having|by", re.IGNORECASE)
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_ESCAPED_OR_PAIR = re.compile(r"(?:\\\\)|\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_LOCAL_ESCAPE = re.compile(r"\\([_~.\-!$&'()*+,;=/?#@%])")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S*$")
_END: Token = Token("end", "", -1)


@dataclass(frozen=True)
class Bounds:
    """How long a query may be (characters), of how many words, and how deep its brackets may nest."""

    text: int = 1 << 20
    words: int = 100_000
    depth: int = 100


@dataclass(frozen=True)
class Inspected:
    """What a query says of itself: form, graphs of its `FROM` and `FROM NAMED`, prefixes, whether it needs a base, and its first word."""

    form: Form
    froms: tuple[str, ...] = ()
    from_named: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)
    relative: bool = False
    verb: str = ""

    @property
    def dataset(self) -> bool:
        """Tell whether the query names its dataset."""
        return bool(self.froms or self.from_named)


STANDARD = Bounds()


def inspect(sparql: str, bounds: Bounds = STANDARD) -> Inspected:
    """Find a query's form and dataset; raise `QueryRefused`, with line and column, for what is not allowed."""
    if len(sparql) > bounds.text:
        raise QueryRefused(f"The query has {len(sparql)} characters; at most {bounds.text} are read. Ask in several queries.")
    if unwritable := _UNWRITABLE.search(sparql):
        raise refused(f"A query cannot hold the character U+{ord(unwritable[0]):04X}.", sparql, unwritable.start())
    found = _Reading(sparql, bounds).inspect()
    for other in _unescaped(sparql):
        if _Reading(other, bounds).inspect() != found:
            raise QueryRefused(r"The query reads differently with its \u escapes replaced; write keywords and punctuation without them.")
    return found


def _unescaped(sparql: str) -> Iterator[str]:
    r"""Replace codepoint escapes: all of them, and all but those whose backslash is itself escaped (`\\u0041`)."""
    if "\\u" in sparql or "\\U" in sparql:
        for pattern in (_ESCAPED, _ESCAPED_OR_PAIR):
            text = pattern.sub(_character, sparql)
            if unwritable := _UNWRITABLE.search(text):
                raise refused(f"An escape stands for U+{ord(unwritable[0]):04X}, which is no character.", text, unwritable.start())
            yield text


def _character(match: re.Match[str]) -> str:
    code = int(match[1] or match[2] or "-1", 16)
    if code > 0x10FFFF:
        raise refused("An escape stands for no character.", match.string, match.start())
    return chr(code) if code >= 0 else match[0]


@dataclass
class _Open:
    """An open bracket: which, whether an expression stands in it, and whether expressions go on after it."""

    mark: str
    expression: bool
    after: bool


@dataclass
class _Reading:
    """One reading of a text, token by token."""

    text: str
    bounds: Bounds
    base: str = ""
    prefixes: dict[str, str] = field(default_factory=dict)

    def inspect(self) -> Inspected:
        """Check every token and return what the query says of itself."""
        found = tokens(self.text, self.bounds.words)
        start = self._prologue(found)
        first = found[start] if start < len(found) else _END
        form = self._form(first)
        self._service(found)
        self._iris(found)
        relative = any(token.kind == "iri" and not _ABSOLUTE.match(self.resolve(token)) for token in found)
        self._brackets(found[start:])
        check_strings(self.text, found)
        graphs = tuple(self._dataset(found[start:]))
        froms, named = (tuple(iri for kind, iri in graphs if kind == wanted) for wanted in ("FROM", "NAMED"))
        prefixes = {name[:-1]: iri for name, iri in self.prefixes.items() if _ABSOLUTE.match(iri)}
        return Inspected(form, froms, named, prefixes, relative, first.text.lower())

    def _refuse(self, reason: str, token: Token) -> QueryRefused:
        return refused(reason, self.text, token.start if token is not _END else len(self.text))

    def _prologue(self, found: list[Token]) -> int:
        """Read BASE and PREFIX, and return where the query proper begins."""
        at = 0
        while at < len(found) and found[at].kind == "word":
            word = found[at].text.upper()
            if word == "BASE" and at + 1 < len(found):
                self.base = self.resolve(found[at + 1])
                at += 2
            elif word == "PREFIX" and at + 2 < len(found):
                self.prefixes[found[at + 1].text] = self.resolve(found[at + 2])
                at += 3
            else:
                break
        return at

    def _form(self, token: Token) -> Form:
        word = token.text.upper()
        if word in _UPDATES:
            raise self._refuse(f"{word} is an update, and this is the door for queries.", token)
        if word not in _FORMS:
            raise self._refuse("A query starts with SELECT, ASK, CONSTRUCT or DESCRIBE, after its BASE and PREFIX lines.", token)
        return _FORMS[word]

    def _service(self, found: list[Token]) -> None:
        """Refuse SERVICE, and what an engine without a lexer takes for it."""
        if not _SERVICE.search(self.text):
            return
        for before, token, after, then in _windows(found):
            if token.kind == "word" and _SERVICE.search(token.text):
                raise self._refuse("SERVICE is not allowed: the hub asks no other server on behalf of a query.", token)
            if token.kind in ("name", "blank", "language") and _SERVICE.search(token.text):
                opens = after.text == "{" or (then.text == "{" and after.kind in ("iri", "name", "variable"))
                if opens and before.text.upper() not in ("GRAPH", "NAMED", "FROM", "DESCRIBE"):
                    raise self._refuse(f"{token.text[:80]} before a brace can be read as SERVICE, which is not allowed.", token)

    def _iris(self, found: list[Token]) -> None:
        """Refuse names that make an engine run code of its own."""
        for token in found:
            if token.kind in ("iri", "name") and _ENGINE.search(iri := self.resolve(token)):
                raise self._refuse(f"<{iri[:200]}> stands for code of an engine and not for data; it is not allowed.", token)

    def _dataset(self, found: list[Token]) -> Iterator[tuple[str, str]]:
        """Yield the graphs of FROM and FROM NAMED, which stand before the first brace (after the template of a CONSTRUCT)."""
        depth = 0
        for _, token, after, then in _windows(found):
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0 and token.kind == "word" and token.text.upper() == "FROM":
                named = after.text.upper() == "NAMED"
                yield ("NAMED", self.resolve(then)) if named else ("FROM", self.resolve(after))

    def _brackets(self, found: list[Token]) -> None:
        """Check that brackets match and are not too deep, and what stands in the round ones."""
        stack: list[_Open] = []
        going = False  # after SELECT, BY and HAVING expressions follow without brackets, after FILTER one does
        before = _END
        once = False
        for token in found:
            text = token.text
            inside = bool(stack) and stack[-1].expression
            if token.kind == "word":
                going, once = _goes_on(text.upper(), going, once)
            elif token.kind == "iri":
                self._comparison(before, token, inside)
            elif text in ("(", "{", "["):
                if len(stack) >= self.bounds.depth:
                    raise self._refuse(f"Brackets nest deeper than {self.bounds.depth}.", token)
                expression = text == "(" and self._opens(before, inside, going or once)
                stack.append(_Open(text, expression, going))
                going = once = False
            elif text in (")", "}", "]") and token.kind == "mark":
                if not stack or stack[-1].mark + text not in ("()", "{}", "[]"):
                    raise self._refuse(f"This {text} closes nothing.", token)
                going, once = stack.pop().after, False
            before = token
        if stack:
            raise self._refuse(f"A {stack[-1].mark} is not closed.", _END)

    def _opens(self, before: Token, inside: bool, follows: bool) -> bool:
        """Tell whether an expression stands in the bracket after a token; refuse calls of functions that SPARQL does not have."""
        if before.kind not in ("iri", "name"):
            return inside or follows or (before.kind == "word" and before.text != "a")
        if inside or follows:
            function = self.resolve(before)
            if not function.startswith(_FUNCTIONS):
                raise self._refuse(
                    f"The function <{function[:200]}> is not known here; besides SPARQL's own there are the casts to xsd types.", before
                )
            return True
        if before.kind == "name" and _GLUED.search(before.text.partition(":")[0]):
            raise self._refuse(f"{before.text[:80]} before a bracket can be read as a keyword and a function; use another prefix.", before)
        return False

    def _comparison(self, before: Token, token: Token, inside: bool) -> None:
        """Refuse `?a<?b…>`, in an expression and after an operand: an IRI to some engines, a comparison to others."""
        if inside and (before.kind in ("variable", "iri", "name", "string", "number", "language", "word") or before.text == ")"):
            raise self._refuse("This can be read as an IRI and as a comparison; put a blank after the <.", token)

    def resolve(self, token: Token) -> str:
        """Return the IRI that a token stands for."""
        return resolve(token, self.base, self.prefixes)


def resolve(token: Token, base: str, prefixes: Mapping[str, str]) -> str:
    """Return the IRI that a token stands for; an unknown prefix is left to the engine."""
    text = "".join(_ESCAPED.sub(_character, token.text)) if "\\" in token.text else token.text
    if token.kind == "iri":
        return _resolved(text[1:-1], base)
    if token.kind == "name":
        prefix, _, local = text.partition(":")
        return prefixes.get(prefix + ":", prefix + ":") + (_LOCAL_ESCAPE.sub(r"\1", local) if "\\" in local else local)
    return ""


def _resolved(iri: str, base: str) -> str:
    if not base or _ABSOLUTE.match(iri):
        return iri
    try:
        return urljoin(base, iri) + ("#" if iri.endswith("#") else "")  # urljoin leaves an empty fragment out
    except ValueError:  # no IRI at all (`//[x`): the engine says so
        return iri


def _goes_on(word: str, going: bool, once: bool) -> tuple[bool, bool]:
    """Tell whether expressions follow a word without brackets: any number, or one."""
    if word in ("SELECT", "BY", "HAVING"):
        return True, False
    if word in ("WHERE", "FROM", "LIMIT", "OFFSET", "VALUES"):
        return False, False
    return going, once or word == "FILTER"


def _windows(found: Iterable[Token]) -> Iterator[tuple[Token, Token, Token, Token]]:
    """Yield every token with the one before it and the two after it."""
    line = [_END, *found, _END, _END]
    return zip(line, line[1:], line[2:], line[3:], strict=False)
