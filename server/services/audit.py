"""The audit log: who did, asked or tried what, when, from where, and how it ended. Never what was in the request.

Entries are numbered without gaps, like the change log, because neither store can scan a range of times: a page is read by its exact
numbers. A background thread writes them in batches, so that a request does not wait for a second commit; an entry is in the store
0.2 s later, and `close` writes what is left.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cachetools import TTLCache
from pyoxigraph import Literal, NamedNode, Triple

from server.errors import HubError
from server.graph.vocabulary import HUB, RDF
from server.services.retention import Retention
from server.services.system import AUDIT, PROLOGUE, item, moment, now, printable, stamp
from server.store.base import Row, Store
from server.store.text import fill

DONE, REFUSED, FAILED = "done", "refused", "failed"
OUTCOMES = (DONE, REFUSED, FAILED)
NUMBERS = ("milliseconds", "rows", "bytes", "queries")
FILTERS = ("account", "action", "address", "outcome", "request", "status")

_DELAY_SECONDS = 0.1
_RETRY_SECONDS = 0.5
_GIVE_UP_SECONDS = 5.0
_BATCH = 200
_RECENTLY = 2000
_WAITING = 10_000
_REFUSALS = 60  # a minute and address: whoever is refused on and on must not fill the disk with that
_FLOOD = " (further refusals of this address are not listed for a while)"
_LOG = logging.getLogger(__name__)

_LAST = PROLOGUE + "SELECT ?last WHERE { GRAPH $audit { $audit hub:last ?last } }"
_WRITTEN = PROLOGUE + "ASK { GRAPH $audit { $entry hub:sequence ?sequence } }"
_APPEND = (
    PROLOGUE
    + """
