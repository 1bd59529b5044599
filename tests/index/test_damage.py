"""A file that was damaged, a lock that is held, a library that fails: the index says what is wrong, or begins anew."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import apsw
import pytest

from server.errors import StoreFull, StoreUnavailable
from server.index import files
from server.index.index import Index
from server.index.rows import Damaged, Search
from tests.index.samples import found, row


def _cut(folder: Path) -> None:
    for path in folder.glob("*.sqlite"):
        path.write_bytes(b"")


def _scribble(folder: Path) -> None:
    for path in folder.glob("*.sqlite"):
        path.write_bytes(b"no database " * 1000)


def _age(folder: Path) -> None:
    for path in folder.glob("*.sqlite"):
        db = apsw.Connection(str(path))
        db.execute("UPDATE meta SET value = 0 WHERE name = 'version'")
        db.close()


@pytest.mark.parametrize("harm", [_cut, _scribble, _age, lambda folder: (folder / "current").write_bytes(b"\xff"), shutil.rmtree])
def test_a_damaged_index_begins_anew(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    index = Index(tmp_path / "index")
    index.apply([row(1)], 1, 0)
    index.close()
    harm(tmp_path / "index")
    with pytest.raises(Damaged):
        index.position()
    fresh = Index(tmp_path / "index")
    assert fresh.position() == 0 and fresh.counts() == {} and fresh.check() == []
    fresh.close()
    assert index.position() == 0
    index.close()


def test_check_finds_what_does_not_agree(tmp_path: Path) -> None:
    index = Index(tmp_path / "index")
    index.apply([row(number) for number in range(3)], 1, 0)
    assert index.check() == []
    (path,) = (tmp_path / "index").glob("*.sqlite")
    db = apsw.Connection(str(path))
    for harm in (
        "UPDATE kinds SET total = total + 1",
        "DELETE FROM counts WHERE value LIKE 'http%'",
        "UPDATE counts SET n = n + 1",
        "INSERT INTO entries VALUES (5, 99, 'x')",
        "DELETE FROM entries WHERE field = (SELECT field FROM fields WHERE key = 'title')",
        "UPDATE things SET text = x''",
        "UPDATE OR REPLACE terms SET modified = 'x'",
    ):
        before = set(index.check())
        db.execute(harm)
        assert set(index.check()) > before, harm
    db.execute("DELETE FROM text_1_data")
    assert "The full text in text_1 is damaged." in index.check()
    db.close()
    index.close()


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(apsw.FullError, StoreFull), (apsw.BusyError, StoreUnavailable), (apsw.IOError, StoreUnavailable), (apsw.CorruptError, Damaged)],
)
def test_errors_of_sqlite_become_the_hubs(raised: type[Exception], seen: type[Exception]) -> None:
    with pytest.raises(seen), files.faults():
        raise raised("x")


def test_another_process_that_holds_the_lock_is_waited_for(index: Index, tmp_path: Path) -> None:
    (path,) = (tmp_path / "index").glob("*.sqlite")
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    late = Thread(target=lambda: index.apply([row(1)], 1, 0))
    late.start()
    time.sleep(0.3)
    assert index.position() == 0 and late.is_alive()  # readers do not wait
    other.execute("COMMIT")
    late.join(10)
    other.close()
    assert index.position() == 1


def test_closing_twice_and_going_on_is_allowed(index: Index) -> None:
    index.close()
    index.close()
    index.apply([row(1)], 1, 0)
    assert found(index, Search()) == [1]
