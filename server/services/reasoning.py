"""Whether a thing can be true together with what it has to do with: HermiT over its neighbourhood and the ontologies, on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from pyoxigraph import NamedNode

from server.errors import TooManyRequests, UpstreamUnavailable
from server.graph.ontology import Ontologies, check_consistency
from server.graph.reasoner import ReasonerError
from server.services.callers import Caller, Role
from server.services.things import Thing, Toolbox
from server.store.text import fill

SECONDS = 30.0  # that the reasoner may take; it runs in a process of its own
MOST = 50  # documents beside the thing's own

_ONE_AT_A_TIME = Lock()  # the reasoner takes up to 2 GB
_DESCRIBING = "SELECT DISTINCT ?document WHERE { VALUES ?thing { $things } GRAPH ?document { ?thing a ?type } }"


@dataclass(frozen=True)
class Verdict:
    """What contradicts, each with an explanation; what was looked at; and whether there was more around it."""

    contradictions: list[str]
    considered: list[str]
    truncated: bool


class Reasoning:
    """Asks the reasoner about one thing."""

    def __init__(self, tools: Toolbox, ontologies: Callable[[], Ontologies]) -> None:
        """Judge by these ontologies."""
        self._tools, self._ontologies = tools, ontologies

    def judge(self, caller: Caller, collection: str, id: str) -> Verdict:
        """Look for contradictions between a thing, what it refers to, what refers to it, and the ontologies.

        Raises `Forbidden` for all but curators, `TooManyRequests` while another one is judged, `UpstreamUnavailable` where the reasoner is missing
        or could not tell in time.
        """
        caller.require(Role.curator)
        thing = self._tools.load(self._tools.kind(collection), id)
        around = self._around(thing)
        triples = set(thing.triples).union(*(self._tools.description(each) for each in around[:MOST]))
        if not _ONE_AT_A_TIME.acquire(blocking=False):
            raise TooManyRequests("The reasoner is busy with another thing; ask again.", retry_after=5)
        try:
            found = check_consistency(triples, self._ontologies(), seconds=SECONDS)
        except ReasonerError as error:
            raise UpstreamUnavailable(f"The reasoner could not tell: {error.detail}") from error
        finally:
            _ONE_AT_A_TIME.release()
        return Verdict(found, [each.value for each in (thing.document, *around[:MOST])], len(around) > MOST)

    def _around(self, thing: Thing) -> list[NamedNode]:
        """Return the documents of what a thing refers to, and of what refers to it."""
        named = {each.object for each in thing.triples if isinstance(each.object, NamedNode)}
        rows = self._tools.store.select(fill(_DESCRIBING, things=sorted(named, key=str)))
        referred = {str(row["document"].value) for row in rows}
        referring = self._tools.history.referrers(thing.iri, thing.document, limit=MOST + 1)
        split, own = self._tools.names.split_document, thing.document.value
        return [NamedNode(each) for each in sorted(referred.union(referring) - {own}) if split(each)]
