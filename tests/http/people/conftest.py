"""A site with the real shapes and two accounts, over both stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from server.graph.kinds import Registry
from server.http.app import create_app
from server.services.callers import SYSTEM, Role
from tests.support.people import PASSWORD
from tests.support.settings import make_settings
from tests.support.sites import ADA, ADMIN, Site
from tests.support.stores import FUSEKI, emptied_store

Build = Callable[..., Site]


@cache
def kinds(shapes: tuple[Path, ...]) -> Registry:
    """Read the shapes once for all tests."""
    return Registry.load(shapes)


@pytest.fixture
def build(store_kind: str, store_url: str | None, tmp_path: Path) -> Iterator[Build]:
    """Give a function that opens a site; settings may be overridden."""
    sites: list[Site] = []

    def open_site(**settings: Any) -> Site:
        if store_kind == FUSEKI:
            for dataset in ("kg", "system"):
                with emptied_store(f"{store_url}/{dataset}"):
                    settings["store"] = f"{store_url}/kg"
        made = make_settings(tmp_path / str(len(sites)), **settings)
        app = create_app(made, kinds(made.shapes))
        site = Site(app, app.test_client())
        sites.append(site)
        register = app.extensions["hub"].identity.registration.register
        register(SYSTEM, ADMIN, PASSWORD, "Grace", role=Role.admin)
        register(SYSTEM, ADA, PASSWORD, "Ada", "ML Engineer")
        return site

    yield open_site
    for site in sites:
        site.app.extensions["hub"].close()


@pytest.fixture
def site(build: Build) -> Site:
    """Open a site with the default settings."""
    return build()
