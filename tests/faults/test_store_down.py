"""The store dies or hangs under a running hub: callers hear it soon, nothing is half done, and all goes on by itself when it is back."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import pytest

from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from tests.faults.conftest import COMMON
from tests.support.fuseki import end_fuseki, require_fuseki, start_fuseki
from tests.support.load import Load, created, listed, until
from tests.support.proofs import opened, wrong_with
from tests.support.server import RunningHub, running_hub
from tests.support.settings import free_port

SOON = 2.0  # seconds within which a caller hears that the store is down
STRANGER = {"Authorization": "Bearer never-seen-before"}


@dataclass
class Site:
    """A hub, and the Fuseki that only it uses."""

    folder: Path
    port: int = field(default_factory=free_port)
    fuseki: Popen[bytes] | None = None
    hub: RunningHub | None = None

    @property
    def env(self) -> dict[str, str]:
        return COMMON | {"HUB_STORE": f"http://127.0.0.1:{self.port}/kg"}

    def start(self) -> None:
        """Start the store, the first time and again."""
        self.fuseki = start_fuseki(self.folder, self.port)

    def kill(self) -> None:
        """End the store as a power cut does."""
        if self.fuseki:
            end_fuseki(self.fuseki)
            self.fuseki = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let the store take requests and answer none until the block ends."""
        assert self.fuseki
        self.fuseki.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.fuseki.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require_fuseki()
    site = Site(tmp_path_factory.mktemp("store"))
    try:
        site.start()
        with running_hub(site.folder / "hub", **site.env) as site.hub:
            yield site
    finally:
        site.kill()


@pytest.fixture
def hub(site: Site) -> RunningHub:
    assert site.hub
    return site.hub


def workers(hub: RunningHub) -> str:
    return Path(f"/proc/{hub.process.pid}/task/{hub.process.pid}/children").read_text()


def calls(id: str) -> list[tuple[str, str, dict[str, object]]]:
    """List one call of each sort that needs the store."""
    found = {"If-Match": '"1-json"'}
    return [
        ("GET", f"/api/models/{id}", {}),
        ("POST", "/api/models", {"json": {"title": "lost"}}),
        ("PUT", f"/api/models/{id}", {"json": {"title": "lost"}, "headers": found}),
        ("PATCH", f"/api/models/{id}", {"json": {"version": "2"}, "headers": found}),
        ("DELETE", f"/api/models/{id}", {"headers": found}),
        ("GET", f"/api/models/{id}/history", {}),
        ("GET", "/api/changes", {}),
        ("GET", "/sparql?query=ASK%20%7B%7D", {}),
        ("GET", "/api/me", {"headers": STRANGER}),
        ("GET", "/ready", {}),
    ]


def refused(hub: RunningHub, method: str, path: str, options: dict[str, object]) -> str:
    """Say what is wrong with how a call is refused; nothing if it is told soon, in a problem document, that the store is down."""
    begun = time.monotonic()
    answer = hub.request(method, path, **options)
    took = time.monotonic() - begun
    described = answer.headers["Content-Type"] == "application/problem+json" and answer.json()["type"] == "/errors/store-unavailable"
    if answer.status == 503 and described and int(answer.headers["Retry-After"]) > 0 and took < SOON:
        return ""
    return f"{method} {path}: {answer.status} after {took:.2f} s, {answer.data[:300]!r}"


def test_a_killed_store_is_told_of_and_comes_back(site: Site, hub: RunningHub) -> None:
    id, before = created(hub, "before"), workers(hub)
    site.kill()
    assert [fault for call in calls(id) if (fault := refused(hub, *call))] == []
    assert hub.request("GET", "/health").status == 200
    assert "before" in listed(hub), "lists are answered by the index"
    lines = hub.request("POST", "/api/models/bulk", body=b'{"title": "a"}\n{"title": "b"}\n', headers={"Content-Type": "application/x-ndjson"}).data
    assert [json.loads(line)["status"] for line in lines.splitlines()] == [503, 503]
    site.start()
    hub.wait("/ready", 10)
    assert hub.request("GET", f"/api/models/{id}").json()["title"] == "before"
    created(hub, "after")
    assert {"before", "after"} <= listed(hub)
    with opened(site.folder / "other", **site.env) as (other, _):
        other.assets.create(SYSTEM, "models", Document(JSON, {"title": "by another"}))
    until(lambda: "by another" in listed(hub))
    assert not {"lost", "a", "b"} & listed(hub)
    assert workers(hub) == before, "the hub was started again"


def test_a_store_that_hangs_holds_nobody(site: Site, hub: RunningHub) -> None:
    """It takes connections and answers nothing: neither the first caller waits long, nor any of many at once."""
    id, before = created(hub, "before it hung"), workers(hub)
    with site.hanging():
        assert refused(hub, *calls(id)[0]) == ""
        assert [fault for call in calls(id) if (fault := refused(hub, *call))] == []
        assert hub.request("GET", "/health").status == 200
    hub.wait("/ready", 10)
    with site.hanging(), ThreadPoolExecutor(14) as threads:  # fewer than the hub has, so that none has to queue
        faults = list(threads.map(lambda call: refused(hub, *call), calls(id)[:9] * 4))
        begun = time.monotonic()
        assert hub.request("GET", "/health").status == 200 and time.monotonic() - begun < SOON
    assert [fault for fault in faults if fault] == []
    hub.wait("/ready", 10)
    assert hub.request("GET", f"/api/models/{id}").status in (200, 410), "a change may have been done after all, when the store went on"
    created(hub, "after it hung")
    assert workers(hub) == before, "the hub was started again"


def test_a_busy_store_is_not_taken_for_a_dead_one(hub: RunningHub) -> None:
    """It answers nothing for seconds, but gives signs of life: the caller is told what its own query asked for."""
    slow = "SELECT (COUNT(*) AS ?n) { VALUES ?a { $many } VALUES ?b { $many } VALUES ?c { $many } FILTER(?a + ?b + ?c > 0) }"
    query = slow.replace("$many", " ".join(map(str, range(500))))
    begun = time.monotonic()
    answer = hub.request("POST", "/sparql", fields={"query": query, "timeout": "2"}, encode_multipart=False)
    assert (answer.status, answer.json()["type"]) == (408, "/errors/query-timeout")
    assert time.monotonic() - begun > 1.9


def test_a_write_under_way_is_whole_or_not_there(site: Site, hub: RunningHub) -> None:
    with Load(hub, {"keywords": ["under way"]}, writers=6) as load:
        load.wait(20)
        site.kill()
        load.wait_for_refusals(12)
        site.start()
        load.wait(12)
    assert load.statuses == {"503"}
    with opened(site.folder / "other", **site.env) as (other, heads):
        assert wrong_with(other, heads) == []
        assert load.acknowledged <= {head.id for head in heads}
    found = listed(hub, "id", "&keywords=under%20way")
    assert load.acknowledged <= found and len(found - load.acknowledged) <= len(load.refused)
