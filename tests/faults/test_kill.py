"""kill -9 at a hundred random moments of a write load: nothing acknowledged is lost, nothing is half visible, the index follows."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from pyoxigraph import Literal, Triple

from server.hub import Hub
from server.services import checks
from server.services.checks import Head
from tests.support.proofs import read_all, wrong_with
from tests.support.writer import Said, Writer, open_hub

KILLS = 100
VERIFIED_EVERY = 50  # after every kill the next writer opens what is left; all of it is read less often


def lost(hub: Hub, found: list[Head], acknowledged: dict[str, Said]) -> list[str]:
    """Name what was acknowledged and is not there, or has another content."""
    heads, graphs, wrong = {head.id: head for head in found}, read_all(hub), []
    names, kind = hub.tools.names, hub.tools.kind("toys")
    for id, said in acknowledged.items():
        head = heads.get(id)
        if head is None or head.revision < said.revision:
            wrong.append(f"{id} should be at {said.revision}: {head}")
        elif head.revision == said.revision:
            pieces = Triple(names.thing("toys", id), kind.by_key["pieces"].path, Literal(said.pieces))
            if (pieces in graphs.get(names.document("toys", id), ())) == (said.what == "gone"):
                wrong.append(f"{id} should be {said}")
    return wrong


def verify(folder: Path, store_url: str | None, acknowledged: dict[str, Said]) -> None:
    hub = open_hub(folder, store_url)
    try:
        hub.indexing.feed.catch_up()
        found = checks.heads(hub.tools)
        assert wrong_with(hub, found) == []
        assert lost(hub, found, acknowledged) == []
    finally:
        hub.close()


def pace(folder: Path, store_url: str | None) -> tuple[float, float]:
    """Measure how long a writer needs to open the hub, and to write one round of everything; the moments of the kills lie within."""
    writer = Writer(folder, store_url, "pace", bulk=True)
    try:
        return writer.hear("open"), writer.hear("toy", 3)
    finally:
        writer.die(0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("stores")  # empties the datasets
def test_no_kill_loses_or_halves_a_write(store_url: str | None, tmp_path: Path) -> None:
    chance, folder = random.Random(4711), tmp_path / "killed"
    acknowledged: dict[str, Said] = {}
    last_words: Counter[str] = Counter()
    to_open, to_write = pace(folder, store_url)
    for number in range(KILLS):
        opening = number % 10 in (8, 9)
        if number % 25 == 8:
            shutil.rmtree(folder / "index", ignore_errors=True)  # so that this one and the next are killed while they build the index, or soon after
        writer = Writer(folder, store_url, f"k{number}", bulk=number % 2 == 0)
        if not opening:
            writer.hear("open")
        heard = writer.die(chance.uniform(0.0, 1.5 * (to_open if opening else to_write)))
        acknowledged |= {said.id: said for said in heard if said.id}
        last_words[heard[-1].what if heard else "opening"] += 1
        if number % VERIFIED_EVERY == VERIFIED_EVERY - 1:
            verify(folder, store_url, acknowledged)
    print(f"{len(acknowledged)} things were acknowledged; the last words of those killed: {last_words}")
    assert len(acknowledged) > KILLS
    assert all(last_words[each] for each in ("opening", "bulk", "toy")), last_words
