"""Descriptions of models that MLflow knows: what it says is asked for again, what owners say stays, and the graph answers while it is away."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from server.errors import NotFound, UpstreamUnavailable
from server.hub import Hub
from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from server.store.base import Store
from tests.clients.test_tracking import recorded
from tests.support.hubs import wired
from tests.support.recorded import Recorded, said
from tests.support.standin import standing_in

LOCATION = "mlflow-artifacts:/2/0ac827c9367e4009a0a85d01332939e9/artifacts/model"


def nodes(hub: Hub, id: str, *, fresh: bool = False) -> dict[str, Any]:
    return {node["@id"].rpartition("#")[2]: node for node in hub.semantics.of(id, fresh=fresh)["cords:mlmetadata"]}


def test_a_new_import_says_what_is_new_and_keeps_what_the_owner_said(stores: tuple[Store, Store], tmp_path: Path) -> None:
    answers, own = Recorded(), Document(JSON, {"cords:mlmetadata": [{"@id": "http://example.org#note", "mls:achieves": "kept"}]})
    with standing_in(answers) as mlflow, wired(stores, tmp_path, mlflow_uri=mlflow.url) as hub:
        model = hub.assets.create(SYSTEM, "models", Document(JSON, {"title": "m", "location": LOCATION}))
        first = nodes(hub, model.id)
        assert first and nodes(hub, model.id) == first
        hub.semantics.write(SYSTEM, model.id, own, None, add=True)
        run = copy.deepcopy(recorded("restonly_runs_get"))
        run["run"]["data"]["tags"].append({"key": "cords.Quality", "value": "good"})
        run["run"].pop("outputs")
        answers.answers["runs/get"] = lambda: said(run)
        asked = len(mlflow.paths)
        assert nodes(hub, model.id).keys() == {*first, "note"} and len(mlflow.paths) == asked, "it was asked a moment ago"
        assert nodes(hub, model.id, fresh=True).keys() == {*first, "note", "good"}
        answers.answers["runs/get"] = lambda: said({"error_code": "INTERNAL_ERROR"}, 500)
        assert nodes(hub, model.id, fresh=True).keys() == {*first, "note", "good"}


def test_what_an_owner_says_is_a_description_where_nothing_can_be_imported(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path) as hub:
        model = hub.assets.create(SYSTEM, "models", Document(JSON, {"title": "m", "location": "s3://bucket/x"}))
        with pytest.raises((NotFound, UpstreamUnavailable)):
            hub.semantics.of(model.id)
        hub.semantics.write(SYSTEM, model.id, Document(JSON, {"mls:definedOn": "iris"}), 1, add=False)
        assert nodes(hub, model.id)[model.id]["mls:definedOn"]["@value"] == "iris"
