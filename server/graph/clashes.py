"""Find plain contradictions without searching: a thing that belongs to two classes which exclude each other.

What a thing belongs to follows from its types, from the relations that it has, and from superclasses and superproperties. That
covers nearly all mistakes in data. It decides nothing: the reasoner is asked first, and finds what is missed here.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from server.graph.vocabulary import RDF, RDFS, Namespace

OWL = Namespace("owl")
Because = tuple[Triple, ...]
_Node = NamedNode | BlankNode | Literal | Triple


def shortest_clash(facts: Iterable[Triple], rules: Iterable[Triple]) -> Because | None:
    """Return the fewest facts and rules that put one thing into two classes which exclude each other, if there are any."""
    book = _Rules(rules)
    known = _memberships(facts, book)
    reasons = (
        tuple(dict.fromkeys((*classes[rule.subject], *classes[rule.object], rule)))
        for classes in known.values()
        for rule in book.disjoint
        if rule.subject in classes and rule.object in classes
    )
    return min(reasons, key=len, default=None)


class _Rules:
    """The rules by what they speak of; those with class expressions are left to the reasoner."""

    def __init__(self, rules: Iterable[Triple]) -> None:
        self.disjoint: list[Triple] = []
        self._by: dict[tuple[NamedNode, _Node], list[Triple]] = defaultdict(list)
        for rule in rules:
            if isinstance(rule.object, NamedNode):
                self._by[rule.predicate, rule.subject].append(rule)
                if rule.predicate == OWL.disjointWith:
                    self.disjoint.append(rule)

    def of(self, kind: NamedNode, term: _Node) -> list[Triple]:
        """Give the rules of one kind about a class or property."""
        return self._by.get((kind, term), [])

    def connections(self, relation: NamedNode) -> Iterator[tuple[_Node, Because]]:
        """Give a property and those above it, each with the rules that lead there."""
        queue: deque[tuple[_Node, Because]] = deque([(relation, ())])
        seen: set[_Node] = set()
        while queue:
            above, why = queue.popleft()
            if above not in seen:
                seen.add(above)
                yield above, why
                queue.extend((rule.object, (*why, rule)) for rule in self.of(RDFS.subPropertyOf, above))


def _memberships(facts: Iterable[Triple], rules: _Rules) -> dict[_Node, dict[_Node, Because]]:
    """Say of each thing which classes it belongs to, with the shortest reason for each."""
    known: dict[_Node, dict[_Node, Because]] = defaultdict(dict)
    queue = deque(membership for fact in facts for membership in _direct(fact, rules))
    while queue:
        thing, owner, why = queue.popleft()
        if owner not in known[thing]:
            known[thing][owner] = why
            queue.extend((thing, rule.object, (*why, rule)) for rule in rules.of(RDFS.subClassOf, owner))
    return known


def _direct(fact: Triple, rules: _Rules) -> Iterator[tuple[_Node, _Node, Because]]:
    if fact.predicate == RDF.type:
        yield fact.subject, fact.object, (fact,)
        return
    for relation, why in rules.connections(fact.predicate):
        for rule in rules.of(RDFS.domain, relation):
            yield fact.subject, rule.object, (fact, *why, rule)
        for rule in rules.of(RDFS.range, relation):
            if not isinstance(fact.object, Literal):
                yield fact.object, rule.object, (fact, *why, rule)
