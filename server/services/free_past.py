"""The past of free graphs: their revisions, what each was, what changed between two of them, and going back."""

from __future__ import annotations

from typing import Any

from pyoxigraph import NamedNode, Triple

from server.errors import Gone, NotFound
from server.graph.history import Revision
from server.graph.names import GRAPHS, ID
from server.services.callers import Caller
from server.services.graphs import Given, Graphs, Stored
from server.services.overlay import Overlay
from server.services.past import Difference, entry
from server.services.places import State


class FreePast:
    """Reads what the history keeps of free graphs. A graph is named by the id that lists and links give: the hash of its name."""

    def __init__(self, graphs: Graphs) -> None:
        """Read what these graphs were."""
        self._graphs = graphs
        self._history, self._names = graphs.places.tools.history, graphs.places.tools.names

    def history(self, id: str) -> list[dict[str, Any]]:
        """List the revisions of a free graph, newest first; those of a deleted one too."""
        return [entry(each) for each in self._revisions(id)]

    def at(self, id: str, revision: int) -> tuple[NamedNode, frozenset[Triple]]:
        """Return the name of a free graph and what it held at a revision; raise `Gone` for one that deleted it."""
        state = self._state(id)
        held = self._history.at(state.place.document, revision, state.triples)
        if not held:
            raise Gone(f"Revision {revision} deleted the graph; choose another one.")
        return state.place.graph, held

    def diff(self, id: str, older: int | None, newer: int | None) -> Difference:
        """Compare two revisions: by default the current one with the one before."""
        state = self._state(id)
        newer = state.revision if newer is None else newer
        older = max(newer - 1, 0) if older is None else older
        after = self._history.at(state.place.document, newer, state.triples)
        before = self._history.at(state.place.document, older, state.triples) if older else frozenset()
        return Difference(after - before, before - after)

    def restore(self, caller: Caller, id: str, revision: int | None, reason: str | None) -> Stored:
        """Bring back a deleted free graph, or an old revision of a present one, as a new revision."""
        state = self._state(id)
        wanted = revision if revision is not None else state.revision - (1 if state.deleted else 0)
        graph, held = self.at(id, wanted)

        def back(overlay: Overlay, _: State) -> None:
            overlay.put(graph, held)

        return self._graphs.write(caller, graph, Given(reason=reason), back)

    def _state(self, id: str) -> State:
        return self._graphs.places.state(self._revisions(id)[0].thing)

    def _revisions(self, id: str) -> list[Revision]:
        found = self._history.revisions(self._names.document(GRAPHS, id)) if ID.fullmatch(id) else []
        if not found:
            raise NotFound(f"There is no graph with the id {id[:80]}; GET /graphs lists those that there are.")
        return found
