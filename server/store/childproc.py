"""The process that answers strangers' queries for the embedded store, one at a time, until its parent ends it.

Neither pyoxigraph nor any library can stop a query that runs, so the query runs where it can be killed. The process can open no
socket, whatever the query says, and no more memory than the task allows; `server.store.child` watches time, rows and bytes.

It is started as a file, so that it needs nothing of the project and is ready within a twentieth of a second. Both directions
carry frames: one byte that says what it is, four bytes of length, the content. `Q` a task; `R` ready, `B` begun, `D` data, `E` end, `F` failure.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import resource
import select
import signal
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pyoxigraph
from pyoxigraph import NamedNode, QueryBoolean, QueryResultsFormat, QuerySolutions, QueryTriples, RdfFormat, Store, Triple

HEADER = struct.Struct(">cI")
_IDLE_SECONDS = 60.0  # after which a checkpoint is closed, so that its files do not fill the disk for nobody
_GRACE_SECONDS = 1.0  # for a parent that is gone or slow to kill
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20
_FORMS: dict[str, type] = {"ask": QueryBoolean, "select": QuerySolutions, "construct": QueryTriples}
_POSITION = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)


class TooManyRows(Exception):
    """The graph of a CONSTRUCT or DESCRIBE has more triples than the task allows."""


class Failure(Exception):
    """The query cannot be answered: `kind` is `refused`, `rows`, `memory` or `unavailable`."""

    def __init__(self, kind: str, detail: str = "", line: int | None = None, column: int | None = None) -> None:
        """Keep what the parent is told."""
        super().__init__(detail)
        self.told = {"kind": kind, "detail": detail, "line": line, "column": column}


class Frames:
    """Frames over two file descriptors; as a file to write to, every write becomes a frame of data."""

    def __init__(self, source: int, target: int) -> None:
        """Take where tasks come from and where answers go."""
        self._source, self._target = source, target

    def read(self, kind: bytes) -> bytes:
        """Read the content of the next frame; raise `EOFError` when the parent is gone."""
        found, length = HEADER.unpack(self._exactly(HEADER.size))
        if found != kind:
            raise EOFError(f"a frame {found!r} where {kind!r} belongs")
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            part = os.read(self._source, min(length - len(parts), _MIB))
            if not part:
                raise EOFError("the parent is gone")
            parts += part
        return bytes(parts)

    def waiting(self) -> bool:
        """Wait for a frame for a while and tell whether one comes."""
        return bool(select.select([self._source], [], [], _IDLE_SECONDS)[0])

    def send(self, kind: bytes, content: bytes) -> None:
        """Write one frame."""
        left = memoryview(HEADER.pack(kind, len(content)) + content)
        while left:
            left = left[os.write(self._target, left) :]

    def write(self, part: bytes) -> int:
        """Write a part of the answer."""
        self.send(b"D", part)
        return len(part)

    def flush(self) -> None:
        """Do nothing: nothing is held back."""


def answer(store: Store, task: dict[str, Any], target: Frames) -> int:
    """Run one query, write its answer, and return how many triples it has; raise `Failure` when there is none."""
    try:
        results = store.query(task["sparql"], **_dataset(task))
        if not isinstance(results, _FORMS[task["form"]]):
            raise Failure("refused", f"The query is no {task['form'].upper()}.")
        return _write(results, task, target)
    except SyntaxError as error:
        raise _unreadable(str(error)) from error
    except MemoryError as error:
        raise Failure("memory") from error
    except TooManyRows as error:
        raise Failure("rows") from error
    except OSError as error:
        raise Failure("memory" if "annot allocate" in str(error) else "unavailable", str(error)) from error
    except (RuntimeError, ValueError) as error:
        raise Failure("refused", f"The query cannot be run: {error}") from error


def _dataset(task: dict[str, Any]) -> dict[str, Any]:
    """Without a dataset of its own a query sees the union of the graphs; one that names a part sees nothing else."""
    if task["default"] or task["named"]:
        return {"default_graph": [NamedNode(iri) for iri in task["default"]], "named_graphs": [NamedNode(iri) for iri in task["named"]]}
    return {"use_default_graph_as_union": task["union"]}


def _write(results: QueryBoolean | QuerySolutions | QueryTriples, task: dict[str, Any], target: Frames) -> int:
    if not isinstance(results, QueryTriples):
        results.serialize(target, format=QueryResultsFormat.from_media_type(task["media_type"]))  # type: ignore[arg-type]  # a file to write to
        return 0
    triples = _Counted(results, task["rows"])
    rdf = RdfFormat.from_media_type(task["media_type"])
    pyoxigraph.serialize(triples, output=target, format=rdf, prefixes=task["prefixes"])  # type: ignore[arg-type]  # a file to write to
    return triples.number


class _Counted:
    """Triples, and how many came so far; too many are an error."""

    def __init__(self, triples: Iterable[Triple], most: int) -> None:
        self._triples, self._most, self.number = triples, most, 0

    def __iter__(self) -> Iterator[Triple]:
        for triple in self._triples:
            if self.number >= self._most:
                raise TooManyRows
            self.number += 1
            yield triple


def _unreadable(message: str) -> Failure:
    if found := _POSITION.match(message):
        line, column = int(found[1]), int(found[2])
        return Failure("refused", f"The query is not SPARQL: {found[3][:300]} (line {line}, column {column})", line, column)
    return Failure("refused", f"The query is not SPARQL: {message[:300]}")


def _memory_pages() -> tuple[int, int]:
    """Return the pages that the process has reserved, and those that it holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        reserved, held, *_ = file.read().split()
    return int(reserved), int(held)


