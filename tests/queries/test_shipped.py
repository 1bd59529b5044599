"""The stored queries that come with the hub answer on the sample catalogue what a person counts there by hand."""

from __future__ import annotations

from typing import Any

import pytest

from server.graph.names import Names
from server.services.stored import check_syntax, read_query
from server.values import ROOT
from tests.support.sites import Site

FILES = sorted((ROOT / "queries").glob("*.rq"))
FORECASTER_1 = "06fdfb6c73e352b1f745de98b5301ccb8f250d3b965d2a1a716e7da9807931f5"
FORECASTER_2 = "bd22ac22b78cc40d9d71c9b8cc5723c938e579b1ad2e460b11b0aa3581e53813"
FEDERATED = "0a5a2696f9918ed0dd48109c15fb6ad042a020a4ac5928fa1f5972ba2a94ebad"
SEGMENTER = "6b5581da67fdc3dc36566001eecdc4e3e2665524b96c0a088606073a7ddc70d9"
MAREN = "c2982f412771369ef138df271aed8f4980bc23fec939477791406bdab9ac9b9e"


def rows(site: Site, name: str, **parameters: str) -> list[dict[str, Any]]:
    answer = site.client.get(f"/queries/{name}", query_string=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json["items"]  # type: ignore[index, no-any-return]


def pick(found: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    """Cut rows down to some columns; of IRIs only the end counts."""
    return [tuple(value.rpartition("/")[2] if isinstance(value := row[each], str) else value for each in columns) for row in found]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_well_written(path: Any) -> None:
    names = Names("http://hub.test/")
    query = read_query(path.stem, path.read_text("utf-8"), names)
    check_syntax(query, names)
    assert query.description and query.tags and all(each.description for each in query.parameters)


def test_each_answers_with_its_examples_in_openapi(site: Site) -> None:
    paths = site.client.get("/openapi.json").json["paths"]  # type: ignore[index]
    for path in FILES:
        declared = paths[f"/queries/{path.stem}"]["get"]["parameters"]
        example = {each["name"]: each["example"] for each in declared if "example" in each}
        found = site.client.get(
            f"/queries/{path.stem}", query_string={key: str(value).lower() if value is True else value for key, value in example.items()}
        )
        assert found.status_code == 200, f"{path.stem}: {found.text}"


def test_models_by_metric(site: Site) -> None:
    best = rows(site, "models-by-metric", metric="test_RMSE", best="low")
    assert pick(best, "model", "title", "version", "value") == [
        (FORECASTER_2, "Load forecaster", "2.0.0", 0.2894),
        (FORECASTER_1, "Load forecaster", "1.0.0", 0.3127),
        (FEDERATED, "Feeder load forecaster, learnt together", "3", 0.3711),
    ]
    assert pick(rows(site, "models-by-metric", metric="test_RMSE"), "model") == [(FEDERATED,), (FORECASTER_1,), (FORECASTER_2,)]
    assert pick(rows(site, "models-by-metric", metric="test_RMSE", max="0.3"), "model") == [(FORECASTER_2,)]
    assert pick(rows(site, "models-by-metric", metric="test_RMSE", min="0.3", max="0.31"), "model") == []
    assert pick(rows(site, "models-by-metric", metric="train_loss"), "value", "step") == [(0.1098, 3)]
    assert rows(site, "models-by-metric", metric="no such metric") == []


def test_models_by_algorithm(site: Site) -> None:
    every = rows(site, "models-by-algorithm")
    assert [row["algorithm"] for row in every] == ["LSTM", "LSTM", "U-Net", "gradient boosting", "transformer"]
    assert pick(rows(site, "models-by-algorithm", algorithm="lstm"), "model") == [(FEDERATED,), (FORECASTER_2,)]
    assert pick(rows(site, "models-by-algorithm", algorithm="Gradient Boosting"), "model") == [(FORECASTER_1,)]


def test_datasets_of_model(site: Site) -> None:
    whole, town = "Household load 2025", "Household load 2025, one town"
    wanted = [("run", whole), ("source", whole), ("test", town), ("training", whole)]
    assert pick(rows(site, "datasets-of-model", model=FORECASTER_2), "use", "title") == wanted
    assert pick(rows(site, "datasets-of-model", model=f"http://hub.test/id/models/{FORECASTER_2}"), "use", "title") == wanted
    assert pick(rows(site, "datasets-of-model", model=f"id/models/{SEGMENTER}"), "use", "license") == [
        ("run", "research-only"),
        ("training", "research-only"),
    ]


def test_offers_with_policies(site: Site) -> None:
    every = rows(site, "offers-with-policies")
    assert pick(every, "title", "type", "permitted", "prohibited", "published") == [
        ("Join the feeder load federation", "PURPOSE", "use", "", True),
        ("Load forecasting model", "N_TIMES", "use", "distribute", True),
    ]
    only = rows(site, "offers-with-policies", type="N_TIMES")
    assert pick(only, "asset", "connector", "valid_until") == [(FORECASTER_2, "", "2026-12-31T23:59:59Z")]
    assert pick(rows(site, "offers-with-policies", asset=FORECASTER_2), "title") == [("Load forecasting model",)]
    assert rows(site, "offers-with-policies", published="false") == []


def test_fl_services_by_aggregation(site: Site) -> None:
    (found,) = rows(site, "fl-services-by-aggregation")
    assert (found["method"], found["title"], found["frequency"]) == ("fed_avg", "Feeder load, learnt together", 10)
    assert (found["protocol"], found["secure_aggregation"], found["differential_privacy"]) == ("grpc", True, False)
    assert (found["sessions"], found["rounds"]) == (1, 2)
    assert rows(site, "fl-services-by-aggregation", method="FED_AVG", secure="true") == [found]
    assert rows(site, "fl-services-by-aggregation", method="fed_prox") == rows(site, "fl-services-by-aggregation", secure="false") == []


def test_who_created_what(site: Site) -> None:
    models = rows(site, "who-created-what", kind="model")
    assert pick(models, "title", "role", "person_name") == [
        ("Feeder load forecaster, learnt together", "maintainer", "Maren Okafor"),
        ("Intent classifier for public services", "maintainer", "Inês Carvalhal"),
        ("Lung nodule segmenter", "maintainer", "Jonas Wehrle"),
        ("Load forecaster", "maintainer", "Maren Okafor"),
        ("Load forecaster", "maintainer", "Maren Okafor"),
    ]
    assert {row["organisations"].rpartition("/")[2][:8] for row in models} == {"08d4e82f", "90a060fc", "c1fae99b"}
    runs = rows(site, "who-created-what", role="agent", person=MAREN)
    assert pick(runs, "kind", "title") == [
        ("fl-training", "Feeder load, the first three rounds"),
        ("run", "federated averaging, the coordinator"),
        ("run", "LSTM, two layers"),
        ("run", "gradient boosting, weather lagged"),
    ]
    assert rows(site, "who-created-what", role="creator") == []


def test_predictions_by_model(site: Site) -> None:
    every = rows(site, "predictions-by-model")
    assert pick(every, "model", "state", "protocol", "backend_title") == [
        (FORECASTER_1, "READY", "mlflow", "MLflow scoring server"),
        (SEGMENTER, "PENDING", "v2", "Triton on the imaging cluster"),
    ]
    assert rows(site, "predictions-by-model", model=FORECASTER_1, state="ready") == every[:1]
    assert rows(site, "predictions-by-model", model=FORECASTER_2) == []
