"""The client of MLflow against a real server, and against answers that a real one gives only when something is wrong."""

from __future__ import annotations

import math

import pytest
import urllib3

from server.clients.locations import Location
from server.clients.mlflow import MLflow
from server.errors import NotFound, UpstreamUnavailable
from tests.clients.test_tracking import RECORDED
from tests.support.mlflow import Tracking
from tests.support.standin import Said, standing_in

HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def mlflow(tracking: Tracking) -> MLflow:
    return MLflow(tracking.url)


def api(tracking: Tracking, method: str, path: str, **body: object) -> dict[str, object]:
    answer = urllib3.request(method, f"{tracking.url}/api/2.0/mlflow/{path}", json=body)
    assert answer.status == 200, answer.data
    found: dict[str, object] = answer.json()
    return found


def test_from_a_location_to_run_model_file_and_experiment(tracking: Tracking, mlflow: MLflow) -> None:
    location = Location.parse(tracking.trained.location)
    model = mlflow.logged_model(location.model or "")
    assert model.run == tracking.trained.run
    run = mlflow.run(model.run)
    assert {metric.key: metric.value for metric in run.metrics} == tracking.trained.metrics
    assert run.models == (model.id,)
    assert [each.name for each in run.datasets] == ["wine"]
    assert mlflow.experiment(run.experiment).name == "wine"
    file = mlflow.mlmodel(model.artifacts)
    assert file is not None and file.signature is not None and file.framework is not None
    assert len(file.signature.inputs) == 13 and file.framework[0] == "sklearn"


def test_names_of_the_registry_lead_to_the_model(tracking: Tracking, mlflow: MLflow) -> None:
    location = Location.parse(tracking.trained.location)
    api(tracking, "POST", "registered-models/create", name="wine registry")
    created = api(tracking, "POST", "model-versions/create", name="wine registry", source=f"models:/{location.model}", model_id=location.model)
    assert created["model_version"]["version"] == "1"  # type: ignore[index]
    api(tracking, "POST", "registered-models/alias", name="wine registry", alias="champion", version="1")
    for text in ("models:/wine registry/1", "models:/wine registry@champion", "models:/wine registry/latest"):
        found, version = mlflow.located(Location.parse(text))
        assert version is not None
        assert (found.model, version.version, version.run) == (location.model, "1", tracking.trained.run)
    assert mlflow.registered_model("wine registry").aliases == {"champion": "1"}
    with pytest.raises(NotFound, match="no version of wine registry in the stage archived"):
        mlflow.located(Location.parse("models:/wine registry/archived"))
    assert mlflow.located(location) == (location, None)


def test_a_curve_is_read_to_its_end_and_oddities_survive(tracking: Tracking, mlflow: MLflow) -> None:
    run = api(tracking, "POST", "runs/create", experiment_id="0", run_name="odd")["run"]["info"]["run_id"]  # type: ignore[index]
    points = [{"key": "loss", "value": 1 / (step + 1), "timestamp": step + 1, "step": step} for step in range(1500)]
    for start in (0, 1000):
        api(tracking, "POST", "runs/log-batch", run_id=run, metrics=points[start : start + 1000])
    for name, value in (("nan", "NaN"), ("inf", "Infinity")):
        api(tracking, "POST", "runs/log-metric", run_id=run, key=name, value=value, timestamp=1, step=0)
    values = {metric.key: metric.value for metric in mlflow.run(run).metrics}
    assert math.isnan(values["nan"]) and values["inf"] == math.inf
    curve = mlflow.history(run, "loss")
    assert [point.step for point in curve] == list(range(1500))
    api(tracking, "POST", "runs/delete", run_id=run)
    assert mlflow.run(run).deleted


def test_what_is_not_there_is_said_by_name(tracking: Tracking, mlflow: MLflow) -> None:
    for call, what in (
        (lambda: mlflow.run("0" * 32), f"has no run {'0' * 32}"),
        (lambda: mlflow.experiment("999"), "has no experiment 999"),
        (lambda: mlflow.logged_model("m-" + "0" * 32), "has no model m-"),
        (lambda: mlflow.registered_model("nobody"), "has no registered model nobody"),
        (lambda: mlflow.aliased("nobody", "x"), "has no alias x of nobody"),
    ):
        with pytest.raises(NotFound) as error:
            call()
        assert what in error.value.detail and tracking.url in error.value.detail
    assert mlflow.mlmodel("mlflow-artifacts:/0/nothing/artifacts/here") is None
    assert mlflow.mlmodel("s3://bucket/model") is None
    assert mlflow.mlmodel("mlflow-artifacts:/0/../../x") is None
    mlflow.close()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said(status=401), "refuses the hub's credentials"),
        (Said(status=403), "refuses the hub's credentials"),
        (Said((RECORDED / "unknown_endpoint.html").read_bytes(), 404, HTML), "does not answer like MLflow"),
        (Said(b'{"error_code": "INTERNAL_ERROR"}', 500), "answered 500 INTERNAL_ERROR"),
        (Said(b'{"error_code": "<script>"}', 500), "answered 500 when"),
        (Said(b'["no object"]', 500), "answered 500 when"),
        (Said(b"{}"), r"makes no sense \(KeyError\)"),
        (Said(b"[]"), r"makes no sense \(TypeError\)"),
        (Said(b'{"run": {"info": {"run_id": "1", "experiment_id": "1"}, "data": {"metrics": [{"key": "a", "value": "x"}]}}}'), "makes no sense"),
        (Said(b"<html>", headers=HTML), "no JSON"),
    ],
)
def test_answers_that_are_wrong_are_errors_of_the_server(said: Said, told: str) -> None:
    with standing_in(lambda path: said) as server, pytest.raises(UpstreamUnavailable, match=told) as error:
        MLflow(server.url, token="t0psecret").run("1")
    assert server.url in error.value.detail and "t0psecret" not in error.value.detail


def test_pages_without_an_end_are_not_read_for_ever() -> None:
    with standing_in(lambda path: Said(b'{"next_page_token": "again"}')) as server:
        with pytest.raises(UpstreamUnavailable, match="more than 0 entries for points of loss"):
            MLflow(server.url).history("1", "loss")
        assert len(server.paths) == 100


def test_a_file_that_is_no_mlmodel_is_an_error_of_the_server() -> None:
    with (
        standing_in(lambda path: Said(b"- no", headers={"Content-Type": "text/plain"})) as server,
        pytest.raises(UpstreamUnavailable, match="makes no sense"),
    ):
        MLflow(server.url).mlmodel("mlflow-artifacts:/1/run/artifacts/model")


def test_a_version_whose_source_is_somebody_s_disk_still_knows_its_run() -> None:
    body = b'{"model_version": {"name": "m", "version": "1", "source": "/home/x/model", "run_id": "abc"}}'
    with standing_in(lambda path: Said(body)) as server:
        location, version = MLflow(server.url).located(Location.parse("models:/m/1"))
    assert version is not None and location.run == "abc" and not location.opaque
