"""Checks of what is stored: every thing against its shape, its history against its graph, the index against both, shapes against ontologies.

Every check yields sentences about what is wrong and changes nothing. On a store that is written to meanwhile, a thing may be
reported because it changed between two reads; run the check again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from pyoxigraph import NamedNode, Triple

from server.errors import DoesNotConform, HubError
from server.graph.aliases import aliases, may_have_aliases
from server.graph.changes import DELETE
from server.graph.kinds import Registry
from server.graph.literals import canonical_triple
from server.graph.names import GRAPHS
from server.graph.ontology import Ontologies, check_consistency
from server.graph.patches import read_patch
from server.graph.reading import Draft
from server.graph.vocabulary import HUB, compact
from server.services.drafts import Drafts
from server.services.reports import COLLECTION as QUERIES
from server.services.things import Toolbox
from server.store.text import fill

Watch = Callable[[Iterable["Head"], str], Iterable["Head"]]

_HEADS = """
SELECT ?kind ?document ?revision ?sequence ?action WHERE { GRAPH ?history {
  ?history $head ?node . ?node $kind ?kind ; $document ?document ; $revision ?revision ; $sequence ?sequence ; $action ?action
} }"""


@dataclass(frozen=True)
class Head:
    """The current revision of one thing, as its history graph has it."""

    collection: str
    id: str
    revision: int
    sequence: int
    deleted: bool


class Index(Protocol):
    """What the checks need of the search index."""

    def revisions(self, kind: str) -> Iterator[tuple[str, int, int]]:
        """Iterate over (id, revision, sequence) of the things of a kind."""

    def check(self) -> list[str]:
        """Compare the tables with each other and say what is wrong with them."""


def heads(tools: Toolbox) -> list[Head]:
    """Read the current revision of everything that ever was."""
    terms = {name: HUB[name] for name in ("head", "kind", "document", "revision", "sequence", "action")}
    found = []
    for row in tools.store.select(fill(_HEADS, **terms)):
        text = {name: str(term.value) for name, term in row.items()}
        place = text["document"].rpartition("/")[2]
        found.append(Head(text["kind"], place, int(text["revision"]), int(text["sequence"]), text["action"] == DELETE))
    return sorted(found, key=lambda head: head.sequence)


def check_things(tools: Toolbox, found: Iterable[Head]) -> Iterator[str]:
    """Validate every thing again, references included, and compare it with what its history says it should be."""
    drafts = Drafts(tools)
    for head in found:
        name = f"{head.collection}/{head.id}"
        if head.collection == GRAPHS:
            yield from _check_free(tools, head)
        if head.collection not in tools.registry.kinds:
            continue  # a free graph, or a kind that this hub is not told about
        kind, document = tools.registry.kinds[head.collection], tools.names.document(head.collection, head.id)
        triples = tools.description(document)
        if replayed(tools, document) != triples:
            yield f"{name}: the graph is not what its history says."
        if head.deleted or not triples:
            continue
        try:
            drafts.admit(Draft(kind, tools.root(kind, head.id, triples), triples))
        except DoesNotConform as error:
            yield f"{name}: " + " ".join(f"{fault.pointer} {fault.message}" for fault in error.faults)
        except StopIteration:
            yield f"{name}: the graph does not describe the thing that it is named after."


def _check_free(tools: Toolbox, head: Head) -> Iterator[str]:
    document = tools.names.document(GRAPHS, head.id)
    graph = tools.history.revisions(document)[0].thing
    if frozenset(map(canonical_triple, tools.store.graph(graph))) != replayed(tools, document):
        yield f"<{graph.value}>: the graph is not what its history says."


def replayed(tools: Toolbox, document: NamedNode) -> frozenset[Triple]:
    """Apply all patches of a history one after another."""
    triples: frozenset[Triple] = frozenset()
    for revision in reversed(tools.history.revisions(document)):
        added, removed = read_patch(revision.patch)
        triples = (triples - removed) | added
    return triples


def check_log(found: Iterable[Head], last: int) -> Iterator[str]:
    """Compare the end of the change log with the newest revision."""
    newest = max((head.sequence for head in found), default=0)
    if newest != last:
        yield f"The change log ends at {last}, the newest revision is {newest}."


def check_aliases(tools: Toolbox, found: Iterable[Head]) -> Iterator[str]:
    """Compare the graph of old IRIs with what the things say; where it is turned off, it has to be empty."""
    names = tools.names
    there = {canonical_triple(each) for each in tools.store.graph(names.aliases) if each.subject != names.aliases}
    for head in found if names.aliased else ():
        if not head.deleted and may_have_aliases(head.collection):
            thing, document = names.thing(head.collection, head.id), names.document(head.collection, head.id)
            said = aliases(thing, head.collection, tools.description(document))
            if said - there:
                yield f"{head.collection}/{head.id}: the graph of old IRIs lacks {len(said - there)} of its statements."
            there -= said
    if there:
        yield f"The graph of old IRIs has {len(there)} statements that follow from nothing."


def check_index(index: Index, found: Iterable[Head]) -> Iterator[str]:
    """Compare the index with the histories, and its tables with each other."""
    wanted: dict[str, dict[str, Head]] = {}
    for head in found:
        if head.collection in (GRAPHS, QUERIES):
            continue  # these are listed by the store
        wanted.setdefault(head.collection, {})
        if not head.deleted:
            wanted[head.collection][head.id] = head
    for collection, things in wanted.items():
        indexed = {place: (revision, sequence) for place, revision, sequence in index.revisions(collection)}
        yield from _differences(collection, {place: (head.revision, head.sequence) for place, head in things.items()}, indexed)
    yield from (f"Index: {problem}" for problem in index.check())


def _differences(collection: str, stored: Mapping[str, tuple[int, int]], indexed: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    for place in sorted(stored.keys() | indexed.keys()):
        if place not in indexed:
            yield f"{collection}/{place}: the index lacks it."
        elif place not in stored:
            yield f"{collection}/{place}: the index has it, the store does not."
        elif stored[place] != indexed[place]:
            yield f"{collection}/{place}: the store has revision {stored[place][0]}, the index {indexed[place][0]}."


def check_shapes(registry: Registry, ontologies: Ontologies) -> Iterator[str]:
    """Name every class and property of the shapes that no ontology describes."""
    for shape in (*registry.kinds.values(), *registry.parts.values()):
        for term in dict.fromkeys((*shape.types, *(field.path for field in shape.fields))):
            if not ontologies.knows(term):
                yield f"{shape.label}: no ontology describes {compact(term.value)}."


def check_reason(tools: Toolbox, ontologies: Ontologies, found: Iterable[Head]) -> Iterator[str]:
    """Ask the reasoner whether the data contradicts the ontologies; one that is missing is itself reported."""
    graphs = (triple for head in found if not head.deleted for triple in tools.description(tools.names.document(head.collection, head.id)))
    try:
        yield from check_consistency(graphs, ontologies)
    except HubError as error:
        yield f"The reasoner could not tell: {error.detail}"
