"""A process that writes without end and says what was acknowledged; it is there to be killed.

All of them are forked from one process that has loaded everything, so that a hundred starts take seconds.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import signal
import threading
import time
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, NamedTuple

from server.errors import HubError
from server.hub import Hub, build
from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from tests.support.settings import make_settings
from tests.support.toys import toy_registry

GROUP = 40  # things of one bulk stream
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.writer"])


class Said(NamedTuple):
    """What a writer tells: it is open, begins a bulk stream, or was told that a thing is (or is gone) at a revision."""

    what: Literal["open", "bulk", "toy", "gone"]
    id: str = ""
    revision: int = 0
    pieces: int = 0


def open_hub(folder: Path, store_url: str | None) -> Hub:
    """Open a hub over a folder, with its datasets in a Fuseki where a URL is given."""
    stores = {"store": f"{store_url}/kg", "system_store": f"{store_url}/system"} if store_url else {}
    return build(make_settings(folder, **stores), toy_registry())


class Writer:
    """One process that writes."""

    def __init__(self, folder: Path, store_url: str | None, stamp: str, *, bulk: bool) -> None:
        """Start it; with `bulk` it begins with a bulk stream."""
        self._heard: list[Said] = []
        self._reader, writer = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=_write, args=(writer, folder, store_url, stamp, bulk), daemon=True)
        self._process.start()
        writer.close()

    def hear(self, what: str, revision: int = 0) -> float:
        """Wait until it says this, and return how many seconds that took."""
        started = time.perf_counter()
        while not self._heard or self._heard[-1].what != what or self._heard[-1].revision != revision:
            self._heard.append(self._reader.recv())
        return time.perf_counter() - started

    def die(self, seconds: float) -> list[Said]:
        """Kill it after a while, in whatever it does, and return all that it said."""
        killer = threading.Timer(seconds, self._process.kill)
        killer.start()
        try:
            while True:
                self._heard.append(self._reader.recv())
        except (EOFError, OSError):  # a last message may be cut
            killer.join()
            self._process.join()
        assert self._process.exitcode == -signal.SIGKILL, "the writer ended by itself"
        self._reader.close()
        self._process.close()
        return self._heard


def _write(target: Connection, folder: Path, store_url: str | None, stamp: str, bulk: bool) -> None:
    """Create, change and delete things until the process ends; every fifth round a group in bulk."""
    hub = open_hub(folder, store_url)
    target.send(Said("open"))
    for number in count(1):
        if number % 5 == (1 if bulk else 0):
            _bulk(target, hub, f"{stamp} {number}")
        created = hub.assets.create(SYSTEM, "toys", Document(JSON, {"title": f"{stamp} {number}", "pieces": 0, "keywords": [stamp]}))
        target.send(Said("toy", created.id, 1, 0))
        for pieces in (1, 2):
            changed = hub.assets.patch(SYSTEM, "toys", created.id, {"pieces": pieces}, pieces)
            target.send(Said("toy", created.id, changed.thing.revision, pieces))
        if number % 3 == 0:
            hub.assets.delete(SYSTEM, "toys", created.id, 3)
            target.send(Said("gone", created.id, 4))


def _bulk(target: Connection, hub: Hub, stamp: str) -> None:
    lines = b"\n".join(json.dumps({"title": f"{stamp} {number}", "pieces": 7}).encode() for number in range(GROUP))
    target.send(Said("bulk"))
    for outcome in hub.bulk.load(SYSTEM, "toys", "application/x-ndjson", io.BytesIO(lines)):
        if isinstance(outcome.error, HubError):
            raise outcome.error
        target.send(Said("toy", outcome.id, 1, 7))
