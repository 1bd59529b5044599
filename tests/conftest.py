"""The stores that tests run on: every test that talks to a store runs on the embedded one and on the real Fuseki."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.store.base import Store
from tests.support.fuseki import require_fuseki, running_fuseki
from tests.support.mlflow import tracking as tracking
from tests.support.stores import EMBEDDED, FUSEKI, fresh_store


@pytest.fixture(scope="session")
def fuseki_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one Fuseki for the session, with the datasets `kg` and `system`."""
    require_fuseki()
    with running_fuseki(tmp_path_factory.mktemp("fuseki")) as fuseki:
        yield fuseki.url


@pytest.fixture(params=[EMBEDDED, FUSEKI])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Name the kind of store that the test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture
def store_url(store_kind: str, request: pytest.FixtureRequest) -> str | None:
    """Give the base URL of Fuseki where the test runs on it; so that an embedded run does not start one."""
    url: str | None = request.getfixturevalue("fuseki_url") if store_kind == FUSEKI else None
    return url


@pytest.fixture
def store(store_kind: str, store_url: str | None, tmp_path: Path) -> Iterator[Store]:
    """Give a fresh, empty store."""
    with fresh_store(store_kind, "kg", tmp_path, store_url) as store:
        yield store


@pytest.fixture
def stores(store: Store, store_kind: str, store_url: str | None, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Give the knowledge graph (the same as `store`) and the system dataset, both fresh and empty."""
    with fresh_store(store_kind, "system", tmp_path, store_url) as system:
        yield store, system
