"""The narrow interface to the store: SPARQL text in, pyoxigraph terms out, the same for every engine.

Nothing above this package knows which engine answers. The default graph of every query is the union of all graphs.
Text handed to `select`, `ask`, `triples` and `update` is the hub's own, with terms filled in by `server.store.text`;
text of strangers goes to `stranger` alone, which bounds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Protocol
from typing import Literal as Choice

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

Term = NamedNode | BlankNode | Literal
Row = dict[str, Term]
Form = Choice["ask", "select", "construct"]  # describe counts as construct: it answers a graph


@dataclass(frozen=True)
class Limits:
    """What a stranger's query may use: seconds, MiB of memory, result rows (or triples), result bytes.

    `newest`: a replica that may lag will not do, for what is found is to be written.
    """

    seconds: float
    memory_mb: int
    rows: int
    bytes: int
    newest: bool = False


@dataclass(frozen=True)
class Answer:
    """A finished answer to a stranger's query: its media type, its length in bytes and in rows (or triples), and a file at its begin."""

    form: Form
    media_type: str
    length: int
    body: IO[bytes]
    rows: int = 1


class Store(Protocol):
    """A SPARQL 1.1 dataset with atomic update requests. All methods may raise `StoreUnavailable`."""

    def select(self, sparql: str) -> list[Row]:
        """Answer a SELECT as rows of bound variables."""

    def ask(self, sparql: str) -> bool:
        """Answer an ASK."""

    def triples(self, sparql: str) -> list[Triple]:
        """Answer a CONSTRUCT or DESCRIBE."""

    def graph(self, name: NamedNode) -> list[Triple]:
        """Read one named graph; an unknown one is empty."""

    def update(self, sparql: str) -> None:
        """Run one update request, all of it or nothing; durable when it returns. May raise `StoreFull`."""

    def load(self, quads: Iterable[Quad]) -> None:
        """Add many quads, faster than `update`, all of them or nothing; durable when it returns."""

    def claim(self, old: Quad, new: Quad, quads: Sequence[Quad], conditions: str) -> bool:
        """Put `new` in the place of `old` and add many quads, if `old` is there and the conditions hold; tell whether they did.

        `conditions` is a SPARQL group of the hub's own, with its graphs named. The first of the quads must be new to the store. All of it
        or nothing, but for one case: when an embedded store is killed in between, the quads may stand without the exchange (see
        `History.prepare`, which completes it).
        """

    def stranger(self, sparql: str, form: Form, media_type: str, limits: Limits, *, default: Iterable[str] = (), named: Iterable[str] = ()) -> Answer:
        """Run a stranger's query within limits that really end the work.

        `default` and `named` are the protocol's dataset parameters (SPARQL 1.1 Protocol 2.1.4); `media_type` is one of
        the results or RDF types. Raises `QueryRefused` (syntax), `QueryTimeout`, `QueryLimit`.
        """

    def dump(self) -> Iterator[Quad]:
        """Iterate over every quad of one consistent state."""

    def replace_all(self, quads: Iterable[Quad]) -> None:
        """Empty the dataset and load these quads (restore from a backup)."""

    def health(self) -> None:
        """Return if the store answers within a second, else raise `StoreUnavailable`."""

    def close(self) -> None:
        """Finish what runs and release files and connections."""
