"""Readiness: what is wrong is named, and nothing else."""

from __future__ import annotations

from pathlib import Path

from server.errors import StoreUnavailable
from server.services.operator import ensure_key, is_operator, read_key
from server.services.readiness import disk_check, failures


def down() -> None:
    raise StoreUnavailable("It does not answer.")


def test_only_what_is_wrong_is_named(tmp_path: Path) -> None:
    assert failures({"store": lambda: None, "disk": disk_check(tmp_path, 1)}) == {}
    wrong = failures({"store": down, "disk": disk_check(tmp_path, 2**60), "index": lambda: None})
    assert wrong["store"] == "It does not answer."
    assert "1073741824GiB" in wrong["disk"]
    assert wrong.keys() == {"store", "disk"}


def test_the_operator_is_who_can_read_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert not is_operator(data, "anything")
    key = ensure_key(data)
    assert ensure_key(data) == key == read_key(data)
    assert (data / "operator.key").stat().st_mode & 0o777 == 0o600
    assert is_operator(data, key)
    assert not is_operator(data, key + "x")
    assert not is_operator(data, None)
    assert not is_operator(data, "")
