"""Kinds, read from `shapes/`: what the hub knows of a kind of thing, it knows from that kind's Turtle file.

A kind is a SHACL node shape that is also a `hub:Kind`; each property shape with a `hub:key` is a field. Nothing here
judges data (see `server.graph.gate`); this module only reads the declarations into immutable records that the mapping, the context, the index,
the OpenAPI document and the pages share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse

from server.graph.literals import STORED
from server.graph.turtle import Reader
from server.graph.vocabulary import DASH, HUB, RDF, RDFS, SH, XSD
from server.store.base import Term

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COLLECTION = re.compile(r"[a-z][a-z0-9-]*")
_BOUNDS = (
    (SH.minLength, "minLength"), (SH.maxLength, "maxLength"), (SH.minInclusive, "minimum"), (SH.maxInclusive, "maximum"),
    (SH.minExclusive, "exclusiveMinimum"), (SH.maxExclusive, "exclusiveMaximum"),
)  # fmt: skip

RESERVED = ("id", "iri", "type", "revision")  # members of every thing that no field may take


class ShapesError(ValueError):
    """A shapes file does not declare a kind that the hub can serve."""


@dataclass(frozen=True)
class Field:
    """One property of a kind or part: a JSON key, its path, and what its values are."""

    key: str
    path: NamedNode
    label: str
    help: str
    order: float
    group: str | None
    datatypes: frozenset[NamedNode]
    iri: bool  # values are IRIs
    minimum: int
    single: bool  # at most one value: a JSON scalar, not an array
    choices: tuple[Term, ...]
    default: Term | None
    refers: tuple[str, ...]  # collections
    part: str | None  # IRI of the part's shape
    iri_prefix: str | None
    search: int
    sort: bool
    facet: bool
    unique: bool
    read_only: bool
    bounds: Mapping[str, int | float | str]  # JSON Schema words
    message: str

    @property
    def language(self) -> bool:
        """Tell whether values may carry language tags."""
        return RDF.langString in self.datatypes


@dataclass(frozen=True)
class Shape:
    """A kind or a part: its types and its fields in the order of `sh:order`."""

    iri: str
    label: str
    comment: str
    types: tuple[NamedNode, ...]
    fields: tuple[Field, ...]
    shared: str | None = None  # collection of shared nodes
    by_key: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    by_path: Mapping[NamedNode, tuple[Field, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the fields by key and by path."""
        object.__setattr__(self, "by_key", {each.key: each for each in self.fields})
        paths: dict[NamedNode, tuple[Field, ...]] = {}
        for each in self.fields:
            paths[each.path] = (*paths.get(each.path, ()), each)
        object.__setattr__(self, "by_path", paths)

    @cached_property
    def defaulted(self) -> tuple[Field, ...]:
        """Return the fields that have a default."""
        return tuple(each for each in self.fields if each.default is not None)

    @property
    def naming(self) -> Field | None:
        """Return the field that names a shared node: its `rdfs:label`."""
        return next((each for each in self.fields if each.path == RDFS.label), None)


@dataclass(frozen=True)
class Kind(Shape):
    """A kind of thing with a collection of its own. `external`: its things are named by their publishers' IRIs; `asset`: they are assets."""

    collection: str = ""
    targets: tuple[NamedNode, ...] = ()
    external: bool = False
    asset: bool = False


