"""Old IRIs: what consumers that read descriptions by JSON-LD 1.0 ask SPARQL for is found, follows every write, and can be turned off."""

from __future__ import annotations

import io
from pathlib import Path

import orjson
from pyoxigraph import NamedNode

from server.hub import Hub
from server.services.assets import ANY
from server.services.callers import SYSTEM, Role, anonymous
from server.services.checks import check_aliases, heads
from server.services.drafts import JSON, Document
from server.services.queries import Question
from server.store.base import Store
from tests.support.hubs import wired

SAMPLE = """SELECT DISTINCT ?graph ?subject WHERE { GRAPH ?graph { ?subject <http://www.w3.org/ns/mlsexecutes> "K-Neighbors Regressor" } }"""
"""The query that came with the demonstrator of CORDS, in its words."""

RUN = {
    "title": "run", "metrics": [{"measure": "RMSE", "value": 0.25}, {"measure": "bad", "value": "NaN"}],
    "tags": [{"name": "cords.Run", "value": "r1"}, {"name": "cords.Run.executes", "value": "K-Neighbors Regressor"},
             {"name": "cords.Software", "value": "scikit learn"}, {"name": "cords.Person", "value": "Ada"},
             {"name": "cords.Model.hasQuality", "value": "q"}],
}  # fmt: skip
ALIASES = NamedNode("http://hub.test/api/aliases")


def rows(hub: Hub, sparql: str) -> list[dict[str, str]]:
    answer = hub.queries.run(anonymous(Role.reader), Question(sparql), lambda form: "application/sparql-results+json")
    with answer.body as body:
        found = orjson.loads(body.read())["results"]["bindings"]
    return [{name: each["value"] for name, each in row.items()} for row in found]


def said(store: Store) -> set[tuple[str, str, str]]:
    """List what the graph says, in short."""
    found = [[str(term.value).removeprefix("http://www.w3.org/ns/mls") for term in each] for each in store.graph(ALIASES) if each.subject != ALIASES]
    return {(subject.rpartition("/")[2][-20:], predicate.rpartition("#")[2], value) for subject, predicate, value in found}


def test_the_sample_query_of_cords_finds_the_run_and_follows_its_life(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path) as hub:
        run = hub.assets.create(SYSTEM, "runs", Document(JSON, RUN))
        assert rows(hub, SAMPLE) == [{"graph": ALIASES.value, "subject": run.iri.value}]
        found = said(hub.kg)
        metric = {name for name, predicate, _ in found if predicate == "hasValue"}
        assert {(predicate, value) for name, predicate, value in found if name in metric} == {
            ("type", "ModelEvaluation"), ("specifiedBy", "RMSE"), ("hasValue", "0.25"), ("specifiedBy", "bad"), ("hasValue", "nan"),
        }  # fmt: skip
        end = run.id[-20:]
        assert {each for each in found if each[0] not in metric} == {
            (end, "type", "Run"), (end, "executes", "K-Neighbors Regressor"), (f"{run.id}#scikit%20learn"[-20:], "type", "Software"),
            (f"{run.id}#Model"[-20:], "type", "Model"), (f"{run.id}#Model"[-20:], "hasQuality", "q"),
        }  # fmt: skip
        patched = hub.assets.patch(SYSTEM, "runs", run.id, {"tags": [{"name": "cords.Run.executes", "value": "SVM"}], "metrics": None}, ANY).thing
        assert rows(hub, SAMPLE) == [] and said(hub.kg) == {(end, "type", "Run"), (end, "executes", "SVM")}
        hub.assets.restore(SYSTEM, "runs", run.id, 1)
        assert len(rows(hub, SAMPLE)) == 1 and said(hub.kg) == found
        hub.assets.delete(SYSTEM, "runs", patched.id, ANY)
        assert said(hub.kg) == set()


def test_own_statements_trainings_and_bulk_loads_have_them_too(stores: tuple[Store, Store], tmp_path: Path) -> None:
    model = {"title": "m", "id": "a" * 64, "dct:relation": {"@id": "http://hub.test/id/models/" + "a" * 64 + "#x"}, "@included": [{
        "iri": "http://hub.test/id/models/" + "a" * 64 + "#x", "type": "mls:Quality", "mls:hasValue": 4, "mls:definedOn": {"@id": "https://example.org/y"},
        "https://example.org/z": "no alias",
    }]}  # fmt: skip
    service = {"title": "s", "training": {"training_rounds": 3}, "communication": {"communication_protocol": "grpc"}}
    with wired(stores, tmp_path) as hub:
        lines = [b"".join(orjson.dumps(each) + b"\n" for each in some) for some in ([model], [RUN, RUN])]
        for kind, content in zip(("models", "runs"), lines, strict=True):
            assert not [each.error for each in hub.bulk.load(SYSTEM, kind, "application/x-ndjson", io.BytesIO(content)) if each.error]
        hub.assets.create(SYSTEM, "fl-services", Document(JSON, service))
        assert len(rows(hub, SAMPLE)) == 2
        assert {each[1:] for each in said(hub.kg) if each[0].endswith("#x")} == {
            ("type", "Quality"), ("hasValue", "4"), ("definedOn", "https://example.org/y"),
        }  # fmt: skip
        federated = rows(hub, 'SELECT ?p ?v WHERE { ?s ?p ?v FILTER(CONTAINS(CONCAT(STR(?p), STR(?v)), "ontologies/cordsfl")) }')
        assert {tuple(sorted(value.rpartition("/")[2] for value in row.values())) for row in federated} == {
            ("22-rdf-syntax-ns#type", "cordsflFLTraining"), ("22-rdf-syntax-ns#type", "cordsflFLCommunication"),
            ("22-rdf-syntax-ns#type", "cordsflFLService"), ("3", "cordsfltrainingRounds"), ("cordsflcommunicationProtocol", "grpc"),
        }  # fmt: skip


def test_a_setting_turns_them_off_and_on_again(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path, cords_aliases="off") as hub:
        hub.assets.create(SYSTEM, "runs", Document(JSON, RUN))
        assert rows(hub, SAMPLE) == [] and not hub.kg.graph(ALIASES)
    with wired(stores, tmp_path) as hub:
        assert len(rows(hub, SAMPLE)) == 1 and len(said(hub.kg)) == 11
    with wired(stores, tmp_path) as hub:
        assert len(said(hub.kg)) == 11 and not list(check_aliases(hub.tools, heads(hub.tools)))
        hub.kg.update(f"DELETE WHERE {{ GRAPH {ALIASES} {{ ?s a ?t }} }} ; INSERT DATA {{ GRAPH {ALIASES} {{ <urn:x:a> <urn:x:b> 1 }} }}")
        lacks, too_much = check_aliases(hub.tools, heads(hub.tools))
        assert "lacks 5" in lacks and "1 statements that follow from nothing" in too_much
    with wired(stores, tmp_path, cords_aliases="off") as hub:
        assert not hub.kg.graph(ALIASES)
