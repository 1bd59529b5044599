"""The sample catalogue on both stores, loaded once for all tests of stored queries and views; they leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from server.http.app import application
from server.services.callers import SYSTEM, Role
from server.services.samples import load_catalogue
from tests.support.hubs import wired
from tests.support.people import PASSWORD
from tests.support.sites import ADA, ADMIN, Site
from tests.support.stores import EMBEDDED, FUSEKI, fresh_store

CURATOR = "curator@example.org"


@pytest.fixture(scope="package", params=[EMBEDDED, FUSEKI])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Open a site with the sample catalogue, a contributor, a curator and an administrator."""
    kind: str = request.param
    folder, url = tmp_path_factory.mktemp("catalogue"), request.getfixturevalue("fuseki_url") if kind == FUSEKI else None
    with ExitStack() as opened:
        kg, system = (opened.enter_context(fresh_store(kind, name, folder, url)) for name in ("kg", "system"))
        hub = opened.enter_context(wired((kg, system), folder))
        assert load_catalogue(hub.assets) > 30
        app = application(hub)
        for email, role in ((ADA, Role.contributor), (CURATOR, Role.curator), (ADMIN, Role.admin)):
            hub.identity.registration.register(SYSTEM, email, PASSWORD, email.partition("@")[0], role=role)
        yield Site(app, app.test_client())
