"""The application over both stores, with the toy kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.http.app import application
from server.hub import Hub, wire
from server.services.callers import Role
from server.services.migrations import migrate
from server.store.base import Store
from tests.support.settings import make_settings
from tests.support.toys import toy_registry


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path) -> Iterator[Hub]:
    """Wire a hub over fresh stores; callers without credentials may write."""
    kg, system = stores
    settings = make_settings(tmp_path / "hub", anonymous_role="contributor")
    migrate(kg, system, settings.base_iri)
    hub = wire(settings, kg, system, toy_registry())
    try:
        yield hub
    finally:
        hub.indexing.close()
        hub.identity.close()
        hub.index.close()


@pytest.fixture
def curator(hub: Hub) -> dict[str, str]:
    """Make an account of a curator and give the headers that they send."""
    person = hub.tools.names.thing("people", "c" * 64)
    account = hub.identity.accounts.create("carl@example.org", "correct horse battery", person, Role.curator)
    return {"Authorization": f"Bearer {hub.identity.tokens.login(account.id)}"}


@pytest.fixture
def app(hub: Hub) -> Flask:
    """Make the application."""
    return application(hub)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Make a client that sends no credentials."""
    return app.test_client()
