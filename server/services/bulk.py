"""Bulk loading: a stream in, a result for every line out; what conforms is stored, group by group, whatever stands around it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, parse, serialize

from server.errors import AlreadyExists, DoesNotConform, HubError, Malformed, RevisionMismatch, TooLarge, UnsupportedMediaType
from server.graph.bounds import check_nesting, load_json
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
BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Outcome:
    """What became of one line: the thing that was stored, or why not."""

    line: int
    id: str = ""
    iri: str = ""
    error: HubError | None = None


@dataclass(frozen=True)
class Item:
    """One line that was read: its number, and its draft with what it refers to, or what is wrong with it."""

    line: int
    draft: Draft | None = None
    wanted: Sequence[tuple[NamedNode, tuple[str, ...]]] = ()
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
            for items in self._apart([self._read(kind, caller, number, document, at) for number, document in group]):
                yield from self._store(caller, kind, items, at)

    def _apart(self, items: Sequence[Item]) -> Iterator[list[Item]]:
        """Cut a group before each line that depends on an earlier one: that refers to its thing, names it again, or repeats a unique value."""
        together: list[Item] = []
        claimed: set[object] = set()
        for item in items:
            if item.draft is not None:
                unique = {(each.predicate, each.value) for each in self._drafts.unique(item.draft)}
                if claimed & {item.draft.thing, *unique, *(each for each, _ in item.wanted)}:
                    yield together
                    together, claimed = [], set()
                claimed |= {item.draft.thing, *unique}
            together.append(item)
        if together:
            yield together

    def _read(self, kind: Kind, caller: Caller, number: int, document: Document | HubError, at: Literal) -> Item:
        if isinstance(document, HubError):
            return Item(number, error=document)
        try:
            draft = self._drafts.stamped(self._drafts.new(kind, document), None, at, caller.person)
            return Item(number, draft, self._drafts.wanted(draft))
        except HubError as error:
            return Item(number, error=error)

    def _store(self, caller: Caller, kind: Kind, items: Sequence[Item], at: Literal) -> Iterator[Outcome]:
        """Judge a group at once, write what conforms in one transaction; where that fails, one by one."""
        changes, errors = self._judge(kind, items)
        results: dict[int, Outcome] = {item.line: Outcome(item.line, error=error) for item, error in errors}
        try:
            self._commit(caller, kind, [change for _, change in changes], at)
            results |= {line: _stored(line, change) for line, change in changes}
        except (AlreadyExists, DoesNotConform, RevisionMismatch):  # because of some of them
            results |= {line: self._alone(caller, kind, line, change, at) for line, change in changes}
        except HubError as error:
            results |= {line: Outcome(line, error=error) for line, _ in changes}
        yield from (results[item.line] for item in items)

    def _judge(self, kind: Kind, items: Sequence[Item]) -> tuple[list[tuple[int, Change]], list[tuple[Item, HubError]]]:
        errors = [(item, item.error) for item in items if item.error is not None]
        drafts = [(item, item.draft, item.wanted) for item in items if item.draft is not None]
        found = self._drafts.existing(each for _, _, wanted in drafts for each, _ in wanted)
        collections = {each: known.collection for each, known in found.items()}
        together = [triple for _, draft, wanted in drafts for triple in (*draft.triples, *context_triples(collections, wanted))]
        all_pass = not drafts or self._tools.gate.passes(together)
        changes: list[tuple[int, Change]] = []
        for item, draft, wanted in drafts:
            try:
                if not all_pass:
                    own = ChainMap({draft.thing: kind.collection}, collections)  # a thing may refer to itself
                    self._tools.gate.admit(draft, context_triples(own, wanted))
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


def _split(stream: IO[bytes]) -> Iterator[tuple[int, bytes | TooLarge]]:
    """Read the lines of a stream with their numbers, block by block: asked for a line, streams of WSGI read byte by byte.

    A line that is too long ends the stream.
    """
    number, rest = 0, b""
    while block := stream.read(BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            number += 1
            yield number, line
        if len(rest) > LINE_BYTES:
            yield number + 1, TooLarge(f"Line {number + 1} is longer than {LINE_BYTES} bytes; nothing was read from there on.")
            return
    if rest:
        yield number + 1, rest


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, Document | HubError]]:
    for number, line in _split(stream):
        if isinstance(line, TooLarge):
            yield number, line
        elif line.strip():
            try:
                yield number, Document(JSON, _object(load_json(line)))
            except HubError as error:
                yield number, error


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("Each line is one JSON object.")
    return value


def _graphs(stream: IO[bytes]) -> Iterator[tuple[int, Document | HubError]]:
    """Read quads that come graph by graph; each graph is one thing, numbered by its first line. A line that is none spoils the graph it is in."""
    begun, name, gathered, broken = 0, None, list[Quad](), list[HubError]()
    for number, found in _quads(stream):
        if isinstance(found, HubError):
            broken.append(found)
            begun = begun or number
            continue
        if found.graph_name != name and gathered:
            yield begun, broken[0] if broken else _document(gathered)
            begun, gathered, broken = number, [], []
        begun, name = begun or number, found.graph_name
        gathered.append(found)
    if gathered or broken:
        yield begun, broken[0] if broken else _document(gathered)


def _quads(stream: IO[bytes]) -> Iterator[tuple[int, Quad | HubError]]:
    for number, line in _split(stream):
        if isinstance(line, TooLarge):
            yield number, line
            return
        try:
            check_nesting(line)
            yield from ((number, quad) for quad in parse(line, RdfFormat.N_QUADS))
        except SyntaxError as error:
            yield number, Malformed(f"Line {number} is no N-Quads statement: {str(error.args[0])[:300]}")
        except HubError as error:
            yield number, error


def _document(quads: Sequence[Quad]) -> Document:
    return Document("application/n-triples", serialize([each.triple for each in quads], format=RdfFormat.N_TRIPLES) or b"")
