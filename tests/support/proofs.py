"""Whether everything that a hub keeps fits together: things and their histories, the change log, the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.literals import canonical_triple
from server.graph.patches import read_patch
from server.graph.vocabulary import HUB
from server.hub import Hub, build
from server.services import checks
from server.services.checks import Head
from server.settings import load
from tests.support.hubs import registry

NEWEST = 100  # things that are held against their shapes too

Graphs = dict[NamedNode, set[Triple]]


def wrong_with(hub: Hub, found: Sequence[Head]) -> list[str]:
    """Say what does not fit: every graph is what its history says, the log has no gap, the index agrees, no graph belongs to nothing."""
    last, graphs = hub.tools.history.last(), read_all(hub)
    documents = {hub.tools.names.document(head.collection, head.id): head for head in found}
    wrong = [*checks.check_things(hub.tools, found[-NEWEST:]), *checks.check_log(found, last), *checks.check_index(hub.index, found)]
    sequences: list[int] = []
    for document, head in documents.items():
        history = graphs.pop(hub.tools.names.history(document), set())
        described = graphs.pop(_graph_of(document, history), set())
        sequences += [int(number.value) for number in _values(history, HUB.sequence).values()]
        if described != _replayed(history, head.revision) or head.deleted == bool(described):
            wrong.append(f"{document.value} is not what its history says.")
    if sorted(sequences) != list(range(1, last + 1)):
        wrong.append(f"The change log has gaps: {last} changes, {len(set(sequences))} numbers.")
    own = {hub.tools.names.changes, hub.tools.names.aliases, hub.linked.closure}
    return wrong + [f"{name.value} belongs to nothing." for name in graphs if name not in own]


def _graph_of(document: NamedNode, history: set[Triple]) -> NamedNode:
    """Name the graph that a history is about: a thing's document, or a free graph, which is its own thing."""
    if "/api/graphs/" not in document.value:
        return document
    return next(each.object for each in history if each.predicate == HUB.thing and isinstance(each.object, NamedNode))


def read_all(hub: Hub) -> Graphs:
    """Read every graph of the knowledge dataset at one moment."""
    graphs: Graphs = defaultdict(set)
    for quad in hub.kg.dump():
        assert isinstance(quad.graph_name, NamedNode), "the default graph is not empty"
        graphs[quad.graph_name].add(canonical_triple(quad.triple))
    return graphs


def _replayed(history: set[Triple], revision: int) -> set[Triple] | None:
    """Apply the patches of a history one after another; None where their numbers are not 1 to the head's."""
    numbers, patches = _values(history, HUB.revision), _values(history, HUB.patch)
    order = sorted(numbers, key=lambda node: int(numbers[node].value))
    if [int(numbers[node].value) for node in order] != list(range(1, revision + 1)) or numbers.keys() != patches.keys():
        return None
    triples: set[Triple] = set()
    for node in order:
        added, removed = read_patch(patches[node].value)
        triples = (triples - removed) | added
    return triples


def _values(history: set[Triple], predicate: NamedNode) -> dict[NamedNode, Literal]:
    return {
        each.subject: each.object
        for each in history
        if each.predicate == predicate and isinstance(each.subject, NamedNode) and isinstance(each.object, Literal)
    }


@contextmanager
def opened(data: Path, **env: str) -> Iterator[tuple[Hub, list[Head]]]:
    """Open the hub of a data folder in this process, as the next start does, and read the head of everything that ever was."""
    settings = load({"HUB_DATA": str(data), "HUB_BASE_IRI": "http://hub.test/", "HUB_LOG_LEVEL": "WARNING"} | env)
    hub = build(settings, registry(settings.shapes))
    try:
        hub.indexing.feed.catch_up()
        yield hub, checks.heads(hub.tools)
    finally:
        hub.close()
