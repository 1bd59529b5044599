"""Search for assets by what they mean, with criteria as JSON: the stored query `search-by-semantics`, several times over where a criterion is.

The query is cut at its parts; each criterion puts its part in once, with its values bound as terms. So what is asked here is the same text
that a call of the stored query runs, through the same door with the same limits, and no value ever becomes text of a query.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from server.errors import Fault, Malformed, NotFound
from server.services.callers import Caller
from server.services.parameters import Below, Bound, Declared
from server.services.queries import TABLE_TYPES, Queries, Question
from server.services.reports import Reports
from server.services.sections import chosen, outermost
from server.services.stored import MOST_ROWS, StoredQuery
from server.services.things import Toolbox
from server.store.text import bind

QUERY = "search-by-semantics"
CONTROLS = ("limit", "offset")
MOST_CRITERIA = 20
_MOST_VALUES = 100
_MOST_OFFSET = 1_000_000

Values = Mapping[str, Sequence[Bound]]


@dataclass(frozen=True)
class Criterion:
    """One thing that has to hold: the part of the query that asks for it, and the values of its parameters."""

    name: str
    values: Values


@dataclass(frozen=True)
class Found:
    """A page of what was found: the offset of the next one, or how many there are in all where this is the last."""

    items: list[dict[str, Any]]
    next: int | None = None
    total: int | None = None


class SemanticSearch:
    """The use case: read the criteria, put the query together, run it."""

    def __init__(self, reports: Reports, queries: Queries, tools: Toolbox) -> None:
        """Ask the stored query through the door of all queries."""
        self._reports, self._queries, self._tools = reports, queries, tools

    def find(self, caller: Caller, body: Any, address: str = "") -> Found:
        """Find what meets all criteria, what was changed last first; raise `Malformed` pointing at each member that is wrong."""
        query = self._reports.read(QUERY).query
        if not isinstance(body, Mapping):
            raise Malformed("Send a JSON object of criteria.", faults=[Fault("", "Not a JSON object.")])
        faults: list[Fault] = []
        criteria = list(_Reader(query, self._tools, self._reports.below, faults).criteria(body))
        limit, offset = (_whole(body, name, otherwise, most, faults) for name, otherwise, most in _pages(query))
        if not criteria and not faults:
            faults.append(Fault("", f"Give at least one criterion: {', '.join(_known(query))}."))
        if len(criteria) > MOST_CRITERIA:
            faults.append(Fault("", f"At most {MOST_CRITERIA} criteria are put together."))
        if faults:
            raise Malformed(faults[0].message, faults=faults)
        rows = self._rows(caller, f"{composed(query, criteria)}\nLIMIT {limit + 1:d} OFFSET {offset:d}", address)
        items = [self._item(row) for row in rows[:limit]]
        if len(rows) > limit:
            return Found(items, next=offset + limit)
        return Found(items, total=offset + len(rows) if rows or not offset else None)

    def _rows(self, caller: Caller, text: str, address: str) -> list[dict[str, dict[str, str]]]:
        answer = self._queries.run(caller, Question(text, address=address), lambda form: TABLE_TYPES[0])
        with answer.body as body:
            rows: list[dict[str, dict[str, str]]] = orjson.loads(body.read())["results"]["bindings"]
        return rows

    def _item(self, row: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        document = row["document"]["value"]
        kind, id = self._tools.names.split_document(document) or (None, None)
        return {
            "kind": kind,
            "id": id,
            "iri": row["thing"]["value"],
            "title": row["title"]["value"],
            "modified": row["modified"]["value"],
            "url": document,
        }


def composed(query: StoredQuery, criteria: Sequence[Criterion]) -> str:
    """Put the parts of a query together: what is always there, and the part of each criterion once for each."""
    text: list[str] = []
    for section in outermost(query.text):
        if not section.name:
            text.append(section.text)
        for each in criteria:
            if each.name == section.name:
                text.append(bind(chosen(section.text, set(each.values)), each.values))
    return "\n".join(text)


class _Reader:
    """Reads criteria by the parameters that the query declares; those of one with more behind it, as in metric and metric_lt, come as objects."""

    def __init__(self, query: StoredQuery, tools: Toolbox, below: Below, faults: list[Fault]) -> None:
        self.declared = {each.name: each for each in query.parameters}
        self.known, self.tools, self.below, self.faults = _known(query), tools, below, faults

    def criteria(self, body: Mapping[str, Any]) -> Iterator[Criterion]:
        for name, value in body.items():
            if name in CONTROLS:
                continue
            if name not in self.known:
                near = difflib.get_close_matches(str(name)[:80], [*self.known, *CONTROLS], n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join((*self.known, *CONTROLS))}."
                self.fault(f"/{_escaped(name)}", f"There is no criterion {str(name)[:80]}; {hint}")
            elif members := self.members(name):
                yield from self.objects(name, members, value)
            else:
                yield from self.terms(name, value)

    def members(self, name: str) -> dict[str, Declared]:
        more = {each.removeprefix(f"{name}_"): found for each, found in self.declared.items() if each.startswith(f"{name}_")}
        return {"name": self.declared[name], **more} if more else {}

    def terms(self, name: str, value: Any) -> Iterator[Criterion]:
        if isinstance(value, Mapping):
            if set(value) != {"all"} or not isinstance(value["all"], list):
                self.fault(f"/{name}", f'{name} takes a value, a list of values of which one has to fit, or {{"all": [...]}}.')
                return
            for place, each in enumerate(value["all"]):
                if bound := self.bound(self.declared[name], [each], f"/{name}/all/{place}"):
                    yield Criterion(name, {name: bound})
        elif bound := self.bound(self.declared[name], value if isinstance(value, list) else [value], f"/{name}", isinstance(value, list)):
            yield Criterion(name, {name: bound})

    def objects(self, name: str, members: Mapping[str, Declared], value: Any) -> Iterator[Criterion]:
        for place, each in enumerate(value if isinstance(value, list) else [value]):
            pointer = f"/{name}/{place}" if isinstance(value, list) else f"/{name}"
            given = each if isinstance(each, Mapping) else {"name": each}
            if unknown := [key for key in given if key not in members]:
                self.fault(f"{pointer}/{_escaped(unknown[0])}", f"A {name} has no member {str(unknown[0])[:80]}; known are {', '.join(members)}.")
            elif "name" not in given:
                self.fault(pointer, f"A {name} needs its name.")
            else:
                read = {members[key].name: self.bound(members[key], [one], f"{pointer}/{key}") for key, one in given.items()}
                if all(read.values()):
                    yield Criterion(name, read)

    def bound(self, declared: Declared, values: Sequence[Any], pointer: str, numbered: bool = False) -> list[Bound]:
        """Make the terms of some values; none, and a fault, where one of them is wrong."""
        found: list[Bound] = []
        if not 1 <= len(values) <= _MOST_VALUES:
            self.fault(pointer, f"{declared.name} takes 1 to {_MOST_VALUES} values.")
        for place, each in enumerate(values[:_MOST_VALUES]):
            try:
                if each == "":
                    raise ValueError(f"{declared.name} is empty.")
                if declared.name == "kind":
                    self.tools.kind(str(each))
                found += declared.terms(each, self.tools.names, self.below)
            except (ValueError, NotFound) as error:
                self.fault(f"{pointer}/{place}" if numbered else pointer, str(error))
                return []
        return list(dict.fromkeys(found))

    def fault(self, pointer: str, message: str) -> None:
        self.faults.append(Fault(pointer, message))


def _known(query: StoredQuery) -> list[str]:
    names = [each.name for each in query.parameters]
    return [name for name in names if not any(name.startswith(f"{other}_") for other in names)]


def _pages(query: StoredQuery) -> tuple[tuple[str, int, int], ...]:
    return ("limit", query.paging or MOST_ROWS, MOST_ROWS), ("offset", 0, _MOST_OFFSET)


def _whole(body: Mapping[str, Any], name: str, otherwise: int, most: int, faults: list[Fault]) -> int:
    value, least = body.get(name, otherwise), int(name == "limit")
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        faults.append(Fault(f"/{name}", f"{name} is a whole number from {least} to {most}."))
        return otherwise
    return value


def _escaped(name: Any) -> str:
    return str(name)[:80].replace("~", "~0").replace("/", "~1")
