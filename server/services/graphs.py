"""The use cases of the Graph Store Protocol: read, put, merge, patch and delete one graph, a thing's or a free one, and list the free ones.

A thing's graph is the document that REST serves: the same gate, the same rights, the same revisions. A free graph is for what is no thing;
curators write it, everybody reads it. Its blank nodes are kept under names of the hub (RDF 1.1 Concepts, 3.5) and are blank nodes again in
what is answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pyoxigraph import BlankNode, NamedNode, Quad, Triple

from server.errors import AlreadyExists, Gone, NotFound, RevisionMismatch, TooLarge
from server.graph.names import GRAPHS, new_id
from server.graph.rdf import read, skolemize
from server.services.callers import Caller, Role
from server.services.drafts import Document
from server.services.overlay import Overlay, storable
from server.services.places import Place, Places, State
from server.services.together import Committed, Together
from server.store.base import Term
from server.store.rewrite import rewrite
from server.store.updates import BULK, MOST_QUADS

TRIES = 5
ANY = "*"


@dataclass(frozen=True)
class Given:
    """What a write came with: the revision it was made from (`*`: any), that there must be none yet, and why it is made."""

    expected: str | int | None = None
    absent: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Stored:
    """What a write did: the graph, its revision now, and whether it was made by it."""

    graph: NamedNode
    revision: int
    created: bool


class Graphs:
    """Reads and writes graphs by their names."""

    def __init__(self, places: Places, together: Together) -> None:
        """Read through `places`, write through `together`."""
        self.places, self._together = places, together
        self._tools = places.tools

    def read(self, graph: NamedNode) -> State:
        """Return a free graph; raise `NotFound` where there is none."""
        state = self.places.state(graph)
        if not state.exists:
            raise NotFound(f"There is no graph <{graph.value[:200]}>.")
        return state

    def listed(self, after: str, limit: int) -> list[tuple[str, int, str]]:
        """List free graphs in the order of their names, from behind one on: name, revision, time of that."""
        return self.places.free(after, limit)

    def new_name(self) -> NamedNode:
        """Name a graph that is not there yet."""
        return NamedNode(f"{self._tools.names.base}{GRAPHS}/{new_id()[:32]}")

    def put(self, caller: Caller, graph: NamedNode, documents: Sequence[Document], given: Given) -> Stored:
        """Let a graph hold what the documents say and nothing else. Equal content makes no revision; nothing at all is no graph."""
        place = self._place(caller, graph)
        triples = self._parsed(place, documents)
        if place.kind is None:
            triples = frozenset(self._told(triples, graph))

        def change(overlay: Overlay, state: State) -> None:
            held = state.triples
            if place.kind is None and triples == frozenset(self._told(self.blank(held), graph)):
                return
            overlay.put(graph, triples)

        return self.write(caller, graph, given, change)

    def merge(self, caller: Caller, graph: NamedNode, documents: Sequence[Document], given: Given) -> Stored:
        """Add what the documents say to a graph; their blank nodes are new ones."""
        triples = self._parsed(self._place(caller, graph), documents)
        return self.write(caller, graph, given, lambda overlay, _: overlay.insert(_in(graph, triples)))

    def patch(self, caller: Caller, graph: NamedNode, update: str, given: Given) -> Stored:
        """Apply a SPARQL Update whose default graph this one is, and which can name no other."""
        base = self._base(self._place(caller, graph))

        def change(overlay: Overlay, state: State) -> None:
            if not state.exists:
                raise NotFound(f"There is no graph <{graph.value[:200]}>; PUT makes one.")
            overlay.put(graph, map(storable, rewrite(state.triples, update, base)))

        return self.write(caller, graph, given, change)

    def delete(self, caller: Caller, graph: NamedNode, given: Given) -> None:
        """Delete a graph; a thing's graph is the thing, which leaves a tombstone. Raises `NotFound`, `InUse`."""
        self._place(caller, graph)

        def change(overlay: Overlay, state: State) -> None:
            if not state.exists:
                raise NotFound(f"There is no graph <{graph.value[:200]}>.")
            overlay.put(graph, ())

        self.write(caller, graph, given, change)

    def blank(self, triples: Iterable[Triple]) -> list[Triple]:
        """Turn the names of blank nodes into blank nodes again."""
        names = self._tools.names

        def node(term: Term | Triple) -> Term | Triple:
            if not isinstance(term, NamedNode) or not names.is_node(term):
                return term
            return BlankNode("b" + hashlib.sha256(term.value.encode()).hexdigest()[:16])  # XML wants a letter first

        return [Triple(node(each.subject), each.predicate, node(each.object)) for each in triples]  # type: ignore[arg-type]  # a subject stays one

    def _told(self, triples: Iterable[Triple], graph: NamedNode) -> list[Triple]:
        """Name blank nodes by what is said of them, so that equal content has equal names."""
        anchor = self._tools.names.node(self._tools.names.free_id(graph)[:16])
        return skolemize(triples, anchor, anchor)

    def _place(self, caller: Caller, graph: NamedNode) -> Place:
        place = self.places.of(graph)
        caller.require(Role.contributor if place.kind else Role.curator)
        return place

    def _parsed(self, place: Place, documents: Sequence[Document]) -> frozenset[Triple]:
        """Read documents; relative IRIs are relative to the graph, and in a thing's document to the thing, as they are in REST."""
        base, found = self._base(place), set[Triple]()
        for each in documents:
            text = each.content if isinstance(each.content, bytes) else b""
            found |= {storable(triple) for triple in read(text, each.media_type, base.value, self._tools.context, self._tools.context_iri)}
        if len(found) > MOST_QUADS:
            raise TooLarge(f"The graph has more than {MOST_QUADS} triples. {BULK}")
        return frozenset(found)

    def _base(self, place: Place) -> NamedNode:
        own = place.kind is None or place.kind.external
        return place.graph if own else self._tools.names.thing(place.collection, place.id)

    def write(self, caller: Caller, graph: NamedNode, given: Given, change: Callable[[Overlay, State], None]) -> Stored:
        """Change a graph; where another write came between and the caller named no revision, change it again."""
        for attempt in range(1, TRIES + 1):
            overlay = Overlay(self.places, self._tools.names.default_graph)
            overlay.load([graph])
            state = overlay.before[graph]
            _check(state, given)
            change(overlay, state)
            try:
                written = self._together.commit(caller, overlay, given.reason)
            except (RevisionMismatch, AlreadyExists, Gone):
                if attempt == TRIES or given.expected is not None or given.absent:
                    raise
            else:
                return _stored(state, written)
        raise AssertionError("unreachable")  # pragma: no cover


def _stored(state: State, written: Committed) -> Stored:
    revision = written.changes[0].revision if written.changes else state.revision
    return Stored(state.place.graph, revision, not state.exists and bool(written.changes))


def _check(state: State, given: Given) -> None:
    """Raise `RevisionMismatch` where the graph is not as the caller believes (RFC 9110, 13)."""
    if given.absent and state.exists:
        raise RevisionMismatch(f"There is a graph <{state.place.graph.value}> already.", current=state.revision)
    if given.expected is None:
        return
    if not state.exists or given.expected not in (ANY, state.revision):
        current = f"The current revision is {state.revision}" if state.exists else "There is no such graph"
        raise RevisionMismatch(f"{current}, not {given.expected}; read it again and repeat the change.", current=state.revision)


def _in(graph: NamedNode, triples: Iterable[Triple]) -> list[Quad]:
    return [Quad(each.subject, each.predicate, each.object, graph) for each in triples]
