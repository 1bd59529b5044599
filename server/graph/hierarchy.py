"""What is below what: the closure of subclasses and subproperties over the ontologies, for those who ask without knowing the hierarchy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyoxigraph import NamedNode, Triple

from server.graph.clashes import OWL
from server.graph.vocabulary import RDFS

Terms = Mapping[NamedNode, frozenset[NamedNode]]
_BOTH_WAYS = {OWL.equivalentClass: RDFS.subClassOf, OWL.equivalentProperty: RDFS.subPropertyOf}


@dataclass(frozen=True)
class Membership:
    """What makes something a member of a class: one of these types, to have one of these properties, to be the value of one of those."""

    types: frozenset[NamedNode]
    having: frozenset[NamedNode]
    valued: frozenset[NamedNode]


class Hierarchy:
    """The classes and properties of the ontologies by what they are below of. Class expressions take no part in it."""

    def __init__(self, statements: Iterable[Triple]) -> None:
        """Work the closure out; terms that are equivalent are below each other."""
        stated: dict[NamedNode, dict[NamedNode, set[NamedNode]]] = defaultdict(lambda: defaultdict(set))
        for each in statements:
            if isinstance(each.subject, NamedNode) and isinstance(each.object, NamedNode):
                relation = _BOTH_WAYS.get(each.predicate, each.predicate)
                stated[relation][each.subject].add(each.object)
                if each.predicate in _BOTH_WAYS:
                    stated[relation][each.object].add(each.subject)
        self.above_class = _closure(stated[RDFS.subClassOf])
        self.above_property = _closure(stated[RDFS.subPropertyOf])
        self._below_class, self._below_property = _turned(self.above_class), _turned(self.above_property)
        self._domains, self._ranges = _turned(stated[RDFS.domain]), _turned(stated[RDFS.range])

    def classes_below(self, term: NamedNode) -> frozenset[NamedNode]:
        """Return a class and those below it."""
        return self._below_class.get(term, frozenset()) | {term}

    def properties_below(self, term: NamedNode) -> frozenset[NamedNode]:
        """Return a property and those below it."""
        return self._below_property.get(term, frozenset()) | {term}

    def membership(self, term: NamedNode) -> Membership:
        """Say what makes something a member of a class, by the rules of RDFS."""
        types = self.classes_below(term)
        having = {each for one in types for named in self._domains.get(one, ()) for each in self.properties_below(named)}
        valued = {each for one in types for named in self._ranges.get(one, ()) for each in self.properties_below(named)}
        return Membership(types, frozenset(having), frozenset(valued))

    def triples(self) -> frozenset[Triple]:
        """Write the closure; that each term is below itself goes without saying."""
        tables = ((RDFS.subClassOf, self.above_class), (RDFS.subPropertyOf, self.above_property))
        return frozenset(Triple(term, relation, each) for relation, table in tables for term, above in table.items() for each in above)


def _closure(stated: Mapping[NamedNode, set[NamedNode]]) -> dict[NamedNode, frozenset[NamedNode]]:
    found: dict[NamedNode, frozenset[NamedNode]] = {}
    for term in list(stated):
        reached: set[NamedNode] = set()
        waiting = [term]
        while waiting:
            fresh = stated.get(waiting.pop(), set()) - reached
            reached |= fresh
            waiting += fresh
        found[term] = frozenset(reached - {term})
    return found


def _turned(table: Mapping[NamedNode, Iterable[NamedNode]]) -> dict[NamedNode, frozenset[NamedNode]]:
    turned: dict[NamedNode, set[NamedNode]] = defaultdict(set)
    for term, others in table.items():
        for each in others:
            turned[each].add(term)
    return {term: frozenset(others) for term, others in turned.items()}
