"""The disk is full: writes are refused, everything else goes on; with room again, writes go on by themselves and nothing is half done."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import urllib3

from server.store.folder import free_bytes
from tests.faults.conftest import COMMON, empty
from tests.support.load import Load, create, created, listed, until
from tests.support.proofs import opened, wrong_with
from tests.support.server import RunningHub, running_hub

MIB = 1 << 20
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 160 MiB; only root may."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here ({mounted.stderr.strip()}); the test with HUB_DISK_RESERVE stands for it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Take all of a disk but some bytes, whoever writes there meanwhile; removing the file gives them back."""
    ballast, size = disk / "ballast", 0
    with ballast.open("wb") as file, suppress(OSError):  # somebody else has taken the last of it
        while (room := free_bytes(disk) - left) > 0:
            part = max(4096, room // 2)
            os.posix_fallocate(file.fileno(), size, part)
            size += part
    return ballast


def full(answer: urllib3.BaseHTTPResponse) -> bool:
    return answer.status == 507 and answer.headers["Content-Type"] == "application/problem+json" and answer.json()["type"] == "/errors/store-full"


def check_writes_are_refused(hub: RunningHub, id: str) -> None:
    path, now = f"/api/models/{id}", {"If-Match": '"1-json"'}
    assert full(create(hub, "too much"))
    assert full(hub.request("PUT", path, json={"title": "too much"}, headers=now))
    assert full(hub.request("PATCH", path, json={"version": "2"}, headers=now))
    assert full(hub.request("DELETE", path, headers=now))
    lines = hub.request("POST", "/api/models/bulk", body=b'{"title": "too much"}\n{"title": "too much"}\n', headers=NDJSON).data.splitlines()
    assert [json.loads(line)["status"] for line in lines] == [507, 507]


def check_reads_go_on(hub: RunningHub, id: str, title: str) -> None:
    assert hub.request("GET", f"/api/models/{id}").json()["title"] == title
    assert hub.request("GET", f"/api/models/{id}/history").json()["items"][0]["revision"] == 1
    assert title in listed(hub)
    query = "SELECT ?title WHERE { ?model <http://purl.org/dc/terms/title> ?title }"
    found = hub.request("GET", "/sparql", fields={"query": query, "format": "csv"})
    assert found.status == 200 and title in found.data.decode()
    assert hub.request("GET", "/health").status == 200
    ready = hub.request("GET", "/ready")
    assert ready.status == 503 and "disk" in ready.json()["checks"]


def check_nothing_is_half_done(data: Path, acknowledged: set[str], **env: str) -> None:
    with opened(data, **env) as (hub, heads):
        assert wrong_with(hub, heads) == []
        assert acknowledged <= {head.id for head in heads}


def test_a_full_disk_refuses_writes_and_nothing_else(small_disk: Path) -> None:
    with running_hub(small_disk / "hub", **COMMON) as hub:
        token = {"Authorization": f"Bearer {hub.printed('administrator token')}"}
        id = created(hub, "first")
        ballast = fill(small_disk, 60 * MIB)  # HUB_DISK_RESERVE is 64 MiB
        check_writes_are_refused(hub, id)
        check_reads_go_on(hub, id, "first")
        assert hub.request("GET", "/api/me", headers=token).status == 200
        ballast.unlink()
        second = created(hub, "second")
        assert hub.request("GET", "/ready").status == 200
        assert listed(hub) == {"first", "second"}
    check_nothing_is_half_done(small_disk / "hub", {id, second})


@pytest.mark.slow
def test_a_start_on_a_full_disk_reads(tmp_path: Path) -> None:
    """Without a disk of its own: a reserve that no disk has makes every disk a full one."""
    with running_hub(tmp_path, **COMMON) as hub:
        id = created(hub, "first")
    with running_hub(tmp_path, ready="/health", HUB_DISK_RESERVE="1024GiB", **COMMON) as hub:
        check_writes_are_refused(hub, id)
        check_reads_go_on(hub, id, "first")
    with running_hub(tmp_path, **COMMON) as hub:
        created(hub, "second")
    check_nothing_is_half_done(tmp_path, {id})


def test_a_disk_that_runs_full_within_a_write_loses_nothing(small_disk: Path) -> None:
    """Nothing is kept free, and another program takes all of the disk again and again: engine, journal and index hit its end."""
    with running_hub(small_disk / "hub", HUB_DISK_RESERVE="0", **COMMON) as hub:
        id = created(hub, "first")
        with Load(hub, {"description": "x" * 10_000}) as load:
            for left in (0, MIB // 4, MIB // 2, 0, MIB // 3, 0):
                ballast = fill(small_disk, left)
                load.wait_for_refusals(8)
                assert hub.request("GET", f"/api/models/{id}").status == 200
                assert hub.request("GET", "/api/models?limit=1").status == 200
                ballast.unlink()
                load.wait(8)
        assert hub.request("GET", "/ready").status == 200
    assert load.statuses <= {"503", "507"}
    check_nothing_is_half_done(small_disk / "hub", {id, *load.acknowledged})


def test_a_full_disk_of_the_hub_does_not_undo_writes_of_its_store(small_disk: Path, fuseki_url: str) -> None:
    """The index is on the hub's disk, the graph is not: what was written stands, and lists show it when there is room."""
    env = empty(fuseki_url)
    with running_hub(small_disk / "hub", HUB_DISK_RESERVE="0", **env) as hub:
        first = created(hub, "first")
        assert first in listed(hub, "id")
        ballast = fill(small_disk, 0)
        written = {created(hub, "second", description="x" * 10_000) for _ in range(20)}
        assert all(hub.request("GET", f"/api/models/{id}").status == 200 for id in written)
        assert first in listed(hub, "id")
        ballast.unlink()
        until(lambda: written <= listed(hub, "id"))
    check_nothing_is_half_done(small_disk / "hub", {first, *written}, HUB_STORE=env["HUB_STORE"])
