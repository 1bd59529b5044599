"""RDF documents in and out: every RDF media type, nothing fetched, blank nodes named.

pyoxigraph parses and writes. A remote JSON-LD context is refused, except the hub's own, which is filled in from memory;
a document type in XML, and so every entity, is refused; `owl:imports` is a triple like any other. What would take the parser
too long or too deep is refused before it (`server.graph.bounds`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, parse, serialize

from server.errors import DoesNotConform, Fault, Malformed, NotAcceptable, UnsupportedMediaType
from server.graph.bounds import check_nesting, check_xml, load_json
from server.graph.kinds import Kind
from server.graph.names import Names
from server.graph.vocabulary import PREFIXES, RDF
from server.store.base import Term

FORMATS: Mapping[str, RdfFormat] = {
    "text/turtle": RdfFormat.TURTLE,
    "application/n-triples": RdfFormat.N_TRIPLES,
    "application/rdf+xml": RdfFormat.RDF_XML,
    "application/ld+json": RdfFormat.JSON_LD,
    "application/trig": RdfFormat.TRIG,
    "application/n-quads": RdfFormat.N_QUADS,
}
TRIPLE_TYPES = ("text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json")
QUAD_TYPES = ("application/trig", "application/n-quads")
_MOST_WORK = 200_000  # statements about blank nodes that are looked at in rounds beyond the eighth


def read(text: bytes, media_type: str, base: str, context: Mapping[str, Any] | None = None, context_iri: str = "") -> list[Triple]:
    """Parse a document into triples; quads of named graphs are refused.

    `context` is the hub's own JSON-LD context, filled in where a document names it by `context_iri`.
    Raises `Malformed` with line and column, `UnsupportedMediaType` for a type that is no RDF.
    """
    if media_type not in FORMATS:
        raise UnsupportedMediaType(f"{media_type or 'No media type'} is not read here; send {', '.join(TRIPLE_TYPES)} or JSON.")
    json_ld = media_type == "application/ld+json"
    if json_ld:
        text = orjson.dumps(_replace(load_json(text), context or {}, context_iri))
    elif media_type == "application/rdf+xml":
        check_xml(text)
    else:
        check_nesting(text)
    try:
        quads = list(parse(text, FORMATS[media_type], base_iri=base, rename_blank_nodes=True, lenient=json_ld))
        if json_ld:
            _check_terms(quads)
    except SyntaxError as error:
        raise Malformed(f"The {media_type} document cannot be read: {_first_line(error)}", faults=[_position(error)]) from error
    except ValueError as error:
        raise Malformed(f"The {media_type} document cannot be read: {_first_line(error)}") from error
    for quad in quads:
        if isinstance(quad.subject, Triple) or isinstance(quad.object, Triple):
            raise Malformed("Triple terms are not stored; state the triple itself.")
        if isinstance(quad.object, Literal) and quad.object.direction is not None:
            raise Malformed(f"The base direction of {str(quad.object)[:80]} is not stored; leave it out, or write the text with direction marks.")
    return [quad.triple for quad in quads]


def _check_terms(quads: Iterable[Quad]) -> None:
    """Raise `ValueError` for a term that is none: strictly read, JSON-LD would be without the statements that use it, and nobody would know."""
    for quad in quads:
        for term in quad:
            if isinstance(term, NamedNode):
                _checked_iri(term.value)
            elif isinstance(term, Literal):
                _checked_iri(term.datatype.value)
                Literal(term.value, language=term.language)


@lru_cache(maxsize=4096)
def _checked_iri(iri: str) -> None:
    try:
        NamedNode(iri)
    except ValueError as error:
        raise ValueError(f"{iri[:200]} is no IRI: {error}") from error


def write(triples: Iterable[Triple], media_type: str, graph: NamedNode | None = None, prefixes: Mapping[str, str] = PREFIXES) -> bytes:
    """Write triples in a media type; in TriG and N-Quads they stand in `graph` when one is given."""
    if media_type not in FORMATS:
        raise NotAcceptable(f"{media_type} cannot be written; ask for {', '.join(FORMATS)}.")
    ordered = sorted(triples, key=lambda triple: (str(triple.subject), triple.predicate != RDF.type, str(triple)))
    rows: Iterable[Any] = (
        [Quad(each.subject, each.predicate, each.object, graph) for each in ordered] if graph is not None and media_type in QUAD_TYPES else ordered
    )
    used = {} if media_type in ("application/n-triples", "application/n-quads") else _used(ordered, prefixes)
    return serialize(rows, format=FORMATS[media_type], prefixes=used) or b""


def skolemize(triples: Iterable[Triple], root: Term, thing: NamedNode) -> list[Triple]:
    """Name every blank node below the thing, by what it says, so that equal content gets equal names; the root becomes the thing."""
    triples = list(triples)
    names: dict[Term, NamedNode] = {root: thing}
    names.update({node: NamedNode(f"{thing.value}/part/{label}") for node, label in _labels(triples, root).items()})
    return [_renamed(triple, names) for triple in triples]


def find_root(triples: Iterable[Triple], kind: Kind, thing: NamedNode) -> Term:
    """Find the node that a posted graph describes: the one of the kind's class that no other node points to.

    Raises `DoesNotConform` when there is none or more than one.
    """
    triples = list(triples)
    candidates = {triple.subject for triple in triples if triple.predicate == RDF.type and triple.object in kind.targets}
    if thing in candidates:
        return thing
    pointed = {triple.object for triple in triples if triple.subject != triple.object}
    roots = [each for each in candidates if each not in pointed] or list(candidates)
    if len(roots) != 1:
        names = " or ".join(each.value for each in kind.targets)
        found = "nothing" if not roots else f"{len(roots)} things"
        raise DoesNotConform(
            f"The graph describes {found} of type {names}; post exactly one {kind.label}.", faults=[Fault("", f"One {names} is needed.")]
        )
    root = roots[0]
    if not isinstance(root, (NamedNode, BlankNode)):
        raise Malformed("The thing described must be an IRI or a blank node.")
    return root


def foreign_subjects(triples: Iterable[Triple], thing: NamedNode, names: Names) -> set[str]:
    """Return the subjects that are neither the thing, nor below it, nor a node shared between graphs."""
    below = (thing.value + "/", thing.value + "#")
    found = set()
    for triple in triples:
        subject = triple.subject
        if isinstance(subject, NamedNode) and subject != thing and not subject.value.startswith(below) and not names.is_shared(subject):
            found.add(subject.value)
    return found


def _labels(triples: list[Triple], root: Term) -> dict[Term, str]:
    """Label blank nodes by hashing what they say and who says what of them, until no more of them are told apart.

    The more statements, the fewer rounds: a chain of a hundred thousand alike nodes must not hold up everybody else.
    """
    near = [triple for triple in triples if isinstance(triple.subject, BlankNode) or isinstance(triple.object, BlankNode)]
    nodes = {each for triple in near for each in (triple.subject, triple.object) if isinstance(each, BlankNode)} - {root}
    labels: dict[Any, str] = {**dict.fromkeys(nodes, ""), root: ""}
    kinds, before = 1, 0
    for _ in range(8 + _MOST_WORK // (len(near) + 1)):
        if kinds == before:
            break
        said: dict[Any, list[str]] = {node: [] for node in nodes}
        for triple in near:
            if triple.subject in said:
                said[triple.subject].append(f">{triple.predicate}{labels.get(triple.object, str(triple.object))}")
            if triple.object in said:
                said[triple.object].append(f"<{triple.predicate}{labels.get(triple.subject, str(triple.subject))}")
        labels = {root: "", **{node: hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12] for node, lines in said.items()}}
        kinds, before = len(set(labels.values())), kinds
    del labels[root]
    return _told_apart(labels)


def _told_apart(labels: dict[Any, str]) -> dict[Term, str]:
    """Add a number to the labels of nodes that say the same."""
    seen: dict[str, int] = {}
    for node in sorted(labels, key=lambda each: (labels[each], str(each))):
        seen[labels[node]] = seen.get(labels[node], 0) + 1
        if seen[labels[node]] > 1:
            labels[node] += f"-{seen[labels[node]]}"
    return labels


def _renamed(triple: Triple, names: Mapping[Term, NamedNode]) -> Triple:
    subject, value = triple.subject, triple.object
    if isinstance(subject, (NamedNode, BlankNode)):
        subject = names.get(subject, subject)
    if isinstance(value, (NamedNode, BlankNode)):
        value = names.get(value, value)
    return Triple(subject, triple.predicate, value)


def _used(triples: Iterable[Triple], prefixes: Mapping[str, str]) -> dict[str, str]:
    iris = {iri for triple in triples for iri in _iris(triple)}
    return {prefix: namespace for prefix, namespace in prefixes.items() if any(iri.startswith(namespace) for iri in iris)}


def _iris(triple: Triple) -> Iterator[str]:
    for each in triple:
        if isinstance(each, NamedNode):
            yield each.value
        elif isinstance(each, Literal):
            yield each.datatype.value


def _replace(node: Any, context: Mapping[str, Any], context_iri: str) -> Any:
    if isinstance(node, list):
        return [_replace(each, context, context_iri) for each in node]
    if not isinstance(node, dict):
        return node
    replaced = {key: _replace(value, context, context_iri) for key, value in node.items() if key != "@context"}
    if "@context" in node:
        given = node["@context"] if isinstance(node["@context"], list) else [node["@context"]]
        if remote := [each for each in given if isinstance(each, str) and each != context_iri]:
            raise Malformed(f"The remote context {remote[0][:200]} is not fetched; write the context into the document, or use {context_iri}.")
        if imports := [each for each in given if isinstance(each, dict) and "@import" in each]:
            raise Malformed(f"The context import {str(imports[0]['@import'])[:200]} is not fetched; write the context into the document.")
        replaced = {"@context": [context if isinstance(each, str) else each for each in given], **replaced}
    return replaced


def _first_line(error: Exception) -> str:
    return str(error.args[0] if error.args else error).partition("\n")[0][:300]


def _position(error: SyntaxError) -> Fault:
    line = f" at line {error.lineno}, column {error.offset}" if error.lineno else ""
    return Fault("", _first_line(error) + line)
