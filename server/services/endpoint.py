"""Describe the SPARQL endpoint in RDF: SPARQL 1.1 Service Description, with the statistics of VoID about what it is asked about."""

from __future__ import annotations

from pyoxigraph import BlankNode, NamedNode, Triple

from server.graph.vocabulary import DCT, PREFIXES, RDF
from server.services.queries import GRAPH_TYPES, TABLE_TYPES
from server.services.statistics import VOID, Counting
from server.settings import Settings

SD = "http://www.w3.org/ns/sparql-service-description#"
DESCRIPTION_PREFIXES = {**PREFIXES, "sd": SD, "void": VOID, "formats": "http://www.w3.org/ns/formats/"}
_FORMATS = {
    "application/sparql-results+json": "SPARQL_Results_JSON",
    "application/sparql-results+xml": "SPARQL_Results_XML",
    "text/csv": "SPARQL_Results_CSV",
    "text/tab-separated-values": "SPARQL_Results_TSV",
    "text/turtle": "Turtle",
    "application/n-triples": "N-Triples",
    "application/ld+json": "JSON-LD",
    "application/rdf+xml": "RDF_XML",
    "application/trig": "TriG",
    "application/n-quads": "N-Quads",
}


class Endpoint:
    """Says what the endpoint can do and how much there is to ask about."""

    def __init__(self, settings: Settings, counting: Counting) -> None:
        """Take the address of the hub and the figures."""
        self._address, self._counting = NamedNode(f"{settings.base_iri}sparql"), counting

    def describe(self) -> list[Triple]:
        """Describe the service, its default dataset, and the default graph, which is the union of all graphs."""
        service, dataset, graph = self._address, BlankNode(), BlankNode()
        statistics = self._counting.current()
        said: list[tuple[NamedNode | BlankNode, NamedNode, NamedNode | BlankNode]] = [
            (service, RDF.type, _sd("Service")),
            (service, _sd("endpoint"), self._address),
            (service, _sd("supportedLanguage"), _sd("SPARQL11Query")),
            (service, _sd("feature"), _sd("UnionDefaultGraph")),
            *((service, _sd("resultFormat"), NamedNode(DESCRIPTION_PREFIXES["formats"] + _FORMATS[each])) for each in (*TABLE_TYPES, *GRAPH_TYPES)),
            (service, _sd("defaultDataset"), dataset),
            (dataset, RDF.type, _sd("Dataset")),
            (dataset, NamedNode(VOID + "sparqlEndpoint"), self._address),
            (dataset, _sd("defaultGraph"), graph),
            (graph, RDF.type, _sd("Graph")),
        ]
        figures = [triple for triple in statistics.describe(graph) if triple.predicate != DCT.modified]
        modified = [triple for triple in statistics.describe(dataset) if triple.predicate in (DCT.modified, RDF.type)]
        return [*(Triple(*each) for each in said), *modified, *figures]


def _sd(name: str) -> NamedNode:
    return NamedNode(SD + name)
