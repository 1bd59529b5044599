"""Ask HermiT whether statements contradict each other and, where they do, which few of them.

The reasoner is the one that owlready2 brings. Its own call classifies everything before it looks for a contradiction and
knows no time limit, so HermiT is run directly: it only decides consistency, in a child process that is ended in time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from pyoxigraph import BlankNode, Literal, RdfFormat, Triple, serialize

from server.errors import HubError
from server.graph.clashes import OWL
from server.graph.vocabulary import PREFIXES, RDF, RDFS, XSD

Group = tuple[Triple, ...]  # statements that make sense together only: an axiom with its blank nodes

_NUMBERS = "decimal integer nonNegativeInteger nonPositiveInteger positiveInteger negativeInteger long int short byte double float"
_UNSIGNED = "unsignedLong unsignedInt unsignedShort unsignedByte"
_OTHERS = "string boolean dateTime dateTimeStamp anyURI hexBinary normalizedString token language Name NCName NMTOKEN"
# Of the OWL 2 datatypes all but xsd:base64Binary: HermiT calls every value of it inconsistent. Other types end it with an error.
DATATYPES = {RDF.langString, *(XSD[name] for name in f"{_NUMBERS} {_UNSIGNED} {_OTHERS}".split())}

_DECLARATIONS = {OWL.ObjectProperty, OWL.DatatypeProperty}
_REMARKS = {RDFS[name] for name in ("label", "comment", "seeAlso", "isDefinedBy")}
_REMARKS |= {OWL[name] for name in ("imports", "versionIRI", "versionInfo", "priorVersion", "deprecated")}
_BUILT_IN = tuple(PREFIXES[prefix] for prefix in ("rdf", "rdfs", "owl"))


class ReasonerError(HubError):
    """The reasoner is missing, ran out of time or could not read what it was given."""


class Reasoner:
    """HermiT with a time limit over all of its runs."""

    def __init__(self, seconds: float = 120, memory_mb: int = 2000) -> None:
        """Start the clock."""
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._memory_mb = memory_mb

    def consistent(self, statements: Iterable[Triple]) -> bool:
        """Tell whether the statements can all be true."""
        done = self._run(statements, "--consistency")
        if done.returncode and "InconsistentOntologyException" not in done.stderr:
            raise ReasonerError(f"HermiT could not read the graph: {_complaint(done.stderr)}")
        return done.returncode == 0

    def impossible_classes(self, statements: Iterable[Triple]) -> list[str]:
        """Name the classes that nothing can belong to, which is nearly always a mistake in an ontology."""
        if not self.consistent(statements := list(statements)):
            raise ReasonerError("The statements contradict each other, so nothing follows from them.")
        classes = self._run(statements, "--no-prefixes", "--unsatisfiable").stdout.splitlines()[1:]  # the first line is a heading
        return sorted({each.strip() for each in classes} - {OWL.Nothing.value})

    def contradiction(self, certain: Sequence[Triple], suspects: Sequence[Group]) -> list[Group]:
        """Find a smallest set of suspects that contradicts what is certain; the whole of both must be inconsistent."""
        return _minimal(list(certain), True, list(suspects), self.consistent)

    def _run(self, statements: Iterable[Triple], *action: str) -> subprocess.CompletedProcess[str]:
        java, package = shutil.which("java"), find_spec("owlready2")
        if java is None or package is None or package.origin is None:
            raise ReasonerError("The reasoner needs Java and owlready2: install a Java runtime and the packages of requirements.txt.")
        hermit = Path(package.origin).parent / "hermit"
        with TemporaryDirectory(prefix="hub-reasoner-") as folder:
            graph = Path(folder) / "graph.nt"
            serialize(statements, graph, RdfFormat.N_TRIPLES)
            command = [java, f"-Xmx{self._memory_mb}M", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]  # short runs: no second compiler
            command += ["-cp", f"{hermit}{os.pathsep}{hermit / 'HermiT.jar'}", "org.semanticweb.HermiT.cli.CommandLine", *action, graph.as_uri()]
            try:  # the arguments are the hub's own, and no shell reads them
                return subprocess.run(command, capture_output=True, text=True, check=False, timeout=self._left())  # noqa: S603
            except subprocess.TimeoutExpired as late:
                raise self._late() from late

    def _left(self) -> float:
        if (left := self._deadline - time.monotonic()) <= 0:
            raise self._late()
        return left

    def _late(self) -> ReasonerError:
        return ReasonerError(f"The reasoner was ended after {self.seconds:g} seconds: check a smaller graph or allow more time.")


def _complaint(errors: str) -> str:
    """Give the message of a Java exception without its class and its stack."""
    first = next(iter(errors.strip().splitlines()), "it gave no reason")
    return first.rpartition("Exception: ")[2]


def _minimal(certain: list[Triple], grown: bool, suspects: list[Group], consistent: Callable[[list[Triple]], bool]) -> list[Group]:
    """Halve the suspects until a smallest contradiction is left (the QuickXplain algorithm)."""
    if grown and not consistent(certain):
        return []
    if len(suspects) == 1:
        return suspects
    left, right = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
    from_right = _minimal(certain + _flat(left), bool(left), right, consistent) if right else []
    from_left = _minimal(certain + _flat(from_right), bool(from_right), left, consistent) if left else []
    return from_left + from_right


def _flat(groups: Iterable[Group]) -> list[Triple]:
    return [triple for group in groups for triple in group]


def meaningful(statements: Iterable[Triple], also: Iterable[Triple] = ()) -> list[Triple]:
    """Keep what a reasoner can draw conclusions from, given the properties that the statements and `also` declare.

    Labels, comments and values of annotations go, `owl:imports` too (HermiT would fetch them), and so do values of
    datatypes that HermiT cannot deal with.
    """
    statements = list(statements)
    declared = {t.subject for t in (*statements, *also) if t.predicate == RDF.type and t.object in _DECLARATIONS}
    return [t for t in statements if (t.predicate in declared or _structural(t)) and _understood(t)]


def _structural(triple: Triple) -> bool:
    return triple.predicate.value.startswith(_BUILT_IN) and triple.predicate not in _REMARKS


def _understood(triple: Triple) -> bool:
    return not isinstance(triple.object, Literal) or triple.object.datatype in DATATYPES


def axioms(statements: Iterable[Triple]) -> list[Group]:
    """Group statements by the blank nodes that they share, so that no expression is torn apart."""
    leader: dict[BlankNode, BlankNode] = {}

    def lead(node: BlankNode) -> BlankNode:
        while (above := leader.setdefault(node, node)) != node:
            node = above
        return node

    groups: dict[BlankNode | Triple, list[Triple]] = {}
    statements = list(statements)
    for triple in statements:
        ends = [end for end in (triple.subject, triple.object) if isinstance(end, BlankNode)]
        for end in ends:
            leader[lead(end)] = lead(ends[0])
    for triple in statements:
        ends = [end for end in (triple.subject, triple.object) if isinstance(end, BlankNode)]
        groups.setdefault(lead(ends[0]) if ends else triple, []).append(triple)
    return [tuple(group) for group in groups.values()]
