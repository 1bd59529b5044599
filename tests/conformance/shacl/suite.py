"""The W3C's SHACL test suite, as the source distribution of pySHACL brings it along; fetched once, by the ordinary client of the registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pyoxigraph import BlankNode, NamedNode, RdfFormat, Triple, parse

from server.graph.turtle import Reader
from server.graph.vocabulary import RDF, SH
from server.store.base import Term
from server.values import ROOT

VERSION = "0.40.1"
FOLDER = ROOT / ".venv" / "fetched" / f"pyshacl-{VERSION}"
_INSIDE = f"pyshacl-{VERSION}/test/resources/sht_tests/"
_MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
_SHT = "http://www.w3.org/ns/shacl-test#"
FAILURE = NamedNode(_SHT + "Failure")


@dataclass(frozen=True)
class Case:
    """One test: its name, the files of data and shapes, and the report that is expected (None: that there is none)."""

    name: str
    data: Path
    shapes: Path
    report: frozenset[Triple] | None


def fetched() -> Path:
    """Return the folder of the suite; without a registry the tests are skipped, but not in continuous integration."""
    if not FOLDER.is_dir():
        client = next((each for each in map(shutil.which, ("pip3", "pip")) if each), None)
        command = [client] if client else [shutil.which("uv") or "uv", "tool", "run", "pip"]
        with TemporaryDirectory() as folder:
            command += ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, f"pyshacl=={VERSION}"]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=180)
            except (OSError, subprocess.SubprocessError) as error:
                if os.environ.get("CI"):
                    raise
                pytest.skip(f"the suite cannot be fetched: {error}")
            _unpack(next(Path(folder).glob("*.tar.gz")))
    return FOLDER


def _unpack(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        members = [each for each in packed.getmembers() if each.name.startswith(_INSIDE)]
        for each in members:
            each.name = each.name.removeprefix(_INSIDE)
        packed.extractall(FOLDER, [each for each in members if each.name], filter="data")


def cases() -> Iterator[Case]:
    """Yield the tests of all manifests."""
    waiting = [fetched() / "manifest.ttl"]
    while waiting:
        path = waiting.pop()
        triples = [quad.triple for quad in parse(path=path, format=RdfFormat.TURTLE, base_iri=path.as_uri())]
        graph = Reader(triples)
        for manifest in graph.subjects(NamedNode(_MF + "Manifest")):
            waiting += [_path(each) for each in graph.objects(manifest, NamedNode(_MF + "include"))]
            for each in graph.items(graph.value(manifest, NamedNode(_MF + "entries"))):
                yield _case(each, graph)


def _case(test: Term, graph: Reader) -> Case:
    action, result = (graph.value(test, NamedNode(_MF + name)) for name in ("action", "result"))
    data, shapes = (graph.value(action, NamedNode(_SHT + name)) for name in ("dataGraph", "shapesGraph"))  # type: ignore[arg-type]
    name = "/".join(str(test.value).removesuffix(".ttl").rsplit("/", 3)[1:])
    return Case(name, _path(data), _path(shapes), None if result == FAILURE else results(result, graph))


def results(report: Term | None, graph: Reader) -> frozenset[Triple]:
    """Cut a report down to what the suite compares: each result's focus, value, path, severity, component and shape, and the verdict."""
    found: set[Triple] = set()
    waiting: list[Term] = [report] if report is not None else []
    while waiting:
        node = waiting.pop()
        for predicate in (*_COMPARED, *_PATHS):
            for value in graph.objects(node, predicate):
                if predicate == SH.sourceShape and isinstance(value, BlankNode):
                    continue  # which of the shapes without a name it was cannot be said across documents
                found.add(Triple(node, predicate, value))  # type: ignore[arg-type]
                if isinstance(value, BlankNode) and predicate in (SH.result, SH.resultPath, *_PATHS):
                    waiting.append(value)
    return frozenset(found)


_COMPARED = (
    SH.conforms, SH.result, SH.focusNode, SH.value, SH.resultPath, SH.resultSeverity, SH.sourceConstraintComponent, SH.sourceShape, RDF.type,
)  # fmt: skip
_PATHS = (SH.inversePath, SH.alternativePath, SH.zeroOrMorePath, SH.oneOrMorePath, SH.zeroOrOnePath, RDF.first, RDF.rest)


def _path(iri: Term | None) -> Path:
    return Path(str(iri.value).removeprefix("file://")) if iri is not None else Path()
