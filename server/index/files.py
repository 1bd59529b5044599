"""The files of the index: one SQLite file a generation, and `current`, which names the one in use.

A rebuild writes a new generation beside the old one and then renames `current` into place, so that readers in any process see the
old index or the new one and nothing between. SQLite files themselves are never renamed over: a left-over write-ahead log would be
applied to the wrong database.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from uuid import uuid4

import apsw

from server.errors import StoreFull, StoreUnavailable
from server.index import schema
from server.index.rows import Damaged

_PATIENCE = 10_000  # milliseconds that a process waits for another one's transaction, which takes a few
_KEPT = 16  # idle reader connections
_FULL = (apsw.FullError,)
_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_UNAVAILABLE = (apsw.BusyError, apsw.LockedError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError)


@contextmanager
def faults() -> Iterator[None]:
    """Turn SQLite's errors about files and locks into the hub's."""
    try:
        yield
    except _FULL as error:
        raise StoreFull("The disk with the search index is full.") from error
    except _BROKEN as error:
        raise Damaged("The search index is damaged; it has to be rebuilt.") from error
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"The search index cannot be used: {error}.") from error


class Files:
    """Find, open, pool and replace the generations in one folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, with an empty first generation where there is none of this version."""
        self._folder = folder
        self._pointer = folder / "current"
        self._seen: tuple[tuple[int, int], Path] | None = None
        self._idle: list[tuple[Path, apsw.Connection]] = []
        self._lock = Lock()
        with self.exclusive():
            if not self._usable():
                self.publish(self.draft())

    def current(self) -> Path:
        """Name the file in use."""
        try:
            state = os.stat(self._pointer)
            mark = (state.st_ino, state.st_mtime_ns)
            if self._seen is None or self._seen[0] != mark:
                self._seen = (mark, self._folder / self._pointer.read_text(encoding="ascii"))
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise Damaged("The search index is missing; it has to be rebuilt.") from error
        return self._seen[1]

    def open(self, path: Path) -> apsw.Connection:
        """Open a generation for reading and writing."""
        if not path.is_file():
            raise Damaged("The search index is missing; it has to be rebuilt.")
        with faults():
            db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            db.set_busy_timeout(_PATIENCE)
            # NORMAL: a process that dies loses nothing, a machine that dies loses the last writes, which the change log still has.
            # A write touches about thirty pages; checkpoints wait for 16 MB of them, because each syncs the disk.
            db.execute("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY")
        try:
            with faults():
                version = db.execute("SELECT value FROM meta WHERE name = 'version'").get
        except apsw.SQLError as error:  # no such table: someone emptied the file
            raise Damaged("The search index is empty; it has to be rebuilt.") from error
        if version != schema.VERSION:
            raise Damaged("The search index is of another version; it has to be rebuilt.")
        return db

    @contextmanager
    def reading(self) -> Iterator[tuple[Path, apsw.Connection]]:
        """Lend a connection that sees one state of the current generation until it is given back."""
        with faults():
            path, db = self._take()
            try:
                with transaction(db, "BEGIN"):
                    yield path, db
            finally:
                self._give_back(path, db)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes and threads from rebuilding at the same time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with open(self._folder / "lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # given up when the file closes, also when the process is killed
            yield

    def draft(self) -> Path:
        """Lay out an empty file for the next generation."""
        path = self._folder / f"{uuid4().hex}.sqlite"
        with faults():
            db = apsw.Connection(str(path))
            db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
            with transaction(db, "BEGIN"):
                schema.create(db)
            db.close()
        return path

    def publish(self, path: Path) -> None:
        """Make a finished draft the current generation and remove all others."""
        _to_disk(path)
        name = self._folder / "current.new"
        name.write_text(path.name, encoding="ascii")
        _to_disk(name)
        os.replace(name, self._pointer)
        for old in self._folder.glob("*.sqlite*"):
            # Processes that still have an old generation open keep it until they notice.
            if not old.name.startswith(path.name):
                old.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, db in idle:
            db.close()

    def _usable(self) -> bool:
        try:
            self.open(self.current()).close()
        except Damaged:
            return False
        return True

    def _take(self) -> tuple[Path, apsw.Connection]:
        path = self.current()
        while True:
            with self._lock:
                if not self._idle:
                    break
                kept, db = self._idle.pop()
            if kept == path:
                return path, db
            db.close()
        return path, self.open(path)

    def _give_back(self, path: Path, db: apsw.Connection) -> None:
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append((path, db))
                return
        db.close()


@contextmanager
def transaction(db: apsw.Connection, begin: str) -> Iterator[None]:
    """Run statements as one transaction, undone when anything is raised."""
    db.execute(begin)
    try:
        yield
    except BaseException:
        if db.in_transaction:  # SQLite undoes some transactions itself, on a full disk for one
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _to_disk(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
