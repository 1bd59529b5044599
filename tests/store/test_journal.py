"""The journal file: what was synced is read back, and every kind of damage is told from a torn end."""

from __future__ import annotations

import errno
import os
import random
import threading
from pathlib import Path

import pytest

from server.errors import StoreUnavailable
from server.store.journal import Journal, recover

TEXTS = ["INSERT DATA { <urn:a> <urn:b> 'ä' }", "", "x" * 100_000, "DELETE DATA { }"]


def written(path: Path, base: int = 7, texts: list[str] = TEXTS) -> Path:
    journal = Journal(path, base)
    for position, text in enumerate(texts, base + 1):
        journal.append(position, text)
        journal.sync(position)
    journal.retire()
    return path


def test_a_missing_journal_has_nothing(tmp_path: Path) -> None:
    found = recover(tmp_path / "journal")
    assert (found.base, found.records, found.last, found.damaged_at) == (None, (), None, None)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = recover(written(tmp_path / "journal"))
    assert found.base == 7
    assert [(record.position, record.text) for record in found.records] == list(enumerate(TEXTS, 8))
    assert (found.last, found.promised, found.damaged_at) == (11, 10, None)


def test_a_new_journal_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = written(tmp_path / "journal")
    journal = Journal(path, 11)
    assert journal.empty
    journal.retire()
    found = recover(path)
    assert (found.base, found.records, found.last) == (11, (), 11)
    assert os.listdir(tmp_path) == ["journal"]


def test_a_torn_end_is_left_out_wherever_it_is_torn(tmp_path: Path) -> None:
    path = written(tmp_path / "journal", texts=["first", "second"])
    content = path.read_bytes()
    whole = len(content) - 8 - 16 - len("second")
    for length in range(whole, len(content)):
        path.write_bytes(content[:length])
        found = recover(path)
        assert [record.text for record in found.records] == ["first"]
        assert found.promised <= 8
        assert found.damaged_at == (None if length == whole else whole)


def test_damage_before_synced_records_is_seen_whichever_bit_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "journal", texts=["first", "second", "third", "fourth"])
    content = path.read_bytes()
    header, second = 20, 20 + 8 + 16 + len("first")
    generator = random.Random(4)
    for _ in range(300):
        bit = generator.randrange(header * 8, second * 8)
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        found = recover(path)
        assert found.records == ()
        assert found.damaged_at == header
        assert found.promised == 10  # the fourth says that the third had reached the disk


def test_a_damaged_header_is_no_journal(tmp_path: Path) -> None:
    path = written(tmp_path / "journal")
    content = path.read_bytes()
    for damaged in (content[:10], b"", b"\xff" + content[1:], content[:9] + b"\xff" + content[10:]):
        path.write_bytes(damaged)
        with pytest.raises(StoreUnavailable, match="no journal of this hub"):
            recover(path)


def test_threads_share_the_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0
    real = os.fdatasync

    def counted(file: int) -> None:
        nonlocal syncs
        syncs += 1
        threading.Event().wait(0.02)  # a slow disk
        real(file)

    monkeypatch.setattr(os, "fdatasync", counted)
    journal, lock, position = Journal(tmp_path / "journal", 0), threading.Lock(), 0

    def write() -> None:
        nonlocal position
        for _ in range(10):
            with lock:
                position += 1
                mine = position
                journal.append(mine, f"update {mine}")
            journal.sync(mine)

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.retire()
    assert len(recover(tmp_path / "journal").records) == 160
    assert syncs < 60


def test_after_a_failed_sync_nothing_is_promised_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal", 0)
    journal.append(1, "first")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", lambda file: (_ for _ in ()).throw(OSError(errno.EIO, "bad disk")))
        with pytest.raises(OSError, match="bad disk"):
            journal.sync(1)
    with pytest.raises(OSError, match="cannot be written"):
        journal.sync(1)  # although the disk would take it now: the kernel may have dropped the pages
    journal.retire()


def test_a_failed_append_fails_those_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal", 0)
    journal.append(1, "first")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            journal.append(2, "second")
    with pytest.raises(OSError, match="cannot be written"):
        journal.sync(1)
    journal.retire()
    journal.sync(1)  # the store was flushed, so the record is not needed


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: real(file, data[:7]))
        written(tmp_path / "journal", texts=["a text that needs several writes"])
    assert [record.text for record in recover(tmp_path / "journal").records] == ["a text that needs several writes"]
