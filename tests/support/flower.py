"""Log a federated training to a real MLflow server as a strategy and clients of Flower do, without the framework."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import urllib3

START = 1_790_000_000_000  # ms
ROUND = 60_000
LOSSES = (2.3, 0.9, 0.5, 0.31)  # before the first round, and after each


@dataclass(frozen=True)
class Flower:
    """What was logged: the server, the coordinator's run, and those of the clients by name."""

    url: str
    experiment: str
    coordinator: str
    clients: dict[str, str]

    def post(self, path: str, method: str = "POST", **body: object) -> Any:
        """Send one call to MLflow."""
        answer = urllib3.request(method, f"{self.url}/api/2.0/mlflow/{path}", json=body)
        assert answer.status == 200, answer.data
        return answer.json()

    def run(self, name: str, tags: dict[str, str], params: dict[str, object], points: dict[str, dict[int, float]]) -> str:
        """Log a run whose metrics have a point a round."""
        started = {"experiment_id": self.experiment, "run_name": name, "start_time": START}
        id: str = self.post("runs/create", **started, tags=[{"key": key, "value": value} for key, value in tags.items()])["run"]["info"]["run_id"]
        metrics = [
            {"key": key, "value": value, "step": step, "timestamp": START + step * ROUND} for key, at in points.items() for step, value in at.items()
        ]
        self.post("runs/log-batch", run_id=id, metrics=metrics, params=[{"key": key, "value": str(value)} for key, value in params.items()])
        self.post("runs/update", run_id=id, status="FINISHED", end_time=START + 4 * ROUND)
        return id

    def model(self, name: str, run: str, step: int) -> str:
        """Log a model without files."""
        model: str = self.post("logged-models", experiment_id=self.experiment, name=name, source_run_id=run)["model"]["info"]["model_id"]
        self.post(f"logged-models/{model}", "PATCH", model_id=model, status="LOGGED_MODEL_READY")
        self.post("runs/outputs", run_id=run, models=[{"model_id": model, "step": step}])
        return model


def train(url: str) -> Flower:
    """Log a training of three rounds with two clients, one of which misses the second round."""
    logged = Flower(url, "", "", {})
    experiment = logged.post("experiments/create", name=f"federated {secrets.token_hex(4)}")["experiment_id"]
    logged = Flower(url, experiment, "", {})
    settings = {"num-server-rounds": 3, "strategy": "FedAvg", "local-epochs": 5, "loss": "mse", "min_available_clients": 2, "fraction_fit": 0.5}
    losses = {"loss": dict(enumerate(LOSSES)), "accuracy": {1: 0.7, 2: 0.8, 3: float("0.9")}}
    coordinator = logged.run("energy, FedAvg", {"cords.Software": "flwr"}, settings, losses)
    clients = {}
    for name, at in {"north": (1, 2, 3), "south": (1, 3)}.items():
        tags = {"mlflow.parentRunId": coordinator, "fl.client": name}
        clients[name] = logged.run(f"client {name}", tags, {"device": "edge"}, {"loss": dict.fromkeys(at, 0.5)})
    for step in (2, 3):
        logged.model(f"round_{step}", coordinator, step)
    return Flower(url, experiment, coordinator, clients)
