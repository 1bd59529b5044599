"""Administrators register people, give roles, change accounts and invite."""

from __future__ import annotations

from typing import Any

from server.services.callers import Role, anonymous
from tests.http.people.conftest import Build
from tests.support.people import PASSWORD
from tests.support.sites import ADA, ADMIN, Site, problem


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

    def test_a_registration_that_is_refused_leaves_nothing(self, site: Site) -> None:
        cases: list[tuple[dict[str, Any], int]] = [
            ({"email": ADA}, 409),
            ({"email": "bob"}, 400),
            ({"email": None}, 400),
            ({"password": "1234567"}, 400),
            ({"password": None}, 400),
            ({"role": "root"}, 400),
            ({"role": "none"}, 400),
            ({"role": 4}, 400),
            ({"title": ""}, 422),
        ]
        for wrong, status in cases:
            before = site.call("GET", "/api/people").json["total"]  # type: ignore[index]
            body = {"title": "Bob", "email": "bob@example.org", "password": PASSWORD, "role": "reader", **wrong}
            problem(status, site.call("POST", "/api/people", ADMIN, json=body))
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
        assert "last administrator" in problem(403, site.call("PATCH", f"/api/people/{site.id(ADMIN)}", ADMIN, json={"role": "reader"}))["detail"]

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

    def test_malformed_changes_are_refused(self, site: Site) -> None:
        cases: list[dict[str, Any]] = [{"role": "root"}, {"role": "none"}, {"disabled": "yes"}, {"password": "short"}, {"email": "x@example.org"}]
        for body in cases:
            problem(400, site.call("PATCH", f"/api/accounts/{site.id(ADA)}", ADMIN, json=body))

    def test_only_administrators_reach_them(self, site: Site) -> None:
        cases: list[str] = ["GET", "PATCH", "DELETE"]
        for method in cases:
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
