"""Apply a stranger's SPARQL Update to a few triples, in a child process that can do nothing else.

The child is started for one update, may open no file and no socket any more when it runs it (so `LOAD` and `SERVICE` reach nobody), has a
limit of memory, and is killed when its time is up. A parser that dies of deep nesting takes only the child with it.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable

import orjson
from pyoxigraph import DefaultGraph, NamedNode, Quad, RdfFormat, Store, Triple, parse, serialize

from server.errors import Malformed, QueryRefused
from server.store.task import run_task

SECONDS = 5.0
MEMORY = 1 << 30
MOST_TEXT = 1 << 20


def rewrite(triples: Iterable[Triple], update: str, base: NamedNode, seconds: float = SECONDS) -> list[Triple]:
    """Return the triples after an update whose default graph they are.

    Raises `QueryRefused` (syntax, or it reached outside), `Malformed` (it wrote to a named graph), `QueryTimeout`, `QueryLimit`.
    """
    if len(update) > MOST_TEXT:
        raise QueryRefused(f"The update is longer than {MOST_TEXT} characters.")
    task = {"triples": (serialize(triples, format=RdfFormat.N_TRIPLES) or b"").decode(), "update": update, "base": base.value}
    answer = run_task(__name__, task, seconds, what="update")
    if "refused" in answer:
        raise QueryRefused(answer["refused"])
    if answer["named"]:
        raise Malformed(f"The update is limited to the thing's own graph; leave GRAPH {answer['named']} out.")
    return [quad.triple for quad in parse(answer["triples"], RdfFormat.N_TRIPLES)]


def main() -> None:
    """Read a task from standard input, run it without files and sockets, write the result."""
    task = orjson.loads(sys.stdin.buffer.read())
    store = Store()
    store.extend([Quad(*each.triple) for each in parse(task["triples"], RdfFormat.N_TRIPLES)])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    try:
        store.update(task["update"], base_iri=task["base"])
    except (SyntaxError, OSError, ValueError) as error:
        sys.stdout.buffer.write(orjson.dumps({"refused": f"The update was refused: {str(error).splitlines()[0][:300]}"}))
        return
    named = [str(quad.graph_name) for quad in store if not isinstance(quad.graph_name, DefaultGraph)]
    after = serialize([quad.triple for quad in store], format=RdfFormat.N_TRIPLES) or b""
    sys.stdout.buffer.write(orjson.dumps({"triples": after.decode(), "named": named[0] if named else ""}))


if __name__ == "__main__":
    main()
