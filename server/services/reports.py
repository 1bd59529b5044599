"""Stored queries: those that come in the folders of HUB_QUERIES, and those that curators keep in the store.

A query in the store is a document like any other, with the same history: its graph says its text, every change is one commit. One of the
name of a file stands before it until it is deleted. What runs is a stranger's query to the store, whoever wrote it: the same limits, the same door.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pyoxigraph import Literal, NamedNode, Triple

from server.errors import Fault, Gone, HubError, InUse, Malformed, NotFound, RevisionMismatch, RevisionRequired
from server.graph.changes import DELETE, Change, now
from server.graph.history import Revision
from server.graph.literals import BAD_TEXT
from server.graph.names import Names
from server.graph.vocabulary import DCT, HUB, RDF
from server.services.assets import ANY, Publish
from server.services.callers import Caller, Role
from server.services.parameters import Below, read_values
from server.services.past import entry
from server.services.queries import Queries, Question
from server.services.stored import MOST_ROWS, NAME, StoredQuery, check_syntax, read_query
from server.services.tables import Result, page, source, whole
from server.services.things import Toolbox, is_deleted, tombstone
from server.store.text import fill

LOG = logging.getLogger(__name__)
COLLECTION = "queries"
MOST_TEXT = 100_000
_ALL = "SELECT ?query ?text WHERE { GRAPH ?document { ?query a $type ; $sparql ?text } FILTER(STRSTARTS(STR(?document), $documents)) }"
_ONE = "SELECT ?text WHERE { GRAPH $document { $query $sparql ?text } }"


@dataclass(frozen=True)
class Kept:
    """A stored query at a revision; 0 where it comes from a file."""

    query: StoredQuery
    revision: int


@dataclass(frozen=True)
class Call:
    """A call of a stored query: its values by name, the page, the seconds it may take, the address it came from, and its own address."""

    values: Mapping[str, list[Any]]
    limit: int | None = None
    offset: int = 0
    seconds: float | None = None
    address: str = ""
    here: str = ""


class Reports:
    """The use cases on stored queries: list, read, run; keep, delete and look back for curators."""

    def __init__(self, tools: Toolbox, queries: Queries, publish: Publish, folders: Iterable[Path], below: Below) -> None:
        """Read every `*.rq` of the folders; a file that is no stored query is named in the `ValueError`."""
        self.tools, self._queries, self._publish, self.below = tools, queries, publish, below
        files = [path for folder in folders for path in sorted(folder.glob("*.rq"))]
        self.shipped: dict[str, StoredQuery] = {path.stem: _read_file(path, tools.names) for path in files}

    def all(self) -> list[StoredQuery]:
        """Return every query by its name; one in the store that this hub cannot read any more is left out and logged."""
        found = dict(self.shipped)
        documents = Literal(f"{self.tools.names.base}api/{COLLECTION}/")
        for row in self.tools.store.select(fill(_ALL, type=HUB.StoredQuery, sparql=HUB.sparql, documents=documents)):
            name = str(row["query"].value).rpartition("/")[2]
            try:
                found[name] = _read(name, str(row["text"].value), self.tools.names)
            except HubError as error:
                LOG.warning("The stored query %s cannot be read: %s", name, error.detail)
        return [found[name] for name in sorted(found)]

    def read(self, name: str) -> Kept:
        """Return a query; raise `NotFound` naming those that there are."""
        text = self._text(name) if NAME.fullmatch(name) else None
        if text is not None:
            head = self._head(name)
            return Kept(_read(name, text, self.tools.names), head.revision if head else 0)
        if name in self.shipped:
            return Kept(self.shipped[name], 0)
        if NAME.fullmatch(name) and (head := self._head(name)) is not None:
            raise Gone(f"The stored query {name} was deleted; a curator can keep one of this name again.", tombstone=tombstone(head))
        raise NotFound(f"There is no stored query {name[:80]}; there are {', '.join(each.name for each in self.all()) or 'none'}.")

    def run(self, caller: Caller, query: StoredQuery, call: Call, media_type: str) -> Result:
        """Bind the values of a call and answer it in one of the types that `tables.offered` names.

        Raises `Malformed` naming each parameter that is unknown, missing or wrong, and whatever a stranger's query raises.
        """
        self._check_names(query, call)
        terms = read_values(query.parameters, call.values, self.tools.names, self.below)
        limit = call.limit or query.paging
        text = query.bound(terms, (limit + 1, call.offset) if limit else None)
        wanted = source(query.form, media_type, bool(limit))
        answer = self._queries.run(caller, Question(text, seconds=call.seconds, address=call.address), lambda form: wanted)
        return page(answer, media_type, limit, call.offset, call.here) if limit else whole(answer, media_type)

    def _check_names(self, query: StoredQuery, call: Call) -> None:
        known = [each.name for each in query.parameters]
        unknown = [name for name in call.values if name not in known]
        faults = [Fault(f"?{name[:80]}", f"{query.name} has no parameter {name[:80]}; known: {', '.join(known) or 'none'}.") for name in unknown]
        if query.paging is None and (call.limit is not None or call.offset):
            faults.append(Fault("?limit", f"{query.name} has no pages; it answers whole."))
        if call.limit is not None and not 1 <= call.limit <= MOST_ROWS:
            faults.append(Fault("?limit", f"limit is a whole number from 1 to {MOST_ROWS}."))
        if faults:
            raise Malformed(faults[0].message, faults=faults)

    def keep(self, caller: Caller, name: str, text: str, expected: str | int | None, *, reason: str | None = None) -> tuple[Kept, bool]:
        """Store a query under a name, after it was read, checked and tried with its examples; tell whether the name is new.

        Raises `Malformed`, `QueryRefused`, `QueryTimeout`, `QueryLimit` for a query that is not kept, and as `Assets.replace` for the revision.
        """
        caller.require(Role.curator)
        text = text.replace("\r\n", "\n")
        self._check_text(name, text)
        query = read_query(name, text, self.tools.names)
        for trial in query.trials(self.tools.names):
            wanted = source(query.form, "application/n-triples" if query.form == "construct" else "application/json", paged=True)
            self._queries.run(caller, Question(trial), lambda form, wanted=wanted: wanted).body.close()  # type: ignore[misc]
        head, before = self._head(name), self.tools.description(self._document(name))
        current = 0 if head is None or is_deleted(head) else head.revision
        self._check_revision(name, current, expected)
        after = self._triples(query)
        if before == after:
            return Kept(query, current), False
        action = "replace" if current else "create"
        change = Change(COLLECTION, name, self._thing(name), action, head.revision if head else 0, before, after)
        self._commit(change, caller, reason)
        return Kept(query, change.revision), not current and name not in self.shipped

    def delete(self, caller: Caller, name: str, expected: str | int | None = None, *, reason: str | None = None) -> None:
        """Remove a query from the store; the file of its name, if there is one, stands again. Raises `InUse` for what is only a file."""
        caller.require(Role.curator)
        kept = self.read(name)
        if not kept.revision:
            raise InUse(f"The query {name} comes with the hub, from a folder of HUB_QUERIES; remove its file there, or put another one before it.")
        self._check_revision(name, kept.revision, ANY if expected is None else expected)
        before = self.tools.description(self._document(name))
        self._commit(Change(COLLECTION, name, self._thing(name), DELETE, kept.revision, before, frozenset()), caller, reason)

    def history(self, name: str) -> list[dict[str, Any]]:
        """List the revisions of a query in the store, newest first; those of a deleted one too."""
        found = self.tools.history.revisions(self._document(name)) if NAME.fullmatch(name) else []
        if not found and name not in self.shipped:
            self.read(name)
        return [entry(each) for each in found]

    def at(self, name: str, revision: int) -> str:
        """Return the text of a query as it was at a revision."""
        document = self._document(name) if NAME.fullmatch(name) else None
        if document is None or self._head(name) is None:
            raise NotFound(f"There are no revisions of a query {name[:80]}.")
        triples = self.tools.history.at(document, revision, self.tools.description(document))
        if not triples:
            raise NotFound(f"Revision {revision} is a deletion: there is nothing to show.")
        return next(str(each.object.value) for each in triples if each.predicate == HUB.sparql and isinstance(each.object, Literal))

    def _check_text(self, name: str, text: str) -> None:
        if not NAME.fullmatch(name):
            raise Malformed("The name of a query is a word of at most 61 lower-case letters, digits and hyphens that begins with a letter.")
        if len(text) > MOST_TEXT:
            raise Malformed(f"A stored query has at most {MOST_TEXT} characters.")
        if BAD_TEXT.search(text):
            raise Malformed("A stored query has no control characters but line breaks and tabs.")

    def _check_revision(self, name: str, current: int, expected: str | int | None) -> None:
        if expected is None and (current or name in self.shipped):
            raise RevisionRequired(f"There is a query {name}; send If-Match with the ETag of the one that you changed (or * to overwrite it).")
        if expected not in (None, ANY, current):
            raise RevisionMismatch(f"The current revision is {current}, not {expected}; read it again and repeat the change.", current=current)

    def _commit(self, change: Change, caller: Caller, reason: str | None) -> None:
        sequence = self.tools.history.commit([change], caller.person, now(), reason)
        self._publish([], sequence, sequence - 1)

    def _document(self, name: str) -> NamedNode:
        return self.tools.names.document(COLLECTION, name)

    def _thing(self, name: str) -> NamedNode:
        return NamedNode(f"{self.tools.names.base}{COLLECTION}/{name}")

    def _head(self, name: str) -> Revision | None:
        return self.tools.history.head(self._document(name))

    def _text(self, name: str) -> str | None:
        rows = self.tools.store.select(fill(_ONE, document=self._document(name), query=self._thing(name), sparql=HUB.sparql))
        return str(rows[0]["text"].value) if rows else None

    def _triples(self, query: StoredQuery) -> frozenset[Triple]:
        thing = self._thing(query.name)
        said = ((RDF.type, HUB.StoredQuery), (DCT.title, Literal(query.summary)), (HUB.sparql, Literal(query.text)))
        return frozenset(Triple(thing, predicate, value) for predicate, value in said)


@lru_cache(maxsize=256)
def _read(name: str, text: str, names: Names) -> StoredQuery:
    return read_query(name, text, names)


def _read_file(path: Path, names: Names) -> StoredQuery:
    try:
        if not NAME.fullmatch(path.stem):
            raise Malformed("the name of a query is a word of lower-case letters, digits and hyphens")
        query = read_query(path.stem, path.read_text("utf-8"), names)
        check_syntax(query, names)
    except HubError as error:
        raise ValueError(f"{path}: {error.detail}") from error
    return query
