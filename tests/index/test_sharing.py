"""Threads and processes share one index; pages stay stable while they write, and a process that dies harms nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from server.errors import StoreUnavailable
from server.index import searching
from server.index.index import Index
from server.index.rows import Behind, IndexRow, Search
from tests.index.samples import eq, found, gone, row, walk

ROOT = Path(__file__).resolve().parents[2]

SEARCHES = [
    Search(limit=7),
    Search(sort=(("title", False),), limit=7),
    Search(sort=(("accuracy", True), ("title", False)), limit=7),
    Search(filters=(eq("open", True),), limit=7),
    Search(filters=(eq("open", True), eq("keywords", "iris", "wind")), sort=(("accuracy", False), ("modified", True)), limit=7),
    Search(q="wind", limit=7),
    Search(q="wind", filters=(eq("open", True),), limit=3),
]


def _changed(chance: random.Random, number: int, sequence: int) -> IndexRow:
    if chance.random() < 0.3:
        return gone(number, sequence)
    return row(number, sequence, title=f"wind {chance.random()}", accuracy=chance.random(), modified=f"2026-{chance.randint(1, 12):02}-01T00:00:00Z")


@pytest.mark.parametrize("search", SEARCHES, ids=str)
@pytest.mark.parametrize("ranked", [20, 500])
def test_paging_misses_and_repeats_nothing_that_was_not_changed(index: Index, monkeypatch: pytest.MonkeyPatch, search: Search, ranked: int) -> None:
    monkeypatch.setattr(searching, "_RANKED", ranked)
    monkeypatch.setattr(searching, "_BEST", 10)
    chance = random.Random(ranked)
    index.apply([row(number) for number in range(150)], 1, 0)
    at = 1
    for _ in range(6):
        before, touched, seen = set(found(index, search)), set(), Counter[int]()
        for page in walk(index, search):
            seen.update(page)
            changed = {chance.randrange(200) for _ in range(4)}
            touched |= changed
            rows = [_changed(chance, number, at + 1) for number in changed]
            index.apply(rows, at + 1, at)
            at += 1
        still = {number for number in before if number not in touched}
        assert all(seen[number] == 1 for number in still), search


def test_paging_goes_on_over_a_rebuild(index: Index) -> None:
    rows = [row(number, modified="2026-01-01T00:00:00Z") for number in range(100)]
    index.apply(rows, 1, 0)
    for search in (Search(limit=10), Search(q="wind", limit=2)):
        expected = found(index, search)
        listed = []
        for page in walk(index, search):
            listed += page
            index.rebuild(reversed(rows), 1, "another")
        assert listed == expected


def test_rows_are_applied_once_and_in_order(index: Index) -> None:
    index.apply([row(1, 1, title="old")], 1, 0)
    with pytest.raises(Behind) as behind:
        index.apply([row(2, 3)], 3, 2)
    assert behind.value.at == 1 == index.position()
    index.apply([row(1, 3, title="new"), row(2, 2)], 3, 1)
    index.apply([row(1, 1, title="old")], 1, 0)
    index.apply([row(1, 2, title="older"), row(3, 4)], 4, 1)
    assert index.position() == 4
    assert sorted(found(index, Search())) == [1, 2, 3]
    assert found(index, Search(filters=(eq("title", "NEW"),))) == [1]
    assert sorted(index.revisions("models"))[0] == (row(1).id, 1, 3)


def test_of_one_thing_twice_in_a_batch_the_later_counts(index: Index) -> None:
    index.apply([row(1, 2, title="b"), row(1, 1, title="a"), gone(2, 3), row(2, 2)], 3, 0)
    assert index.counts() == {"models": 1} and found(index, Search(filters=(eq("title", "b"),))) == [1]


def test_a_batch_that_fails_leaves_nothing(index: Index) -> None:
    with pytest.raises(TypeError):
        index.apply([row(1, kind="fresh"), row(2, text={3: object()})], 1, 0)
    assert index.position() == 0 and index.counts() == {}
    index.apply([row(1, kind="fresh")], 1, 0)
    assert found(index, Search(), "fresh") == [1]


def test_ids_that_hash_alike_are_kept_apart(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.index.writing._slot", lambda row: 256)
    index.apply([row(number) for number in range(256)], 1, 0)
    index.apply([gone(number, 2) for number in range(0, 200, 2)], 2, 1)
    index.apply([row(199, 3), row(300, 3)], 3, 2)
    assert index.counts() == {"models": 157}
    index.apply([row(number, 4) for number in range(400, 499)], 4, 3)
    with pytest.raises(StoreUnavailable, match="hash alike"):
        index.apply([row(999, 5)], 5, 4)


def test_threads_read_while_one_writes(index: Index) -> None:
    index.apply([row(number) for number in range(200)], 1, 0)
    stop = Event()

    def read(seed: int) -> int:
        done = 0
        while not stop.is_set():
            search = SEARCHES[(seed + done) % len(SEARCHES)]
            assert len(index.page("models", search).items) <= search.limit
            index.facets("models", ["license", "keywords"], search)
            done += 1
        return done

    with ThreadPoolExecutor(24) as pool:
        readers = [pool.submit(read, seed) for seed in range(24)]
        for at in range(1, 100):
            index.apply([row(at, at + 1, title=f"wind {at}")], at + 1, at)
        stop.set()
        assert all(reader.result() > 0 for reader in readers)


_WRITER = """
import sys
from pathlib import Path
from server.index.index import Index
from server.index.rows import Behind, Search
from tests.index.samples import row
index = Index(Path(sys.argv[1]))
first, last = int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
at = index.position()
while at < last:
    try:
        index.apply([row(number % 50, number) for number in range(at + 1, min(at + 3, last) + 1)], min(at + 3, last), at)
        index.page("models", Search(q="wind"))
        print(at, flush=True)
    except Behind as behind:
        raise SystemExit("behind")
    at = index.position()
