"""The W3C suites of the SPARQL 1.1 Protocol and the Graph Store Protocol against a running hub, on both stores.

The suites and their runner are not part of the project; where they are not beside it, the test is skipped. What the runner reported last is kept
here, one file a store, and has to be what it reports now: `[test, [what failed]]` for each test.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.values import ROOT
from tests.support.server import RunningHub, running_hub

SUITES = ROOT.parent / "shared" / "conformance"
HERE = Path(__file__).parent
COUNTS = {"protocol": 34, "gsp": 13}


def run_suites(hub: RunningHub, report: Path) -> dict[str, list[tuple[str, list[str]]]]:
    """Run both suites; the runner writes its report."""
    command = [sys.executable, str(SUITES / "run_sparql11.py"), "--suite", str(SUITES / "sparql11"), "--json", str(report), "--gsp-direct"]
    command += ["--query", f"{hub.url}/sparql", "--update", f"{hub.url}/update", "--gsp", f"{hub.url}/graphs"]
    done = subprocess.run(
        [*command, "--auth", f"Authorization: Bearer {hub.printed('administrator token')}"], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[tuple[str, list[str]]]] = json.loads(report.read_text())
    return found


@pytest.mark.slow
@pytest.mark.skipif(not SUITES.is_dir(), reason="the W3C suites are not in ../shared/conformance")
@pytest.mark.usefixtures("stores")  # empties the datasets
def test_the_suites_pass(store_kind: str, store_url: str | None, tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    remote = {"HUB_STORE": f"{store_url}/kg", "HUB_SYSTEM_STORE": f"{store_url}/system"} if store_url else {}
    with running_hub(tmp_path / "data", HUB_SHAPES=str(tmp_path / "shapes"), **remote) as hub:
        found = run_suites(hub, tmp_path / "report.json")
    failed = {name: fails for tests in found.values() for name, fails in tests if fails}
    assert failed == {}
    assert {suite: len(tests) for suite, tests in found.items()} == COUNTS
    assert json.loads((HERE / f"{store_kind}.json").read_text()) == found, "keep the new report beside this test"
