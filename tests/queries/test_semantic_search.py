"""Search by meaning on the sample catalogue: JSON criteria and the stored query find the same, and nothing that is sent becomes a query."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from server.errors import Malformed
from server.graph.names import Names
from server.graph.ontology import FOLDER
from server.services.linked import subclasses
from server.services.parameters import Declared
from server.services.sections import check_sections, chosen, outermost
from tests.queries.test_shipped import FEDERATED, FORECASTER_1, FORECASTER_2, MAREN, SEGMENTER
from tests.support.sites import Site, problem

SERVICE, TRAINING = "79bab3d4", "013b72bf"
RUN_1, RUN_2, RUN_3, RUN_FL = "52ef497c", "d1e17e6a", "64453e3e", "3d0c6c1f"
LOAD = "46cb5b776a3b5b8b6fc598c59c1b4d3a600606ec8b3fcd8f1b986fa57639b4e2"
FORECASTS = {FORECASTER_1[:8], FORECASTER_2[:8], FEDERATED[:8]}

FINDS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "an algorithm of models": ({"kind": "models", "algorithm": "lstm"}, {FORECASTER_2[:8], FEDERATED[:8]}),
    "by its IRI": ({"kind": "models", "algorithm": "http://hub.test/id/algorithms/LSTM"}, {FORECASTER_2[:8], FEDERATED[:8]}),
    "by its name in the hub": ({"kind": "models", "algorithm": "id/algorithms/LSTM"}, {FORECASTER_2[:8], FEDERATED[:8]}),
    "one of two algorithms": ({"kind": "runs", "algorithm": ["LSTM", "U-Net"]}, {RUN_2, RUN_3, RUN_FL}),
    "an aggregation is an algorithm too": ({"algorithm": "fed_avg"}, {SERVICE, TRAINING}),
    "any algorithm below a class": ({"algorithm": "cordsfl:FLAggregation"}, {SERVICE, TRAINING}),
    "all algorithms": ({"kind": "models", "algorithm": "mls:Algorithm"}, {*FORECASTS, SEGMENTER[:8], "8ccf3a01"}),
    "an implementation": ({"implementation": "torch.nn.LSTM"}, {RUN_2, FORECASTER_2[:8], "197d7477", "b2e82b2e"}),
    "software without its version": ({"kind": "models", "software": "scikit-learn"}, {FORECASTER_1[:8]}),
    "software with its version": ({"kind": "runs", "software": "pytorch 2.9.1"}, {RUN_2, RUN_3, RUN_FL}),
    "two pieces of software at once": ({"kind": "runs", "software": {"all": ["pytorch", "monai"]}}, {RUN_3}),
    "a framework": ({"kind": "models", "software": "pytorch"}, {FORECASTER_2[:8], SEGMENTER[:8], FEDERATED[:8]}),
    "a task": ({"kind": ["models", "runs"], "task": "Image segmentation"}, {SEGMENTER[:8], RUN_3}),
    "a data set by title": ({"kind": "models", "dataset": "Household load 2025"}, {FORECASTER_1[:8], FORECASTER_2[:8]}),
    "a data set by id": ({"kind": "runs", "dataset": LOAD}, {RUN_1, RUN_2}),
    "a metric": ({"kind": "models", "metric": "test_RMSE"}, FORECASTS),
    "a metric below a value": ({"kind": "models", "metric": {"name": "test_RMSE", "lt": 0.3}}, {FORECASTER_2[:8]}),
    "within bounds": ({"kind": "models", "metric": {"name": "test_rmse", "gte": 0.3, "lte": 0.32}}, {FORECASTER_1[:8]}),
    "two metrics": (
        {"kind": "models", "metric": [{"name": "test_RMSE", "lt": 0.32}, {"name": "test_R2_Score", "gt": 0.87}]}, {FORECASTER_2[:8]},
    ),
    "the last value counts": ({"kind": "models", "metric": {"name": "train_loss", "gt": 0.2}}, set()),
    "a metric of rounds": ({"kind": ["fl-services", "fl-trainings"], "metric": {"name": "test_RMSE", "gt": 0.44}}, {SERVICE, TRAINING}),
    "a metric exactly": ({"kind": "models", "metric": {"name": "dice", "eq": 0.872}}, {SEGMENTER[:8]}),
    "a parameter": ({"kind": "runs", "parameter": "epochs"}, {RUN_2, "90e8f7a4"}),
    "a parameter as a number": ({"kind": "runs", "parameter": {"name": "learning_rate", "value": 0.00002}}, {"90e8f7a4"}),
    "a parameter as text": ({"parameter": {"name": "loss", "value": "DICE_CE"}, "kind": "models"}, {SEGMENTER[:8]}),
    "a parameter within bounds": ({"kind": "runs", "parameter": {"name": "learning_rate", "lt": 0.01, "gte": 0.0002}}, {RUN_2, RUN_3}),
    "an aggregation": ({"aggregation": "FED_AVG"}, {SERVICE, TRAINING}),
    "who": ({"kind": "models", "creator": "Jonas Wehrle"}, {SEGMENTER[:8]}),
    "who, by id": ({"kind": "fl-trainings", "creator": MAREN}, {TRAINING}),
    "a keyword": ({"kind": "datasets", "keyword": "ENERGY"}, {"46cb5b77", "3692af92"}),
    "a licence": ({"kind": "models", "license": "apache-2.0"}, FORECASTS),
    "a class with those below it": ({"type": "mls:Model"}, {*FORECASTS, SEGMENTER[:8], "8ccf3a01"}),
    "a class of the hub": ({"type": "cordsfl:FLSession"}, {TRAINING}),
    "everything at once": (
        {"kind": "models", "algorithm": "LSTM", "task": "time-series forecasting", "software": "pytorch", "creator": "Maren Okafor",
         "metric": {"name": "test_RMSE", "lt": 0.3}, "parameter": {"name": "hidden_size", "value": 128}, "dataset": LOAD}, {FORECASTER_2[:8]},
    ),
    "nothing": ({"algorithm": "no such method"}, set()),
}  # fmt: skip


def found(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    answer = site.client.post("/api/semantics/query", json={"limit": 1000, **body})
    assert answer.status_code == 200, answer.text
    return answer.json  # type: ignore[return-value]


def as_call(body: dict[str, Any]) -> dict[str, Any] | None:
    """Write criteria as a call of the stored query, where that can say them."""
    call: dict[str, Any] = {"limit": 1000}
    for name, value in body.items():
        if (isinstance(value, list) and any(isinstance(each, dict) for each in value)) or (isinstance(value, dict) and "all" in value):
            return None
        call |= {name if key == "name" else f"{name}_{key}": each for key, each in value.items()} if isinstance(value, dict) else {name: value}
    return call


def test_criteria_find_what_a_person_finds_and_the_stored_query_finds_the_same(site: Site) -> None:
    for why, (body, ids) in FINDS.items():
        answer = found(site, body)
        assert {each["id"][:8] for each in answer["items"]} == ids, why
        assert answer["total"] == len(ids) == len(answer["items"]), why
        if (call := as_call(body)) is not None:
            same = site.client.post("/queries/search-by-semantics", json=call)
            assert same.status_code == 200, same.text
            wanted = [(each["iri"], each["title"], each["modified"], each["url"]) for each in answer["items"]]
            assert [(row["thing"], row["title"], row["modified"], row["document"]) for row in same.json["items"]] == wanted, why  # type: ignore[index]


def test_pages_follow_each_other_without_gaps(site: Site) -> None:
    body = {"keyword": ["energy", "imaging", "language"]}
    whole = found(site, body)
    pages, offset = [], 0
    while offset is not None:
        page = found(site, body | {"limit": 7, "offset": offset})
        pages += page["items"]
        offset = page.get("next")
    assert pages == whole["items"] and page["total"] == whole["total"] == len(pages) > 7
    assert found(site, body | {"offset": 900}) == {"items": []}
    item = whole["items"][0]
    assert item.keys() == {"kind", "id", "iri", "title", "modified", "url"} and item["url"].endswith(f"/api/{item['kind']}/{item['id']}")


WRONG: list[tuple[Any, str, str]] = [
    ({}, "", "at least one criterion"),
    ({"limit": 5}, "", "at least one criterion"),
    ([], "", "JSON object"),
    ({"algorithms": "LSTM"}, "/algorithms", "did you mean algorithm?"),
    ({"a/b~": "LSTM"}, "/a~1b~0", "known are"),
    ({"metric_lt": 1}, "/metric_lt", "did you mean metric?"),
    ({"algorithm": 3.5, "task": None}, "/task", "label"),
    ({"algorithm": ["LSTM", ""]}, "/algorithm/1", "is empty"),
    ({"algorithm": []}, "/algorithm", "1 to 100"),
    ({"algorithm": {"any": ["x"]}}, "/algorithm", "all"),
    ({"algorithm": {"all": ["x", "\u0000"]}}, "/algorithm/all/1", "label"),
    ({"kind": "modles"}, "/kind", "no collection modles"),
    ({"type": "no iri"}, "/type", "class"),
    ({"metric": {"lt": 1}}, "/metric", "needs its name"),
    ({"metric": {"name": "x", "less": 1}}, "/metric/less", "no member less"),
    ({"metric": [{"name": "x", "lt": "1 OR 1"}]}, "/metric/0/lt", "number"),
    ({"metric": {"name": "x", "lt": True}}, "/metric/lt", "number"),
    ({"parameter": {"name": "x", "value": ["a"]}}, "/parameter/value", "text"),
    ({"algorithm": "x", "limit": 0}, "/limit", "1 to 1000"),
    ({"algorithm": "x", "offset": "3"}, "/offset", "whole number"),
    ({"metric": [{"name": str(number)} for number in range(21)]}, "", "At most 20"),
]


def test_what_is_wrong_is_refused_with_its_place(site: Site) -> None:
    for body, pointer, message in WRONG:
        told = problem(400, site.client.post("/api/semantics/query", json=body))
        assert [each for each in told["errors"] if each["pointer"] == pointer and message in each["message"]], (body, told["errors"])
    assert problem(400, site.client.post("/api/semantics/query", data=b"{", content_type="application/json"))
    assert problem(415, site.client.post("/api/semantics/query", data=b"x", content_type="text/plain"))
    assert problem(400, site.client.post("/api/semantics/query?explain=1", json={"algorithm": "x"}))


HOSTILE = (
    '"', "'", "\\", '" }', '" } UNION { ?thing ?p ?o } #', "} } SELECT * { ?s ?p ?o", "$algorithm", "?thing", "<http://x> .", '"""', "\\u0022 } #",
    "#? metric", "\n#?\n", "UNDEF", "x\" . } ; DROP ALL ; SELECT * { #", "mls:Algorithm } #", "\\", "a\\", "{{7*7}}", "%22", "\u202e", "é" * 2000,
)  # fmt: skip


