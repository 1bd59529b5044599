"""One generation of the embedded store: a RocksDB database and the journal that makes its last writes durable.

RocksDB commits are whole but not fsynced by pyoxigraph. Each update is therefore applied, appended to the journal and fsynced
before it is acknowledged. The transaction that applies an update also moves a marker, an empty named graph (so no query for
triples ever meets it) whose name ends with the position in the journal: a replay after a power cut starts exactly where the database stands.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pyoxigraph
from pyoxigraph import NamedNode, Quad

from server.errors import StoreUnavailable
from server.store.folder import sync_folder
from server.store.journal import Journal, Recovery, recover

log = logging.getLogger(__name__)

_MARKER = "urn:x-hub:journal:"
_LONG = 100_000  # characters
_PROLOGUE = re.compile(r"(?:\s|#[^\n]*\n)*(?:PREFIX|BASE)\b", re.IGNORECASE)


class Generation:
    """A database and its journal in one folder; the caller lets one writer in at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or create it, and replay what the journal has and the database lost."""
        folder.mkdir(exist_ok=True)
        self.database = _open_database(folder / "db")
        self._journal_path = folder / "journal"
        found = recover(self._journal_path)
        self._markers = _markers(self.database, found)
        self.position = max(self._markers, default=0)
        if found.promised > max(self.position, found.last or 0):
            raise StoreUnavailable(
                f"{self._journal_path} is damaged at byte {found.damaged_at}: acknowledged writes up to number {found.promised} cannot be read, "
                f"the store has those up to {max(self.position, found.last or 0)}. Restore a backup; or move the file away to go on without them."
            )
        self._replay(found)
        if not self._markers:  # so that the next start need not look through all graphs for one
            self._mark(0)
        self.database.flush()
        self.journal = Journal(self._journal_path, self.position)

    def _replay(self, found: Recovery) -> None:
        lost = [record for record in found.records if record.position > self.position]
        for record in lost:
            self.apply(record.text)
        if lost:
            log.warning("Writes %d to %d were replayed from the journal", lost[0].position, lost[-1].position)
        if found.damaged_at is not None:
            log.warning("The journal ended within a write that was not acknowledged (byte %d); it was left out", found.damaged_at)

    def apply(self, sparql: str) -> int:
        """Run an update and move the marker in one transaction; return the new position. Durable only after the journal has it."""
        # The marker comes last: pyoxigraph takes no PREFIX after a `;`. Dropping a graph looks through all that the transaction has
        # written, so a long update leaves that to the next short one.
        dropped = self._markers if len(sparql) < _LONG else []
        drops = "".join(f"DROP SILENT GRAPH <{_MARKER}{position}> ; " for position in dropped)
        marker = f"{drops}CREATE SILENT GRAPH <{_MARKER}{self.position + 1}>"
        try:
            self.database.update(f"{sparql}\n;\n{marker}")
        except SyntaxError as error:
            self._apply_unseparated(sparql, marker, error)
        self.position += 1
        self._markers = [*(position for position in self._markers if position not in dropped), self.position]
        return self.position

    def _apply_unseparated(self, sparql: str, marker: str, first: SyntaxError) -> None:
        # A text that ends with `;`, or has no operation at all, takes no second one; any other is wrong in itself.
        try:
            self.database.update(f"{sparql}\n{marker}")
        except SyntaxError:
            raise first from None

    def _mark(self, position: int) -> None:
        self.database.update(f"CREATE SILENT GRAPH <{_MARKER}{position}>")
        self._markers = [position]

    def rotate(self) -> None:
        """Make everything durable in the database itself and start an empty journal."""
        self.database.flush()
        fresh = Journal(self._journal_path, self.position)
        self.journal.retire()
        self.journal = fresh

    def bulk(self, quads: list[Quad]) -> None:
        """Add quads as new database files, all or none; durable when it returns.

        The journal is emptied first: a replay never runs an older update on a state that already has these quads.
        """
        self.rotate()
        self.database.bulk_extend(quads)

    def copy(self, folder: Path) -> None:
        """Lay all files into another folder as they are on the disk, where they can be opened as after the end of this process.

        For a database that takes no more writes; a checkpoint, which would flush it first, cannot be made of such a one.
        """
        shutil.copytree(
            self._journal_path.parent, folder, copy_function=_link_or_copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("LOCK", "*.new")
        )
        sync_folder(folder / "db")

    def close(self) -> None:
        """Leave an empty journal behind."""
        self.rotate()
        self.journal.retire()
        del self.database


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(".sst"):  # never changed once written
        os.link(source, target)
    else:
        shutil.copyfile(source, target)


def build(folder: Path, quads: Iterable[Quad], position: int) -> None:
    """Add quads and the marker of a position to the database of a generation that is not in use yet."""
    database = _open_database(folder / "db")
    database.bulk_extend(quads)
    database.update(f"CREATE SILENT GRAPH <{_MARKER}{position}>")
    database.flush()


def _open_database(path: Path) -> pyoxigraph.Store:
    try:
        return pyoxigraph.Store(str(path))
    except (OSError, RuntimeError) as error:  # a corrupt file is a RuntimeError
        raise StoreUnavailable(f"The store in {path} cannot be opened: {error}") from error


def _markers(database: pyoxigraph.Store, found: Recovery) -> list[int]:
    """Find the markers, of which the highest counts: nearly always positions that the journal knows, or the next one."""
    last, base = found.last or 0, found.base or 0
    known = [position for position in range(base, last + 2) if database.contains_named_graph(NamedNode(f"{_MARKER}{position}"))]
    if known:
        return known
    names = (name.value for name in database.named_graphs() if isinstance(name, NamedNode))
    markers = [int(name.removeprefix(_MARKER)) for name in names if name.startswith(_MARKER)]
    position = max(markers, default=0)
    if position < base:
        raise StoreUnavailable(
            f"The database is older than its journal (write {position}, the journal begins after {base}): files of two states were mixed."
        )
    return markers
