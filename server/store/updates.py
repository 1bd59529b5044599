"""Read a stranger's SPARQL Update into its operations, in a child process; the text itself is handed to no store.

What comes back are quads, templates (quads in which IRIs stand for variables) and the `WHERE` of each operation as a SELECT of its own,
which has passed the guard of queries. The child may open no file and no socket, has a limit of memory, and is killed when its time is up, so
a text that is long, deep or hostile costs one process. `server.store.updates_child` is what runs in it.
"""

from __future__ import annotations

import math
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson
from pyoxigraph import Quad, RdfFormat, parse

from server.errors import Malformed, QueryLimit, QueryRefused, QueryTimeout, TooLarge

MOST_QUADS = 100_000  # that one update may delete and insert
_PATIENCE = 30.0  # seconds more than the child may compute: on a machine that is busy it waits
_TOLD_POSITION = re.compile(r" \(line (\d+), column (\d+)\)$")
BULK = "Take POST /api/<collection>/bulk for that much: it is a stream, and stores what conforms group by group."


@dataclass(frozen=True)
class Template:
    """Quads to fill: an IRI that starts with `mark` stands for the variable that its end names."""

    quads: Sequence[Quad] = ()
    mark: str = ""


@dataclass(frozen=True)
class Where:
    """The `WHERE` of an operation as a SELECT of the variables that its templates use.

    `default` and `named` are the graphs that it sees; without any it sees all. Where it has `within` (the graph of WITH) and looks into other
    graphs by a variable, `wrapped` asks it within that graph, if there is one. `line` is where it stands in the update.
    """

    select: str
    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    within: str = ""
    wrapped: str = ""
    line: int = 1


@dataclass(frozen=True)
class Operation:
    """One operation of an update: what it deletes and inserts, for each row of its `where`; or a graph that it manages.

    `verb` is `modify`, `clear`, `drop`, `create`, `add`, `move` or `copy`; graphs are IRIs, or `DEFAULT`, `NAMED` and `ALL`.
    """

    verb: str
    delete: Template = field(default_factory=Template)
    insert: Template = field(default_factory=Template)
    where: Where | None = None
    source: str = ""
    target: str = ""
    silent: bool = False


def understand(
    update: str, base: str, *, using: Sequence[str] = (), using_named: Sequence[str] = (), seconds: float, memory_mb: int = 1024
) -> list[Operation]:
    """Return the operations of an update, in their order; `using` and `using_named` are the protocol's (SPARQL 1.1 Protocol 2.2.3).

    Raises `QueryRefused` with line and column, `TooLarge` for more than `MOST_QUADS`, `QueryTimeout`, `QueryLimit`.
    """
    task = {"update": update, "base": base, "using": list(using), "using_named": list(using_named), "most": MOST_QUADS}
    task |= {"memory_mb": memory_mb, "seconds": math.ceil(seconds)}
    command = [sys.executable, "-m", "server.store.updates_child"]
    try:
        done = subprocess.run(command, input=orjson.dumps(task), capture_output=True, timeout=seconds + _PATIENCE, check=False)  # noqa: S603  # our own module
    except subprocess.TimeoutExpired as error:
        raise _too_slow(seconds) from error
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise _too_slow(seconds)
    if done.returncode:
        raise QueryLimit(f"The update needs more than {memory_mb} MiB of memory or nests too deep, and was ended. Send it in parts.")
    answer = orjson.loads(done.stdout)
    if "operations" not in answer:
        _refuse(answer)
    return [_operation(each, answer["mark"]) for each in answer["operations"]]


def _too_slow(seconds: float) -> QueryTimeout:
    return QueryTimeout(f"The update was not read within {seconds:g} seconds. Send it in parts. {BULK}")


def _refuse(answer: dict[str, Any]) -> NoReturn:
    if answer["kind"] == "large":
        raise TooLarge(f"{answer['detail']} {BULK}")
    position = {"line": answer["line"], "column": answer["column"]} if answer.get("line") else {}
    raise QueryRefused(answer["detail"], **position)


def _operation(told: dict[str, Any], mark: str) -> Operation:
    where = told.get("where")
    return Operation(
        told["verb"],
        Template(_quads(told.get("delete", "")), mark),
        Template(_quads(told.get("insert", "")), mark),
        Where(**where | {name: tuple(where[name]) for name in ("default", "named")}) if where else None,
        told.get("source", ""),
        told.get("target", ""),
        told.get("silent", False),
    )


def _quads(text: str) -> list[Quad]:
    try:
        return list(parse(text, RdfFormat.N_QUADS))
    except SyntaxError as error:
        raise Malformed(f"The update holds a term that cannot be stored: {str(error.args[0])[:200]}") from error


def moved(error: QueryRefused, line: int) -> QueryRefused:
    """Tell a position in a SELECT, whose group begins in its second line, as one in the update where it begins in `line`."""
    found = _TOLD_POSITION.search(error.detail)
    if found is None or int(found[1]) < 2:
        return error
    row, column = int(found[1]) - 2 + line, int(found[2])
    return QueryRefused(f"{error.detail[: found.start()]} (line {row}, column {column})", line=row, column=column)
