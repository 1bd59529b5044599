"""From a posted document to a draft that may be written: parse, name, stamp, gate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pyoxigraph import Literal, NamedNode, Triple

from server.errors import DoesNotConform, Fault, Malformed
from server.graph import portable
from server.graph.bounds import check_size, load_json
from server.graph.changes import Reference, Unique
from server.graph.gate import Verdict, context_triples, refusal
from server.graph.kinds import Kind
from server.graph.literals import canonical_triple
from server.graph.names import ID, new_id
from server.graph.rdf import FORMATS, find_root, foreign_subjects, read, skolemize
from server.graph.reading import Draft
from server.graph.vocabulary import RDF
from server.graph.writing import by_subject
from server.services.things import Thing, Toolbox, Workbench
from server.store.base import Term
from server.store.text import fill

JSON = "application/json"
STAMPS = ("created", "modified", "creator")


@dataclass(frozen=True)
class Document:
    """A body as it came: its bytes and its media type, or for the hub's own calls a dictionary."""

    media_type: str
    content: bytes | Mapping[str, Any]

    def json(self) -> Any:
        """Return the JSON value; raise `Malformed` with line and column."""
        return load_json(self.content) if isinstance(self.content, bytes) else self.content


class Drafting:
    """Makes drafts of documents; it needs no store for that."""

    def __init__(self, tools: Workbench) -> None:
        """Work with these graph tools."""
        self.tools = tools

    def new(self, kind: Kind, document: Document) -> Draft:
        """Read a document that describes a new thing, under the id or IRI it gives or a new one."""
        if document.media_type in FORMATS:
            return self._storable(self._graph(kind, document, self.tools.names.thing(kind.collection, new_id()), fixed=False))
        body = document.json()
        return self._storable(self.tools.reader.read(kind, self._name(kind, body), body))

    def named(self, kind: Kind, id: str, document: Document) -> Draft:
        """Read an RDF document that describes the new thing of an id; raise `DoesNotConform` where it describes another one."""
        names = self.tools.names
        draft = self._storable(self._graph(kind, document, names.thing(kind.collection, id), fixed=not kind.external))
        if names.id_of(kind, draft.thing) != id:
            raise DoesNotConform(f"The document of {draft.thing.value} is {names.document(kind.collection, names.id_of(kind, draft.thing)).value}.")
        return draft

    def of(self, thing: Thing, document: Document) -> Draft:
        """Read a document that describes an existing thing anew; what the hub derives must be as it is."""
        if document.media_type in FORMATS:
            return self._storable(self._graph(thing.kind, document, thing.iri, fixed=True))
        body = document.json()
        if isinstance(body, dict):
            derived = {"id": thing.id, "iri": thing.iri.value, "revision": thing.revision}
            if faults := [
                Fault(f"/{key}", f"{key} is {value!r} and cannot be changed.") for key, value in derived.items() if body.get(key, value) != value
            ]:
                raise Malformed(faults[0].message, faults=faults)
        return self._storable(self.tools.reader.read(thing.kind, thing.iri, body))

    def _storable(self, draft: Draft) -> Draft:
        """Return a draft that says only what can be kept as it is; raise `DoesNotConform` for another one."""
        if found := list(portable.faults(draft, self.tools.registry, self.tools.names)):
            raise DoesNotConform(found[0].message, faults=found)
        return draft

    def stamped(self, draft: Draft, current: Thing | None, at: Literal, creator: NamedNode | None, *, trusted: bool = False) -> Draft:
        """Set what only the hub sets: created, modified, creator; keep the other read-only members of the current description.

        Raises `Malformed` where the document gives a read-only member another value than the current one. `trusted` documents
        (the hub's own imports) may give them.
        """
        triples = set(draft.triples)
        for found in draft.kind.fields:
            if not found.read_only:
                continue
            given = {Triple(draft.thing, found.path, each) for each in draft.nodes.get(draft.thing, {}).get(found.path, ())}
            kept = {Triple(draft.thing, found.path, each) for each in current.values(found.key)} if current else set()
            if (trusted and given) or not (given or kept):
                continue
            if given and given != kept:
                pointer = draft.pointer(draft.thing, found.path, None)
                raise Malformed(f"{found.key} is set by the hub; leave it out.", faults=[Fault(pointer, "Read-only.")])
            triples = (triples - given) | kept
        for key, value in (("created", None if current else at), ("modified", at), ("creator", None if current else creator)):
            if (stamp := draft.kind.by_key.get(key)) is not None and value is not None:
                old = {each for each in triples if each.predicate == stamp.path and each.subject == draft.thing}
                if not (trusted and old and key != "modified"):
                    triples = (triples - old) | {Triple(draft.thing, stamp.path, value)}
        return replace(draft, triples=frozenset(triples))

    def unique(self, draft: Draft) -> list[Unique]:
        """List the values of a draft that no other thing of its kind may have."""
        return [
            Unique(draft.kind.targets[0], field.path, value, field.key)
            for field in draft.kind.fields
            if field.unique
            for value in draft.nodes.get(draft.thing, {}).get(field.path, ())
        ]

    def wanted(self, draft: Draft) -> list[tuple[NamedNode, tuple[str, ...]]]:
        """List the things that a draft refers to, with the collections that each may be in."""
        walked = self.tools.writer.walk(draft.kind, draft.thing, draft.nodes)
        return list(dict.fromkeys((value, field.refers) for _, field, _, value in walked if field.refers and isinstance(value, NamedNode)))

    def _name(self, kind: Kind, body: Any) -> NamedNode:
        """Choose the IRI of a new thing from the `id` or `iri` that its document gives."""
        names = self.tools.names
        given_id, given_iri = (body.get("id"), body.get("iri")) if isinstance(body, dict) else (None, None)
        if given_id is not None and not (isinstance(given_id, str) and ID.fullmatch(given_id)):
            raise Malformed(
                "An id is 64 lower-case hexadecimal digits; leave it out and the hub makes one.", faults=[Fault("/id", "Not 64 hex digits.")]
            )
        if kind.external:
            return self._external(kind, given_iri)
        thing = names.thing(kind.collection, given_id or new_id())
        if given_iri is not None and given_iri != thing.value:
            split = names.split(given_iri) if isinstance(given_iri, str) else None
            if given_id is not None or split is None or split[0] != kind.collection:
                raise Malformed(
                    f"The iri of a {kind.label} is {names.base}id/{kind.collection}/<id>; leave it out.", faults=[Fault("/iri", "Another one.")]
                )
            return names.thing(*split)
        return thing

    def _external(self, kind: Kind, given: Any) -> NamedNode:
        try:
            iri = NamedNode(given)
        except (TypeError, ValueError):
            message = f"A {kind.label} is named by its publisher: give its absolute IRI in the member iri."
            raise DoesNotConform(message, faults=[Fault("/iri", message)]) from None
        if iri.value.startswith(self.tools.names.base):
            raise Malformed(f"{iri.value[:200]} is below the hub's own base.", faults=[Fault("/iri", "Give the publisher's IRI.")])
        return iri

    def _graph(self, kind: Kind, document: Document, thing: NamedNode, *, fixed: bool) -> Draft:
        """Read an RDF document: find the thing it describes, name its blank nodes, respell numbers canonically."""
        names, content = self.tools.names, document.content
        text = content if isinstance(content, bytes) else orjson.dumps(content)
        triples = read(text, document.media_type, thing.value, self.tools.context, self.tools.context_iri)
        check_size(len(triples))
        root = find_root(triples, kind, thing)
        if isinstance(root, NamedNode) and root != thing:
            self._check_root(kind, root, thing, fixed)
            thing = root
        named = [canonical_triple(each) for each in skolemize(triples, root, thing)]
        if foreign := foreign_subjects(named, thing, names):
            listed = ", ".join(sorted(foreign)[:3])
            message = f"The graph describes {listed} too; describe only {thing.value}, its parts (below its IRI, or blank nodes) and shared nodes."
            raise DoesNotConform(message, faults=[Fault("", message)])
        typed = {each.object for each in named if each.subject == thing and each.predicate == RDF.type}
        types = {Triple(thing, RDF.type, each) for each in kind.types if each not in kind.targets or not typed & set(kind.targets)}
        return Draft(kind, thing, frozenset({*named, *types, *self._defaults(kind, thing, named)}), self._pointers(kind, thing, named), {thing: kind})

    def _defaults(self, kind: Kind, thing: NamedNode, triples: Iterable[Triple]) -> Iterator[Triple]:
        """State the defaults that a graph leaves out, as they are stated for JSON."""
        nodes, parts = by_subject(triples), self.tools.registry.part_of
        walked = self.tools.writer.walk(kind, thing, nodes)
        shapes = {thing: kind, **{value: part for _, found, _, value in walked if (part := parts(found)) and isinstance(value, NamedNode)}}
        for node, shape in shapes.items():
            for found in shape.defaulted:
                if found.default is not None and found.path not in nodes.get(node, {}):
                    yield Triple(node, found.path, found.default)

    def _check_root(self, kind: Kind, root: NamedNode, thing: NamedNode, fixed: bool) -> None:
        names = self.tools.names
        if fixed:
            raise Malformed(f"The document describes {root.value[:200]}; this is {thing.value}.")
        split = names.split(root.value)
        if not kind.external and (split is None or split[0] != kind.collection):
            raise DoesNotConform(
                f"A {kind.label} is named {names.base}id/{kind.collection}/<64 hex>, not {root.value[:200]}; "
                "use a blank node or <> and the hub names it.",
                faults=[Fault("", root.value[:200])],
            )
        if kind.external:
            self._external(kind, root.value)

    def _pointers(self, kind: Kind, thing: NamedNode, triples: Iterable[Triple]) -> dict[tuple[NamedNode, NamedNode | None, Term | None], str]:
        pointers: dict[tuple[NamedNode, NamedNode | None, Term | None], str] = {(thing, None, None): ""}
        for key, _, subject, value in self.tools.writer.walk(kind, thing, by_subject(triples)):
            if isinstance(subject, NamedNode):
                pointers[subject, None, None] = pointers.get((subject, None, None), "/" + key.rpartition(".")[0].replace(".", "/"))
                if isinstance(value, NamedNode):
                    pointers.setdefault((value, None, None), "/" + key.replace(".", "/"))
        return pointers


