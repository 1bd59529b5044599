"""The servers that are measured, each a process of its own over a temporary folder, started as an operator starts it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.calls import Connection

ROOT = Path(__file__).parent.parent
BASE = "https://hub.example/"  # of every IRI, whatever port a hub listens on
START_SECONDS = 120.0
STOP_SECONDS = 120.0
_PAUSE = 0.02
_JAR = ROOT / "fuseki" / "jars" / "fuseki-server.jar"


@dataclass(frozen=True)
class Server:
    """A server that answers: where, its process, and how long it took to be ready."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    seconds: float

    def printed(self, name: str) -> str:
        """Read a value that the hub printed as `name: value`."""
        return next(line.partition(": ")[2] for line in self.log.read_text("utf-8").splitlines() if line.startswith(f"{name}: "))

    def connect(self, **headers: str) -> Connection:
        """Open a connection to it."""
        return Connection(self.url, headers)


def fuseki_missing() -> str | None:
    """Say what stands in the way of running Fuseki."""
    if shutil.which("java") is None:
        return "Java is missing"
    return None if _JAR.exists() else f"{_JAR.relative_to(ROOT)} is missing; `make fuseki` fetches it"


@contextmanager
def hub(data: Path, **settings: str) -> Iterator[Server]:
    """Run a hub on a data folder: `settings` are those of its environment, without HUB_ and in small letters."""
    port = _free_port()
    given = environment({"port": str(port), "data": str(data)} | settings)
    with _running([sys.executable, "-m", "server", "run"], port, "/ready", data, given) as server:
        yield server


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Make the environment of a hub's command, with no settings but these."""
    kept: dict[str, str] = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    given: dict[str, str] = {"base_iri": BASE, **settings}
    return kept | {f"HUB_{name.upper()}": value for name, value in given.items()} | {"PYTHONUNBUFFERED": "1"}


@contextmanager
def fuseki(folder: Path) -> Iterator[Server]:
    """Run Fuseki on a folder, by the project's own start script and configuration."""
    port = _free_port()
    with _running([str(ROOT / "fuseki" / "start.sh"), str(port), str(folder)], port, "/$/ping", folder) as server:
        yield server


@contextmanager
def oxigraph(folder: Path) -> Iterator[Server]:
    """Run the oxigraph server on a folder: the embedded store's engine with nothing but SPARQL over HTTP around it."""
    port = _free_port()
    command = [str(Path(sys.executable).parent / "oxigraph"), "serve", "--location", str(folder / "db"), "--bind", f"127.0.0.1:{port}"]
    with _running(command, port, "/query?query=ASK%20%7B%7D", folder) as server:
        yield server


def memory(server: Server) -> tuple[float, float]:
    """Return the resident memory of the process that serves and of the whole family of processes, in MB."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    family = {server.process.pid}
    while more := {pid for pid, parent, _ in rows if parent in family} - family:
        family |= more
    sizes = [size / 1000 for pid, _, size in rows if pid in family]
    return max(sizes), sum(sizes)


@contextmanager
def _running(command: Sequence[str], port: int, ready: str, folder: Path, environment: dict[str, str] | None = None) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"server-{port}.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, ready, process, log)
        yield Server(url, process, log, time.perf_counter() - started)
    finally:
        end(process)


def _wait(url: str, path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        connection = Connection(url)
        try:
            connection.get(path, "*/*")
        except (OSError, RuntimeError):
            time.sleep(_PAUSE)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError(f"{process.args!r} was not ready within {START_SECONDS:g} seconds:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process as an operator does, and kill it and what it started if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: nothing but what it started
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
