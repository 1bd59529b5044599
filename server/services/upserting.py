"""Bring things to what a source outside says of them: many at once, those that are new and those that are here already, all of them or none.

What the source does not speak of stays. What says the same already makes no revision. Rights are for whoever calls this: an import may
correct what the source has said before, whoever owns it now.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pyoxigraph import Literal as Text
from pyoxigraph import NamedNode, Triple

from server.errors import AlreadyExists, DoesNotConform, Gone, HubError, RevisionMismatch
from server.graph.changes import Change, Reference, now
from server.graph.gate import context_triples
from server.graph.kinds import Kind
from server.graph.reading import Draft
from server.services.assets import Publish, content
from server.services.drafts import JSON, Document, Drafts
from server.services.merging import merge
from server.services.projection import project
from server.services.things import Thing, Toolbox
from server.store.text import fill

LOG = logging.getLogger(__name__)

Action = Literal["created", "changed", "unchanged"]
_TRIES = 4
_TOGETHER = 25  # changes of things that exist, in one request: each is a pattern of its WHERE
_STANDING = """SELECT ?g ?s ?p ?o WHERE { { VALUES ?g { $documents } GRAPH ?g { ?s ?p ?o } }
  UNION { VALUES ?g { $histories } GRAPH ?g { ?g ?p ?o } BIND(?g AS ?s) } }"""


@dataclass(frozen=True)
class Wanted:
    """What a source says of a thing.

    `members` are always as it says, and of the `keys` those that it does not say go. `modest` members are set where the thing says nothing
    of the kind, `fresh` ones only when it is created. Where it was deleted here it is created again.
    """

    collection: str
    id: str
    members: Mapping[str, Any]
    keys: Sequence[str] = ()
    modest: Mapping[str, Any] = field(default_factory=dict)
    fresh: Mapping[str, Any] = field(default_factory=dict)
    creator: NamedNode | None = None


@dataclass(frozen=True)
class Stored:
    """What became of a thing."""

    action: Action
    thing: Thing


@dataclass(frozen=True)
class _Plan:
    """One thing on its way: what it is, its draft where that says something new, and what it will be."""

    action: Action
    thing: Thing | None = None
    draft: Draft | None = None
    change: Change | None = None


class Upserting:
    """Writes what sources say."""

    def __init__(self, tools: Toolbox, publish: Publish) -> None:
        """Work with these tools; `publish` brings rows into the search index."""
        self._tools, self._drafts, self._publish = tools, Drafts(tools), publish

    def store(self, wanted: Sequence[Wanted], by: NamedNode | None, reason: str) -> dict[tuple[str, str], Stored]:
        """Store all of it, or raise what forbids it; return what became of each thing, by its collection and id.

        Where others write at the same moment, look again and repeat.

        Things may refer to one another. Up to a number of changes everything is one transaction; of more, what is new comes first.
        """
        unique = {(each.collection, each.id): each for each in wanted}
        for attempt in range(1, _TRIES + 1):
            try:
                return self._attempt(list(unique.values()), by, reason)
            except (AlreadyExists, RevisionMismatch, Gone, DoesNotConform) as error:
                if attempt == _TRIES or not _raced(error):
                    raise
                LOG.info("somebody else wrote meanwhile: %s", error.detail)
        raise AssertionError

    def _attempt(self, wanted: Sequence[Wanted], by: NamedNode | None, reason: str) -> dict[tuple[str, str], Stored]:
        at = now()
        standing = self._standing((self._tools.kind(each.collection), each.id) for each in wanted)
        plans = {(each.collection, each.id): self._plan(each, standing[each.collection, each.id], at) for each in wanted}
        written = self._commit(self._admitted(list(plans.values())), by, at, reason)
        things = {key: written.get(plan.change.thing) if plan.change else plan.thing for key, plan in plans.items()}
        return {key: Stored(plans[key].action, thing) for key, thing in things.items() if thing is not None}

    def _standing(self, asked: Iterable[tuple[Kind, str]]) -> dict[tuple[str, str], tuple[Thing | None, int]]:
        """Read what is here of many things in one query: each as it is, or only the number of its last revision where it was deleted."""
        names = self._tools.names
        documents = {names.document(kind.collection, id): (kind, id) for kind, id in asked}
        histories = {names.history(each): each for each in documents}
        found: dict[NamedNode, list[Triple]] = {each: [] for each in documents}
        for row in self._tools.store.select(fill(_STANDING, documents=list(documents), histories=list(histories))):
            graph, triple = row["g"], Triple(row["s"], row["p"], row["o"])  # type: ignore[arg-type]
            found[histories.get(graph, graph)].append(triple)  # type: ignore[arg-type]
        return {(kind.collection, id): self._tools.assemble(kind, id, found[document]) for document, (kind, id) in documents.items()}

    def _plan(self, wanted: Wanted, standing: tuple[Thing | None, int], at: Text) -> _Plan:
        thing, revision = standing
        if thing is not None:
            return self._revised(wanted, thing, at)
        kind = self._tools.kind(wanted.collection)
        members = {**wanted.fresh, **wanted.modest, **wanted.members, "id": wanted.id}
        draft = self._drafts.stamped(self._drafts.new(kind, Document(JSON, members)), None, at, wanted.creator)
        change = Change(wanted.collection, wanted.id, draft.thing, "create", revision, frozenset(), draft.triples)
        return _Plan("created", None, draft, change)

    def _revised(self, wanted: Wanted, thing: Thing, at: Text) -> _Plan:
        present = self._tools.json(thing)
        patch = {key: wanted.members.get(key) for key in (*wanted.members, *wanted.keys)}
        patch |= {key: value for key, value in wanted.modest.items() if not present.get(key)}
        draft = self._drafts.stamped(self._drafts.of(thing, Document(JSON, merge(present, patch))), thing, at, None)
        if content(draft) == content(Draft(thing.kind, thing.iri, thing.triples)):
            return _Plan("unchanged", thing)
        change = Change(wanted.collection, wanted.id, thing.iri, "patch", thing.revision, thing.triples, draft.triples)
        return _Plan("changed", thing, draft, change)

    def _admitted(self, plans: Sequence[_Plan]) -> list[Change]:
        """Pass all drafts through the gate, and say what must hold when they are written; what they have in common needs no looking up."""
        drafts = [(plan.draft, plan.change) for plan in plans if plan.draft is not None and plan.change is not None]
        own = {draft.thing: draft.kind for draft, _ in drafts}
        wanted = {draft.thing: self._drafts.wanted(draft) for draft, _ in drafts}
        found = own | self._drafts.existing(thing for each in wanted.values() for thing, _ in each if thing not in own)
        collections = {thing: kind.collection for thing, kind in found.items()}
        together = [triple for draft, _ in drafts for triple in (*draft.triples, *context_triples(collections, wanted[draft.thing]))]
        if drafts and not self._tools.gate.passes(together):
            for draft, _ in drafts:
                self._tools.gate.admit(draft, context_triples(collections, wanted[draft.thing]))
        changes = []
        for draft, change in drafts:
            references, unique = self._drafts.conditions(draft, wanted[draft.thing], found)
            changes.append(replace(change, references=_outside(references, own), unique=unique))
        return changes

    def _commit(self, changes: Sequence[Change], by: NamedNode | None, at: Text, reason: str) -> dict[NamedNode, Thing]:
        history = self._tools.history
        stored: dict[NamedNode, Thing] = {}
        fresh = [each for each in changes if not each.expected]
        others = [each for each in changes if each.expected]
        if others and len(changes) <= _TOGETHER:
            fresh, others = [], list(changes)
        if fresh:
            stored |= self._published(fresh, history.commit_new(fresh, by, at, reason), at)
        for start in range(0, len(others), _TOGETHER):
            part = others[start : start + _TOGETHER]
            stored |= self._published(part, history.commit(part, by, at, reason), at)
        return stored

    def _published(self, changes: Sequence[Change], first: int, at: Text) -> dict[NamedNode, Thing]:
        names = self._tools.names
        things = [
            Thing(self._tools.kind(each.collection), each.id, each.thing, names.document(each.collection, each.id), each.revision, each.after)
            for each in changes
        ]
        rows = [project(self._tools, each, first + place, at.value) for place, each in enumerate(things)]
        self._publish(rows, first + len(changes) - 1, first - 1)
        return {each.iri: each for each in things}


def _outside(references: Iterable[Reference], own: Mapping[NamedNode, Kind]) -> tuple[Reference, ...]:
    return tuple(each for each in references if each.thing not in own)


def _raced(error: HubError) -> bool:
    """Tell whether looking again may help: not where a shape forbids it."""
    return not isinstance(error, DoesNotConform) or (error.report is None and "does not exist any more" in error.detail)
