"""The face of operations: alive whatever happens, ready only if everything is well, and what is not is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.graph.kinds import Registry
from server.http.app import application
from server.hub import Hub, wire
from server.store.base import Store
from tests.support.settings import make_settings


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path) -> Iterator[Hub]:
    hub = wire(make_settings(tmp_path), *stores, Registry.parse([]))
    yield hub
    hub.indexing.feed.stop()
    hub.identity.close()
    hub.index.close()


@pytest.fixture
def client(hub: Hub) -> FlaskClient:
    return application(hub).test_client()


def test_a_well_hub_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/health").json == {"status": "ok"}
    assert client.get("/ready").json == {"status": "ready"}


def test_a_full_disk_is_alive_but_not_ready(hub: Hub) -> None:
    full = dataclasses.replace(hub, settings=dataclasses.replace(hub.settings, disk_reserve=2**60))
    client = application(full).test_client()
    answer = client.get("/ready")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json and list(answer.json["checks"]) == ["disk"]
    assert client.get("/health").status_code == 200


def test_the_figures_count_requests_by_route(client: FlaskClient) -> None:
    client.get("/health")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'hub_request_seconds_count{method="GET",route="/health",status="200"}' in text


def test_a_backup_is_for_administrators_and_operators(client: FlaskClient) -> None:
    assert client.get("/backup").status_code == 401
    assert client.get("/backup", headers={"X-Operator-Key": ""}).status_code == 401
