"""The feed: keeps the index within a second of the change log, whoever wrote."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Event, Lock, Thread

from server.errors import HubError
from server.index.index import Index
from server.index.rows import Behind, Damaged, IndexRow

LOG = logging.getLogger(__name__)

_RANGE = 500  # changes that are read at once
_MANY = 10_000  # changes that an index may be behind without being built anew
_SLOWEST = 5.0  # seconds between attempts while the store does not answer


class Feed:
    """Bring changes from the log to the index, in the background and on demand."""

    def __init__(
        self,
        index: Index,
        read_changes: Callable[[int, int], Sequence[IndexRow]],
        last: Callable[[], int],
        interval: float,
        *,
        identity: Callable[[], str],
        everything: Callable[[], Iterable[IndexRow]],
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """Join an index and a change log.

        `read_changes(first, last)` describes every thing that these changes touched, `last()` is the newest sequence (asked of the
        primary: a lagging replica would look as if the index were ahead), `identity()` names the store and how its things are
        described, and `everything()` describes all things there are. `before()` brings in what this process has written and not yet applied.
        """
        self._index = index
        self._read_changes = read_changes
        self._last = last
        self._interval = interval
        self._identity = identity
        self._everything = everything
        self._before = before
        self._catching = Lock()
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Follow the change log in a background thread."""
        self._stopping.clear()
        self._thread = Thread(target=self._follow, name="index-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread as soon as it can leave things whole."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def catch_up(self) -> int:
        """Bring the index up to what the log holds now, and give the position; rebuild it where it belongs to something else."""
        return self._catch_up(lambda: False)

    def rebuild(self) -> None:
        """Build the index from nothing; the old one answers until the new one is there."""
        self._rebuild(lambda: False, lambda: True)

    def _catch_up(self, stopped: Callable[[], bool]) -> int:
        with self._catching:
            while not stopped():
                try:
                    self._before()
                    position, target = self._state()
                    if self._foreign(position, target):
                        LOG.info("The search index is built anew: it belongs to another store, or things are described in another way.")
                        self._rebuild(stopped, lambda: self._foreign(*self._state()))
                    elif position >= target:
                        break
                    elif target - position > max(_MANY, target // 2):  # each thing is read once then, not each change
                        self._rebuild(stopped, lambda before=position: self._index.position() == before)  # type: ignore[misc]
                    else:
                        until = min(position + _RANGE, target)
                        self._index.apply(self._read_changes(position + 1, until), until, position)
                except Behind:
                    continue  # another process put a new index in place meanwhile
                except Damaged as error:
                    LOG.warning("%s", error.detail)
                    self._rebuild(stopped, lambda: True)
            return self._index.position()

    def _rebuild(self, stopped: Callable[[], bool], needed: Callable[[], bool]) -> None:
        target = self._last()  # before reading: what changes meanwhile is read again
        identity = self._identity()
        self._index.rebuild(_unless(stopped, self._everything()), target, identity, needed=needed)

    def _state(self) -> tuple[int, int]:
        position = self._index.position()  # first: the log can only have gone on since
        return position, self._last()

    def _foreign(self, position: int, target: int) -> bool:
        return position > target or self._index.identity != self._identity()

    def _follow(self) -> None:
        pause = self._interval
        while not self._stopping.wait(pause):
            try:
                self._catch_up(self._stopping.is_set)
                pause = self._interval
            except _Stopped:
                return
            except HubError as error:
                if pause == self._interval:
                    LOG.warning("The search index cannot follow the change log: %s", error.detail)
                pause = min(max(pause * 2, 0.1), _SLOWEST)


class _Stopped(Exception):
    """The feed was stopped in the middle of a rebuild."""


def _unless(stopped: Callable[[], bool], rows: Iterable[IndexRow]) -> Iterator[IndexRow]:
    for row in rows:
        if stopped():
            raise _Stopped
        yield row
