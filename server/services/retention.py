"""How long the audit log keeps its entries: all of them for some days, and those about queries, of which there are many, for fewer.

Entries are numbered in the order of their times, so what is too old is found from the oldest number on, a few hundred at a time; where to go
on is kept beside the log. Several processes may do it at once: each removes entries by their numbers, and none twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyoxigraph import Literal, NamedNode

from server.graph.vocabulary import HUB
from server.services.system import AUDIT, PROLOGUE, moment, now
from server.store.base import Row, Store
from server.store.text import fill

QUERY_ACTION = "SPARQL "
"""What the action of every entry about a query begins with."""

_CHUNK = 500
_CHUNKS = 4  # for one time, so that what waits to be written does not wait long
_IDLE_SECONDS = 3600.0
_BUSY_SECONDS = 2.0

_LAST = PROLOGUE + "SELECT ?last WHERE { GRAPH $audit { $audit hub:last ?last } }"
_MARK = PROLOGUE + "SELECT ?mark WHERE { GRAPH $audit { $audit $name ?mark } }"
_TIMES = (
    PROLOGUE
    + "SELECT ?sequence ?at ?action WHERE { GRAPH $audit { "
    + "VALUES ?sequence { $numbers } ?entry hub:sequence ?sequence ; hub:at ?at ; hub:action ?action } }"
)
_REMOVE = (
    PROLOGUE
    + """
DELETE { GRAPH $audit { ?entry ?p ?o } }
WHERE { GRAPH $audit { VALUES ?sequence { $numbers } ?entry hub:sequence ?sequence ; ?p ?o } } ;
DELETE { GRAPH $audit { $audit $name ?old } } WHERE { GRAPH $audit { $audit $name ?old } } ;
INSERT DATA { GRAPH $audit { $audit $name $mark } }"""
)


@dataclass(frozen=True)
class _Rule:
    """What is removed after which time, and the name under which is kept how far it has come."""

    mark: NamedNode
    days: float
    queries: bool

    def covers(self, row: Row, before: datetime) -> bool:
        return moment(row["at"]) < before and (not self.queries or row["action"].value.startswith(QUERY_ACTION))


class Retention:
    """Removes what is too old from the audit log of one system dataset."""

    def __init__(self, system: Store, days: float, query_days: float) -> None:
        """Keep entries for so many days, and those about queries for so many."""
        self._store = system
        self._rules = (_Rule(HUB.oldest, days, queries=False), _Rule(HUB.oldestQuery, min(days, query_days), queries=True))
        self._due = time.monotonic() + _BUSY_SECONDS

    def until_due(self) -> float:
        """Tell in how many seconds there may be something to do."""
        return max(0.0, self._due - time.monotonic())

    def prune(self) -> int:
        """Remove some of what is too old, if it is time to; return how many entries."""
        if self.until_due() > 0:
            return 0
        removed, more = 0, False
        for rule in self._rules:
            for _ in range(_CHUNKS):
                count, more = self._step(rule)
                removed += count
                if not more:
                    break
        self._due = time.monotonic() + (_BUSY_SECONDS if more else _IDLE_SECONDS)
        return removed

    def _step(self, rule: _Rule) -> tuple[int, bool]:
        """Look at the next numbers; return how many entries were removed, and whether there may be more."""
        first, last = self._number(_MARK, "mark", name=rule.mark) or 1, self._number(_LAST, "last") or 0
        numbers = range(first, min(first + _CHUNK, last + 1))
        if not numbers:
            return 0, False
        before = now() - timedelta(days=rule.days)
        rows = self._store.select(fill(_TIMES, audit=AUDIT, numbers=_literals(numbers)))
        young = [int(row["sequence"].value) for row in rows if moment(row["at"]) >= before]
        old = [int(row["sequence"].value) for row in rows if rule.covers(row, before)]
        mark = min(young, default=numbers.stop)
        if mark > first:
            self._store.update(fill(_REMOVE, audit=AUDIT, numbers=_literals(old), name=rule.mark, mark=mark))
        return len(old), not young

    def _number(self, text: str, variable: str, **terms: NamedNode) -> int | None:
        rows = self._store.select(fill(text, audit=AUDIT, **terms))
        return max((int(row[variable].value) for row in rows), default=None)


def _literals(numbers: Iterable[int]) -> list[Literal]:
    return [Literal(number) for number in numbers]
