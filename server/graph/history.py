"""Writes: compare-and-swap with history and change log, in one update request.

A commit is a list of changes that happen together or not at all. Its request has three operations (DESIGN 3; why not four: docs/decisions):
the first finds that every expected revision is the head, that every reference exists, that what must be unique is, takes the next numbers
of the change log, and writes the revisions with this transaction's IRI; the second and third, guarded by that IRI, remove and add the triples.
One SELECT then tells whether this transaction won.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse

from server.errors import AlreadyExists, DoesNotConform, Fault, Gone, HubError, InUse, NotFound, RevisionMismatch
from server.graph.literals import canonical
from server.graph.names import Names
from server.graph.vocabulary import HUB, RDF, XSD
from server.store.base import Row, Store, Term
from server.store.text import fill, write

DELETE = "delete"


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
    """One thing from one revision to the next. `expected` is the revision it was made from; 0 where there is no history."""

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

    @property
    def revision(self) -> int:
        """Return the number of the revision that this change makes."""
        return self.expected + 1


@dataclass(frozen=True)
class Revision:
    """One entry of a thing's history."""

    revision: int
    sequence: int
    collection: str
    id: str
    action: str
    at: str
    by: str | None
    reason: str | None
    added: int
    removed: int
    document: NamedNode
    thing: NamedNode
    patch: str = field(default="", repr=False)


