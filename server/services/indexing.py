"""What feeds the search index: rows for changes, rows for everything, and the rows of a write that was just made."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import NamedTuple

from pyoxigraph import BlankNode, CanonicalizationAlgorithm, Dataset, Literal, NamedNode, Quad, Triple

from server.errors import StoreFull, StoreUnavailable
from server.graph.changes import DELETE
from server.graph.literals import canonical_triple
from server.graph.vocabulary import HUB
from server.index.feed import Feed
from server.index.index import Index
from server.index.rows import Behind, IndexRow
from server.services.projection import gone, project
from server.services.things import Thing, Toolbox, shared_statements
from server.settings import Settings
from server.store.text import fill

LOG = logging.getLogger(__name__)
BATCH = 500  # descriptions read in one query; rows that wait at most to be written together
INTERVAL = 0.3  # seconds between looks at the change log, so that another process's write is seen within one


class Head(NamedTuple):
    """The current revision of a document, as far as the index needs it."""

    collection: str
    id: str
    document: NamedNode
    thing: NamedNode
    revision: int
    sequence: int
    at: str
    action: str


class Waiting(NamedTuple):
    """Rows on their way into the index: the change that they bring it to, and the one before the first."""

    sequence: int
    previous: int
    rows: Sequence[IndexRow]


class Indexing:
    """Joins the store to the search index."""

    def __init__(self, tools: Toolbox, index: Index) -> None:
        """Feed this index from the tools' store."""
        self.tools, self.index = tools, index
        self._shapes = fingerprint(tools.registry.shapes)
        self.feed = Feed(
            index, self.changed, tools.history.last, INTERVAL, identity=self.identity, everything=self.everything, before=self._write_waiting
        )
        self._waiting: list[Waiting] = []
        self._queue, self._writing = Lock(), Lock()

    def publish(self, rows: Sequence[IndexRow], sequence: int, previous: int) -> None:
        """Take rows that were just written; they are in the index before anybody looks at it (`settle`).

        Several writes then cost one transaction of the index, and no writer waits for it.
        """
        with self._queue:
            self._waiting.append(Waiting(sequence, previous, rows))
            many = sum(len(each.rows) for each in self._waiting) >= BATCH
        if many:
            self.settle()

    def settle(self) -> None:
        """Bring into the index what waits; where others wrote in between, read theirs first.

        What was written stands: an index that cannot be reached, is damaged or finds its disk full catches up by itself.
        """
        if not self._write_waiting():
            self._catch_up()

    def _write_waiting(self) -> bool:
        """Write what waits in as few transactions as there are gaps; tell whether the index had seen all before it."""
        with self._writing:
            with self._queue:
                batch, self._waiting = self._waiting, []
            try:
                for sequence, previous, rows in _joined(batch):
                    self.index.apply(rows, sequence, previous)
            except (Behind, StoreFull, StoreUnavailable):
                return False
        return True

    def close(self) -> None:
        """Stop following the change log, and leave nothing waiting."""
        self.feed.stop()
        self._write_waiting()

    def _catch_up(self) -> None:
        try:
            self.feed.catch_up()
        except (StoreFull, StoreUnavailable) as error:  # the write stands; to answer that it failed would be wrong
            LOG.warning("The search index has not seen the last changes yet: %s", error.detail)

    def identity(self) -> str:
        """Name the change log and the shapes: an index of other ones is rebuilt."""
        return f"{self.tools.history.identity()} {self._shapes}"

    def changed(self, first: int, last: int) -> list[IndexRow]:
        """Return the rows of all things that these changes touched, as they are now."""
        documents = dict.fromkeys(each.document for each in self.tools.history.changes(first, last))
        return list(self._rows(list(documents)))

    def everything(self) -> Iterator[IndexRow]:
        """Return the rows of all things there are."""
        rows = self.tools.store.select(fill("SELECT ?h WHERE { GRAPH ?h { ?h $head ?r } }", head=HUB.head))
        documents = (NamedNode(str(row["h"].value).removesuffix("/history")) for row in rows)
        while batch := list(islice(documents, BATCH)):
            yield from (each for each in self._rows(batch) if not each.deleted)

    def _rows(self, documents: Sequence[NamedNode]) -> Iterator[IndexRow]:
        graphs, shared = self._graphs(documents), self._shared(documents)
        for head in self._heads(documents):
            kind = self.tools.registry.kinds.get(head.collection)
            if kind is None:
                continue  # a kind that this hub's shapes no longer declare
            triples = graphs.get(head.document, []) + shared.get(head.document, [])
            if head.action == DELETE or not triples:
                yield gone(self.tools, head.collection, head.id, head.sequence, head.revision)
            else:
                thing = Thing(kind, head.id, head.thing, head.document, head.revision, frozenset(triples))
                yield project(self.tools, thing, head.sequence, head.at)

    def _graphs(self, documents: Iterable[NamedNode]) -> dict[NamedNode, list[Triple]]:
        found: dict[NamedNode, list[Triple]] = {}
        for row in self.tools.store.select(fill("SELECT * WHERE { VALUES ?g { $documents } GRAPH ?g { ?s ?p ?o } }", documents=documents)):
            graph, subject, predicate = row["g"], row["s"], row["p"]
            if isinstance(graph, NamedNode) and isinstance(predicate, NamedNode) and isinstance(subject, (NamedNode, BlankNode)):
                found.setdefault(graph, []).append(canonical_triple(Triple(subject, predicate, row["o"])))
        return found

    def _shared(self, documents: Iterable[NamedNode]) -> dict[NamedNode, list[Triple]]:
        """Read what the documents say of shared nodes."""
        documents_by_history = {self.tools.names.history(each): each for each in documents}
        text = "SELECT ?h ?text WHERE { VALUES ?h { $histories } GRAPH ?h { ?h $shared ?text } }"
        rows = self.tools.store.select(fill(text, histories=list(documents_by_history), shared=HUB.sharedStatements))
        return {
            documents_by_history[row["h"]]: list(shared_statements(row["text"]))
            for row in rows
            if isinstance(row["h"], NamedNode) and isinstance(row["text"], Literal)
        }

    def _heads(self, documents: Iterable[NamedNode]) -> list[Head]:
        rows = self.tools.store.select(
            fill(
                _HEADS,
                histories=[self.tools.names.history(each) for each in documents],
                head=HUB.head,
                thing=HUB.thing,
                document=HUB.document,
                kind=HUB.kind,
                revision=HUB.revision,
                sequence=HUB.sequence,
                at=HUB.at,
                action=HUB.action,
            )
        )
        heads = []
        for row in rows:
            text = {name: str(term.value) for name, term in row.items()}
            document = NamedNode(text["d"])
            heads.append(
                Head(
                    text["k"],
                    text["d"].rpartition("/")[2],
                    document,
                    NamedNode(text["t"]),
                    int(text["n"]),
                    int(text["s"]),
                    text["at"],
                    text["a"],
                )
            )
        return heads


