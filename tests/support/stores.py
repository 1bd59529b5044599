"""Fresh stores of either kind for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from server.store.base import Store
from server.store.embedded import EmbeddedStore
from server.store.remote import RemoteStore

EMBEDDED, FUSEKI = "embedded", "fuseki"


@contextmanager
def embedded_store(path: Path) -> Iterator[EmbeddedStore]:
    """Open an embedded store until the block ends."""
    store = EmbeddedStore(path)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def emptied_store(dataset_url: str) -> Iterator[RemoteStore]:
    """Connect to a dataset of a running server and empty it first."""
    store = RemoteStore.at(dataset_url)
    store.update("DROP ALL")
    try:
        yield store
    finally:
        store.close()


def fresh_store(kind: str, name: str, folder: Path, fuseki_url: str | None) -> AbstractContextManager[Store]:
    """Give an empty store of a kind; `name` is the dataset."""
    return emptied_store(f"{fuseki_url}/{name}") if kind == FUSEKI else embedded_store(folder / name)