def now() -> Literal:
    """Return the present as an `xsd:dateTime` in UTC, ending in Z."""
    return canonical(Literal(datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"), datatype=XSD.dateTime))


_CLAIM = """
DELETE { $old GRAPH $log { $log $last ?n } }
INSERT { GRAPH $log { $log $last ?n_next } $new }
WHERE { GRAPH $log { $log $last ?n } $numbers $conditions }"""


class History:
    """Writes changes to the store and reads them back. Holds no state of its own."""

    def __init__(self, store: Store, names: Names) -> None:
        """Work on the knowledge dataset."""
        self.store, self.names = store, names

    def prepare(self) -> None:
        """Start the change log where there is none, and give it the name by which an index knows which log it follows."""
        text = "INSERT { GRAPH $log { $log $last 0 ; $identity $uuid } } WHERE { FILTER NOT EXISTS { GRAPH $log { $log $last ?n } } }"
        fresh = Literal(str(uuid.uuid4()))
        self.store.update(fill(text, log=self.names.changes, last=HUB.last, identity=HUB.identity, uuid=fresh))

    def identity(self) -> str:
        """Return the name of this change log."""
        text = "SELECT ?id WHERE { GRAPH $log { $log $identity ?id } }"
        rows = self.store.select(fill(text, log=self.names.changes, identity=HUB.identity))
        return str(rows[0]["id"].value) if rows else ""

    def commit(self, changes: Sequence[Change], by: NamedNode | None, at: Literal, reason: str | None = None) -> int:
        """Write all changes or none; return the sequence number of the first. They are numbered in their order.

        Raises `RevisionMismatch`, `AlreadyExists`, `InUse` or `DoesNotConform` (a reference is gone) for the condition that failed.
        """
        transaction = NamedNode(f"urn:uuid:{uuid.uuid4()}")
        self.store.update(_request(self.names, changes, transaction, by, at, reason))
        won = self.store.select(
            fill(
                "SELECT ?s WHERE { GRAPH $graph { $revision $transaction_of $transaction ; $sequence ?s } }",
                graph=self._history(changes[0]),
                revision=self._revision(changes[0]),
                transaction_of=HUB.transaction,
                transaction=transaction,
                sequence=HUB.sequence,
            )
        )
        if not won:
            raise self._refusal(changes)
        return int(str(won[0]["s"].value))

    def head(self, document: NamedNode) -> Revision | None:
        """Return the current revision of a document, or None where there never was one."""
        found = self._revisions("GRAPH $graph { $graph $head ?r . $fields }", graph=self.names.history(document), head=HUB.head)
        return found[0] if found else None

    def revisions(self, document: NamedNode) -> list[Revision]:
        """Return all revisions of a document, newest first."""
        found = self._revisions("GRAPH $graph { $fields }", graph=self.names.history(document))
        return sorted(found, key=lambda each: -each.revision)

    def last(self) -> int:
        """Return the last number of the change log."""
        rows = self.store.select(fill("SELECT ?n WHERE { GRAPH $log { $log $last ?n } }", log=self.names.changes, last=HUB.last))
        return int(str(rows[0]["n"].value)) if rows else 0

    def changes(self, first: int, last: int) -> list[Revision]:
        """Return the entries of the change log with these exact numbers, in order (neither store can scan a range of literals)."""
        numbers = [Literal(number) for number in range(first, last + 1)]
        if not numbers:
            return []
        found = self._revisions("VALUES ?s { $numbers } GRAPH ?g { ?r $sequence ?s . $fields }", numbers=numbers, sequence=HUB.sequence)
        return sorted(found, key=lambda each: each.sequence)

    def at(self, document: NamedNode, number: int, current: Iterable[Triple]) -> frozenset[Triple]:
        """Return the description as it was at a revision, by walking the patches back from the present."""
        revisions = self.revisions(document)
        if number not in {each.revision for each in revisions}:
            raise NotFound(f"There is no revision {number}; the last one is {revisions[0].revision if revisions else 0}.")
        triples = set(current)
        for each in revisions:
            if each.revision <= number:
                break
            added, removed = read_patch(each.patch)
            triples = (triples - added) | removed
        return frozenset(triples)

    def referrers(self, thing: NamedNode, document: NamedNode, limit: int = 20) -> list[str]:
        """Return the documents whose graphs point to a thing."""
        rows = self.store.select(fill(_REFERRERS + " LIMIT $limit", thing=thing, document=document, by=HUB.by, of=HUB.thing, limit=limit))
        return sorted(str(row["g"].value) for row in rows)

    def _history(self, change: Change) -> NamedNode:
        return self.names.history(self.names.document(change.collection, change.id))

    def _revision(self, change: Change) -> NamedNode:
        return self.names.revision(self.names.document(change.collection, change.id), change.revision)

    def _revisions(self, pattern: str, **terms: Term | list[Literal]) -> list[Revision]:
        text = "SELECT * WHERE { " + pattern.replace("$fields", _FIELDS) + " }"
        return [_entry(row) for row in self.store.select(fill(text, **terms, **_FIELD_TERMS))]

    def _refusal(self, changes: Sequence[Change]) -> HubError:
        """Find out why no revision was written: the first condition that does not hold now."""
        for change in changes:
            document = self.names.document(change.collection, change.id)
            head = self.head(document)
            current = head.revision if head else 0
            if current != change.expected:
                if change.action == "create" and head is not None:
                    return AlreadyExists(f"The id {change.id} is taken in {change.collection}.", iri=change.thing.value)
                if head is not None and head.action == DELETE:
                    return Gone(f"{change.thing.value} was deleted meanwhile.")
                return RevisionMismatch(
                    f"The current revision is {current}, not {change.expected}; read it again and repeat the change.", current=current
                )
            if change.guard_referrers and (found := self.referrers(change.thing, document)):
                return InUse(f"{len(found)} others refer to {change.thing.value}; change them first.", referrers=found)
            for reference in change.references:
                if not self.store.ask("ASK { " + _exists(reference) + " }"):
                    return DoesNotConform(f"{reference.thing.value} does not exist any more.", faults=[Fault("", reference.thing.value)])
            for unique in change.unique:
                if self.store.ask("ASK { " + _taken(unique, change.thing) + " }"):
                    return AlreadyExists(f"The {unique.key} {write(unique.value)} is taken by another one of the {change.collection}.")
        return RevisionMismatch("Another write came between; repeat the request.")


_REFERRERS = "SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p $thing } FILTER(?g != $document && ?p NOT IN ($by, $of)) }"
_FIELDS = """?r $f_revision ?n ; $f_sequence ?s ; $f_document ?d ; $f_thing ?thing ; $f_kind ?kind ; $f_action ?action ; $f_at ?at ; $f_added ?added ; $f_removed ?removed ;
 $f_patch ?patch . OPTIONAL { ?r $f_by ?by } OPTIONAL { ?r $f_reason ?reason }"""
_FIELD_TERMS = {
    f"f_{name}": HUB[name]
    for name in ("revision", "sequence", "document", "thing", "kind", "action", "at", "added", "removed", "patch", "by", "reason")
}


def _entry(row: Row) -> Revision:
    text = {name: str(term.value) for name, term in row.items()}
    return Revision(
        int(text["n"]), int(text["s"]), text["kind"], text["d"].rpartition("/")[2], text["action"], text["at"], text.get("by"), text.get("reason"),
        int(text["added"]), int(text["removed"]), NamedNode(text["d"]), NamedNode(text["thing"]), text["patch"],
    )  # fmt: skip


def _request(names: Names, changes: Sequence[Change], transaction: NamedNode, by: NamedNode | None, at: Literal, reason: str | None) -> str:
    old, new, numbers, conditions, removals, additions = [], [], [], [], [], []
    for place, change in enumerate(changes):
        document = names.document(change.collection, change.id)
        graph, revision = names.history(document), names.revision(document, change.revision)
        removed, added = change.before - change.after, change.after - change.before
        if change.expected:
            old.append(fill("GRAPH $g { $g $head $r }", g=graph, head=HUB.head, r=names.revision(document, change.expected)))
            conditions.append(old[-1])
        else:
            conditions.append(fill("FILTER NOT EXISTS { GRAPH $g { $g $head ?none } }", g=graph, head=HUB.head))
        numbers.append(f"BIND(?n + {place + 1} AS ?n{place})")
        new.append(_revision_block(change, document, graph, revision, transaction, by, at, reason, f"?n{place}", added, removed))
        conditions += _conditions(change, document)
        if removed:
            removals.append(fill("GRAPH $d { $t }", d=document, t=sorted(removed, key=str)))
        if added:
            additions.append(fill("GRAPH $d { $t }", d=document, t=sorted(added, key=str)))
    numbers.append(f"BIND(?n + {len(changes)} AS ?n_next)")
    first = names.document(changes[0].collection, changes[0].id)
    won = fill(
        "WHERE { GRAPH $g { $r $of $t } }", g=names.history(first), r=names.revision(first, changes[0].revision), of=HUB.transaction, t=transaction
    )
    claim = (
        _CLAIM.replace("$old", " ".join(old))
        .replace("$new", " ".join(new))
        .replace("$numbers", " ".join(numbers))
        .replace("$conditions", " ".join(dict.fromkeys(conditions)))
    )
    claim = claim.replace("$log", str(names.changes)).replace("$last", str(HUB.last))
    operations = [claim]
    if removals:
        operations.append(f"DELETE {{ {' '.join(removals)} }} {won}")
    if additions:
        operations.append(f"INSERT {{ {' '.join(additions)} }} {won}")
    return " ;\n".join(operations)


def _revision_block(
    change: Change, document: NamedNode, graph: NamedNode, revision: NamedNode, transaction: NamedNode, by: NamedNode | None, at: Literal,
    reason: str | None, number: str, added: Iterable[Triple], removed: Iterable[Triple],
) -> str:  # fmt: skip
    added, removed = list(added), list(removed)
    statements = [
        (RDF.type, HUB.Revision), (HUB.revision, Literal(change.revision)), (HUB.document, document), (HUB.thing, change.thing), (HUB.kind, Literal(change.collection)),
        (HUB.action, Literal(change.action)), (HUB.at, at), (HUB.transaction, transaction), (HUB.patch, Literal(write_patch(added, removed))),
        (HUB.added, Literal(len(added))), (HUB.removed, Literal(len(removed))),
    ]  # fmt: skip
    if by is not None:
        statements.append((HUB.by, by))
    if reason:
        statements.append((HUB.reason, Literal(reason)))
    body = " ; ".join(f"{predicate} {value}" for predicate, value in statements)
    return f"GRAPH {graph} {{ {graph} {HUB.head} {revision} . {revision} {body} ; {HUB.sequence} {number} }}"


def _conditions(change: Change, document: NamedNode) -> list[str]:
    found = [_exists(each) for each in change.references]
    found += ["FILTER NOT EXISTS { " + _taken(each, change.thing) + " }" for each in change.unique]
    if change.guard_referrers:
        pattern = "FILTER NOT EXISTS { GRAPH ?g { ?s ?p $thing } FILTER(?g != $document && ?p NOT IN ($by, $of)) }"
        found.append(fill(pattern, thing=change.thing, document=document, by=HUB.by, of=HUB.thing))
    return found


def _exists(reference: Reference) -> str:
    return fill("GRAPH $document { $thing a $type }", document=reference.document, thing=reference.thing, type=reference.type)


def _taken(unique: Unique, thing: NamedNode) -> str:
    pattern = "GRAPH ?graph { ?other $p $value ; a $type . FILTER(?other != $thing) }"
    return fill(pattern, p=unique.predicate, value=unique.value, type=unique.type, thing=thing)


def write_patch(added: Iterable[Triple], removed: Iterable[Triple]) -> str:
    """Write an RDF Patch: removals before additions, each in the order of its N-Triples text."""
    lines = [f"D {each} ." for each in sorted(removed, key=str)] + [f"A {each} ." for each in sorted(added, key=str)]
    return "\n".join(["TX .", *lines, "TC ."]) + "\n"


def read_patch(patch: str) -> tuple[set[Triple], set[Triple]]:
    """Return the triples that a patch adds, and those that it removes."""
    return _lines(patch, "A "), _lines(patch, "D ")


def _lines(patch: str, mark: str) -> set[Triple]:
    text = "\n".join(line[2:] for line in patch.splitlines() if line.startswith(mark))
    return {quad.triple for quad in parse(text, RdfFormat.N_TRIPLES)}
