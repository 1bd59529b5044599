"""`/api/mlflow` over HTTP: what is asked, who may, what is streamed, and what goes wrong half-way."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from server.http import mlflow
from server.http.app import application
from server.hub import Hub
from server.store.base import Store
from tests.clients.test_tracking import recorded
from tests.support.hubs import wired
from tests.support.recorded import Recorded, said
from tests.support.standin import Said, standing_in

RUN = "0ac827c9367e4009a0a85d01332939e9"
IMPORT, NDJSON = "/api/mlflow/import", {"Accept": "application/x-ndjson"}


def runs(*ids: str, **info: Any) -> list[dict[str, Any]]:
    made = []
    for id in ids:
        run = deepcopy(recorded("restonly_runs_get")["run"])
        run.pop("outputs")
        run["info"] |= {"run_id": id, "experiment_id": "2", **info}
        run["data"]["tags"] = [tag for tag in run["data"]["tags"] if tag["key"] != "mlflow.log-model.history"]
        made.append(run)
    return made


@pytest.fixture
def old() -> Recorded:
    old = Recorded()
    old.answers["runs/search"] = lambda: said({"runs": runs("a" * 32, "b" * 32)})
    old.answers["metrics/get-history"] = lambda: said(
        {
            "metrics": [
                {"key": "loss", "value": value, "step": step, "timestamp": 1000} for step, value in enumerate((0.5, "NaN", -1.7976931348623157e308))
            ]
        }
    )
    return old


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path, old: Recorded) -> Iterator[Hub]:
    with standing_in(old) as server, wired(stores, tmp_path, mlflow_uri=server.url, anonymous_role="contributor") as hub:
        yield hub


@pytest.fixture
def client(hub: Hub) -> FlaskClient:
    return application(hub).test_client()


def lines(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200 and answer.mimetype == "application/x-ndjson", answer.text
    told = [orjson.loads(line) for line in answer.data.splitlines()]
    answer.close()  # as servers do
    return told


def test_a_run_is_imported_read_and_imported_again(client: FlaskClient) -> None:
    answer = client.post(IMPORT, json={"run": RUN})
    assert answer.status_code == 200 and answer.json is not None, answer.text
    assert answer.json["counts"] == {"created": 2}
    run, model = answer.json["items"]
    assert (run["kind"], run["mlflow"], model["kind"]) == ("runs", RUN, "models")
    assert client.get(f"/api/runs/{run['id']}").json["mlflow_run_id"] == RUN  # type: ignore[index]
    assert client.post(IMPORT, json={"run": RUN}).json["counts"] == {"unchanged": 2}  # type: ignore[index]
    curve = client.get(f"/api/mlflow/runs/{run['id']}/history?metric=loss")
    assert curve.json["points"][:2] == [  # type: ignore[index]
        {"step": 0, "value": 0.5, "at": "1970-01-01T00:00:01Z"}, {"step": 1, "value": "NaN", "at": "1970-01-01T00:00:01Z"},
    ]  # fmt: skip
    assert curve.json["points"][2]["value"] == "-INF"  # type: ignore[index]
    assert client.get(f"/api/mlflow/runs/{run['id']}/history").status_code == 400


def test_an_experiment_is_told_line_by_line(client: FlaskClient, old: Recorded) -> None:
    told = lines(client.post(IMPORT, json={"experiment": "2"}, headers=NDJSON))
    assert [each.get("mlflow") for each in told] == ["a" * 32, "b" * 32, None]
    assert told[-1] == {"done": True, "counts": {"created": 2}}
    bad = runs("e" * 32)
    bad[0]["data"]["metrics"] = [{"key": " ", "value": 1.0}]
    old.answers["runs/search"] = lambda: said({"runs": [*runs("c" * 32), *bad]})
    told = lines(client.post(IMPORT, json={"experiment": "2"}, headers=NDJSON))
    assert [each.get("action") for each in told] == ["created", "refused", None], "what is wrong with one run is not held against the others"
    assert told[1]["problem"]["status"] == 422 and told[-1]["counts"] == {"created": 1, "refused": 1}


def test_a_server_that_fails_after_the_first_page_ends_the_stream_with_a_problem(client: FlaskClient, old: Recorded) -> None:
    pages = iter([said({"runs": runs("a" * 32), "next_page_token": "2"}), Said(b"{}", 500), Said(b"{}", 500)])
    old.answers["runs/search"] = lambda: next(pages)
    told = lines(client.post(IMPORT, json={"experiment": "2", "artifacts": True}, headers=NDJSON))
    assert told[0]["action"] == "created" and "done" not in told[-1]
    assert told[-1]["problem"]["status"] == 502 and "answered 500" in told[-1]["problem"]["detail"]


def test_what_forbids_an_import_is_a_problem_before_any_line(client: FlaskClient, old: Recorded) -> None:
    old.answers["experiments/get"] = lambda: said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
    for body in ({"experiment": "9"}, {"experiment": "no such"}, {"registered_model": "nobody"}, {"run": "9" * 32}):
        if "run" in body:
            old.answers["runs/get"] = lambda: said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
        answer = client.post(IMPORT, json=body, headers=NDJSON)
        assert answer.status_code == 404 and answer.mimetype == "application/problem+json", body
    deleted = recorded("experiments_get")
    deleted["experiment"]["lifecycle_stage"] = "deleted"
    old.answers["experiments/get"] = lambda: said(deleted)
    assert "was deleted in MLflow" in client.post(IMPORT, json={"experiment": "2"}).json["detail"]  # type: ignore[index]
    old.answers["runs/get"] = lambda: said({"error_code": "PERMISSION_DENIED"}, 403)
    answer = client.post(IMPORT, json={"run": RUN}, headers={"X-MLflow-Authorization": "Bearer theirs"})
    assert answer.status_code == 403 and "does not let you read" in answer.json["detail"]  # type: ignore[index]
    assert client.post(IMPORT, json={"run": RUN}).status_code == 502


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "Give one of"), ({"run": "a", "experiment": "1"}, "Give one of"), ({"run": ""}, "Give one of"), ({"runs": "a"}, "did you mean run?"),
        ({"run": 5}, "must be a string"), ({"run": "a b"}, "no id of a run"), ({"run": "a", "incremental": True}, "goes with an experiment"),
        ({"experiment": "2", "incremental": "yes"}, "must be true or false"), ([], "JSON object"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_told_with_a_pointer(client: FlaskClient, body: Any, told: str) -> None:
    answer = client.post(IMPORT, json=body)
    assert answer.status_code == 400 and told in answer.text


def test_who_may_import_and_how_many_at_once(hub: Hub, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = client.post(IMPORT, json={"run": RUN}, headers={"X-MLflow-Authorization": "Digest x"})
    assert wrong.status_code == 400 and "Bearer or Basic" in wrong.text
    assert client.post(IMPORT, json={"run": RUN}, headers={"Accept": "text/turtle"}).status_code == 406
    assert client.post(IMPORT, json={"run": RUN}, headers={"Authorization": "Bearer wrong"}).status_code == 401
    for _ in range(5):  # each gives its place back
        lines(client.post(IMPORT, json={"experiment": "2"}, headers=NDJSON))
        assert client.post(IMPORT, json={"registered_model": "nobody"}).status_code == 404
    taken = [mlflow._RUNNING.acquire(blocking=False) for _ in range(4)]
    try:
        assert all(taken) and client.post(IMPORT, json={"run": RUN}).status_code == 429
    finally:
        for _ in taken:
            mlflow._RUNNING.release()
    monkeypatch.setattr(mlflow, "_MOST_ITEMS", 1)
    answer = client.post(IMPORT, json={"experiment": "2"}).json
    assert len(answer["items"]) == 1 and answer["counts"] == {"unchanged": 2}  # type: ignore[index,arg-type]
