"""Put every query into the audit log: who asked, how long it took, how many rows came of it, how it ended. Never its text.

Somebody who asks on and on must neither fill the disk nor drown what others did. So beyond some queries a minute, the further ones of the
same caller in that minute become one entry with their number and their sums.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from server.services.audit import DONE, FAILED, REFUSED, Entry
from server.services.queries import Asked
from server.services.retention import QUERY_ACTION

EACH = 60
"""Queries of one caller in a minute that get an entry of their own."""

_MINUTE = 60.0
_TURNED_AWAY = ("TooManyRequests", "Forbidden")


class QueryLog:
    """Makes entries of finished queries."""

    def __init__(self, record: Callable[[Entry], None], minute: float = _MINUTE) -> None:
        """Hand the entries to this function; `minute` is how long a caller's queries are counted together."""
        self._record, self._minute = record, minute
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._sums: dict[str, Entry] = {}
        self._timer: threading.Timer | None = None

    def __call__(self, asked: Asked) -> None:
        """Take note of a query."""
        entry, key = _entry(asked), asked.caller.id or asked.question.address
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._minute, self.flush)
                self._timer.daemon = True
                self._timer.start()
            self._counts[key] += 1
            if self._counts[key] > EACH:
                self._sums[key] = _sum(self._sums[key], entry) if key in self._sums else replace(entry, action=f"{QUERY_ACTION}further", queries=1)
                return
        self._record(entry)

    def flush(self) -> None:
        """Hand over the sums, and begin to count anew."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            sums, self._sums, self._timer = list(self._sums.values()), {}, None
            self._counts.clear()
        for entry in sums:
            self._record(entry)


def _entry(asked: Asked) -> Entry:
    ended = "" if asked.outcome == "done" else f": {asked.outcome}"
    caller = asked.caller
    return Entry(
        action=f"{QUERY_ACTION}{asked.form}{ended}",
        outcome=DONE if not ended else REFUSED if asked.outcome in _TURNED_AWAY else FAILED,
        account=caller.id,
        person=caller.person,
        token=caller.token,
        request=asked.question.request or None,
        address=asked.question.address or None,
        milliseconds=round(asked.seconds * 1000),
        rows=asked.rows,
        bytes=asked.bytes,
    )


def _sum(sum_: Entry, entry: Entry) -> Entry:
    return replace(
        sum_,
        outcome=sum_.outcome if sum_.outcome == entry.outcome else FAILED,
        milliseconds=(sum_.milliseconds or 0) + (entry.milliseconds or 0),
        rows=(sum_.rows or 0) + (entry.rows or 0),
        bytes=(sum_.bytes or 0) + (entry.bytes or 0),
        queries=(sum_.queries or 0) + 1,
    )
