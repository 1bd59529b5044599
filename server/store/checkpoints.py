"""Checkpoints of the embedded store: read-only copies for strangers' queries, made of hard links and shared while nothing is written."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class _Checkpoint:
    path: Path
    version: int
    users: int = 0


class Checkpoints:
    """Hand out the newest state as a folder, and remove a folder when nobody uses it and a newer one exists."""

    def __init__(self, folder: Path, version: Callable[[], int], make: Callable[[Path], None]) -> None:
        """Start empty; `version` counts the writes so far, `make` writes the present state into a new folder."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._folder, self._version, self._make = folder, version, make
        self._made = 0
        self._newest: _Checkpoint | None = None
        self._lock = threading.Lock()

    @contextmanager
    def current(self) -> Iterator[Path]:
        """Lend a checkpoint that holds every write finished before the call; it exists until the block ends."""
        checkpoint = self._borrow()
        try:
            yield checkpoint.path
        finally:
            with self._lock:
                checkpoint.users -= 1
                self._remove_unless_needed(checkpoint)

    def _borrow(self) -> _Checkpoint:
        with self._lock:
            version = self._version()  # read before the copy, so that a write in between makes a new one next time
            if self._newest is None or self._newest.version != version:
                self._made += 1
                older, fresh = self._newest, _Checkpoint(self._folder / str(self._made), version)
                self._make(fresh.path)
                self._newest = fresh
                if older is not None:
                    self._remove_unless_needed(older)
            self._newest.users += 1
            return self._newest

    def _remove_unless_needed(self, checkpoint: _Checkpoint) -> None:
        if checkpoint.users == 0 and checkpoint is not self._newest:
            shutil.rmtree(checkpoint.path)

    def clear(self) -> None:
        """Remove them all; for a store that closes."""
        shutil.rmtree(self._folder, ignore_errors=True)
