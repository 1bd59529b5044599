"""What a bulk load does with each line before the store is asked: read it, stamp it, judge it, write its quads and its row for the index.

None of this needs a store, so processes beside the hub's do it for long streams, group by group, while the hub's own writes the group before.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

from loky import get_reusable_executor
from pyoxigraph import NamedNode, Quad, RdfFormat, Triple, parse, serialize

from server.errors import HubError
from server.graph.changes import Attribution, Change, Unique, lasting_quads
from server.graph.judging import marker
from server.graph.kinds import Kind, Registry
from server.graph.names import Names
from server.graph.reading import Draft
from server.graph.vocabulary import RDF
from server.index.rows import IndexRow
from server.services.drafts import Document, Drafting
from server.services.projection import project
from server.services.streams import Numbered
from server.services.things import Thing, Workbench

GROUP = 500  # things that are prepared, and written, at once
_AHEAD = 4  # groups that wait while one is written
_WATCH_SECONDS = 2.0
_IDLE_SECONDS = 30  # after which the processes end

LOG = logging.getLogger(__name__)


Wanted = tuple[tuple[NamedNode, tuple[str, ...]], ...]
"""The things that a line refers to, with the collections that each may be in."""


@dataclass(frozen=True)
class Prepared:
    """A line that can be written as it is if all that it refers to is there.

    `text` are its `lasting_quads` as N-Quads; `row` lacks its number in the change log.
    """

    line: int
    thing: NamedNode
    id: str
    wanted: Wanted
    unique: tuple[Unique, ...]
    text: bytes
    row: IndexRow

    @cached_property
    def quads(self) -> list[Quad]:
        """Read its quads."""
        return list(parse(self.text, RdfFormat.N_QUADS))


@dataclass(frozen=True)
class Doubtful:
    """A line that is wrong, or that the reference engine has to judge."""

    line: int


Item = Prepared | Doubtful


class Preparing:
    """Prepares groups of lines."""

    def __init__(self, tools: Workbench) -> None:
        """Work with these graph tools."""
        self._tools, self._drafting = tools, Drafting(tools)

    def group(self, collection: str, documents: Sequence[Numbered], who: Attribution) -> list[Item]:
        """Prepare a group of lines, as it will be written by somebody at a time."""
        kind = self._tools.kind(collection)
        drafts: dict[int, Draft] = {}
        for line, document in documents:
            with suppress(HubError):  # said when the line is written alone
                if isinstance(document, Document):
                    drafts[line] = self._drafting.stamped(self._drafting.new(kind, document), None, who.at, who.by)
        wanted = {line: tuple(self._drafting.wanted(draft)) for line, draft in drafts.items()}
        good = self._conforming(drafts, wanted)
        return [self._prepared(kind, line, drafts[line], wanted[line], who) if line in good else Doubtful(line) for line, _ in documents]

    def _conforming(self, drafts: Mapping[int, Draft], wanted: Mapping[int, Wanted]) -> set[int]:
        """Return the lines that pass the fast engine if what they refer to is there: all at once, or else one by one."""
        graphs = {line: [*draft.triples, *_hoped(wanted[line])] for line, draft in drafts.items()}
        if not graphs or self._tools.gate.passes(chain.from_iterable(graphs.values())):
            return set(graphs)
        return {line for line, graph in graphs.items() if self._tools.gate.passes(graph)}

    def _prepared(self, kind: Kind, line: int, draft: Draft, wanted: Wanted, who: Attribution) -> Prepared:
        names = self._tools.names
        id = names.id_of(kind, draft.thing)
        change = Change(kind.collection, id, draft.thing, "create", 0, frozenset(), draft.triples)
        thing = Thing(kind, id, draft.thing, names.document(kind.collection, id), change.revision, draft.triples)
        return Prepared(
            line,
            draft.thing,
            id,
            wanted,
            tuple(self._drafting.unique(draft)),
            serialize(lasting_quads(names, change, who), format=RdfFormat.N_QUADS) or b"",
            project(self._tools, thing, 0, who.at.value),
        )


def _hoped(wanted: Wanted) -> Iterator[Triple]:
    """Mark what is wanted as if all of it were there."""
    return (Triple(thing, RDF.type, marker(asked)) for thing, asked in wanted)


@dataclass(frozen=True)
class Group:
    """Lines that are prepared and written together, by whom and when."""

    documents: Sequence[Numbered]
    who: Attribution


class Workers:
    """Prepares streams group by group: the first one here, all others in processes beside, which end when they have been idle."""

    def __init__(self, tools: Workbench) -> None:
        """Work with these graph tools; the processes make their own of the same shapes."""
        self._tools, self._here = tools, Preparing(tools)
        self._executor: Any = None  # until the first long stream

    def prepare(self, collection: str, groups: Iterator[Group]) -> Iterator[tuple[Group, list[Item]]]:
        """Yield the groups in their order, prepared."""
        first = next(groups, None)
        if first is None:
            return
        yield first, self._here.group(collection, first.documents, first.who)  # a slow stream, or a short one, waits for no process
        waiting: deque[tuple[Group, Future[list[Item]]]] = deque()
        for group in groups:
            waiting.append((group, self._submit(collection, group)))
            while waiting and (len(waiting) > _AHEAD or waiting[0][1].done()):
                yield self._finished(collection, *waiting.popleft())
        while waiting:
            yield self._finished(collection, *waiting.popleft())

    def _submit(self, collection: str, group: Group) -> Future[list[Item]]:
        # One a process, made anew where it broke.
        self._executor = get_reusable_executor(timeout=_IDLE_SECONDS, initializer=end_with_parent, initargs=(os.getpid(),))
        names = self._tools.names
        future: Future[list[Item]] = self._executor.submit(prepare_group, self._shapes, names.base, names.aliased, collection, group)
        return future

    def _finished(self, collection: str, group: Group, future: Future[list[Item]]) -> tuple[Group, list[Item]]:
        try:
            return group, future.result()
        except (BrokenProcessPool, CancelledError) as error:
            LOG.warning("A process that prepared a bulk load was ended (%s); its lines are prepared here", type(error).__name__)
            return group, self._here.group(collection, group.documents, group.who)

    @cached_property
    def _shapes(self) -> bytes:
        return serialize(self._tools.registry.shapes, format=RdfFormat.N_TRIPLES) or b""

    def close(self) -> None:
        """End the processes."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, kill_workers=True)


def end_with_parent(parent: int) -> None:
    """End this process within seconds when the hub's is gone; one that was killed tells nobody."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def prepare_group(shapes: bytes, base: str, aliased: bool, collection: str, group: Group) -> list[Item]:
    """Prepare a group in a process beside the hub's."""
    return _workbench(shapes, base, aliased).group(collection, group.documents, group.who)


@lru_cache(maxsize=2)
def _workbench(shapes: bytes, base: str, aliased: bool) -> Preparing:
    return Preparing(Workbench(Registry.parse([("the hub's shapes", shapes)]), Names(base, aliased)))
