"""HTTP to a SPARQL server: pooled connections, time limits, few retries, and every failure as a domain exception.

A read is tried again when its connection broke. A write is tried again only when no connection could be made: once it was sent,
nobody knows whether the server has done it, and the caller has to look. A server that hangs is given up within two seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Literal as Choice

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from server.errors import StoreFull, StoreUnavailable
from server.store.connections import pool_manager
from server.store.pulse import Lifeless

_PAUSE_SECONDS = 0.1

Body = bytes | Iterable[bytes] | None


class Refused(Exception):
    """The server understood the request and found it wrong (400 and the like); `text` is its explanation."""

    def __init__(self, status: int, text: str) -> None:
        """Keep status and explanation."""
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


class TimedOut(StoreUnavailable):
    """The server gave up on the query, or did not answer in time."""


class Transport:
    """Send requests to one server, from any number of threads."""

    def __init__(self, user: str, password: str, seconds: float, connections: int) -> None:
        """Keep up to `connections` open per address; `seconds` is the time limit of a request that names none."""
        self._manager = pool_manager(connections)
        self._places: dict[str, tuple[urllib3.HTTPConnectionPool, str]] = {}
        self._headers = urllib3.make_headers(basic_auth=f"{user}:{password}") if user else {}
        self._seconds = seconds

    def send(
        self,
        method: Choice["GET", "POST", "PUT"],
        url: str,
        headers: Mapping[str, str],
        body: Body = None,
        *,
        repeatable: bool,
        seconds: float | None = None,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """Return a 2xx answer, read whole unless it is streamed. Raises `Refused`, `TimedOut`, `StoreFull`, `StoreUnavailable`."""
        limit = seconds or self._seconds
        try:
            answer = self._try(method, url, headers, body, limit, stream)
        except ReadTimeoutError as error:
            raise _too_slow(error) from error
        except (Lifeless, ConnectTimeoutError) as error:
            raise unavailable(error) from error
        except HTTPError as error:
            if isinstance(body, bytes | None) and (repeatable or isinstance(error, NewConnectionError)):
                return self._again(method, url, headers, body, limit, stream)
            raise unavailable(error) from error
        return _checked(answer)

    def _again(self, method: str, url: str, headers: Mapping[str, str], body: Body, seconds: float, stream: bool) -> urllib3.BaseHTTPResponse:
        time.sleep(_PAUSE_SECONDS)
        try:
            answer = self._try(method, url, headers, body, seconds, stream)
        except ReadTimeoutError as error:
            raise _too_slow(error) from error
        except HTTPError as error:
            raise unavailable(error) from error
        return _checked(answer)

    def _try(self, method: str, url: str, headers: Mapping[str, str], body: Body, seconds: float, stream: bool) -> urllib3.BaseHTTPResponse:
        limit = urllib3.Timeout(connect=seconds, read=seconds)
        pool, target = self._place(url)
        return pool.urlopen(method, target, body, {**self._headers, **headers}, timeout=limit, preload_content=not stream, redirect=False)

    def _place(self, url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
        """Find the pool of an address; there are three of them, and taking one apart costs more than remembering it."""
        if (place := self._places.get(url)) is None:
            place = self._places[url] = self._manager.connection_from_url(url), urllib3.util.parse_url(url).request_uri
        return place

    def close(self) -> None:
        """Close the connections."""
        self._manager.clear()


def unavailable(error: Exception) -> StoreUnavailable:
    """Say that the store cannot be reached."""
    return StoreUnavailable(f"The store cannot be reached: {error}")


def _too_slow(error: Exception) -> TimedOut:
    return TimedOut(f"The store did not answer in time: {error}")


def _checked(answer: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
    if 200 <= answer.status < 300:
        return answer
    text = _explanation(answer)
    if answer.status in (507, 413) or "No space left" in text:
        raise StoreFull("The disk of the store is full. Make room; reading goes on.")
    if (answer.status == 503 and "time" in text.lower()) or answer.status == 408:
        raise TimedOut(f"The store ended the query: {text}")
    if answer.status in (400, 422):
        raise Refused(answer.status, text)
    if answer.status in (401, 403):
        raise StoreUnavailable(f"The store refuses the credentials of the hub ({answer.status}); see HUB_STORE_USER and HUB_STORE_PASSWORD.")
    raise StoreUnavailable(f"The store answered {answer.status}: {text}")


def _explanation(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        return (
            answer.read(4096, decode_content=True).decode("utf-8", "replace").strip()
            if not answer.closed
            else answer.data[:4096].decode("utf-8", "replace").strip()
        )
    except HTTPError:
        return answer.reason or ""
    finally:
        answer.release_conn()
