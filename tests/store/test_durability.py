"""What the embedded store acknowledged is there after kill -9 and after a power cut, once and whole."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode, Quad, Store

from server.errors import StoreUnavailable
from server.store.embedded import EmbeddedStore
from server.values import ROOT
from tests.support.counter import LOADED, READ, START, STATEMENTS, insertion
from tests.support.stores import embedded_store

KILLS = 24


def counter(store: EmbeddedStore) -> int:
    return int(store.select(READ)[0]["n"].value)


def sizes(store: EmbeddedStore) -> dict[str, int]:
    rows = store.select("SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
    return {row["g"].value: int(row["n"].value) for row in rows if row["g"].value != "urn:counter"}


def killed_writer(folder: Path, stamp: str, seconds: float) -> list[str]:
    """Let a process write, kill it, and return what it was told to be safe."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.counter", str(folder), stamp], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == b"ready\n", process.stderr.read().decode()
    time.sleep(seconds)
    process.kill()
    told, _ = process.communicate()
    return [line for line in told.decode().splitlines(keepends=False) if line]


@pytest.mark.slow
def test_every_acknowledged_write_survives_kill_9_whole(tmp_path: Path) -> None:
    generator = random.Random(9)
    with embedded_store(tmp_path / "kg") as store:
        store.update(START)
    told: set[str] = set()
    for round_number in range(KILLS):
        told.update(killed_writer(tmp_path / "kg", f"r{round_number}", generator.uniform(0.0, 0.5)))
    with embedded_store(tmp_path / "kg") as store:
        found = sizes(store)
        assert told <= found.keys()
        assert set(found.values()) <= {STATEMENTS, LOADED}
        assert counter(store) == sum(1 for size in found.values() if size == STATEMENTS)
    assert len(told) > KILLS


class PowerCut:
    """Takes the database back to an earlier state, as when the system had not written the later ones to the disk."""

    def __init__(self, store: EmbeddedStore, folder: Path, target: Path) -> None:
        """Keep the database as it is now."""
        self._folder, self._target = folder, target
        (target / "1").mkdir(parents=True)
        store._database.backup(str(target / "1" / "db"))

    def strike(self) -> Path:
        """Add the journal, which was on the disk, and return the folder to start again from."""
        shutil.copy(self._folder / "1" / "journal", self._target / "1" / "journal")
        return self._target


@pytest.fixture
def struck(tmp_path: Path) -> Path:
    """Give a folder whose database has 5 of 25 acknowledged writes and whose journal has all since the last rotation."""
    store = EmbeddedStore(tmp_path / "kg")
    store.update(START)
    for number in range(5):
        store.update(insertion(f"urn:{number}"))
    power_cut = PowerCut(store, tmp_path / "kg", tmp_path / "after")
    for number in range(5, 25):
        store.update(insertion(f"urn:{number}"))
    after = power_cut.strike()
    store.close()
    return after


def test_lost_writes_are_replayed_once(struck: Path) -> None:
    for _ in range(2):
        with embedded_store(struck) as store:
            assert counter(store) == 25
            assert sizes(store) == {f"urn:{number}": STATEMENTS for number in range(25)}


def test_a_cut_right_after_the_replay_repeats_nothing(struck: Path, tmp_path: Path) -> None:
    journal = (struck / "1" / "journal").read_bytes()
    with embedded_store(struck) as store:
        again = PowerCut(store, struck, tmp_path / "again").strike()
    (again / "1" / "journal").write_bytes(journal)  # the database has the replay already, and the journal is still the one before it
    with embedded_store(again) as store:
        assert counter(store) == 25


