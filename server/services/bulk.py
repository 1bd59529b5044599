"""Bulk loading: a stream in, a result for every line out; what conforms is stored, group by group, whatever stands around it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO

from pyoxigraph import NamedNode

from server.errors import AlreadyExists, DoesNotConform, HubError, RevisionMismatch, UnsupportedMediaType
from server.graph.changes import Attribution, Change, Reference, now
from server.graph.kinds import Kind
from server.memory import give_back
from server.services import preparing
from server.services.assets import Publish
from server.services.callers import Caller, Role
from server.services.drafts import Document, Drafts
from server.services.preparing import Group, Item, Prepared, Workers
from server.services.projection import project
from server.services.streams import N_QUADS, NDJSON, Numbered, documents
from server.services.things import Thing, Toolbox

REASON = "bulk"


@dataclass(frozen=True)
class Outcome:
    """What became of one line: the thing that was stored, or why not."""

    line: int
    id: str = ""
    iri: str = ""
    error: HubError | None = None


class Bulk:
    """Stores many things of a kind, in groups that each are one transaction."""

    def __init__(self, tools: Toolbox, publish: Publish) -> None:
        """Work with these tools; `publish` brings rows into the search index."""
        self._tools, self._drafts, self._publish = tools, Drafts(tools), publish
        self._workers = Workers(tools)

    def load(self, caller: Caller, collection: str, media_type: str, stream: IO[bytes]) -> Iterator[Outcome]:
        """Read a stream of NDJSON (a thing a line) or N-Quads (a thing a graph); yield a result for every line or graph.

        Rights and media type are checked before the first result.
        """
        caller.require(Role.contributor)
        kind = self._tools.kind(collection)
        if media_type not in (NDJSON, N_QUADS):
            raise UnsupportedMediaType(f"Send {NDJSON} (a {kind.label} a line) or {N_QUADS} (a {kind.label} a graph).")
        return self._run(kind, self._groups(caller, documents(stream, media_type)))

    def close(self) -> None:
        """End the processes that prepare."""
        self._workers.close()

    def _groups(self, caller: Caller, numbered: Iterator[Numbered]) -> Iterator[Group]:
        while lines := list(islice(numbered, preparing.GROUP)):
            yield Group(lines, Attribution(NamedNode(f"urn:uuid:{uuid.uuid4()}"), caller.person, now(), REASON))

    def _run(self, kind: Kind, groups: Iterator[Group]) -> Iterator[Outcome]:
        line = 0
        for group, items in self._workers.prepare(kind.collection, groups):
            given = dict(group.documents)
            for together in _apart(items):
                results = self._together(kind, [each for each in together if isinstance(each, Prepared)], group.who)
                for item in together:
                    line = item.line
                    yield results.get(line) or self._alone(kind, line, given[line], group.who)
        if line > preparing.GROUP:
            give_back()

    def _change(self, kind: Kind, item: Prepared, found: Mapping[NamedNode, Kind]) -> Change | None:
        """Make the change of a line, or None where something that it refers to is not there."""
        names, references = self._tools.names, []
        for thing, asked in item.wanted:
            target = kind if thing == item.thing else found.get(thing)
            if target is None or target.collection not in asked:
                return None
            if thing != item.thing:
                references.append(Reference(thing, names.document(target.collection, names.id_of(target, thing)), target.targets[0]))
        history = names.history(names.document(kind.collection, item.id))
        after = frozenset(each.triple for each in item.quads if each.graph_name != history)
        return Change(kind.collection, item.id, item.thing, "create", 0, frozenset(), after, tuple(references), item.unique)

    def _together(self, kind: Kind, items: Sequence[Prepared], who: Attribution) -> dict[int, Outcome]:
        """Write lines in one transaction; return their outcomes, but not of those that have to be judged and written alone."""
        try:
            found = self._drafts.existing(thing for each in items for thing, _ in each.wanted)
            changes = {each.line: change for each in items if (change := self._change(kind, each, found)) is not None}
            ready = [each for each in items if each.line in changes]
            if not ready:
                return {}
            made = [quad for each in ready for quad in each.quads]
            first = self._tools.history.commit_new(list(changes.values()), who.by, who.at, REASON, made=made)
        except (AlreadyExists, DoesNotConform, RevisionMismatch):  # because of some of them
            return {}
        except HubError as error:
            return {each.line: Outcome(each.line, error=error) for each in items}
        rows = [replace(each.row, sequence=first + place) for place, each in enumerate(ready)]
        self._publish(rows, first + len(rows) - 1, first - 1)
        return {each.line: Outcome(each.line, each.id, each.thing.value) for each in ready}

    def _alone(self, kind: Kind, line: int, document: Document | HubError, who: Attribution) -> Outcome:
        """Write one line, judged with what is in the store now."""
        try:
            if isinstance(document, HubError):
                raise document
            draft = self._drafts.stamped(self._drafts.new(kind, document), None, who.at, who.by)
            references, unique = self._drafts.admit(draft)
            id = self._tools.names.id_of(kind, draft.thing)
            change = Change(kind.collection, id, draft.thing, "create", 0, frozenset(), draft.triples, references, unique)
            sequence = self._tools.history.commit_new([change], who.by, who.at, REASON)
            thing = Thing(kind, id, draft.thing, self._tools.names.document(kind.collection, id), change.revision, draft.triples)
            self._publish([project(self._tools, thing, sequence, who.at.value)], sequence, sequence - 1)
            return Outcome(line, id, draft.thing.value)
        except HubError as error:
            return Outcome(line, error=error)


def _apart(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut a group around each line in doubt, and before each that depends on an earlier one: refers to it, names it, repeats a unique value."""
    together: list[Item] = []
    claimed: set[object] = set()
    for item in items:
        mine: set[object] = set()
        if isinstance(item, Prepared):
            mine = {item.thing, *((each.predicate, each.value) for each in item.unique)}
            depends = bool(claimed & {*mine, *(thing for thing, _ in item.wanted)})
        else:
            depends = True
        if together and (depends or not isinstance(together[-1], Prepared)):
            yield together
            together, claimed = [], set()
        claimed |= mine
        together.append(item)
    if together:
        yield together
