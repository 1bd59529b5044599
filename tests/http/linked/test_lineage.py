"""What made a thing and what came of it: as rows, as a graph, in PROV-O, and as the stored query."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask.testing import FlaskClient
from pyoxigraph import NamedNode, RdfFormat, parse

from server.graph.hierarchy import Hierarchy
from server.graph.vocabulary import DCT, PREFIXES, PROV, RDF
from server.hub import Hub
from server.services.lineage import Tracing
from tests.http.linked.conftest import BASE
from tests.http.linked.test_dereferencing import path_of
from tests.queries.test_shipped import FEDERATED, FORECASTER_1, FORECASTER_2

TURTLE = "text/turtle"


def items(site: FlaskClient, path: str) -> list[dict[str, Any]]:
    answer = site.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def told(rows: list[dict[str, Any]], direction: str) -> set[tuple[str, str | None]]:
    return {(row["relation"], row.get("to_title") or row.get("value")) for row in rows if row["direction"] == direction}


def test_data_code_parameters_people_and_parents_made_a_model_and_offers_came_of_it(site: FlaskClient) -> None:
    rows = items(site, f"/api/models/{FORECASTER_2}/lineage")
    up = told(rows, "up")
    assert {
        ("dcat:previousVersion", "Load forecaster"),
        ("prov:wasGeneratedBy", "LSTM, two layers"),
        ("fair4ml:trainedOn", "Household load 2025"),
        ("prov:wasDerivedFrom", "Household load 2025"),
        ("mls:executes", "torch.nn.LSTM"),
        ("mls:hasInput", "learning_rate"),
        ("prov:wasAssociatedWith", "Maren Okafor"),
        ("hub:commit", "dd59d47d3498e3b1b562e233577e7804d9912119"),
        ("hub:software", "pytorch 2.9.1"),
        ("prov:wasGeneratedBy", "gradient boosting, weather lagged"),  # of the version before
    } <= up
    assert {row["value"] for row in rows if row.get("to_title") == "learning_rate"} == {"0.003", "0.08"}
    down = told(rows, "down")
    assert {relation for relation, _ in down} == {"hub:bundle", "hub:sharesAsset", "odrl:target", "prov:wasDerivedFrom", "hub:underAgreement"}
    assert ("hub:underAgreement", "The load forecaster to Tamarisk") in down
    assert [row["depth"] for row in rows if row["relation"] == "hub:underAgreement"] == [3]
    assert {row["relation"] for row in items(site, f"/api/models/{FORECASTER_1}/lineage?direction=down&depth=1")} >= {
        "dcat:previousVersion",
        "hub:deploysModel",
    }


def test_rounds_made_a_model_through_the_training_that_they_are_part_of(site: FlaskClient) -> None:
    rows = items(site, f"/api/models/{FEDERATED}/lineage?direction=up")
    (made,) = [row for row in rows if row["relation"] == "cordsfl:producesModel"]
    assert made["to_title"] == "Feeder load, the first three rounds" and "/rounds/" in made["via"] and made["depth"] == 1
    rounds = [row for row in rows if row["relation"] == "hub:recordedRun" and "/rounds/" in row.get("via", "")]
    assert len(rounds) == 3 and {row["depth"] for row in rounds} == {2}
    assert ("hub:trainingOf", "Feeder load, learnt together") in told(rows, "up")


def test_depth_and_limit_say_when_there_is_more(site: FlaskClient) -> None:
    path = f"/api/models/{FORECASTER_2}/lineage"
    near = site.get(f"{path}?depth=1&direction=up").json
    assert {row["depth"] for row in near["items"]} == {1} and near["truncated"] is True
    few = site.get(f"{path}?limit=3").json
    assert len(few["items"]) == 3 and few["truncated"] is True and site.get(path).json["truncated"] is False
    assert site.get(f"{path}?depth=0").status_code == site.get(f"{path}?direction=left").status_code == 400
    assert site.get(f"/api/models/{'0' * 64}/lineage").status_code == 404
    deep = site.get(f"{path}?depth=3&direction=down").json
    assert deep["truncated"] is False and max(row["depth"] for row in deep["items"]) == 3


def test_rows_are_a_table_too(site: FlaskClient) -> None:
    path = f"/api/models/{FORECASTER_2}/lineage"
    table = list(csv.DictReader(io.StringIO(site.get(path, headers={"Accept": "text/csv"}).text)))
    rows = items(site, path)
    assert [(row["from"], row["relation"], row["to"]) for row in table] == [(row["from"], row["relation"], row.get("to", "")) for row in rows]


def test_the_graph_has_every_statement_and_prov_has_its_words_alone(site: FlaskClient, catalogue: Hub) -> None:
    path = f"/api/models/{FEDERATED}/lineage"
    rows = items(site, path)
    stated = {quad.triple for quad in parse(site.get(path, headers={"Accept": TURTLE}).data, RdfFormat.TURTLE)}
    everything = {quad.triple for quad in catalogue.kg.dump()}
    assert len(rows) > 10 and {each for each in stated if each.predicate != DCT.hasPart} <= everything
    assert any(each.predicate == DCT.hasPart and "/rounds/" in str(each.object) for each in stated)
    for media_type, kind in (("application/ld+json", RdfFormat.JSON_LD), ("application/rdf+xml", RdfFormat.RDF_XML)):
        answer = site.get(f"{path}?vocabulary=prov", headers={"Accept": media_type})
        prov = {quad.triple for quad in parse(answer.data, kind)}
        assert {each.predicate.value.partition("#")[0] for each in prov} <= {PREFIXES[name].rstrip("#") for name in ("prov", "rdf", "rdfs")}
        assert {each.object.value for each in prov if each.predicate == RDF.type and isinstance(each.object, NamedNode)} >= {
            PROV[name].value for name in ("Entity", "Activity", "Agent", "Person")
        }
        made = {str(each.object).rpartition("/")[0] for each in prov if each.predicate == PROV.wasGeneratedBy}
        assert f"<{BASE}id/fl-trainings" in made and f"<{BASE}id/runs" in made, "a training generated the model, and PROV says it from the model"
    with_values = site.get(f"/api/models/{FORECASTER_2}/lineage?vocabulary=prov", headers={"Accept": TURTLE}).text
    assert 'prov:value "dd59d47d3498e3b1b562e233577e7804d9912119"' in with_values
    assert "<table>" in site.get(path, headers={"Accept": "text/html"}).text


def test_the_stored_query_finds_what_the_route_finds(site: FlaskClient, catalogue: Hub) -> None:
    for collection in ("models", "datasets", "runs", "offers", "fl-services", "fl-trainings", "connectors"):
        for thing in site.get(f"/api/{collection}?limit=100").json["items"]:
            answer = site.get("/queries/lineage", query_string={"thing": thing["iri"], "limit": "1000"})
            assert answer.status_code == 200, answer.text
            for direction in ("up", "down"):
                rows = items(site, f"/api/{collection}/{thing['id']}/lineage?direction={direction}&limit=10000")
                traced = {row.get("to", row.get("value")) for row in rows}
                asked = {row["node"] for row in answer.json["items"] if row["direction"] == direction}
                parts = {each for each in asked if each.startswith(BASE + "id/") and each.count("/") > 6}
                assert asked - parts <= traced, (thing["iri"], direction, asked - parts - traced)
                behind = {row["to"] for row in rows if "via" in row and "to" in row}  # what parts other than rounds lead to, the query leaves out
                assert traced - asked - behind <= {thing["iri"]} or behind, (thing["iri"], direction)


def test_a_sites_own_relation_becomes_lineage_by_one_axiom(site: FlaskClient, catalogue: Hub) -> None:
    own = "https://site.example/ns#distilledFrom"
    teacher = site.post("/api/models", json={"title": "Teacher"}).json
    made = site.post("/api/models", json={"title": "Student", own: [{"@id": teacher["iri"]}, {"@id": "urn:elsewhere"}]})
    assert made.status_code == 201, made.text
    assert items(site, f"{path_of(made.headers['Location'])}/lineage") == []
    axiom = f"<{own}> <http://www.w3.org/2000/01/rdf-schema#subPropertyOf> <{PROV.wasDerivedFrom.value}> ."
    more = [quad.triple for quad in parse(axiom, RdfFormat.N_TRIPLES)]
    tracing = Tracing(catalogue.tools, Hierarchy([*catalogue.linked.ontologies.triples, *more]))
    student = catalogue.assets.read("models", made.json["id"])
    assert {step.end for step in tracing.trace(student).steps} == {NamedNode(teacher["iri"]), NamedNode("urn:elsewhere")}
    (back,) = tracing.trace(catalogue.assets.read("models", teacher["id"])).steps
    assert back.end == student.iri and back.direction == "down"
