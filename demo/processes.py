"""Start the two servers of the demonstration on free ports over a temporary folder, and end them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import urllib3

ROOT = Path(__file__).resolve().parent.parent
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "GIT_PYTHON_REFRESH": "quiet"}
"""What keeps MLflow from calling home and from talking between the answers."""

_STOP_SECONDS = 30


class NotStarted(Exception):
    """A server ended or did not answer in time; the text is the end of what it said."""


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run a tracking server with SQLite and its own artifact store until the block ends; gives its address."""
    port = _free_port()
    store, artifacts = f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts")
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", store, "--artifacts-destination", artifacts, "--serve-artifacts"),
    ]
    # Its job runner would be eight more processes that nothing here needs.
    environment = os.environ | QUIET | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with _running(command, environment, folder, f"http://127.0.0.1:{port}", "/health", 180) as url:
        yield url


@contextmanager
def hub(folder: Path, **settings: str) -> Iterator[str]:
    """Run a hub over a fresh embedded store until the block ends; gives its address."""
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    environment |= {"HUB_HOST": "127.0.0.1", "HUB_PORT": str(port), "HUB_DATA": str(folder / "data"), **settings}
    with _running([sys.executable, "-m", "server", "run"], environment, folder, f"http://localhost:{port}", "/ready", 60) as url:
        yield url


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str], folder: Path, url: str, path: str, seconds: float) -> Iterator[str]:
    log = folder / f"{command[2]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - our own words
    try:
        _wait(process, url + path, seconds, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, seconds: float, log: Path) -> None:
    end = time.monotonic() + seconds
    with urllib3.PoolManager(retries=False, timeout=5) as http:
        while process.poll() is None and time.monotonic() < end:
            try:
                if http.request("GET", url).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.2)
    raise NotStarted(f"{url} did not answer:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
