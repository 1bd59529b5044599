"""Recorded answers of MLflow, and what is odd in them."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest

from server.clients.mlmodel import Column, MLmodel
from server.clients.tracking import DatasetInput, Experiment, LoggedModel, Metric, ModelVersion, RegisteredModel, Run
from server.values import ROOT

RECORDED = ROOT / "tests" / "recorded" / "mlflow"


def recorded(name: str) -> Any:
    return orjson.loads((RECORDED / f"{name}.json").read_bytes())


def test_a_run_with_everything() -> None:
    run = Run.read(recorded("runs_get")["run"])
    assert (run.id, run.name, run.experiment, run.status, run.deleted) == ("4d9add61ce924676a6402daeeceb5bf7", "lr-1", "1", "FINISHED", False)
    values = {metric.key: metric.value for metric in run.metrics}
    assert values["loss"] == pytest.approx(1 / 3) and math.isnan(values["nan_metric"]) and values["inf_metric"] == math.inf
    assert [(each.key, each.value) for each in run.params] == [("C", "0.5"), ("max_iter", "200"), ("solver", "lbfgs")]
    assert run.tag("team") == "cords" and run.tag("absent") is None
    assert [(each.name, each.context, each.rows) for each in run.datasets] == [("iris-train", "training", 112), ("iris-test", "evaluation", 38)]
    assert run.datasets[0].address == "https://example.org/iris.csv"
    assert run.datasets[0].columns[4] == Column("target", "long")
    assert run.models == ("m-a3b7f862c2e44d2593b11e31447fd774",)
    assert run.start is not None and run.end is not None and run.start < run.end


def test_a_run_with_nothing_left_out_lists() -> None:
    run = Run.read(recorded("runs_get_child")["run"])
    assert (run.metrics, run.datasets, run.models) == ((), (), ())
    assert run.tag("mlflow.parentRunId") == "4d9add61ce924676a6402daeeceb5bf7"
    assert run.logged == {}


def test_a_run_of_mlflow_2_says_in_a_tag_which_models_it_logged() -> None:
    run = Run.read(recorded("restonly_runs_get")["run"])
    assert run.logged["model"].flavors == {"python_function": {"loader_module": "mlflow.sklearn"}}
    assert run.logged["model"].run == run.id


def test_a_logged_model_lists_each_registered_version_once() -> None:
    model = LoggedModel.read(recorded("logged_model_get")["model"])
    assert model.versions == (("iris-lr", "1"),)
    assert model.run == "4d9add61ce924676a6402daeeceb5bf7"
    assert {metric.key: metric.dataset for metric in model.metrics}["accuracy"] == ("iris-test", "7e66b598")


def test_the_registry() -> None:
    registered = RegisteredModel.read(recorded("registered_model_get")["registered_model"])
    assert registered.aliases == {"champion": "1"} and registered.latest[0].version == "1"
    version = ModelVersion.read(recorded("model_version_get")["model_version"])
    assert (version.source, version.aliases, version.run) == (
        "models:/m-a3b7f862c2e44d2593b11e31447fd774", ("champion",), "4d9add61ce924676a6402daeeceb5bf7",
    )  # fmt: skip


def test_an_experiment() -> None:
    experiment = Experiment.read(recorded("experiments_get")["experiment"])
    assert (experiment.id, experiment.name, experiment.deleted) == ("1", "iris-exp", False)


def test_minus_infinity_and_numbers_as_text() -> None:
    assert Metric.read({"key": "a", "value": -1.7976931348623157e308}).value == -math.inf
    assert Metric.read({"key": "a", "value": "Infinity"}).value == math.inf
    assert Metric.read({"key": "a"}).value == 0.0


@pytest.mark.parametrize("source", ["", "not JSON", "[]", '{"tags": {}}', '{"url": 3}', '{"url": ""}'])
def test_a_dataset_without_an_address(source: str) -> None:
    given = DatasetInput("d", "1", source=source, schema="nothing", profile={"num_rows": -1})
    assert given.address is None and given.columns == () and given.rows is None


def test_a_profile_that_is_no_object_says_nothing() -> None:
    assert DatasetInput.read({"dataset": {"name": "d", "digest": "1", "profile": "[1]"}}).profile == {}


def test_the_file_of_a_model() -> None:
    file = MLmodel.parse((RECORDED / "MLmodel").read_bytes())
    assert file.framework == ("sklearn", "1.9.1")
    assert file.signature is not None
    assert file.signature.inputs[0].name == "sepal length (cm)"
    assert file.signature.outputs == (Column(None, "int64", True, (-1,)),)
    assert (file.model, file.run, file.mlflow_version, file.size) == (
        "m-0424d58d05f9408d8d8e475216cb68c8", "fd7e69f2f08a4a72a350e919fdede5a4", "3.17.2", 11544,
    )  # fmt: skip


def test_a_signature_may_be_missing_or_empty_or_have_optional_columns() -> None:
    flavors = {"flavors": {"python_function": {}}}
    assert MLmodel.read(flavors | {"signature": None}).signature is None
    assert MLmodel.read(flavors | {"signature": {"inputs": "[]"}}).signature is None
    read = MLmodel.read(
        flavors
        | {"signature": {"inputs": '[{"type": "string", "name": "a", "required": false}]', "params": '[{"name": "p", "type": "long", "default": 1}]'}}
    )
    assert read.signature is not None
    assert read.signature.inputs == (Column("a", "string", False),) and read.signature.params == (Column("p", "long", False, default="1"),)
    assert read.framework == ("python_function", None)
    assert MLmodel({}).framework is None


@pytest.mark.parametrize("text", [b"", b"- a", b"flavors: 3", b"a: [", b"[" * 5000, b"\xff\xfe\x00", b"!!python/object/apply:os.system ['true']"])
def test_what_is_no_mlmodel_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="MLmodel"):
        MLmodel.parse(text)