def test_hostile_text_finds_nothing_and_is_only_text(site: Site) -> None:
    everything = found(site, {"keyword": "energy"})
    for place, text in enumerate(HOSTILE):
        bodies = ({"algorithm": text}, {"metric": {"name": text, "lt": 1}}, {"parameter": {"name": "epochs", "value": text}}, {"creator": [text]})
        body = bodies[place % len(bodies)]
        assert found(site, body)["items"] == [], text
        assert site.client.post("/queries/search-by-semantics", json=as_call(body)).json["items"] == [], text  # type: ignore[index]
    assert found(site, {"keyword": "energy"}) == everything


def test_parts_of_a_query_are_there_when_their_parameter_is() -> None:
    text = "a\n#? one\nb\n  #? two\nc\n#?\nd\n#?\ne"
    assert chosen(text, {"one", "two"}) == "a\nb\nc\nd\ne"
    assert chosen(text, {"one"}) == "a\nb\nd\ne" and chosen(text, {"two"}) == chosen(text, set()) == "a\ne"
    assert [(each.name, each.text) for each in outermost(text)] == [("", "a"), ("one", "b\n  #? two\nc\n#?\nd"), ("", "e")]
    check_sections(text, {"one", "two"})
    for wrong, message in (("#?", "not begun"), ("#? one", "not ended"), ("#? three\n#?", "no parameter")):
        with pytest.raises(Malformed, match=message):
            check_sections(wrong, {"one"})


def test_a_term_is_a_label_or_an_iri_and_a_class_brings_those_below_it() -> None:
    names = Names("http://hub.test/")
    made = {type_: Declared("x", type_, "", False, None, (), "a:b", False, None) for type_ in ("term", "class")}
    assert [each.value for each in made["term"].terms("LSTM", names)] == ["LSTM"]
    assert [each.value for each in made["term"].terms("id/tasks/x", names)] == ["http://hub.test/id/tasks/x"]
    below = partial(subclasses, (FOLDER,))
    assert [each.value for each in made["class"].terms("cordsfl:FLTraining", names, below)] == [
        "http://www.w3.org/ns/cordsfl#FLTraining",
        "https://w3id.org/cords-hub/ns#FederatedTraining",
    ]
    assert "https://w3id.org/cords-hub/ns#FederatedTraining" in [each.value for each in made["term"].terms("prov:Activity", names, below)]
    assert [each.value for each in made["term"].terms("no: iri", names, below)] == ["no: iri"]
    with pytest.raises(ValueError, match="IRI of a class"):
        list(made["class"].terms("LSTM", names))
