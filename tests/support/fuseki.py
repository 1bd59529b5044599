"""Run the real Fuseki for the tests: the same start script, configuration and jar as in production, on a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from server.values import ROOT
from tests.support.settings import free_port

JAR = ROOT / "fuseki" / "jars" / "fuseki-server.jar"
START_SECONDS = 60.0
FUSEKI_SECONDS = 300  # for a test that writes a lot: each update is a commit to disk, slow where tests run side by side


def require_fuseki() -> None:
    """Fetch the jar if it is not there; where that is impossible, skip, or fail when CI=true."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if JAR.exists() and "java" not in missing:
        return
    if missing:
        reason = f"Fuseki needs {' and '.join(missing)}"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(reason)
    subprocess.run(["mvn", "-q", "-B", "-f", str(ROOT / "fuseki" / "pom.xml"), "dependency:copy"], check=True, timeout=300)


def start_fuseki(folder: Path, port: int, **env: str) -> subprocess.Popen[bytes]:
    """Start Fuseki on a folder and return the process when it answers; whoever starts it ends it."""
    with (folder / "fuseki.log").open("ab") as output:
        process = subprocess.Popen(
            [str(ROOT / "fuseki" / "start.sh"), str(port), str(folder)], env=os.environ | {"JVM_ARGS": "-Xmx1g"} | env, stdout=output, stderr=output
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, folder)
    except BaseException:
        end_fuseki(process)
        raise
    return process


def end_fuseki(process: subprocess.Popen[bytes]) -> None:
    """Kill it as a power cut does; TDB2 is a transactional store, so the tests need no farewell."""
    process.kill()
    process.wait(30)


@dataclass
class Fuseki:
    """A running Fuseki; `process` may be killed."""

    url: str
    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def running_fuseki(folder: Path, *, port: int = 0, **env: str) -> Iterator[Fuseki]:
    """Run Fuseki on a folder until the block ends."""
    port = port or free_port()
    process = start_fuseki(folder, port, **env)
    try:
        yield Fuseki(f"http://127.0.0.1:{port}", port, process)
    finally:
        end_fuseki(process)


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    with urllib3.PoolManager(retries=False, timeout=1) as http:
        while time.monotonic() < end:
            assert process.poll() is None, f"Fuseki ended:\n{(folder / 'fuseki.log').read_text()}"
            try:
                if http.request("GET", f"{url}/$/ping").status in (200, 401):
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
    raise AssertionError(f"Fuseki was not ready after {START_SECONDS} s")
