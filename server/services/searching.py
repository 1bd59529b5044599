"""Lists of things: filters, full text, sorting, pages and facets, all answered by the search index."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.errors import Fault, Malformed
from server.graph.kinds import Field, Kind
from server.graph.literals import FLOATS, INTEGERS, from_json, plain
from server.graph.vocabulary import XSD
from server.index.index import Index
from server.index.rows import Facet, Filter, Page, Scalar, Search
from server.services.projection import sort_keys
from server.services.things import Toolbox

CONTROLS = ("q", "sort", "limit", "cursor", "facets", "fields")
SUFFIXES = ("gte", "lte", "exists")
MOST = 1000
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?")
NUMBERS = INTEGERS | FLOATS | {XSD.decimal}
_NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


@dataclass(frozen=True)
class Listing:
    """A page of a collection, with the facets that were asked for and the members that items are cut down to."""

    page: Page
    facets: Mapping[str, Facet] | None
    fields: tuple[str, ...]
    limit: int


class Searching:
    """Turns query parameters into searches by the shape of the kind."""

    def __init__(self, tools: Toolbox, index: Index, settle: Callable[[], None]) -> None:
        """Search this index for the kinds of the registry; `settle` brings in what this process has written."""
        self.tools, self.index, self._settle = tools, index, settle

    def find(self, collection: str, parameters: Mapping[str, Sequence[str]]) -> Listing:
        """Answer a list request; raise `Malformed` naming each parameter that is unknown or has a wrong value."""
        kind = self.tools.kind(collection)
        faults: list[Fault] = []
        filters = self._filters(kind, parameters, faults)
        limit = self._limit(parameters, faults)
        sort = self._sort(kind, parameters, faults)
        facets = self._names(parameters, "facets", self.tools.registry.filterable(kind), faults)
        fields = self._names(parameters, "fields", ["id", "iri", "type", "revision", *kind.by_key], faults)
        if faults:
            raise Malformed(faults[0].message, faults=faults)
        search = Search(_last(parameters, "q"), tuple(filters), sort, limit, _last(parameters, "cursor"))
        self._settle()
        page = self.index.page(collection, search)
        return Listing(page, self.index.facets(collection, facets, search) if facets else None, tuple(fields), limit)

    def _filters(self, kind: Kind, parameters: Mapping[str, Sequence[str]], faults: list[Fault]) -> list[Filter]:
        known = self.tools.registry.filterable(kind)
        found: list[Filter] = []
        for name, values in parameters.items():
            if name in CONTROLS:
                continue
            key, _, suffix = name.rpartition(".")
            key, operator = (key, suffix) if suffix in SUFFIXES and key in known else (name, "eq")
            if key not in known:
                near = difflib.get_close_matches(name[:80], [*known, *CONTROLS], n=1)
                faults.append(Fault(f"?{name[:80]}", f"There is no parameter {name[:80]}." + (f" Did you mean {near[0]}?" if near else "")))
                continue
            try:
                found.append(Filter(key, operator, tuple(self._value(known[key], operator, each) for each in values)))  # type: ignore[arg-type]
            except ValueError as error:
                faults.append(Fault(f"?{name}", f"{name} {error}"))
        return found

    def _value(self, found: Field, operator: str, text: str) -> Scalar:
        if operator == "exists":
            if text not in ("true", "false"):
                raise ValueError("is true or false.")
            return text == "true"
        if found.iri or found.refers:
            try:
                return self.tools.reader.iri(found, text).value
            except ValueError:
                return text
        if found.datatypes and found.datatypes <= NUMBERS:
            if not _NUMBER.fullmatch(text):
                raise ValueError("takes a number.")
            return float(text)
        if XSD.dateTime in found.datatypes and not _MOMENT.fullmatch(text):
            raise ValueError("takes a date or time such as 2026-01-31 or 2026-01-31T00:00:00Z.")
        if found.datatypes == {XSD.boolean}:
            if text not in ("true", "false"):
                raise ValueError("is true or false.")
            return text == "true"
        return plain(from_json(text, found.datatypes)) if len(found.datatypes) == 1 else text

    def _limit(self, parameters: Mapping[str, Sequence[str]], faults: list[Fault]) -> int:
        text = _last(parameters, "limit") or "50"
        if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST):
            faults.append(Fault("?limit", f"limit is a whole number from 1 to {MOST}."))
            return 1
        return int(text)

    def _sort(self, kind: Kind, parameters: Mapping[str, Sequence[str]], faults: list[Fault]) -> tuple[tuple[str, bool], ...]:
        known, chosen = sort_keys(kind.fields), []
        for name in _words(parameters, "sort"):
            key = name.removeprefix("-")
            if key not in known:
                faults.append(Fault("?sort", f"Things cannot be sorted by {key[:80]}; sort by {', '.join(known)} (-key for descending)."))
            chosen.append((key, name.startswith("-")))
        return tuple(dict(chosen).items())

    def _names(self, parameters: Mapping[str, Sequence[str]], control: str, known: Iterable[str], faults: list[Fault]) -> list[str]:
        names, allowed = _words(parameters, control), list(known)
        for name in names:
            if name not in allowed:
                near = difflib.get_close_matches(name[:80], allowed, n=1)
                faults.append(Fault(f"?{control}", f"{control} has no key {name[:80]}; there are {', '.join(near or allowed)}."))
        return names


def _last(parameters: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = parameters.get(name)
    return values[-1] if values else None


def _words(parameters: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for value in parameters.get(name, ()) for word in value.split(",") if word.strip()))


def shown(item: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Cut an item down to the members asked for; its id and iri always stay."""
    return {key: value for key, value in item.items() if not fields or key in fields or key in ("id", "iri")}
