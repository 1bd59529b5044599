"""A stand-in for MLflow servers of older releases: it answers what was recorded from them, since none of them can be run here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tests.clients.test_tracking import recorded
from tests.support.standin import Said


class Recorded:
    """An MLflow 2 of recorded answers; `change` replaces some of them."""

    def __init__(self) -> None:
        run = recorded("restonly_runs_get")
        run["run"].pop("outputs")  # MLflow 2 has no logged models
        experiment = recorded("experiments_get")
        experiment["experiment"]["experiment_id"] = "2"
        self.answers: dict[str, Callable[[], Said]] = {
            "runs/get": lambda: said(run), "experiments/get": lambda: said(experiment),
            "mlflow-artifacts": lambda: said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404),
        }  # fmt: skip

    def __call__(self, path: str) -> Said:
        return next((answer() for part, answer in self.answers.items() if f"/{part}" in path), said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404))


def said(body: Mapping[str, Any], status: int = 200) -> Said:
    return Said(orjson.dumps(body), status)
