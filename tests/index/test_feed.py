"""The feed keeps the index with the change log through everything that goes wrong."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest

from server.errors import StoreFull, StoreUnavailable
from server.index import feed as feeding
from server.index.feed import Feed
from server.index.index import Index
from server.index.rows import IndexRow, Search
from tests.index.samples import found, gone, row


class Log:
    """A change log in memory that can be unreachable."""

    def __init__(self) -> None:
        self.changes: list[IndexRow] = []
        self.name = "store-1"
        self.down = False
        self.reads: list[tuple[int, int]] = []
        self.builds = 0
        self.on_build: Callable[[int], object] = lambda count: None

    def write(self, *changed: int) -> None:
        for number in changed:
            self.changes.append(row(number, len(self.changes) + 1))

    def delete(self, number: int) -> None:
        self.changes.append(gone(number, len(self.changes) + 1))

    def last(self) -> int:
        if self.down:
            raise StoreUnavailable("The store is away.")
        return len(self.changes)

    def read(self, first: int, last: int) -> Sequence[IndexRow]:
        self.reads.append((first, last))
        return self.changes[first - 1 : last]

    def everything(self) -> Iterator[IndexRow]:
        self.builds += 1
        latest = {one.id: one for one in self.changes}
        for count, one in enumerate(latest.values()):
            self.on_build(count)
            if not one.deleted:
                yield one

    def feed(self, index: Index, interval: float = 0.02) -> Feed:
        return Feed(index, self.read, self.last, interval, identity=lambda: self.name, everything=self.everything)


@pytest.fixture
def log() -> Log:
    return Log()


def _until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def test_a_first_start_builds_and_later_changes_follow(index: Index, log: Log) -> None:
    log.write(1, 2, 3)
    log.delete(2)
    feed = log.feed(index)
    assert feed.catch_up() == 4
    assert sorted(found(index, Search())) == [1, 3] and index.identity == "store-1" and log.builds == 1
    log.write(4)
    log.delete(1)
    assert feed.catch_up() == 6 == feed.catch_up()
    assert sorted(found(index, Search())) == [3, 4] and log.builds == 1 and log.reads == [(5, 6)]


def test_long_logs_are_read_in_ranges(index: Index, log: Log) -> None:
    feed = log.feed(index)
    feed.catch_up()
    log.write(*range(1200))
    assert feed.catch_up() == 1200
    assert log.reads == [(1, 500), (501, 1000), (1001, 1200)] and index.counts() == {"models": 1200}


def test_an_index_that_has_missed_most_of_it_is_built_anew(index: Index, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "_MANY", 5)
    feed = log.feed(index)
    log.write(*range(4))
    feed.catch_up()
    log.write(*range(20))
    assert feed.catch_up() == 24 and log.builds == 2 and log.reads == []
    log.write(*range(10))
    assert feed.catch_up() == 34 and log.builds == 2 and log.reads == [(25, 34)]
    assert index.counts() == {"models": 20}


def test_the_thread_brings_changes_within_a_second(index: Index, log: Log) -> None:
    feed = log.feed(index, 0.1)
    feed.start()
    for number in range(5):
        log.write(number)
        _until(lambda: index.position() == len(log.changes), 1.0)
    feed.stop()
    feed.stop()
    log.write(9)
    time.sleep(0.2)
    assert index.position() == 5
    assert feed.catch_up() == 6
    feed.start()
    log.write(10)
    _until(lambda: index.position() == 7)
    feed.stop()


def test_a_store_that_is_away_is_waited_for(index: Index, log: Log, caplog: pytest.LogCaptureFixture) -> None:
    feed = log.feed(index)
    log.write(1)
    log.down = True
    with pytest.raises(StoreUnavailable):
        feed.catch_up()
    with caplog.at_level(logging.WARNING):
        feed.start()
        time.sleep(0.5)
    assert [record.getMessage() for record in caplog.records] == ["The search index cannot follow the change log: The store is away."]
    log.down = False
    _until(lambda: index.position() == 1)
    feed.stop()


def test_pauses_grow_only_so_far(index: Index, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, pauses = log.feed(index, 0.5), list[float]()
    log.down = True

    def wait(pause: float) -> bool:
        pauses.append(pause)
        log.down = len(pauses) < 8
        return len(pauses) > 9

    monkeypatch.setattr(feed._stopping, "wait", wait)
    feed.start()
    assert feed._thread is not None
    feed._thread.join()
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0, 0.5, 0.5]


def test_another_store_or_an_older_one_means_building_anew(index: Index, log: Log) -> None:
    log.write(1, 2, 3)
    feed = log.feed(index)
    feed.catch_up()
    log.name = "store-2"
    log.changes = [row(7, 1), row(8, 2), row(9, 3), row(10, 4)]
    feed.catch_up()
    assert sorted(found(index, Search())) == [7, 8, 9, 10] and index.identity == "store-2"
    log.changes = log.changes[:2]
    assert feed.catch_up() == 2
    assert sorted(found(index, Search())) == [7, 8] and log.builds == 3


def test_what_is_written_during_a_build_is_not_lost(index: Index, log: Log) -> None:
    log.write(*range(10))
    feed = log.feed(index)

    def meanwhile(count: int) -> None:
        if count == 5:
            log.write(20, 3)
            log.delete(1)

    log.on_build = meanwhile
    assert feed.catch_up() == 13
    assert sorted(found(index, Search())) == [0, 2, 3, 4, 5, 6, 7, 8, 9, 20]


def test_two_that_start_at_once_build_once(index: Index, log: Log, tmp_path: Path) -> None:
    other = Index(tmp_path / "index")
    log.write(*range(50))
    begun, go = Event(), Event()

    def meanwhile(count: int) -> None:
        begun.set()
        go.wait(5)

    log.on_build = meanwhile
    feeds = [log.feed(index), log.feed(other)]
    for feed in feeds:
        feed.start()
    assert begun.wait(5)
    time.sleep(0.1)
    go.set()
    _until(lambda: index.position() == other.position() == 50)
    for feed in feeds:
        feed.stop()
    assert log.builds == 1
    other.close()


def test_a_damaged_index_is_built_anew(index: Index, log: Log, tmp_path: Path) -> None:
    log.write(1, 2)
    feed = log.feed(index)
    feed.catch_up()
    for harm in (shutil.rmtree, lambda folder: next(folder.glob("*.sqlite")).unlink()):
        index.close()
        harm(tmp_path / "index")
        assert feed.catch_up() == 2
        assert sorted(found(index, Search())) == [1, 2]


def test_a_rebuild_can_be_asked_for(index: Index, log: Log) -> None:
    log.write(1)
    feed = log.feed(index)
    feed.catch_up()
    feed.rebuild()
    assert log.builds == 2 and index.position() == 1


def test_stopping_does_not_wait_for_a_build(index: Index, log: Log, tmp_path: Path) -> None:
    log.write(*range(300))
    begun = Event()

    def slow(count: int) -> None:
        begun.set()
        time.sleep(0.02)

    log.on_build = slow
    feed = log.feed(index)
    feed.start()
    assert begun.wait(5)
    started = time.monotonic()
    feed.stop()
    assert time.monotonic() - started < 2
    assert index.position() == 0 and len(list((tmp_path / "index").glob("*.sqlite"))) == 1


def test_an_index_that_moves_on_meanwhile_is_asked_again(index: Index, log: Log, tmp_path: Path) -> None:
    log.write(1)
    feed, other = log.feed(index), Index(tmp_path / "index")
    feed.catch_up()
    log.write(2, 3)
    read = log.read

    def rebuilt_meanwhile(first: int, last: int) -> Sequence[IndexRow]:
        if not log.reads:
            other.rebuild([log.changes[0]], 0, log.name)
        return read(first, last)

    log.read = rebuilt_meanwhile  # type: ignore[method-assign]
    assert log.feed(index).catch_up() == 3
    assert sorted(found(index, Search())) == [1, 2, 3] and log.reads == [(2, 3), (1, 3)]
    other.close()


def test_a_full_disk_is_waited_out(index: Index, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = log.feed(index)
    feed.catch_up()
    log.write(1)
    apply, refused = index.apply, Event()

    def full(rows: Sequence[IndexRow], sequence: int, previous: int) -> None:
        if not refused.is_set():
            refused.set()
            raise StoreFull("No room.")
        apply(rows, sequence, previous)

    monkeypatch.setattr(index, "apply", full)
    feed.start()
    _until(lambda: index.position() == 1)
    feed.stop()
    assert refused.is_set()