INSERT { GRAPH $audit { $audit hub:last 0 } } WHERE { FILTER NOT EXISTS { GRAPH $audit { $audit hub:last ?last } } } ;
INSERT DATA { GRAPH $audit { $triples } } ;
INSERT { GRAPH $audit { ?entry hub:sequence ?sequence } }
WHERE { GRAPH $audit { $audit hub:last ?last } VALUES ( ?entry ?offset ) { %s } BIND ( ?last + ?offset AS ?sequence ) } ;
DELETE { GRAPH $audit { $audit hub:last ?last } } INSERT { GRAPH $audit { $audit hub:last ?next } }
WHERE { GRAPH $audit { $audit hub:last ?last } BIND ( ?last + $count AS ?next ) }"""
)
_ENTRY = """
  ?entry hub:sequence ?sequence ; hub:at ?at ; hub:action ?action ; hub:outcome ?outcome .
  OPTIONAL { ?entry hub:account ?account } OPTIONAL { ?entry hub:person ?person } OPTIONAL { ?entry hub:token ?token }
  OPTIONAL { ?entry hub:status ?status } OPTIONAL { ?entry hub:request ?request } OPTIONAL { ?entry hub:address ?address }
  OPTIONAL { ?entry hub:milliseconds ?milliseconds OPTIONAL { ?entry hub:rows ?rows } OPTIONAL { ?entry hub:bytes ?bytes }
    OPTIONAL { ?entry hub:queries ?queries } }
}"""
_BY_NUMBER = PROLOGUE + "SELECT * WHERE { GRAPH $audit { VALUES ?sequence { $numbers }" + _ENTRY + "}"
# As a pattern with its value, a condition would be joined first with all entries that have it: 660 ms instead of 20.
_AMONG = {name: f"?entry hub:{name} ?{name} FILTER ( ?{name} = ${name} ) " for name in FILTERS}
_CONDITIONS = {name: f"?entry hub:{name} ${name} . " for name in FILTERS}
_RECENT = PROLOGUE + "SELECT ?sequence WHERE { GRAPH $audit { VALUES ?sequence { $numbers } ?entry hub:sequence ?sequence . "
_MATCHING = PROLOGUE + "SELECT ?sequence WHERE { GRAPH $audit { ?entry hub:sequence ?sequence . "
_RANGE = "FILTER ( ?sequence > $since && ?sequence < $before ) } } ORDER BY DESC(?sequence) LIMIT $limit"


@dataclass(frozen=True)
class Entry:
    """One line of the audit log; `action` is a method and path without query, or a command."""

    action: str
    outcome: str
    account: str | None = None
    person: NamedNode | None = None
    token: str | None = None
    status: int | None = None
    request: str | None = None
    address: str | None = None
    milliseconds: int | None = None
    rows: int | None = None
    bytes: int | None = None
    queries: int | None = None
    at: datetime = field(default_factory=now)
    sequence: int = 0


class Audit:
    """Writes and reads the audit log of one system dataset."""

    def __init__(self, system: Store, retention: Retention | None = None) -> None:
        """Keep the log in this dataset; the thread starts with the first entry. Without a retention nothing is ever removed."""
        self._store, self._retention = system, retention
        self._changed = threading.Condition()
        self._waiting: list[Entry] = []
        self._lost = 0
        self._hurry = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._refusals: TTLCache[str, int] = TTLCache(maxsize=10_000, ttl=60)

    def record(self, entry: Entry) -> None:
        """Take an entry; it is in the store within 0.2 s. Never waits, and never fails a request."""
        with self._changed:
            if entry.outcome == REFUSED:
                count = self._refusals[entry.address or ""] = self._refusals.get(entry.address or "", 0) + 1
                if count > _REFUSALS:
                    return
                entry = replace(entry, action=entry.action + _FLOOD) if count == _REFUSALS else entry
            if len(self._waiting) >= _WAITING:
                self._lost += 1
                return
            self._waiting.append(entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
            if len(self._waiting) in (1, _BATCH):  # what the thread waits for; waking it for each entry would cost every request a switch
                self._changed.notify_all()

    def flush(self, seconds: float = _GIVE_UP_SECONDS) -> bool:
        """Write what waits now; tell whether all of it is in the store."""
        with self._changed:
            self._hurry = bool(self._waiting)
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._waiting, seconds)
            finally:
                self._hurry = False

    def close(self) -> None:
        """Write what waits and stop; what a store that is down cannot take within five seconds is lost and said so."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def last(self) -> int:
        """Return the number of the newest entry."""
        rows = self._store.select(fill(_LAST, audit=AUDIT))
        return int(rows[0]["last"].value) if rows else 0

    def entries(self, *, since: int = 0, before: int | None = None, limit: int = 100, filters: Mapping[str, str] | None = None) -> list[Entry]:
        """Read entries newest first, with numbers above `since` and below `before`; the filters name exact values (see `FILTERS`)."""
        newest = self.last()
        below = min(before or newest + 1, newest + 1)
        if filters:
            return self._read(self._matching(filters, since, below, limit))
        found: list[Entry] = []
        width = limit
        while len(found) < limit and below > since + 1:  # there are gaps where old queries were removed
            found += self._read(_down(below, max(since, below - 1 - width)))
            below, width = below - width, min(width * 2, _RECENTLY)
        return found[:limit]

    def _read(self, numbers: list[Literal]) -> list[Entry]:
        rows = self._store.select(fill(_BY_NUMBER, audit=AUDIT, numbers=numbers)) if numbers else []
        return sorted((_entry(row) for row in rows), key=lambda entry: entry.sequence, reverse=True)

    def _matching(self, filters: Mapping[str, str], since: int, before: int, limit: int) -> list[Literal]:
        """Find the numbers of what matches: among the newest, which is enough for what is frequent, else by a sort of all that match."""
        among, conditions = ("".join(kind[name] for name in filters) for kind in (_AMONG, _CONDITIONS))
        terms = {name: Literal(int(value)) if name == "status" else Literal(value) for name, value in filters.items()}
        recent = _down(before, max(since, before - 1 - _RECENTLY))
        found = self._store.select(fill(_RECENT + among + "} }", audit=AUDIT, numbers=recent, **terms))
        if len(found) < limit and len(recent) == _RECENTLY:
            query = _MATCHING + conditions + _RANGE
            found = self._store.select(fill(query, audit=AUDIT, since=since, before=before, limit=limit, **terms))
        newest = sorted((int(row["sequence"].value) for row in found), reverse=True)[:limit]
        return [Literal(number) for number in newest]

    def _run(self) -> None:
        while batch := self._next_batch():
            written = self._write(batch)
            with self._changed:
                del self._waiting[: len(batch)]
                self._changed.notify_all()
            if not written:
                return
            self._prune()

    def _until_due(self) -> float | None:
        return self._retention.until_due() if self._retention else None

    def _prune(self) -> None:
        """Remove what is too old, a little at a time."""
        if self._retention is None:
            return
        try:
            self._retention.prune()
        except HubError as error:
            _LOG.warning("the audit log cannot be pruned now: %s", error.detail)

    def _next_batch(self) -> list[Entry]:
        with self._changed:
            while not self._changed.wait_for(lambda: self._waiting or self._closing, self._until_due()):
                self._prune()
            self._changed.wait_for(lambda: self._hurry or self._closing or len(self._waiting) >= _BATCH, _DELAY_SECONDS)
            if self._lost:
                self._waiting.insert(0, Entry(f"audit: {self._lost} entries lost, more came than the store could take", FAILED))
                self._lost = 0
            return self._waiting[:_BATCH]

    def _write(self, batch: list[Entry]) -> bool:
        nodes = [item(AUDIT, secrets.token_hex(16)) for _ in batch]
        triples = [triple for node, entry in zip(nodes, batch, strict=True) for triple in _triples(node, entry)]
        offsets = " ".join(f"( {node} {offset} )" for offset, node in enumerate(nodes, 1))
        text = fill(_APPEND % offsets, audit=AUDIT, triples=triples, count=len(batch))
        started = time.monotonic()
        while not self._append(nodes[0], text):
            with self._changed:
                if self._closing and time.monotonic() - started > _GIVE_UP_SECONDS:
                    _LOG.error("%d audit entries are lost: the store did not take them before the stop", len(self._waiting))
                    self._waiting.clear()
                    return False
            time.sleep(_RETRY_SECONDS)
        return True

    def _append(self, first: NamedNode, text: str) -> bool:
        try:
            if not self._store.ask(fill(_WRITTEN, audit=AUDIT, entry=first)):  # an answer that got lost may hide a commit
                self._store.update(text)
        except HubError as error:
            _LOG.warning("the audit log waits for the store: %s", error.detail)
            return False
        return True


