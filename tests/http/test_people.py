"""Accounts, tokens, invites and the audit log over HTTP: a whole life, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server import create_app
from server.services.callers import SYSTEM, Role, anonymous
from server.services.system import now, text
from tests.support.people import PASSWORD
from tests.support.settings import make_settings
from tests.support.stores import FUSEKI, emptied_store

ADA, ADMIN = "ada@example.org", "admin@example.org"


@dataclass
class Site:
    """An application with two accounts, and somebody to speak to it."""

    app: Flask
    client: FlaskClient

    def call(self, method: str, path: str, who: str | None = None, **options: Any) -> TestResponse:
        """Send a request as somebody: an e-mail (with the password that all accounts here have) or a token."""
        if who and "@" in who:
            options["auth"] = (who, PASSWORD)
        elif who:
            options["headers"] = {"Authorization": f"Bearer {who}", **options.get("headers", {})}
        return self.client.open(path, method=method, **options)

    def key(self, who: str, **members: Any) -> str:
        """Make an API key."""
        answer = self.call("POST", "/api/tokens", who, json={"name": "key", **members})
        assert answer.status_code == 201, answer.text
        key: str = answer.json["token"]  # type: ignore[index]
        return key

    def id(self, who: str) -> str:
        """Return the id of an account."""
        account = self.app.extensions["hub"].identity.accounts.by_email(who)
        return str(account.id)


Build = Callable[..., Site]


@pytest.fixture
def build(store_kind: str, store_url: str | None, tmp_path: Path) -> Iterator[Build]:
    """Give a function that opens a site; settings may be overridden."""
    sites: list[Site] = []

    def open_site(**settings: Any) -> Site:
        if store_kind == FUSEKI:
            for dataset in ("kg", "system"):
                with emptied_store(f"{store_url}/{dataset}"):
                    settings["store"] = f"{store_url}/kg"
        app = create_app(make_settings(tmp_path / str(len(sites)), **settings))
        site = Site(app, app.test_client())
        sites.append(site)
        register = app.extensions["hub"].identity.registration.register
        register(SYSTEM, ADMIN, PASSWORD, "Grace", role=Role.admin)
        register(SYSTEM, ADA, PASSWORD, "Ada", "ML Engineer")
        return site

    yield open_site
    for site in sites:
        site.app.extensions["hub"].close()


@pytest.fixture
def site(build: Build) -> Site:
    """Open a site with the default settings."""
    return build()


@contextmanager
def problem(status: int) -> Iterator[Callable[[TestResponse], dict[str, Any]]]:
    """Check that an answer is a problem document with this status, and give its members."""

    def check(answer: TestResponse) -> dict[str, Any]:
        assert answer.status_code == status, answer.text
        assert answer.content_type == "application/problem+json"
        members: dict[str, Any] = answer.json  # type: ignore[assignment]
        assert members["status"] == status
        return members

    yield check


class TestCredentials:
    def test_password_and_token_say_who_it_is(self, site: Site) -> None:
        for who in (ADA, ADA.upper(), site.key(ADA)):
            me = site.call("GET", "/api/me", who).json
            assert me == {
                "id": site.id(ADA),
                "iri": f"http://hub.test/id/people/{site.id(ADA)}",
                "email": ADA,
                "role": "contributor",
                "scopes": ["read", "write"] if "@" not in who else ["admin", "curate", "read", "write"],
            }

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_scheme_is_read_in_any_case(self, site: Site, scheme: str) -> None:
        assert site.client.get("/api/me", headers={"Authorization": f"{scheme} {site.key(ADA)}"}).status_code == 200

    def test_basic_is_read_in_any_case(self, site: Site) -> None:
        assert site.client.get("/api/me", headers={"Authorization": "basic YWRhQGV4YW1wbGUub3JnOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ=="}).status_code == 200

    def test_nobody_is_told_how_to_log_in(self, site: Site) -> None:
        answer = site.call("GET", "/api/me")
        with problem(401) as check:
            check(answer)
        assert [each.partition(" ")[0] for each in answer.headers.getlist("WWW-Authenticate")] == ["Bearer", "Basic"]

    @pytest.mark.parametrize(
        "header",
        [
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
        ],
    )
    def test_bad_credentials_are_401_even_where_nobody_may_read(self, site: Site, header: str) -> None:
        assert site.client.get("/api/people").status_code == 200
        answer = site.client.get("/api/people", headers={"Authorization": header})
        with problem(401) as check:
            check(answer)
        assert answer.headers.getlist("WWW-Authenticate")

    def test_guessing_is_slowed_down(self, site: Site) -> None:
        for _ in range(10):
            assert site.client.get("/api/me", auth=(ADA, "wrong")).status_code == 401
        answer = site.client.get("/api/me", auth=(ADA, "wrong"))
        with problem(429) as check:
            check(answer)
        assert 0 < int(answer.headers["Retry-After"]) <= 300

    def test_nobody_contributes_from_here_only(self, build: Build) -> None:
        site = build(anonymous_role="contributor")
        body = {"title": "Somebody"}
        assert site.client.post("/api/people", json=body).status_code == 201
        assert site.client.post("/api/people", json=body, headers={"Host": "hub.example.org"}).status_code == 401
        assert site.client.post("/api/people", json=body, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 401
        assert site.client.post("/api/people", json=body, headers={"Origin": "https://example.org"}).status_code == 401

    def test_nobody_may_be_kept_out_of_everything(self, build: Build) -> None:
        site = build(anonymous_role="none")
        assert site.call("GET", "/api/people").status_code == 401
        assert site.call("GET", "/api/people", ADA).status_code == 200

    def test_a_password_is_changed_by_who_knows_it(self, site: Site) -> None:
        def change(current: str, new: str, who: str = ADA) -> TestResponse:
            return site.call("POST", "/api/me/password", who, json={"current": current, "new": new})

        key = site.key(ADA)
        assert change("wrong", "another password").status_code == 401
        assert change(PASSWORD, "abc").status_code == 400
        assert change(PASSWORD, "another password", key).status_code == 204
        assert site.call("GET", "/api/me", ADA).status_code == 401
        assert site.client.get("/api/me", auth=(ADA, "another password")).status_code == 200
        assert site.call("GET", "/api/me", key).status_code == 200


class TestTokens:
    def test_simple_flow(self, site: Site) -> None:
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

    def test_scopes_limit_what_a_key_may_do(self, site: Site) -> None:
        body = {"title": "Somebody"}
        assert site.call("POST", "/api/people", site.key(ADA, scopes=["read"]), json=body).status_code == 403
        assert site.call("POST", "/api/people", site.key(ADA, scopes=["write"]), json=body).status_code == 201
        assert site.call("GET", "/api/audit", site.key(ADMIN, scopes=["curate"])).status_code == 403

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
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
        ],
    )
    def test_malformed_bodies_are_refused_with_pointers(self, site: Site, body: dict[str, Any], pointers: list[str]) -> None:
        with problem(400) as check:
            members = check(site.call("POST", "/api/tokens", ADA, json=body))
        assert [each["pointer"] for each in members["errors"]] == pointers

    def test_an_unknown_member_is_told_the_nearest_known(self, site: Site) -> None:
        with problem(400) as check:
            assert "did you mean name" in check(site.call("POST", "/api/tokens", ADA, json={"nome": "k"}))["errors"][0]["message"]

    @pytest.mark.parametrize(
        ("body", "media_type", "status"),
        [
            (b"{", "application/json", 400),
            (b"[]", "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"name=k", "application/x-www-form-urlencoded", 415),
        ],
    )
    def test_what_is_no_json_object_is_refused(self, site: Site, body: bytes, media_type: str, status: int) -> None:
        with problem(status) as check:
            check(site.call("POST", "/api/tokens", ADA, data=body, content_type=media_type))

    def test_others_do_not_see_a_token_and_administrators_do(self, site: Site) -> None:
        site.key(ADA)
        site.key(ADMIN)
        [token] = site.call("GET", "/api/tokens", ADA).json["items"]  # type: ignore[index]
        [own] = site.call("GET", "/api/tokens", ADMIN).json["items"]  # type: ignore[index]
        assert site.call("GET", f"/api/tokens?owner={site.id(ADA)}", ADMIN).json == {"items": [token]}
        assert site.call("GET", f"/api/tokens?owner={site.id(ADMIN)}", ADA).status_code == 403
        assert site.call("DELETE", f"/api/tokens/{own['id']}", ADA).status_code == 404
        assert site.call("DELETE", f"/api/tokens/{token['id']}", ADMIN).status_code == 204

    @pytest.mark.parametrize(
        ("method", "path"), [("POST", "/api/tokens"), ("GET", "/api/tokens"), ("GET", "/api/tokens/x"), ("DELETE", "/api/tokens/x")]
    )
    def test_nobody_has_tokens(self, site: Site, method: str, path: str) -> None:
        assert site.call(method, path, json={"name": "k"} if method == "POST" else None).status_code == 401

    @pytest.mark.parametrize("token_id", ["x", "%00", "%22%20%3E", "%ff", "x" * 5000])
    def test_unknown_tokens_are_not_found(self, site: Site, token_id: str) -> None:
        with problem(404) as check:
            check(site.call("GET", f"/api/tokens/{token_id}", ADA))


class TestPeople:
    def test_an_administrator_registers_with_a_role(self, site: Site) -> None:
        body = {"title": "Bob", "position": "Curator", "email": "Bob@example.org", "password": PASSWORD, "role": "curator"}
        made = site.call("POST", "/api/people", ADMIN, json=body)
        assert made.status_code == 201
        assert site.call("GET", "/api/me", "bob@example.org").json["role"] == "curator"  # type: ignore[index]
        person = site.call("GET", made.headers["Location"]).json or {}
        assert (person["title"], person["position"]) == ("Bob", "Curator")
        assert not {"email", "password", "role"} & person.keys()

    def test_the_knowledge_graph_holds_no_address_and_no_hash(self, site: Site) -> None:
        site.call("POST", "/api/people", ADMIN, json={"title": "Bob", "email": "bob@example.org", "password": PASSWORD})
        held = str(list(site.app.extensions["hub"].kg.dump()))
        assert "@example.org" not in held and "argon2" not in held and PASSWORD not in held

    @pytest.mark.parametrize(
        ("wrong", "status"),
        [
            ({"email": ADA}, 409),
            ({"email": "bob"}, 400),
            ({"email": None}, 400),
            ({"password": "1234567"}, 400),
            ({"password": None}, 400),
            ({"role": "root"}, 400),
            ({"role": "none"}, 400),
            ({"role": 4}, 400),
            ({"title": ""}, 422),
        ],
    )
    def test_a_registration_that_is_refused_leaves_nothing(self, site: Site, wrong: dict[str, Any], status: int) -> None:
        before = site.call("GET", "/api/people").json["total"]  # type: ignore[index]
        body = {"title": "Bob", "email": "bob@example.org", "password": PASSWORD, "role": "reader", **wrong}
        with problem(status) as check:
            check(site.call("POST", "/api/people", ADMIN, json=body))
        assert site.call("GET", "/api/people").json["total"] == before  # type: ignore[index]
        assert len(site.call("GET", "/api/accounts", ADMIN).json["items"]) == 2  # type: ignore[index]

    def test_others_neither_register_nor_give_roles(self, site: Site) -> None:
        assert site.call("POST", "/api/people", ADA, json={"title": "B", "email": "b@example.org", "password": PASSWORD}).status_code == 403
        assert site.call("PATCH", f"/api/people/{site.id(ADA)}", ADA, json={"role": "admin"}).status_code == 403
        assert site.call("PATCH", f"/api/people/{site.id(ADA)}", json={"role": "admin"}).status_code == 401
        assert site.call("GET", "/api/me", ADA).json["role"] == "contributor"  # type: ignore[index]

    def test_an_administrator_gives_a_role(self, site: Site) -> None:
        answer = site.call("PATCH", f"/api/people/{site.id(ADA)}", ADMIN, json={"role": "curator"})
        assert (answer.status_code, (answer.json or {})["title"]) == (200, "Ada")
        assert site.call("GET", "/api/me", ADA).json["role"] == "curator"  # type: ignore[index]

    def test_the_last_administrator_cannot_step_down(self, site: Site) -> None:
        with problem(403) as check:
            assert "last administrator" in check(site.call("PATCH", f"/api/people/{site.id(ADMIN)}", ADMIN, json={"role": "reader"}))["detail"]

    def test_a_person_with_an_account_is_not_deleted(self, site: Site) -> None:
        ada = site.id(ADA)
        assert site.call("DELETE", f"/api/people/{ada}", ADMIN, headers={"If-Match": "*"}).status_code == 409
        assert site.call("DELETE", f"/api/accounts/{ada}", ADMIN).status_code == 204
        assert site.call("DELETE", f"/api/people/{ada}", ADMIN, headers={"If-Match": "*"}).status_code == 204


class TestAccounts:
    def test_an_administrator_reads_and_changes_them(self, site: Site) -> None:
        listed = site.call("GET", "/api/accounts", ADMIN).json["items"]  # type: ignore[index]
        assert [each["email"] for each in listed] == [ADA, ADMIN]
        path = f"/api/accounts/{site.id(ADA)}"
        assert site.call("GET", path, ADMIN).json == listed[0]
        key = site.key(ADA)
        assert site.call("PATCH", path, ADMIN, json={"disabled": True}).json["disabled"] is True  # type: ignore[index]
        assert site.call("GET", "/api/me", ADA).status_code == site.call("GET", "/api/me", key).status_code == 401
        changed = site.call("PATCH", path, ADMIN, json={"disabled": False, "role": "reader", "password": "another password"}).json or {}
        assert (changed["disabled"], changed["role"]) == (False, "reader")
        assert site.client.get("/api/me", auth=(ADA, "another password")).status_code == 200

    @pytest.mark.parametrize("body", [{"role": "root"}, {"role": "none"}, {"disabled": "yes"}, {"password": "short"}, {"email": "x@example.org"}])
    def test_malformed_changes_are_refused(self, site: Site, body: dict[str, Any]) -> None:
        with problem(400) as check:
            check(site.call("PATCH", f"/api/accounts/{site.id(ADA)}", ADMIN, json=body))

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    def test_only_administrators_reach_them(self, site: Site, method: str) -> None:
        path = f"/api/accounts/{site.id(ADA)}"
        assert site.call(method, path, ADA, json={} if method == "PATCH" else None).status_code == 403
        assert site.call(method, "/api/accounts/x", ADMIN, json={} if method == "PATCH" else None).status_code == 404


class TestInvites:
    def test_simple_flow(self, build: Build) -> None:
        site = build(registration="invite")
        made = site.call("POST", "/api/invites", ADMIN, json={})
        assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
        invite = made.json or {}
        code = invite.pop("code")
        assert site.call("GET", "/api/invites", ADMIN).json == {"items": [invite]}
        hub = site.app.extensions["hub"]
        hub.identity.registration.register(anonymous(Role.reader), "bob@example.org", PASSWORD, "Bob", invite=code)
        assert site.call("GET", "/api/invites", ADMIN).json["items"][0]["used_by"] == site.id("bob@example.org")  # type: ignore[index]
        assert site.call("DELETE", f"/api/invites/{invite['id']}", ADMIN).status_code == 204
        assert site.call("DELETE", f"/api/invites/{invite['id']}", ADMIN).status_code == 404

    def test_only_administrators_invite(self, site: Site) -> None:
        for method, path in (("POST", "/api/invites"), ("GET", "/api/invites"), ("DELETE", "/api/invites/x")):
            assert site.call(method, path, ADA, json={} if method == "POST" else None).status_code == 403


class TestAudit:
    def entries(self, site: Site, query: str = "") -> list[dict[str, Any]]:
        """Read a page of the log."""
        site.app.extensions["hub"].identity.audit.flush()
        items: list[dict[str, Any]] = site.call("GET", f"/api/audit{query}", ADMIN).json["items"]  # type: ignore[index]
        return items

    def test_changes_and_refusals_are_listed_and_reading_is_not(self, site: Site) -> None:
        key = site.key(ADA)
        site.call("GET", "/api/people", key)
        site.call("POST", "/api/people", key, json={"title": "Bob"}, headers={"X-Request-Id": "request-1"})
        site.call("GET", "/api/audit", key)
        site.call("GET", "/api/me", "wrong")
        site.call("PATCH", "/api/people/x", key, json={})
        seen = [(each["action"], each["status"], each["outcome"], each["account"]) for each in self.entries(site)]
        assert seen == [
            ("PATCH /api/people/x", 404, "failed", site.id(ADA)),
            ("GET /api/me", 401, "refused", None),
            ("GET /api/audit", 403, "refused", site.id(ADA)),
            ("POST /api/people", 201, "done", site.id(ADA)),
            ("POST /api/tokens", 201, "done", site.id(ADA)),
        ]
        [entry] = self.entries(site, "?request=request-1")
        assert (entry["by"], entry["address"], entry["token"] is not None) == (f"http://hub.test/id/people/{site.id(ADA)}", "127.0.0.1", True)

    def test_the_log_holds_no_secret(self, site: Site) -> None:
        key = site.key(ADA)
        site.call("POST", f"/api/people?reason={key}", "wrong-token", json={"password": PASSWORD})
        site.client.post("/api/people", auth=(ADA, "wrong-password"), json={})
        assert all(secret not in str(self.entries(site)) for secret in (key, "wrong-token", "wrong-password", PASSWORD))

    def test_pages_and_filters(self, site: Site) -> None:
        for number in range(5):
            site.call("DELETE", f"/api/people/{number}", ADA)
        assert len(self.entries(site)) == 5
        first = site.call("GET", "/api/audit?limit=2&outcome=failed", ADMIN).json or {}
        second = site.call("GET", first["next"], ADMIN).json or {}
        assert [each["action"][-1] for each in first["items"] + second["items"]] == ["4", "3", "2", "1"]
        assert "outcome=failed" in second["next"]
        assert "next" not in (site.call("GET", second["next"], ADMIN).json or {})
        assert self.entries(site, f"?account={site.id(ADMIN)}") == self.entries(site, "?status=200") == self.entries(site, "?since=5") == []

    @pytest.mark.parametrize("query", ["limit=0", "limit=1001", "since=x", "status=ok", "outcome=fine", "acount=x"])
    def test_malformed_parameters_are_refused(self, site: Site, query: str) -> None:
        with problem(400) as check:
            check(site.call("GET", f"/api/audit?{query}", ADMIN))
