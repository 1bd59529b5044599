"""What the tests of the embedded store write and count."""

from __future__ import annotations

from collections.abc import Iterator

from pyoxigraph import Literal, NamedNode, Quad

from server.store.base import Limits
from server.store.embedded import EmbeddedStore

MIB = 1 << 20
LIMITS = Limits(seconds=10, memory_mb=512, rows=1_000_000, bytes=1 << 26)
JSON = "application/sparql-results+json"
COUNT = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"


def quads(count: int, graph: str = "urn:g") -> Iterator[Quad]:
    return (Quad(NamedNode(f"urn:s{number}"), NamedNode("urn:p"), Literal(f"value {number}"), NamedNode(graph)) for number in range(count))


def insert(store: EmbeddedStore, number: int) -> None:
    store.update(f"INSERT DATA {{ GRAPH <urn:g> {{ <urn:s> <urn:p> {number} }} }}")


def count(store: EmbeddedStore) -> int:
    return int(store.select(COUNT)[0]["n"].value)
