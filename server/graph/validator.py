"""Validate a graph against shapes that somebody sent, in a child process that can do nothing else.

The shapes are a stranger's program: SPARQL constraints, patterns, paths. So the child may open no file and no socket, has a limit of
memory, and is killed when its time is up. The engine is the Rust validator, which knows SHACL Core and SHACL-SPARQL.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterable

import orjson
from pyoxigraph import Literal, RdfFormat, Triple, serialize

from server.errors import Malformed
from server.graph.vocabulary import SH
from server.store.childproc import forbid_sockets
from server.store.task import run_task

SECONDS = 10.0
MEMORY = 1 << 30
_QUERIES = (SH.select, SH.ask)
_REBOUND = re.compile(r"\b[Aa][Ss]\s+([?$](?:this|currentShape|shapesGraph|PATH))\b")  # may not be bound anew (SHACL 5.2.1)
_PROJECTED = re.compile(r"\bSELECT\b([^{]*)\{", re.IGNORECASE)
_THIS = re.compile(r"[?$]this\b|\*")


def report(data: Iterable[Triple], shapes: Iterable[Triple], seconds: float = SECONDS) -> str:
    """Return the validation report as N-Triples.

    Raises `Malformed` for shapes that are none, `QueryTimeout` and `QueryLimit` where the work was ended.
    """
    shapes = list(shapes)
    for each in shapes:
        if each.predicate in _QUERIES and isinstance(each.object, Literal) and (reason := _unsupported(each.object.value)):
            raise Malformed(f"The shapes cannot be used: {reason} (SHACL 5.2.1).")
    task = {"data": _text(data), "shapes": _text(shapes)}
    answer = run_task(__name__, task, seconds, what="validation", remedy="; send a smaller graph or simpler shapes")
    if "refused" in answer:
        raise Malformed(f"The shapes cannot be used: {answer['refused']}")
    written: str = answer["report"]
    return written


def _unsupported(query: str) -> str | None:
    """Say what a constraint does with the variables that SHACL binds before it and that it must leave alone, or None."""
    if found := _REBOUND.search(query):
        return f"a constraint binds {found[1]}, which is bound before"
    if any(not _THIS.search(inner) for inner in _PROJECTED.findall(query)[1:]):
        return "a subquery of a constraint does not return $this"
    return None


def _text(triples: Iterable[Triple]) -> str:
    return (serialize(triples, format=RdfFormat.N_TRIPLES) or b"").decode()


def main() -> None:
    """Read a task from standard input, validate without files and sockets, write the report."""
    import shacl

    task = orjson.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    forbid_sockets()
    try:
        found = shacl.Shapes.from_text(task["shapes"], "ntriples").validate_text(task["data"], "ntriples")
    except (ValueError, RuntimeError, NotImplementedError) as error:
        sys.stdout.buffer.write(orjson.dumps({"refused": str(error).partition("\n")[0][:300]}))
        return
    sys.stdout.buffer.write(orjson.dumps({"report": str(found.serialize("ntriples"))}))


if __name__ == "__main__":
    main()
