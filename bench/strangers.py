"""Measures of what strangers' queries do: how soon a very long answer begins, what it costs the hub, and what hostile ones cost everybody else."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import urlsplit

from bench import servers
from bench.calls import WARM, Connection
from bench.lab import Hub, Lab
from bench.results import Measured, Target, ratio

_ROWS = 1_000_000
_LONG = f"SELECT ?a ?b ?c WHERE {{ ?a ?b ?c . ?d a <http://www.w3.org/ns/mls#Model> }} LIMIT {_ROWS}"
_ENDLESS = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?a != ?l) }"
_RESULTS = "application/sparql-results+json"
_HOSTILE = 2
_HOSTILE_SECONDS = 12.0


def long_answers(lab: Lab) -> Iterator[Measured]:
    """Ask for a million rows straight and through a hub that allows it: when the first byte comes, and what the hub holds for it."""
    limits = {"query_rows": str(2 * _ROWS), "query_bytes": str(1 << 30), "query_seconds": "300"}
    _ = lab.remote  # the things that are asked about
    with servers.hub(lab.folder / "long", store=f"{lab.fuseki.url}/kg", workers="1", **limits) as server:
        _first_byte(server.url, "/sparql", "ASK { }")
        before, _ = servers.memory(server)
        straight, straight_whole = _first_byte(lab.fuseki.url, "/kg/sparql", _LONG)
        through, whole = _first_byte(server.url, "/sparql", _LONG)
        after, _ = servers.memory(server)
    told = {"bare": straight, "hub": through, "bare, whole": straight_whole, "hub, whole": whole}
    detail: dict[str, float | str] = {f"{name} s": round(seconds, 3) for name, seconds in told.items()}
    late = round((through - straight) * 1000)
    yield Measured("first byte of a SELECT of 1 M rows, after the store's, Fuseki", late, "ms", Target(200, "ms"), detail)
    yield Measured("memory that it leaves in the hub", round(after - before), "MB", Target(64, "MB"))


def _first_byte(url: str, path: str, query: str) -> tuple[float, float]:
    """Return the seconds to the first byte of an answer, and to its last."""
    connection = http.client.HTTPConnection(urlsplit(url).hostname or "", urlsplit(url).port, timeout=600)
    started = time.perf_counter()
    connection.request("POST", path, query.encode(), {"Content-Type": "application/sparql-query", "Accept": _RESULTS})
    answer = connection.getresponse()
    answer.read(1)
    first = time.perf_counter() - started
    while answer.read(1 << 16):
        pass
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return first, time.perf_counter() - started


def hostile_embedded(lab: Lab) -> Iterator[Measured]:
    """Read models while nobody else does anything, and while strangers ask what never ends."""
    yield _beside_hostile(lab.small, "embedded")


def hostile_fuseki(lab: Lab) -> Iterator[Measured]:
    """Do the same on Fuseki."""
    yield _beside_hostile(lab.remote, "Fuseki")


def _beside_hostile(hub: Hub, store: str) -> Measured:
    quiet = _median_get(hub, WARM + 300)
    with ProcessPoolExecutor(_HOSTILE) as pool:
        asking = [pool.submit(_ask_for, hub.server.url) for _ in range(_HOSTILE)]
        time.sleep(2.0)
        loaded = _median_get(hub, 300)
        for each in asking:
            each.result()
    return ratio(f"GET a model beside {_HOSTILE} endless queries, {store}", 1.2, quiet, loaded, ("quiet", "beside them"))


def _median_get(hub: Hub, calls: int) -> float:
    times = []
    for number in range(calls):
        started = time.perf_counter()
        hub.connection.get(hub.path(number))
        times.append(time.perf_counter() - started)
    return statistics.median(times[WARM:])


def _ask_for(url: str) -> None:
    end = time.monotonic() + _HOSTILE_SECONDS
    while time.monotonic() < end:
        connection = Connection(url)
        try:
            connection.query("/sparql", _ENDLESS, _RESULTS)
        except RuntimeError:
            pass  # it was ended, as it should be
        finally:
            connection.close()
