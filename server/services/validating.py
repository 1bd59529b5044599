"""Validation as a service: judge a document as a write would, and store nothing."""

from __future__ import annotations

from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse

from server.errors import DoesNotConform, Fault, Malformed, TooManyRequests
from server.graph.bounds import check_size
from server.graph.gate import Verdict
from server.graph.rdf import FORMATS, read
from server.graph.turtle import Reader
from server.graph.validator import report
from server.graph.vocabulary import SH
from server.services.drafts import Document, Drafts
from server.services.linked import Linked
from server.services.things import Toolbox

IN_DATA = "data"
LD = "application/ld+json"
_PLACES = BoundedSemaphore(2)  # each is a process, and one of the threads that answer requests


class Validating:
    """Judges posted documents with the reference engine."""

    def __init__(self, tools: Toolbox) -> None:
        """Judge by the shapes of the tools' registry."""
        self._tools, self._drafts = tools, Drafts(tools)

    def judge(self, document: Document, collection: str | None) -> Verdict:
        """Return the verdict on a document that conforms; raise `DoesNotConform` with the report of one that does not.

        With a collection the document describes one thing of that kind and references count as in a write; without one it is any
        RDF graph, judged by whatever shapes its types have.
        """
        if collection is not None:
            return self._drafts.judge(self._drafts.new(self._tools.kind(collection), document))
        return _conforming(self._tools.gate.judge(self._triples(document)))

    def against(self, document: Document, shapes: Document | str, linked: Linked) -> Verdict:
        """Judge a document by shapes that were sent with it, by those in it (`data`), or by a kind's own shape; as `judge` otherwise.

        The work is done where it can be ended. Raises `TooManyRequests` where others are at it, and what `server.graph.validator` does.
        """
        triples = self._triples(document)
        rules = self._triples(shapes) if isinstance(shapes, Document) else triples if shapes == IN_DATA else linked.shape(shapes)
        if not _PLACES.acquire(blocking=False):
            raise TooManyRequests("Others are validating; try again in a moment.", retry_after=5)
        try:
            written = report(triples, rules)
        finally:
            _PLACES.release()
        return _conforming(located(written, document))

    def _triples(self, document: Document) -> list[Triple]:
        if document.media_type not in FORMATS or not isinstance(document.content, bytes):
            raise Malformed("Name the kind of a JSON document: ?kind=<collection>; RDF may be sent without.")
        base = f"{self._tools.names.base}api/validate"
        triples = read(document.content, document.media_type, base, self._tools.context, self._tools.context_iri)
        check_size(len(triples))
        return triples


def _conforming(verdict: Verdict) -> Verdict:
    if not verdict.conforms:
        raise DoesNotConform("The graph does not conform.", faults=verdict.violations, report=verdict.report)
    return verdict


def located(report: str, document: Document) -> Verdict:
    """Make a verdict of a report; in JSON-LD each result points to the node that it is about."""
    graph = Reader(quad.triple for quad in parse(report, RdfFormat.N_TRIPLES))
    places = dict(_places(document.json(), "")) if document.media_type == LD else {}
    faults: dict[bool, list[Fault]] = {True: [], False: []}
    for result in (each for node in graph.subjects(SH.ValidationReport) for each in graph.objects(node, SH.result)):
        focus, path = graph.value(result, SH.focusNode), graph.value(result, SH.resultPath)
        component = graph.text(result, SH.sourceConstraintComponent) or ""
        told = graph.text(result, SH.resultMessage) or component.rpartition("#")[2].removesuffix("ConstraintComponent")
        about = " ".join(str(each) for each in (focus, path) if isinstance(each, (NamedNode, Literal)))
        severe = graph.value(result, SH.resultSeverity) == SH.Violation
        faults[severe].append(Fault(places.get(str(focus.value), "") if focus is not None else "", f"{about}: {told}" if about else told))
    conforms = not faults[True] and not faults[False]
    every = tuple(faults[True] + faults[False])
    return Verdict(conforms, every, (), report)


def _places(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each node of a JSON-LD document and where it stands."""
    if isinstance(value, dict):
        name = value.get("@id", value.get("iri"))
        if isinstance(name, str) and len(value) > 1:
            yield name, pointer
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in members:
        if key != "@context":
            yield from _places(each, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
