"""Change some triples of one thing by SPARQL Update; the result goes through the gate like everything else."""

from __future__ import annotations

from pyoxigraph import RdfFormat, serialize

from server.services.assets import Assets, Written
from server.services.callers import Caller
from server.services.drafts import Document
from server.store.rewrite import rewrite

N_TRIPLES = "application/n-triples"


class Amending:
    """Applies updates to the graphs of things."""

    def __init__(self, assets: Assets) -> None:
        """Write through these use cases."""
        self._assets = assets

    def update(self, caller: Caller, collection: str, id: str, text: str, expected: str | int | None, *, reason: str | None = None) -> Written:
        """Apply an update to a thing's graph, which is the update's default graph; `<>` in it is the thing.

        Raises what `Assets.replace` raises, and `QueryRefused`, `QueryTimeout`, `QueryLimit` for the update itself.
        """
        thing = self._assets.for_writing(caller, collection, id, expected)
        after = rewrite(thing.triples, text, thing.iri)
        document = Document(N_TRIPLES, serialize(after, format=RdfFormat.N_TRIPLES) or b"")
        return self._assets.rewrite(caller, thing, document, "patch", reason)
