"""Registration and log-in as the clients of the CORDS service do them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.store.base import Store
from tests.http.cords.conftest import PERSON, Api, basic
from tests.support.hubs import wired

REGISTER, TOKEN = "/api/users/register", "/api/users/get-auth-token"


def test_somebody_registers_logs_in_and_is_a_person_of_the_graph(api: Api) -> None:
    answer = api.call("POST", REGISTER, PERSON)
    assert answer.status_code == 201 and answer.content_type == "application/json"
    user: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert user.keys() == {"email", "first_name", "last_name", "role", "timestamp", "user_id"}
    assert {key: user[key] for key in ("email", "first_name", "last_name", "role")} == {key: PERSON[key] for key in PERSON if key != "password"}
    assert re.fullmatch(r"[0-9a-f]{64}", user["user_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", user["timestamp"])
    assert answer.data == orjson.dumps(user, option=orjson.OPT_SORT_KEYS)
    person: dict[str, Any] = api.call("GET", f"/api/people/{user['user_id']}").json  # type: ignore[assignment]
    assert (person["title"], person["position"]) == ("Ada Example", "ML Engineer")
    assert "ada@example.org" not in str(person)
    logged_in = api.call("POST", TOKEN, Authorization=basic("Ada@Example.org", "pass"))
    assert logged_in.status_code == 200 and re.fullmatch(r"[\w-]{43}", logged_in.json["token"])  # type: ignore[index]
    me = api.call("GET", "/api/me", Authorization=f"Bearer {logged_in.json['token']}")  # type: ignore[index]
    assert me.json["role"] == "contributor"  # type: ignore[index]


def test_another_log_in_ends_the_token_before(api: Api) -> None:
    api.log_in()
    first = api.token
    api.token = api.call("POST", TOKEN, Authorization=basic(PERSON["email"], "pass")).json["token"]  # type: ignore[index]
    assert api.call("GET", "/api/me").status_code == 200
    assert api.call("GET", "/api/me", Authorization=f"Bearer {first}").status_code == 401


def test_an_e_mail_registers_once(api: Api) -> None:
    assert api.call("POST", REGISTER, PERSON).status_code == 201
    answer = api.call("POST", REGISTER, PERSON | {"email": "ADA@example.org", "password": "other"})
    assert answer.status_code == 409
    assert answer.json["status"] == "failed" and answer.json["message"] == "Error Occured"  # type: ignore[index]
    assert "has an account already" in answer.json["error"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({}, {
            "email": ["Email is required."], "password": ["Email is required."], "first_name": ["First name is required."],
            "last_name": ["Last name is required."], "role": ["Role is required."],
        }),
        (PERSON | {"email": "no address"}, {"email": ["Not a valid email address."]}),
        (PERSON | {"email": "a@b"}, {"email": ["Shorter than minimum length 4."]}),
        (PERSON | {"email": "x"}, {"email": ["Not a valid email address.", "Shorter than minimum length 4."]}),
        (PERSON | {"password": "abc", "role": ""}, {"password": ["Shorter than minimum length 4."], "role": ["Shorter than minimum length 1."]}),
        (PERSON | {"first_name": 3, "last_name": None}, {"first_name": ["Not a valid string."], "last_name": ["Field may not be null."]}),
        ([1], {"_schema": ["Invalid input type."]}),
        (b"{", {"_schema": ["Invalid JSON: unexpected end of data at line 1, column 2."]}),
    ],
)  # fmt: skip
def test_bodies_that_are_wrong_are_refused_in_the_old_words(api: Api, body: Any, messages: dict[str, list[str]]) -> None:
    answer = api.call("POST", REGISTER, body, Content_Type="application/json")
    assert answer.status_code == 400
    assert answer.json["messages"] == {"json": messages}  # type: ignore[index]
    assert answer.json["type"] == "/errors/malformed" and answer.json["errors"]  # type: ignore[index]


def test_a_body_of_another_media_type_counts_as_empty_and_members_nobody_knows_are_passed_over(api: Api) -> None:
    answer = api.call("POST", REGISTER, orjson.dumps(PERSON), Content_Type="text/plain")
    assert answer.status_code == 400 and "email" in answer.json["messages"]["json"]  # type: ignore[index]
    assert api.call("POST", REGISTER, PERSON | {"user_id": "mine", "invite": 3}).status_code == 201


@pytest.mark.parametrize(
    "credentials",
    [{}, {"Authorization": ""}, {"Authorization": "Basic"}, {"Authorization": "Basic !!!"}, {"Authorization": basic("ada@example.org", "wrong")},
     {"Authorization": basic("nobody@example.org", "pass")}, {"Authorization": "Digest x"}, {"Authorization": "Bearer x"}],
)  # fmt: skip
def test_whoever_sends_no_or_wrong_credentials_gets_401(api: Api, credentials: dict[str, str]) -> None:
    api.call("POST", REGISTER, PERSON)
    answer = api.call("POST", TOKEN, **credentials)
    assert answer.status_code == 401
    assert answer.json["code"] == 401 and answer.json["message"] == "Unauthorized" and answer.json["description"]  # type: ignore[index]
    assert answer.headers.getlist("WWW-Authenticate")


def test_a_token_does_not_become_another_token(api: Api) -> None:
    api.log_in()
    assert api.call("POST", TOKEN).status_code == 401


def test_registration_may_need_an_invitation(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path, registration="invite") as hub:
        api = Api.of(hub)
        answer = api.call("POST", REGISTER, PERSON)
        assert answer.status_code == 403 and "invite" in answer.json["error"]  # type: ignore[index]
        first = hub.identity.registration.ensure_administrator(hub.identity.tokens)
        assert first is not None
        admin = hub.identity.tokens.authenticate(first[2])
        _, code = hub.identity.invites.create(admin)
        assert api.call("POST", REGISTER, PERSON | {"invite": code}).status_code == 201
