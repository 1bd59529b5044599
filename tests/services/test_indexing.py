"""The index follows the store, whoever wrote; it holds nothing that cannot be made again."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.graph.kinds import Registry
from server.hub import Hub
from server.services.assets import ANY
from server.services.drafts import JSON, Document
from server.store.base import Store
from tests.services.conftest import ADA, doc, toy
from tests.support.hubs import wired
from tests.support.toys import CAR, TOY, toy_registry


@pytest.fixture
def other(hub: Hub, stores: tuple[Store, Store], tmp_path: Path) -> Iterator[Hub]:
    """Wire a second hub over the same stores, with a folder of its own."""
    with wired(stores, tmp_path / "other", toy_registry()) as made:
        yield made


def listed(hub: Hub, **parameters: str) -> dict[str, Any]:
    page = hub.searching.find("toys", {name: [value] for name, value in parameters.items()}).page
    return {"total": page.total, "items": list(page.items)}


def seen(hub: Hub, total: int, **parameters: str) -> float:
    """Wait until a search has so many hits; return after how many seconds."""
    begun = time.monotonic()
    while listed(hub, **parameters)["total"] != total:
        assert time.monotonic() - begun < 10, f"{listed(hub, **parameters)['total']} and not {total}"
        time.sleep(0.02)
    return time.monotonic() - begun


def test_the_next_start_and_other_processes_take_the_index_as_it_is(hub: Hub, stores: tuple[Store, Store], tmp_path: Path) -> None:
    """The same shapes, read again, are the same, whatever labels their blank nodes get; other ones make another index."""
    toy(hub)
    hub.indexing.settle()
    with wired(stores, tmp_path, Registry.parse([("toys", TOY)])) as again:
        assert again.indexing.identity() == hub.indexing.identity() == again.index.identity
    with wired(stores, tmp_path / "changed", Registry.parse([("toys", TOY.replace("hub:search 2", "hub:search 1"))])) as changed:
        assert changed.indexing.identity() != hub.indexing.identity()


def test_own_writes_are_seen_at_once_and_others_within_a_second(hub: Hub, other: Hub) -> None:
    slowest = 0.0
    made = toy(hub, title="first", keywords=["k"])
    assert listed(hub, q="first")["total"] == 1
    slowest = max(slowest, seen(other, 1, q="first", keywords="k"))
    other.assets.patch(ADA, "toys", made.id, {"title": "second"}, ANY)
    assert listed(other, q="second")["total"] == 1 and listed(other, q="first")["total"] == 0
    slowest = max(slowest, seen(hub, 1, q="second"), seen(hub, 0, q="first"))
    hub.assets.delete(ADA, "toys", made.id, ANY)
    assert listed(hub)["total"] == 0
    slowest = max(slowest, seen(other, 0))
    other.assets.restore(ADA, "toys", made.id)
    slowest = max(slowest, seen(hub, 1))
    stream = b"\n".join(b'{"title": "bulk"}' for _ in range(30))
    assert all(each.error is None for each in other.bulk.load(ADA, "toys", "application/x-ndjson", io.BytesIO(stream)))
    assert listed(other, q="bulk")["total"] == 30
    slowest = max(slowest, seen(hub, 30, q="bulk"))
    assert listed(hub) == listed(other) and slowest < 1.0, f"{slowest:.2f} s"


def test_writes_of_both_mix_without_a_gap(hub: Hub, other: Hub) -> None:
    """Each hub finds that the other has written in between, and reads that first."""
    hub.indexing.feed.stop()
    other.indexing.feed.stop()
    for number in range(6):
        toy((hub, other)[number % 2], title=f"toy {number}")
        assert listed((hub, other)[number % 2])["total"] == number + 1
    assert listed(hub, sort="title")["items"][:5] == listed(other, sort="title")["items"][:5]


def test_a_deleted_index_is_built_again_and_is_the_same(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path, toy_registry()) as hub:
        made = [hub.assets.create(ADA, "toys", Document(JSON, {**CAR, "serial": f"S{number}"})) for number in range(3)]
        toy(hub, title="friend", goes_with=[made[0].id])
        hub.assets.patch(ADA, "toys", made[1].id, {"price": 3}, ANY)
        hub.assets.delete(ADA, "toys", made[2].id, ANY)
        before = [listed(hub, **each) for each in SEARCHES]
        position = hub.index.position()
    shutil.rmtree(tmp_path / "hub" / "index")
    with wired(stores, tmp_path, toy_registry()) as hub:
        assert [listed(hub, **each) for each in SEARCHES] == before and hub.index.position() == position
        toy(hub, title="and on")
        assert listed(hub)["total"] == 4
        hub.indexing.feed.rebuild()
        assert [listed(hub, **each)["total"] for each in SEARCHES] == [4, 4, 4, 2, 2, 2]


SEARCHES: list[dict[str, str]] = [
    {},
    {"sort": "title"},
    {"sort": "-price"},
    {"q": "auto"},
    {"keywords": "red"},
    {"wheels.material": "wood", "sort": "price"},
]


def test_an_index_of_another_store_or_other_shapes_is_built_again(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path, toy_registry()) as hub:
        toy(hub, keywords=["k"], pieces=4)
        assert listed(hub, keywords="k")["total"] == 1
    changed = TOY.replace('hub:key "pieces" ;', 'hub:key "pieces" ; hub:facet true ;')
    with wired(stores, tmp_path, Registry.parse([("toys", changed)])) as hub:
        assert listed(hub, pieces="4")["total"] == 1
    kg, _ = stores
    kg.replace_all([])
    with wired(stores, tmp_path, toy_registry()) as hub:
        assert listed(hub)["total"] == 0


def test_kinds_that_are_gone_are_left_out(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path, toy_registry()) as hub:
        toy(hub)
    other = Registry.parse([("toys", TOY.replace('hub:collection "toys"', 'hub:collection "games"'))])
    with wired(stores, tmp_path, other) as hub:
        assert hub.index.position() == 1 and hub.searching.find("games", {}).page.total == 0
        hub.assets.create(ADA, "games", doc())
        assert hub.searching.find("games", {}).page.total == 1


def test_writes_wait_for_whoever_looks_first(hub: Hub) -> None:
    """Three writes are one transaction of the index, made when a list is asked for."""
    hub.indexing.feed.stop()
    for number in range(3):
        toy(hub, title=f"toy {number}")
    assert hub.index.position() == 0 and listed(hub)["total"] == 3 and hub.index.position() == 3


def test_rows_of_changes_are_what_a_write_publishes(hub: Hub) -> None:
    """What another process reads from the log is what this one told its index."""
    published = []
    original = hub.index.apply
    hub.index.apply = lambda rows, *numbers: (published.extend(rows), original(rows, *numbers))[1]  # type: ignore[method-assign]
    made = toy(hub, **CAR)
    hub.indexing.settle()
    assert hub.indexing.changed(1, 1) == published
    hub.assets.delete(ADA, "toys", made.id, ANY)
    hub.indexing.settle()
    assert hub.indexing.changed(2, 2) == published[1:] == hub.indexing.changed(1, 2)
    assert list(hub.indexing.everything()) == []
