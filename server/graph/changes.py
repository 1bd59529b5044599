"""Changes on their way into the store, and the text of the requests that write them.

The request of a commit has three operations: the first finds that every expected revision is the head, that every reference exists, that what
must be unique is, takes the next numbers of the change log, and writes the revisions with this transaction's IRI; the second and third, guarded
by that IRI, remove and add the triples (DESIGN 3; why three and not four: docs/decisions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pyoxigraph import Literal, NamedNode, Quad, Triple

from server.graph.aliases import aliases
from server.graph.conditions import conditions_of, head_of
from server.graph.literals import canonical
from server.graph.names import GRAPHS, Names
from server.graph.patches import write_patch
from server.graph.vocabulary import HUB, RDF, XSD
from server.store.base import Term

DELETE = "delete"


@dataclass(frozen=True)
class Attribution:
    """Who makes a commit, when, and why; and the IRI by which it is known whether it won."""

    transaction: NamedNode
    by: NamedNode | None
    at: Literal
    reason: str | None


@dataclass(frozen=True)
class Reference:
    """A thing that a change refers to: its document must still give it this type when the change is written."""

    thing: NamedNode
    document: NamedNode
    type: NamedNode


@dataclass(frozen=True)
class Unique:
    """A value that no other thing of the class may have."""

    type: NamedNode
    predicate: NamedNode
    value: Term
    key: str


@dataclass(frozen=True)
class Change:
    """One thing from one revision to the next. `expected` is the revision it was made from; 0 where there is no history.

    With `guard_referrers` nothing may point to the thing when it is written; graphs that are deleted in the same commit, or will not point to it
    any more (`along`), do not count. A free graph is a thing of the collection `graphs`, named by itself.
    """

    collection: str
    id: str
    thing: NamedNode
    action: str
    expected: int
    before: frozenset[Triple]
    after: frozenset[Triple]
    references: tuple[Reference, ...] = ()
    unique: tuple[Unique, ...] = ()
    guard_referrers: bool = False
    along: tuple[NamedNode, ...] = ()

    @property
    def revision(self) -> int:
        """Return the number of the revision that this change makes."""
        return self.expected + 1


def now() -> Literal:
    """Return the present as an `xsd:dateTime` in UTC, ending in Z."""
    return canonical(Literal(datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"), datatype=XSD.dateTime))


def request(names: Names, changes: Sequence[Change], who: Attribution, near: range | None) -> str:
    """Write the update request of a commit, for a change log whose last number is in `near`, if that can be said.

    Where the names are `aliased`, what they say in old IRIs changes with them.

    Blocks of data are joined, never searched for places to fill: a text may say `$anything`.
    """
    log, last = names.changes, HUB.last
    old: list[str] = []
    new: list[str] = []
    removals: list[str] = []
    additions: list[str] = []
    for place, change in enumerate(changes):
        document = names.document(change.collection, change.id)
        graph = change.thing if change.collection == GRAPHS else document
        removed, added = change.before - change.after, change.after - change.before
        kept, kept_removed, kept_added = _shared(names, change, document)
        old += [head_of(names, change, document)] if change.expected else []
        old += kept_removed
        new += kept_added
        removed, added = removed - kept, added - kept
        new.append(_revision_block(names, change, document, who, f"?n{place}"))
        removals += [f"GRAPH {graph} {{ {_block(removed)} }}"] if removed else []
        additions += [f"GRAPH {graph} {{ {_block(added)} }}"] if added else []
        additions += [f"GRAPH {names.terms} {{ {_block(kept & change.after)} }}"] if kept & change.after else []
        before, after = (aliases(change.thing, change.collection, each) if names.aliased else frozenset() for each in (change.before, change.after))
        removals += [f"GRAPH {names.aliases} {{ {_block(before - after)} }}"] if before - after else []
        additions += [f"GRAPH {names.aliases} {{ {_block(after - before)} }}"] if after - before else []
    numbers = [f"BIND(?n + {place + 1} AS ?n{place})" for place in range(len(changes))]
    conditions = [*conditions_of(names, changes), *numbers]
    first = names.document(changes[0].collection, changes[0].id)
    won = f"GRAPH {names.history(first)} {{ {names.revision(first, changes[0].revision)} {HUB.transaction} {who.transaction} }}"
    operations = [
        f"DELETE {{ GRAPH {log} {{ {log} {last} ?n }} {' '.join(old)} }}\n"
        f"INSERT {{ GRAPH {log} {{ {log} {last} ?next }} {' '.join(new)} }}\n"
        f"WHERE {{ {{ {find_last(log, near)} }} BIND(?n + {len(changes)} AS ?next) {' '.join(dict.fromkeys(conditions))} }}"
    ]
    operations += [f"DELETE {{ {' '.join(removals)} }} WHERE {{ {won} }}"] if removals else []
    operations += [f"INSERT {{ {' '.join(additions)} }} WHERE {{ {won} }}"] if additions else []
    return " ;\n".join(operations)


def _block(triples: Iterable[Triple]) -> str:
    return " ".join(f"{line} ." for line in sorted(map(str, triples)))


def find_last(log: NamedNode, near: range | None) -> str:
    """Write the query for the last number of the change log; if it can be said, among these, the first of which is looked up first."""
    found = f"GRAPH {log} {{ {log} {HUB.last} ?n }}"
    if near is None:
        return f"SELECT ?n WHERE {{ {found} }}"
    return f"SELECT ?n WHERE {{ VALUES ?n {{ {' '.join(map(str, near))} }} FILTER EXISTS {{ {found} }} }} LIMIT 1"


def new_quads(names: Names, change: Change, who: Attribution, sequence: int) -> list[Quad]:
    """Return the quads of a new thing and its first revision; the first quad is the mark of the transaction."""
    return [*marks(names, change, who.transaction, sequence), *lasting_quads(names, change, who)]


def marks(names: Names, change: Change, transaction: NamedNode, sequence: int) -> tuple[Quad, Quad]:
    """Return what is said of a first revision by the commit alone: its transaction and its number in the change log."""
    document = names.document(change.collection, change.id)
    graph, revision = names.history(document), names.revision(document, change.revision)
    return Quad(revision, HUB.transaction, transaction, graph), Quad(revision, HUB.sequence, Literal(sequence), graph)


def lasting_quads(names: Names, change: Change, who: Attribution) -> list[Quad]:
    """Return the quads of a new thing and its first revision that are the same in whatever commit they come to the store."""
    document = names.document(change.collection, change.id)
    graph, revision = names.history(document), names.revision(document, change.revision)
    quads = [Quad(graph, HUB.head, revision, graph)]
    quads += [Quad(revision, predicate, value, graph) for predicate, value in _statements(change, document, who)]
    shared = {each for each in change.after if names.is_shared(each.subject)}
    if shared:
        quads.append(Quad(graph, HUB.sharedStatements, shared_literal(shared), graph))
    if names.aliased:
        quads += [Quad(each.subject, each.predicate, each.object, names.aliases) for each in aliases(change.thing, change.collection, change.after)]
    return quads + [Quad(each.subject, each.predicate, each.object, names.terms if each in shared else document) for each in change.after]


def shared_literal(statements: Iterable[Triple]) -> Literal:
    """Write what a description says of shared nodes as one literal, to stand in its history graph.

    The statements themselves stand once, in the graph of terms: an engine without duplicate elimination (oxigraph) would see a statement
    that many graphs hold many times in their union, and a join over it would have a row for each.
    """
    return Literal("\n".join(sorted(f"{each} ." for each in statements)))


def _shared(names: Names, change: Change, document: NamedNode) -> tuple[frozenset[Triple], list[str], list[str]]:
    """Return the statements of a change that are about shared nodes, and what leaves and enters the history graph for them.

    What a free graph says of them stays in it.
    """
    if change.collection == GRAPHS:
        return frozenset(), [], []
    before = frozenset(each for each in change.before if names.is_shared(each.subject))
    after = frozenset(each for each in change.after if names.is_shared(each.subject))
    if before == after:
        return before, [], []
    graph = names.history(document)
    leaves, enters = ([f"GRAPH {graph} {{ {graph} {HUB.sharedStatements} {shared_literal(each)} }}"] if each else [] for each in (before, after))
    return before | after, leaves, enters


def _revision_block(names: Names, change: Change, document: NamedNode, who: Attribution, number: str) -> str:
    graph, revision = names.history(document), names.revision(document, change.revision)
    body = " ; ".join(f"{predicate} {value}" for predicate, value in _statements(change, document, who))
    mark = f"{HUB.transaction} {who.transaction}"
    return f"GRAPH {graph} {{ {graph} {HUB.head} {revision} . {revision} {body} ; {mark} ; {HUB.sequence} {number} }}"


def _statements(change: Change, document: NamedNode, who: Attribution) -> list[tuple[NamedNode, NamedNode | Literal]]:
    """Say of a revision all but its transaction and its number in the change log."""
    added, removed = change.after - change.before, change.before - change.after
    statements: list[tuple[NamedNode, NamedNode | Literal]] = [
        (RDF.type, HUB.Revision),
        (HUB.revision, Literal(change.revision)),
        (HUB.document, document),
        (HUB.thing, change.thing),
        (HUB.kind, Literal(change.collection)),
        (HUB.action, Literal(change.action)),
        (HUB.at, who.at),
        (HUB.patch, Literal(write_patch(added, removed))),
        (HUB.added, Literal(len(added))),
        (HUB.removed, Literal(len(removed))),
    ]
    if who.by is not None:
        statements.append((HUB.by, who.by))
    if who.reason:
        statements.append((HUB.reason, Literal(who.reason)))
    return statements
