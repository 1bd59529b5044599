"""The embedded store: one process, one writer at a time, readers never blocked, and clear words when something is in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph
import pytest
from pyoxigraph import Literal, NamedNode, Quad, Triple

from server.errors import QueryTimeout, StoreUnavailable
from server.store.base import Limits
from server.store.checks_common import at_once
from server.store.embedded import EmbeddedStore
from tests.support.embedded import COUNT, JSON, LIMITS, count, insert, quads
from tests.support.stores import embedded_store


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with embedded_store(tmp_path / "kg") as store:
        yield store


def test_a_second_process_is_told_who_has_the_store(embedded: EmbeddedStore, tmp_path: Path) -> None:
    code = f"from pathlib import Path; from server.store.embedded import EmbeddedStore; EmbeddedStore(Path({str(tmp_path / 'kg')!r}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"is open in process {os.getpid()}" in found.stderr
    with pytest.raises(StoreUnavailable, match="Stop that one first"):
        EmbeddedStore(tmp_path / "kg")


def test_a_closed_store_says_so_and_frees_the_folder(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "kg")
    insert(store, 1)
    store.close()
    store.close()
    for call in (store.health, lambda: insert(store, 2), lambda: store.graph(NamedNode("urn:g")), store.dump):
        with pytest.raises(StoreUnavailable, match="closed"):
            call()
    with embedded_store(tmp_path / "kg") as again:
        assert count(again) == 1


def test_a_store_without_a_folder_leaves_nothing_behind() -> None:
    store = EmbeddedStore(None)
    folder = store._path
    insert(store, 1)
    assert count(store) == 1
    store.close()
    assert not folder.exists()


def test_a_folder_that_cannot_be_opened_is_told_and_left_unlocked(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "kg") as store:
        insert(store, 1)
    current = tmp_path / "kg" / "1" / "db" / "CURRENT"
    content = current.read_text()
    current.write_text("nonsense")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            EmbeddedStore(tmp_path / "kg")
    current.write_text(content)
    with embedded_store(tmp_path / "kg") as store:
        assert count(store) == 1


@pytest.mark.parametrize("text", ["INSERT DATA { <urn:a> <urn:b> ", "CREATE GRAPH <urn:g>", "DROP GRAPH <urn:nowhere>", "} ; DROP ALL"])
def test_a_text_that_cannot_be_run_is_a_fault_of_the_program_and_changes_nothing(embedded: EmbeddedStore, text: str) -> None:
    insert(embedded, 1)
    with pytest.raises(ValueError, match="cannot be run"):
        embedded.update(text)
    insert(embedded, 2)
    assert count(embedded) == 2


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA { GRAPH <urn:g> { <urn:a> <urn:b> 1 } } ;",
        "INSERT DATA { GRAPH <urn:g> { <urn:a> <urn:b> 1 } } # and a comment",
        "PREFIX x: <urn:> INSERT DATA { GRAPH x:g { x:a x:b 1 } } ; INSERT DATA { GRAPH x:g { x:a x:b 1 } }",
        "# a comment first\nBASE <http://example.org/> INSERT DATA { GRAPH <g> { <a> <b> 1 } }",
        "CLEAR ALL ; INSERT DATA { GRAPH <urn:g> { <urn:a> <urn:b> 1 } }",
    ],
)
def test_an_update_may_be_written_in_every_form(tmp_path: Path, text: str) -> None:
    for _ in range(2):
        with embedded_store(tmp_path / "kg") as store:
            store.update(text)
            assert count(store) == 1


@pytest.mark.parametrize("text", ["", "  ", "PREFIX x: <urn:x>", "# nothing"])
def test_an_update_without_an_operation_is_one(embedded: EmbeddedStore, text: str) -> None:
    embedded.update(text)
    insert(embedded, 1)
    assert count(embedded) == 1


def test_loads_of_every_size_are_whole_and_stay(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "kg") as store:
        insert(store, 1)
        for number, size in enumerate((0, 1, 2_000, 2_001, 100_000, 100_001)):
            store.load(quads(size, f"urn:{number}"))
            assert len(store.graph(NamedNode(f"urn:{number}"))) == size
        store.load([Quad(NamedNode("urn:s"), NamedNode("urn:p"), Literal("default graph"))])
        insert(store, 2)
        total = count(store)
    with embedded_store(tmp_path / "kg") as store:
        assert count(store) == total == 3 + 1 + 2_000 + 2_001 + 100_000 + 100_001
        assert sorted(path.name for path in (tmp_path / "kg").glob("[0-9]*")) == ["2"]


@pytest.mark.parametrize("size", [10, 50_000, 150_000])
def test_a_load_that_breaks_off_leaves_nothing(embedded: EmbeddedStore, size: int) -> None:
    def broken() -> Iterator[Quad]:
        yield from quads(size)
        raise SyntaxError("line 7 is no N-Quad")

    insert(embedded, 1)
    for method in (embedded.load, embedded.replace_all):
        with pytest.raises(SyntaxError, match="line 7"):
            method(broken())
    assert count(embedded) == 1
    insert(embedded, 2)
    embedded.health()


def test_replacing_everything_keeps_readers_and_survives(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "kg") as store:
        store.load(quads(5_000))
        before = store.dump()
        first = next(before)
        store.replace_all(quads(3, "urn:new"))
        assert len({first, *before}) == 5_000  # who began to read before reads on
        assert count(store) == 3
        insert(store, 1)
    with embedded_store(tmp_path / "kg") as store:
        assert count(store) == 4
        store.replace_all([])
        assert count(store) == 0


def test_a_crash_between_generations_keeps_the_old_one(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "kg") as store:
        insert(store, 1)
    shutil.copytree(tmp_path / "kg" / "1", tmp_path / "kg" / "2")
    with embedded_store(tmp_path / "kg") as store:
        assert count(store) == 1
        assert not (tmp_path / "kg" / "2").exists()


def test_claim_exchanges_and_adds_or_does_nothing(embedded: EmbeddedStore) -> None:
    log, last = NamedNode("urn:log"), NamedNode("urn:last")
    embedded.load([Quad(log, last, Literal(0), log)])
    old, new = Quad(log, last, Literal(0), log), Quad(log, last, Literal(3), log)
    assert not embedded.claim(old, new, list(quads(3)), "FILTER EXISTS { GRAPH <urn:nowhere> { ?a ?b ?c } }")
    assert embedded.claim(old, new, list(quads(3)), "FILTER NOT EXISTS { GRAPH <urn:nowhere> { ?a ?b ?c } }")
    assert not embedded.claim(old, new, list(quads(3)), "")
    assert embedded.graph(log) == [Triple(log, last, Literal(3))]
    assert count(embedded) == 4


def test_writers_race_and_none_is_lost(embedded: EmbeddedStore) -> None:
    embedded.update("INSERT DATA { GRAPH <urn:c> { <urn:c> <urn:n> 0 } }")
    text = """DELETE { GRAPH <urn:c> { <urn:c> <urn:n> ?n } } INSERT { GRAPH <urn:c> { <urn:c> <urn:n> ?next } }
