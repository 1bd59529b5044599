"""What the checks of a store share: how they say that it is unfit, a few names, and running many writers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread

from pyoxigraph import NamedNode, Triple

from server.store.base import Limits

WRITERS = 16
GENEROUS = Limits(seconds=20, memory_mb=1024, rows=100_000, bytes=64 << 20)


class Unfit(Exception):
    """The store does not keep a promise; the text says what was seen."""


def require(kept: bool, seen: str) -> None:
    """Raise `Unfit` unless the promise was kept."""
    if not kept:
        raise Unfit(seen)


def name(local: str) -> NamedNode:
    """Name something of a check."""
    return NamedNode(f"urn:x-hub-check:{local}")


def numbered(count: int) -> list[Triple]:
    """Make so many triples about one subject."""
    return [Triple(name("s"), name(f"p{number}"), name(f"o{number}")) for number in range(count)]


def at_once(work: Callable[[int], None], workers: int = WRITERS) -> None:
    """Run the same work in many threads that start together, and raise what the first of them raised."""
    start = Barrier(workers)

    def run(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, range(workers)))


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[list[Exception]]:
    """Repeat some work in another thread until the block ends; what it raised is collected and ends it."""
    stop, raised = Event(), list[Exception]()

    def repeat() -> None:
        try:
            while not stop.is_set():
                work()
        except (Unfit, ValueError, OSError) as error:
            raised.append(error)

    thread = Thread(target=repeat)
    thread.start()
    try:
        yield raised
    finally:
        stop.set()
        thread.join()
