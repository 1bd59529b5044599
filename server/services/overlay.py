"""Graphs as they are and as a request wants them: loaded when they are first spoken of, changed here, written by `server.services.together`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyoxigraph import Literal, NamedNode, Quad, Triple

from server.errors import Malformed, TooLarge
from server.graph.literals import canonical_triple
from server.services.places import MOST_READ, Places, State
from server.store.updates import BULK, MOST_QUADS

MOST_GRAPHS = 2_000


class Overlay:
    """What one request has made of the graphs that it touches. Nothing is written yet."""

    def __init__(self, places: Places, default: NamedNode) -> None:
        """Read from the store through these places; `default` is the graph that stands for the default graph."""
        self._places, self.default = places, default
        self.before: dict[NamedNode, State] = {}
        self.after: dict[NamedNode, set[Triple]] = {}
        self._known: set[NamedNode] | None = None

    def load(self, graphs: Iterable[NamedNode]) -> None:
        """Read graphs that were not read yet. Raises `Forbidden` for those that the hub keeps for itself."""
        missing = [each for each in dict.fromkeys(graphs) if each not in self.before]
        if len(missing) + len(self.before) > MOST_GRAPHS:
            raise TooLarge(f"This touches more than {MOST_GRAPHS} graphs; change fewer at a time. {BULK}")
        room = MOST_READ - sum(len(each.triples) for each in self.before.values())
        found = self._places.read(missing, room) if missing else {}
        self.before |= found
        self.after |= {graph: set(state.triples) for graph, state in found.items()}

    def graphs(self) -> set[NamedNode]:
        """Name all graphs that hold something now; where they are more than one request may touch, enough of them to be refused."""
        if self._known is None:
            self._known = set(self._places.known(MOST_GRAPHS + len(self.before) + 1))
        return {each for each in self._known | set(self.after) if self.after.get(each, True)}

    def triples(self, graph: NamedNode) -> set[Triple]:
        """Return what a graph holds now."""
        self.load([graph])
        return self.after[graph]

    def delete(self, quads: Iterable[Quad]) -> None:
        """Take quads away where they are."""
        for graph, triples in self._by_graph(quads).items():
            self.after[graph] -= triples

    def insert(self, quads: Iterable[Quad]) -> None:
        """Add quads."""
        for graph, triples in self._by_graph(quads).items():
            self.after[graph] |= triples

    def put(self, graph: NamedNode, triples: Iterable[Triple]) -> None:
        """Let a graph hold this and nothing else."""
        self.load([graph])
        self.after[graph] = set(triples)

    def _by_graph(self, quads: Iterable[Quad]) -> Mapping[NamedNode, set[Triple]]:
        found: dict[NamedNode, set[Triple]] = {}
        for quad in quads:
            graph = quad.graph_name if isinstance(quad.graph_name, NamedNode) else self.default
            found.setdefault(graph, set()).add(storable(quad.triple))
        self.load(found)
        return found

    def touched(self) -> list[NamedNode]:
        """Name the graphs that hold something else than before; raise `TooLarge` where that is more than one update may change."""
        changed = [graph for graph, state in self.before.items() if self.after[graph] != state.triples]
        if sum(len(self.after[graph] ^ self.before[graph].triples) for graph in changed) > MOST_QUADS:
            raise TooLarge(f"This would change more than {MOST_QUADS} quads. {BULK}")
        return changed


def storable(triple: Triple) -> Triple:
    """Return a statement as it is kept; raise `Malformed` for what no store keeps."""
    if isinstance(triple.subject, Triple) or isinstance(triple.object, Triple):
        raise Malformed("Triple terms are not stored; state the triple itself.")
    if isinstance(triple.object, Literal) and triple.object.direction is not None:
        raise Malformed(f"The base direction of {str(triple.object)[:80]} is not stored; leave it out.")
    return canonical_triple(triple)
