"""A process that writes to an embedded store without end and says what was acknowledged; it is there to be killed.

`python -m tests.support.counter FOLDER` prints the number of each write after it was acknowledged, one a line. Write `n` of thread `t` makes
the graph `<urn:t:n>` of ten statements and adds 1 to a counter; every fiftieth of a thread is a load of new database files.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path
from threading import Thread

from pyoxigraph import Literal, NamedNode, Quad

from server.store.embedded import EmbeddedStore

STATEMENTS = 10
LOADED = 2_500
THREADS = 4
ADD_ONE = """
DELETE { GRAPH <urn:counter> { <urn:c> <urn:n> ?n } } INSERT { GRAPH <urn:counter> { <urn:c> <urn:n> ?next } }
WHERE { GRAPH <urn:counter> { <urn:c> <urn:n> ?n } BIND(?n + 1 AS ?next) }"""
START = "INSERT DATA { GRAPH <urn:counter> { <urn:c> <urn:n> 0 } }"
READ = "SELECT ?n WHERE { GRAPH <urn:counter> { <urn:c> <urn:n> ?n } }"


def insertion(graph: str) -> str:
    """Write the update of one write."""
    statements = " ".join(f"<urn:s> <urn:p> {number} ." for number in range(STATEMENTS))
    return f"INSERT DATA {{ GRAPH <{graph}> {{ {statements} }} }} ; {ADD_ONE}"


def write_on(store: EmbeddedStore, stamp: str) -> None:
    """Write until the process ends."""
    for number in count(1):
        graph = f"urn:{stamp}:{number}"
        if number % 50 == 0:
            name = NamedNode(graph)
            store.load(Quad(NamedNode(f"urn:s{each}"), NamedNode("urn:p"), Literal(each), name) for each in range(LOADED))
        else:
            store.update(insertion(graph))
        os.write(1, f"{graph}\n".encode())  # one call, so that threads do not mix


if __name__ == "__main__":
    opened = EmbeddedStore(Path(sys.argv[1]), journal_bytes=20_000)  # small, so that kills hit the change of journals too
    os.write(1, b"ready\n")
    for thread in range(THREADS):
        Thread(target=write_on, args=(opened, f"{sys.argv[2]}-{thread}")).start()
