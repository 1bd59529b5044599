"""What the services hand around: a thing as it is stored, and the tools that every use case on things needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson
from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse

from server.errors import Forbidden, Gone, NotFound
from server.graph.changes import DELETE
from server.graph.context import build as build_context
from server.graph.gate import Gate
from server.graph.history import History, Revision
from server.graph.kinds import Kind, Registry
from server.graph.literals import canonical_triple
from server.graph.names import ID, Names
from server.graph.reading import JsonReader
from server.graph.vocabulary import HUB, compact
from server.graph.writing import JsonWriter, Nodes, by_subject
from server.services.callers import Caller, Role
from server.store.base import Store
from server.store.text import fill


@dataclass(frozen=True)
class Thing:
    """One thing of a kind at one revision."""

    kind: Kind
    id: str
    iri: NamedNode
    document: NamedNode
    revision: int
    triples: frozenset[Triple]
    text: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)
    """Its JSON, once `Toolbox.item` has written it: the answer to a write and the search index hold the same."""

    @cached_property
    def nodes(self) -> Nodes:
        """Index the triples by subject and predicate."""
        return by_subject(self.triples)

    def values(self, key: str) -> list[Any]:
        """Return the terms of one of its own fields."""
        found = self.kind.by_key.get(key)
        return list(self.nodes.get(self.iri, {}).get(found.path, ())) if found is not None else []


class Workbench:
    """The graph tools that need no store, made once from the registry: names, reader, writer, gate, context."""

    def __init__(self, registry: Registry, names: Names) -> None:
        """Build the tools for these kinds and names."""
        self.registry, self.names = registry, names
        self.reader = JsonReader(registry, self.names)
        self.writer = JsonWriter(registry, self.names)
        self.gate = Gate(registry)
        self.context = build_context(registry)

    @property
    def context_iri(self) -> str:
        """Name the JSON-LD context."""
        return f"{self.names.base}context.jsonld"

    def context_of(self, kind: Kind) -> dict[str, Any]:
        """Return the part of the context that one kind needs."""
        others = {compact(target.value) for each in self.registry.kinds.values() if each is not kind for target in each.targets}
        return {key: value for key, value in self.context.items() if key not in others}

    def json(self, thing: Thing) -> dict[str, Any]:
        """Write a thing as its JSON object."""
        return self.writer.write(thing.kind, thing.iri, thing.nodes, thing.revision)

    def item(self, thing: Thing) -> bytes:
        """Write a thing as JSON text."""
        if not thing.text:
            thing.text.append(orjson.dumps(self.json(thing)))
        return thing.text[0]

    def kind(self, collection: str) -> Kind:
        """Find a kind by its collection; raise `NotFound` with those that exist."""
        if collection not in self.registry.kinds:
            raise NotFound(f"There is no collection {collection[:80]}; there are {', '.join(self.registry.kinds)}.")
        return self.registry.kinds[collection]

    def document(self, kind: Kind, id: str) -> NamedNode:
        """Name the document of a thing; raise `NotFound` for what cannot be an id."""
        if not ID.fullmatch(id):
            raise NotFound(f"There is no {kind.label} {id[:80]}; an id is 64 lower-case hexadecimal digits.")
        return self.names.document(kind.collection, id)


class Toolbox(Workbench):
    """The workbench with the store that it works for, and the histories there."""

    def __init__(self, store: Store, registry: Registry, base: str, *, aliased: bool = False) -> None:
        """Build the tools for the knowledge dataset; `aliased`: old consumers find in it the IRIs that they ask for."""
        super().__init__(registry, Names(base, aliased))
        self.store, self.history = store, History(store, self.names)

    def load(self, kind: Kind, id: str) -> Thing:
        """Read a thing and its revision in one query; raise `NotFound`, or `Gone` with the tombstone."""
        document = self.document(kind, id)
        thing, revision = self.assemble(kind, id, self._described(document, self.names.history(document)))
        if not revision:
            raise NotFound(f"There is no {kind.label} {id[:80]}.")
        if thing is None:
            raise self.gone(kind, id, document)
        return thing

    def assemble(self, kind: Kind, id: str, triples: Iterable[Triple]) -> tuple[Thing | None, int]:
        """Make a thing of the statements of its graph and of its history's node: the thing, None where it is deleted; its revision, 0 for none."""
        document = self.document(kind, id)
        history = self.names.history(document)
        heads = [each.object for each in triples if each.subject == history and each.predicate == HUB.head]
        revision = int(str(heads[0].value).rpartition("/")[2]) if heads and isinstance(heads[0], NamedNode) else 0
        own = _whole(triples, history)
        return (Thing(kind, id, self.root(kind, id, own), document, revision, own) if revision and own else None), revision

    def description(self, document: NamedNode) -> frozenset[Triple]:
        """Read what a document says, shared nodes included; empty where there is none or it was deleted."""
        history = self.names.history(document)
        return _whole(self._described(document, history), history)

    def _described(self, document: NamedNode, history: NamedNode) -> list[Triple]:
        return self.store.triples(fill(_DESCRIPTION, document=document, history=history))

    def root(self, kind: Kind, id: str, triples: Iterable[Triple]) -> NamedNode:
        """Return the IRI of the thing that a document describes."""
        if not kind.external:
            return self.names.thing(kind.collection, id)
        subjects = {each.subject for each in triples if each.object in kind.targets and isinstance(each.subject, NamedNode)}
        return next(each for each in subjects if isinstance(each, NamedNode) and self.names.id_of(kind, each) == id)

    def gone(self, kind: Kind, id: str, document: NamedNode) -> Gone:
        """Describe a deleted thing by its tombstone."""
        head = self.history.head(document)
        return Gone(f"This {kind.label} was deleted; POST {document.value}/restore brings it back.", tombstone=tombstone(head) if head else None)


