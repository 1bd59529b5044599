"""Run the Oxigraph server of PyPI: a third engine, which the hub was not made for."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from server.store.remote import RemoteStore
from tests.support.settings import free_port

SERVER = Path(sys.executable).with_name("oxigraph")
START_SECONDS = 20.0


@dataclass
class Oxigraph:
    """A running server; `process` may be stopped and killed."""

    url: str
    process: subprocess.Popen[bytes]

    def store(self, **options: float) -> RemoteStore:
        """Connect to it."""
        return RemoteStore(f"{self.url}/query", f"{self.url}/update", f"{self.url}/store", **options)  # type: ignore[arg-type]  # seconds only


@contextmanager
def running_oxigraph(folder: Path | None = None, *, port: int = 0, union: bool = True) -> Iterator[Oxigraph]:
    """Run a server until the block ends, on a folder or in memory. In memory one writer waits for another; on a folder it does not."""
    port = port or free_port()
    command = [str(SERVER), "serve", "--bind", f"127.0.0.1:{port}"]
    command += ["--location", str(folder)] if folder else []
    command += ["--union-default-graph"] if union else []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Oxigraph(f"http://127.0.0.1:{port}", process)
    try:
        _wait(server)
        yield server
    finally:
        process.kill()
        process.wait(30)


def _wait(server: Oxigraph) -> None:
    end = time.monotonic() + START_SECONDS
    with urllib3.PoolManager(retries=False, timeout=1) as http:
        while time.monotonic() < end:
            assert server.process.poll() is None, "the Oxigraph server ended"
            try:
                http.request("GET", server.url)
                return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
    raise AssertionError(f"the Oxigraph server was not ready after {START_SECONDS} s")
