"""Run the hub as users do, `python -m server run`, in a process of its own over a temporary folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from server.values import ROOT
from tests.support.settings import free_port

START_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass
class RunningHub:
    """A hub process: where it listens, what it printed, and how to end it."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    output_path: Path
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=64, retries=False, timeout=60))

    @property
    def output(self) -> str:
        """Read what the process has printed so far, log lines included."""
        return self.output_path.read_text("utf-8", "replace")

    def printed(self, name: str) -> str:
        """Read a value that was printed as `name: value`, such as `administrator token`."""
        lines = [line for line in self.output.splitlines() if line.startswith(f"{name}: ")]
        assert lines, f"the hub did not print {name!r}:\n{self.output}"
        return lines[-1].partition(": ")[2]

    def request(self, method: str, path: str, **options: object) -> urllib3.BaseHTTPResponse:
        """Send a request to a path of this hub over a kept-alive connection."""
        return self.http.request(method, self.url + path, **options)  # type: ignore[arg-type]

    def wait(self, path: str = "/ready", seconds: float = START_SECONDS) -> None:
        """Wait until a path answers 200; a process that ended before is an error that shows its output."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the hub ended with {self.process.returncode}:\n{self.output}"
            try:
                if self.http.request("GET", self.url + path, timeout=5).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{path} was not ready after {seconds} s:\n{self.output}")

    def terminate(self) -> int:
        """Stop it as an operator does, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it, and the processes it started, without any warning, as a power cut does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)


def clean_environment(**env: str) -> dict[str, str]:
    """Copy the environment without the settings of the machine's own hub."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HUB_")} | env


def start_hub(data: Path, *, port: int = 0, arguments: Sequence[str] = (), **env: str) -> RunningHub:
    """Start a hub without waiting for it; `env` holds settings, `arguments` those of `run`."""
    data.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    output_path = data / f"hub-{port}.log"
    settings = {"HUB_PORT": str(port), "HUB_HOST": "127.0.0.1", "HUB_DATA": str(data)} | env
    with output_path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "run", *arguments],
            cwd=ROOT,
            env=clean_environment(PYTHONUNBUFFERED="1", **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that `kill` reaches the processes that it started, and no others
        )
    return RunningHub(f"http://127.0.0.1:{port}", port, process, output_path)


@contextmanager
def running_hub(data: Path, *, port: int = 0, arguments: Sequence[str] = (), ready: str = "/ready", **env: str) -> Iterator[RunningHub]:
    """Run a hub that is ready, and end it and its processes afterwards."""
    hub = start_hub(data, port=port, arguments=arguments, **env)
    try:
        hub.wait(ready)
        yield hub
        if hub.process.poll() is None:
            hub.terminate()
    finally:
        hub.kill()
        hub.http.clear()
