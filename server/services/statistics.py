"""Count what is in the graph, for those who want to know before they ask: the service description, VoID, pages.

The figures are about what a query without a dataset of its own sees: the union of all graphs, a statement counted once however many
graphs have it. They are counted by queries with limits, one at a time and beside the request, and kept until the change log goes on. What
takes long to count is counted again only after a rest of many times as long, so that a large store is not busy counting itself;
until then the figures are a little old, and say from when they are. A figure that cannot be had within the limits is left out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pyoxigraph import BlankNode, Literal, NamedNode, QueryResultsFormat, QuerySolutions, Triple, parse_query_results

from server.errors import HubError
from server.graph.vocabulary import DCT, RDF
from server.services.system import now, stamp
from server.services.things import Toolbox
from server.store.base import Limits, Row
from server.store.text import fill

VOID = "http://rdfs.org/ns/void#"
_LIMITS = Limits(seconds=60, memory_mb=1024, rows=100_000, bytes=32 << 20)
_WAIT_SECONDS = 2.0  # for figures, before the request goes on with older ones or none
_SMALL_SECONDS = 0.5  # what took less is counted again whenever the log has gone on
_REST = 20  # times as long as counting took, before a large store is counted again
_LOG = logging.getLogger(__name__)

_PROPERTIES = "SELECT ?term (COUNT(*) AS ?n) WHERE { SELECT DISTINCT ?s ?term ?o WHERE { ?s ?term ?o } } GROUP BY ?term"
_CLASSES = "SELECT ?term (COUNT(DISTINCT ?s) AS ?n) WHERE { ?s a ?term FILTER(isIRI(?term)) } GROUP BY ?term"
_THINGS = "SELECT ?term (COUNT(DISTINCT ?s) AS ?n) WHERE { VALUES (?term ?class) { %s } ?s a ?class } GROUP BY ?term"
_ENTITIES = "SELECT (COUNT(DISTINCT ?s) AS ?n) WHERE { VALUES ?class { $classes } ?s a ?class }"
_SUBJECTS = "SELECT (COUNT(DISTINCT ?s) AS ?n) WHERE { ?s ?p ?o }"
_OBJECTS = "SELECT (COUNT(DISTINCT ?o) AS ?n) WHERE { ?s ?p ?o }"
_GRAPHS = "SELECT (COUNT(DISTINCT ?g) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } }"


@dataclass(frozen=True)
class Statistics:
    """The figures, and the number of the change log up to which they are right. None, or an empty table: not known."""

    sequence: int
    at: datetime
    triples: int | None = None
    subjects: int | None = None
    objects: int | None = None
    graphs: int | None = None
    entities: int | None = None  # things of any kind
    kinds: Mapping[str, int] = field(default_factory=dict)  # collection → its things
    classes: Mapping[str, int] = field(default_factory=dict)  # IRI → distinct instances
    properties: Mapping[str, int] = field(default_factory=dict)  # IRI → triples

    def describe(self, dataset: NamedNode | BlankNode) -> Iterator[Triple]:
        """Say it in the words of VoID about a dataset; the parts are blank nodes."""
        figures = {
            "triples": self.triples,
            "entities": self.entities,
            "distinctSubjects": self.subjects,
            "distinctObjects": self.objects,
            "classes": len(self.classes) or None,
            "properties": len(self.properties) or None,
        }
        yield Triple(dataset, RDF.type, NamedNode(VOID + "Dataset"))
        yield Triple(dataset, DCT.modified, stamp(self.at))
        for name, figure in figures.items():
            if figure is not None:
                yield Triple(dataset, NamedNode(VOID + name), Literal(figure))
        yield from _parts(dataset, self.classes, "classPartition", "class", "entities")
        yield from _parts(dataset, self.properties, "propertyPartition", "property", "triples")


def _parts(dataset: NamedNode | BlankNode, table: Mapping[str, int], part: str, term: str, count: str) -> Iterator[Triple]:
    for iri, number in sorted(table.items()):
        node = BlankNode()
        yield Triple(dataset, NamedNode(VOID + part), node)
        yield Triple(node, NamedNode(VOID + term), NamedNode(iri))
        yield Triple(node, NamedNode(VOID + count), Literal(number))


class Counting:
    """Counts in a thread of its own, and hands out the last figures."""

    def __init__(self, tools: Toolbox) -> None:
        """Count the knowledge dataset."""
        self._tools = tools
        self._lock = threading.Lock()
        self._closing = False
        self._running: threading.Thread | None = None
        self._known: Statistics | None = None
        self._cost = self._counted = 0.0

    def current(self, wait: float = _WAIT_SECONDS) -> Statistics:
        """Return figures: of now for a small store; for a large one they may be older, or still missing when it was never counted before."""
        sequence = self._tools.history.last()
        with self._lock:
            if self._known is not None and (self._known.sequence == sequence or self._resting()):
                return self._known
            if self._running is None or not self._running.is_alive():
                # A daemon, so that the end of the process waits for no count.
                self._running = threading.Thread(target=self._count, args=(sequence,), name="statistics", daemon=True)
                self._running.start()
            running = self._running
        running.join(wait)
        return self._known or Statistics(sequence, now())

    def _resting(self) -> bool:
        return self._cost > _SMALL_SECONDS and time.monotonic() < self._counted + self._cost * _REST

    def close(self) -> None:
        """Ask nothing more; a query that runs ends with its store."""
        self._closing = True

    def _count(self, sequence: int) -> None:
        begin = time.monotonic()
        properties = self._table(_PROPERTIES)
        kinds = [(Literal(kind.collection), target) for kind in self._tools.registry.kinds.values() for target in kind.targets]
        found = Statistics(
            sequence,
            now(),
            triples=sum(properties.values()) if properties is not None else None,
            subjects=self._number(_SUBJECTS),
            objects=self._number(_OBJECTS),
            graphs=self._number(_GRAPHS),
            entities=self._number(fill(_ENTITIES, classes=[target for _, target in kinds])),
            kinds=self._table(_THINGS % " ".join(f"( {collection} {target} )" for collection, target in kinds)) or {},
            classes=self._table(_CLASSES) or {},
            properties=properties or {},
        )
        with self._lock:
            self._known, self._counted = found, time.monotonic()
            self._cost = self._counted - begin

    def _table(self, sparql: str) -> dict[str, int] | None:
        rows = self._rows(sparql)
        return None if rows is None else {row["term"].value: int(row["n"].value) for row in rows if "term" in row}

    def _number(self, sparql: str) -> int | None:
        rows = self._rows(sparql)
        return int(rows[0]["n"].value) if rows else None

    def _rows(self, sparql: str) -> list[Row] | None:
        """Ask as a stranger does, so that the work has an end; None where it does not come to one."""
        if self._closing:
            return None
        try:
            with self._tools.store.stranger(sparql, "select", QueryResultsFormat.JSON.media_type, _LIMITS).body as body:
                solutions = parse_query_results(body.read(), QueryResultsFormat.JSON)
        except HubError as error:
            _LOG.info("A figure about the graph is not known: %s", error.detail)
            return None
        if not isinstance(solutions, QuerySolutions):
            raise ValueError("The query is no SELECT.")
        names = [variable.value for variable in solutions.variables]
        return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in solutions]
