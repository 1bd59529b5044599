"""Say in plain sentences why statements and axioms contradict each other."""

from __future__ import annotations

from collections.abc import Iterable

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from server.graph.clashes import OWL
from server.graph.reasoner import Group
from server.graph.vocabulary import RDF, RDFS, compact

_SENTENCES = {
    RDFS.subClassOf: "every {s} is a {o}",
    OWL.equivalentClass: "every {s} is a {o}, and the other way round",
    OWL.disjointWith: "nothing is both a {s} and a {o}",
    RDFS.domain: "whatever has {s} is a {o}",
    RDFS.range: "whatever {s} points to is a {o}",
    RDFS.subPropertyOf: "whatever {s} connects, {o} connects too",
}


def explain(facts: Iterable[Triple], rules: Iterable[Group]) -> str:
    """Write the facts that cannot all be true, and then the rules that forbid it, one a line."""
    said = [f"  - {_fact(fact)}" for fact in facts] or ["  - (nothing: the ontologies contradict themselves)"]
    forbidden = [f"  - {_rule(rule)}" for rule in rules]
    return "\n".join(["These statements cannot all be true:", *said, "because", *forbidden])


def _fact(fact: Triple) -> str:
    if fact.predicate == RDF.type:
        return f"{_name(fact.subject)} is a {_name(fact.object)}"
    return f"{_name(fact.subject)} has {_name(fact.predicate)} {_name(fact.object)}"


def _rule(group: Group) -> str:
    """Write an axiom; the classes inside an expression are listed, which is exact for unions and readable for the rest."""
    head = next((triple for triple in group if isinstance(triple.subject, NamedNode)), group[0])
    members = [_name(triple.object) for triple in group if triple.predicate == RDF.first]
    thing = " or ".join(members) if isinstance(head.object, BlankNode) and members else _name(head.object)
    return _SENTENCES.get(head.predicate, "{s} " + compact(head.predicate.value) + " {o}").format(s=_name(head.subject), o=thing)


def _name(term: NamedNode | BlankNode | Literal | Triple) -> str:
    short = compact(term.value) if isinstance(term, NamedNode) else ""
    return short if isinstance(term, NamedNode) and short != term.value else str(term)
