"""A federated training that was logged to a real MLflow server as Flower's strategies and clients do becomes one training with its rounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from server.clients.tracking import Metric, Param, Run, Tag
from server.http.app import application
from server.hub import Hub
from server.services.fl_reading import Client, Federation, numbered_round, participants, rounds_in, rounds_of, training
from server.store.base import Store
from tests.support.flower import LOSSES, Flower, train
from tests.support.hubs import wired
from tests.support.mlflow import Tracking

IMPORT = "/api/mlflow/fl-training"


@pytest.fixture(scope="module")
def flower(tracking: Tracking) -> Flower:
    return train(tracking.url)


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path, flower: Flower) -> Iterator[Hub]:
    with wired(stores, tmp_path, mlflow_uri=flower.url, anonymous_role="contributor") as made:
        yield made


def imported(client: FlaskClient, flower: Flower, **more: str) -> dict[str, Any]:
    answer = client.post(IMPORT, json={"run": flower.coordinator, **more})
    assert answer.status_code == 200, answer.text
    return answer.json  # type: ignore[return-value]


def test_a_training_with_rounds_participants_runs_and_models_is_imported_and_again(hub: Hub, flower: Flower) -> None:
    client = application(hub).test_client()
    told = imported(client, flower)
    assert (told["action"], told["clients"], told["rounds"], told["participants"]) == ("created", 2, 3, 2)
    made: dict[str, Any] = client.get(f"/api/fl-trainings/{told['id']}").json  # type: ignore[assignment]
    plain = ("title", "status", "started", "ended", "training_rounds", "local_epochs", "loss_function", "num_min_clients", "participation_ratio")
    assert [made[key] for key in plain] == [
        "energy, FedAvg", "FINISHED", "2026-09-21T14:13:20Z", "2026-09-21T14:17:20Z", 3, 5, "mse", 2, 0.5,
    ]  # fmt: skip
    assert made["aggregation"]["aggregation_method"] == "FedAvg"
    runs = {each["mlflow_run_id"]: each for each in client.get("/api/runs").json["items"]}  # type: ignore[index]
    coordinator = runs[flower.coordinator]
    assert set(runs) == {flower.coordinator, *flower.clients.values()} and made["recorded_run"] == coordinator["iri"]
    assert all(runs[each]["parent"] == coordinator["iri"] for each in flower.clients.values())
    people = {each["participant_id"]: each for each in made["participants"]}
    assert {name: (each["recorded_run"], each["device_type"]) for name, each in people.items()} == {
        name: (runs[run]["iri"], "edge") for name, run in flower.clients.items()
    }
    rounds = sorted(made["rounds"], key=lambda each: each["round_id"])
    assert [(each["round_id"], each["num_participating_clients"], each["recorded_run"]) for each in rounds] == [
        ("1", 2, coordinator["iri"]), ("2", 1, coordinator["iri"]), ("3", 2, coordinator["iri"]),
    ]  # fmt: skip
    assert [each["round_end_time"][11:19] for each in rounds] == ["14:14:20", "14:15:20", "14:16:20"]
    assert rounds[1]["round_start_time"] == rounds[0]["round_end_time"]
    losses = [metric["value"] for each in rounds for metric in each["metrics"] if metric["measure"]["label"] == "loss"]
    assert losses == list(LOSSES[1:]) and len(rounds[0]["metrics"]) == 2
    models = {each["iri"]: each for each in client.get("/api/models").json["items"]}  # type: ignore[index]
    assert [each.get("produced_model") in models for each in rounds] == [False, True, True] and len(models) == 2
    assert made["final_model"] == rounds[2]["produced_model"] and models[made["final_model"]]["run"] == coordinator["iri"]
    assert imported(client, flower)["action"] == "unchanged"
    service: dict[str, Any] = client.post("/api/fl-services", json={"title": "Energy"}).json  # type: ignore[assignment]
    assert imported(client, flower, service=service["id"])["action"] == "changed"
    assert client.get(f"/api/fl-trainings/{told['id']}").json["service"] == service["iri"]  # type: ignore[index]
    assert imported(client, flower)["action"] == "unchanged", "what somebody said of it stays"
    found = client.post("/api/semantics/query", json={"aggregation": "fedavg", "metric": {"name": "loss", "lt": 0.4}, "software": "flwr"})
    assert [each["id"] for each in found.json["items"]] == [told["id"]]  # type: ignore[index]


def test_what_is_not_there_or_makes_no_sense_stores_nothing(hub: Hub, flower: Flower) -> None:
    client = application(hub).test_client()
    assert client.post(IMPORT, json={"run": "0" * 32}).status_code == 404
    assert client.post(IMPORT, json={"run": "no id!"}).status_code == 400 == client.post(IMPORT, json={}).status_code
    assert client.post(IMPORT, json={"run": flower.coordinator, "extra": "x"}).status_code == 400
    assert client.get("/api/fl-trainings").json["total"] == 0  # type: ignore[index]
    assert client.post(IMPORT, json={"run": flower.coordinator, "service": "0" * 64}).status_code == 422
    assert client.get("/api/fl-trainings").json["total"] == 0  # type: ignore[index]


RUN = Run(
    "r", "", "1", "", "ODD", datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "", False, (), (), (), (), (),
)  # fmt: skip


def federation(points: dict[str, dict[int, float]], *clients: Client, **params: str) -> Federation:
    curves = {key: [Metric(key, value, step) for step, value in at.items()] for key, at in points.items()}
    return Federation(replace(RUN, params=tuple(Param(key, value) for key, value in params.items())), "0" * 64, curves, clients)


def test_odd_logs_are_read_for_what_they_say() -> None:
    read = training(federation({}, num_rounds="x", fraction_fit="7", min_clients="9", num_clients="3", strategy="", epochs="1.5"))
    assert (read["title"], read["status"], read["ended"], read["rounds"], read["aggregation"]) == ("Training r", None, None, [], None)
    assert "training_rounds" not in read and "participation_ratio" not in read and "num_max_clients" not in read
    first = [each["round_id"] for each in rounds_of(federation({"loss": {0: 1, 1: 2}}, num_rounds="2"))]
    assert first == ["0", "1"], "rounds may be counted from zero"
    told = rounds_of(federation({"loss": {1: 1}, "num_clients": {1: 4}, "failures": {1: 1}, "system/cpu": {1: 9}}))
    assert [(each["num_participating_clients"], each["dropped_clients"], len(each["metrics"])) for each in told] == [(4, 1, 1)]
    assert "dropped_clients" not in rounds_of(federation({"failures": {1: 1}}))[0]
    many = rounds_of(federation({f"m{number}": dict.fromkeys(range(1, 1500), 0.5) for number in range(9)}))
    assert len(many) == 1000 and sum(len(each["metrics"]) for each in many) == 5000


def test_clients_that_log_a_run_a_round_are_one_participant() -> None:
    runs = [replace(RUN, id=f"c{number}", tags=(Tag("fl.client", "7"), Tag("fl.round", str(number)))) for number in (1, 2)]
    clients = [Client(each, each.id, rounds_in(each, ())) for each in runs]
    assert [each.rounds for each in clients] == [{1}, {2}]
    assert participants(clients) == [{"participant_id": "7", "recorded_run": "c2"}]
    told = rounds_of(federation({"loss": {1: 1, 2: 1}}, *clients))
    assert [each["num_participating_clients"] for each in told] == [1, 1]
    assert Client(replace(RUN, name="north"), "x", frozenset()).name == "north" and Client(RUN, "x", frozenset()).name == "r"
    assert (numbered_round("model", "Round_5_Client_0"), numbered_round("round-12"), numbered_round("around")) == (5, 12, None)
