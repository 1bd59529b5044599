"""Runs that nobody expects: enormous ones, all of the vocabulary, names that mean nothing, servers that let somebody read less or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.errors import Forbidden, NotFound, UpstreamTimeout, UpstreamUnavailable
from server.graph.cords import CLASSES, PROPERTIES
from server.hub import Hub
from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from server.services.found import MOST_METRICS, MOST_PARAMETERS
from server.services.importing import Imported
from server.store.base import Store
from tests.clients.test_tracking import recorded
from tests.support.hubs import wired
from tests.support.recorded import Recorded, said
from tests.support.settings import free_port
from tests.support.standin import Said, standing_in

RUN = "0ac827c9367e4009a0a85d01332939e9"
THEIRS = "Bearer theirs"


@pytest.fixture
def old() -> Recorded:
    return Recorded()


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path, old: Recorded) -> Iterator[Hub]:
    with standing_in(old) as server, wired(stores, tmp_path, mlflow_uri=server.url) as hub:
        yield hub


def run_with(old: Recorded, **data: Any) -> None:
    """Let the server tell of a run with this data."""
    run = recorded("restonly_runs_get")
    run["run"].pop("outputs")
    run["run"]["data"] |= data
    old.answers["runs/get"] = lambda: said(run)


def imported(hub: Hub) -> Imported:
    outcomes = hub.harvest.importing().run(SYSTEM, RUN, 60)
    assert outcomes[0].collection == "runs"
    return outcomes[0]


def read(hub: Hub, collection: str, id: str) -> dict[str, Any]:
    return hub.assets.tools.json(hub.assets.read(collection, id))


def test_a_run_of_ten_thousand_metrics_is_cut_and_says_by_how_much(hub: Hub, old: Recorded) -> None:
    metrics = [{"key": f"metric {number:05}", "value": number, "timestamp": 1, "step": 0} for number in range(10_000)]
    params = [{"key": f"parameter {number:04}", "value": str(number)} for number in range(5_000)]
    tags = [{"key": "big", "value": "x" * 100_000}, {"key": "long", "value": "é\n\"'#\\" * 200_000}]
    run_with(old, metrics=metrics, params=params, tags=tags)
    found = imported(hub)
    assert (found.action, found.left_out) == ("created", {"metrics": 10_000 - MOST_METRICS, "parameters": 5_000 - MOST_PARAMETERS})
    run = read(hub, "runs", found.id)
    assert (len(run["metrics"]), len(run["parameters"])) == (MOST_METRICS, MOST_PARAMETERS)
    assert {each["name"]: len(each["value"]) for each in run["tags"]} == {"big": 10_000, "long": 10_000}
    assert imported(hub).action == "unchanged"


def test_every_tag_of_the_vocabulary_stands_in_the_graph_in_its_own_iri(hub: Hub, old: Recorded) -> None:
    keys = [key for name in CLASSES for key in (f"cords.{name}", *(f"cords.{name}.{term}" for term in PROPERTIES))]
    keys = [*keys[: 2400 - 6], "cords.Nothing", "cords.Run.nothing", "cords.Run.executes.more", "cords", "cords.List", "mycords.Process"]
    values = ["a # b", 'say "so"', "line\nbreak", "http://x/y#z", "0.5", "\\"]
    run_with(old, tags=[{"key": key, "value": values[place % len(values)]} for place, key in enumerate(keys)], params=[], metrics=[])
    run = read(hub, "runs", imported(hub).id)
    assert len(run["tags"]) == len(keys)
    told = {each["class"]: each for each in run["described"]}
    assert set(told) <= set(CLASSES.values()) and told[CLASSES["Process"]]["name"]
    assert told[CLASSES["Quality"]]["type"] == ["hub:Described", "mls:Quality"] and told[CLASSES["Model"]]["type"] == ["hub:Described"]
    assert not hub.kg.ask("ASK { ?run <https://w3id.org/cords-hub/ns#describes> ?d . ?d a <http://www.w3.org/ns/mls#Model> }")
    assert hub.kg.ask("""PREFIX hub: <https://w3id.org/cords-hub/ns#> PREFIX dct: <http://purl.org/dc/terms/> PREFIX mls: <http://www.w3.org/ns/mls#>
      ASK { ?run hub:describes [ dct:type mls:Quality ; a mls:Quality ; mls:hasValue ?value ] }""")


def test_a_run_half_deleted_is_described_by_what_is_left(hub: Hub, old: Recorded) -> None:
    old.answers["experiments/get"] = lambda: said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
    run = recorded("restonly_runs_get")
    run["run"]["outputs"] = {"model_outputs": [{"model_id": "m-" + "0" * 32}]}
    run["run"]["data"]["tags"].append({"key": "mlflow.parentRunId", "value": "f" * 32})
    old.answers["runs/get"] = lambda: said(run)
    old.answers[f"runs/get?run_id={'f' * 32}"] = lambda: said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
    old.answers = dict(reversed(old.answers.items()))  # the longer address first
    run_found = read(hub, "runs", imported(hub).id)
    assert not {"experiment", "parent", "artifacts"} & run_found.keys() and run_found["status"]


def test_a_model_of_mlflow_2_is_made_from_what_its_run_says(hub: Hub, old: Recorded) -> None:
    run_with(old)
    run, model = hub.harvest.importing().run(SYSTEM, RUN, 30)
    assert (run.collection, model.collection, model.name) == ("runs", "models", f"{RUN}/model")
    made = read(hub, "models", model.id)
    assert made["location"] == f"mlflow-artifacts:/2/{RUN}/artifacts/model" and made["run"] == run.iri and made["title"] == "model"
    mine = hub.assets.create(SYSTEM, "models", Document(JSON, {"title": "mine", "location": f"runs:/{RUN}/model"}))
    hub.assets.delete(SYSTEM, "models", model.id, None)
    again = hub.harvest.importing().run(SYSTEM, RUN, 30)
    assert [(each.collection, each.id) for each in again][1] == ("models", mine.id), "a model that somebody added is not added again"


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (lambda: Said(b"{}", 401), UpstreamUnavailable, "refuses the hub's credentials for run"),
        (lambda: Said(b"{}", 500), UpstreamUnavailable, "answered 500 when asked for run"),
        (lambda: said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404), NotFound, f"has no run {RUN}"),
        (lambda: said(recorded("runs_get_child")), UpstreamUnavailable, "gave another run"),
        (lambda: Said(after=3.0), UpstreamTimeout, "did not answer in time"),
    ],
)
def test_what_is_wrong_with_mlflow_is_said_and_nothing_is_stored(
    hub: Hub, old: Recorded, answer: Callable[[], Said], error: type[Exception], told: str
) -> None:
    old.answers["runs/get"] = answer
    with pytest.raises(error, match=told):
        hub.harvest.importing().run(SYSTEM, RUN, 0.5)
    assert hub.tools.history.last() == 0


def test_a_run_that_somebody_may_not_read_in_mlflow_is_not_imported_for_them(stores: tuple[Store, Store], tmp_path: Path, old: Recorded) -> None:
    run_with(old)
    with standing_in(old) as server, wired(stores, tmp_path, mlflow_uri=server.url, mlflow_token="hubs", mlflow_access="own") as hub:
        with pytest.raises(Forbidden, match="X-MLflow-Authorization"):
            hub.harvest.importing()
        stored = hub.assets.create(SYSTEM, "models", Document(JSON, {"title": "m", "location": f"runs:/{RUN}/model"}))
        assert hub.harvest.attempt(stored, 5) == stored and not server.paths
        old.answers["runs/get"] = lambda: said({"error_code": "PERMISSION_DENIED"}, 403)
        with pytest.raises(Forbidden, match="does not let you read run"):
            hub.harvest.importing(THEIRS).run(SYSTEM, RUN, 5)
        run_with(old)
        assert hub.harvest.importing(THEIRS).run(SYSTEM, RUN, 5)[0].action == "created"
        assert {each.get("Authorization") for each in server.headers} == {THEIRS}, "the hub's own credentials are for its operator"
        hub.harvest.importing(operator=True).run(SYSTEM, RUN, 5)
        assert server.headers[-1]["Authorization"] == "Bearer hubs"


def test_an_answer_to_another_store_of_artifacts_is_not_needed(hub: Hub, old: Recorded) -> None:
    run_with(old)
    old.answers["artifacts/list"] = lambda: Said(b'{"error_code": "INTERNAL_ERROR"}', 500)
    assert "artifacts" not in read(hub, "runs", imported(hub).id)


def test_an_iri_that_cannot_be_written_back_does_not_undo_the_import(stores: tuple[Store, Store], tmp_path: Path, old: Recorded) -> None:
    run_with(old)
    with standing_in(old) as server, wired(stores, tmp_path, mlflow_uri=server.url, mlflow_write_back="on") as hub:
        found = hub.harvest.importing().run(SYSTEM, RUN, 5)[0]
    assert found.action == "created" and "has no tag hub.iri" in found.warning and b"hub.test/id/runs/" in server.bodies[-1]
    with wired(stores, tmp_path / "away", mlflow_uri=f"http://127.0.0.1:{free_port()}") as hub, pytest.raises(UpstreamUnavailable):
        hub.harvest.importing().run(SYSTEM, RUN, 5)
