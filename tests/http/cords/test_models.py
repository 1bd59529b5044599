"""Models as the clients of the CORDS service add, read, replace and describe them."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from tests.http.cords.conftest import Api

ADD, GET, UPDATE, SEMANTICS = (f"/api/ml_models/{name}" for name in ("add_model", "get_model/", "update_model/", "generate_semantics/"))
MODEL = {
    "name": "Test Model 1", "version": "1.0", "description": "This model is a test model",
    "ml_flow_model_path": "mlflow-artifacts:/208444466607110357/2c8c2fc3fefe4c56a29ac325c0bac39c/artifacts/knnmodel",
}  # fmt: skip
NOWHERE = "0" * 64


@pytest.fixture
def user(api: Api) -> Api:
    api.log_in()
    return api


def added(api: Api, **changes: Any) -> dict[str, Any]:
    answer = api.call("POST", ADD, MODEL | changes)
    assert answer.status_code == 201, answer.text
    model: dict[str, Any] = answer.json  # type: ignore[assignment]
    return model


def test_a_model_is_added_read_and_replaced(user: Api) -> None:
    model = added(user)
    assert model.keys() == {"model_id", "name", "version", "description", "ml_flow_model_path", "timestamp"}
    assert MODEL.items() <= model.items() and re.fullmatch(r"[0-9a-f]{64}", model["model_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", model["timestamp"])
    read = user.call("GET", GET + model["model_id"])
    assert read.status_code == 200 and read.data == orjson.dumps(model, option=orjson.OPT_SORT_KEYS)
    changed = MODEL | {"name": "Test Model 2", "ml_flow_model_path": "s3://bucket/model"}
    answer = user.call("PUT", UPDATE + model["model_id"], changed)
    assert answer.status_code == 200
    assert answer.json == model | changed | {"timestamp": answer.json["timestamp"]}  # type: ignore[index]
    assert answer.json["timestamp"] > model["timestamp"]  # type: ignore[index,operator]


def test_it_is_the_same_model_in_the_hub_s_own_interface(user: Api) -> None:
    model = added(user)
    own: dict[str, Any] = user.call("GET", f"/api/models/{model['model_id']}").json  # type: ignore[assignment]
    assert (own["title"], own["version"], own["location"]) == (model["name"], model["version"], model["ml_flow_model_path"])
    changed = user.call("PATCH", f"/api/models/{own['id']}", {"title": {"de": "Eins", "en": "One"}, "version": None}, If_Match="*")
    assert changed.status_code == 200, changed.text
    read: dict[str, Any] = user.call("GET", GET + own["id"]).json  # type: ignore[assignment]
    assert (read["name"], read["version"]) == ("One", "")


def test_a_path_in_any_form_of_mlflow_is_taken_and_another_is_refused_with_the_reason(user: Api) -> None:
    for path in (
        "models:/iris/1",
        "models:/iris@champion",
        f"runs:/{'a' * 32}/model",
        f"models:/m-{'0' * 32}",
        f"mlflow-artifacts:/1/{'a' * 32}/artifacts/a.b/c",
    ):
        assert added(user, ml_flow_model_path=path)["ml_flow_model_path"] == path
    model = added(user)
    for path in ("nonsense", f"mlflow-artifacts:/1/{'a' * 32}/artifacts/../x"):
        for answer in (
            user.call("POST", ADD, MODEL | {"ml_flow_model_path": path}),
            user.call("PUT", UPDATE + model["model_id"], MODEL | {"ml_flow_model_path": path}),
        ):
            assert answer.status_code == 400
            assert answer.json["status"] == "failed" and "no location of a model" in answer.json["error"]  # type: ignore[index]
            assert "ml_flow_model_path" in answer.json["messages"]["json"]  # type: ignore[index]


def test_an_id_that_is_sent_along_is_taken_once(user: Api) -> None:
    chosen = "ab" * 32
    assert added(user, model_id=chosen, resource_id="passed over")["model_id"] == chosen
    answer = user.call("POST", ADD, MODEL | {"model_id": chosen})
    assert answer.status_code == 409 and answer.json["status"] == "failed"  # type: ignore[index]
    assert added(user, model_id="no id of ours")["model_id"] != chosen


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"name": None, "version": 1}, {"name": ["Field may not be null."], "version": ["Not a valid string."]}),
        ({"description": "", "ml_flow_model_path": ""}, {
            "description": ["Shorter than minimum length 1."], "ml_flow_model_path": ["Shorter than minimum length 1."],
        }),
    ],
)  # fmt: skip
def test_bodies_that_are_wrong_are_refused_in_the_old_words(user: Api, changes: dict[str, Any], messages: dict[str, list[str]]) -> None:
    answer = user.call("POST", ADD, MODEL | changes)
    assert answer.status_code == 400 and answer.json["messages"] == {"json": messages}  # type: ignore[index]


def test_missing_members_have_their_own_sentences(user: Api) -> None:
    answer = user.call("POST", ADD, {})
    assert answer.json["messages"]["json"] == {  # type: ignore[index]
        "name": ["Model name is required."], "version": ["Version is required."], "description": ["Description is required."],
        "ml_flow_model_path": ["Model path is required."],
    }  # fmt: skip


def test_what_no_model_may_say_is_refused_under_the_name_that_the_client_knows(user: Api) -> None:
    answer = user.call("POST", ADD, MODEL | {"name": "x" * 400})
    assert answer.status_code == 422 and list(answer.json["messages"]["json"]) == ["name"]  # type: ignore[index]


@pytest.mark.parametrize(("method", "path"), [("POST", ADD), ("GET", GET + NOWHERE), ("PUT", UPDATE + NOWHERE), ("GET", SEMANTICS + NOWHERE)])
def test_nobody_does_any_of_this_without_a_token(api: Api, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = api.call(method, path, {} if method != "GET" else None, **headers)
        assert answer.status_code == 401
        assert answer.json["code"] == 401 and answer.json["message"] == "Unauthorized"  # type: ignore[index]


@pytest.mark.parametrize(("method", "path", "body"), [("GET", GET, None), ("PUT", UPDATE, MODEL), ("GET", SEMANTICS, None)])
def test_a_model_that_is_not_there_is_404_and_a_deleted_one_410(user: Api, method: str, path: str, body: Any) -> None:
    for id, status in ((NOWHERE, 404), ("no id", 404)):
        answer = user.call(method, path + id, body)
        assert answer.status_code == status and answer.json["status"] == "failed"  # type: ignore[index]
    model = added(user)
    assert user.call("DELETE", f"/api/models/{model['model_id']}", If_Match="*").status_code == 204
    assert user.call(method, path + model["model_id"], body).status_code == 410


def test_a_model_of_somebody_else_is_read_and_not_changed(user: Api) -> None:
    model = added(user)
    user.log_in(email="bob@example.org")
    assert user.call("GET", GET + model["model_id"]).json == model
    assert user.call("PUT", UPDATE + model["model_id"], MODEL).status_code == 403


def test_without_mlflow_a_description_says_what_is_missing(user: Api) -> None:
    answer = user.call("GET", SEMANTICS + added(user)["model_id"])
    assert answer.status_code == 502 and "HUB_MLFLOW_URI" in answer.json["error"]  # type: ignore[index]


def test_a_model_described_by_hand_needs_no_mlflow(user: Api) -> None:
    run = {
        "title": "by hand", "metrics": [{"measure": "RMSE", "value": 0.25}],
        "tags": [{"name": "cords.Run", "value": "r1"}, {"name": "cords.Run.executes", "value": "kNN"}],
    }  # fmt: skip
    created: dict[str, Any] = user.call("POST", "/api/runs", run).json  # type: ignore[assignment]
    model = added(user)
    assert user.call("PATCH", f"/api/models/{model['model_id']}", {"run": created["iri"]}, If_Match="*").status_code == 200
    answer: dict[str, Any] = user.call("GET", SEMANTICS + model["model_id"]).json  # type: ignore[assignment]
    assert answer["model_id"] == model["model_id"]
    assert [node["@id"] for node in answer["semantics"]["cords:mlmetadata"]] == ["http://example.org#modelEvaluation_RMSE", "http://example.org#r1"]


@pytest.mark.parametrize("text", ["\"}'; DROP ALL #", "\u202eabc", "a" * 200, "{{7*7}}", "<script>", "\\u0022"])
def test_hostile_text_is_only_text(user: Api, text: str) -> None:
    model = added(user, name=text, version=text[:90], description=text)
    assert user.call("GET", GET + model["model_id"]).json == model
    assert (model["name"], model["description"]) == (text, text)
