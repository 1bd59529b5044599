"""Queries in the audit log: each with its time and rows, many of one caller as a sum, and all of them for some days only."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from server.services import retention
from server.services.audit import DONE, FAILED, REFUSED, Audit, Entry
from server.services.callers import Role, anonymous
from server.services.queries import Asked, Question
from server.services.query_log import EACH, QueryLog
from server.services.retention import Retention
from server.services.system import now
from server.store.base import Store

NOBODY = anonymous(Role.reader)


def asked(address: str = "192.0.2.1", outcome: str = "done", seconds: float = 0.5) -> Asked:
    return Asked(NOBODY, Question("ASK { }", address=address, request="r1"), "ask", seconds, 3, 40, outcome)


def test_an_entry_says_who_how_long_and_how_many() -> None:
    entries: list[Entry] = []
    log = QueryLog(entries.append)
    for outcome in ("done", "QueryTimeout", "TooManyRequests"):
        log(asked(outcome=outcome))
    assert [(each.action, each.outcome) for each in entries] == [
        ("SPARQL ask", DONE),
        ("SPARQL ask: QueryTimeout", FAILED),
        ("SPARQL ask: TooManyRequests", REFUSED),
    ]
    assert (entries[0].milliseconds, entries[0].rows, entries[0].bytes, entries[0].address, entries[0].request) == (500, 3, 40, "192.0.2.1", "r1")
    log.flush()


def test_who_asks_on_and_on_gets_a_sum() -> None:
    entries: list[Entry] = []
    log = QueryLog(entries.append, minute=0.2)
    for number in range(EACH + 10):
        log(asked(outcome="QueryTimeout" if number == EACH + 5 else "done"))
    log(asked("192.0.2.2"))
    assert len(entries) == EACH + 1
    until = time.monotonic() + 20
    while len(entries) < EACH + 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert (entries[-1].action, entries[-1].queries, entries[-1].rows, entries[-1].milliseconds) == ("SPARQL further", 10, 30, 5000)
    assert entries[-1].outcome == FAILED  # one of them
    log(asked())
    assert entries[-1].queries is None  # another minute
    log.flush()


def test_what_is_too_old_is_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries after a day, the rest after ten; a little at a time, and pages have no holes."""
    monkeypatch.setattr(retention, "_BUSY_SECONDS", 0.0)
    monkeypatch.setattr(retention, "_CHUNK", 40)
    monkeypatch.setattr(retention, "_CHUNKS", 1)
    audit = Audit(store)
    for number, days in enumerate([*range(20, 0, -1), *[0] * 10]):
        at = now() - timedelta(days=days, hours=1)
        audit.record(Entry(f"POST /{number}", DONE, at=at))
        audit.record(Entry(f"SPARQL select {number}", DONE, rows=7, milliseconds=3, bytes=9, at=at))
        audit.record(Entry(f"SPARQL further {number}", DONE, rows=7, milliseconds=3, queries=2, at=at))
    assert audit.flush(30)
    pruning = Retention(store, days=10, query_days=1)
    assert pruning.prune() == 37  # of the oldest forty, all but what is no query and of the last ten days
    for _ in range(5):
        pruning.prune()
    assert pruning.until_due() > 3000
    assert pruning.prune() == 0
    entries = audit.entries(limit=1000)
    assert [each.action for each in entries if each.action.startswith("POST")] == [f"POST /{number}" for number in range(29, 10, -1)]
    assert [each.action for each in entries if each.queries] == [f"SPARQL further {number}" for number in range(29, 19, -1)]
    assert sum(each.rows or 0 for each in entries) == 20 * 7
    assert audit.entries(limit=35) == entries[:35]
    assert audit.entries(limit=5, before=entries[34].sequence) == entries[35:39]
    assert Retention(store, 10, 1).prune() == 0
    audit.close()


def test_the_log_prunes_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BUSY_SECONDS", 0.1)
    audit = Audit(store, Retention(store, 2, 1))
    audit.record(Entry("POST /old", DONE, at=now() - timedelta(days=3)))
    audit.record(Entry("POST /new", DONE))
    until = time.monotonic() + 20
    while len(entries := audit.entries()) != 1 and time.monotonic() < until:
        time.sleep(0.05)
    assert [each.action for each in entries] == ["POST /new"]
    audit.close()
