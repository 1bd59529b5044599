"""The JSON that the clients of the CORDS service read, from the JSON of a run."""

from __future__ import annotations

import random
from typing import Any

import pytest

from server.services.semantics import CONTEXT, semantics

STRING = "http://www.w3.org/2001/XMLSchema#string"


def run(metrics: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    return {
        "metrics": [{"measure": {"label": name}, "value": value} for name, value in metrics.items()],
        "tags": [{"name": name, "value": value} for name, value in tags.items()],
    }


def text(value: str) -> dict[str, str]:
    return {"@type": STRING, "@value": value}


WORKED = run(
    {"test_RMSE": 0.2282492132979683, "test_MAE": 0.16995892176593336, "test_R2_Score": 0.9585486217568908},
    {
        "cords.Run": "d0432f25357b44caa68553cc528998d9", "cords.Run.executes": "K-NeighborsRegressor", "cords.Implementation": "python",
        "cords.Software": "sklearn", "tag2": "no matter",
    },
)  # fmt: skip


def test_the_worked_example_of_the_library() -> None:
    assert semantics(WORKED) == {
        "@context": {
            "ex": "http://example.org", "mls": "http://www.w3.org/ns/mls", "prov": "http://www.w3.org/ns/prov",
            "core": "http://www.w3.org/2004/02/skos/core", "dcat": "http://www.w3.org/ns/dcat", "cords": "https://www.cords.ie/ontologies/cordsml",
            "fl": "https://www.cords.ie/ontologies/cordsfl",
        },
        "cords:mlmetadata": [
            {"@id": "http://example.org#modelEvaluation_test_MAE", "@type": "mls:ModelEvaluation",
             "mls:hasValue": text("0.16995892176593336"), "mls:specifiedBy": text("test_MAE")},
            {"@id": "http://example.org#modelEvaluation_test_R2_Score", "@type": "mls:ModelEvaluation",
             "mls:hasValue": text("0.9585486217568908"), "mls:specifiedBy": text("test_R2_Score")},
            {"@id": "http://example.org#modelEvaluation_test_RMSE", "@type": "mls:ModelEvaluation",
             "mls:hasValue": text("0.2282492132979683"), "mls:specifiedBy": text("test_RMSE")},
            {"@id": "http://example.org#python", "@type": "mls:Implementation"},
            {"@id": "http://example.org#d0432f25357b44caa68553cc528998d9", "@type": "mls:Run", "mls:executes": text("K-NeighborsRegressor")},
            {"@id": "http://example.org#sklearn", "@type": "mls:Software"},
        ],
    }  # fmt: skip


def test_the_same_run_is_described_in_the_same_words_however_the_graph_lists_it() -> None:
    once = semantics(WORKED)
    for seed in range(10):
        shuffled = {key: random.Random(seed).sample(values, len(values)) for key, values in WORKED.items()}
        assert list(semantics(shuffled)["cords:mlmetadata"]) == once["cords:mlmetadata"]


def test_nothing_is_cut_and_names_stay_iris() -> None:
    nodes = semantics(run({"a b": 1.0}, {"cords.Software": "C# über <x>", "cords.Software.hasPart": "a#b http://x/y#z"}))["cords:mlmetadata"]
    assert nodes == [
        {
            "@id": "http://example.org#modelEvaluation_a%20b", "@type": "mls:ModelEvaluation",
            "mls:hasValue": text("1.0"), "mls:specifiedBy": text("a b"),
        },
        {"@id": "http://example.org#C%23%20über%20%3Cx%3E", "@type": "mls:Software", "mls:hasPart": text("a#b http://x/y#z")},
    ]  # fmt: skip


def test_two_things_of_one_name_keep_their_types_and_nameless_ones_are_told() -> None:
    nodes = semantics(run({}, {"cords.Implementation": "python", "cords.Software": "python", "cords.Model.hasHyperParameter": "lr"}))[
        "cords:mlmetadata"
    ]
    assert [(node["@id"], node["@type"]) for node in nodes] == [
        ("http://example.org#python", "mls:Implementation"), ("http://example.org#", "mls:Model"), ("http://example.org#python", "mls:Software"),
    ]  # fmt: skip


def test_terms_outside_the_seven_namespaces_stay_whole() -> None:
    [node] = semantics(run({}, {"cords.Person": "Ada", "cords.Person.title": "Dr"}))["cords:mlmetadata"]
    assert node == {"@id": "http://example.org#Ada", "@type": "http://xmlns.com/foaf/0.1/Person", "http://purl.org/dc/terms/title": text("Dr")}


@pytest.mark.parametrize(("value", "spelt"), [("NaN", "nan"), ("INF", "inf"), ("-INF", "-inf"), (1, "1.0"), (1e-7, "1e-07"), (0.1, "0.1")])
def test_numbers_are_spelt_as_clients_know_them(value: Any, spelt: str) -> None:
    [node] = semantics(run({"m": value}, {}))["cords:mlmetadata"]
    assert node["mls:hasValue"] == text(spelt)


def test_a_run_that_says_nothing_is_described_by_nothing() -> None:
    assert semantics({}) == {"@context": CONTEXT, "cords:mlmetadata": []}
