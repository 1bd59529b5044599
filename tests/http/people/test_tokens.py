"""API keys over HTTP: a whole life, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from server.services.system import now, text
from tests.support.sites import ADA, ADMIN, Site, problem


def test_simple_flow(site: Site) -> None:
    expires = text(now() + timedelta(days=1))
    made = site.call("POST", "/api/tokens", ADA, json={"name": "notebook", "scopes": ["write", "read"], "expires": expires})
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    token = made.json or {}
    secret = token.pop("token")
    assert (token["name"], token["scopes"], token["expires"], token["kind"], token["owner"]) == (
        "notebook",
        ["read", "write"],
        expires,
        "key",
        site.id(ADA),
    )
    assert site.call("GET", made.headers["Location"], ADA).json == token
    assert site.call("GET", "/api/tokens", ADA).json == {"items": [token]}
    assert site.call("GET", "/api/me", secret).status_code == 200
    assert site.call("GET", made.headers["Location"], ADA).json["last_used"] is not None  # type: ignore[index]
    assert site.call("DELETE", made.headers["Location"], secret).status_code == 204
    assert site.call("GET", "/api/me", secret).status_code == 401
    assert site.call("GET", made.headers["Location"], ADA).status_code == 404


def test_scopes_limit_what_a_key_may_do(site: Site) -> None:
    body = {"title": "Somebody"}
    assert site.call("POST", "/api/people", site.key(ADA, scopes=["read"]), json=body).status_code == 403
    assert site.call("POST", "/api/people", site.key(ADA, scopes=["write"]), json=body).status_code == 201
    assert site.call("GET", "/api/audit", site.key(ADMIN, scopes=["curate"])).status_code == 403


def test_malformed_bodies_are_refused_with_pointers(site: Site) -> None:
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["/name"]),
        ({"name": 1}, ["/name"]),
        ({"name": ""}, ["/name"]),
        ({"name": "k", "scopes": "read"}, ["/scopes"]),
        ({"name": "k", "scopes": [1]}, ["/scopes"]),
        ({"name": "k", "scopes": ["root"]}, ["/scopes"]),
        ({"name": "k", "expires": "tomorrow"}, ["/expires"]),
        ({"name": "k", "expires": "2001-01-01T00:00:00Z"}, ["/expires"]),
        ({"name": "k", "expires": "0001-01-01T00:00:00+23:59"}, ["/expires"]),
        ({"a/b~c": 1, "nome": "k"}, ["/a~1b~0c", "/nome", "/name"]),
    ]
    for body, pointers in cases:
        members = problem(400, site.call("POST", "/api/tokens", ADA, json=body))
        assert [each["pointer"] for each in members["errors"]] == pointers


def test_an_unknown_member_is_told_the_nearest_known(site: Site) -> None:
    assert "did you mean name" in problem(400, site.call("POST", "/api/tokens", ADA, json={"nome": "k"}))["errors"][0]["message"]


def test_what_is_no_json_object_is_refused(site: Site) -> None:
    cases: list[tuple[bytes, str, int]] = [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"name=k", "application/x-www-form-urlencoded", 415),
    ]
    for body, media_type, status in cases:
        problem(status, site.call("POST", "/api/tokens", ADA, data=body, content_type=media_type))


def test_others_do_not_see_a_token_and_administrators_do(site: Site) -> None:
    site.key(ADA)
    site.key(ADMIN)
    [token] = site.call("GET", "/api/tokens", ADA).json["items"]  # type: ignore[index]
    [own] = site.call("GET", "/api/tokens", ADMIN).json["items"]  # type: ignore[index]
    assert site.call("GET", f"/api/tokens?owner={site.id(ADA)}", ADMIN).json == {"items": [token]}
    assert site.call("GET", f"/api/tokens?owner={site.id(ADMIN)}", ADA).status_code == 403
    assert site.call("DELETE", f"/api/tokens/{own['id']}", ADA).status_code == 404
    assert site.call("DELETE", f"/api/tokens/{token['id']}", ADMIN).status_code == 204


def test_nobody_has_tokens(site: Site) -> None:
    cases: list[tuple[str, str]] = [("POST", "/api/tokens"), ("GET", "/api/tokens"), ("GET", "/api/tokens/x"), ("DELETE", "/api/tokens/x")]
    for method, path in cases:
        assert site.call(method, path, json={"name": "k"} if method == "POST" else None).status_code == 401


def test_unknown_tokens_are_not_found(site: Site) -> None:
    cases: list[str] = ["x", "%00", "%22%20%3E", "%ff", "x" * 5000]
    for token_id in cases:
        problem(404, site.call("GET", f"/api/tokens/{token_id}", ADA))
