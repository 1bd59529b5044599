"""Write many graphs at once: each is judged as a write of its own would be, and all of them are one commit, or nothing is.

What a thing of the commit says of another one of it is checked here, for the store does not know it yet; everything else is a condition
of the commit (`server.graph.changes`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, serialize

from server.errors import AlreadyExists, DoesNotConform, Fault, InUse
from server.graph.changes import DELETE, Change, Reference, Unique, now
from server.graph.gate import context_triples, refusal
from server.graph.kinds import Kind
from server.graph.names import GRAPHS
from server.graph.portable import fault_of
from server.graph.reading import Draft
from server.graph.vocabulary import RDF
from server.index.rows import IndexRow
from server.services.assets import Publish, content
from server.services.callers import Caller, Role
from server.services.drafts import Document, Drafts
from server.services.overlay import Overlay
from server.services.places import Place, State
from server.services.projection import gone, project
from server.services.things import Thing, Toolbox, may_change
from server.store.base import Term

N_TRIPLES = "application/n-triples"
_SHOWN = 5

Protect = Callable[[str, str], None]
"""Refuse to delete a thing (collection, id) that something outside the graph depends on."""


@dataclass
class Pending:
    """One graph on its way: its change, and the drafts of what is of a kind in it."""

    place: Place
    change: Change
    drafts: Sequence[Draft] = ()

    @property
    def triples(self) -> frozenset[Triple]:
        """Return what the graph will hold."""
        return self.change.after


@dataclass(frozen=True)
class Committed:
    """What was written: the changes in their order, numbered from `first`; none where nothing changed."""

    changes: Sequence[Change] = ()
    first: int = 0

    @property
    def added(self) -> int:
        """Count the triples that are there now and were not."""
        return sum(len(each.after - each.before) for each in self.changes)

    @property
    def removed(self) -> int:
        """Count the triples that were there and are not any more."""
        return sum(len(each.before - each.after) for each in self.changes)


class Together:
    """Writes what an overlay holds."""

    def __init__(self, tools: Toolbox, publish: Publish, protect: Protect) -> None:
        """Work with these tools; `publish` brings rows into the search index, `protect` is asked before a thing is deleted."""
        self.tools, self._drafts, self._publish, self._protect = tools, Drafts(tools), publish, protect

    def commit(self, caller: Caller, overlay: Overlay, reason: str | None) -> Committed:
        """Judge and write all graphs that changed. Raises what a write of each would raise, and nothing is written then.

        Raises `RevisionMismatch` where another write to one of the graphs came between; the request can be repeated from its start.
        """
        at = now()
        touched = overlay.touched()
        if any(overlay.before[each].place.kind is None for each in touched):
            caller.require(Role.curator)
        pending = [item for each in touched if (item := self._pending(caller, overlay.before[each], overlay.after[each], at)) is not None]
        if not pending:
            return Committed()
        things = self._judge(pending)
        changes = [self._change(each, things, pending) for each in pending]
        _check_unique(changes)
        first = self.tools.history.commit(changes, caller.person, at, reason)
        rows = [self._row(change, first + place, at) for place, change in enumerate(changes) if change.collection != GRAPHS]
        self._publish(rows, first + len(changes) - 1, first - 1)
        return Committed(changes, first)

    def _pending(self, caller: Caller, state: State, after: set[Triple], at: Literal) -> Pending | None:
        try:
            kind = state.place.kind
            return self._of_thing(caller, kind, state, after, at) if kind else self._of_graph(state, after)
        except DoesNotConform as error:
            raise DoesNotConform(f"<{state.place.graph.value}>: {error.detail}", faults=error.faults, report=error.report) from error

    def _of_graph(self, state: State, after: set[Triple]) -> Pending | None:
        place = state.place
        triples = frozenset(self._named(after))
        if faults := [Fault("", message) for message in map(fault_of, triples) if message]:
            raise DoesNotConform(faults[0].message, faults=faults[:100])
        action = DELETE if not triples else "update" if state.exists else "create"
        change = Change(GRAPHS, place.id, place.graph, action, state.revision, state.triples, triples)
        by_class = self.tools.registry.by_class
        typed = {
            (each.subject, kind.collection): kind
            for each in triples
            if each.predicate == RDF.type and isinstance(each.object, NamedNode) and (kind := by_class.get(each.object)) is not None
        }
        drafts = [Draft(kind, subject, triples) for (subject, _), kind in typed.items() if isinstance(subject, NamedNode)]
        return Pending(place, change, drafts)

    def _named(self, triples: Iterable[Triple]) -> Iterable[Triple]:
        """Name blank nodes anew: each is one that was not there before."""
        names: dict[BlankNode, NamedNode] = {}

        def name(term: Term | Triple) -> Term | Triple:
            return names.setdefault(term, self.tools.names.node(BlankNode().value)) if isinstance(term, BlankNode) else term

        return (Triple(name(each.subject), each.predicate, name(each.object)) for each in triples)  # type: ignore[arg-type]  # a subject stays one

    def _of_thing(self, caller: Caller, kind: Kind, state: State, after: set[Triple], at: Literal) -> Pending | None:
        caller.require(Role.contributor)
        current = self._thing(kind, state) if state.exists else None
        document = Document(N_TRIPLES, serialize(after, format=RdfFormat.N_TRIPLES) or b"")
        if current is None:
            draft = self._drafts.stamped(self._drafts.named(kind, state.place.id, document), None, at, caller.person)
            change = Change(kind.collection, state.place.id, draft.thing, "create", state.revision, frozenset(), draft.triples)
            return Pending(state.place, change, [draft])
        may_change(caller, current)
        if not after:
            self._protect(kind.collection, state.place.id)
            change = Change(kind.collection, current.id, current.iri, DELETE, state.revision, state.triples, frozenset(), guard_referrers=True)
            return Pending(state.place, change)
        draft = self._drafts.stamped(self._drafts.of(current, document), current, at, None)
        if content(draft) == content(Draft(kind, current.iri, current.triples)):
            return None
        change = Change(kind.collection, current.id, current.iri, "update", state.revision, state.triples, draft.triples)
        return Pending(state.place, change, [draft])

    def _thing(self, kind: Kind, state: State) -> Thing:
        id, triples = state.place.id, state.triples
        return Thing(kind, id, self.tools.root(kind, id, triples), state.place.graph, state.revision, triples)

    # The gate

    def _judge(self, pending: Sequence[Pending]) -> Mapping[NamedNode, Kind]:
        """Judge every graph; return of which kind each thing is that exists and is referred to, the commit's own ones included."""
        wanted = {each for item in pending for draft in item.drafts for each, _ in self._drafts.wanted(draft)}
        found = dict(self._drafts.existing(wanted))
        for item in pending:
            if item.place.kind is not None:
                if item.change.action == DELETE:
                    found.pop(item.change.thing, None)
                else:
                    found[item.change.thing] = item.place.kind
        collections = {each: kind.collection for each, kind in found.items()}
        failing: list[tuple[Pending, list[Triple]]] = []
        for item in pending:
            context = [triple for draft in item.drafts for triple in context_triples(collections, self._drafts.wanted(draft))]
            if item.drafts and not self.tools.gate.passes([*item.triples, *context]):
                failing.append((item, context))
        if len(failing) == 1 and failing[0][0].place.kind is not None:
            self._admit(*failing[0])
        elif failing:
            self._refuse_all(failing)
        return found

    def _admit(self, item: Pending, context: Sequence[Triple]) -> None:
        draft = item.drafts[0]
        verdict = self.tools.gate.judge([*item.triples, *context], draft)
        if not verdict.conforms:
            refused = refusal(draft, verdict)
            raise DoesNotConform(f"<{item.place.graph.value}>: {refused.detail}", faults=refused.faults, report=refused.report)

    def _refuse_all(self, failing: Sequence[tuple[Pending, list[Triple]]]) -> None:
        verdict = self.tools.gate.judge([triple for item, context in failing for triple in (*item.triples, *context)])
        if not verdict.conforms:
            graphs = ", ".join(f"<{item.place.graph.value}>" for item, _ in failing[:_SHOWN])
            first = verdict.violations[0].message if verdict.violations else "They do not conform to their shapes."
            more = f" and {len(failing) - _SHOWN} more" if len(failing) > _SHOWN else ""
            raise DoesNotConform(f"What would be in {graphs}{more} does not conform: {first}", faults=verdict.violations, report=verdict.report)

    # Conditions

    def _change(self, item: Pending, found: Mapping[NamedNode, Kind], pending: Sequence[Pending]) -> Change:
        own = {each.change.thing for each in pending}
        references: list[Reference] = []
        unique: list[Unique] = []
        for draft in item.drafts:
            asked, values = self._drafts.conditions(draft, self._drafts.wanted(draft), found)
            references += [each for each in asked if each.thing not in own]
            unique += values
        along = self._freed(item, pending) if item.change.guard_referrers else ()
        return dataclasses.replace(item.change, references=tuple(dict.fromkeys(references)), unique=tuple(unique), along=along)

    def _freed(self, item: Pending, pending: Sequence[Pending]) -> tuple[NamedNode, ...]:
        """Return the graphs that point to a deleted thing and will not any more; raise `InUse` for those that still will."""
        thing = item.change.thing
        others = [each for each in pending if each is not item]
        if still := [each.place.graph.value for each in others if any(triple.object == thing for triple in each.triples)]:
            raise InUse(f"{len(still)} others refer to {thing.value}; change them first.", referrers=still)
        return tuple(each.place.graph for each in others if any(triple.object == thing for triple in each.change.before))

    def _row(self, change: Change, sequence: int, at: Literal) -> IndexRow:
        if change.action == DELETE:
            return gone(self.tools, change.collection, change.id, sequence, change.revision)
        kind = self.tools.registry.kinds[change.collection]
        document = self.tools.names.document(change.collection, change.id)
        return project(self.tools, Thing(kind, change.id, change.thing, document, change.revision, change.after), sequence, at.value)


def _check_unique(changes: Iterable[Change]) -> None:
    """Refuse a value twice in one commit that may be there once; whether others have it is a condition of the commit."""
    owners: dict[Unique, NamedNode] = {}
    for change in changes:
        for each in change.unique:
            if owners.setdefault(each, change.thing) != change.thing:
                raise AlreadyExists(f"The {each.key} {each.value} is given to {owners[each].value} and to {change.thing.value}.")
