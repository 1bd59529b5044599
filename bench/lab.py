"""The servers of one run, each started and filled when the first measure needs it, and all ended together."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

import click
import orjson

from bench import data, filling, servers
from bench.calls import Connection
from bench.servers import Server

FEW = 1_000
_BATCH = 5_000  # things a request: a body of some six megabytes
_FILLED = 500_000  # from so many on, things are laid into the store: a bulk load would take most of an hour
_NDJSON = "application/x-ndjson"
_NUMBERS = count()


@dataclass
class Hub:
    """A hub with so many things in it, and a connection that may write."""

    server: Server
    folder: Path
    things: int
    token: str
    loaded: float = 0.0  # seconds that loading them took
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        """Open the connection."""
        self.connection = self.server.connect(Authorization=f"Bearer {self.token}")

    def path(self, number: int) -> str:
        """Name the path of one of its models; neighbouring numbers give models that lie far apart."""
        return f"/api/models/{data.identifier('model', number * 7919 % self.things)}"

    def register(self, body: bytes) -> None:
        """Store a new model."""
        self.connection.send("POST", "/api/models", body, content_type="application/json")


class Lab:
    """Everything that measures run on."""

    def __init__(self, things: int, calls: int) -> None:
        """Measure with so many things in the large store and so many calls for each median."""
        self.things, self.calls = things, calls
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))

    @cached_property
    def small(self) -> Hub:
        """Give a hub on the embedded store with few things."""
        return self._hub("small", min(FEW, self.things))

    @cached_property
    def large(self) -> Hub:
        """Give a hub on the embedded store with many things."""
        return self._hub("large", self.things)

    @cached_property
    def fuseki(self) -> Server:
        """Give a Fuseki with the hub's two datasets."""
        return self.stack.enter_context(servers.fuseki(self.folder / "fuseki"))

    @cached_property
    def remote(self) -> Hub:
        """Give a hub on that Fuseki, with a fifth as many things."""
        return self._hub("remote", max(FEW // 10, self.things // 5), store=f"{self.fuseki.url}/kg")

    @cached_property
    def oxigraph(self) -> Connection:
        """Give the oxigraph server with a thousand models and nothing else."""
        server = self.stack.enter_context(servers.oxigraph(self.folder / "oxigraph"))
        connection = server.connect()
        for number in range(self.small.things):
            path = self.small.path(number)
            body = self.small.connection.get(path, "application/n-triples")
            connection.send("PUT", f"/store?graph={servers.BASE}{path[1:]}", body, content_type="application/n-triples")
        return connection

    def hub(self, name: str, things: int) -> Hub:
        """Give another hub on the embedded store, with so many things."""
        return self._hub(name, things)

    def restarted(self) -> Server:
        """Stop the hub with many things and start it again on what it left."""
        token, folder, things = self.large.token, self.large.folder, self.large.things
        self.large.connection.close()
        servers.end(self.large.server.process)
        server = self.stack.enter_context(servers.hub(folder))
        self.large = Hub(server, folder, things, token)
        return server

    def close(self) -> None:
        """End all servers and remove their files."""
        self.stack.close()

    def _hub(self, name: str, things: int, **settings: str) -> Hub:
        folder = self.folder / name
        server = self.stack.enter_context(servers.hub(folder, **settings))
        hub = Hub(server, folder, things, server.printed("administrator token"))
        hub.connection.send("POST", "/api/datasets", orjson.dumps(data.dataset()), content_type="application/json")
        if things >= _FILLED:
            return self._filled(hub)
        for first in range(0, things, _BATCH):
            hub.loaded += load(hub.connection, first, min(first + _BATCH, things))
        return hub

    def _filled(self, hub: Hub) -> Hub:
        """Stop a hub, lay so many things into its store and index, and start it again."""
        hub.connection.close()
        servers.end(hub.server.process)
        hub.loaded = filling.fill_store(hub.folder, servers.BASE, hub.things)
        seconds = filling.index(servers.environment({"data": str(hub.folder)}))
        click.echo(f"laid {hub.things:,} things into a store in {hub.loaded:.0f} s, indexed them in {seconds:.0f} s", err=True)
        return Hub(self.stack.enter_context(servers.hub(hub.folder)), hub.folder, hub.things, hub.token, hub.loaded)


def load(connection: Connection, first: int, last: int) -> float:
    """Store models in bulk; return the seconds that the hub took."""
    body = b"".join(data.lines(first, last))
    started = time.perf_counter()
    answer = connection.send("POST", "/api/models/bulk", body, content_type=_NDJSON)
    seconds = time.perf_counter() - started
    if refused := [line for line in answer.splitlines() if orjson.loads(line)["status"] != 201]:
        raise RuntimeError(f"{len(refused)} models were refused: {refused[0][:500]!r}")
    return seconds


def fresh(how_many: int) -> list[bytes]:
    """Write models that no store has yet."""
    return [orjson.dumps(data.model(number, f"fresh {next(_NUMBERS)}")) for number in range(how_many)]


@contextmanager
def lab(things: int, calls: int) -> Iterator[Lab]:
    """Give a lab and clear it up afterwards."""
    made = Lab(things, calls)
    try:
        yield made
    finally:
        made.close()
