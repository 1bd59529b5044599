"""Wire a whole hub with the project's own kinds over stores that a test was given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from server.graph.kinds import Registry
from server.hub import Hub, wire
from server.services.migrations import migrate
from server.store.base import Store
from tests.support.settings import make_settings

registry = cache(Registry.load)
"""The kinds of some folders, read once for all tests."""


@contextmanager
def wired(stores: tuple[Store, Store], folder: Path, kinds: Registry | None = None, **settings: Any) -> Iterator[Hub]:
    """Give a hub until the block ends, with the project's kinds or others; the stores stay open, for they belong to the test."""
    kg, system = stores
    made = make_settings(folder / "hub", **settings)
    migrate(kg, system, made.base_iri)
    hub = wire(made, kg, system, kinds or registry(made.shapes))
    try:
        yield hub
    finally:
        hub.indexing.close()
        hub.identity.close()
        hub.harvest.close()
        hub.index.close()
