"""What tools need in order to understand the data: ontologies, shapes, shared nodes, transactions, and what the dataset as a whole is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from server.errors import NotFound
from server.graph.entailment import entail
from server.graph.hierarchy import Hierarchy
from server.graph.history import HISTORIES
from server.graph.kinds import Kind, Shape
from server.graph.ontology import Ontologies, Ontology
from server.graph.vocabulary import DCT, FOAF, HUB, RDF, SH, VOID
from server.index.index import Index
from server.services.reasoning import Reasoning
from server.services.schemaorg import matches
from server.services.statistics import Counting
from server.services.things import Toolbox
from server.store.base import Term
from server.store.text import fill

CLOSURE = "closure"
_FOLLOWED = (SH.property, SH.node, HUB.part)
_SHARED = "CONSTRUCT { $node ?p ?o } WHERE { GRAPH $terms { $node ?p ?o } }"
_REVISIONS = "CONSTRUCT { ?r ?p ?o } WHERE { GRAPH ?g { ?r $is $value ; ?p ?o FILTER(?p != $patch) } " + HISTORIES + " }"


@lru_cache(maxsize=16)
def ontologies_of(folders: Sequence[Path]) -> Ontologies:
    """Read the ontologies of some folders, once."""
    return Ontologies.load(folders)


@lru_cache(maxsize=16)
def hierarchy_of(folders: Sequence[Path]) -> Hierarchy:
    """Work out the closure over the ontologies of some folders, once."""
    return Hierarchy(ontologies_of(folders).triples)


def subclasses(folders: Sequence[Path], iri: str) -> list[str]:
    """Return the IRIs of the classes below a class, by the ontologies of some folders; none for what is no class there."""
    term = NamedNode(iri)
    return sorted(each.value for each in hierarchy_of(tuple(folders)).classes_below(term) if each != term)


@lru_cache(maxsize=16)
def matches_of(folders: Sequence[Path]) -> dict[NamedNode, str]:
    """Read the counterparts in schema.org from the ontologies of some folders, once."""
    return matches(ontologies_of(folders).triples)


class Linked:
    """Gives the descriptions of everything that has an IRI of the hub and is no thing."""

    def __init__(self, tools: Toolbox, folders: Sequence[Path], index: Index, counting: Counting) -> None:
        """Describe by these tools, ontologies, the things of this index and these figures."""
        self._tools, self._folders, self._index, self._counting = tools, tuple(folders), index, counting

    @property
    def ontologies(self) -> Ontologies:
        """The ontologies of the settings' folders."""
        return ontologies_of(self._folders)

    @property
    def hierarchy(self) -> Hierarchy:
        """The closure over them."""
        return hierarchy_of(self._folders)

    @property
    def schema_org(self) -> dict[NamedNode, str]:
        """The terms that have a counterpart in schema.org."""
        return matches_of(self._folders)

    @cached_property
    def reasoning(self) -> Reasoning:
        """The reasoner over things and these ontologies."""
        return Reasoning(self._tools, lambda: self.ontologies)

    @property
    def closure(self) -> NamedNode:
        """Name the graph in which the store keeps the closure."""
        return NamedNode(f"{self._tools.names.base}ontology/{CLOSURE}")

    def ontology(self, name: str, version: str | None = None) -> Ontology:
        """Find an ontology, by its present version if one is named; raise `NotFound` with those that exist."""
        if name not in self.ontologies:
            raise NotFound(f"There is no ontology {name[:80]}; there are {', '.join(self.ontologies)} and {CLOSURE}.")
        found = self.ontologies[name]
        if version is not None and version != found.version:
            raise NotFound(f"Version {version[:80]} of the ontology {name} is not kept here; the present one is {found.version or 'not numbered'}.")
        return found

    def keep_closure(self) -> bool:
        """Bring the store's closure into step with the ontologies; return whether anything had to change."""
        wanted = self.hierarchy.triples()
        if frozenset(self._tools.store.graph(self.closure)) == wanted:
            return False
        written = "DELETE WHERE { GRAPH $graph { ?s ?p ?o } } ; INSERT DATA { GRAPH $graph { $triples } }"
        self._tools.store.update(fill(written, graph=self.closure, triples=sorted(wanted, key=str)))
        return True

    def entail(self, sparql: str) -> str:
        """Rewrite a query so that it means what RDFS makes of it, by the ontologies; raise `QueryRefused` where it cannot be read."""
        return entail(sparql, self.hierarchy, f"{self._tools.names.base}sparql")

    def shape(self, collection: str) -> list[Triple]:
        """Return a kind's shape with the shapes of its parts and all that belongs to them."""
        kind = self._tools.kind(collection)
        reader: dict[Term, list[Triple]] = {}
        for triple in self._tools.registry.shapes:
            if not isinstance(triple.subject, Triple):
                reader.setdefault(triple.subject, []).append(triple)
        found: dict[Term, list[Triple]] = {}
        waiting: list[Term] = [NamedNode(kind.iri)]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found[node] = reader.get(node, [])
                waiting += [
                    each.object
                    for each in found[node]
                    if isinstance(each.object, BlankNode) or (each.predicate in _FOLLOWED and isinstance(each.object, NamedNode))
                ]
        return [triple for statements in found.values() for triple in statements]

    def shared_shape(self, collection: str) -> Shape | None:
        """Return the shape of the shared nodes of a collection, if that is what the name stands for."""
        return next((part for part in self._tools.registry.parts.values() if part.shared == collection), None)

    def term(self, collection: str, label: str) -> tuple[NamedNode, list[Triple]]:
        """Return a shared node and what is said of it; raise `NotFound`."""
        node = self._tools.names.shared(collection, label)
        found = self._tools.store.triples(fill(_SHARED, node=node, terms=self._tools.names.terms)) if self.shared_shape(collection) else []
        if not found:
            raise NotFound(f"Nothing is called {node.value[:200]}.")
        return node, found

    def terms(self) -> list[Triple]:
        """Return all that is said of shared nodes."""
        return self._tools.store.graph(self._tools.names.terms)

    def history(self, document: NamedNode) -> list[Triple]:
        """Return the history graph of a document; raise `NotFound` where there is none."""
        if not (found := self._tools.store.graph(self._tools.names.history(document))):
            raise NotFound(f"{document.value} has no history.")
        return found

    def transaction(self, id: str) -> tuple[NamedNode, list[Triple]]:
        """Return a transaction and the revisions that it made, without their patches; raise `NotFound`."""
        transaction = self._tools.names.transaction(id)
        if not (found := self._revisions(HUB.transaction, transaction)):
            raise NotFound(f"There is no transaction {id[:80]}.")
        return transaction, found

    def log(self, numbers: Iterable[int]) -> list[Triple]:
        """Return the change log's own statements and the revisions with these numbers, without their patches."""
        found = list(self._tools.store.graph(self._tools.names.changes))
        for number in numbers:
            found += self._revisions(HUB.sequence, Literal(number))
        return found

    def _revisions(self, relation: NamedNode, value: Term) -> list[Triple]:
        api = Literal(f"{self._tools.names.base}api/")
        return self._tools.store.triples(fill(_REVISIONS, **{"is": relation}, value=value, patch=HUB.patch, api=api))

    def dataset(self) -> list[Triple]:
        """Describe the whole dataset in the words of VoID, with what is known of its size."""
        base = self._tools.names.base
        hub = NamedNode(base)
        described = NamedNode(f"{base}.well-known/void")
        said: list[tuple[NamedNode, NamedNode | Literal]] = [
            (RDF.type, VOID.Dataset),
            (DCT.title, Literal("CORDS Hub", language="en")),
            (
                DCT.description,
                Literal("Machine-learning assets, the people and organisations around them, and their terms, as one graph.", language="en"),
            ),
            (FOAF.homepage, hub),
            (VOID.sparqlEndpoint, NamedNode(f"{base}sparql")),
            (VOID.uriSpace, Literal(f"{base}id/")),
            (VOID.dataDump, NamedNode(f"{base}dump.nq.gz")),
            (VOID.rootResource, hub),
        ]
        said += [(VOID.vocabulary, NamedNode(each)) for each in self.namespaces]
        said += [(VOID.exampleResource, each) for each in self._examples()]
        said += [(VOID.feature, NamedNode(f"http://www.w3.org/ns/formats/{each}")) for each in _FEATURES]
        about = [Triple(described, RDF.type, VOID.DatasetDescription), Triple(described, FOAF.primaryTopic, hub)]
        return [*about, *(Triple(hub, relation, value) for relation, value in said), *self._counting.current().describe(hub)]

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """The vocabularies that the data is written in: those that are served here, and those from outside."""
        own = {term.value.removesuffix(_local(term.value)) for term in self.ontologies.terms}
        return tuple(sorted(own | {each.namespace for each in self.ontologies.vocabularies}))

    def _examples(self) -> list[NamedNode]:
        """Name a thing of each kind that has one."""
        found = []
        for kind in self._tools.registry.kinds.values():
            place = next(((id, kind) for id, _, _ in self._index.revisions(kind.collection)), None)
            if place is not None:
                found.append(self._name(*place))
        return found

    def _name(self, id: str, kind: Kind) -> NamedNode:
        return self._tools.load(kind, id).iri if kind.external else self._tools.names.thing(kind.collection, id)


_FEATURES = ("Turtle", "N-Triples", "RDF_XML", "JSON-LD", "TriG", "N-Quads")


def _local(iri: str) -> str:
    return iri[max(iri.rfind("#"), iri.rfind("/")) + 1 :]