def _down(before: int, to: int) -> list[Literal]:
    return [Literal(number) for number in range(before - 1, to, -1)]


def outcome_of(status: int) -> str:
    """Say in one word how a request with this HTTP status ended."""
    if status < 400:
        return DONE
    return REFUSED if status in (401, 403, 429) else FAILED


def _triples(node: NamedNode, entry: Entry) -> list[Triple]:
    texts = {
        "account": entry.account,
        "token": entry.token,
        "action": entry.action,
        "outcome": entry.outcome,
        "request": entry.request,
        "address": entry.address,
    }
    triples = [Triple(node, HUB[name], Literal(printable(value, 500))) for name, value in texts.items() if value is not None]
    triples += [Triple(node, RDF.type, HUB.AuditEntry), Triple(node, HUB.at, stamp(entry.at))]
    triples += [Triple(node, HUB.person, entry.person)] if entry.person else []
    numbers = {name: getattr(entry, name) for name in ("status", *NUMBERS)}
    triples += [Triple(node, HUB[name], Literal(value)) for name, value in numbers.items() if value is not None]
    return triples


def _entry(row: Row) -> Entry:
    def optional(name: str) -> str | None:
        return row[name].value if name in row else None

    def number(name: str) -> int | None:
        return int(row[name].value) if name in row else None

    person = optional("person")
    return Entry(
        action=row["action"].value,
        outcome=row["outcome"].value,
        account=optional("account"),
        person=NamedNode(person) if person else None,
        token=optional("token"),
        status=number("status"),
        request=optional("request"),
        address=optional("address"),
        at=moment(row["at"]),
        **{name: number(name) for name in NUMBERS},
        sequence=int(row["sequence"].value),
    )
