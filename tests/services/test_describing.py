"""From what MLflow knows to the JSON of the hub's kinds."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.clients.artifacts import Artifact
from server.clients.mlmodel import MLmodel
from server.clients.tracking import DatasetInput, Experiment, LoggedModel, Metric, ModelVersion, Param, Run, Tag
from server.services.describing import (
    DATASET_KEYS,
    EXPERIMENT_KEYS,
    MODEL_KEYS,
    RUN_KEYS,
    dataset_id,
    dataset_members,
    experiment_members,
    run_members,
)
from server.services.describing_models import fresh_members, kept_members, model_id, model_keys, model_members, modest_members, registered
from server.services.found import MOST_COLUMNS, MOST_METRICS, MOST_PARAMETERS, Found
from server.services.wording import clean, identify, public_address
from tests.clients.test_tracking import RECORDED, recorded

SERVER = "http://mlflow.test"
NOTHING: frozenset[str] = frozenset()
EVERYTHING = frozenset({"user", "source", "commit"})
FILE = MLmodel.parse((RECORDED / "MLmodel").read_bytes())


def found(**changes: Any) -> Found:
    run = Run.read(recorded("runs_get")["run"])
    model = LoggedModel.read(recorded("logged_model_get")["model"])
    return dataclasses.replace(Found(run, Experiment.read(recorded("experiments_get")["experiment"]), model, FILE, files=(FILE,)), **changes)


def with_tags(**tags: str) -> Found:
    run = found().run
    extra = tuple(Tag(key.replace("__", "."), value) for key, value in tags.items())
    return found(run=dataclasses.replace(run, tags=run.tags + extra))


def test_a_run_as_json() -> None:
    members = run_members(SERVER, found(), NOTHING)
    assert members["title"] == "lr-1" and members["description"] == "a **note**" and members["status"] == "FINISHED"
    assert members["started"] == "2026-11-23T09:09:11.165000Z" and members["ended"] == "2026-11-23T09:09:24.870000Z"
    values = {each["measure"]: each["value"] for each in members["metrics"]}
    assert values["accuracy"] == 0.9736842105263158 and math.isnan(values["nan_metric"]) and values["inf_metric"] == math.inf
    assert {"measure": "loss", "value": 0.3333333333333333, "step": 2} in members["metrics"]
    assert members["parameters"][0] == {"parameter": "C", "value": "0.5"}
    assert members["software"] == ["sklearn 1.9.1"]
    assert len(members["datasets"]) == 2
    assert members["experiment"] == identify(SERVER, "experiment", "1")
    assert members["mlflow_run_id"] == "4d9add61ce924676a6402daeeceb5bf7"
    assert set(members) <= set(RUN_KEYS)


def test_people_and_machines_are_named_only_where_the_operator_wants_it() -> None:
    shown = str(run_members(SERVER, found(), NOTHING))
    assert not any(secret in shown for secret in ("root", "log_iris.py", "0000000000"))
    members = run_members(SERVER, found(), EVERYTHING)
    assert members["commit"] == "0" * 40
    assert {"name": "mlflow.user", "value": "root"} in members["tags"] and {"name": "mlflow.source.name", "value": "log_iris.py"} in members["tags"]
    tagged = with_tags(mlflow__source__git__repoURL="https://user:secret@git.example.org/team/forecast?token=1")
    assert run_members(SERVER, tagged, frozenset({"source"}))["code_repository"] == "https://git.example.org/team/forecast"
    assert "code_repository" not in run_members(SERVER, tagged, NOTHING)


def test_own_tags_are_kept_and_those_of_mlflow_are_not() -> None:
    names = [each["name"] for each in run_members(SERVER, with_tags(cords__Run="r", mlflow__cords="x"), NOTHING)["tags"]]
    assert names == ["cords.Run", "mlflow.cords", "stage.kind", "team"]


def test_a_commit_that_is_none_is_left_out() -> None:
    run = dataclasses.replace(found().run, tags=(Tag("mlflow.source.git.commit", "HEAD; rm"),))
    assert "commit" not in run_members(SERVER, found(run=run), EVERYTHING)


@pytest.mark.parametrize(
    ("tags", "algorithm", "implementation"),
    [
        ({"cords__Run__realizes": "kNN", "cords__Algorithm": "other"}, "kNN", None),
        ({"cords__Algorithm": "kNN", "estimator_name": "KNeighborsClassifier"}, "kNN", None),
        ({"cords__Implementation": "python", "cords__Implementation__implements": "kNN"}, "kNN", "python"),
        ({"estimator_name": "KNeighborsClassifier", "estimator_class": "sklearn.neighbors.K"}, "KNeighborsClassifier", "sklearn.neighbors.K"),
        ({"cords__Run__executes": "K-Neighbors"}, "K-Neighbors", "K-Neighbors"),
        ({}, None, None),
    ],
)
def test_the_algorithm_is_what_the_tags_say(tags: dict[str, str], algorithm: str | None, implementation: str | None) -> None:
    members = run_members(SERVER, with_tags(**tags), NOTHING)
    assert (members.get("algorithm"), members.get("implementation")) == (algorithm, implementation)


def test_a_task_and_software_from_tags() -> None:
    members = run_members(SERVER, with_tags(cords__Run__achieves="classification", cords__Software="scikit-learn"), NOTHING)
    assert members["task"] == "classification" and members["software"] == ["scikit-learn", "sklearn 1.9.1"]


def test_odd_runs_are_described_by_what_is_sound_in_them() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    run = dataclasses.replace(
        found().run, name="  ", id="not-hex", status="UNKNOWN", start=now, end=now - timedelta(1), artifacts="file:///home/x/mlruns", datasets=(),
        metrics=(Metric("m" * 300, 1.0, -3),), params=(Param("p\0q", "x" * 20_000),), tags=(Tag("a\0b", "\ud800c"), Tag(" ", "x")),
    )  # fmt: skip
    members = run_members(SERVER, found(run=run, files=()), NOTHING, parent="f" * 64)
    assert members["title"] == "Run not-hex"
    assert not {"status", "ended", "location", "mlflow_run_id", "datasets", "software"} & members.keys()
    assert members["metrics"] == [{"measure": "m" * 250, "value": 1.0, "step": -3}]
    assert members["parameters"] == [{"parameter": "pq", "value": "x" * 10_000}]
    assert members["tags"] == [{"name": "ab", "value": "c"}] and members["parent"] == "f" * 64


def test_datasets_as_json() -> None:
    iris = found().datasets[1]
    members = dataset_members(iris)
    assert members["title"] == "iris-train" and members["digest"] == "883e1818"
    assert members["distributions"] == [{"access_url": "https://example.org/iris.csv"}]
    assert members["characteristics"] == [
        {"name": "numberOfInstances", "value": 112}, {"name": "numberOfFeatures", "value": 5}, {"name": "sourceType", "value": "http"},
    ]  # fmt: skip
    assert members["features"][4] == {"name": "target", "index": 4, "datatype": "long", "required": True}
    assert set(members) <= set(DATASET_KEYS)
    assert dataset_members(DatasetInput("d", "", source='{"uri": "/home/x/data.csv"}')) == {"title": "d"}
    assert dataset_id(SERVER, iris) != dataset_id("http://other.test", iris)


def test_one_dataset_logged_for_two_purposes_is_one_dataset() -> None:
    twice = tuple(DatasetInput("d", "1", context=context) for context in ("Training", "test"))
    both = found(run=dataclasses.replace(found().run, datasets=twice))
    assert len(both.datasets) == 1
    members = modest_members(SERVER, both)
    assert members["trained_on"] == members["tested_on"] == [dataset_id(SERVER, twice[0])]


def test_an_experiment_as_json() -> None:
    assert experiment_members(found(experiment=None)) == {}
    assert experiment_members(found()) == {"title": "iris-exp", "mlflow_experiment_id": "1"}
    noted = Experiment("ä1", " ", None, False, (Tag("mlflow.note.content", "why"), Tag("team", "x")))
    assert experiment_members(found(experiment=noted)) == {
        "title": "Experiment ä1", "description": "why", "tags": [{"name": "team", "value": "x"}],
    }  # fmt: skip
    assert set(EXPERIMENT_KEYS) >= experiment_members(found(experiment=noted)).keys()


def test_what_is_added_to_a_model() -> None:
    members = model_members(SERVER, found(environment=("numpy 2.3.1", "mlflow 3.17.2"), artifacts=(Artifact("MLmodel", 1300),)))
    assert members["mlflow_model_id"] == "m-a3b7f862c2e44d2593b11e31447fd774"
    assert (members["registered_name"], members["registered_version"]) == ("iris-lr", "1")
    assert members["framework"] == "sklearn" and members["flavors"] == ["python_function", "sklearn"]
    assert members["inputs"][0] == {"name": "sepal length (cm)", "index": 0, "datatype": "double", "required": True}
    assert members["outputs"] == [{"index": 0, "datatype": "int64", "required": True, "tensor_shape": "-1"}]
    assert members["implementations"] == ["python_function 3.11.7", "sklearn 1.9.1"]
    assert members["environment"] == ["mlflow 3.17.2", "numpy 2.3.1", "python 3.11.7"]
    assert members["artifacts"] == [{"path": "MLmodel", "byte_size": 1300}]
    modest = modest_members(SERVER, found())
    assert len(modest["trained_on"]) == 1 and len(modest["tested_on"]) == 1
    assert {*members, *modest} <= set(MODEL_KEYS) and set(model_keys(found(artifacts=()))) <= set(MODEL_KEYS)


def test_a_signature_may_have_parameters_with_defaults() -> None:
    columns = '[{"name": "temperature", "type": "double", "default": 0.5, "shape": null}, {"name": "stop", "type": "string", "default": "."}]'
    file = MLmodel.read({"flavors": {"python_function": {}}, "signature": {"params": columns}, "mlflow_version": "2.9.2"})
    members = model_members(SERVER, found(file=file))
    assert [(each["name"], each["default"], each["required"]) for each in members["inference_parameters"]] == [
        ("temperature", "0.5", False), ("stop", ".", False),
    ]  # fmt: skip
    assert members["implementations"] == ["python_function"] and members["environment"] == ["mlflow 2.9.2"]


def test_a_metric_says_which_dataset_it_was_measured_on() -> None:
    test, training = (dataset_id(SERVER, each) for each in found().datasets)
    measured = {each["measure"]: each.get("measured_on") for each in run_members(SERVER, found(), NOTHING)["metrics"]}
    assert set(measured.values()) == {None}, "only the models of a run tell"
    model = found().model
    assert model is not None
    members = run_members(SERVER, found(measured=model.metrics), NOTHING)
    assert {each["measure"]: each.get("measured_on") for each in members["metrics"]}["accuracy"] == test
    later = datetime(2027, 1, 1, tzinfo=UTC)
    both = tuple(Metric("accuracy", 0.0, 0, at, (each.name, each.digest)) for each, at in zip(found().datasets, (later, None), strict=True))
    twice = [each for each in run_members(SERVER, found(measured=both), NOTHING)["metrics"] if each["measure"] == "accuracy"]
    assert [(each["value"], each["measured_on"]) for each in twice] == [(0.9736842105263158, test), (0.0, training)]


def test_a_run_says_what_it_read_each_dataset_for_and_what_files_it_left() -> None:
    members = run_members(SERVER, found(run_artifacts=(Artifact("extra/conf.json", 12), Artifact("a" * 2000, 1), Artifact(" "))), NOTHING)
    assert {each["context"] for each in members["usages"]} == {"training", "evaluation"}
    assert members["artifacts"] == [{"path": "extra/conf.json", "byte_size": 12}, {"path": "a" * 1000, "byte_size": 1}]


def test_what_is_too_much_is_left_out_and_counted() -> None:
    many = dataclasses.replace(
        found().run,
        metrics=tuple(Metric(f"m{number}", 1.0) for number in range(10_000)),
        params=tuple(Param(f"p{number}", "1") for number in range(5_000)),
        tags=(*found().run.tags, Tag("hub.iri", "x"), Tag("big", "x" * 100_000)),
    )
    members = run_members(SERVER, found(run=many), NOTHING)
    assert (len(members["metrics"]), len(members["parameters"])) == (MOST_METRICS, MOST_PARAMETERS)
    assert found(run=many).left_out == {"metrics": 10_000 - MOST_METRICS, "parameters": 5_000 - MOST_PARAMETERS} and found().left_out == {}
    assert {each["name"]: len(each["value"]) for each in members["tags"]}["big"] == 10_000
    assert "hub.iri" not in {each["name"] for each in members["tags"]}, "what the hub has written itself says nothing"
    columns = ", ".join(['{"type": "double"}'] * (MOST_COLUMNS + 2))
    wide = MLmodel.read({"flavors": {"sklearn": {}}, "signature": {"inputs": f"[{columns}]"}})
    assert found(file=wide).left_out == {"columns": 2} and len(model_members(SERVER, found(file=wide))["inputs"]) == MOST_COLUMNS


def test_who_ran_it_is_told_where_only_mlflow_2_knows() -> None:
    untagged = dataclasses.replace(found().run, tags=(), user="grace")
    assert run_members(SERVER, found(run=untagged), frozenset({"user"}))["tags"] == [{"name": "mlflow.user", "value": "grace"}]
    assert "tags" not in run_members(SERVER, found(run=untagged), NOTHING)


def test_tags_of_the_vocabulary_are_told_in_its_own_iris() -> None:
    tagged = with_tags(cords__Quality='good # "it"', cords__Quality__title="t", cords__Model__hasHyperParameter="lr\n0.1", cords__Nothing="x")
    assert run_members(SERVER, tagged, NOTHING)["described"] == [
        {"class": "http://www.w3.org/ns/mls#Model", "http://www.w3.org/ns/mls#hasHyperParameter": [{"@value": "lr\n0.1"}]},
        {
            "type": ["hub:Described", "http://www.w3.org/ns/mls#Quality"], "class": "http://www.w3.org/ns/mls#Quality",
            "name": 'good # "it"', "http://purl.org/dc/terms/title": [{"@value": "t"}],
        },
    ]  # fmt: skip


def test_a_model_that_an_import_makes_is_called_as_mlflow_calls_it() -> None:
    version = ModelVersion.read(recorded("model_version_get")["model_version"])
    assert fresh_members(found(version=version)) == {"title": "iris-lr 1", "description": "first"}
    kept = kept_members(found(version=version))
    assert kept["location"] == "models:/m-a3b7f862c2e44d2593b11e31447fd774" and kept["version"] == "1"
    assert {each["name"] for each in kept["tags"]} == {"reviewed", "validated"}
    older = found(model=None, path="model")
    assert fresh_members(older)["title"] == "model"
    assert kept_members(older) == {"location": f"{older.run.artifacts}/model"}
    elsewhere = found(model=None, path="model", run=dataclasses.replace(older.run, artifacts="s3://bucket/x"))
    assert kept_members(elsewhere) == {"location": f"runs:/{older.run.id}/model"}
    assert model_id(SERVER, older) != model_id(SERVER, found()) and len(model_id(SERVER, older)) == 64


def test_of_several_registrations_the_newest_of_the_first_name_counts() -> None:
    model = found().model
    assert model is not None
    listed = '[{"name": "b", "version": "1"}, {"name": "a", "version": 2}, {"name": "a", "version": "10"}]'
    several = dataclasses.replace(model, tags=(Tag("mlflow.modelVersions", listed),))
    assert registered(several, None) == ("a", "10") and registered(None, None) == (None, None)


def test_a_version_of_the_registry_wins_over_the_model_s_own_list() -> None:
    version = ModelVersion.read(recorded("registered_model_alias")["model_version"])
    members = model_members(SERVER, found(version=dataclasses.replace(version, version="7")))
    assert members["registered_version"] == "7" and members["aliases"] == ["champion"]


def test_a_model_of_which_nothing_is_known_but_its_run() -> None:
    assert model_members(SERVER, found(model=None, file=None, run=dataclasses.replace(found().run, datasets=(), tags=()))) == {}
    assert model_members(SERVER, dataclasses.replace(with_tags(cords__MlFlow__Flavour="sklearn"), file=None))["flavors"] == ["sklearn"]
    odd = MLmodel({"UPPER case": {}})
    members = model_members(SERVER, found(model=None, file=odd))
    assert not {"framework", "flavors", "inputs", "mlflow_model_id"} & members.keys()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:pw@data.example.org:8443/a.csv?sig=1#x", "https://data.example.org:8443/a.csv"), ("s3://bucket/key", "s3://bucket/key"),
        ("http://[::1]:9/x", "http://[::1]:9/x"),
        ("mlflow-artifacts:/1/r/artifacts", "mlflow-artifacts:/1/r/artifacts"),
        ("/home/alice/data.csv", None), ("file:///home/alice/data.csv", None), ("C:\\data.csv", None),
        ("http://x:port/", None), ("https://a b/", None),
        ("", None), (None, None), ("javascript:alert(1)", None),
    ],
)  # fmt: skip
def test_addresses_are_shown_without_what_is_private(address: str | None, shown: str | None) -> None:
    assert public_address(address) == shown


def test_text_is_cut_and_cleaned() -> None:
    assert clean("a\0b\ud800c", 10) == "abc"
    assert clean("abc", 2) == "ab"
    assert clean("  ", 5) is None and clean(None, 5) is None


def test_ids_do_not_depend_on_where_the_parts_are_cut() -> None:
    assert identify("a", "b", "c") != identify("ab", "", "c") and len(identify("a", "b")) == 64
