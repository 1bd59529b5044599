"""What may be stored: only what every store keeps as it is, every syntax can say, and nobody takes for the hub's own words.

SHACL judges what a description says; here is judged whether it would still say the same after a way through any of the engines
and media types. Tried on oxigraph and TDB2: the latter takes the dot segments out of an IRI, and breaks off at a long fraction of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from pyoxigraph import Literal, NamedNode, Triple

from server.errors import Fault
from server.graph.kinds import Registry, Shape
from server.graph.literals import BAD_TEXT, DECIMAL
from server.graph.names import Names
from server.graph.reading import Draft
from server.graph.vocabulary import HUB, PREFIXES, RDF, XSD
from server.store.base import Term

BOOKKEEPING = frozenset(
    HUB[name]
    for name in (
        "head", "sequence", "revision", "document", "thing", "kind", "action", "at", "by", "reason", "patch", "added", "removed", "transaction",
        "last", "identity", "sharedStatements",
    )
)  # fmt: skip
TIMES = frozenset({XSD.dateTime, XSD.time, XSD.duration, XSD.dayTimeDuration})

_DOTS = re.compile(r"[^:]+:(?>(?://[^/?#]*)?)[^?#]*/\.{1,2}(?:[/?#]|$)")
_LONG_FRACTION = re.compile(r"\.\d{10}")


def faults(draft: Draft, registry: Registry, names: Names) -> Iterator[Fault]:
    """Yield what cannot be stored of a draft, pointing into its request."""
    shared: dict[NamedNode, list[Triple]] = {}
    for triple in draft.triples:
        subject = triple.subject
        if not isinstance(subject, NamedNode) or isinstance(triple.object, Triple):
            continue
        if names.is_shared(subject):
            shared.setdefault(subject, []).append(triple)
        if message := fault_of(triple):
            yield Fault(draft.pointer(subject, triple.predicate, triple.object), message)
    parts = {part.shared: part for part in registry.parts.values() if part.shared}
    for node, statements in shared.items():
        if message := _shared_fault(node, statements, parts, names):
            yield Fault(draft.pointer(node, None, None), message)
    for lost in sorted(unconnected(draft.thing, draft.triples)):
        yield Fault(draft.pointer(NamedNode(lost), None, None), f"Nothing says what {lost[:200]} has to do with {draft.thing.value}; connect them.")


def fault_of(triple: Triple) -> str | None:
    """Say what is wrong with one statement, or None."""
    subject, predicate, value = triple
    if predicate in BOOKKEEPING or value == HUB.Revision:
        return f"{predicate.value} is written by the hub alone; state it with a property of your own."
    for each in (subject, predicate, value):
        if isinstance(each, NamedNode) and (message := iri_fault(each.value)):
            return message
    if isinstance(value, Literal):
        return "A type is an IRI." if predicate == RDF.type else _literal_fault(value)
    return None


def _shared_fault(node: NamedNode, statements: list[Triple], parts: Mapping[str, Shape], names: Names) -> str | None:
    """Say what is wrong with what is said of a shared node: it must be what everybody else says of it, its type and the label that names it."""
    part = parts.get(names.collection_of(node))
    if part is None or part.naming is None:
        return f"{node.value[:200]} is no thing of this hub and below none; describe only the thing itself and its parts."
    labels = [each.object for each in statements if each.predicate == part.naming.path]
    usual = {*(Triple(node, RDF.type, each) for each in part.types), *(Triple(node, part.naming.path, each) for each in labels[:1])}
    if not labels or set(statements) != usual or names.shared(str(part.shared), str(labels[0].value)) != node:  # type: ignore[union-attr]
        return f"The {part.label} {node.value[:200]} is shared by all; say its label and no more of it. Another name makes another one."
    return None


def unconnected(thing: NamedNode, triples: Iterable[Triple]) -> set[str]:
    """Return the subjects that no path of statements leads to from the thing."""
    targets: dict[Term, set[Term]] = {}
    for triple in triples:
        if not isinstance(triple.subject, Triple):
            targets.setdefault(triple.subject, set())
            if isinstance(triple.object, NamedNode):
                targets[triple.subject].add(triple.object)
    reached: set[Term] = {thing}
    waiting: list[Term] = [thing]
    while waiting:
        fresh = targets.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting += fresh
    return {str(each.value) for each in targets if each not in reached}


@lru_cache(maxsize=4096)
def iri_fault(iri: str) -> str | None:
    """Say what is wrong with an IRI, or None."""
    if "/." in iri and _DOTS.match(iri):
        return f"{iri[:200]} has the path segment . or ..; write the IRI without."
    scheme, _, rest = iri.partition(":")
    if scheme in PREFIXES and not rest.startswith("//"):
        return f"{iri[:200]} is read as a short name in JSON-LD; write {PREFIXES[scheme]}{rest[:100]}, or declare the prefix {scheme}."
    return None


def _literal_fault(literal: Literal) -> str | None:
    if literal.datatype != XSD.string and literal.language is None and (message := iri_fault(literal.datatype.value)):
        return message
    if BAD_TEXT.search(literal.value):
        return "The text has a control character that not every syntax can write; leave it out."
    if literal.datatype == XSD.decimal and not DECIMAL.fullmatch(literal.value):
        return f"{literal.value[:80]} is no decimal number; one has digits and a point, and no exponent."
    if literal.datatype in TIMES and _LONG_FRACTION.search(literal.value):
        return "A second has at most nine decimal places here."
    return None
