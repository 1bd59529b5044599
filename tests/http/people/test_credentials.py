"""Whoever sends credentials is judged by them, on every route."""

from __future__ import annotations

from werkzeug.test import TestResponse

from tests.http.people.conftest import Build
from tests.support.people import PASSWORD
from tests.support.sites import ADA, Site, problem


def test_password_and_token_say_who_it_is(site: Site) -> None:
    for who in (ADA, ADA.upper(), site.key(ADA)):
        me = site.call("GET", "/api/me", who).json
        assert me == {
            "id": site.id(ADA),
            "iri": f"http://hub.test/id/people/{site.id(ADA)}",
            "email": ADA,
            "role": "contributor",
            "scopes": ["read", "write"] if "@" not in who else ["admin", "curate", "read", "write"],
        }


def test_the_scheme_is_read_in_any_case(site: Site) -> None:
    cases: list[str] = ["Bearer", "bearer", "BEARER"]
    for scheme in cases:
        assert site.client.get("/api/me", headers={"Authorization": f"{scheme} {site.key(ADA)}"}).status_code == 200


def test_basic_is_read_in_any_case(site: Site) -> None:
    assert site.client.get("/api/me", headers={"Authorization": "basic YWRhQGV4YW1wbGUub3JnOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ=="}).status_code == 200


def test_nobody_is_told_how_to_log_in(site: Site) -> None:
    answer = site.call("GET", "/api/me")
    problem(401, answer)
    assert [each.partition(" ")[0] for each in answer.headers.getlist("WWW-Authenticate")] == ["Bearer", "Basic"]


def test_bad_credentials_are_401_even_where_nobody_may_read(site: Site) -> None:
    cases: list[str] = [
        "",
        "x",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer a b",
        "Basic",
        "Basic x",
        "Basic Og==",
        "Basic YTpi",
        "Digest username=a",
        "Token x",
        "Bearer \xff",
    ]
    for header in cases:
        assert site.client.get("/api/people").status_code == 200
        answer = site.client.get("/api/people", headers={"Authorization": header})
        problem(401, answer)
        assert answer.headers.getlist("WWW-Authenticate")


def test_guessing_is_slowed_down(site: Site) -> None:
    for _ in range(10):
        assert site.client.get("/api/me", auth=(ADA, "wrong")).status_code == 401
    answer = site.client.get("/api/me", auth=(ADA, "wrong"))
    problem(429, answer)
    assert 0 < int(answer.headers["Retry-After"]) <= 300


def test_nobody_contributes_from_here_only(build: Build) -> None:
    site = build(anonymous_role="contributor")
    body = {"title": "Somebody"}
    assert site.client.post("/api/people", json=body).status_code == 201
    assert site.client.post("/api/people", json=body, headers={"Host": "hub.example.org"}).status_code == 401
    assert site.client.post("/api/people", json=body, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 401
    assert site.client.post("/api/people", json=body, headers={"Origin": "https://example.org"}).status_code == 401


def test_nobody_may_be_kept_out_of_everything(build: Build) -> None:
    site = build(anonymous_role="none")
    assert site.call("GET", "/api/people").status_code == 401
    assert site.call("GET", "/api/people", ADA).status_code == 200


def test_a_password_is_changed_by_who_knows_it(site: Site) -> None:
    def change(current: str, new: str, who: str = ADA) -> TestResponse:
        return site.call("POST", "/api/me/password", who, json={"current": current, "new": new})

    key = site.key(ADA)
    assert change("wrong", "another password").status_code == 401
    assert change(PASSWORD, "abc").status_code == 400
    assert change(PASSWORD, "another password", key).status_code == 204
    assert site.call("GET", "/api/me", ADA).status_code == 401
    assert site.client.get("/api/me", auth=(ADA, "another password")).status_code == 200
    assert site.call("GET", "/api/me", key).status_code == 200
