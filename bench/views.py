"""Measures of views: one thing beside its GET, and a whole list as a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator

import orjson

from bench import data
from bench.calls import medians
from bench.lab import Hub, Lab
from bench.results import Measured, Target, ratio

_TURTLE, _N_TRIPLES = "text/turtle", "application/n-triples"
_MANY = 10_000  # things of a stream: more are narrowed down to what has one keyword
_VIEWS = ("dcat", "mldcat-ap", "prov")


def embedded(lab: Lab) -> Iterator[Measured]:
    """Read views from the embedded store."""
    yield from _measures(lab, lab.small, lab.large, "embedded")


def fuseki(lab: Lab) -> Iterator[Measured]:
    """Read views from Fuseki."""
    yield from _measures(lab, lab.remote, lab.remote, "Fuseki")


def _measures(lab: Lab, one: Hub, many: Hub, store: str) -> Iterator[Measured]:
    for view in _VIEWS:
        bare, seen = medians(
            lab.calls,
            lambda at: one.connection.get(one.path(at), _TURTLE),
            lambda at, view=view: one.connection.get(f"{one.path(at)}?view={view}", _TURTLE),  # type: ignore[misc]
        )
        yield ratio(f"view {view} of a model, beside its GET as Turtle, {store}", 3, bare, seen)
    wanted = "" if many.things <= _MANY else f"keywords={data.keyword(0)}"
    things = orjson.loads(many.connection.get(f"/api/models?limit=1&{wanted}"))["total"]
    started = time.perf_counter()
    content = many.connection.get(f"/api/models?view=dcat&{wanted}", _N_TRIPLES)
    seconds = time.perf_counter() - started
    detail: dict[str, float | str] = {"things": things, "seconds": round(seconds, 1), "MB": round(len(content) / 1e6, 1)}
    yield Measured(f"view dcat of a list as a stream, {store}", round(things / seconds), "things/s", Target(2_000, "things/s", least=True), detail)
