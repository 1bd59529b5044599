"""Let a bounded number of costly jobs run, a bounded number wait, and nobody take every place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from server.errors import TooManyRequests


class Turnstile:
    """Places for jobs: `places` at once, all but one of them for the same person, and `seats` for those who wait."""

    def __init__(self, places: int, seats: int, seats_each: int) -> None:
        """Start empty; `seats_each` is how many jobs of one person may wait."""
        self._places, self._each = places, max(1, places - 1)
        self._seats, self._seats_each = seats, seats_each
        self._running: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._changed = Condition()

    @contextmanager
    def place(self, person: str, seconds: float) -> Iterator[None]:
        """Hold a place until the block ends; raise `TooManyRequests` when too many wait, or none is free in time."""
        with self._changed:
            if not self._free(person):
                self._wait(person, seconds)
            self._running[person] += 1
        try:
            yield
        finally:
            with self._changed:
                _less(self._running, person)
                self._changed.notify_all()

    def _free(self, person: str) -> bool:
        return self._running.total() < self._places and self._running[person] < self._each

    def _wait(self, person: str, seconds: float) -> None:
        if self._waiting.total() >= self._seats or self._waiting[person] >= self._seats_each:
            raise TooManyRequests("Too many queries wait already; send this one again when one of yours has ended.", retry_after=math.ceil(seconds))
        self._waiting[person] += 1
        try:
            if not self._changed.wait_for(lambda: self._free(person), seconds):
                raise TooManyRequests(f"No other query ended within {seconds:g} seconds; try again.", retry_after=math.ceil(seconds))
        finally:
            _less(self._waiting, person)


def _less(counter: Counter[str], person: str) -> None:
    counter[person] -= 1
    if not counter[person]:
        del counter[person]
