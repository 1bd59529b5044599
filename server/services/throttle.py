"""Slow down guessing: failed log-ins are counted in the system dataset, so that every process counts the same ones.

The keys are hashes of the e-mail and of the address that the attempt came from; neither is kept in clear. A window opens with the
first failure and closes by itself. An address gets more than an e-mail because many people can stand behind one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pyoxigraph import Literal, NamedNode

from server.errors import TooManyRequests
from server.services.system import PROLOGUE, THROTTLE, digest, item
from server.store.base import Store
from server.store.text import fill

WINDOW_SECONDS = 300

_COUNTED = PROLOGUE + "SELECT ?failures ?opened WHERE { GRAPH $throttle { $key hub:failures ?failures ; hub:opened ?opened } }"

_COUNT = (
    PROLOGUE
    + """
DELETE { GRAPH $throttle { $key hub:failures ?failures ; hub:opened ?opened } }
INSERT { GRAPH $throttle { $key hub:failures ?more ; hub:opened ?start } }
WHERE {
  OPTIONAL { GRAPH $throttle { $key hub:failures ?failures ; hub:opened ?opened } }
  BIND ( COALESCE(?opened > $oldest, false) AS ?running )
  BIND ( IF(?running, ?failures + 1, 1) AS ?more )
  BIND ( IF(?running, ?opened, $now) AS ?start )
}"""
)
_FORGET = PROLOGUE + "DELETE WHERE { GRAPH $throttle { $key ?property ?value } }"
_SWEEP = (
    PROLOGUE
    + "DELETE { GRAPH $throttle { ?key hub:failures ?failures ; hub:opened ?opened } }"
    + " WHERE { GRAPH $throttle { ?key hub:failures ?failures ; hub:opened ?opened } FILTER ( ?opened <= $oldest ) }"
)


@dataclass(frozen=True)
class Throttle:
    """Counts failures per e-mail and per address within a window of five minutes."""

    system: Store
    per_email: int = 10
    per_address: int = 50
    clock: Callable[[], float] = time.time

    def check(self, email: str, address: str) -> None:
        """Raise `TooManyRequests` if this e-mail or this address has failed too often."""
        waits = [self._wait(_email(email), self.per_email), self._wait(_address(address), self.per_address)]
        if wait := max(waits):
            raise TooManyRequests(f"Too many failed log-ins; try again in {wait} seconds.", retry_after=wait)

    def failed(self, email: str, address: str) -> None:
        """Count one failure against both."""
        now = int(self.clock())
        for key in (_email(email), _address(address)):
            self.system.update(fill(_COUNT, throttle=THROTTLE, key=key, oldest=now - WINDOW_SECONDS, now=now))

    def succeeded(self, email: str) -> None:
        """Forget the failures of an e-mail; those of the address stay, or one own account would buy endless guesses at others."""
        if self._failures(_email(email)):
            self.system.update(fill(_FORGET, throttle=THROTTLE, key=_email(email)))

    def sweep(self) -> None:
        """Remove the counters whose window has closed."""
        self.system.update(fill(_SWEEP, throttle=THROTTLE, oldest=int(self.clock()) - WINDOW_SECONDS))

    def _wait(self, key: NamedNode, most: int) -> int:
        counted = self._failures(key)
        if counted is None or counted[0] < most:
            return 0
        return max(counted[1] + WINDOW_SECONDS - int(self.clock()), 0)

    def _failures(self, key: NamedNode) -> tuple[int, int] | None:
        rows = self.system.select(fill(_COUNTED, throttle=THROTTLE, key=key))
        return (int(rows[0]["failures"].value), int(rows[0]["opened"].value)) if rows else None


def _email(email: str) -> NamedNode:
    return _key("email", email)


def _address(address: str) -> NamedNode:
    return _key("address", address)


def _key(what: str, value: str) -> NamedNode:
    hashed: Literal = digest(f"{what}:{value}")
    return item(THROTTLE, hashed.value)
