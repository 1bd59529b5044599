"""Signs of life: a server that is busy may take its time over a request, one that hangs must not hold its callers."""

from __future__ import annotations

import threading
import time

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

QUIET_SECONDS = 0.5  # without a byte, after which a server is asked for a sign of life
_ANSWER_SECONDS = 0.8
_FRESH_SECONDS = 0.3  # for which a sign, or that there was none, holds for all callers


class Lifeless(HTTPError):
    """The server answers nothing at all, whatever it is asked."""


class Pulse:
    """Asks one server for signs of life, once for all threads that wait for it."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        """Ask over this pool, which nobody else uses."""
        self._pool = pool
        self._lock = threading.Lock()
        self._felt = self._missed = -1.0

    @property
    def lost(self) -> bool:
        """Tell whether the last sign of life did not come."""
        return self._missed > self._felt

    def feel(self, path: str) -> None:
        """Return if the server lives. Raises `Lifeless`."""
        with self._lock:
            now = time.monotonic()
            if self.lost and now < self._missed + _FRESH_SECONDS:
                raise Lifeless("It gives no sign of life.")
            if now < self._felt + _FRESH_SECONDS:
                return
            try:
                self._pool.request("GET", path, timeout=urllib3.Timeout(total=_ANSWER_SECONDS))  # any status will do
            except HTTPError as error:
                self.miss()
                raise Lifeless(f"It gives no sign of life: {error}") from error
            self._felt = time.monotonic()

    def miss(self) -> None:
        """Note that the server gave no sign of life."""
        self._missed = time.monotonic()
