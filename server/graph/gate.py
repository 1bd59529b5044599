"""The gate: nothing is stored that does not conform to its shape.

The Rust validator `shacl` says yes in a third of a millisecond and lets conforming writes through; whatever it does not pass,
pySHACL judges, and pySHACL writes every report (a differential test keeps the two equal). Both are given the shapes of
`server.graph.judging`, in which references are judged with the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyshacl
import rdflib
import shacl
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse, serialize
from pyshacl.errors import ReportableRuntimeError

from server.errors import DoesNotConform, Fault
from server.graph.judging import judging_shapes, marker
from server.graph.kinds import Registry
from server.graph.reading import Draft
from server.graph.turtle import Reader
from server.graph.vocabulary import RDF, SH, XSD
from server.metrics import observe_shacl
from server.store.base import Term

LARGEST = 10_000  # triples that pySHACL is given: it takes a second for them

LOG = logging.getLogger(__name__)
logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # that a literal is no value of its type is said in the report, to who wrote it

rdflib.NORMALIZE_LITERALS = False  # rdflib would respell what is judged and reported


@dataclass(frozen=True)
class Verdict:
    """What validation found: results of severity violation, milder ones, and the whole report as N-Triples."""

    conforms: bool
    violations: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    report: str


class Gate:
    """Validates graphs against the shapes of all kinds. Safe to share between threads."""

    def __init__(self, registry: Registry) -> None:
        """Compile the shapes for both engines."""
        shapes = _text(judging_shapes(registry))
        self._fast = shacl.Shapes.from_text(shapes, "ntriples")
        self._slow_graph = rdflib.Graph().parse(data=shapes, format="nt")
        self._lock = threading.Lock()  # pySHACL keeps state in its shapes graph

    def passes(self, triples: Iterable[Triple]) -> bool:
        """Tell quickly whether a graph conforms; False means that pySHACL has to judge."""
        started = time.perf_counter()
        verdict = self._fast.validate_text(_text(triples), "ntriples", allow_warnings=True).conforms
        observe_shacl(time.perf_counter() - started)
        return bool(verdict)

    def judge(self, triples: Iterable[Triple], draft: Draft | None = None) -> Verdict:
        """Validate with the reference engine and write the report; faults point into the draft's request.

        The fast engine writes the report where the reference engine gives none, and above `LARGEST` triples, for which that would take
        minutes and everybody else would wait.
        """
        given = list(triples)
        text = _text(given)
        found = self._by_reference(given) if len(given) <= LARGEST else None
        if found is None:
            report = self._fast.validate_text(text, "ntriples", allow_warnings=True)
            found = bool(report.conforms), str(report.serialize("ntriples"))
        conforms, written = found
        violations, warnings = _results(written, draft)
        return Verdict(conforms, violations, warnings, written)

    def _by_reference(self, triples: Iterable[Triple]) -> tuple[bool, str] | None:
        data = rdflib.Graph()
        data.addN((_rdflib(each.subject), rdflib.URIRef(each.predicate.value), _rdflib(each.object), data) for each in triples)
        started = time.perf_counter()
        try:
            with self._lock:
                conforms, report, _ = pyshacl.validate(
                    data, shacl_graph=self._slow_graph, advanced=False, inference="none", allow_warnings=True, inplace=True
                )
        except (TypeError, ReportableRuntimeError) as error:  # it breaks off where sh:lessThanOrEquals compares with what is no number
            LOG.warning("pySHACL gave no verdict: %s", error)
            return None
        finally:
            observe_shacl(time.perf_counter() - started)
        return (bool(conforms), report.serialize(format="nt", encoding="utf-8").decode()) if isinstance(report, rdflib.Graph) else None

    def admit(self, draft: Draft, context: Iterable[Triple]) -> None:
        """Return if a draft conforms, else raise `DoesNotConform` with the report.

        `context` are the type triples of what the draft refers to.
        """
        graph = [*draft.triples, *context]
        if self.passes(graph):
            return
        verdict = self.judge(graph, draft)
        if not verdict.conforms:
            raise refusal(draft, verdict)


def refusal(draft: Draft, verdict: Verdict) -> DoesNotConform:
    """Make the exception that carries a verdict."""
    first = verdict.violations[0].message if verdict.violations else "It does not conform to its shape."
    more = f" (and {len(verdict.violations) - 1} more)" if len(verdict.violations) > 1 else ""
    return DoesNotConform(f"The {draft.kind.label} does not conform: {first}{more}", faults=verdict.violations, report=verdict.report)


def _rdflib(term: Term | Triple) -> rdflib.term.Identifier:
    """Turn a term into rdflib's (its N-Triples parser takes minutes for a text of some megabytes)."""
    if isinstance(term, Literal):
        kind = rdflib.URIRef(term.datatype.value) if term.language is None and term.datatype != XSD.string else None
        return rdflib.Literal(term.value, lang=term.language, datatype=kind)
    return rdflib.BNode(term.value) if isinstance(term, BlankNode) else rdflib.URIRef(str(term.value if isinstance(term, NamedNode) else term))


def _text(triples: Iterable[Triple]) -> str:
    return (serialize(triples, format=RdfFormat.N_TRIPLES) or b"").decode()


def _results(report: str, draft: Draft | None) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    graph = Reader(quad.triple for quad in parse(report, RdfFormat.N_TRIPLES))
    violations: list[Fault] = []
    warnings: list[Fault] = []
    top = [each for node in graph.subjects(SH.ValidationReport) for each in graph.objects(node, SH.result)]
    for result in top:
        message = graph.text(result, SH.resultMessage) or "does not conform"
        fault = Fault(pointer_of(graph, result, draft), message)
        (violations if graph.value(result, SH.resultSeverity) == SH.Violation else warnings).append(fault)
    return tuple(_ordered(violations)), tuple(_ordered(warnings))


def _ordered(faults: Sequence[Fault]) -> list[Fault]:
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.pointer, fault.message))


def pointer_of(graph: Reader, result: Term, draft: Draft | None) -> str:
    """Find the place in the request that a SHACL result is about."""
    focus, path, value = (graph.value(result, each) for each in (SH.focusNode, SH.resultPath, SH.value))
    if draft is None or not isinstance(focus, NamedNode):
        return ""
    return draft.pointer(focus, path if isinstance(path, NamedNode) else None, value)


def context_triples(types: Mapping[NamedNode, str], wanted: Iterable[tuple[NamedNode, tuple[str, ...]]]) -> list[Triple]:
    """Mark what is referred to: `types` says in which collection each existing thing is, `wanted` what each reference asks for."""
    return [Triple(thing, RDF.type, marker(asked)) for thing, asked in wanted if types.get(thing) in asked]
