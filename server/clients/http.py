"""Calls to servers behind the hub: pooled, verified, bounded in time and size, and never led to another host.

A server that cannot be reached, answers too late or answers too much is a domain error that names the server and the cause, and
never a credential. What a status means is for the client of that server to say.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import orjson
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError, SSLError

from server.errors import UpstreamTimeout, UpstreamUnavailable

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_CHUNK = 2**16


@dataclass(frozen=True)
class Bounds:
    """What one call may take: seconds to connect, between two pieces of the answer and in all, bytes of the answer, and repetitions."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 30.0
    bytes: int = 32 * 2**20
    retries: int = 2


@dataclass(frozen=True)
class Reply:
    """An answer that was read to its end."""

    server: str
    status: int
    media_type: str
    body: bytes

    def json(self) -> Any:
        """Parse the body as JSON; anything else is an answer that makes no sense."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise UpstreamUnavailable(f"{self.server} answered {self.status} with something that is no JSON.") from None


class Outbound:
    """One server behind the hub, named in every error as `<name> at <scheme://host:port>`."""

    def __init__(self, name: str, url: str, *, token: str = "", user: str = "", password: str = "", bounds: Bounds | None = None) -> None:
        """Call the server at this address, with a bearer token or a user's password where it wants one."""
        self._url = url.rstrip("/") + "/"
        self._origin = _origin(self._url)
        self.name = f"{name} at {'://'.join(self._origin)}"
        self._bounds = bounds or Bounds()
        self._headers = _authorization(token, user, password) | {"Accept": "application/json, */*;q=0.1", "User-Agent": "cords-hub"}
        self._pool = PoolManager(maxsize=8, cert_reqs="CERT_REQUIRED")
        self._deadline: float | None = None

    def within(self, seconds: float) -> Outbound:
        """Give a view of the same server whose calls, all together, end within so many seconds."""
        view = copy(self)
        view._deadline = time.monotonic() + seconds
        return view

    def authorized(self, authorization: str) -> Outbound:
        """Give a view of the same server that is called with this `Authorization` and no other; empty for none."""
        view = copy(self)
        view._headers = {name: value for name, value in self._headers.items() if name != "Authorization"}
        view._headers |= {"Authorization": authorization} if authorization else {}
        return view

    def limited(self, **bounds: Any) -> Outbound:
        """Give a view of the same server with other bounds."""
        view = copy(self)
        view._bounds = replace(self._bounds, **bounds)
        return view

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """Read what is at a path below the server's address; repeated when the connection fails or the server is busy for a moment."""
        end = self._end()
        url, fields = self._address(path), query
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._send("GET", url, end, fields=fields)
            try:
                if response.status not in _REDIRECTS:
                    return self._reply(response, end)
                url, fields = self._followed(url, response.headers.get("Location", "")), None
            finally:
                response.close()  # a connection whose answer was read to its end is in the pool again already
        raise UpstreamUnavailable(f"{self.name} redirects in circles.")

    def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Send JSON that does no harm when it is sent twice (a search, a value to set); repeated as `get` is, and never redirected."""
        end = self._end()
        response = self._send("POST", self._address(path), end, body=orjson.dumps(body))
        try:
            if response.status in _REDIRECTS:
                raise UpstreamUnavailable(f"{self.name} redirects what is posted, which is not followed; set the address that it redirects to.")
            return self._reply(response, end)
        finally:
            response.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.clear()

    def _address(self, path: str) -> str:
        return urljoin(self._url, quote(path.lstrip("/"), safe="/:@!$&'()*+,;=~"))

    def _end(self) -> float:
        end = time.monotonic() + self._bounds.total
        return end if self._deadline is None else min(end, self._deadline)

    def _reply(self, response: BaseHTTPResponse, end: float) -> Reply:
        return Reply(self.name, response.status, response.headers.get("Content-Type", ""), self._body(response, end))

    def _send(self, method: str, url: str, end: float, **content: Any) -> BaseHTTPResponse:
        left = self._left(end)
        bounds = self._bounds
        # A read that ran into its limit is not repeated: it would double the time that the caller was promised.
        retry = Retry(
            total=bounds.retries, connect=bounds.retries, read=0, redirect=False, status=bounds.retries,
            allowed_methods=["GET", "POST"], status_forcelist=[502, 503, 504], backoff_factor=0.1, backoff_max=1.0,
            raise_on_status=False, respect_retry_after_header=False,
        )  # fmt: skip
        timeout = Timeout(connect=min(bounds.connect, left), read=min(bounds.read, left))
        headers = self._headers | ({"Content-Type": "application/json"} if "body" in content else {})
        try:
            return self._pool.request(method, url, headers=headers, retries=retry, timeout=timeout, redirect=False, preload_content=False, **content)
        except HTTPError as error:
            raise self._failure(error) from None

    def _body(self, response: BaseHTTPResponse, end: float) -> bytes:
        body = bytearray()
        try:
            while chunk := response.read1(_CHUNK):  # what has arrived; to wait for a whole chunk would be to wait beyond the end
                body += chunk
                if len(body) > self._bounds.bytes:
                    raise UpstreamUnavailable(f"{self.name} answered more than {self._bounds.bytes} bytes.")
                self._left(end)
            response.read()  # nothing is left; this hands the connection back
        except HTTPError as error:
            raise self._failure(error) from None
        return bytes(body)

    def _left(self, end: float) -> float:
        if (left := end - time.monotonic()) <= 0:
            raise UpstreamTimeout(f"{self.name} did not answer in time.")
        return left

    def _followed(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if _origin(target) != self._origin:
            raise UpstreamUnavailable(f"{self.name} redirects to another host, which is not followed; set the address that it redirects to.")
        return target

    def _failure(self, error: HTTPError) -> UpstreamUnavailable:
        cause = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
        # A refused connection is a subclass of the one that timed out.
        if isinstance(cause, (ConnectTimeoutError, ReadTimeoutError)) and not isinstance(cause, NewConnectionError):
            return UpstreamTimeout(f"{self.name} did not answer in time.")
        if isinstance(cause, SSLError):
            return UpstreamUnavailable(f"{self.name} has a certificate that cannot be verified.")
        return UpstreamUnavailable(f"{self.name} cannot be reached ({type(cause).__name__}).")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _authorization(token: str, user: str, password: str) -> dict[str, str]:
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user or password:
        return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
    return {}
