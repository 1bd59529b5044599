"""Calls over one kept-alive connection, and what they cost beside each other."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

SECONDS = 600.0  # that a bulk request may take
WARM = 20  # rounds before the clock runs
_IDLE_SECONDS = 5.0  # after which a server may have closed a connection

Call = Callable[[int], object]


class Connection:
    """One kept-alive connection to a server; every answer that is no success is an error."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """Connect to the host of a URL; `headers` go with every request."""
        split = urlsplit(url)
        self._path, self._headers = split.path.rstrip("/"), dict(headers or {})
        self._connection = http.client.HTTPConnection(split.hostname or "", split.port, timeout=SECONDS)
        self._used = time.monotonic()

    def send(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str) -> bytes:
        """Send a request and return the whole body of the answer; `content_type="…"` is the header Content-Type."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self._connection.close()  # the next request opens it anew
        self._connection.request(method, self._path + path, body, self._headers | named)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {content[:500].decode('utf-8', 'replace')}")
        return content

    def get(self, path: str, accept: str = "application/json") -> bytes:
        """Read an address."""
        return self.send("GET", path, accept=accept)

    def query(self, path: str, sparql: str, accept: str) -> bytes:
        """Ask a SPARQL query by POST."""
        return self.send("POST", path, sparql.encode(), content_type="application/sparql-query", accept=accept)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def medians(calls: int, *rivals: Call) -> list[float]:
    """Make each rival's calls in turn, so that whatever else the machine does hits all of them alike; return the medians in seconds.

    A rival is called with the number of the round; some rounds come before the clock runs.
    """
    times: list[list[float]] = [[] for _ in rivals]
    for number in range(WARM + calls):
        order = range(len(rivals)) if number % 2 else reversed(range(len(rivals)))
        for place in order:
            started = time.perf_counter()
            rivals[place](number)
            if number >= WARM:
                times[place].append(time.perf_counter() - started)
    return [statistics.median(each) for each in times]