class Drafts(Drafting):
    """Makes drafts, and judges them with what they refer to."""

    def __init__(self, tools: Toolbox) -> None:
        """Work with these graph tools and their store."""
        super().__init__(tools)
        self.store = tools.store

    def admit(self, draft: Draft, *, believing: bool = False) -> tuple[tuple[Reference, ...], tuple[Unique, ...]]:
        """Pass a draft through the gate; return what must hold when it is written. Raises `DoesNotConform`.

        When `believing`, a reference to what has the name of a thing of the hub is taken to lead there: the write will find out.
        """
        wanted, found = self._references(draft, believing)
        self.tools.gate.admit(draft, context_triples({each: kind.collection for each, kind in found.items()}, wanted))
        return self.conditions(draft, wanted, found)

    def judge(self, draft: Draft) -> Verdict:
        """Judge a draft with the reference engine without writing; raise `DoesNotConform` if it does not conform."""
        wanted, found = self._references(draft)
        context = context_triples({each: kind.collection for each, kind in found.items()}, wanted)
        verdict = self.tools.gate.judge([*draft.triples, *context], draft)
        if not verdict.conforms:
            raise refusal(draft, verdict)
        return verdict

    def conditions(
        self, draft: Draft, wanted: Iterable[tuple[NamedNode, tuple[str, ...]]], found: Mapping[NamedNode, Kind]
    ) -> tuple[tuple[Reference, ...], tuple[Unique, ...]]:
        """Say what must hold in the store when a draft is written: its references exist, its unique values are free."""
        names = self.tools.names
        references = {
            each: Reference(each, names.document(kind.collection, names.id_of(kind, each)), kind.targets[0])
            for each, asked in wanted
            if (kind := found.get(each)) is not None and kind.collection in asked and each != draft.thing
        }
        return tuple(references.values()), tuple(self.unique(draft))

    def existing(self, things: Iterable[NamedNode]) -> dict[NamedNode, Kind]:
        """Look up in one query which of these things exist, and of which kind each is."""
        values = list(dict.fromkeys(things))
        if not values:
            return {}
        rows = self.store.select(fill("SELECT ?g ?n ?t WHERE { VALUES ?n { $things } GRAPH ?g { ?n a ?t } }", things=values))
        kinds, names = self.tools.registry.by_class, self.tools.names
        return {
            thing: kind
            for row in rows
            if isinstance(thing := row["n"], NamedNode) and isinstance(row["t"], NamedNode) and (kind := kinds.get(row["t"])) is not None
            if row["g"] == names.document(kind.collection, names.id_of(kind, thing))  # only its own document says what a thing is
        }

    def _references(self, draft: Draft, believing: bool = False) -> tuple[list[tuple[NamedNode, tuple[str, ...]]], dict[NamedNode, Kind]]:
        wanted = self.wanted(draft)
        named = {each: self._named(each) for each, _ in wanted} if believing else {}
        found = {each: kind for each, kind in named.items() if kind is not None}
        found |= self.existing(each for each, _ in wanted if each not in found)
        found[draft.thing] = draft.kind  # a thing may refer to itself
        return wanted, found

    def _named(self, thing: NamedNode) -> Kind | None:
        """Tell of which kind a thing is by its name alone, if the hub gave the name."""
        kind = self.tools.registry.kinds.get((self.tools.names.split(thing.value) or ("",))[0])
        return kind if kind is not None and not kind.external else None
