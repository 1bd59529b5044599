"""Lineage: what a thing came from and what came of it, over any number of steps, whatever kinds lie on the way.

Nothing here knows a kind. What is followed is what the ontologies put below `prov:wasInfluencedBy` (towards what was before) and below
`prov:influenced` (towards what came after); properties below `hub:provenanceNote` have values that are told as they are. A statement
that a part makes counts as made by its thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.hierarchy import Hierarchy
from server.graph.vocabulary import DCT, FOAF, HUB, MLS, PREFIXES, PROV, RDF, RDFS
from server.services.things import Thing, Toolbox
from server.store.base import Row, Term
from server.store.text import fill

UP, DOWN = "up", "down"
_AT_ONCE = 400  # things that one query asks for
_OUT = "SELECT ?g ?s ?relation ?o WHERE { VALUES ?g { $places } VALUES ?relation { $relations } GRAPH ?g { ?s ?relation ?o } }"
_INTO = "SELECT ?g ?s ?relation ?o WHERE { VALUES ?o { $places } VALUES ?relation { $relations } GRAPH ?g { ?s ?relation ?o } }"
_ROOTS = "SELECT ?g ?s WHERE { VALUES ?g { $places } VALUES ?class { $classes } GRAPH ?g { ?s a ?class } }"
_SAID = "SELECT ?s ?p ?o WHERE { VALUES ?s { $places } VALUES ?p { $properties } ?s ?p ?o }"
_TOLD = (RDF.type, DCT.title, FOAF.name, RDFS.label, MLS.hasValue, MLS.specifiedBy)


@dataclass(frozen=True)
class Step:
    """One statement on the way: which way it was followed, how far from the start, what it says, and the things at its ends."""

    direction: str
    depth: int
    statement: Triple
    start: NamedNode  # the thing that the statement was found from
    end: Term  # the thing, node or value that it led to
    later: Term  # of the two, what came of the other
    earlier: Term


@dataclass
class Lineage:
    """The steps from one thing, what is known of everything on the way, and whether more was there than was asked for."""

    thing: NamedNode
    steps: list[Step] = field(default_factory=list)
    said: dict[Term, dict[NamedNode, list[Term]]] = field(default_factory=dict)
    truncated: bool = False

    def title(self, node: Term) -> str | None:
        """Return what a node is called; a setting is called like its parameter."""
        said = self.said.get(node, {})
        for property in (DCT.title, FOAF.name, RDFS.label):
            texts = [each for each in said.get(property, ()) if isinstance(each, Literal)]
            texts.sort(key=lambda each: (each.language not in (None, "en"), each.value))
            if texts:
                return texts[0].value
        return next((self.title(each) for each in said.get(MLS.specifiedBy, ()) if each != node), None)

    def value(self, node: Term) -> str | None:
        """Return the value of a setting, or of what is a value itself."""
        if isinstance(node, Literal):
            return node.value
        return next((str(each.value) for each in self.said.get(node, {}).get(MLS.hasValue, ())), None)

    def types(self, node: Term) -> list[NamedNode]:
        """Return the classes of a node."""
        return [each for each in self.said.get(node, {}).get(RDF.type, ()) if isinstance(each, NamedNode)]


class Tracing:
    """Follows lineage, a level at a time: two queries each, whatever the number of things on it."""

    def __init__(self, tools: Toolbox, hierarchy: Hierarchy) -> None:
        """Follow what this hierarchy makes lineage of."""
        self._tools, self._hierarchy = tools, hierarchy
        self._back, self._on = (tuple(sorted(hierarchy.properties_below(each), key=str)) for each in (PROV.wasInfluencedBy, PROV.influenced))
        self._notes = tuple(sorted(hierarchy.properties_below(HUB.provenanceNote), key=str))

    def trace(self, thing: Thing, directions: Iterable[str] = (UP, DOWN), depth: int = 100, limit: int = 1000) -> Lineage:
        """Follow a thing's lineage up to a depth, and up to so many steps."""
        found = Lineage(thing.iri)
        for direction in directions:
            self._follow(found, thing, direction, depth, limit)
        self._describe(found)
        return found

    def _follow(self, found: Lineage, thing: Thing, direction: str, depth: int, limit: int) -> None:
        reached: dict[Term, NamedNode] = {thing.iri: thing.document}
        frontier: dict[NamedNode, NamedNode] = {thing.iri: thing.document}
        for level in range(1, depth + 1):
            fresh: dict[NamedNode, NamedNode] = {}
            for step in self._level(frontier, direction, level):
                if len(found.steps) >= limit:
                    found.truncated = True
                    return
                found.steps.append(step)
                document = self._document(step.end)
                if document is not None and isinstance(step.end, NamedNode) and step.end not in reached:
                    reached[step.end] = fresh[step.end] = document
            if not fresh:
                return
            frontier = fresh
        found.truncated = any(True for _ in self._level(frontier, direction, depth + 1))

    def _level(self, frontier: dict[NamedNode, NamedNode], direction: str, level: int) -> Iterator[Step]:
        """Yield the steps from some things, one of each statement, in an order that does not depend on the store."""
        own, others = (self._back + self._notes, self._on) if direction == UP else (self._on, self._back)
        things = {document: thing for thing, document in frontier.items()}
        steps = {self._step(direction, level, row, things[_iri(row["g"])], row["o"]) for row in self._rows(_OUT, things, own)}
        pointing = list(self._rows(_INTO, frontier, others))
        owners = self._owners({_iri(row["g"]) for row in pointing})
        # What no owner is known of stands in a free graph: it is nobody's lineage.
        found = [(row, owners[_iri(row["g"])]) for row in pointing if _iri(row["g"]) in owners]
        steps |= {self._step(direction, level, row, _iri(row["o"]), owner) for row, owner in found}
        yield from sorted((step for step in steps if step.start != step.end), key=lambda step: (str(step.start), str(step.statement)))

    def _step(self, direction: str, level: int, row: Row, start: NamedNode, end: Term) -> Step:
        later, earlier = (start, end) if direction == UP else (end, start)
        return Step(direction, level, Triple(_iri(row["s"]), _iri(row["relation"]), row["o"]), start, end, later, earlier)

    def _rows(self, query: str, places: Iterable[NamedNode], relations: Sequence[NamedNode]) -> Iterator[Row]:
        for some in _batches(places, _AT_ONCE):
            yield from self._tools.store.select(fill(query, places=some, relations=relations))

    def _owners(self, documents: set[NamedNode]) -> dict[NamedNode, NamedNode]:
        """Return the things that documents describe; of what is no document of a thing, nothing."""
        names, kinds = self._tools.names, self._tools.registry.kinds
        found: dict[NamedNode, NamedNode] = {}
        unnamed: list[NamedNode] = []
        for document in documents:
            place = names.split_document(document.value)
            if place is not None and (kind := kinds.get(place[0])) is not None:
                if kind.external:
                    unnamed.append(document)
                else:
                    found[document] = names.thing(*place)
        classes = [target for kind in kinds.values() if kind.external for target in kind.targets]
        for some in _batches(unnamed, _AT_ONCE):
            rows = self._tools.store.select(fill(_ROOTS, places=some, classes=classes))
            found |= {row["g"]: row["s"] for row in rows if isinstance(row["g"], NamedNode) and isinstance(row["s"], NamedNode)}
        return found

    def _document(self, node: Term) -> NamedNode | None:
        """Name the document of what may be a thing; what somebody else named is looked for under the hash of its name."""
        if not isinstance(node, NamedNode):
            return None
        names, kinds = self._tools.names, self._tools.registry.kinds
        if node.value.startswith(names.base):
            place = names.split(node.value)
            return names.document(*place) if place is not None and place[0] in kinds else None
        external = next((kind for kind in kinds.values() if kind.external), None)
        return names.document(external.collection, names.id_of(external, node)) if external is not None else None

    def _describe(self, found: Lineage) -> None:
        """Look up what everything on the way is called, and is."""
        nodes = {found.thing, *(each for step in found.steps for each in (step.start, step.end))}
        self._look_up(found, [each for each in nodes if isinstance(each, NamedNode)])
        measured = {each for said in found.said.values() for each in said.get(MLS.specifiedBy, ()) if isinstance(each, NamedNode)}
        self._look_up(found, sorted(measured - found.said.keys(), key=str))

    def _look_up(self, found: Lineage, nodes: Iterable[NamedNode]) -> None:
        for some in _batches(nodes, _AT_ONCE):
            for row in self._tools.store.select(fill(_SAID, places=some, properties=_TOLD)):
                values = found.said.setdefault(row["s"], {}).setdefault(_iri(row["p"]), [])
                if row["o"] not in values:
                    values.append(row["o"])

    def graph(self, found: Lineage) -> set[Triple]:
        """Write a lineage as it is stated, with the names and classes of what is on the way."""
        written = {step.statement for step in found.steps}
        for step in found.steps:
            subject = step.statement.subject
            owner = step.start if step.statement.object == step.end else step.end
            if isinstance(subject, NamedNode) and isinstance(owner, NamedNode) and subject != owner:
                written.add(Triple(owner, DCT.hasPart, subject))  # a part speaks for its thing
        return written | set(self._words(found, RDF.type, DCT.title, FOAF.name, RDFS.label, MLS.hasValue, MLS.specifiedBy))

    def prov(self, found: Lineage) -> set[Triple]:
        """Write a lineage in the words of PROV-O alone: each relation as the nearest of its terms."""
        written = {
            Triple(step.later, self._nearest(step.statement.predicate), step.earlier)
            for step in found.steps
            if isinstance(step.later, NamedNode) and not isinstance(step.earlier, Literal)
        }
        written |= {
            Triple(step.later, PROV.value, step.earlier)
            for step in found.steps
            if isinstance(step.later, NamedNode) and isinstance(step.earlier, Literal)
        }
        for node in found.said:
            if isinstance(node, NamedNode) and (title := found.title(node)) is not None:
                written.add(Triple(node, RDFS.label, Literal(title)))
                above = {each for own in found.types(node) for each in (own, *self._hierarchy.above_class.get(own, ()))}
                written |= {Triple(node, RDF.type, each) for each in above if each.value.startswith(PREFIXES["prov"])}
        return written

    def _nearest(self, relation: NamedNode) -> NamedNode:
        """Find the most specific term of PROV-O that a relation is, or is below of, pointing to what was before."""
        above = self._hierarchy.above_property
        known = [each for each in (relation, *above.get(relation, ())) if each.value.startswith(PREFIXES["prov"])]
        nearest: NamedNode = max(known, key=lambda each: (len(above.get(each, ())), each.value))
        turned: dict[NamedNode, NamedNode] = {PROV.generated: PROV.wasGeneratedBy, PROV.influenced: PROV.wasInfluencedBy}
        return turned.get(nearest, nearest)

    def _words(self, found: Lineage, *properties: NamedNode) -> Iterator[Triple]:
        for node, said in found.said.items():
            for property in properties:
                yield from (Triple(_iri(node), property, each) for each in said.get(property, ()))


def _iri(term: Term) -> NamedNode:
    """Return what is an IRI by where it stands: data has no blank nodes."""
    if not isinstance(term, NamedNode):
        raise TypeError(f"{term} is no IRI")
    return term


T = TypeVar("T")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
