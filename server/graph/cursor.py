"""A place in the tokens of a SPARQL text, what is found there, and what is read the same wherever it stands: brackets, literals, IRIs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin

from pyoxigraph import NamedNode

from server.errors import QueryRefused
from server.store.guard import STANDARD
from server.store.lexer import Token, refused, tokens

_LOCAL_ESCAPE = re.compile(r"\\([_~.\-!$&'()*+,;=/?#@%])")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_CODEPOINT = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")


@dataclass(frozen=True)
class Node:
    """A subject or object: how it is written, its IRI if it is one, whether it is a variable, and whether it had no name."""

    text: str
    iri: NamedNode | None = None
    variable: bool = False
    unnamed: bool = False


@dataclass(frozen=True)
class Pattern:
    """One triple pattern. A verb that is a path has `path`: its properties as IRIs, the rest as text."""

    subject: Node
    verb: NamedNode | None
    verb_text: str
    object: Node
    path: tuple[NamedNode | str, ...] | None = None


@dataclass
class Triples:
    """A run of triple patterns in a group: its place in the text, its patterns, and whether it matters how often each is found."""

    start: int
    end: int
    counted: bool
    patterns: list[Pattern] = field(default_factory=list)


class Cursor:
    """Goes through the tokens of one text."""

    def __init__(self, text: str, base: str = "") -> None:
        """Cut the text into tokens; raise `QueryRefused` where that cannot be done."""
        self.text = text
        self._tokens = tokens(text, STANDARD.words)
        self._at = 0
        self._base, self._prefixes = base, dict[str, str]()

    def _token(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _word(self) -> str:
        token = self._token()
        return token.text.upper() if token is not None and token.kind == "word" else ""

    def _mark(self) -> str:
        token = self._token()
        return token.text if token is not None and token.kind == "mark" else ""

    def _step(self) -> Token:
        token = self._token()
        if token is None:
            raise refused("The query ends too early.", self.text, len(self.text))
        self._at += 1
        return token

    def _expect(self, mark: str) -> Token:
        if self._mark() != mark:
            raise self._refuse(f"Here should stand {mark}")
        return self._step()

    def _refuse(self, reason: str) -> QueryRefused:
        token = self._token()
        return refused(reason, self.text, token.start if token is not None else len(self.text))

    def _prologue(self) -> None:
        while (word := self._word()) in ("BASE", "PREFIX"):
            self._step()
            name = self._step().text if word == "PREFIX" else ""
            iri = self._resolved(self._step().text[1:-1])
            if word == "BASE":
                self._base = iri
            else:
                self._prefixes[name] = iri

    def _skip(self) -> None:
        """Step over a bracket with everything in it."""
        depth = 0
        while True:
            token = self._step()
            if token.kind == "mark":
                depth += (token.text in "([{") - (token.text in ")]}")
            if depth == 0:
                return

    def _literal(self, token: Token) -> str:
        if token.kind == "mark":
            return token.text + self._step().text
        following = self._token()
        if token.kind == "string" and following is not None and following.kind == "language":
            return token.text + self._step().text
        if token.kind == "string" and self._mark() == "^^":
            self._step()
            return f"{token.text}^^{self._iri(self._step())}"
        return token.text

    def _resolved(self, reference: str) -> str:
        """Make a reference absolute; one that is stays as it is (urljoin would take an empty fragment away)."""
        written = _unescaped(reference)
        return written if _ABSOLUTE.match(written) else urljoin(self._base, written)

    def _iri(self, token: Token) -> NamedNode:
        """Resolve an IRI or a prefixed name."""
        if token.kind == "iri":
            written = self._resolved(token.text[1:-1])
        else:
            prefix, _, local = token.text.partition(":")
            if f"{prefix}:" not in self._prefixes:
                raise refused(f"The prefix {prefix}: is not declared.", self.text, token.start)
            written = self._prefixes[f"{prefix}:"] + _LOCAL_ESCAPE.sub(r"\1", _unescaped(local))
        try:
            return NamedNode(written)
        except ValueError as error:
            raise refused(f"{token.text[:80]} is no absolute IRI.", self.text, token.start) from error


def _unescaped(text: str) -> str:
    return _CODEPOINT.sub(lambda match: chr(int(match[1] or match[2], 16)), text) if "\\" in text else text
