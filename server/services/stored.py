"""One stored query: a SPARQL file whose comment header says what it is for and what it takes (see `server.services.headers`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyoxigraph

from server.errors import QueryRefused
from server.graph.names import Names
from server.services.headers import read_header, wrong
from server.services.parameters import Bound, Declared, declare
from server.services.sections import check_sections, chosen
from server.store.base import Form
from server.store.guard import inspect
from server.store.lexer import tokens
from server.store.text import bind, places

NAME = re.compile(r"[a-z][a-z0-9-]{0,60}")
_KNOWN = ("summary", "description", "parameters", "tags", "paging")
_MOST_WORDS = 100_000
MOST_ROWS = 1000  # of a page


@dataclass(frozen=True)
class StoredQuery:
    """A query that can be called by name. `paging`: how many rows a page has unless the caller says; None for the whole answer at once."""

    name: str
    summary: str
    description: str
    tags: tuple[str, ...]
    paging: int | None
    parameters: tuple[Declared, ...]
    form: Form
    text: str

    def bound(self, terms: Mapping[str, Sequence[Bound]], rows: tuple[int, int] | None = None) -> str:
        """Return the query with its parameters bound; `rows` is how many of them and how many to leave out before."""
        text = chosen(self.text, {name for name, values in terms.items() if values})
        filled = bind(text, {each.name: terms.get(each.name, ()) for each in self.parameters})
        return filled if rows is None else f"{filled}\nLIMIT {rows[0]:d} OFFSET {rows[1]:d}"

    def trials(self, names: Names) -> list[str]:
        """Return the query as it is sent with every parameter, and with only those that are required."""
        given = {each.name: list(each.terms(each.sample, names)) for each in self.parameters}
        least = {each.name: given[each.name] for each in self.parameters if each.required or each.default is not None}
        page = (1, 0) if self.paging else None
        return list(dict.fromkeys((self.bound(given, page), self.bound(least, page))))

    def json(self) -> dict[str, Any]:
        """Write it for the list of queries."""
        whole = {
            "name": self.name,
            "summary": self.summary,
            "description": self.description or None,
            "tags": list(self.tags) or None,
            "form": self.form,
            "paging": self.paging,
            "parameters": [each.json() for each in self.parameters],
        }
        return {key: value for key, value in whole.items() if value is not None}


def read_query(name: str, text: str, names: Names) -> StoredQuery:
    """Read a query from its text; raise `Malformed` for a wrong header and `QueryRefused` for what is no query or asks for what is not allowed."""
    header = read_header(text, _KNOWN)
    parameters = declare(header.parts.get("parameters"), names)
    used = places(text)
    if undeclared := [each for each in used if each not in [one.name for one in parameters]]:
        raise wrong("parameters", f"${undeclared[0]} is no parameter of the header; declare it, or write ?{undeclared[0]} for a variable.")
    check_sections(text, {each.name for each in parameters})
    if unused := [each.name for each in parameters if each.name not in used]:
        raise wrong("parameters", f"The parameter {unused[0]} is not used; write ${unused[0]} where its value belongs.")
    form = inspect(bind(text, {each.name: list(each.terms(each.sample, names)) for each in parameters})).form
    return StoredQuery(
        name,
        header.texts["summary"],
        header.texts.get("description", ""),
        header.words("tags"),
        _paging(header.texts.get("paging"), form, text),
        parameters,
        form,
        text,
    )


def _paging(given: str | None, form: Form, text: str) -> int | None:
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= MOST_ROWS:
        raise wrong("paging", f"paging is the number of rows of a page, from 1 to {MOST_ROWS}.")
    words = [each.text.upper() for each in tokens(text, _MOST_WORDS) if each.kind == "word"]
    if form != "select" or "ORDER" not in words:
        raise wrong("paging", "Only a SELECT with ORDER BY has pages: without an order no page is the next one.")
    return int(given)


def check_syntax(query: StoredQuery, names: Names) -> None:
    """Let an engine read the query over nothing; raise `QueryRefused` for what is no SPARQL. For queries that the operator keeps in files."""
    for text in query.trials(names):
        try:
            pyoxigraph.Store().query(text)
        except SyntaxError as error:
            raise QueryRefused(str(error).partition("\n")[0][:300]) from error
