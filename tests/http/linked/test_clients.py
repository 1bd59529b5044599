"""What other people's libraries read from a running hub: owlready2 its ontologies, pyoxigraph its answers and its dump."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator

import owlready2
import pyoxigraph
import pytest
from pyoxigraph import QueryResultsFormat, RdfFormat

from server.graph.ontology import Ontologies
from tests.faults.conftest import empty
from tests.support.server import RunningHub, running_hub
from tests.support.stores import EMBEDDED, FUSEKI

RESULTS = {QueryResultsFormat.JSON: "json", QueryResultsFormat.XML: "xml", QueryResultsFormat.TSV: "tab-separated-values"}


@pytest.fixture(scope="module", params=[EMBEDDED, FUSEKI])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = empty(request.getfixturevalue("fuseki_url")) if request.param == FUSEKI else {}
    with running_hub(tmp_path_factory.mktemp("hub"), arguments=["--sample"], **settings) as hub:
        yield hub


def test_owlready2_loads_every_served_ontology(running: RunningHub) -> None:
    names = [each["name"] for each in running.request("GET", "/ontology").json()["items"]]
    assert set(Ontologies.load()) <= set(names)
    for name in Ontologies.load():
        world = owlready2.World()
        answer = running.request("GET", f"/ontology/{name}", headers={"Accept": "application/rdf+xml"})
        ontology = world.get_ontology(f"{running.url}/ontology/{name}").load(fileobj=io.BytesIO(answer.data))
        stated = {str(each.subject.value) for each in pyoxigraph.parse(answer.data, RdfFormat.RDF_XML) if "Class" in str(each.object)}
        assert len(world.graph) > 0 and {each.iri for each in ontology.classes()} <= stated


def test_pyoxigraph_reads_tables_graphs_and_the_dump(running: RunningHub) -> None:
    query = "SELECT ?model ?title WHERE { ?model a <http://www.w3.org/ns/mls#Model> ; <http://purl.org/dc/terms/title> ?title }"
    tables = []
    for form, kind in RESULTS.items():
        accept = "text/" if kind.startswith("tab") else "application/sparql-results+"
        answer = running.request("GET", "/sparql", fields={"query": query}, headers={"Accept": accept + kind})
        rows = pyoxigraph.parse_query_results(answer.data, form)
        tables.append({(str(row["model"]), str(row["title"])) for row in rows})  # type: ignore[union-attr]
    assert tables[0] and tables[0] == tables[1] == tables[2]
    store = pyoxigraph.Store()
    dump = running.request("GET", "/dump.nq.gz", decode_content=False).data
    store.load(gzip.decompress(dump), RdfFormat.N_QUADS)
    own = {(str(row["model"]), str(row["title"])) for row in store.query(query, use_default_graph_as_union=True)}  # type: ignore[union-attr]
    assert own == tables[0]
