"""Run strangers' queries on the embedded store in processes that are killed when a limit is reached.

A process answers one query at a time; a warm one is always waiting, because starting one takes longer than most queries.
An answer is kept until it is whole, in a temporary file above a mebibyte, so that no caller ever gets a part of one.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from server.errors import HubError, QueryLimit, QueryRefused, QueryTimeout, StoreUnavailable
from server.store import childproc
from server.store.base import Answer, Form, Limits
from server.store.guard import inspect
from server.store.rows import RowCounter

_MIB = 1 << 20
_PART = 1 << 18
_START_SECONDS = 20.0
_RETIRE_MB = 192  # a process that kept more than this after its query is replaced, so that the memory comes back
_log = logging.getLogger(__name__)


class _Died(Exception):
    """The process ended before its answer did."""


class _Child:
    """One process and the frames to and from it."""

    def __init__(self) -> None:
        """Start the process; it is not waited for."""
        command = [sys.executable, "-P", childproc.__file__]
        self.process = subprocess.Popen(  # noqa: S603  # our own file
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True
        )
        self._source = cast(IO[bytes], self.process.stdout).fileno()
        self._target = cast(IO[bytes], self.process.stdin).fileno()
        self._read = bytearray()
        self._ready = False
        self._poll = select.poll()
        self._poll.register(self._source, select.POLLIN)

    def wait_until_ready(self) -> None:
        """Wait for the first frame of a new process."""
        if self._ready:
            return
        _, content = self.receive(time.monotonic() + _START_SECONDS)
        if not json.loads(content)["offline"]:
            _log.warning("This system cannot forbid sockets to a process; SERVICE is refused by reading the query alone")
        self._ready = True

    def send(self, task: dict[str, Any]) -> None:
        """Hand a task over and wait until it is begun; raise `_Died` when that does not happen."""
        content = json.dumps(task).encode()
        left = memoryview(childproc.HEADER.pack(b"Q", len(content)) + content)
        try:
            while left:
                left = left[os.write(self._target, left) :]
            self.receive(time.monotonic() + _START_SECONDS)
        except BrokenPipeError:
            raise _Died from None

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        """Return the next frame; raise `QueryTimeout` at the deadline and `_Died` when the process ends before."""
        kind, length = childproc.HEADER.unpack(self._exactly(childproc.HEADER.size, deadline))
        return kind, self._exactly(length, deadline)

    def _exactly(self, length: int, deadline: float) -> bytes:
        while len(self._read) < length:
            if not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise QueryTimeout("")
            part = os.read(self._source, _PART)
            if not part:
                raise _Died
            self._read += part
        content = bytes(self._read[:length])
        del self._read[:length]
        return content

    def end(self) -> int:
        """Kill the process if it runs, and return what it ended with (minus the signal)."""
        self.process.kill()
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            cast(IO[bytes], pipe).close()
        return status


class ChildPool:
    """Up to `size` queries at the same time, each in a process of its own."""

    def __init__(self, size: int) -> None:
        """Start nothing yet: the first query does, or `warm`."""
        self._size = size
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._closed = False

    def run(
        self,
        checkpoint: Path,
        sparql: str,
        form: Form,
        media_type: str,
        limits: Limits,
        default: Iterable[str] = (),
        named: Iterable[str] = (),
    ) -> Answer:
        """Answer one query on a checkpoint; see `Store.stranger`. The checkpoint has to exist until this returns."""
        found = inspect(sparql)
        task = {"path": str(checkpoint), "sparql": sparql, "form": form, "media_type": media_type, "union": not found.dataset}
        task |= {"default": list(default), "named": list(named), "prefixes": found.prefixes}
        task |= {"seconds": limits.seconds, "memory_mb": limits.memory_mb, "rows": limits.rows}
        with ExitStack() as undo:
            body = cast(IO[bytes], undo.enter_context(tempfile.SpooledTemporaryFile(max_size=_MIB)))
            with self._slot(limits.seconds):
                length, rows = self._answer(task, limits, body)
            undo.pop_all()  # from here on it is the answer's
        body.seek(0)
        return Answer(form, media_type, length, body, rows if form != "ask" else 1)

    def warm(self) -> None:
        """See to it that a process waits for the next query."""
        with self._lock:
            if not self._closed and not self._idle and len(self._busy) <= self._size:
                self._idle.append(_Child())

    def close(self) -> None:
        """End all processes; a query that runs fails with `StoreUnavailable`."""
        with self._lock:
            self._closed = True
            for child in self._busy:
                child.process.kill()
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    @contextmanager
    def _slot(self, seconds: float) -> Iterator[None]:
        if not self._slots.acquire(timeout=seconds):
            raise QueryTimeout(f"Other queries ran all the {seconds:g} seconds that this one had; try again.")
        try:
            yield
        finally:
            self._slots.release()

    def _answer(self, task: dict[str, Any], limits: Limits, body: IO[bytes]) -> tuple[int, int]:
        child = self._take(task)
        whole = False
        try:
            length, rows, held = self._collect(child, task["media_type"], limits, body)
            whole = held <= _RETIRE_MB
            return length, rows
        except (QueryRefused, StoreUnavailable):
            whole = True
            raise
        except QueryTimeout as error:
            raise QueryTimeout(f"The query ran longer than {limits.seconds:g} seconds and was ended; ask for less, or in parts.") from error
        except _Died:
            raise self._death(child.process.wait(), limits) from None
        finally:
            self._give_back(child, whole)

    def _take(self, task: dict[str, Any]) -> _Child:
        """Find a process that takes the task: one that died while it waited is replaced without a word."""
        for _ in range(self._size + 2):
            with self._lock:
                if self._closed:
                    raise StoreUnavailable("The store is closed.")
                child = self._idle.pop() if self._idle else _Child()
                self._busy.add(child)
            try:
                child.wait_until_ready()
                child.send(task)
            except (_Died, QueryTimeout):
                self._give_back(child, whole=False)
            else:
                self.warm()
                return child
        raise StoreUnavailable("The processes that answer queries do not start.")

    def _give_back(self, child: _Child, whole: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            if whole and not self._closed and len(self._idle) <= self._size:
                self._idle.append(child)
                return
        child.end()
        self.warm()

    def _collect(self, child: _Child, media_type: str, limits: Limits, body: IO[bytes]) -> tuple[int, int, int]:
        """Take the answer in, up to its end or to a limit; return its length, its rows, and the memory that the process holds after it."""
        deadline = time.monotonic() + limits.seconds
        counter = RowCounter(media_type)
        length = 0
        while True:
            kind, content = child.receive(deadline)
            if kind == b"E":
                told = json.loads(content)
                return length, counter.rows + told["triples"], told["memory_mb"]
            if kind == b"F":
                raise _failure(json.loads(content), limits)
            length += len(content)
            if length > limits.bytes:
                raise QueryLimit(f"The answer has more than {limits.bytes} bytes; ask for less, or page with LIMIT and OFFSET.")
            if counter.add(content) > limits.rows:
                raise _too_many_rows(limits)
            body.write(content)

    def _death(self, status: int, limits: Limits) -> HubError:
        if self._closed:
            return StoreUnavailable("The store is closed.")
        if status == -signal.SIGALRM:
            return QueryTimeout(f"The query ran longer than {limits.seconds:g} seconds and was ended.")
        return _too_much_memory(limits)


def _failure(told: dict[str, Any], limits: Limits) -> HubError:
    if told["kind"] == "refused":
        position = {"line": told["line"], "column": told["column"]} if told["line"] else {}
        return QueryRefused(told["detail"], **position)
    if told["kind"] == "rows":
        return _too_many_rows(limits)
    if told["kind"] == "memory":
        return _too_much_memory(limits)
    return StoreUnavailable(f"The store cannot be read: {told['detail']}")


def _too_many_rows(limits: Limits) -> QueryLimit:
    return QueryLimit(f"The answer has more than {limits.rows} rows; ask for less, or page with LIMIT and OFFSET.")


def _too_much_memory(limits: Limits) -> QueryLimit:
    return QueryLimit(f"The query needs more than {limits.memory_mb} MiB of memory, or nests too deep, and was ended; ask for less at once.")
