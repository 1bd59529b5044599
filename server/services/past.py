"""The past of things: history, old revisions, differences, and the change log over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyoxigraph import Triple

from server.errors import Gone, NotFound
from server.graph.history import Revision
from server.graph.patches import write_patch
from server.services.things import Thing, Toolbox

MOST = 1000


@dataclass(frozen=True)
class Difference:
    """What changed between two revisions."""

    added: frozenset[Triple]
    removed: frozenset[Triple]

    @property
    def patch(self) -> str:
        """Write it as RDF Patch."""
        return write_patch(self.added, self.removed)

    def json(self) -> dict[str, list[str]]:
        """Write it as N-Triples statements."""
        return {"added": sorted(f"{each} ." for each in self.added), "removed": sorted(f"{each} ." for each in self.removed)}


class Past:
    """Reads what `server.graph.history` has kept."""

    def __init__(self, tools: Toolbox) -> None:
        """Work with these graph tools."""
        self.tools = tools

    def history(self, collection: str, id: str) -> list[dict[str, Any]]:
        """List the revisions of a thing, newest first; those of a deleted thing too."""
        return [entry(each) for each in self._revisions(collection, id)]

    def at(self, collection: str, id: str, revision: int) -> Thing:
        """Return a thing as it was at a revision."""
        kind = self.tools.kind(collection)
        self._revisions(collection, id)
        document = self.tools.document(kind, id)
        triples = self.tools.history.at(document, revision, self.tools.description(document))
        if not triples:
            raise Gone(f"Revision {revision} is a deletion: there is nothing to show.")
        return Thing(kind, id, self.tools.root(kind, id, triples), document, revision, triples)

    def diff(self, collection: str, id: str, older: int | None, newer: int | None) -> Difference:
        """Compare two revisions: by default the current one with the one before."""
        last = self._revisions(collection, id)[0].revision
        document = self.tools.document(self.tools.kind(collection), id)
        newer = last if newer is None else newer
        older = max(newer - 1, 0) if older is None else older
        current = self.tools.description(document)
        after = self.tools.history.at(document, newer, current)
        before = self.tools.history.at(document, older, current) if older else frozenset()
        return Difference(after - before, before - after)

    def changes(self, since: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return the change log after `since`, in order, and where to go on when there is more."""
        last = self.tools.history.last()
        until = min(last, since + min(limit, MOST))
        items = [
            {
                "sequence": each.sequence,
                "iri": each.thing.value,
                "kind": each.collection,
                "id": each.id,
                "revision": each.revision,
                "at": each.at,
                "by": each.by,
                "action": each.action,
            }
            for each in self.tools.history.changes(since + 1, until)
        ]
        return items, until if until < last else None

    def _revisions(self, collection: str, id: str) -> list[Revision]:
        kind = self.tools.kind(collection)
        found = self.tools.history.revisions(self.tools.document(kind, id))
        if not found:
            raise NotFound(f"There is no {kind.label} {id[:80]}.")
        return found


def entry(revision: Revision) -> dict[str, Any]:
    """Write one entry of a history."""
    return {
        "revision": revision.revision,
        "at": revision.at,
        "by": revision.by,
        "action": revision.action,
        "reason": revision.reason,
        "added": revision.added,
        "removed": revision.removed,
        "sequence": revision.sequence,
    }
