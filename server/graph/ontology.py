"""The ontologies of the folder `ontology/`: what they define, what they take from outside, and whether data contradicts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from server.graph.clashes import OWL, shortest_clash
from server.graph.explanation import explain
from server.graph.reasoner import Group, Reasoner, ReasonerError, axioms, meaningful
from server.graph.vocabulary import DCT, PREFIXES, RDF, RDFS
from server.values import ROOT

VOID_VOCABULARY = NamedNode("http://rdfs.org/ns/void#vocabulary")
FOLDER = ROOT / "ontology"
_BUILT_IN = tuple(PREFIXES[prefix] for prefix in ("rdf", "rdfs", "owl", "xsd"))
_DECLARATIONS = {OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.NamedIndividual}


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary from outside that data and shapes may use."""

    namespace: str
    title: str
    license: str | None


@dataclass(frozen=True)
class Ontology:
    """One file: its name in addresses, the ontology's IRI, title and version, and what it says."""

    name: str
    path: Path
    iri: NamedNode
    title: str
    version: str
    triples: tuple[Triple, ...]

    @property
    def license(self) -> tuple[str, ...]:
        """The licences that the ontology states of itself."""
        return tuple(t.object.value for t in self.triples if t.subject == self.iri and t.predicate == DCT.license and isinstance(t.object, NamedNode))

    @property
    def terms(self) -> frozenset[NamedNode]:
        """The terms that the ontology describes."""
        return frozenset(t.subject for t in self.triples if t.predicate == RDFS.isDefinedBy and isinstance(t.subject, NamedNode))


class Ontologies(Mapping[str, Ontology]):
    """All ontologies by name."""

    def __init__(self, ontologies: Iterable[Ontology]) -> None:
        """Refuse two ontologies of one name."""
        self._named: dict[str, Ontology] = {}
        for ontology in ontologies:
            if ontology.name in self._named:
                raise ValueError(f"{ontology.path} and {self._named[ontology.name].path} both want the name {ontology.name!r}: rename one")
            self._named[ontology.name] = ontology
        self.terms = frozenset(term for ontology in self.values() for term in ontology.terms)
        self.vocabularies = tuple(_vocabularies(self.triples))

    @classmethod
    def load(cls, folders: Sequence[Path] = (FOLDER,)) -> Ontologies:
        """Read every Turtle file of the folders."""
        return cls(_read(path) for folder in folders for path in sorted(folder.glob("*.ttl")))

    def __getitem__(self, name: str) -> Ontology:
        """Give the ontology of this name."""
        return self._named[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._named)

    def __len__(self) -> int:
        """Count the ontologies."""
        return len(self._named)

    @property
    def triples(self) -> list[Triple]:
        """Everything that the ontologies say."""
        return [triple for ontology in self.values() for triple in ontology.triples]

    def knows(self, term: NamedNode) -> bool:
        """Tell whether a term is described here or belongs to a vocabulary from outside."""
        return term in self.terms or term.value.startswith((*_BUILT_IN, *(vocabulary.namespace for vocabulary in self.vocabularies)))


def check_consistency(graphs: Iterable[Triple], ontologies: Ontologies | None = None, *, seconds: float = 120, most: int = 5) -> list[str]:
    """Explain, one text for each, at most so many contradictions between the ontologies and the graphs; none means consistent.

    Raises `ReasonerError` where the reasoner is missing or the time does not suffice to tell.
    """
    rules = meaningful((ontologies or Ontologies.load()).triples)
    facts = meaningful(graphs, rules)
    reasoner = Reasoner(seconds)
    explanations: list[str] = []
    try:
        while len(explanations) < most and not reasoner.consistent(rules + facts):
            guilty, broken = _contradiction(reasoner, rules, facts)
            explanations.append(explain(guilty, broken))
            if not guilty:
                break  # the ontologies contradict themselves, whatever the data
            facts = [fact for fact in facts if fact not in guilty]
    except ReasonerError:
        if not explanations:
            raise
        explanations.append(f"There may be more: the search was ended after {seconds:g} seconds.")
    return explanations


def _contradiction(reasoner: Reasoner, rules: list[Triple], facts: list[Triple]) -> tuple[list[Triple], list[Group]]:
    """Find the fewest facts that cannot all be true and the fewest rules that they break: at once where it is plain, else by search."""
    if (plain := shortest_clash(facts, rules)) is not None:
        given = set(facts)
        return [each for each in plain if each in given], [(each,) for each in plain if each not in given]
    guilty = [triple for group in reasoner.contradiction(rules, axioms(facts)) for triple in group]
    return guilty, _broken(reasoner, rules, guilty)


def _broken(reasoner: Reasoner, rules: list[Triple], facts: list[Triple]) -> list[Group]:
    """Find the fewest rules that the facts break, among those that speak of their terms if that is enough."""
    declarations = [rule for rule in rules if rule.predicate == RDF.type and rule.object in _DECLARATIONS]
    groups = axioms(rule for rule in rules if rule not in set(declarations))
    near = _near(groups, facts)
    enough = near and not reasoner.consistent(declarations + facts + [rule for group in near for rule in group])
    return reasoner.contradiction(declarations + facts, near if enough else groups)


def _near(groups: list[Group], facts: Iterable[Triple]) -> list[Group]:
    """Follow the rules upward from the terms of the facts: to superclasses, domains, ranges, and what is disjoint from those."""
    terms = {end for fact in facts for end in (fact.predicate, fact.object)}
    near: list[Group] = []
    while found := [group for group in groups if group not in near and _speaks_of(group, terms)]:
        near += found
        terms |= {end for group in found for rule in group for end in (rule.subject, rule.object)}
    return near


def _speaks_of(group: Group, terms: set[NamedNode | BlankNode | Literal | Triple]) -> bool:
    return any(rule.subject in terms or (rule.predicate == OWL.disjointWith and rule.object in terms) for rule in group)


def _read(path: Path) -> Ontology:
    triples = tuple(quad.triple for quad in parse(path=path, format=RdfFormat.TURTLE))
    headers = [t.subject for t in triples if t.predicate == RDF.type and t.object == OWL.Ontology]
    if len(headers) != 1 or not isinstance(iri := headers[0], NamedNode):
        raise ValueError(f"{path} must describe exactly one owl:Ontology that has an IRI")
    return Ontology(path.stem, path, iri, _text(triples, iri, DCT.title) or path.stem, _text(triples, iri, OWL.versionInfo) or "", triples)


def _vocabularies(triples: Sequence[Triple]) -> Iterator[Vocabulary]:
    for namespace in (t.object for t in triples if t.predicate == VOID_VOCABULARY):
        if isinstance(namespace, NamedNode):
            yield Vocabulary(namespace.value, _text(triples, namespace, DCT.title) or namespace.value, _text(triples, namespace, DCT.license))


def _text(triples: Iterable[Triple], subject: NamedNode, predicate: NamedNode) -> str | None:
    found = (t.object for t in triples if t.subject == subject and t.predicate == predicate)
    return next((each.value for each in found if isinstance(each, (Literal, NamedNode))), None)
