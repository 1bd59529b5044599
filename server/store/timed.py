"""A store whose calls are measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pyoxigraph import NamedNode, Quad, Triple

from server.metrics import observe_store
from server.store.base import Answer, Form, Limits, Row, Store

Result = TypeVar("Result")


class TimedStore:
    """Passes every call on to another store and reports how long the short ones took."""

    def __init__(self, store: Store) -> None:
        """Measure this store."""
        self.store = store

    def select(self, sparql: str) -> list[Row]:
        """Answer a SELECT."""
        return _timed(lambda: self.store.select(sparql))

    def ask(self, sparql: str) -> bool:
        """Answer an ASK."""
        return _timed(lambda: self.store.ask(sparql))

    def triples(self, sparql: str) -> list[Triple]:
        """Answer a CONSTRUCT or DESCRIBE."""
        return _timed(lambda: self.store.triples(sparql))

    def graph(self, name: NamedNode) -> list[Triple]:
        """Read one named graph."""
        return _timed(lambda: self.store.graph(name))

    def update(self, sparql: str) -> None:
        """Run one update request."""
        _timed(lambda: self.store.update(sparql))

    def claim(self, old: Quad, new: Quad, quads: Sequence[Quad], conditions: str) -> bool:
        """Exchange a quad and add many."""
        return _timed(lambda: self.store.claim(old, new, quads, conditions))

    def load(self, quads: Iterable[Quad]) -> None:
        """Add many quads."""
        _timed(lambda: self.store.load(quads))

    def stranger(self, sparql: str, form: Form, media_type: str, limits: Limits, *, default: Iterable[str] = (), named: Iterable[str] = ()) -> Answer:
        """Run a stranger's query."""
        return _timed(lambda: self.store.stranger(sparql, form, media_type, limits, default=default, named=named))

    def dump(self) -> Iterator[Quad]:
        """Iterate over every quad."""
        return self.store.dump()

    def replace_all(self, quads: Iterable[Quad]) -> None:
        """Empty the dataset and load these quads."""
        self.store.replace_all(quads)

    def health(self) -> None:
        """Ask the store whether it answers."""
        self.store.health()

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def _timed(call: Callable[[], Result]) -> Result:
    started = time.perf_counter()
    try:
        return call()
    finally:
        observe_store(time.perf_counter() - started)
