"""kill -9 at a hundred random moments of a write load: nothing acknowledged is lost, nothing is half visible, the index follows."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from server.hub import Hub
from server.services import checks
from server.store.base import Store
from tests.support.writer import open_hub

KILLS = 100


def run_and_kill(folder: Path, store_url: str | None, seconds: float, stamp: str) -> list[tuple[str, str, int, int]]:
    """Let a process write for a while, kill it in whatever it does, and return what it was told was written."""
    command = [sys.executable, "-m", "tests.support.writer", str(folder), store_url or "", stamp]
    with subprocess.Popen([each for each in command if each] if store_url else [*command[:4]], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        lines = process.stdout.read().splitlines()
        killer.join()
    whole = [line for line in lines if line.endswith(b"]")]
    return [tuple(json.loads(line)) for line in whole]


def verify(hub: Hub, acknowledged: dict[str, tuple[str, int, int]]) -> None:
    """Compare the store with what was acknowledged, every graph with its history, the change log and the index with both."""
    hub.indexing.feed.catch_up()
    found = checks.heads(hub.tools)
    wrong = [*checks.check_things(hub.tools, found), *checks.check_log(found, hub.tools.history.last()), *checks.check_index(hub.index, found)]
    assert wrong == []
    assert sorted(head.sequence for head in found)[-1] == hub.tools.history.last()
    heads = {head.id: head for head in found}
    for id, (what, revision, _pieces) in acknowledged.items():
        assert id in heads and heads[id].revision >= revision, "an acknowledged write is lost"
        if heads[id].revision == revision:
            assert heads[id].deleted == (what == "gone")
    numbers = [entry.sequence for entry in hub.tools.history.changes(1, hub.tools.history.last())]
    assert numbers == list(range(1, len(numbers) + 1)), "the change log has a gap"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_kill_loses_or_halves_a_write(stores: tuple[Store, Store], store_url: str | None, tmp_path: Path) -> None:
    chance, folder = random.Random(4711), tmp_path / "killed"
    acknowledged: dict[str, tuple[str, int, int]] = {}
    for number in range(KILLS):
        for what, id, revision, pieces in run_and_kill(folder, store_url, chance.uniform(0.01, 0.5), f"k{number}"):
            acknowledged[id] = (what, revision, pieces)
        if number % 25 == 24:
            with_hub(folder, store_url, lambda hub: verify(hub, acknowledged))
    assert len(acknowledged) > KILLS


def with_hub(folder: Path, store_url: str | None, check: Callable[[Hub], None]) -> None:
    hub = open_hub(folder, store_url)
    try:
        check(hub)
    finally:
        hub.close()