class Registry:
    """All kinds and parts of the hub, and the shapes graph they were read from."""

    def __init__(self, kinds: Iterable[Kind], parts: Iterable[Shape], shapes: Sequence[Triple]) -> None:
        """Index the kinds by collection and by class."""
        self.kinds: dict[str, Kind] = {kind.collection: kind for kind in sorted(kinds, key=lambda kind: kind.collection)}
        self.parts: dict[str, Shape] = {part.iri: part for part in parts}
        self.by_class: dict[NamedNode, Kind] = {target: kind for kind in self.kinds.values() for target in kind.targets}
        self.shapes = shapes
        self._filterable: dict[str, Mapping[str, Field]] = {}

    @classmethod
    def load(cls, folders: Iterable[Path]) -> Registry:
        """Read every `*.ttl` in the folders; a file that does not parse or declare well is named in the `ShapesError`."""
        return cls.parse([(str(path), path.read_bytes()) for folder in folders for path in sorted(folder.glob("*.ttl"))])

    @classmethod
    def parse(cls, files: Iterable[tuple[str, str | bytes]]) -> Registry:
        """Read shapes from (name, Turtle text) pairs."""
        triples: list[Triple] = []
        for name, text in files:
            try:
                triples += [quad.triple for quad in parse(text, RdfFormat.TURTLE, rename_blank_nodes=True)]
            except SyntaxError as error:
                raise ShapesError(f"{name}: {error}") from error
        return _Builder(_as_stored(triples)).registry()

    def part_of(self, found: Field) -> Shape | None:
        """Return the shape of a field's parts."""
        return self.parts[found.part] if found.part else None

    def filterable(self, kind: Kind) -> Mapping[str, Field]:
        """Return the dotted keys and the fields of everything a kind can be filtered by, parts included."""
        if kind.collection not in self._filterable:
            self._filterable[kind.collection] = dict(self._facets(kind))
        return self._filterable[kind.collection]

    def _facets(self, kind: Shape, before: str = "") -> Iterator[tuple[str, Field]]:
        for each in kind.fields:
            part = self.part_of(each)
            if part is not None:
                yield from self._facets(part, f"{before}{each.key}.")
                if part.shared and part.naming and each.facet:
                    yield before + each.key, part.naming
            elif each.facet or each.refers or each.key in ("keywords", "creator", "created", "modified"):
                yield before + each.key, each


def _as_stored(triples: Sequence[Triple]) -> list[Triple]:
    """Ask for the datatypes that stores keep, with the narrower type's condition beside (see `literals.STORED`)."""
    result: list[Triple] = []
    for triple in triples:
        narrow = triple.object
        if triple.predicate != SH.datatype or not isinstance(narrow, NamedNode) or narrow not in STORED:
            result.append(triple)
            continue
        result.append(Triple(triple.subject, SH.datatype, STORED[narrow]))
        if narrow == XSD.dateTimeStamp:
            result.append(Triple(triple.subject, SH.pattern, Literal(r"(Z|[+-]\d\d:\d\d)$")))
        elif narrow in (XSD.nonNegativeInteger, XSD.positiveInteger):
            result.append(Triple(triple.subject, SH.minInclusive, Literal(0 if narrow == XSD.nonNegativeInteger else 1)))
    return list(dict.fromkeys(result))


def _once(values: Sequence[str], what: str) -> None:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ShapesError(f"more than one kind has the {what} {twice[0]}")