def _whole(triples: Iterable[Triple], history: NamedNode) -> frozenset[Triple]:
    """Join a document's own statements with those about shared nodes, which its history graph keeps as one literal."""
    whole = {canonical_triple(each) for each in triples if each.subject != history}
    for each in triples:
        if each.subject == history and each.predicate == HUB.sharedStatements and isinstance(each.object, Literal):
            whole |= shared_statements(each.object)
    return frozenset(whole)


def shared_statements(literal: Literal) -> set[Triple]:
    """Read the statements about shared nodes that a history graph keeps."""
    return {canonical_triple(quad.triple) for quad in parse(literal.value, RdfFormat.N_TRIPLES)}


def tombstone(head: Revision) -> dict[str, Any]:
    """Write what is left of a deleted thing."""
    return {"id": head.id, "kind": head.collection, "revision": head.revision, "deleted": head.at, "by": head.by, "reason": head.reason}


def may_change(caller: Caller, thing: Thing) -> None:
    """Return if the caller may write this thing: its owner, a co-owner, a curator; else raise `Forbidden`.

    What nobody owns (anonymous callers made it) may be changed by anonymous contributors, where the settings allow any.
    """
    caller.require(Role.contributor)
    owners = {*thing.values("creator"), *thing.values("maintainers")}
    if caller.role >= Role.curator or (caller.person is not None and (caller.person in owners or caller.person == thing.iri)):
        return
    if not owners and caller.anonymous:
        return
    raise Forbidden(f"This {thing.kind.label} belongs to somebody else; its owner can name you in maintainers.")


def is_deleted(head: Revision | None) -> bool:
    """Tell whether the last revision is a tombstone."""
    return head is not None and head.action == DELETE


_DESCRIPTION = """CONSTRUCT { ?s ?p ?o } WHERE {
  { GRAPH $document { ?s ?p ?o } } UNION { GRAPH $history { $history ?p ?o } BIND($history AS ?s) } }"""
