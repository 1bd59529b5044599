"""Where the hubs of these tests keep what they have."""

from __future__ import annotations

import pytest

from tests.support.stores import FUSEKI, emptied_store

COMMON = {"HUB_BASE_IRI": "http://hub.test/", "HUB_WORKERS": "1", "HUB_ANONYMOUS_ROLE": "contributor"}


def empty(fuseki_url: str) -> dict[str, str]:
    """Give the settings of a hub over the emptied datasets of a Fuseki."""
    for name in ("kg", "system"):
        with emptied_store(f"{fuseki_url}/{name}"):
            pass
    return COMMON | {"HUB_STORE": f"{fuseki_url}/kg"}


@pytest.fixture
def where(store_kind: str, store_url: str | None) -> dict[str, str]:
    """Give the settings of a hub over an empty store of either kind; everybody here may write."""
    return empty(store_url) if store_kind == FUSEKI and store_url else COMMON