class _Builder:
    """Reads the records out of the shapes graph."""

    def __init__(self, triples: Sequence[Triple]) -> None:
        self.triples = triples
        self.graph = Reader(triples)
        self.collections = {
            str(shape.value): self.graph.text(shape, HUB.collection) or "" for shape in self.graph.subjects(HUB.Kind) if isinstance(shape, NamedNode)
        }

    def registry(self) -> Registry:
        kinds = [self.kind(NamedNode(iri)) for iri in self.collections]
        named = {node for node in self.graph.objects(None, HUB.part) if isinstance(node, NamedNode)}
        parts = [self.part(node) for node in sorted(named, key=str)]
        _once([target.value for kind in kinds for target in kind.targets], "target class")
        _once([kind.collection for kind in kinds], "collection")
        registry = Registry(kinds, parts, self.triples)
        for shape in (*kinds, *parts):
            self.check_depth(registry, shape, ())
        return registry

    def check_depth(self, registry: Registry, shape: Shape, above: tuple[str, ...]) -> None:
        if shape.iri in above:
            raise ShapesError(f"the part {shape.iri} is a part of itself; say it by a reference")
        for found in shape.fields:
            if (part := registry.part_of(found)) is not None:
                self.check_depth(registry, part, (*above, shape.iri))

    def kind(self, shape: NamedNode) -> Kind:
        collection = self.collections[shape.value]
        targets = tuple(each for each in self.graph.objects(shape, SH.targetClass) if isinstance(each, NamedNode))
        if not collection or not targets:
            raise ShapesError(f"{shape.value} is a hub:Kind and needs one hub:collection and a sh:targetClass")
        if not _COLLECTION.fullmatch(collection):
            raise ShapesError(f"{shape.value}: the collection {collection} is no word of lower-case letters, digits and hyphens")
        external = self.graph.flag(shape, HUB.externalIri)
        given = self.types(shape) or targets[:1]
        asset = self.graph.flag(shape, HUB.asset)
        return Kind(shape.value, *self.words(shape), given, self.fields(shape), None, collection, targets, external, asset)

    def part(self, shape: NamedNode) -> Shape:
        types = self.types(shape)
        if not types:
            raise ShapesError(f"the part {shape.value} needs a hub:type")
        return Shape(shape.value, *self.words(shape), types, self.fields(shape), self.graph.text(shape, HUB.sharedCollection))

    def words(self, shape: NamedNode) -> tuple[str, str]:
        return self.graph.text(shape, RDFS.label) or shape.value.rpartition("#")[2], self.graph.text(shape, RDFS.comment) or ""

    def types(self, shape: NamedNode) -> tuple[NamedNode, ...]:
        return tuple(each for each in self.graph.objects(shape, HUB.type) if isinstance(each, NamedNode))

    def fields(self, shape: NamedNode) -> tuple[Field, ...]:
        found = [self.field(node) for node in self.graph.objects(shape, SH.property) if self.graph.text(node, HUB.key)]
        keys = [each.key for each in found]
        if bad := [key for key in keys if keys.count(key) > 1 or key in RESERVED]:
            raise ShapesError(f"{shape.value}: the key {bad[0]} is taken twice or reserved")
        return tuple(sorted(found, key=lambda each: (each.order, each.key)))

    def number(self, node: Term, term: NamedNode, otherwise: float | None = None) -> float | None:
        text = self.graph.text(node, term)
        try:
            return otherwise if text is None else float(text)
        except ValueError:
            raise ShapesError(f"the key {self.graph.text(node, HUB.key)}: {text} is no number for {term.value}") from None

    def field(self, node: Term) -> Field:
        graph = self.graph
        key, path = graph.text(node, HUB.key) or "", graph.value(node, SH.path)
        if not _KEY.fullmatch(key):
            raise ShapesError(f"the key {key} is no word of letters, digits and underscores")
        if not isinstance(path, NamedNode):
            raise ShapesError(f"the key {key} needs a sh:path that is one predicate")
        part, choices = graph.value(node, HUB.part), tuple(graph.items(graph.value(node, SH["in"])))
        named = graph.value(node, SH.nodeKind) == SH.IRI or (bool(choices) and all(isinstance(each, NamedNode) for each in choices))
        return Field(
            key=key,
            path=path,
            label=graph.text(node, SH.name) or key,
            help=graph.text(node, SH.description) or "",
            order=self.number(node, SH.order, 1000) or 0,
            group=graph.text(node, SH.group),
            datatypes=self.datatypes(node),
            iri=named and part is None,
            minimum=int(self.number(node, SH.minCount) or 0) if graph.value(node, SH.severity) in (None, SH.Violation) else 0,
            single=self.number(node, SH.maxCount) == 1,
            choices=choices,
            default=graph.value(node, SH.defaultValue),
            refers=self.refers(key, node),
            part=part.value if isinstance(part, NamedNode) else None,
            iri_prefix=graph.text(node, HUB.iriPrefix),
            search=int(self.number(node, HUB.search) or 0),
            sort=graph.flag(node, HUB.sort),
            facet=graph.flag(node, HUB.facet),
            unique=graph.flag(node, HUB.unique),
            read_only=graph.flag(node, DASH.readOnly),
            bounds=self.bounds(node),
            message=graph.text(node, SH.message) or "",
        )

    def refers(self, key: str, node: Term) -> tuple[str, ...]:
        shapes = [str(each.value) for each in self.graph.objects(node, HUB.refersTo)]
        if unknown := [iri for iri in shapes if iri not in self.collections]:
            raise ShapesError(f"the key {key} refers to {unknown[0]}, which is no hub:Kind")
        return tuple(sorted(self.collections[iri] for iri in shapes))

    def datatypes(self, node: Term) -> frozenset[NamedNode]:
        direct = self.graph.objects(node, SH.datatype)
        choices = [self.graph.value(each, SH.datatype) for each in self.graph.items(self.graph.value(node, SH["or"]))]
        return frozenset(each for each in (*direct, *choices) if isinstance(each, NamedNode))

    def bounds(self, node: Term) -> dict[str, int | float | str]:
        words: dict[str, int | float | str] = {}
        for term, word in _BOUNDS:
            if (number := self.number(node, term)) is not None:
                words[word] = int(number) if word.endswith("Length") else number
        if (pattern := self.graph.text(node, SH.pattern)) is not None:
            words["pattern"] = pattern
        return words
