"""`mlflow import` and `mlflow sync`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command
from tests.clients.test_tracking import recorded
from tests.http.test_mlflow import RUN, runs
from tests.support.recorded import Recorded, said
from tests.support.standin import Said, StandIn, standing_in


@pytest.fixture
def old() -> Recorded:
    old = Recorded()
    old.answers["runs/search"] = lambda: said({"runs": runs("a" * 32, "b" * 32)})
    registered, version = recorded("registered_model_get"), recorded("model_version_get")["model_version"]
    version = {**version, "source": f"runs:/{RUN}/model", "run_id": RUN}
    old.answers["registered-models/search"] = lambda: said({"registered_models": [{"name": "iris-lr"}, {"name": "empty"}]})
    old.answers["registered-models/get?name=iris-lr"] = lambda: said(registered)
    old.answers["registered-models/get"] = lambda: said({"registered_model": {"name": "empty"}})
    old.answers["model-versions/search?filter=name%3D%27iris-lr"] = lambda: said({"model_versions": [version]})
    old.answers["model-versions/search"] = lambda: said({})
    return old


@pytest.fixture
def server(old: Recorded) -> Iterator[StandIn]:
    with standing_in(old) as server:
        yield server


def test_runs_experiments_and_the_registry_from_the_command_line(command: Command, old: Recorded, server: StandIn) -> None:
    env = {"HUB_MLFLOW_URI": server.url}
    assert "3 created" not in command("mlflow", "import", code=2, **env).output
    found = command("mlflow", "import", "--run", RUN, "--experiment", "2", "--registered-model", "iris-lr", **env).output
    assert "4 created, 1 unchanged, 1 changed" in found.replace("1 changed, 1 unchanged", "1 unchanged, 1 changed")
    assert "4 unchanged" in command("mlflow", "sync", "--experiment", "2", "--incremental", "--registry", **env).output
    assert "empty" in command("mlflow", "sync", "--registry", **env).output, "a name without a version is told and no failure"
    assert "--registry" in command("mlflow", "sync", code=2, **env).output
    assert "HUB_MLFLOW_URI" in command("mlflow", "import", "--run", RUN, code=1).output


def test_a_mirror_goes_on_where_a_pass_failed_and_one_pass_fails_as_a_whole(command: Command, old: Recorded, server: StandIn) -> None:
    env = {"HUB_MLFLOW_URI": server.url}
    answers = iter([Said(b"{}", 500), said({"runs": runs("a" * 32)}), said({})])
    old.answers["runs/search"] = lambda: next(answers)
    output = command("mlflow", "sync", "--experiment", "2", "--every", "1", "--passes", "3", **env).output
    assert "The next pass tries again" in output and "1 created" in output and "nothing to import" in output
    many = runs("c" * 32)
    many[0]["data"]["metrics"] = [{"key": " ", "value": 1.0}]
    old.answers["runs/search"] = lambda: said({"runs": [*runs("d" * 32), *many]})
    refused = command("mlflow", "sync", "--experiment", "2", code=1, **env).output
    assert "1 created, 1 refused" in refused and "c" * 32 in refused
    old.answers["runs/search"] = lambda: Said(b"{}", 500)
    assert "answered 500" in command("mlflow", "sync", "--experiment", "2", code=1, **env).output
