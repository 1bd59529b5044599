"""Pooled connections that give up connecting soon, however long the request itself may take.

urllib3 uses its connect timeout for sending the body too, and a server that is busy may rightly be slow to take a large one.
"""

from __future__ import annotations

import socket

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_SECONDS = 1.0


class _SoonConnected(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        limit = self.timeout
        self.timeout = CONNECT_SECONDS
        try:
            connected = super()._new_conn()
        finally:
            self.timeout = limit
        connected.settimeout(limit)
        return connected


class _SoonConnectedTls(_SoonConnected, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _SoonConnected


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _SoonConnectedTls


def pool_manager(connections: int) -> urllib3.PoolManager:
    """Make a pool that keeps so many connections open per address, and never retries or redirects by itself."""
    manager = urllib3.PoolManager(maxsize=connections, retries=False)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
