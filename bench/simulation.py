"""`python -m bench.simulation`: what several machines carry, by a simulation of where requests wait (nothing is called).

A request waits for a thread of one of the web processes, whose processor works on one request at a time; a write then waits for the one lane in
which the store commits, a read of the hub's for one of the cores of the machine that orders the writes, and a stranger's query for a core of
any copy. The times that each takes are those that `make bench` measured on the machine at hand; what is simulated is only the waiting.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import click
import simpy

_SECONDS = 40.0  # simulated
_WARM = 8.0
_WRITES = (0.05, 0.005)  # shares of all requests that are simulated
_QUERIES = 0.15
_MOST = 1.0  # seconds that one request in twenty may take longer than
_STEP = 1.2


@dataclass(frozen=True)
class Times:
    """Seconds that a request takes where nobody waits: in the web process, and in the store."""

    web: float
    commit: float
    read: float
    query: float


@dataclass(frozen=True)
class Site:
    """Machines: web processes, cores of each copy of the store, and copies that answer strangers (0: the writing one does)."""

    name: str
    processes: int
    cores: int
    replicas: int


SITES = (
    Site("one machine of 2 cores: one process, Fuseki", 1, 1, 0),
    Site("one machine of 8 cores: 4 processes, Fuseki", 4, 4, 0),
    Site("two web machines of 4 cores, Fuseki on one of 8", 8, 8, 0),
    Site("the same with 2 replicas for strangers", 8, 8, 2),
    Site("six web machines, 4 replicas", 24, 8, 4),
)


class _Run:
    """One simulated span of time at one rate."""

    def __init__(self, site: Site, times: Times, rate: float, writes: float) -> None:
        self.shares = {"write": writes, "read": 1 - writes - _QUERIES, "query": _QUERIES}
        self.env, self.chance, self.site, self.times, self.rate = simpy.Environment(), random.Random(1), site, times, rate
        self.webs = [simpy.Resource(self.env) for _ in range(site.processes)]
        self.lane = simpy.Resource(self.env)
        self.leader = simpy.Resource(self.env, site.cores)
        self.copies = [simpy.Resource(self.env, site.cores) for _ in range(site.replicas)] or [self.leader]
        self.took: dict[str, list[float]] = {kind: [] for kind in self.shares}

    def arrivals(self) -> Generator[Any, Any, None]:
        while True:
            yield self.env.timeout(self.chance.expovariate(self.rate))
            kind = self.chance.choices(list(self.shares), list(self.shares.values()))[0]
            self.env.process(self.request(kind))

    def request(self, kind: str) -> Generator[Any, Any, None]:
        begun = self.env.now
        yield from self.use(self.chance.choice(self.webs), self.times.web)
        if kind == "write":
            yield from self.use(self.lane, self.times.commit)
        elif kind == "read":
            yield from self.use(self.leader, self.times.read)
        else:
            yield from self.use(min(self.copies, key=lambda copy: len(copy.queue)), self.times.query)
        if begun > _WARM:
            self.took[kind].append(self.env.now - begun)

    def use(self, what: simpy.Resource, seconds: float) -> Generator[Any, Any, None]:
        with what.request() as turn:
            yield turn
            yield self.env.timeout(self.chance.expovariate(1 / seconds))

    def slowest(self) -> float:
        """Return what the slowest twentieth of the kind that fares worst takes at least."""
        self.env.process(self.arrivals())
        self.env.run(until=_SECONDS)
        return max((statistics.quantiles(each, n=20)[-1] for each in self.took.values() if len(each) > 1), default=0.0)


def carried(site: Site, times: Times, writes: float) -> float:
    """Return the highest rate of requests a second, tried in steps, at which 19 of 20 requests of every kind take less than a second."""
    rate = 20.0
    while _Run(site, times, rate * _STEP, writes).slowest() <= _MOST:
        rate *= _STEP
    return rate


@click.command()
@click.option("--web", default=3.0, show_default=True, help="Milliseconds of a web process that a request takes.")
@click.option("--commit", default=20.0, show_default=True, help="Milliseconds of the store's lane that a write takes.")
@click.option("--read", default=2.0, show_default=True, help="Milliseconds of a core of the store that a read of the hub's takes.")
@click.option("--query", default=50.0, show_default=True, help="Milliseconds of a core that a stranger's query takes.")
def main(web: float, commit: float, read: float, query: float) -> None:
    """Print what each site carries."""
    times = Times(web / 1000, commit / 1000, read / 1000, query / 1000)
    click.echo("| site | " + " | ".join(f"requests/s, {writes:.1%} of them writes" for writes in _WRITES) + " |\n|---|---|---|")
    for site in SITES:
        click.echo(f"| {site.name} | " + " | ".join(f"{carried(site, times, writes):.0f}" for writes in _WRITES) + " |")


if __name__ == "__main__":
    main()