@pytest.mark.slow
def test_every_acknowledged_write_survives_the_loss_of_the_database_log(tmp_path: Path) -> None:
    """RocksDB does not sync its newest log, so a power cut takes any part of its end; the journal gives it back."""
    generator = random.Random(5)
    with embedded_store(tmp_path / "kg") as store:
        store.update(START)
    told: set[str] = set()
    for round_number in range(KILLS // 2):
        told.update(killed_writer(tmp_path / "kg", f"r{round_number}", generator.uniform(0.1, 0.5)))
        newest = max((tmp_path / "kg" / "1" / "db").glob("*.log"))
        with newest.open("r+b") as file:
            file.truncate(generator.randint(0, newest.stat().st_size))
    with embedded_store(tmp_path / "kg") as store:
        found = sizes(store)
        assert told <= found.keys()
        assert set(found.values()) <= {STATEMENTS, LOADED}
        assert counter(store) == sum(1 for size in found.values() if size == STATEMENTS)


def test_a_torn_last_record_is_a_write_that_was_not_acknowledged(struck: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = struck / "1" / "journal"
    journal.write_bytes(journal.read_bytes()[:-3])
    with embedded_store(struck) as store:
        assert counter(store) == 24
    assert "not acknowledged" in caplog.text


def test_damage_to_acknowledged_writes_is_refused_and_told(struck: Path) -> None:
    journal = struck / "1" / "journal"
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 16
    journal.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"acknowledged writes up to number 25 cannot be read.*Restore a backup"):
        EmbeddedStore(struck)
    journal.unlink()  # the way out that the message names
    with embedded_store(struck) as store:
        assert counter(store) == 5


def test_damage_is_no_matter_where_the_database_has_everything(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "kg")
    store.update(START)
    for number in range(9):
        store.update(insertion(f"urn:{number}"))
    power_cut = PowerCut(store, tmp_path / "kg", tmp_path / "after")
    after = power_cut.strike()
    store.close()
    journal = after / "1" / "journal"
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 16
    journal.write_bytes(content)
    with embedded_store(after) as store:
        assert counter(store) == 9


def test_a_database_older_than_its_journal_is_refused(struck: Path, tmp_path: Path) -> None:
    with embedded_store(struck) as store:
        store.update(insertion("urn:new"))
    shutil.rmtree(struck / "1" / "db")
    Store(str(struck / "1" / "db")).flush()
    with pytest.raises(StoreUnavailable, match="older than its journal"):
        EmbeddedStore(struck)


def test_a_lost_journal_is_found_out_from_the_database(struck: Path) -> None:
    """The marker is looked for among all graphs where the journal does not say which it may be."""
    with embedded_store(struck) as store:
        assert counter(store) == 25
    (struck / "1" / "journal").unlink()
    with embedded_store(struck) as store:
        store.update(insertion("urn:more"))
        assert counter(store) == 26


def test_a_load_is_durable_and_in_its_place_among_the_updates(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "kg")
    store.update(START)
    store.load(Quad(NamedNode(f"urn:{number}"), NamedNode("urn:p"), Literal(number), NamedNode("urn:loaded")) for number in range(5_000))
    power_cut = PowerCut(store, tmp_path / "kg", tmp_path / "after")
    store.update("DELETE WHERE { GRAPH <urn:loaded> { <urn:7> ?p ?o } }")
    store.update(insertion("urn:1"))
    after = power_cut.strike()
    store.close()
    with embedded_store(after) as store:
        assert sizes(store) == {"urn:loaded": 4_999, "urn:1": STATEMENTS}


def test_no_marker_is_ever_seen(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "kg") as store:
        for number in range(3):
            store.update(f"INSERT DATA {{ GRAPH <urn:g> {{ <urn:s> <urn:p> {number} }} }}")
        assert len(list(store.dump())) == len(store.select("SELECT * WHERE { ?s ?p ?o }")) == 3
        assert len(store.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")) == 1
        store.update("DROP ALL")
        store.update("INSERT DATA { GRAPH <urn:g> { <urn:s> <urn:p> 1 } }")
    with embedded_store(tmp_path / "kg") as store:
        assert len(list(store.dump())) == 1


def test_long_updates_leave_no_marker_behind_for_long(tmp_path: Path) -> None:
    long = f"INSERT DATA {{ GRAPH <urn:g> {{ <urn:s> <urn:p> '{'x' * 200_000}' }} }}"
    with embedded_store(tmp_path / "kg") as store:
        store.update(START)
        store.update(long)
        after = PowerCut(store, tmp_path / "kg", tmp_path / "after")
        store.update(long)
        store.update(insertion("urn:1"))
        struck = after.strike()
    for folder in (tmp_path / "kg", struck):
        with embedded_store(folder) as store:
            assert counter(store) == 1
            store.update(insertion("urn:2"))
            assert counter(store) == 2
        names = {name.value for name in Store(str(folder / "1" / "db")).named_graphs()}
        assert len(names - {"urn:g", "urn:counter", "urn:1", "urn:2"}) == 1