WHERE { GRAPH <urn:c> { <urn:c> <urn:n> ?n } BIND(?n + 1 AS ?next) }"""

    def write(number: int) -> None:
        for _ in range(20):
            embedded.update(text)

    at_once(write)
    assert embedded.graph(NamedNode("urn:c"))[0].object == Literal(320)


def test_readers_do_not_wait_for_a_writer(embedded: EmbeddedStore) -> None:
    insert(embedded, 1)
    with embedded._writing:  # as a writer holds it
        assert count(embedded) == 1
        assert embedded.ask("ASK { ?s ?p ?o }")
        assert len(embedded.triples("CONSTRUCT WHERE { ?s ?p ?o }")) == 1
        assert len(list(embedded.dump())) == 1
        embedded.health()


def test_the_journal_starts_anew_when_it_is_long(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "kg", journal_bytes=1_000)
    for number in range(50):
        insert(store, number)
    assert (tmp_path / "kg" / "1" / "journal").stat().st_size < 1_300
    store.close()
    with embedded_store(tmp_path / "kg") as store:
        assert count(store) == 50


# Strangers and checkpoints


def test_a_stranger_sees_every_finished_write(embedded: EmbeddedStore) -> None:
    for number in range(5):
        insert(embedded, number)
        with embedded.stranger(COUNT, "select", "text/csv", LIMITS).body as body:
            assert body.read().split() == [b"n", str(number + 1).encode()]


def test_checkpoints_are_shared_and_removed(embedded: EmbeddedStore) -> None:
    folder = embedded._path / "checkpoints"
    insert(embedded, 1)
    with embedded._checkpoints.current() as one, embedded._checkpoints.current() as same:
        assert one == same
        insert(embedded, 2)
        with embedded._checkpoints.current() as newer:
            assert newer != one
            assert sorted(folder.iterdir()) == [one, newer]
            assert len(list(pyoxigraph.Store.read_only(str(one)))) == 1
    assert list(folder.iterdir()) == [newer]
    embedded.close()
    assert not folder.exists()


def test_a_stranger_is_ended_while_others_write(embedded: EmbeddedStore) -> None:
    embedded.load(quads(3_000))
    ended = threading.Event()

    def ask() -> None:
        endless = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
        with pytest.raises(QueryTimeout):
            embedded.stranger(endless, "select", JSON, Limits(seconds=1, memory_mb=512, rows=10, bytes=1000))
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    writes = 0
    while not ended.is_set() and writes < 5_000:
        insert(embedded, writes)
        writes += 1
    thread.join()
    assert ended.is_set()
    assert writes > 10
