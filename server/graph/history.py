"""Commits: compare-and-swap with history and change log, in one update request, and reading back what was kept.

A commit is a list of changes that happen together or not at all (`server.graph.changes` writes its request); one SELECT afterwards
tells whether it won.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pyoxigraph import Literal, NamedNode, Quad, Triple

from server.errors import AlreadyExists, DoesNotConform, Fault, Gone, HubError, InUse, NotFound, RevisionMismatch
from server.graph.aliases import VERSION as ALIAS_VERSION
from server.graph.changes import DELETE, Attribution, Change, find_last, lasting_quads, marks, request
from server.graph.conditions import exists, new_conditions, referring, taken
from server.graph.names import Names
from server.graph.patches import read_patch
from server.graph.vocabulary import HUB
from server.store.base import Store, Term
from server.store.text import fill, write

_TRIES = 4  # other writers may take the next numbers first
_NEAR = 32  # numbers of the change log that are tried before all are looked through


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


class History:
    """Writes changes to the store and reads them back.

    It remembers where the change log was last seen and asks for that number and the next ones: an engine that keeps what was removed for
    a while (RocksDB does) would otherwise walk over all former numbers to find the present one.
    """

    def __init__(self, store: Store, names: Names) -> None:
        """Work on the knowledge dataset."""
        self.store, self.names = store, names
        self._seen = 0

    def prepare(self) -> None:
        """Start the change log where there is none, and give it the name by which an index knows which log it follows."""
        if not self.identity():  # else nothing is written: a start must be possible on a full disk
            fresh = Literal(str(uuid.uuid4()))
            self.store.update(fill(self._first(), log=self.names.changes, last=HUB.last, identity=HUB.identity, uuid=fresh))
        self._complete()

    def _first(self) -> str:
        """Write how a change log begins; the graph of old IRIs is complete where nothing was written yet."""
        mark = fill("GRAPH $graph { $graph $version $number }", graph=self.names.aliases, version=HUB.aliasVersion, number=Literal(ALIAS_VERSION))
        begun = f"GRAPH $log {{ $log $last 0 ; $identity $uuid }} {mark if self.names.aliased else ''}"
        return f"INSERT {{ {begun} }} WHERE {{ FILTER NOT EXISTS {{ GRAPH $log {{ $log $last ?n }} }} }}"

    def _complete(self) -> None:
        """Count the changes of a bulk commit that was killed after its quads and before its numbers (see `Store.claim`)."""
        last = counted = self.last()
        text = "ASK { GRAPH ?g { ?r $sequence $n } " + HISTORIES + " }"
        while self.store.ask(fill(text, sequence=HUB.sequence, n=Literal(last + 1), api=self._api)):
            last += 1
        if last > counted:
            text = "DELETE { GRAPH $log { $log $last $old } } INSERT { GRAPH $log { $log $last $new } } WHERE { GRAPH $log { $log $last $old } }"
            self.store.update(fill(text, log=self.names.changes, last=HUB.last, old=Literal(counted), new=Literal(last)))

    def identity(self) -> str:
        """Return the name of this change log."""
        text = "SELECT ?id WHERE { GRAPH $log { $log $identity ?id } }"
        rows = self.store.select(fill(text, log=self.names.changes, identity=HUB.identity))
        return str(rows[0]["id"].value) if rows else ""

    def commit(self, changes: Sequence[Change], by: NamedNode | None, at: Literal, reason: str | None = None) -> int:
        """Write all changes or none; return the sequence number of the first. They are numbered in their order.

        Raises `RevisionMismatch`, `AlreadyExists`, `InUse` or `DoesNotConform` (a reference is gone) for the condition that failed.
        """
        who = Attribution(self.names.transaction(str(uuid.uuid4())), by, at, reason)
        for near in (self._near(), None):
            self.store.update(request(self.names, changes, who, near))
            if (first := self._won(changes[0], who)) is not None:
                self._seen = first + len(changes) - 1
                return first
            if near is not None and self.last() in near:
                break
        raise self._refusal(changes)

    def _won(self, change: Change, who: Attribution) -> int | None:
        """Return the number that a change was given in this transaction, or None where it was not made."""
        rows = self.store.select(
            fill(
                "SELECT ?s WHERE { GRAPH $graph { $revision $transaction_of $transaction ; $sequence ?s } }",
                graph=self._history(change),
                revision=self._revision(change),
                transaction_of=HUB.transaction,
                transaction=who.transaction,
                sequence=HUB.sequence,
            )
        )
        return int(str(rows[0]["s"].value)) if rows else None

    def commit_new(
        self, changes: Sequence[Change], by: NamedNode | None, at: Literal, reason: str | None = None, *, made: Sequence[Quad] | None = None
    ) -> int:
        """Write many new things or none, as `commit` does but faster; return the sequence number of the first.

        All changes must be creations of things without a history. `made` are their `lasting_quads`, from whoever has made them already.
        """
        who = Attribution(self.names.transaction(str(uuid.uuid4())), by, at, reason)
        log, last = self.names.changes, HUB.last
        conditions = new_conditions(self.names, changes)
        lasting = made if made is not None else [quad for change in changes for quad in lasting_quads(self.names, change, who)]
        for _ in range(_TRIES):
            counted = self.last()
            quads = [quad for place, change in enumerate(changes, counted + 1) for quad in marks(self.names, change, who.transaction, place)]
            quads += lasting
            old, new = (Quad(log, last, Literal(number), log) for number in (counted, counted + len(changes)))
            if self.store.claim(old, new, quads, conditions):
                self._seen = counted + len(changes)
                return counted + 1
            if self.last() == counted:
                raise self._refusal(changes)
        return self.commit(changes, by, at, reason)  # slower, but its numbers are taken in the store: it loses to nobody

    def head(self, document: NamedNode) -> Revision | None:
        """Return the current revision of a document, or None where there never was one."""
        found = self._revisions("GRAPH $graph { $graph $head ?r . ?r ?p ?o }", graph=self.names.history(document), head=HUB.head)
        return found[0] if found else None

    def revisions(self, document: NamedNode) -> list[Revision]:
        """Return all revisions of a document, newest first."""
        found = self._revisions("GRAPH $graph { ?r ?p ?o }", graph=self.names.history(document))
        return sorted(found, key=lambda each: -each.revision)

    def last(self) -> int:
        """Return the last number of the change log."""
        log = self.names.changes
        rows = self.store.select(find_last(log, self._near())) or self.store.select(find_last(log, None))
        self._seen = int(str(rows[0]["n"].value)) if rows else 0
        return self._seen

    def _near(self) -> range:
        return range(self._seen, self._seen + _NEAR)

    def changes(self, first: int, last: int) -> list[Revision]:
        """Return the entries of the change log with these exact numbers, in order (neither store can scan a range of literals)."""
        numbers = [Literal(number) for number in range(first, last + 1)]
        if not numbers:
            return []
        pattern = "VALUES ?s { $numbers } GRAPH ?g { ?r $sequence ?s . ?r ?p ?o } " + HISTORIES
        found = self._revisions(pattern, numbers=numbers, sequence=HUB.sequence, api=self._api)
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

    def referrers(self, thing: NamedNode, document: NamedNode, along: Sequence[NamedNode] = (), limit: int = 20) -> list[str]:
        """Return the documents whose graphs point to a thing, but for those that go along with it."""
        rows = self.store.select(f"SELECT DISTINCT ?g WHERE {{ {referring(thing, document, along)} }} LIMIT {limit:d}")
        return sorted(str(row["g"].value) for row in rows)

    @property
    def _api(self) -> Literal:
        return Literal(f"{self.names.base}api/")

    def _history(self, change: Change) -> NamedNode:
        return self.names.history(self.names.document(change.collection, change.id))

    def _revision(self, change: Change) -> NamedNode:
        return self.names.revision(self.names.document(change.collection, change.id), change.revision)

    def _revisions(self, pattern: str, **terms: Term | list[Literal]) -> list[Revision]:
        """Read revisions whole: `pattern` leaves ?r, ?p and ?o.

        A pattern a field, with OPTIONAL around two, makes oxigraph go through the fields of all revisions for each (measured).
        """
        found: defaultdict[tuple[Term | None, Term], dict[Term, str]] = defaultdict(dict)
        for row in self.store.select(fill("SELECT * WHERE { " + pattern + " }", **terms)):
            found[row.get("g"), row["r"]][row["p"]] = str(row["o"].value)
        return [_entry(each) for each in found.values() if each.keys() >= _REQUIRED]

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
            if change.guard_referrers and (found := self.referrers(change.thing, document, change.along)):
                return InUse(f"{len(found)} others refer to {change.thing.value}; change them first.", referrers=found)
            for reference in change.references:
                if not self.store.ask(f"ASK {{ {exists(reference)} }}"):
                    return DoesNotConform(f"{reference.thing.value} does not exist any more.", faults=[Fault("", reference.thing.value)])
            for unique in change.unique:
                if self.store.ask(f"ASK {{ {taken(unique, change.thing)} }}"):
                    return AlreadyExists(f"The {unique.key} {write(unique.value)} is taken by another one of the {change.collection}.")
        return RevisionMismatch("Another write came between; repeat the request.")


HISTORIES = 'FILTER(STRSTARTS(STR(?g), $api) && STRENDS(STR(?g), "/history"))'  # whatever other graphs say of revisions
_REQUIRED = {HUB[name] for name in ("revision", "sequence", "document", "thing", "kind", "action", "at", "added", "removed", "patch")}


def _entry(said: Mapping[Term, str]) -> Revision:
    """Make a revision of what is said of it."""
    return Revision(
        int(said[HUB.revision]), int(said[HUB.sequence]), said[HUB.kind], said[HUB.document].rpartition("/")[2], said[HUB.action], said[HUB.at],
        said.get(HUB.by), said.get(HUB.reason), int(said[HUB.added]), int(said[HUB.removed]), NamedNode(said[HUB.document]),
        NamedNode(said[HUB.thing]), said[HUB.patch],
    )  # fmt: skip
