"""A backup over HTTP while others write: restored into an empty store it is whole, the same byte for byte, and people log in."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import urllib3

from server.services.backup import backup
from server.values import ROOT
from tests.support.load import Load, created, listed
from tests.support.proofs import opened, wrong_with
from tests.support.server import RunningHub, clean_environment, running_hub

PASSWORD = "correct horse battery"
ADA = urllib3.make_headers(basic_auth=f"ada@example.org:{PASSWORD}")


@pytest.fixture
def elsewhere(where: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Give the settings of the hub that is restored: an empty folder, and the same datasets, which are emptied by then."""
    return where | {"HUB_DATA": str(tmp_path / "restored")}


def fetched(hub: RunningHub, token: dict[str, str], target: Path) -> Path:
    answer = hub.request("GET", "/backup", headers=token)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    target.write_bytes(answer.data)
    return target


def restored(archive: Path, env: dict[str, str]) -> None:
    """Run the command, as an operator does."""
    command = [sys.executable, "-m", "server", "restore", "--replace", str(archive)]
    ran = subprocess.run(command, cwd=ROOT, env=clean_environment(**env), capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr


def members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in ("kg.nq", "system.nq")}


@pytest.mark.slow
def test_a_backup_under_load_is_one_whole_state(where: dict[str, str], elsewhere: dict[str, str], tmp_path: Path) -> None:
    with running_hub(tmp_path / "data", **where) as hub:
        token = {"Authorization": f"Bearer {hub.printed('administrator token')}"}
        person = {"title": "Ada", "email": "ada@example.org", "password": PASSWORD, "role": "curator"}
        assert hub.request("POST", "/api/people", json=person, headers=token).status == 201
        first = created(hub, "before all")
        with Load(hub, {"keywords": ["load"]}) as load:
            load.wait(10)
            before = set(load.acknowledged)
            archive = fetched(hub, token, tmp_path / "1.zip")
            load.wait(10)
            fetched(hub, token, tmp_path / "2.zip")
        assert load.refused == []
    restored(tmp_path / "2.zip", elsewhere)
    restored(archive, elsewhere)  # in the place of the other one
    with opened(Path(elsewhere["HUB_DATA"]), **where) as (restored_hub, heads):
        assert wrong_with(restored_hub, heads) == []
        backup(restored_hub.kg, restored_hub.system, tmp_path / "none", tmp_path / "again.zip")
    assert members(tmp_path / "again.zip") == members(archive) != members(tmp_path / "2.zip")
    with running_hub(Path(elsewhere["HUB_DATA"]), **where) as hub:
        found = listed(hub, "id")
        assert before | {first} <= found <= load.acknowledged | {first}
        assert hub.request("GET", "/api/me", headers=ADA).json()["role"] == "curator"
        assert hub.request("GET", "/api/me", headers=token).json()["role"] == "admin"
        assert created(hub, "after all") in listed(hub, "id")
