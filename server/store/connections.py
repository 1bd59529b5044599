"""Pooled connections that give up soon on a server that cannot be reached or hangs, however long the request itself may take.

urllib3 uses its connect timeout for sending the body too, and a server that is busy may rightly be slow to take a large one.
"""

from __future__ import annotations

import socket
import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError
from urllib3.response import HTTPResponse
from urllib3.util.wait import wait_for_read

from server.store.pulse import QUIET_SECONDS, Pulse

CONNECT_SECONDS = 1.0


class _Watched(HTTPConnection):
    """Connects soon or not at all, and asks for a sign of life while no answer comes."""

    def __init__(self, *place: Any, pulse: Pulse, **options: Any) -> None:
        super().__init__(*place, **options)
        self._pulse, self._path = pulse, "/"

    def _new_conn(self) -> socket.socket:
        limit = self.timeout
        self.timeout = CONNECT_SECONDS
        try:
            connected = super()._new_conn()
        except ConnectTimeoutError:
            self._pulse.miss()
            raise
        finally:
            self.timeout = limit
        connected.settimeout(limit)
        return connected

    def request(self, method: str, url: str, *content: Any, **options: Any) -> None:
        self._path = url
        if self._pulse.lost:
            self._pulse.feel(url)
        super().request(method, url, *content, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        end = time.monotonic() + self.timeout if self.timeout else None
        while not wait_for_read(self.sock, QUIET_SECONDS if end is None else max(0.0, min(QUIET_SECONDS, end - time.monotonic()))):
            if end is not None and time.monotonic() >= end:
                raise TimeoutError("No answer came in time.")  # urllib3 would wait as long again
            self._pulse.feel(self._path)
        return super().getresponse()


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched

    def __init__(self, host: str, port: int | None = None, **options: Any) -> None:
        super().__init__(host, port, **options, pulse=Pulse(HTTPConnectionPool(host, port, retries=False)))


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls

    def __init__(self, host: str, port: int | None = None, **options: Any) -> None:
        super().__init__(host, port, **options, pulse=Pulse(HTTPSConnectionPool(host, port, retries=False)))


def pool_manager(connections: int) -> urllib3.PoolManager:
    """Make a pool that keeps so many connections open per address, and never retries or redirects by itself."""
    manager = urllib3.PoolManager(maxsize=connections, retries=False)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
