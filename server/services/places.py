"""Which graph is what: the document of a thing, a free graph, or one that the hub keeps for itself; and reading many of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from server.errors import Forbidden, Malformed, TooLarge
from server.graph.changes import DELETE
from server.graph.kinds import Kind
from server.graph.literals import canonical_triple
from server.graph.names import GRAPHS
from server.graph.portable import iri_fault
from server.graph.vocabulary import HUB
from server.services.things import Toolbox, shared_statements
from server.store.text import fill

MOST_READ = 500_000  # triples that one request may take into memory
_TOGETHER = 200  # graphs that are read in one query


@dataclass(frozen=True)
class Place:
    """A graph and the name of its history: of a thing (`kind`), or free."""

    graph: NamedNode
    collection: str
    id: str
    document: NamedNode
    kind: Kind | None = None


@dataclass(frozen=True)
class State:
    """What a graph holds, at which revision; 0 where it never was, and no triples where it is not now."""

    place: Place
    revision: int = 0
    sequence: int = 0
    deleted: bool = False
    triples: frozenset[Triple] = frozenset()

    @property
    def exists(self) -> bool:
        """Tell whether there is such a graph: one that holds nothing is none."""
        return bool(self.triples)


class Places:
    """Finds and reads graphs."""

    def __init__(self, tools: Toolbox) -> None:
        """Read from the tools' store."""
        self.tools = tools

    def of(self, graph: NamedNode) -> Place:
        """Say what a graph is; raise `Forbidden` for one that the hub keeps for itself, `Malformed` for a name that cannot be kept."""
        names = self.tools.names
        split = names.split_document(graph.value)
        kind = self.tools.registry.kinds.get(split[0]) if split else None
        if split is not None and kind is not None:
            return Place(graph, *split, graph, kind)
        below = graph.value.removeprefix(names.base)
        if below != graph.value and not (below.startswith(f"{GRAPHS}/") and len(below) > len(GRAPHS) + 1):
            raise Forbidden(
                f"The hub keeps <{graph.value[:200]}> itself. Below its base, graphs are the documents of things (api/<collection>/<id>) "
                f"and free graphs ({GRAPHS}/<name>); elsewhere every name is free."
            )
        if fault := iri_fault(graph.value):
            raise Malformed(fault)
        id = names.free_id(graph)
        return Place(graph, GRAPHS, id, names.document(GRAPHS, id))

    def known(self, most: int) -> list[NamedNode]:
        """List the graphs of things and the free graphs that there are, up to so many."""
        terms = {name: HUB[name] for name in ("head", "kind", "document", "thing", "action")}
        kinds = [Literal(each) for each in (*self.tools.registry.kinds, GRAPHS)]
        rows = self.tools.store.select(fill(_KNOWN, **terms, kinds=kinds, deleted=Literal(DELETE)) + f" LIMIT {most:d}")
        found = [row["thing"] if str(row["kind"].value) == GRAPHS else row["document"] for row in rows]
        return sorted((each for each in found if isinstance(each, NamedNode)), key=str)

    def free(self, after: str, limit: int) -> list[tuple[str, int, str]]:
        """List free graphs in the order of their names: each with its revision and when that was made."""
        terms = {name: HUB[name] for name in ("head", "kind", "thing", "action", "revision", "at")}
        rows = self.tools.store.select(
            fill(_FREE, **terms, graphs=Literal(GRAPHS), deleted=Literal(DELETE), after=Literal(after)) + f" LIMIT {limit:d}"
        )
        return [(str(row["thing"].value), int(str(row["revision"].value)), str(row["at"].value)) for row in rows]

    def read(self, graphs: Iterable[NamedNode], room: int = MOST_READ) -> dict[NamedNode, State]:
        """Read graphs with their revisions; raise `TooLarge` for more triples than there is room for."""
        places = iter([self.of(each) for each in dict.fromkeys(graphs)])
        found: dict[NamedNode, State] = {}
        while batch := list(islice(places, _TOGETHER)):
            for state in self._states(batch, room):
                room -= len(state.triples)
                found[state.place.graph] = state
        return found

    def state(self, graph: NamedNode) -> State:
        """Read one graph."""
        return self.read([graph])[graph]

    def _states(self, places: Sequence[Place], room: int) -> Iterator[State]:
        heads = self._heads(places)  # first: what changes meanwhile then has a newer revision than the one that is written over
        triples = self._triples(places, room)
        for place in places:
            held = frozenset(triples.get(place.graph, ()))
            revision, sequence, action = heads.get(place.document, (0, 0, ""))
            yield State(place, revision, sequence, action == DELETE, frozenset() if action == DELETE else held)

    def _triples(self, places: Sequence[Place], room: int) -> dict[NamedNode, set[Triple]]:
        text = "SELECT * WHERE { VALUES ?g { $graphs } GRAPH ?g { ?s ?p ?o } }" + f" LIMIT {room + 1:d}"
        rows = self.tools.store.select(fill(text, graphs=[each.graph for each in places]))
        if len(rows) > room:
            raise TooLarge(f"The graphs that this touches hold more than {MOST_READ} triples; change fewer at a time.")
        found: dict[NamedNode, set[Triple]] = {}
        for row in rows:
            graph, subject, predicate = row["g"], row["s"], row["p"]
            if isinstance(graph, NamedNode) and isinstance(predicate, NamedNode) and isinstance(subject, (NamedNode, BlankNode)):
                found.setdefault(graph, set()).add(canonical_triple(Triple(subject, predicate, row["o"])))
        histories = {self.tools.names.history(each.document): each.graph for each in places if each.kind is not None}
        if histories:
            text = "SELECT ?h ?text WHERE { VALUES ?h { $histories } GRAPH ?h { ?h $shared ?text } }"
            for row in self.tools.store.select(fill(text, histories=list(histories), shared=HUB.sharedStatements)):
                if isinstance(row["h"], NamedNode) and isinstance(row["text"], Literal):
                    found.setdefault(histories[row["h"]], set()).update(shared_statements(row["text"]))
        return found

    def _heads(self, places: Sequence[Place]) -> dict[NamedNode, tuple[int, int, str]]:
        documents = {self.tools.names.history(each.document): each.document for each in places}
        terms = {name: HUB[name] for name in ("head", "revision", "sequence", "action")}
        rows = self.tools.store.select(fill(_HEADS, histories=list(documents), **terms))
        return {
            documents[row["h"]]: (int(str(row["n"].value)), int(str(row["s"].value)), str(row["a"].value))
            for row in rows
            if isinstance(row["h"], NamedNode)
        }


_HEADS = "SELECT ?h ?n ?s ?a WHERE { VALUES ?h { $histories } GRAPH ?h { ?h $head ?r . ?r $revision ?n ; $sequence ?s ; $action ?a } }"
_KNOWN = """SELECT ?kind ?document ?thing WHERE { GRAPH ?h {
  ?h $head ?r . ?r $kind ?kind ; $document ?document ; $thing ?thing ; $action ?action } FILTER(?action != $deleted)
  VALUES ?kind { $kinds } }"""
_FREE = """SELECT ?thing ?revision ?at WHERE { GRAPH ?h {
  ?r $kind $graphs . ?h $head ?r . ?r $thing ?thing ; $action ?action ; $revision ?revision ; $at ?at }
  FILTER(?action != $deleted && STR(?thing) > $after) } ORDER BY STR(?thing)"""
