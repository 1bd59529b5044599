"""One hub with the sample catalogue and its past for all tests of a file, on either store; they read, and write only what they make themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask.testing import FlaskClient

from server.http.app import application
from server.hub import Hub
from server.services.samples import load_catalogue
from tests.support.hubs import wired
from tests.support.stores import EMBEDDED, FUSEKI, fresh_store

BASE = "http://hub.test/"


@pytest.fixture(scope="package", params=[EMBEDDED, FUSEKI])
def catalogue(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    url = request.getfixturevalue("fuseki_url") if request.param == FUSEKI else None
    folder = tmp_path_factory.mktemp("catalogue")
    with ExitStack() as stack:
        kg, system = (stack.enter_context(fresh_store(request.param, name, folder, url)) for name in ("kg", "system"))
        hub = stack.enter_context(wired((kg, system), folder, anonymous_role="contributor"))
        load_catalogue(hub.assets)
        hub.linked.keep_closure()
        yield hub


@pytest.fixture(scope="package")
def site(catalogue: Hub) -> FlaskClient:
    return application(catalogue).test_client()
