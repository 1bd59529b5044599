"""What the README of the CORDS service promised and it never had: lists and removals of models and users, and all assets with who created them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from server.services.callers import SYSTEM, Role
from tests.http.cords.conftest import PERSON, Api

MODEL = {"name": "Test", "version": "1.0", "description": "d", "ml_flow_model_path": "s3://bucket/model"}


@pytest.fixture
def ada(api: Api) -> str:
    return api.log_in()


def get(api: Api, path: str) -> Any:
    answer = api.call("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_models_are_listed_page_by_page_and_deleted_by_their_owners(api: Api, ada: str) -> None:
    made = [api.call("POST", "/api/ml_models/add_model", MODEL | {"name": f"Test {number}"}).json for number in range(3)]
    expected = [each | {"created_by": {"user_id": ada, "name": "Ada Example"}} for each in reversed(made)]
    first = api.call("GET", "/api/ml_models/list_models?limit=2&colour=blue")
    assert first.json == expected[:2] and first.headers["X-Total-Count"] == "3"
    following = re.fullmatch(r'<http://hub\.test(/[^>]+)>; rel="next"', first.headers["Link"])
    assert following and get(api, following[1]) == expected[2:]
    assert [each["name"] for each in get(api, "/api/ml_models/list_models?sort=created&q=test")] == ["Test 0", "Test 1", "Test 2"]
    assert api.call("GET", "/api/ml_models/list_models?limit=none").json["messages"]["json"].keys() == {"?limit"}  # type: ignore[index]
    gone = made[0]["model_id"]  # type: ignore[index]
    mine = api.token
    api.log_in(email="bob@example.org")
    assert api.call("DELETE", f"/api/ml_models/delete_model/{gone}").status_code == 403
    api.token = mine
    removed = api.call("DELETE", f"/api/ml_models/delete_model/{gone}")
    assert removed.json == {"status": "success", "message": f"Model with ID {gone} removed successfully."}
    assert api.call("DELETE", f"/api/ml_models/delete_model/{gone}").status_code == 410
    assert api.call("DELETE", f"/api/ml_models/delete_model/{'0' * 64}").json["status"] == "failed"  # type: ignore[index]
    assert len(get(api, "/api/ml_models/list_models")) == 2


def test_all_assets_are_in_one_list_with_who_created_them(api: Api, ada: str) -> None:
    dataset = {
        "title": {"en": "Load", "de": "Last"}, "license": "CC-BY-4.0", "features": [{"name": "t", "datatype": "dateTime"}],
        "distributions": [{"download_url": "https://data.example.org/load.csv", "media_type": "text/csv", "byte_size": 12,
                           "checksum": {"checksum_value": "0" * 64}}],
    }  # fmt: skip
    bundle = api.call("POST", "/api/bundles", {"title": "file", "file_name": "load.zip"}).json
    made = [api.call("POST", "/api/datasets", dataset | {"bundles": [bundle["iri"]]}).json]  # type: ignore[index]
    place = f"/api/datasets/{made[0]['id']}"  # type: ignore[index]
    changed = made[0] | {"license": "http://spdx.org/licenses/CC0-1.0", "features": [{"name": "t", "datatype": "date"}]}  # type: ignore[operator]
    assert api.call("PUT", place, changed, If_Match="*").json["features"][0]["datatype"] == "date"  # type: ignore[index]
    assert api.call("PATCH", place, {"distributions": None, "description": "d"}, If_Match="*").json["bundles"] == [bundle["iri"]]  # type: ignore[index]
    training = api.call("POST", "/api/fl-trainings", {key: dataset[key] for key in ("title", "license", "features")} | {"bundles": [bundle["iri"]]})  # type: ignore[index]
    assert training.status_code == 201 and training.json["features"] and training.json["license"], training.text  # type: ignore[index]
    assert api.call("DELETE", f"/api/fl-trainings/{training.json['id']}", If_Match="*").status_code == 204  # type: ignore[index]
    made.append(api.call("POST", "/api/fl-services", {"title": "Training", "license": "MIT", "training": {"training_rounds": 3}}).json)
    api.call("POST", "/api/ml_models/add_model", MODEL)
    made.append(api.call("POST", "/api/runs", {"title": "Run"}).json)
    api.call("POST", "/api/organisations", {"title": "No asset"})
    page = get(api, "/api/assets")
    assert [(each["kind"], each["title"]) for each in page["items"]][:4] == [
        ("runs", "Run"), ("models", "Test"), ("fl-services", "Training"), ("datasets", {"en": "Load", "de": "Last"}),
    ]  # fmt: skip
    assert page["total"] == 5 and all(each["creator"]["title"] == "Ada Example" for each in page["items"])
    assert api.call("GET", page["items"][0]["url"].removeprefix("http://hub.test")).json["title"] == "Run"  # type: ignore[index]
    listed = get(api, "/api/ml_assets?kind=datasets&kind=models&unknown=1")
    assert [(each["asset_type"], each["name"], each["created_by"]["user_id"]) for each in listed] == [
        ("model", "Test", ada),
        ("dataset", "Load", ada),
    ]
    seen: list[str] = []
    path = "/api/assets?limit=2&sort=created"
    while path:
        page = get(api, path)
        assert page["total"] == 5
        seen += [each["kind"] for each in page["items"]]
        path = page.get("next", "").removeprefix("http://hub.test")
    assert seen == ["bundles", "datasets", "fl-services", "models", "runs"]
    assert get(api, f"/api/assets?creator={ada}&q=training")["total"] == 1
    for wrong in ("kind=people", "sort=title", "cursor=x", "cursor=e30", "limit=0", "colour=blue"):
        assert api.call("GET", f"/api/assets?{wrong}").status_code == 400, wrong
    with_nobody = api.hub.assets.create(SYSTEM, "models", document({"title": "Nobody's"}))
    assert get(api, "/api/assets?limit=1")["items"][0] | {"creator": None} == get(api, "/api/assets?limit=1")["items"][0]
    assert get(api, "/api/ml_assets?limit=1")[0]["created_by"] is None and with_nobody.id == get(api, "/api/ml_assets?limit=1")[0]["asset_id"]
    assert api.call("GET", "/api/ml_assets", Authorization="").status_code == 401


def document(members: dict[str, Any]) -> Any:
    from server.services.drafts import JSON, Document

    return Document(JSON, members)


def test_users_are_listed_and_leave(api: Api, ada: str) -> None:
    mine, bob = api.token, api.log_in(email="bob@example.org", first_name="Bob Maria", last_name="Builder")
    hers = {key: PERSON[key] for key in ("first_name", "last_name", "role")} | {"user_id": ada}
    his = hers | {"first_name": "Bob Maria", "last_name": "Builder", "user_id": bob}
    listed = get(api, "/api/users/list_users")
    assert [{key: value for key, value in each.items() if key != "timestamp"} for each in listed] == [hers, his | {"email": "bob@example.org"}]
    assert api.call("DELETE", f"/api/users/delete_user/{ada}").status_code == 403
    api.call("POST", "/api/ml_models/add_model", MODEL)
    assert api.call("DELETE", f"/api/users/delete_user/{bob}").json["status"] == "success"  # type: ignore[index]
    assert api.call("GET", "/api/me").status_code == 401
    api.token = mine
    assert api.call("GET", f"/api/people/{bob}").status_code == 200, "his model still names him as its creator"
    api.hub.identity.accounts.set_role(ada, Role.admin)
    eve = api.hub.identity.registration.register(SYSTEM, "eve@example.org", "pass", "Eve", "tester")
    shown: Any = get(api, "/api/users/list_users")[1]
    assert (shown["email"], shown["first_name"], shown["last_name"], shown["role"]) == ("eve@example.org", "Eve", "", "tester")
    assert api.call("DELETE", f"/api/users/delete_user/{eve.id}").status_code == 200
    assert api.call("GET", f"/api/people/{eve.id}").status_code == 410
    assert api.call("DELETE", f"/api/users/delete_user/{eve.id}").status_code == 404
    assert api.call("DELETE", f"/api/users/delete_user/{ada}").status_code == 403, "she is the last administrator"
    assert api.call("GET", "/api/users/list_users", Authorization="").status_code == 401
