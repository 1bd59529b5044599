"""What is measured while the hub runs, in the words of Prometheus. A leaf: every floor may report, none is imported here.

With several processes the figures are summed over all of them: `python -m server run` gives the processes a folder to keep them in
(`PROMETHEUS_MULTIPROC_DIR`), which has to be set before the library is imported, so it is imported with the first figure.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Histogram

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


_spent: ContextVar[dict[str, float] | None] = ContextVar("spent", default=None)


@dataclass(frozen=True)
class _Instruments:
    requests: Histogram
    store: Histogram
    shacl: Histogram


@cache
def _instruments() -> _Instruments:
    from prometheus_client import Histogram

    return _Instruments(
        requests=Histogram("hub_request_seconds", "Time to answer a request.", ("method", "route", "status"), buckets=_FINE),
        store=Histogram("hub_store_seconds", "Time that one call of the store took.", buckets=_FINE),
        shacl=Histogram("hub_shacl_seconds", "Time that the validation of one write took.", buckets=_FINE),
    )


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; `route` is the rule, so that the number of series stays small."""
    _instruments().requests.labels(method, route, str(status)).observe(seconds)


def begin_request() -> dict[str, float]:
    """Start adding up what the current request spends in the store and in validation; the sums are in the answer, in seconds."""
    spent = {"store": 0.0, "shacl": 0.0}
    _spent.set(spent)
    return spent


def observe_store(seconds: float) -> None:
    """Count one call of the store."""
    _instruments().store.observe(seconds)
    _add("store", seconds)


def observe_shacl(seconds: float) -> None:
    """Count one validation of a write."""
    _instruments().shacl.observe(seconds)
    _add("shacl", seconds)


def _add(what: str, seconds: float) -> None:
    if (spent := _spent.get()) is not None:
        spent[what] += seconds


def exposition() -> bytes:
    """Write the figures of all processes in Prometheus' text format."""
    _instruments()
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    if FOLDER_VARIABLE not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no annotation there
    return generate_latest(registry)
