"""The measures that need a real MLflow server: importing an experiment, and describing a model whose run is not here yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import orjson

from bench import servers
from bench.calls import WARM, Connection, medians
from bench.lab import Lab
from bench.results import Measured, Target, ratio
from demo.processes import mlflow_server

RUNS = 1_000
_API = "/api/2.0/mlflow/"
_JSON = "application/json"


def mlflow_embedded(lab: Lab) -> Iterator[Measured]:
    """Import an experiment of a thousand runs; then describe models by runs that are fetched for it, beside the calls of MLflow alone."""
    with _servers(lab) as (tracking, hub):
        experiment, _ = _logged(tracking, RUNS)
        body = orjson.dumps({"experiment": experiment})
        for what, action in (("import of", "created"), ("import again of", "unchanged")):
            started = time.perf_counter()
            answer = orjson.loads(hub.send("POST", "/api/mlflow/import", body, content_type=_JSON))
            seconds = time.perf_counter() - started
            if answer["counts"] != {action: RUNS}:
                raise RuntimeError(f"not all runs were {action}: {answer['counts']}")
            detail: dict[str, float | str] = {"seconds": round(seconds, 1)}
            yield Measured(f"{what} {RUNS:,} runs of MLflow, embedded", round(RUNS / seconds), "runs/s", Target(50, "runs/s", least=True), detail)
        other, fresh = _logged(tracking, min(lab.calls + WARM, 200))
        models = [_added(hub, run) for run in fresh]
        bare, through = medians(
            len(fresh) - WARM,
            lambda at: _needed(tracking, other, fresh[at]),
            lambda at: hub.get(f"/api/ml_models/generate_semantics/{models[at]}"),
        )
        yield ratio("generate_semantics of a run fetched fresh, beside MLflow's own calls for it, embedded", 3, bare, through, ("MLflow", "hub"))


@contextmanager
def _servers(lab: Lab) -> Iterator[tuple[Connection, Connection]]:
    """Run a tracking server and a hub that imports from it; give a connection to each."""
    folder = lab.folder / "tracking"
    folder.mkdir()
    with mlflow_server(folder) as url, servers.hub(lab.folder / "importing", mlflow_uri=url) as server:
        tracking = Connection(url)
        hub = server.connect(Authorization=f"Bearer {server.printed('administrator token')}")
        yield tracking, hub
        tracking.close()
        hub.close()


def _logged(tracking: Connection, how_many: int) -> tuple[str, list[str]]:
    """Log runs with five metrics, five parameters and two tags each; return the experiment and their ids."""
    experiment = _post(tracking, "experiments/create", {"name": f"bench {time.time_ns()}"})["experiment_id"]
    runs = []
    for number in range(how_many):
        tags = [{"key": "cords.Algorithm", "value": "kNN"}, {"key": "team", "value": "bench"}]
        begun = {"experiment_id": experiment, "run_name": f"run {number}", "start_time": time.time_ns() // 1_000_000, "tags": tags}
        run = _post(tracking, "runs/create", begun)["run"]["info"]["run_id"]
        metrics = [{"key": f"metric {each}", "value": number / (each + 1), "timestamp": 1, "step": each} for each in range(5)]
        params = [{"key": f"parameter {each}", "value": str(number * each)} for each in range(5)]
        _post(tracking, "runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
        runs.append(run)
    return experiment, runs


def _added(hub: Connection, run: str) -> str:
    """Add a model of a run without importing it."""
    body = orjson.dumps({"title": f"model of {run}", "location": f"runs:/{run}/model"})
    return str(orjson.loads(hub.send("POST", "/api/models", body, content_type=_JSON))["id"])


def _needed(tracking: Connection, experiment: str, run: str) -> None:
    """Make the calls that describing a run without a model needs, one after another; files that are not there are answered with 404."""
    tracking.get(f"{_API}runs/get?run_id={run}")
    tracking.get(f"{_API}experiments/get?experiment_id={experiment}")
    tracking.get(f"{_API}artifacts/list?run_id={run}&path=model")
    for name in ("MLmodel", "requirements.txt", "conda.yaml"):
        with suppress(RuntimeError):
            tracking.get(f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/model/{name}")


def _post(tracking: Connection, path: str, body: dict[str, object]) -> Any:
    return orjson.loads(tracking.send("POST", _API + path, orjson.dumps(body), content_type=_JSON))
