"""JSON → triples, by the shape of the kind.

What is wrong with the form of a document is found here (400 or 422 with JSON pointers); whether it conforms is judged by the
gate. Each triple remembers the pointer it came from, so that a SHACL result can point back into the request.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

import orjson
from pyoxigraph import Literal, NamedNode, Triple

from server.errors import DoesNotConform, Fault, Malformed
from server.graph.bounds import MOST_FAULTS, check_size
from server.graph.kinds import RESERVED, Field, Kind, Registry, Shape
from server.graph.literals import BAD_TEXT, canonical, from_json
from server.graph.names import ID, Names
from server.graph.terms import literal_of, resource_or_literal, tagged
from server.graph.vocabulary import RDF, expand
from server.graph.writing import INCLUDED, Nodes, by_subject
from server.store.base import Term

Pointers = dict[tuple[NamedNode, NamedNode | None, Term | None], str]


@dataclass(frozen=True)
class Draft:
    """The description of a thing on its way to the gate.

    Pointers lead from (node, predicate, value) into the request; `shapes` says by which shape a node was read, so that a member that
    is missing has a pointer too.
    """

    kind: Kind
    thing: NamedNode
    triples: frozenset[Triple]
    pointers: Pointers = field(default_factory=dict)
    shapes: Mapping[NamedNode, Shape] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> Nodes:
        """Index the triples by subject and predicate."""
        return by_subject(self.triples)

    def pointer(self, node: NamedNode, predicate: NamedNode | None, value: Term | None) -> str:
        """Find the place in the request that a statement is about: the value, else the member, else the node."""
        for key in ((node, predicate, value), (node, predicate, None)):
            if key in self.pointers:
                return self.pointers[key]
        here = self.pointers.get((node, None, None), "")
        shape = self.shapes.get(node)
        fields = shape.by_path.get(predicate, ()) if shape is not None and predicate is not None else ()
        return f"{here}/{escape(fields[0].key)}" if fields else here


def escape(key: str) -> str:
    """Escape a key for a JSON pointer (RFC 6901, 3)."""
    return key.replace("~", "~0").replace("/", "~1") if "/" in key or "~" in key else key


class JsonReader:
    """Turns JSON documents of any kind into drafts."""

    def __init__(self, registry: Registry, names: Names) -> None:
        """Read by these kinds, with IRIs below this base."""
        self.registry, self.names = registry, names

    def read(self, kind: Kind, thing: NamedNode, body: Any) -> Draft:
        """Map a JSON object to the triples that describe `thing`.

        Raises `Malformed` for unknown members and `DoesNotConform` for values that no triple can carry.
        """
        if not isinstance(body, dict):
            raise Malformed(f"Send one JSON object that describes a {kind.label}.", faults=[Fault("", "Not a JSON object.")])
        reading = _Reading(self, kind, thing)
        reading.thing(body)
        if reading.unknown:
            raise Malformed(reading.unknown[0].message, faults=reading.unknown[:MOST_FAULTS])
        if reading.faults:
            raise DoesNotConform(reading.faults[0].message, faults=reading.faults[:MOST_FAULTS])
        check_size(len(reading.triples))
        return Draft(kind, thing, frozenset(reading.triples), reading.pointers, reading.shapes)

    def iri(self, found: Field, text: str) -> NamedNode:
        """Resolve what stands for an IRI in JSON: absolute, below the base, an id of the one collection referred to, or a short name.

        Raises `ValueError` with what is allowed.
        """
        if BAD_TEXT.search(text):
            raise ValueError("has a control character")
        for choice in found.choices:
            if isinstance(choice, NamedNode) and text in (choice.value, choice.value.rpartition("#")[2].rpartition("/")[2]):
                return choice
        if found.refers and len(found.refers) == 1 and ID.fullmatch(text):
            return self.names.thing(found.refers[0], text)
        if text.startswith("id/"):
            text = self.names.base + text
        text = expand(text)
        if ":" not in text.partition("/")[0] and found.iri_prefix:
            text = found.iri_prefix + quote(text, safe="/+.-_")
        return NamedNode(text)  # ValueError: not an absolute IRI


class _Reading:
    """One document being read: what has been found so far."""

    def __init__(self, reader: JsonReader, kind: Kind, thing: NamedNode) -> None:
        self.reader, self.kind, self.root = reader, kind, thing
        self.triples: set[Triple] = set()
        self.pointers: Pointers = {}
        self.shapes: dict[NamedNode, Shape] = {}
        self.faults: list[Fault] = []
        self.unknown: list[Fault] = []
        self.values_read = 0

    def thing(self, body: Mapping[str, Any]) -> None:
        self.pointers[self.root, None, None] = ""
        for type_ in self.types(self.kind, body, ""):
            self.add(self.root, RDF.type, type_, "/type")
        self.members(self.kind, self.root, body, "")
        self.included(body.get(INCLUDED))

    def included(self, given: Any) -> None:
        """Take what is said of nodes below the thing that no member leads to: objects with `iri`, `type` and statements of the owner's own."""
        for position, each in enumerate(given if isinstance(given, list) else [] if given is None else [given]):
            here = f"/{INCLUDED}/{position}"
            try:
                if not isinstance(each, dict) or not str(each.get("iri")).startswith((f"{self.root.value}/", f"{self.root.value}#")):
                    raise ValueError(f"takes objects with an iri below {self.root.value}.")
                node = NamedNode(each["iri"])
            except ValueError as error:
                self.faults.append(Fault(here, f"{INCLUDED} {error}"))
                continue
            self.pointers.setdefault((node, None, None), here)
            for type_ in self.named_types(each.get("type", []), here) or ():
                self.add(node, RDF.type, type_, f"{here}/type")
            for key, value in each.items():
                if key not in ("iri", "type"):
                    self.extension(node, key, value, f"{here}/{escape(key)}")

    def add(self, subject: NamedNode, predicate: NamedNode, value: Term, pointer: str) -> None:
        value = canonical(value) if isinstance(value, Literal) else value
        self.triples.add(Triple(subject, predicate, value))
        self.pointers.setdefault((subject, predicate, value), pointer)

    def count(self) -> None:
        self.values_read += 1
        check_size(self.values_read)

    def types(self, shape: Shape, body: Mapping[str, Any], pointer: str) -> tuple[NamedNode, ...]:
        """Return the types of a node: the shape's, or for a kind with several target classes the ones asked for."""
        if body.get("type") is None:
            return shape.types
        if (asked := self.named_types(body["type"], pointer)) is None:
            return shape.types
        allowed = shape.targets if isinstance(shape, Kind) else shape.types[:1]
        if not set(allowed) & set(asked):
            names = " or ".join(each.value for each in allowed)
            self.faults.append(Fault(f"{pointer}/type", f"The types of a {shape.label} include {names}."))
        return tuple(dict.fromkeys((*asked, *(each for each in shape.types if each not in allowed))))

    def named_types(self, given: Any, pointer: str) -> tuple[NamedNode, ...] | None:
        types = given if isinstance(given, list) else [given]
        try:
            return tuple(NamedNode(expand(each if isinstance(each, str) else "")) for each in types)
        except ValueError:
            self.faults.append(Fault(f"{pointer}/type", "type is an array of IRIs or prefixed names."))
            return None

    def members(self, shape: Shape, node: NamedNode, body: Mapping[str, Any], pointer: str) -> None:
        self.shapes[node] = shape
        for key, value in body.items():
            if key in RESERVED or (key == INCLUDED and node == self.root):
                continue
            here = f"{pointer}/{escape(key)}"
            if (found := shape.by_key.get(key)) is not None:
                self.values(found, node, value, here)
                self.pointers.setdefault((node, found.path, None), here)
            elif ":" in key:
                self.extension(node, key, value, here)
            elif len(self.unknown) < MOST_FAULTS:
                near = difflib.get_close_matches(key[:80], [*shape.by_key, *RESERVED], n=1)
                hint = f"; did you mean {near[0]}?" if near else "; a statement of your own takes a whole IRI as its key."
                self.unknown.append(Fault(here, f"A {shape.label} has no member {key[:80]}{hint}"))
        for found in shape.defaulted:
            if body.get(found.key) is None and found.default is not None:
                self.add(node, found.path, found.default, f"{pointer}/{escape(found.key)}")

    def values(self, found: Field, node: NamedNode, value: Any, pointer: str) -> None:
        if value is None:
            return
        if isinstance(value, list):
            if found.single:
                self.faults.append(Fault(pointer, f"{found.key} takes one value, not an array."))
                return
            for position, each in enumerate(value):
                self.value(found, node, each, f"{pointer}/{position}")
        else:
            self.value(found, node, value, pointer)

    def value(self, found: Field, node: NamedNode, value: Any, pointer: str) -> None:
        self.count()
        part = self.reader.registry.part_of(found)
        try:
            if part is not None:
                self.part(found, part, node, value, pointer)
            elif found.language and isinstance(value, dict) and "@value" not in value:
                for language, text in tagged(value):
                    written = {"@value": text} if language == "@none" else {"@value": text, "@language": language}
                    self.add(node, found.path, literal_of(written), f"{pointer}/{escape(language)}")
            else:
                self.add(node, found.path, self.term(found, value), pointer)
        except ValueError as error:
            self.faults.append(Fault(pointer, f"{found.key} {error}" if str(error)[:1].islower() else str(error)))

    def term(self, found: Field, value: Any) -> Term:
        if isinstance(value, dict):
            if "@id" in value and (found.iri or found.refers):
                value = value["@id"]
            elif "@value" in value and not found.iri:
                return literal_of(value)
        if isinstance(value, (dict, list)) or value is None:
            raise ValueError("takes a plain value, not an object or array.")
        if isinstance(value, str):
            if found.iri or found.refers:
                return self.resolved(found, value)
            for choice in found.choices:
                if isinstance(choice, Literal) and choice.value == value:
                    return choice
        elif found.iri or found.refers:
            raise ValueError("takes the text of an IRI.")
        return from_json(value, found.datatypes)

    def resolved(self, found: Field, text: str) -> NamedNode:
        try:
            return self.reader.iri(found, text)
        except ValueError:
            what = f"the IRI or id of one of the {' or '.join(found.refers)}" if found.refers else "an absolute IRI, such as https://example.org/x"
            raise ValueError(f"takes {what}.") from None

    def part(self, found: Field, part: Shape, owner: NamedNode, value: Any, pointer: str) -> None:
        if isinstance(value, str) and part.naming is not None:
            value = {part.naming.key: value}
        if not isinstance(value, dict):
            raise ValueError(f"takes an object that describes a {part.label}.")
        node = self.part_name(found, part, owner, value)
        self.pointers.setdefault((node, None, None), pointer)
        for type_ in self.types(part, value, pointer):
            self.add(node, RDF.type, type_, f"{pointer}/type")
        self.members(part, node, value, pointer)
        self.add(owner, found.path, node, pointer)

    def part_name(self, found: Field, part: Shape, owner: NamedNode, value: Mapping[str, Any]) -> NamedNode:
        names = self.reader.names
        if part.shared:
            label = value.get(part.naming.key) if part.naming else None
            if not isinstance(label, str) or not label.strip():
                raise ValueError(f"needs a {part.naming.key if part.naming else 'label'} that names the {part.label}.")
            return names.shared(part.shared, label)
        given = value.get("iri")
        if given is None:
            said = {key: each for key, each in value.items() if key not in RESERVED and each is not None}
            return names.part(owner, found.key, orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode())
        if not isinstance(given, str) or not given.startswith(self.root.value + "/"):
            raise ValueError(
                f"has a part with the iri {str(given)[:200]}, which is not below {self.root.value}/; leave the iri out and the hub coins one."
            )
        return NamedNode(given)

    def extension(self, node: NamedNode, key: str, value: Any, pointer: str) -> None:
        """Take a statement of the owner's own: the key is a predicate's IRI, the values are written as in expanded JSON-LD."""
        try:
            predicate = NamedNode(expand(key))  # ValueError: not an absolute IRI
            if predicate == RDF.type:
                raise ValueError("Types belong into the member type.")
            for position, each in enumerate(value if isinstance(value, list) else [value]):
                self.count()
                term = resource_or_literal(each)
                self.add(node, predicate, term, f"{pointer}/{position}" if isinstance(value, list) else pointer)
        except ValueError as error:
            self.unknown.append(Fault(pointer, f"{key[:80]}: {error}"))
