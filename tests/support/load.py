"""Speak to a running hub as its users do: single calls, waiting for something, and a load of writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import urllib3

from tests.support.server import RunningHub

PAUSE_SECONDS = 0.05  # after a write that was refused


def until(true: Callable[[], bool], why: Callable[[], str] = lambda: "it does not come", seconds: float = 30) -> float:
    """Wait for something that comes by itself, and return how many seconds that took."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + seconds, why()
        time.sleep(0.02)
    return time.monotonic() - begun


def create(hub: RunningHub, title: str, collection: str = "models", **members: object) -> urllib3.BaseHTTPResponse:
    """Send a new thing."""
    return hub.request("POST", f"/api/{collection}", json={"title": title, **members})


def created(hub: RunningHub, title: str, **members: object) -> str:
    """Store a new model and return its id."""
    answer = create(hub, title, **members)
    assert answer.status == 201, answer.data
    return str(answer.json()["id"])


def listed(hub: RunningHub, key: str = "title", query: str = "") -> set[str]:
    """Return one member of all models, page by page."""
    found: set[str] = set()
    page: str | None = f"/api/models?limit=1000&fields={key}{query}"
    while page:
        answer = hub.request("GET", page)
        assert answer.status == 200, answer.data
        found |= {item[key] for item in answer.json()["items"]}
        following: str | None = answer.json().get("next")
        page = following and "/api/" + following.partition("/api/")[2]
    return found


@dataclass
class Load:
    """Threads that create models until the block ends or the hub does, and what they were told."""

    hub: RunningHub
    members: dict[str, object] = field(default_factory=dict)
    writers: int = 4
    acknowledged: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        """Start the writers."""
        self._threads = [threading.Thread(target=self._write) for _ in range(self.writers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop them; each has the answer to its last write."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def statuses(self) -> set[str]:
        """Name the statuses of what was refused."""
        return {each[:3] for each in self.refused}

    def wait(self, more: int) -> None:
        """Wait until so many more writes were acknowledged."""
        wanted = len(self.acknowledged) + more
        until(lambda: len(self.acknowledged) >= wanted, lambda: f"writes do not go on: {self.refused[-1:]}")

    def wait_for_refusals(self, more: int) -> None:
        """Wait until so many more writes were refused."""
        wanted = len(self.refused) + more
        until(lambda: len(self.refused) >= wanted, lambda: "nothing is refused")

    def _write(self) -> None:
        try:
            while not self._stop.is_set():
                answer = create(self.hub, "load", **self.members)
                if answer.status == 201:
                    self.acknowledged.add(answer.json()["id"])
                else:
                    self.refused.append(f"{answer.status} {answer.data.decode()}")
                    self._stop.wait(PAUSE_SECONDS)
        except urllib3.exceptions.HTTPError:
            return  # the hub is gone