"""


def _writer(folder: Path, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(folder), "0", str(last)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_processes_apply_the_same_changes_at_once(index: Index, tmp_path: Path) -> None:
    writers = [_writer(tmp_path / "index", 600) for _ in range(3)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    assert index.position() == 600
    assert {sequence for _, _, sequence in index.revisions("models")} == set(range(551, 601))


def test_a_killed_process_leaves_a_whole_index_that_catches_up(tmp_path: Path) -> None:
    chance = random.Random(9)
    for _ in range(8):
        writer = _writer(tmp_path / "index", 1_000_000)
        assert writer.stdin is not None and writer.stdout is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        writer.stdout.readline()
        time.sleep(chance.random() * 0.1)
        writer.send_signal(signal.SIGKILL)
        shown = [int(line) for line in writer.communicate()[0].split()]
        index = Index(tmp_path / "index")
        at = index.position()
        assert at >= max(shown, default=0)
        assert index.check() == []
        assert max(sequence for _, _, sequence in index.revisions("models")) == at
        index.apply([row(1, at + 1)], at + 1, at)
        assert index.position() == at + 1
        index.close()


def test_a_rebuild_is_seen_whole_by_everyone(index: Index, tmp_path: Path) -> None:
    other = Index(tmp_path / "index")
    index.apply([row(number) for number in range(20)], 5, 0)
    assert other.page("models", Search()).total == 20
    totals: list[int] = []

    def fresh() -> object:
        for number in range(100, 140):
            totals.append(other.page("models", Search()).total)
            yield row(number, 7)

    index.rebuild(fresh(), 7, "store-2")  # type: ignore[arg-type]
    assert set(totals) == {20}
    for one in (index, other):
        assert (one.identity, one.position(), one.counts()) == ("store-2", 7, {"models": 40})
    other.apply([row(1, 8)], 8, 7)
    assert index.page("models", Search()).total == 41
    other.close()
    assert len(list((tmp_path / "index").glob("*.sqlite"))) == 1


def test_a_rebuild_that_fails_changes_nothing(index: Index, tmp_path: Path) -> None:
    index.apply([row(1)], 1, 0)

    def broken() -> object:
        yield row(2)
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        index.rebuild(broken(), 9, "x")  # type: ignore[arg-type]
    assert found(index, Search()) == [1] and index.position() == 1 and index.identity == ""
    assert len(list((tmp_path / "index").glob("*.sqlite"))) == 1
    index.rebuild([row(3)], 9, "x", needed=lambda: False)
    assert found(index, Search()) == [1]


def test_rows_written_to_an_index_that_is_being_replaced_are_not_lost(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index.apply([row(1)], 1, 0)
    write, other = index._connection, Index(tmp_path / "index")

    def late() -> object:
        found = write()
        other.rebuild([row(1)], 1, "x")
        return found

    monkeypatch.setattr(index, "_connection", late)
    with pytest.raises(Behind) as behind:
        index.apply([row(2, 2)], 2, 1)
    assert behind.value.at == 1
    monkeypatch.undo()
    index.apply([row(2, 2)], 2, 1)
    assert sorted(found(other, Search())) == [1, 2]
    other.close()
