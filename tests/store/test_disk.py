"""A disk that is full or fails: writes are refused in clear words, reads go on, and nothing that was acknowledged is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyoxigraph import NamedNode

from server.errors import StoreFull, StoreUnavailable
from server.store.checks_common import at_once
from server.store.embedded import EmbeddedStore
from tests.support.embedded import MIB, count, insert, quads
from tests.support.stores import embedded_store


def test_below_the_reserve_writes_are_refused_and_reads_go_on(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "kg") as store:
        insert(store, 1)
    full = EmbeddedStore(tmp_path / "kg", reserve=1 << 60)
    for call in (lambda: insert(full, 2), lambda: full.load(quads(5_000)), lambda: full.replace_all([])):
        with pytest.raises(StoreFull, match="Make room"):
            call()
    assert count(full) == 1
    full.health()
    full.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real file system of 48 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(disk)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill_up(disk: Path, leave: int) -> Path:
    filler = disk / "filler"
    free = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(b"\0" * max(0, free.f_bavail * free.f_frsize - leave))
    return filler


def test_a_disk_that_fills_up_refuses_writes_until_there_is_room(small_disk: Path) -> None:
    store = EmbeddedStore(small_disk / "kg", reserve=8 * MIB)
    insert(store, 1)
    filler = fill_up(small_disk, 4 * MIB)
    with pytest.raises(StoreFull, match="Make room"):
        insert(store, 2)
    assert count(store) == 1
    filler.unlink()
    insert(store, 3)
    store.close()
    with embedded_store(small_disk / "kg") as store:
        assert count(store) == 2


def test_a_disk_without_a_byte_left_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    store = EmbeddedStore(small_disk / "kg", reserve=0)
    insert(store, -1)
    filler = fill_up(small_disk, 300_000)
    acknowledged = 0
    with pytest.raises((StoreFull, StoreUnavailable)):
        while True:
            store.update(f"INSERT DATA {{ GRAPH <urn:big> {{ <urn:s{acknowledged}> <urn:p> '{'x' * 20_000}' }} }}")
            acknowledged += 1
    with pytest.raises((StoreFull, StoreUnavailable)):
        store.update(f"INSERT DATA {{ GRAPH <urn:big> {{ <urn:s> <urn:p> '{'x' * 20_000}' }} }}")
    assert acknowledged > 2
    assert len(store.graph(NamedNode("urn:big"))) >= acknowledged  # reads go on
    filler.unlink()
    del store  # the process ends without a farewell; its lock goes with it
    subprocess.run([sys.executable, "-c", REOPEN, str(small_disk / "kg"), str(acknowledged)], check=True)


REOPEN = """
import shutil, sys
from pathlib import Path
from pyoxigraph import NamedNode
from server.store.embedded import EmbeddedStore
folder = Path(sys.argv[1])
shutil.copytree(folder, folder.with_name("copy"))
store = EmbeddedStore(folder.with_name("copy"), reserve=0)
found = {triple.subject.value for triple in store.graph(NamedNode("urn:big"))}
assert found >= {f"urn:s{number}" for number in range(int(sys.argv[2]))}, found
store.update("INSERT DATA { GRAPH <urn:g> { <urn:s> <urn:p> 2 } }")
store.close()
"""


def test_an_engine_that_takes_no_more_writes_is_opened_again_when_there_is_room(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a write that did not fit, RocksDB refuses all others for as long as it is open."""
    store = EmbeddedStore(small_disk / "kg", reserve=0)
    insert(store, 0)
    reader = store.dump()
    for number in (1, 2):
        filler = fill_up(small_disk, 20_000)
        with monkeypatch.context() as patched:
            patched.setattr("server.store.embedded.free_bytes", lambda path: 1 << 40)  # another program fills the disk after the look
            for _ in range(2):
                with pytest.raises((StoreFull, StoreUnavailable)):
                    store.update(f"INSERT DATA {{ GRAPH <urn:big> {{ <urn:s> <urn:p> '{'x' * 50_000}' }} }}")
        assert count(store) == number
        filler.unlink()
        insert(store, number)
        store.health()
    assert store._number == 3, "the engine did not refuse"
    assert [quad.object.value for quad in reader] == ["0"], "who reads while it is opened again goes on"
    del reader
    store.close()
    with embedded_store(small_disk / "kg") as store:
        assert {int(row["o"].value) for row in store.select("SELECT ?o { GRAPH <urn:g> { ?s ?p ?o } }")} == {0, 1, 2}


def failing(code: int) -> object:
    def fail(*arguments: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(("place", "code", "expected"), [
    ("write", errno.ENOSPC, StoreFull), ("write", errno.EIO, StoreUnavailable), ("fdatasync", errno.EIO, StoreUnavailable),
])  # fmt: skip
def test_after_a_failed_write_the_store_heals_when_the_disk_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, code: int, expected: type[Exception]
) -> None:
    store = EmbeddedStore(tmp_path / "kg")
    insert(store, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, place, failing(code))
        with pytest.raises(expected):
            insert(store, 2)
        patched.setattr(os, "fsync", failing(code))
        with pytest.raises(StoreUnavailable, match="cannot be written yet"):
            insert(store, 3)
        with pytest.raises(StoreUnavailable):
            store.health()
        assert store.ask("ASK { ?s ?p 1 }")
    store.health()
    insert(store, 4)
    store.close()
    with embedded_store(tmp_path / "kg") as store:
        assert {1, 4} <= {int(row["o"].value) for row in store.select("SELECT ?o { ?s ?p ?o }")} <= {1, 2, 4}


def test_threads_that_wait_for_one_sync_fail_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddedStore(tmp_path / "kg")
    outcomes: list[str] = []

    def slow_failure(file: int) -> None:
        time.sleep(0.05)
        raise OSError(errno.EIO, "bad disk")

    def write(number: int) -> None:
        try:
            insert(store, number)
            outcomes.append("written")
        except StoreUnavailable:
            outcomes.append("refused")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", slow_failure)
        at_once(write, 4)
    assert outcomes == ["refused"] * 4
    insert(store, 9)
    store.close()
