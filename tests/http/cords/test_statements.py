"""What owners say of their models beside what is generated, as the clients of the CORDS service and the hub's own write it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pyoxigraph import RdfFormat, parse

from server.graph.cords import CLASSES, PROPERTIES
from server.graph.literals import canonical_triple
from server.graph.vocabulary import PREFIXES
from server.services.callers import SYSTEM
from server.values import ROOT
from tests.http.cords.conftest import Api

STRING = "http://www.w3.org/2001/XMLSchema#string"
EX = "http://example.org#"
RUN = {
    "title": "by hand", "metrics": [{"measure": "RMSE", "value": 0.25}], "implementation": "sklearn.KNN",
    "parameters": [{"parameter": "k", "value": "5"}],
    "tags": [{"name": "cords.Run", "value": "r1"}, {"name": "cords.Run.executes", "value": "K-Neighbors Regressor"},
             {"name": "cords.Contract", "value": "c 1"}, {"name": "cords.Contract.hasOwnerID", "value": "me"},
             {"name": "cords.Catalog.hasPart", "value": "x"}, {"name": "cords.Nothing", "value": "x"}],
}  # fmt: skip


@pytest.fixture
def user(api: Api) -> Api:
    api.log_in()
    return api


@pytest.fixture
def model(user: Api) -> str:
    run: Any = user.call("POST", "/api/runs", RUN).json
    made: Any = user.call("POST", "/api/models", {"title": "kNN", "location": "s3://models/knn", "run": run["iri"]}).json
    id: str = made["id"]
    return id


def text(value: str) -> dict[str, str]:
    return {"@type": STRING, "@value": value}


def nodes(api: Api, model: str, path: str = "generate_semantics") -> dict[str, dict[str, Any]]:
    answer = api.call("GET", f"/api/ml_models/{path}/{model}")
    assert answer.status_code == 200, answer.text
    return {node["@id"].removeprefix(EX): node for node in answer.json["semantics"]["cords:mlmetadata"]}  # type: ignore[index]


def test_an_owner_adds_replaces_and_takes_away_statements_and_what_is_generated_stays(user: Api, model: str) -> None:
    path = f"/api/ml_models/semantics/{model}"
    generated = nodes(user, model)
    assert set(generated) == {"modelEvaluation_RMSE", "x", "c%201", "r1"} - {"x"} | {""}
    mine = [
        {"@id": EX + "r1", "@type": "mls:Run", "mls:achieves": text("load forecasting"), "mls:executes": text("K-Neighbors Regressor")},
        {"@id": EX + "grid", "@type": "mls:Quality", "mls:hasValue": [{"@value": 3}, {"@id": EX + "r1"}]},
        {"@id": EX + model, "fl:note": text("good"), "http://purl.org/dc/terms/subject": {"@id": "https://example.org/energy"}},
    ]  # fmt: skip
    answer: Any = user.call("PUT", path, {"semantics": {"@context": {}, "cords:mlmetadata": [*generated.values(), *mine]}}).json
    found = nodes(user, model)
    assert answer["semantics"]["cords:mlmetadata"] == list(found.values())
    assert found["r1"] == generated["r1"] | {"mls:achieves": text("load forecasting")}
    assert found["grid"] == {"@id": EX + "grid", "@type": "mls:Quality", "mls:hasValue": [text("3"), text("r1")]}
    assert found[model]["@type"] == "mls:Model" and found[model]["fl:note"] == text("good")
    assert set(nodes(user, model, "semantics")) == {"r1", "grid", model}
    changed = user.call("PATCH", path, {"cords:mlmetadata": [{"@id": EX + "r1", "mls:achieves": None}, {"@id": EX + "grid", "mls:hasValue": "four"}]})
    assert changed.status_code == 200, changed.text
    assert nodes(user, model)["r1"] == generated["r1"] and nodes(user, model)["grid"]["mls:hasValue"] == text("four")
    untyped = user.call("PATCH", path, {"cords:mlmetadata": {"@id": EX + "grid", "@type": None}})
    assert untyped.status_code == 200 and "@type" not in nodes(user, model)["grid"]
    own: Any = user.call("GET", f"/api/models/{model}").json
    assert own[PREFIXES["cordsfl"] + "note"] == [{"@value": "good", "@type": STRING}]
    assert user.call("PUT", path, {"cords:mlmetadata": []}).status_code == 200
    assert nodes(user, model) == generated
    assert [each["revision"] for each in user.call("GET", f"/api/models/{model}/history").json["items"]] == [5, 4, 3, 2, 1]  # type: ignore[index]


def test_statements_may_be_rdf_or_members_and_a_new_import_keeps_them(user: Api, model: str) -> None:
    path = f"/api/ml_models/semantics/{model}"
    turtle = "@prefix mls: <http://www.w3.org/ns/mls#> . <> mls:hasQuality <#fair> . <#fair> a mls:Quality ; mls:hasValue 0.5 , [ mls:hasValue 1 ] ."
    assert user.call("PUT", path, turtle, Content_Type="text/turtle").status_code == 200
    assert nodes(user, model)[model]["mls:hasQuality"] == text("fair")
    assert user.call("PATCH", path, {"mls:definedOn": "iris", "@included": [{"iri": EX + "fair", "mls:hasValue": 1.5}]}).status_code == 200
    found = nodes(user, model)
    assert (found[model]["mls:definedOn"], found["fair"]["mls:hasValue"]) == (text("iris"), text("1.5E0"))
    generic = user.call("PATCH", f"/api/models/{model}", {"http://www.w3.org/ns/mls#definedOn": "wine", "title": "new"}, If_Match="*")
    assert generic.status_code == 200 and nodes(user, model)[model]["mls:definedOn"] == text("wine")
    document = '{"@context": {"mls": "http://www.w3.org/ns/mls#"}, "@id": "", "mls:definedOn": "beer"}'
    assert user.call("PATCH", path, document, Content_Type="application/ld+json").status_code == 200
    moved = {"name": "n", "version": "1", "description": "d", "ml_flow_model_path": "s3://elsewhere/x"}
    assert user.call("PUT", f"/api/ml_models/update_model/{model}", moved).status_code == 200  # its run is not its run any more
    assert set(nodes(user, model)) == {model, "fair", nodes_below(user, model)}
    assert nodes(user, model)[model]["mls:definedOn"] == text("beer")


def nodes_below(api: Api, model: str) -> str:
    """Name the node that was blank in what was sent."""
    return next(name for name in nodes(api, model) if "/part/" in name)


REFUSED: list[tuple[Any, int, str]] = [
    ([], 400, ""), ({"cords:mlmetadata": ["x"]}, 400, "/cords:mlmetadata/0"), ({"semantics": {"cords:mlmetadata": [{}]}}, 400, "/semantics/"),
    ({"cords:mlmetadata": [{"@id": "https://elsewhere.example/x", "mls:x": 1}]}, 400, "/cords:mlmetadata/0/@id"),
    ({"cords:mlmetadata": [{"@id": EX + "a b", "mls:x": 1}]}, 400, "/cords:mlmetadata/0/@id"),
    ({"cords:mlmetadata": [{"@id": EX + "a", "executes": 1, "mls:x": {"@wrong": 1}, "mls:y": {"@id": "none"}}]}, 400, "/cords:mlmetadata/0/executes"),
    ({"cords:mlmetadata": [{"@id": EX + "a", "@type": "mls:Run"}]}, 422, "/@included/0"), ({"dct:title": "x"}, 400, "/http:~1~1purl"),
    ({"@type": "mls:Data"}, 400, "/@type"), ({"rights": 1}, 400, "/rights"), ({"hub:sequence": 1}, 422, "/http"),
]  # fmt: skip


def test_what_cannot_be_said_is_refused_with_the_place(user: Api, model: str) -> None:
    for body, status, pointer in REFUSED:
        answer = user.call("PUT", f"/api/ml_models/semantics/{model}", body)
        assert answer.status_code == status, answer.text
        assert answer.json["status"] == "failed" and answer.json["errors"][0]["pointer"].startswith(pointer), answer.json  # type: ignore[index]
    assert user.call("GET", f"/api/models/{model}").json["revision"] == 1  # type: ignore[index]


def test_a_model_whose_run_is_gone_is_described_by_what_its_owner_says(user: Api, model: str) -> None:
    assert user.call("PATCH", f"/api/ml_models/semantics/{model}", {"mls:definedOn": "iris"}).status_code == 200
    run: str = user.call("GET", f"/api/models/{model}").json["run"].rpartition("/")[2]  # type: ignore[index]
    user.hub.assets.delete(SYSTEM, "runs", run, "*", force=True)
    assert set(nodes(user, model)) == {model}


def test_rights_media_types_and_revisions_hold(user: Api, model: str) -> None:
    path = f"/api/ml_models/semantics/{model}"
    assert user.call("PUT", path, "<https://example.org/x> a <#y> .", Content_Type="text/turtle").status_code == 422
    assert user.call("PUT", path, "x", Content_Type="text/plain").status_code == 415
    assert user.call("PUT", path, {"mls:x": 1}, If_Match='"7-json"').status_code == 412
    assert user.call("PUT", path, {"mls:x": 1}, Authorization="").status_code == 401
    user.log_in(email="bob@example.org")
    assert user.call("PUT", path, {"mls:x": 1}).status_code == 403
    assert user.call("GET", path).json["semantics"]["cords:mlmetadata"] == []  # type: ignore[index]


def test_the_whole_graph_comes_as_proper_json_ld_and_is_the_view(user: Api, model: str) -> None:
    assert user.call("PUT", f"/api/ml_models/semantics/{model}", {"mls:definedOn": "iris"}).status_code == 200
    full: Any = user.call("GET", f"/api/ml_models/generate_semantics/{model}?profile=full&refresh=true").json
    view = user.call("GET", f"/api/models/{model}/views/cords", Accept="application/ld+json")
    assert view.status_code == 200 and full["model_id"] == model
    graphs = [{canonical_triple(quad.triple) for quad in parse(text, RdfFormat.JSON_LD)} for text in (orjson.dumps(full["semantics"]), view.data)]
    assert graphs[0] == graphs[1] and len(graphs[0]) > 40
    tree = full["semantics"]
    metric = tree["prov:wasGeneratedBy"]["mls:hasOutput"]
    assert metric["mls:hasValue"] == {"@value": "2.5E-1", "@type": "xsd:double"} and metric["mls:specifiedBy"]["rdfs:label"] == "RMSE"
    assert tree["mls:definedOn"] == "iris" and tree["@context"]["mls"] == PREFIXES["mls"] and "@included" in tree
    triples = user.call("GET", f"/api/models/{model}/views/cords", Accept="application/n-triples").get_data(as_text=True)
    mls, run = PREFIXES["mls"], user.call("GET", f"/api/models/{model}").json["run"]  # type: ignore[index]
    for said in (
        f"<{mls}definedOn> \"iris\"", f"<{mls}specifiedBy> <http://hub.test/id/measures/RMSE>", "#label> \"RMSE\"",
        "#label> \"sklearn.KNN\"",
        f"<{run}> <{mls}executes> <{run}#K-Neighbors%20Regressor>", f"<{run}#c%201> <{PREFIXES['cords']}hasOwnerID> \"me\"",
        f"<{run}#Catalog> <http://purl.org/dc/terms/hasPart> \"x\"",
    ):  # fmt: skip
        assert said in triples
    assert "Nothing>" not in triples
    assert user.call("GET", f"/api/ml_models/generate_semantics/{model}?profile=none").status_code == 400


def test_the_view_knows_the_same_terms_as_the_tags() -> None:
    text = (ROOT / "queries" / "views" / "cords.rq").read_text("utf-8")
    known = dict(line[7:].rstrip(">").split(": <") for line in text.splitlines() if line.startswith("PREFIX "))
    words = [pair.split('" ') for pair in text.replace(")", "(").split("(") if pair.startswith('"') and '" ' in pair and ":" in pair]
    assert {word.strip('"'): known[name.partition(":")[0]] + name.partition(":")[2] for word, name in words} == {**CLASSES, **PROPERTIES}
