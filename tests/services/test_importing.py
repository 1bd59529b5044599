"""Importing runs, registered models and experiments of a real MLflow server, again and again."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from server.errors import Forbidden, Malformed, NotFound
from server.hub import Hub
from server.services.callers import SYSTEM, Caller, Role, anonymous
from server.services.drafts import JSON, Document
from server.services.importing import Imported
from server.services.things import Thing
from server.store.base import Store
from tests.support.hubs import wired
from tests.support.mlflow import Tracking

START = 1_790_000_000_000


@dataclass(frozen=True)
class Logged:
    """What was logged for these tests: the experiment, its runs by their names, and the name of a registered model."""

    url: str
    experiment: str
    runs: dict[str, str]
    registered: str
    model: str

    def post(self, path: str, **body: object) -> Any:
        answer = urllib3.request("POST", f"{self.url}/api/2.0/mlflow/{path}", json=body)
        assert answer.status == 200, answer.data
        return answer.json()

    def run(self, name: str, place: int, **tags: str) -> str:
        started = {"experiment_id": self.experiment, "run_name": name, "start_time": START + place}
        run: str = self.post("runs/create", **started, tags=[{"key": key, "value": value} for key, value in tags.items()])["run"]["info"]["run_id"]
        self.runs[name] = run
        return run


@pytest.fixture(scope="module")
def logged(tracking: Tracking) -> Logged:
    """Log an experiment with a child before its parent, two runs in a circle, and odd numbers; and register the model of the demonstration."""
    made = Logged(tracking.url, "", {}, f"a{secrets.token_hex(4)} # 'registry'", tracking.trained.location.split("/")[-2])
    experiment = made.post("experiments/create", name=f"odd {secrets.token_hex(4)}")["experiment_id"]
    made = Logged(made.url, experiment, {}, made.registered + experiment, made.model)
    child = made.run("child", 0)
    parent = made.run("parent", 1)
    made.post("runs/set-tag", run_id=child, key="mlflow.parentRunId", value=parent)
    one = made.run("one", 2)
    other = made.run("other", 3, **{"mlflow.parentRunId": one})
    made.post("runs/set-tag", run_id=one, key="mlflow.parentRunId", value=other)
    points = [{"key": "loss", "value": 1 / (step + 1), "timestamp": step + 1, "step": step} for step in range(3)]
    odd = [{"key": name, "value": name, "timestamp": 1, "step": 0} for name in ("NaN", "Infinity", "-Infinity")]
    made.post("runs/log-batch", run_id=parent, metrics=[*points, *odd], params=[{"key": "note", "value": "a # \"b\"\n'c' \\"}])
    for name in ("child", "parent", "one"):
        made.post("runs/update", run_id=made.runs[name], status="FINISHED", end_time=START + 100_000)
    answer = urllib3.request("PUT", f"{made.url}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{parent}/artifacts/plots/a.txt", body=b"abc")
    assert answer.status == 200
    made.post("registered-models/create", name=made.registered)
    for _ in range(2):
        made.post("model-versions/create", name=made.registered, source=f"models:/{made.model}", model_id=made.model, run_id=tracking.trained.run)
    made.post("registered-models/alias", name=made.registered, alias="champion", version="2")
    return made


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path, tracking: Tracking) -> Iterator[Hub]:
    with wired(stores, tmp_path, mlflow_uri=tracking.url) as hub:
        yield hub


def somebody(hub: Hub) -> Caller:
    person = hub.assets.create(SYSTEM, "people", Document(JSON, {"title": "Ada"}))
    return Caller(person.id, person.iri, Role.contributor)


def actions(outcomes: Iterable[Imported]) -> Counter[str]:
    return Counter(f"{each.collection} {each.action}" for each in outcomes)


def read(hub: Hub, collection: str, id: str) -> dict[str, Any]:
    return hub.assets.tools.json(hub.assets.read(collection, id))


def by_name(outcomes: Iterable[Imported], collection: str = "runs") -> dict[str, Imported]:
    return {each.name: each for each in outcomes if each.collection == collection}


def last(hub: Hub) -> int:
    return hub.tools.history.last()


def test_an_experiment_is_imported_whole_with_nested_runs_and_odd_numbers_and_again_without_a_revision(hub: Hub, logged: Logged) -> None:
    owner, importing = somebody(hub), hub.harvest.importing()
    outcomes = list(importing.experiment(owner, logged.experiment, artifacts=True))
    assert actions(outcomes) == {"runs created": 4}
    runs = {name: read(hub, "runs", by_name(outcomes)[id].id) for name, id in logged.runs.items()}
    assert runs["child"]["parent"] == runs["parent"]["iri"], "although it began before its parent"
    assert not {"parent"} & (runs["one"].keys() | runs["other"].keys()), "a run above itself has no parent"
    assert (runs["parent"]["creator"], runs["other"]["status"]) == (owner.person.value, "RUNNING")  # type: ignore[union-attr]
    values = {each["measure"]["label"]: (each["value"], each.get("step", 0)) for each in runs["parent"]["metrics"]}
    assert values == {"loss": (pytest.approx(1 / 3), 2), "NaN": ("NaN", 0), "Infinity": ("INF", 0), "-Infinity": ("-INF", 0)}
    assert runs["parent"]["parameters"][0]["value"] == "a # \"b\"\n'c' \\"
    assert [(each["path"], each["byte_size"]) for each in runs["parent"]["artifacts"]] == [("plots/a.txt", 3)]
    assert hub.kg.ask("""PREFIX mls: <http://www.w3.org/ns/mls#> PREFIX prov: <http://www.w3.org/ns/prov#>
      ASK { ?run a mls:Run, prov:Activity ; mls:hasOutput [ mls:hasValue "NaN"^^<http://www.w3.org/2001/XMLSchema#double> ] }""")
    before = last(hub)
    assert actions(importing.experiment(owner, logged.experiment)) == {"runs unchanged": 4}
    assert "artifacts" in read(hub, "runs", by_name(outcomes)[logged.runs["parent"]].id), "what was not looked at stays"
    assert last(hub) == before


def test_an_incremental_import_reads_what_is_new_and_what_was_not_finished(hub: Hub, logged: Logged) -> None:
    owner, importing = somebody(hub), hub.harvest.importing()
    name = secrets.token_hex(4)
    assert actions(importing.experiment(owner, logged.experiment, incremental=True)) == {"runs created": 4}
    logged.post("runs/set-tag", run_id=logged.runs["child"], key="late", value=secrets.token_hex(4))
    logged.post("runs/set-tag", run_id=logged.runs["other"], key="late", value=secrets.token_hex(4))
    fresh = logged.run(name, 10)
    try:
        outcomes = list(importing.experiment(owner, logged.experiment, incremental=True))
        assert actions(outcomes) == {"runs created": 1, "runs changed": 1, "runs unchanged": 1}  # the newest one is read again for its start
        assert by_name(outcomes)[fresh].action == "created"
        assert actions(importing.experiment(owner, logged.experiment)) == {"runs changed": 1, "runs unchanged": 4}, "a whole one finds the rest"
        run = by_name(outcomes)[fresh]
        hub.assets.delete(owner, "runs", run.id, None)
        assert by_name(importing.experiment(owner, logged.experiment))[fresh].action == "deleted"
        assert importing.run(owner, fresh, 30)[0].action == "created", "who asks for one run gets it"
        logged.post("runs/delete", run_id=fresh)
        assert actions(importing.experiment(owner, logged.experiment, incremental=True)) == {"runs unchanged": 1}
        assert hub.assets.read("runs", run.id)
    finally:
        del logged.runs[name]
        logged.post("runs/delete", run_id=fresh)


def test_a_run_brings_its_model_with_all_that_belongs_to_it_and_the_runs_above_it(hub: Hub, tracking: Tracking, logged: Logged) -> None:
    owner, importing = somebody(hub), hub.harvest.importing()
    outcomes = importing.run(owner, tracking.trained.run, 60)
    assert actions(outcomes) == {"runs created": 1, "models created": 1}
    model = read(hub, "models", outcomes[1].id)
    assert model["location"] == f"models:/{logged.model}" and model["run"] == outcomes[0].iri and model["creator"] == owner.person.value  # type: ignore[union-attr]
    assert {each["path"] for each in model["artifacts"]} >= {"MLmodel", "requirements.txt"} and all(each["byte_size"] for each in model["artifacts"])
    environment = {each["label"].partition(" ")[0] for each in model["environment"]}
    assert {"python", "scikit-learn", "mlflow"} <= environment
    assert {each["label"].partition(" ")[0] for each in model["implementations"]} == {"python_function", "sklearn"}
    run = read(hub, "runs", outcomes[0].id)
    assert {each["class"].rpartition("#")[2]: each.get("name") for each in run["described"]} == {
        "Algorithm": "logistic regression", "Implementation": "python", "Run": tracking.trained.run, "Software": "scikit-learn",
    }  # fmt: skip
    assert [each["context"] for each in run["usages"]] == ["training"]
    before = last(hub)
    assert actions(importing.run(owner, tracking.trained.run, 60)) == {"runs unchanged": 1, "models unchanged": 1} and last(hub) == before
    assert actions(importing.run(owner, logged.runs["child"], 60)) == {"runs created": 2}
    assert "parent" not in read(hub, "runs", importing.run(owner, logged.runs["one"], 60)[-1].id)


def test_a_model_that_somebody_added_is_the_one_that_an_import_speaks_of(hub: Hub, tracking: Tracking, logged: Logged) -> None:
    owner = somebody(hub)
    mine: Thing = hub.assets.create(owner, "models", Document(JSON, {"title": "mine", "location": f"models:/{logged.model}"}))
    outcomes = hub.harvest.importing().run(SYSTEM, tracking.trained.run, 60)
    assert [(each.id, each.action) for each in outcomes if each.collection == "models"] == [(mine.id, "changed")]
    assert read(hub, "models", mine.id)["title"] == "mine"
    assert actions(hub.harvest.importing().registered(SYSTEM, logged.registered)) == {"runs unchanged": 1, "models changed": 1}


def test_a_registered_model_is_imported_with_version_and_aliases_and_follows_them(hub: Hub, logged: Logged) -> None:
    importing = hub.harvest.importing(operator=True)
    outcomes = list(importing.registered(SYSTEM, logged.registered))
    assert actions(outcomes) == {"runs created": 1, "models created": 1}
    model = read(hub, "models", outcomes[1].id)
    assert (model["registered_name"], model["registered_version"], model["aliases"]) == (logged.registered, "2", ["champion"])
    assert model["title"] == f"{logged.registered} 2" and model["version"] == "2"
    before = last(hub)
    assert actions(importing.registered(SYSTEM, logged.registered)) == {"runs unchanged": 1, "models unchanged": 1} and last(hub) == before
    removed = urllib3.request("DELETE", f"{logged.url}/api/2.0/mlflow/registered-models/alias", json={"name": logged.registered, "alias": "champion"})
    assert removed.status == 200
    try:
        assert actions(importing.registered(SYSTEM, logged.registered)) == {"runs unchanged": 1, "models changed": 1}
        assert "aliases" not in read(hub, "models", outcomes[1].id)
    finally:
        logged.post("registered-models/alias", name=logged.registered, alias="champion", version="2")
    second = f"{logged.registered} too"  # of a model with two names a mirror of the registry has the first
    if second not in set(hub.harvest.registered_names()):
        logged.post("registered-models/create", name=second)
        logged.post("model-versions/create", name=second, source=f"models:/{logged.model}", model_id=logged.model)
    names = [each for each in sorted(hub.harvest.registered_names()) if each.startswith(logged.registered)]
    assert names == [logged.registered, second]
    assert actions(importing.registered(SYSTEM, second)) == {"runs unchanged": 1, "models changed": 1}
    assert read(hub, "models", outcomes[1].id)["registered_name"] == second
    assert [actions(importing.registered(SYSTEM, name, mirrored=True))["models changed"] for name in names * 2] == [1, 0, 0, 0]


def test_the_iri_is_written_back_and_says_nothing_about_the_run(stores: tuple[Store, Store], tmp_path: Path, logged: Logged) -> None:
    with wired(stores, tmp_path, mlflow_uri=logged.url, mlflow_write_back="on") as hub:
        for action in ("created", "unchanged"):
            outcomes = hub.harvest.importing().run(SYSTEM, logged.runs["parent"], 30)
            assert [(each.action, each.warning) for each in outcomes] == [(action, "")]
            tags = urllib3.request("GET", f"{logged.url}/api/2.0/mlflow/runs/get?run_id={logged.runs['parent']}").json()["run"]["data"]["tags"]
            assert {"key": "hub.iri", "value": outcomes[0].iri} in tags


def test_every_point_of_a_curve_is_asked_of_mlflow(hub: Hub, logged: Logged) -> None:
    run = hub.harvest.importing().run(SYSTEM, logged.runs["parent"], 30)[0]
    assert [(point.step, point.value) for point in hub.harvest.history(run.id, "loss")] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert math.isnan(hub.harvest.history(run.id, "NaN")[0].value)
    with pytest.raises(NotFound, match="has no metric nothing"):
        hub.harvest.history(run.id, "nothing")
    other = hub.assets.create(SYSTEM, "runs", Document(JSON, {"title": "by hand"}))
    with pytest.raises(NotFound, match="MLflow does not know this run"):
        hub.harvest.history(other.id, "loss")


def test_what_is_not_there_and_who_may_not(hub: Hub, logged: Logged) -> None:
    importing = hub.harvest.importing()
    for call, error in (
        (lambda: importing.run(SYSTEM, "0" * 32, 30), NotFound), (lambda: importing.run(SYSTEM, "../x", 30), Malformed),
        (lambda: importing.experiment(SYSTEM, "999999"), NotFound), (lambda: importing.experiment(SYSTEM, "no such name"), NotFound),
        (lambda: importing.registered(SYSTEM, "nobody"), NotFound), (lambda: importing.experiment(SYSTEM, "9" * 20), NotFound),
        (lambda: importing.registered(SYSTEM, 'a/b"c'), NotFound),
        (lambda: importing.run(Caller("x", None, Role.reader), logged.runs["one"], 30), Forbidden),
        (lambda: importing.experiment(anonymous(Role.none), logged.experiment), Exception),
    ):  # fmt: skip
        with pytest.raises(error):
            call()
    empty = logged.post("registered-models/create", name=f"empty {secrets.token_hex(4)}")["registered_model"]["name"]
    with pytest.raises(NotFound, match="has no version of"):
        importing.registered(SYSTEM, empty)
    assert last(hub) == 0
