"""The IRIs that old consumers of CORDS descriptions ask for: prefix and name joined, without the `#` that the prefixes of those lack.

A processor of JSON-LD 1.0 made `http://www.w3.org/ns/mlsexecutes` of `mls:executes`, and queries that were written against the brokers of a
dataspace use that. So what a run, an own statement or a federated-learning service says in one of the seven namespaces is said once more with
those IRIs, in a graph of its own that belongs to nobody and follows every write (see `server.graph.changes`). Values are plain strings there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.cords import CLASSES, PROPERTIES, described
from server.graph.literals import python_number
from server.graph.vocabulary import MLS, PREFIXES, RDF, RDFS, Namespace
from server.graph.writing import Nodes, by_subject
from server.store.base import Term

VERSION = 1
"""Counts changes to what is said in old IRIs; a graph of another version is made anew."""

_SCHEMA = Namespace("schema")
_OLD = {PREFIXES[prefix]: PREFIXES[prefix].rstrip("#") for prefix in ("mls", "prov", "skos", "dcat", "cords")} | {
    PREFIXES["cordsfl"]: "https://www.cords.ie/ontologies/cordsfl"
}
_OTHER_NAMES = {"FLCommunications": "FLCommunication"}  # which the descriptions of CORDS call so
_FEDERATED = PREFIXES["cordsfl"]


def old_iri(iri: str) -> NamedNode | None:
    """Return the old form of an IRI; None where it is in none of the seven namespaces."""
    namespace, hash_, local = iri.rpartition("#")
    old = _OLD.get(namespace + hash_)
    return NamedNode(old + _OTHER_NAMES.get(local, local)) if old and local else None


def may_have_aliases(collection: str) -> bool:
    """Tell whether descriptions of a collection can say anything in old IRIs."""
    return collection in ("runs", "models") or collection.startswith("fl-")


def aliases(thing: NamedNode, collection: str, triples: Iterable[Triple]) -> frozenset[Triple]:
    """Say in old IRIs what a description says that the descriptions of CORDS said too."""
    if collection == "runs":
        return frozenset(_of_run(thing, by_subject(triples)))
    if collection == "models":
        below = f"{thing.value}#"
        own = [each for each in triples if isinstance(each.subject, NamedNode) and each.subject.value.startswith(below)]
        return frozenset(_renamed(own, plain=True)) if own else frozenset()
    if collection.startswith("fl-"):
        return frozenset(_renamed((each for each in triples if _FEDERATED in (_space(each.predicate), _space(each.object))), plain=False))
    return frozenset()


def _space(term: Term | Triple) -> str:
    return term.value.rpartition("#")[0] + "#" if isinstance(term, NamedNode) else ""


def _of_run(run: NamedNode, nodes: Nodes) -> Iterator[Triple]:
    for evaluation in nodes.get(run, {}).get(MLS.hasOutput, ()):
        about = nodes.get(evaluation, {})
        labels = [label for measure in about.get(MLS.specifiedBy, ()) for label in nodes.get(measure, {}).get(RDFS.label, ())]
        if labels and isinstance(evaluation, NamedNode):
            values = [Literal(python_number(str(each.value))) for each in about.get(MLS.hasValue, ())]
            yield from _said(evaluation, CLASSES["ModelEvaluation"], [(PROPERTIES["specifiedBy"], Literal(str(labels[0].value)))])
            yield from _said(evaluation, None, [(PROPERTIES["hasValue"], each) for each in values])
    for each in described(sorted(_tags(run, nodes))).values():
        name = quote(each.name or each.term, safe="")
        about_ = run if each.term == "Run" else NamedNode(f"{run.value}#{name}")
        yield from _said(about_, each.type, [(each.iri(term), Literal(value)) for term, value in each.properties.items()])


def _tags(run: NamedNode, nodes: Nodes) -> Iterator[tuple[str, str]]:
    for tag in nodes.get(run, {}).get(_SCHEMA.additionalProperty, ()):
        about = nodes.get(tag, {})
        for name in about.get(_SCHEMA.name, ()):
            for value in about.get(_SCHEMA.value, ()):
                yield str(name.value), str(value.value)


def _said(node: NamedNode, type_: str | None, properties: Iterable[tuple[str, Literal]]) -> Iterator[Triple]:
    if type_ is not None and (old := old_iri(type_)):
        yield Triple(node, RDF.type, old)
    for iri, value in properties:
        if old := old_iri(iri):
            yield Triple(node, old, value)


def _renamed(triples: Iterable[Triple], *, plain: bool) -> Iterator[Triple]:
    for subject, predicate, value in triples:
        old = old_iri(predicate.value)
        if predicate == RDF.type and isinstance(value, NamedNode) and (type_ := old_iri(value.value)):
            yield Triple(subject, RDF.type, type_)
        elif old and isinstance(value, Literal):
            yield Triple(subject, old, Literal(value.value) if plain else value)
        elif old and plain and isinstance(value, NamedNode):
            yield Triple(subject, old, Literal(value.value.rpartition("#")[2] or value.value))
