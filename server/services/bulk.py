"""Bulk loading: a stream in, a result for every line out; what conforms is stored, group by group, whatever stands around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import orjson
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, parse, serialize

from server.errors import DoesNotConform, HubError, Malformed, TooLarge, UnsupportedMediaType
from server.graph.changes import Change, now
from server.graph.gate import context_triples
from server.graph.kinds import Kind
from server.graph.reading import Draft
from server.services.assets import Publish
from server.services.callers import Caller, Role
from server.services.drafts import JSON, Document, Drafts
from server.services.projection import project
from server.services.things import Thing, Toolbox

NDJSON = "application/x-ndjson"
N_QUADS = "application/n-quads"
GROUP = 500  # things a transaction
LINE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What became of one line: the thing that was stored, or why not."""

    line: int
    id: str = ""
    iri: str = ""
    error: HubError | None = None


@dataclass(frozen=True)
class Item:
    """One line that was read: its number, and its draft or what is wrong with it."""

    line: int
    draft: Draft | None = None
    error: HubError | None = None


class Bulk:
    """Stores many things of a kind, in groups that each are one transaction."""

    def __init__(self, tools: Toolbox, publish: Publish) -> None:
        """Work with these tools; `publish` brings rows into the search index."""
        self._tools, self._drafts, self._publish = tools, Drafts(tools), publish

    def load(self, caller: Caller, collection: str, media_type: str, stream: IO[bytes]) -> Iterator[Outcome]:
        """Read a stream of NDJSON (a thing a line) or N-Quads (a thing a graph); yield a result for every line or graph.

        Rights and media type are checked before the first result.
        """
        caller.require(Role.contributor)
        kind = self._tools.kind(collection)
        if media_type not in (NDJSON, N_QUADS):
            raise UnsupportedMediaType(f"Send {NDJSON} (a {kind.label} a line) or {N_QUADS} (a {kind.label} a graph).")
        documents = _lines(stream) if media_type == NDJSON else _graphs(stream)
        return self._run(caller, kind, documents)

    def _run(self, caller: Caller, kind: Kind, documents: Iterator[tuple[int, Document | HubError]]) -> Iterator[Outcome]:
        while group := list(islice(documents, GROUP)):
            at = now()
            items = [self._read(kind, caller, number, document, at) for number, document in group]
            yield from self._store(caller, kind, items, at)

    def _read(self, kind: Kind, caller: Caller, number: int, document: Document | HubError, at: Literal) -> Item:
        if isinstance(document, HubError):
            return Item(number, error=document)
        try:
            return Item(number, self._drafts.stamped(self._drafts.new(kind, document), None, at, caller.person))
        except HubError as error:
            return Item(number, error=error)

    def _store(self, caller: Caller, kind: Kind, items: Sequence[Item], at: Literal) -> Iterator[Outcome]:
        """Judge a group at once, write what conforms in one transaction; where that fails, one by one."""
        changes, errors = self._judge(kind, items)
        results: dict[int, Outcome] = {item.line: Outcome(item.line, error=error) for item, error in errors}
        try:
            self._commit(caller, kind, [change for _, change in changes], at)
            results |= {line: _stored(line, change) for line, change in changes}
        except HubError as error:
            if len(changes) == 1:
                results[changes[0][0]] = Outcome(changes[0][0], error=error)
            else:
                results |= {line: self._alone(caller, kind, line, change, at) for line, change in changes}
        yield from (results[item.line] for item in items)

    def _judge(self, kind: Kind, items: Sequence[Item]) -> tuple[list[tuple[int, Change]], list[tuple[Item, HubError]]]:
        errors = [(item, item.error) for item in items if item.error is not None]
        drafts = [(item, item.draft, self._drafts.wanted(item.draft)) for item in items if item.draft is not None]
        found = self._drafts.existing(each for _, _, wanted in drafts for each, _ in wanted)
        collections = {each: known.collection for each, known in found.items()}
        together = [triple for _, draft, wanted in drafts for triple in (*draft.triples, *context_triples(collections, wanted))]
        all_pass = not drafts or self._tools.gate.passes(together)
        changes: list[tuple[int, Change]] = []
        taken: set[NamedNode] = set()
        for item, draft, wanted in drafts:
            try:
                if not all_pass:
                    self._tools.gate.admit(draft, context_triples(collections, wanted))
                if draft.thing in taken:
                    raise DoesNotConform(f"{draft.thing.value} is in this stream twice.")
                taken.add(draft.thing)
                references, unique = self._drafts.conditions(draft, wanted, found)
                id = self._tools.names.id_of(kind, draft.thing)
                changes.append((item.line, Change(kind.collection, id, draft.thing, "create", 0, frozenset(), draft.triples, references, unique)))
            except HubError as error:
                errors.append((item, error))
        return changes, errors

    def _alone(self, caller: Caller, kind: Kind, line: int, change: Change, at: Literal) -> Outcome:
        try:
            self._commit(caller, kind, [change], at)
            return _stored(line, change)
        except HubError as error:
            return Outcome(line, error=error)

    def _commit(self, caller: Caller, kind: Kind, changes: Sequence[Change], at: Literal) -> None:
        if not changes:
            return
        first = self._tools.history.commit_new(changes, caller.person, at, "bulk")
        document = self._tools.names.document
        rows = [
            project(
                self._tools, Thing(kind, each.id, each.thing, document(kind.collection, each.id), each.revision, each.after), first + place, at.value
            )
            for place, each in enumerate(changes)
        ]
        self._publish(rows, first + len(changes) - 1, first - 1)


def _stored(line: int, change: Change) -> Outcome:
    return Outcome(line, change.id, change.thing.value)


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, Document | HubError]]:
    number = 0
    while line := stream.readline(LINE_BYTES + 1):
        number += 1
        if len(line) > LINE_BYTES:
            raise TooLarge(f"Line {number} is longer than {LINE_BYTES} bytes.")
        if not line.strip():
            continue
        try:
            yield number, Document(JSON, _object(orjson.loads(line)))
        except orjson.JSONDecodeError as error:
            yield number, Malformed(f"Line {number} is no JSON: {error.msg} at column {error.colno}.")
        except HubError as error:
            yield number, error


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("Each line is one JSON object.")
    return value


def _graphs(stream: IO[bytes]) -> Iterator[tuple[int, Document | HubError]]:
    """Read quads that come graph by graph; each graph is one thing."""
    number, name, gathered = 0, None, list[Quad]()
    for quad in _quads(stream):
        if quad.graph_name != name and gathered:
            number += 1
            yield number, _document(gathered)
            gathered = []
        name = quad.graph_name
        gathered.append(quad)
    if gathered:
        yield number + 1, _document(gathered)


def _quads(stream: IO[bytes]) -> Iterable[Quad]:
    try:
        yield from parse(stream, RdfFormat.N_QUADS)
    except SyntaxError as error:
        raise Malformed(f"The N-Quads cannot be read: {error.args[0]}") from error


def _document(quads: Sequence[Quad]) -> Document:
    return Document("application/n-triples", serialize([each.triple for each in quads], format=RdfFormat.N_TRIPLES) or b"")