def _limit(task: dict[str, Any]) -> None:
    """Allow so much memory above what the process has now, and end it by itself when the parent does not."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_memory_pages()[0] * _PAGE + task["memory_mb"] * _MIB, hard))
    signal.setitimer(signal.ITIMER_REAL, task["seconds"] + _GRACE_SECONDS)


def _unlimit() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filters", ctypes.POINTER(_Filter)))


_SOCKET = {"x86_64": 41, "aarch64": 198}  # the number of the system call socket(2)


def forbid_sockets() -> bool:
    """Let the kernel refuse every new socket of this process (seccomp); return whether this kernel and machine can."""
    if sys.platform != "linux" or platform.machine() not in _SOCKET:
        return False
    load, jump, give, allow, refuse = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000 | 1  # EPERM
    steps = ((load, 0, 0, 0), (jump, 0, 1, _SOCKET[platform.machine()]), (give, 0, 0, refuse), (give, 0, 0, allow))
    filters = (_Filter * len(steps))(*(_Filter(*step) for step in steps))
    program = _Program(len(filters), filters)
    libc = ctypes.CDLL(None)
    no_new_privileges, seccomp, mode_filter, arenas, one = 38, 22, 2, -8, 1
    libc.mallopt(arenas, one)  # each arena reserves 64 MiB that the memory limit would count
    return bool(libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0 and libc.prctl(seccomp, mode_filter, ctypes.byref(program)) == 0)


def serve(frames: Frames) -> None:
    """Answer tasks until the parent is gone; the checkpoint of the last task stays open for the next one."""
    path, store = "", None
    while True:
        while not frames.waiting():
            path, store = "", None
        task = json.loads(frames.read(b"Q"))
        frames.send(b"B", b"")
        try:
            if store is None or task["path"] != path:
                store = None
                path, store = task["path"], Store.read_only(task["path"])
            _limit(task)
            triples = answer(store, task, frames)
            _unlimit()
            frames.send(b"E", json.dumps({"memory_mb": _memory_pages()[1] * _PAGE // _MIB, "triples": triples}).encode())
        except Failure as failure:
            _unlimit()
            frames.send(b"F", json.dumps(failure.told).encode())
        except OSError as error:
            frames.send(b"F", json.dumps({"kind": "unavailable", "detail": str(error)}).encode())


def main() -> None:
    """Close the way out, say that all is ready, and serve."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    frames = Frames(sys.stdin.fileno(), sys.stdout.fileno())
    frames.send(b"R", json.dumps({"offline": forbid_sockets()}).encode())
    try:
        serve(frames)
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
