"""Create, read, replace, patch, delete and restore things of every kind: one way of writing, whatever the door.

The verbs are the same for each kind; the caller comes first. Nothing is stored that the gate has not passed, and every write is one
commit with its history (see `server.graph.history`). A list that is asked for after a write has it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyoxigraph import Literal, NamedNode, Triple

from server.errors import AlreadyExists, DoesNotConform, Fault, Gone, Malformed, NotFound, RevisionMismatch, RevisionRequired
from server.graph.changes import DELETE, Change, now
from server.graph.kinds import Kind
from server.graph.reading import Draft
from server.graph.vocabulary import HUB
from server.index.rows import IndexRow
from server.services.callers import Caller, Role
from server.services.drafts import JSON, Document, Drafts
from server.services.merging import merge
from server.services.projection import gone, project
from server.services.things import Thing, Toolbox, is_deleted, may_change
from server.store.text import fill

ANY = "*"
Publish = Callable[[Sequence[IndexRow], int, int], None]
"""Tell the index of rows that were written: the rows, the last sequence they bring it to, the one before the first."""


@dataclass(frozen=True)
class Written:
    """What a write did: the thing as it is now, and whether anything changed."""

    thing: Thing
    changed: bool = True


@dataclass(frozen=True)
class Conforms:
    """What a dry run found: nothing that forbids the write, and these warnings."""

    warnings: tuple[Fault, ...]


class Assets:
    """The use cases on things of every kind."""

    def __init__(self, tools: Toolbox, publish: Publish) -> None:
        """Work with these graph tools; `publish` brings rows into the search index."""
        self.tools, self.drafts, self._publish = tools, Drafts(tools), publish

    def read(self, collection: str, id: str) -> Thing:
        """Return a thing; raise `NotFound`, or `Gone` with its tombstone."""
        return self.tools.load(self.tools.kind(collection), id)

    def create(self, caller: Caller, collection: str, document: Document, *, reason: str | None = None, trusted: bool = False) -> Thing:
        """Store a new thing and return it.

        Raises `AlreadyExists` for an id that is taken, `DoesNotConform` with the report. The id of a deleted thing may be used again.
        """
        caller.require(Role.contributor)
        kind, at = self.tools.kind(collection), now()
        draft = self.drafts.stamped(self.drafts.new(kind, document), None, at, caller.person, trusted=trusted)
        id = self.tools.names.id_of(kind, draft.thing)
        change = Change(collection, id, draft.thing, "create", 0, frozenset(), draft.triples)
        try:
            return self._admit(draft, change, caller, at, reason)
        except AlreadyExists:
            head = self.tools.history.head(self.tools.names.document(collection, id))
            if head is None or not is_deleted(head):
                raise
            return self._admit(draft, dataclasses.replace(change, expected=head.revision), caller, at, reason)

    def replace(
        self, caller: Caller, collection: str, id: str, document: Document, expected: str | int | None, *, reason: str | None = None
    ) -> Written:
        """Replace the whole description of a thing, made from revision `expected` (`*`: whichever is current).

        Equal content makes no revision. Raises `RevisionRequired`, `RevisionMismatch`, `DoesNotConform`, `Malformed` for read-only members.
        """
        thing = self.for_writing(caller, collection, id, expected)
        return self.rewrite(caller, thing, document, "replace", reason)

    def patch(self, caller: Caller, collection: str, id: str, patch: Any, expected: str | int | None, *, reason: str | None = None) -> Written:
        """Apply a JSON merge patch (RFC 7396) to the JSON of a thing."""
        thing = self.for_writing(caller, collection, id, expected)
        if not isinstance(patch, dict):
            raise Malformed("A merge patch is a JSON object of the members to change (RFC 7396).", faults=[Fault("", "Not a JSON object.")])
        merged = merge(self.tools.json(thing), patch)
        return self.rewrite(caller, thing, Document(JSON, merged), "patch", reason)

    def delete(self, caller: Caller, collection: str, id: str, expected: str | int | None, *, force: bool = False, reason: str | None = None) -> None:
        """Delete a thing, leaving a tombstone. Raises `InUse` naming who refers to it, unless a curator forces it."""
        thing = self.for_writing(caller, collection, id, expected if expected is not None else ANY)
        if force:
            caller.require(Role.curator)
        change = Change(collection, id, thing.iri, DELETE, thing.revision, thing.triples, frozenset(), guard_referrers=not force)
        self._commit(change, caller, now(), reason)

    def delete_together(self, caller: Caller, things: Sequence[Thing], *, reason: str | None = None) -> None:
        """Delete several things that may refer to each other, all or none. Raises `InUse` naming others who refer to one of them."""
        for thing in things:
            may_change(caller, thing)
        documents = tuple(thing.document for thing in things)
        changes = [
            Change(each.kind.collection, each.id, each.iri, DELETE, each.revision, each.triples, frozenset(), guard_referrers=True, along=documents)
            for each in things
        ]
        first = self.tools.history.commit(changes, caller.person, now(), reason)
        rows = [gone(self.tools, each.collection, each.id, first + place, each.revision) for place, each in enumerate(changes)]
        self._publish(rows, first + len(changes) - 1, first - 1)

    def restore(self, caller: Caller, collection: str, id: str, revision: int | None = None, *, reason: str | None = None) -> Thing:
        """Bring back a deleted thing, or an old revision of a present one, as a new revision; what is as wished already stays as it is."""
        caller.require(Role.contributor)
        kind = self.tools.kind(collection)
        document = self.tools.document(kind, id)
        history = self.tools.history
        if (head := history.head(document)) is None:
            raise NotFound(f"There is no {kind.label} {id}.")
        current = self.tools.description(document)
        last = head.revision - 1 if is_deleted(head) else head.revision
        wanted = revision if revision is not None else last
        old, owned = history.at(document, wanted, current), history.at(document, last, current)
        if not old:
            raise Gone(f"Revision {wanted} is a deletion; choose another one.")
        may_change(caller, self._at(kind, id, document, head.revision, owned))  # who owned it then may be nobody now
        thing, at = self._at(kind, id, document, head.revision, old), now()
        draft = self.drafts.stamped(Draft(kind, thing.iri, old), thing, at, None)
        if current and content(draft) == content(Draft(kind, thing.iri, current)):
            return self._at(kind, id, document, head.revision, current)
        change = Change(collection, id, thing.iri, "restore", head.revision, current, draft.triples)
        return self._admit(draft, change, caller, at, reason)

    def _at(self, kind: Kind, id: str, document: NamedNode, revision: int, triples: frozenset[Triple]) -> Thing:
        return Thing(kind, id, self.tools.root(kind, id, triples), document, revision, triples)

    def try_create(self, caller: Caller, collection: str, document: Document) -> Conforms:
        """Judge what `create` would store; change nothing."""
        caller.require(Role.contributor)
        draft = self.drafts.stamped(self.drafts.new(self.tools.kind(collection), document), None, now(), caller.person)
        return Conforms(self.drafts.judge(draft).warnings)

    def try_replace(self, caller: Caller, collection: str, id: str, document: Document, expected: str | int | None) -> Conforms:
        """Judge what `replace` would store; change nothing."""
        thing = self.for_writing(caller, collection, id, expected)
        draft = self.drafts.stamped(self.drafts.of(thing, document), thing, now(), None)
        return Conforms(self.drafts.judge(draft).warnings)

    def collections_in_use(self) -> set[str]:
        """Return the collections in which something was ever stored."""
        rows = self.tools.store.select(fill("SELECT DISTINCT ?k WHERE { ?r $kind ?k }", kind=HUB.kind))
        return {str(row["k"].value) for row in rows}

    def for_writing(self, caller: Caller, collection: str, id: str, expected: str | int | None) -> Thing:
        """Return a thing that the caller may write and that is at the revision expected."""
        caller.require(Role.contributor)
        thing = self.read(collection, id)
        may_change(caller, thing)
        if expected is None:
            raise RevisionRequired("Send If-Match with the ETag of the revision that you changed (or * to overwrite whatever is there).")
        if expected not in (ANY, thing.revision):
            raise RevisionMismatch(
                f"The current revision is {thing.revision}, not {expected}; read it again and repeat the change.", current=thing.revision
            )
        return thing

    def rewrite(self, caller: Caller, thing: Thing, document: Document, action: str, reason: str | None) -> Written:
        """Store what a document says of a thing as its next revision, unless it says the same."""
        at = now()
        draft = self.drafts.stamped(self.drafts.of(thing, document), thing, at, None)
        if content(draft) == content(Draft(thing.kind, thing.iri, thing.triples)):
            return Written(thing, changed=False)
        id = self.tools.names.id_of(thing.kind, draft.thing)
        change = Change(thing.kind.collection, id, thing.iri, action, thing.revision, thing.triples, draft.triples)
        return Written(self._admit(draft, change, caller, at, reason))

    def _admit(self, draft: Draft, change: Change, caller: Caller, at: Literal, reason: str | None) -> Thing:
        """Pass a draft through the gate and write it; what it refers to is looked up by the write alone, and again only to say what is missing."""
        references, unique = self.drafts.admit(draft, believing=True)
        try:
            return self._commit(dataclasses.replace(change, references=references, unique=unique), caller, at, reason)
        except DoesNotConform:
            self.drafts.admit(draft)
            raise

    def _commit(self, change: Change, caller: Caller, at: Literal, reason: str | None) -> Thing:
        sequence = self.tools.history.commit([change], caller.person, at, reason)
        kind = self.tools.kind(change.collection)
        document = self.tools.names.document(change.collection, change.id)
        thing = Thing(kind, change.id, change.thing, document, change.revision, change.after)
        if change.action == DELETE:
            row = gone(self.tools, change.collection, change.id, sequence, change.revision)
        else:
            row = project(self.tools, thing, sequence, at.value)
        self._publish([row], sequence, sequence - 1)
        return thing


def content(draft: Draft) -> frozenset[Any]:
    """Return what a description says, apart from when it was changed."""
    stamp = draft.kind.by_key.get("modified")
    return frozenset(each for each in draft.triples if stamp is None or each.subject != draft.thing or each.predicate != stamp.path)
