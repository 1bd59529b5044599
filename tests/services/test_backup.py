"""Backup and restore: whole, equal byte for byte, private, and never from a damaged archive."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from server.errors import Malformed
from server.graph.vocabulary import DCT, HUB
from server.services import backup as archives
from server.services.backup import backup, restore, sorted_lines
from server.services.migrations import migrate, state
from server.store.base import Store

Stores = tuple[Store, Store]
BASE = "http://hub.test/"
GRAPH = NamedNode(BASE + "api/models/1")


def statements(base: str = BASE, count: int = 50) -> list[Quad]:
    graph = NamedNode(base + "api/models/1")
    return [
        *(
            Quad(NamedNode(f"{base}id/models/{n}"), DCT.title, Literal(f'"quoted" \\ line\nbreak \u2028 {n}', language="en"), graph)
            for n in range(count)
        ),
        Quad(
            NamedNode(base + "rev/1"), HUB.patch, Literal(f"A <{base}id/models/1> <{DCT.title.value}> <http://elsewhere/> ."), NamedNode(f"{base}h")
        ),
        Quad(NamedNode("http://elsewhere/x"), DCT.relation, NamedNode(base + "id/models/1"), graph),
    ]


@pytest.fixture
def used(stores: Stores) -> Stores:
    kg, system = stores
    migrate(kg, system, BASE)
    kg.load(statements())
    return stores


def archive(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read(name)


def test_a_restore_gives_the_same_bytes(used: Stores, tmp_path: Path) -> None:
    kg, system = used
    bundles, first, second = tmp_path / "bundles", tmp_path / "1.zip", tmp_path / "2.zip"
    (bundles / "ab").mkdir(parents=True)
    (bundles / "ab" / "model.bin").write_bytes(bytes(range(256)) * 10)
    made = backup(kg, system, bundles, first)
    kg.replace_all([])
    system.replace_all([])
    restored = restore(first, kg, system, tmp_path / "restored", BASE)
    backup(kg, system, tmp_path / "restored", second)
    assert restored == made
    assert made.counts == {"kg": 52, "system": 2}
    for name in ("kg.nq", "system.nq", "bundles/ab/model.bin"):
        assert archive(first, name) == archive(second, name)
    assert archive(first, "kg.nq").splitlines() == sorted(archive(first, "kg.nq").splitlines())
    assert (tmp_path / "restored" / "ab" / "model.bin").read_bytes() == bytes(range(256)) * 10


def test_an_archive_is_private_and_appears_whole(used: Stores, tmp_path: Path) -> None:
    kg, system = used
    target = tmp_path / "hub.zip"

    def broken(items: Iterable[bytes], what: str) -> Iterable[bytes]:
        yield b""
        raise Malformed(f"stopped in {what}")

    with pytest.raises(Malformed):
        backup(kg, system, tmp_path / "none", target, broken)
    assert list(tmp_path.glob("hub.zip*")) == []
    backup(kg, system, tmp_path / "none", target)
    assert target.stat().st_mode & 0o777 == 0o600


def test_many_lines_are_sorted_in_runs_on_the_disk() -> None:
    quads = [Quad(NamedNode(f"http://x/{n % 7}{n}"), DCT.title, Literal(str(n)), GRAPH) for n in range(100)]
    assert list(sorted_lines(quads, chunk=9)) == list(sorted_lines(quads))
    assert list(sorted_lines(quads, chunk=9)) == sorted(sorted_lines(quads))
    assert list(sorted_lines([])) == []


def test_another_base_is_refused_or_rewritten(used: Stores, tmp_path: Path) -> None:
    kg, system = used
    path, moved = tmp_path / "hub.zip", "https://new.example/hub/"
    backup(kg, system, tmp_path / "none", path)
    with pytest.raises(Malformed, match="--rebase"):
        restore(path, kg, system, tmp_path / "none", moved)
    restore(path, kg, system, tmp_path / "none", moved, rebase=True)
    assert set(kg.dump()) == set(statements(moved))
    found = state(system)
    assert found and found.base_iri == moved
    assert migrate(kg, system, moved) == []


def tampered(source: Path, target: Path, change: dict[str, bytes | None]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name in change.keys() - set(old.namelist()):
            new.writestr(name, change[name] or b"")
    return target


def test_a_damaged_archive_changes_nothing(used: Stores, tmp_path: Path) -> None:
    kg, system = used
    good = tmp_path / "good.zip"
    backup(kg, system, tmp_path / "none", good)
    manifest = json.loads(archive(good, "manifest.json"))
    outside = "bundles/../../outside"
    escaping = manifest | {"sha256": manifest["sha256"] | {outside: archives.hashlib.sha256(b"x").hexdigest()}}
    bad: dict[str, dict[str, bytes | None]] = {
        "checksum": {"kg.nq": b"<http://a> <http://b> <http://c> .\n"},
        "incomplete": {"system.nq": None},
        "no backup": {"manifest.json": None},
        "no backup of": {"manifest.json": b"{}"},
        "newer hub": {"manifest.json": json.dumps(manifest | {"schema": 999}).encode()},
        "newer hub ": {"manifest.json": json.dumps(manifest | {"format": 999}).encode()},
        "outside": {"manifest.json": json.dumps(escaping).encode(), outside: b"x"},
    }
    for words, change in bad.items():
        with pytest.raises(Malformed, match=words.strip()):
            restore(tampered(good, tmp_path / "bad.zip", change), kg, system, tmp_path / "in" / "bundles", BASE)
        assert set(kg.dump()) == set(statements()), words
    cut = tmp_path / "cut.zip"
    cut.write_bytes(good.read_bytes()[:-200])
    with pytest.raises(Malformed, match="cannot be read"):
        restore(cut, kg, system, tmp_path / "none", BASE)
    flipped = bytearray(good.read_bytes())
    flipped[300] ^= 0xFF
    cut.write_bytes(flipped)
    with pytest.raises(Malformed):
        restore(cut, kg, system, tmp_path / "none", BASE)
    assert not (tmp_path / "outside").exists()
    assert set(kg.dump()) == set(statements())


def test_a_store_that_no_hub_has_used_has_nothing_to_back_up(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="nothing to back up"):
        backup(*stores, tmp_path / "none", tmp_path / "hub.zip")
