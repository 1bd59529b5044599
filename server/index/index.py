"""The search index: lists, filters, facets and full text over things, kept beside the store and never instead of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TypeVar

import apsw

from server.index import searching
from server.index.checks import problems
from server.index.files import Files, faults, transaction
from server.index.plans import Plan, plan
from server.index.rows import Behind, Facet, IndexRow, Page, Search
from server.index.writing import Batch, Names

T = TypeVar("T")

_REMEMBERED = 1_000  # plans, rankings and facets that are kept as long as the index stays as it is
_AT_ONCE = 5_000  # rows a transaction when rebuilding


class Index:
    """One index in a folder, which several processes may share."""

    def __init__(self, folder: Path) -> None:
        """Use the index in a folder, an empty one where there is none."""
        self._files = Files(folder)
        self._writing = Lock()
        self._writer: tuple[Path, apsw.Connection, Names] | None = None
        self._memory = _Memory()

    @property
    def identity(self) -> str:
        """Name the store that the index was built from; empty before the first build."""
        with self._files.reading() as (_, db):
            return str(_meta(db, "identity"))

    def position(self) -> int:
        """Give the last sequence of the change log that the index has seen."""
        with self._files.reading() as (_, db):
            return _position(db)

    def apply(self, rows: Sequence[IndexRow], sequence: int, previous: int) -> None:
        """Take in what changed after `previous` and up to `sequence`, in one transaction.

        Does nothing where another process already has, and raises `Behind` where the index has not yet seen all up to `previous`.
        """
        with self._writing, faults():
            path, db, names = self._connection()
            try:
                with transaction(db, "BEGIN IMMEDIATE"):
                    at = _position(db)
                    if at < previous:
                        raise Behind(at)
                    if at < sequence:
                        Batch(db, names).write(rows)
                        _set(db, "position", sequence)
            except BaseException:
                names.forget()
                raise
            replaced = self._files.current() != path
        if replaced:  # by a rebuild that began before these rows were written
            raise Behind(self.position())

    def page(self, kind: str, search: Search) -> Page:
        """List things of a kind."""
        with self._files.reading() as (path, db):
            known = self._plan(path, db, kind, search)
            best: tuple[int, ...] = ()
            if known is not None and not search.sort and search.cursor is None:
                best = self._memory.recall(("best", *_key(path, db, kind, search)), lambda: searching.best(db, known))
            return searching.page(db, kind, search, known, best)

    def facets(self, kind: str, keys: Iterable[str], search: Search, size: int = 100) -> dict[str, Facet]:
        """Count the values of some keys among the things that a search finds, at most `size` values a key."""
        with self._files.reading() as (path, db):
            known = self._plan(path, db, kind, search)
            mark = ("facet", *_key(path, db, kind, search), size)
            return {key: self._memory.recall((*mark, key), partial(searching.facet, db, kind, key, known, size)) for key in keys}

    def counts(self) -> dict[str, int]:
        """Count the things of each kind."""
        with self._files.reading() as (_, db):
            return dict(db.execute("SELECT name, total FROM kinds WHERE total > 0 ORDER BY name"))

    def revisions(self, kind: str) -> Iterator[tuple[str, int, int]]:
        """Iterate over (id, revision, sequence) of the things of a kind, to compare them with the store."""
        with self._files.reading() as (_, db):
            sql = "SELECT id, revision, sequence FROM things WHERE kind = (SELECT kind FROM kinds WHERE name = ?)"
            yield from db.execute(sql, (kind,))

    def check(self) -> list[str]:
        """Compare the tables with each other and say what is wrong with them."""
        with self._writing, faults():
            _, db, _ = self._connection()
            with transaction(db, "BEGIN IMMEDIATE"):
                return problems(db)

    def rebuild(self, rows: Iterable[IndexRow], sequence: int, identity: str, *, needed: Callable[[], bool] = lambda: True) -> None:
        """Build the index anew from rows that are at least as new as `sequence`, and put it in place at once when done.

        Until then the old index answers. Of several processes one builds at a time; `needed` is asked when it is this one's turn.
        """
        with self._files.exclusive():
            if not needed():
                return
            path = self._files.draft()
            with faults():
                try:
                    _fill(self._files.open(path), rows, sequence, identity)
                except BaseException:
                    path.unlink()
                    raise
                self._files.publish(path)

    def close(self) -> None:
        """Close the files; whoever uses the index again opens them again."""
        with self._writing:
            if self._writer is not None:
                self._writer[1].close()
                self._writer = None
        self._files.close()

    def _connection(self) -> tuple[Path, apsw.Connection, Names]:
        path = self._files.current()
        if self._writer is None or self._writer[0] != path:
            if self._writer is not None:
                self._writer[1].close()
                self._writer = None
            db = self._files.open(path)
            self._writer = (path, db, Names(db))
        return self._writer

    def _plan(self, path: Path, db: apsw.Connection, kind: str, search: Search) -> Plan | None:
        return self._memory.recall(("plan", *_key(path, db, kind, search)), lambda: plan(db, kind, search))


class _Memory:
    """Remember what was found out about searches; the keys hold the state of the index, so nothing has to be forgotten in time."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = Lock()

    def recall(self, key: Hashable, find: Callable[[], T]) -> T:
        """Give what is remembered, or find it out."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]  # type: ignore[return-value]  # the key says what was kept
        found = find()
        with self._lock:
            self._known[key] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def _key(path: Path, db: apsw.Connection, kind: str, search: Search) -> tuple[Hashable, ...]:
    # repr keeps 1, 1.0 and True apart, which are one key to Python and three values to the index.
    return path, _position(db), kind, search.q, repr(search.filters)


def _position(db: apsw.Connection) -> int:
    return int(_meta(db, "position"))


def _meta(db: apsw.Connection, name: str) -> str | int:
    value: str | int = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
    return value


def _set(db: apsw.Connection, name: str, value: str | int) -> None:
    db.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))


def _fill(db: apsw.Connection, rows: Iterable[IndexRow], sequence: int, identity: str) -> None:
    # Nobody sees a draft before it is whole and on the disk, so it needs no log.
    db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -64000")
    names = Names(db)
    pending = iter(rows)
    while some := list(islice(pending, _AT_ONCE)):
        with transaction(db, "BEGIN"):
            Batch(db, names).write(some)
    with transaction(db, "BEGIN"):
        _set(db, "position", sequence)
        _set(db, "identity", identity)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