def _joined(batch: Iterable[Waiting]) -> Iterator[Waiting]:
    """Join writes that follow one another, in their order."""
    joined: Waiting | None = None
    for each in sorted(batch, key=lambda waiting: waiting.sequence):
        if joined is not None and each.previous == joined.sequence:
            joined = Waiting(each.sequence, joined.previous, [*joined.rows, *each.rows])
            continue
        if joined is not None:
            yield joined
        joined = each
    if joined is not None:
        yield joined


_HEADS = """SELECT ?t ?d ?k ?n ?s ?at ?a WHERE { VALUES ?h { $histories } GRAPH ?h {
  ?h $head ?r . ?r $thing ?t ; $document ?d ; $kind ?k ; $revision ?n ; $sequence ?s ; $at ?at ; $action ?a } }"""


def fingerprint(triples: Iterable[Triple]) -> str:
    """Name a graph by its content; blank nodes count by what is said of them, for each parse labels them anew."""
    graph = Dataset(Quad(each.subject, each.predicate, each.object) for each in triples)
    graph.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return hashlib.sha256("\n".join(sorted(map(str, graph))).encode()).hexdigest()[:16]


def open_index(settings: Settings) -> Index:
    """Open the index in the data folder."""
    folder = settings.data / "index"
    folder.mkdir(parents=True, exist_ok=True)
    return Index(folder)
