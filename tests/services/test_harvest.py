"""Importing from MLflow: the real server, recorded answers of older ones, and servers that are ill."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from pyoxigraph import NamedNode

from server.errors import HubError, NotFound, RevisionMismatch, UpstreamTimeout, UpstreamUnavailable
from server.graph.changes import Change
from server.hub import Hub
from server.services.callers import SYSTEM, Caller, Role
from server.services.drafts import JSON, Document
from server.services.importing import REASON
from server.services.things import Thing
from server.store.base import Store
from tests.clients.test_tracking import RECORDED, recorded
from tests.support.hubs import wired
from tests.support.mlflow import Tracking
from tests.support.recorded import Recorded, said
from tests.support.settings import free_port
from tests.support.standin import Said, StandIn, standing_in

RUN = "0ac827c9367e4009a0a85d01332939e9"
LOCATION = f"mlflow-artifacts:/2/{RUN}/artifacts/model"
COLLECTIONS = ("experiments", "datasets", "runs")


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path, tracking: Tracking) -> Iterator[Hub]:
    with wired(stores, tmp_path, mlflow_uri=tracking.url) as hub:
        yield hub


def somebody(hub: Hub, name: str = "Ada") -> Caller:
    person = hub.assets.create(SYSTEM, "people", Document(JSON, {"title": name}))
    return Caller(person.id, person.iri, Role.contributor)


def model(hub: Hub, location: str, caller: Caller = SYSTEM, **members: Any) -> Thing:
    return hub.assets.create(caller, "models", Document(JSON, {"title": "m", "location": location, **members}))


def json(hub: Hub, collection: str, id: str) -> dict[str, Any]:
    return hub.assets.tools.json(hub.assets.read(collection, id))


def referred(iri: str) -> str:
    return iri.rpartition("/")[2]


def counts(hub: Hub) -> dict[str, int]:
    rows = hub.kg.select("SELECT DISTINCT ?thing { ?thing a ?type }")
    found = [split[0] for row in rows if (split := hub.tools.names.split(row["thing"].value))]
    return {name: found.count(name) for name in COLLECTIONS}


def sequence(hub: Hub) -> int:
    items, _ = hub.past.changes(0, 1000)
    return len(items)


def test_a_real_run_becomes_an_experiment_a_dataset_and_a_run_and_the_model_says_what_it_takes(hub: Hub, tracking: Tracking) -> None:
    owner = somebody(hub)
    imported = json(hub, "models", hub.harvest.model(model(hub, tracking.trained.location, owner), 30).id)
    assert imported["framework"] == "sklearn" and len(imported["inputs"]) == 13 and imported["algorithm"]["label"] == "logistic regression"
    run = json(hub, "runs", referred(imported["run"]))
    assert {each["measure"]["label"]: each["value"] for each in run["metrics"]} == tracking.trained.metrics
    assert {each["parameter"]["label"] for each in run["parameters"]} == {"C", "max_iter", "solver"}
    assert json(hub, "experiments", referred(run["experiment"]))["title"] == "wine"
    assert run["datasets"] == imported["trained_on"]
    dataset = json(hub, "datasets", referred(run["datasets"][0]))
    assert dataset["title"] == "wine" and len(dataset["features"]) == 14
    assert {run["creator"], dataset["creator"], imported["creator"]} == {owner.person.value}  # type: ignore[union-attr]


def test_importing_again_makes_no_revision_and_a_second_model_of_the_run_shares_it(hub: Hub, tracking: Tracking) -> None:
    first = hub.harvest.model(model(hub, tracking.trained.location, somebody(hub)), 30)
    before = sequence(hub)
    assert hub.harvest.model(first, 30).revision == first.revision
    assert sequence(hub) == before
    second = hub.harvest.model(model(hub, f"runs:/{tracking.trained.run}/wine-classifier", somebody(hub, "Bob")), 30)
    assert second.values("run") == first.values("run") and second.values("mlflow_model_id") == first.values("mlflow_model_id")
    assert counts(hub) == {"experiments": 1, "datasets": 1, "runs": 1}


def test_what_somebody_has_added_to_a_run_stays_and_what_mlflow_says_comes_back(hub: Hub, tracking: Tracking) -> None:
    owner = somebody(hub)
    imported = hub.harvest.model(model(hub, tracking.trained.location, owner), 30)
    run = referred(imported.values("run")[0].value)
    hub.assets.patch(owner, "runs", run, {"keywords": ["wine"], "title": "another title"}, "*")
    hub.harvest.model(imported, 30)
    now = json(hub, "runs", run)
    assert now["keywords"] in ("wine", ["wine"]) and now["title"] == "wine, logistic regression"


def test_a_deleted_run_is_not_imported_and_one_that_is_here_stays(hub: Hub, tracking: Tracking) -> None:
    def mlflow(path: str, **body: object) -> Any:
        answer = urllib3.request("POST", f"{tracking.url}/api/2.0/mlflow/{path}", json=body)
        assert answer.status == 200, answer.data
        return answer.json()

    run = mlflow("runs/create", experiment_id="0", run_name="short")["run"]["info"]["run_id"]
    kept = hub.harvest.model(model(hub, f"runs:/{run}/model"), 30)
    mlflow("runs/delete", run_id=run)
    with pytest.raises(NotFound, match="was deleted in MLflow"):
        hub.harvest.model(model(hub, f"runs:/{run}/model"), 30)
    assert hub.semantics.of(kept.id)["cords:mlmetadata"] == []
    assert hub.harvest.attempt(kept, 30) == kept


def test_a_run_that_nobody_has_is_404(hub: Hub) -> None:
    for location in (f"runs:/{'0' * 32}/model", f"models:/m-{'0' * 32}", "models:/nobody/1", "s3://bucket/model"):
        with pytest.raises(NotFound):
            hub.harvest.model(model(hub, location), 30)
    with pytest.raises(NotFound, match="no location that MLflow knows"):
        hub.harvest.model(hub.assets.create(SYSTEM, "models", Document(JSON, {"title": "m"})), 30)
    assert counts(hub) == dict.fromkeys(COLLECTIONS, 0)


@pytest.fixture
def old() -> Recorded:
    return Recorded()


@pytest.fixture
def server(old: Recorded) -> Iterator[StandIn]:
    with standing_in(old) as server:
        yield server


@pytest.fixture
def old_hub(stores: tuple[Store, Store], tmp_path: Path, server: StandIn) -> Iterator[Hub]:
    with wired(stores, tmp_path, mlflow_uri=server.url) as hub:
        yield hub


def test_a_run_of_mlflow_2_is_imported_with_what_its_tag_says_of_the_model(old_hub: Hub) -> None:
    imported = json(old_hub, "models", old_hub.harvest.model(model(old_hub, LOCATION), 10).id)
    assert imported["flavors"] == ["python_function"] and "inputs" not in imported and "mlflow_model_id" not in imported
    run = json(old_hub, "runs", referred(imported["run"]))
    assert {each["measure"]["label"]: each["value"] for each in run["metrics"]} == {"acc": 0.9, "nan": "NaN", "f1": 0.8}
    assert {each["name"] for each in run["tags"]} == {"t", "team"}


def test_a_model_of_mlflow_2_has_its_signature_from_the_file_beside_it(old_hub: Hub, old: Recorded, server: StandIn) -> None:
    file = (RECORDED / "MLmodel").read_bytes()
    old.answers["mlflow-artifacts"] = lambda: Said(file, headers={"Content-Type": "text/plain"})
    imported = json(old_hub, "models", old_hub.harvest.model(model(old_hub, LOCATION), 10).id)
    assert imported["framework"] == "sklearn" and len(imported["inputs"]) == 4
    assert f"/api/2.0/mlflow-artifacts/artifacts/2/{RUN}/artifacts/model/MLmodel" in server.paths


def test_a_server_that_fails_half_way_leaves_nothing_behind(old_hub: Hub, old: Recorded) -> None:
    stored = model(old_hub, LOCATION)
    before = sequence(old_hub)
    for part in ("experiments/get", "mlflow-artifacts", "runs/get"):
        answer, old.answers[part] = old.answers[part], lambda: Said(b"{}", 500)
        with pytest.raises(UpstreamUnavailable, match="answered 500"):
            old_hub.harvest.model(stored, 10)
        old.answers[part] = answer
    assert sequence(old_hub) == before and counts(old_hub) == dict.fromkeys(COLLECTIONS, 0)
    assert old_hub.harvest.model(stored, 10).values("run")


def test_a_slow_server_is_given_up_within_the_time_that_was_allowed(old_hub: Hub, old: Recorded) -> None:
    old.answers["runs/get"] = lambda: Said(after=5.0)
    stored = model(old_hub, LOCATION)
    with pytest.raises(UpstreamTimeout):
        old_hub.harvest.model(stored, 0.3)
    assert old_hub.harvest.attempt(stored, 0.3) == stored


def test_a_run_that_no_shape_takes_is_refused_and_nothing_refers_to_it(old_hub: Hub, old: Recorded) -> None:
    run = recorded("restonly_runs_get")
    run["run"]["data"]["metrics"] = [{"key": " ", "value": 1.0}]
    run["run"].pop("outputs")
    old.answers["runs/get"] = lambda: said(run)
    stored = model(old_hub, LOCATION)
    with pytest.raises(HubError):
        old_hub.harvest.model(stored, 10)
    assert old_hub.assets.read("models", stored.id) == stored and counts(old_hub)["runs"] == 0


def test_a_child_run_names_its_parent_once_that_is_here(old_hub: Hub, old: Recorded) -> None:
    parent, child = recorded("restonly_runs_get"), recorded("runs_get_child")
    child["run"]["data"]["tags"].append({"key": "mlflow.parentRunId", "value": RUN})
    child["run"]["data"]["tags"].pop(5)
    parent["run"].pop("outputs")
    known = child["run"]["info"]["run_id"]
    del old.answers["runs/get"]
    old.answers[f"runs/get?run_id={known}"] = lambda: said(child)
    stored = model(old_hub, f"runs:/{known}/model")
    first = old_hub.harvest.model(stored, 10)
    run = referred(first.values("run")[0].value)
    assert "parent" not in json(old_hub, "runs", run)
    old.answers[f"runs/get?run_id={RUN}"] = lambda: said(parent)
    other = old_hub.harvest.model(model(old_hub, LOCATION), 10)
    old_hub.harvest.model(first, 10)
    assert json(old_hub, "runs", run)["parent"] == other.values("run")[0].value


def test_many_imports_of_one_run_at_once_make_one_run(old_hub: Hub, old: Recorded) -> None:
    """Each finds a moment in which nobody else writes, or says that it did not; none leaves a second run or half of one."""
    owner = somebody(old_hub)
    stored = [model(old_hub, LOCATION, owner) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        imported = list(pool.map(lambda each: old_hub.harvest.attempt(each, 20), stored))
    assert len({each.values("run")[0] for each in imported if each.values("run")}) == 1
    assert counts(old_hub) == {"experiments": 1, "datasets": 1, "runs": 1}
    assert all(old_hub.harvest.model(each, 20).values("run") for each in stored)


@pytest.mark.parametrize("raced_collection", ["models", "runs"])
def test_others_that_write_all_the_time_are_given_way_to(old_hub: Hub, old: Recorded, raced_collection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = old_hub.harvest.model(model(old_hub, LOCATION), 10)
    stored = model(old_hub, LOCATION)
    run = recorded("restonly_runs_get")
    run["run"]["info"]["status"] = "KILLED"
    old.answers["runs/get"] = lambda: said(run)
    commit = old_hub.tools.history.commit

    def raced(changes: Sequence[Change], *rest: Any) -> int:
        found = next((each for each in changes if each.collection == raced_collection), None)
        if found is not None and rest[-1] == REASON:
            old_hub.assets.patch(SYSTEM, raced_collection, found.id, {"keywords": [str(next(numbers))]}, "*")
        return commit(changes, *rest)

    numbers = itertools.count()
    monkeypatch.setattr(old_hub.tools.history, "commit", raced)
    with pytest.raises(RevisionMismatch, match="current revision"):
        old_hub.harvest.model(stored, 10)
    assert next(numbers) == 4 and old_hub.harvest.attempt(imported, 10) == imported
    monkeypatch.undo()
    assert json(old_hub, "runs", referred(old_hub.harvest.model(stored, 10).values("run")[0].value))["status"] == "KILLED"


def test_a_model_that_was_deleted_from_its_run_says_nothing_about_it(old_hub: Hub, old: Recorded) -> None:
    old.answers["runs/get"] = lambda: said(recorded("restonly_runs_get"))
    imported = old_hub.harvest.model(model(old_hub, LOCATION), 10)
    assert imported.values("run") and not imported.values("mlflow_model_id")


def test_the_operator_says_what_is_published(stores: tuple[Store, Store], tmp_path: Path) -> None:
    old = Recorded()
    old.answers["runs/get"] = lambda: said(recorded("runs_get"))
    old.answers["logged-models"] = lambda: said(recorded("logged_model_get"))
    with standing_in(old) as server, wired(stores, tmp_path, mlflow_uri=server.url, mlflow_publish=("commit", "user")) as hub:
        imported = hub.harvest.model(model(hub, "runs:/4d9add61ce924676a6402daeeceb5bf7/model"), 10)
        run = json(hub, "runs", referred(imported.values("run")[0].value))
        assert run["commit"] == "0" * 40 and {"mlflow.user"} == {each["name"] for each in run["tags"] if each["name"].startswith("mlflow")}
        assert not hub.kg.ask('ASK { ?s ?p ?o FILTER(CONTAINS(STR(?o), "log_iris.py")) }')


def test_the_same_run_under_another_address_of_the_server_is_the_same_run(
    old_hub: Hub, stores: tuple[Store, Store], tmp_path: Path, server: StandIn
) -> None:
    first = old_hub.harvest.model(model(old_hub, LOCATION), 10)
    with wired(stores, tmp_path / "again", mlflow_uri=server.url.replace("127.0.0.1", "localhost")) as moved:
        assert moved.harvest.model(model(moved, LOCATION), 10).values("run") == first.values("run")


def test_a_description_is_answered_from_the_graph_while_mlflow_is_away(stores: tuple[Store, Store], tmp_path: Path, old: Recorded) -> None:
    with standing_in(old) as server, wired(stores, tmp_path, mlflow_uri=server.url) as hub:
        stored = model(hub, LOCATION)
        there = hub.semantics.of(stored.id)
        assert [node["@id"] for node in there["cords:mlmetadata"]] == [f"http://example.org#modelEvaluation_{name}" for name in ("acc", "f1", "nan")]
    with wired(stores, tmp_path / "away", mlflow_uri=f"http://127.0.0.1:{free_port()}") as hub:
        assert hub.semantics.of(stored.id) == there
        with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
            hub.semantics.of(model(hub, f"runs:/{'1' * 32}/x").id)


def test_a_description_follows_what_is_logged_later(old_hub: Hub, old: Recorded) -> None:
    stored = model(old_hub, LOCATION)
    old_hub.semantics.of(stored.id)
    run = recorded("restonly_runs_get")
    run["run"].pop("outputs")
    run["run"]["data"]["tags"].append({"key": "cords.Software", "value": "sklearn"})
    old.answers["runs/get"] = lambda: said(run)
    assert [node["@type"] for node in old_hub.semantics.of(stored.id)["cords:mlmetadata"]][-1] == "mls:Software"


def test_what_an_importer_may_not_do_stays_forbidden(old_hub: Hub) -> None:
    """The import acts for the owner of the model: a model that belongs to nobody is imported by the hub itself."""
    imported = old_hub.harvest.model(model(old_hub, LOCATION), 10)
    run = old_hub.assets.read("runs", referred(imported.values("run")[0].value))
    assert imported.values("creator") == run.values("creator") == []
    assert isinstance(run.iri, NamedNode)
