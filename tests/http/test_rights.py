"""Who may do what: every route asks for its role before anything else, and things belong to those who made them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from server.services.callers import SYSTEM, Role
from tests.http.people.conftest import Build
from tests.http.people.conftest import build as build
from tests.support.people import PASSWORD
from tests.support.sites import ADA, ADMIN, Site, problem

BEN, CARL, RITA = "ben@example.org", "carl@example.org", "rita@example.org"
OWN = ("/api/me", "/api/tokens", "/api/users/get-auth-token", "/backup")  # these ask for an account, or for the operator's key
DRESSED = ("/ml_models/", "/users/", "/fl_services/", "/front_end/")  # where problems have an old shape
DATASET = {"title": "Wind", "description": "Speed of the wind."}


@pytest.fixture
def site(build: Build) -> Site:
    """Open a site with somebody of every role."""
    opened = build()
    register = opened.app.extensions["hub"].identity.registration.register
    for email, role in ((BEN, Role.contributor), (CARL, Role.curator), (RITA, Role.reader)):
        register(SYSTEM, email, PASSWORD, email.partition("@")[0].title(), role=role)
    return opened


def routes(site: Site) -> Iterator[tuple[str, str, Role]]:
    """Give every method and path of the application with the role that it declares."""
    names = {"id": "a" * 64, "number": "1", "name": "x", "slug": "gone"}
    for rule in site.app.url_map.iter_rules():
        path = re.sub(r"<(?:int:|path:)?(\w+)>", lambda match: names.get(match[1], "a" * 64), rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, path, site.app.view_functions[rule.endpoint].operation.role  # type: ignore[attr-defined]


def created(site: Site, who: str | None, **more: Any) -> tuple[str, dict[str, Any]]:
    answer = site.call("POST", "/api/datasets", who, json={**DATASET, **more})
    assert answer.status_code == 201, answer.text
    return f"/api/datasets/{answer.json['id']}", answer.json  # type: ignore[index, return-value]


def price(site: Site, who: str | None, path: str, title: str) -> TestResponse:
    return site.call("PATCH", path, who, json={"title": title}, headers={"If-Match": "*"})


def test_every_route_declares_a_role(site: Site) -> None:
    found = list(routes(site))
    assert len(found) > 200 and {role for _, _, role in found} == {Role.none, Role.reader, Role.contributor, Role.curator, Role.admin}
    for method, path, role in found:
        if path.startswith("/api/") and "/ml_models/" not in path and method in ("PUT", "PATCH", "DELETE"):
            assert role >= Role.contributor or "tokens" in path, f"{method} {path}"


def test_nobody_passes_where_nobody_may(build: Build) -> None:
    site = build(anonymous_role="none")
    open_routes = 0
    for method, path, role in routes(site):
        answer = site.call(method, path)
        assert (answer.status_code == 401) == (role > Role.none) or path.startswith(OWN), f"{method} {path}: {answer.text}"
        open_routes += role == Role.none
    assert open_routes < 35


@pytest.mark.parametrize(("who", "role"), [(RITA, Role.reader), (ADA, Role.contributor), (CARL, Role.curator)])
def test_no_route_is_open_to_a_lower_role(site: Site, who: str, role: Role) -> None:
    key = site.key(who)
    for method, path, needed in routes(site):
        if needed > role:
            told = "" if any(each in path for each in DRESSED) else problem(403, site.call(method, path, key))["detail"]
            assert site.call(method, path, key).status_code == 403 and (not told or f"needs the role {needed.name}" in told)
        elif method == "GET" and not path.startswith("/backup"):
            assert site.call(method, path, key).status_code not in (401, 403), f"{method} {path}"


def test_by_default_nobody_reads_and_does_not_write(site: Site) -> None:
    path, made = created(site, ADA)
    assert site.call("GET", path).json == made and site.call("GET", "/api/datasets").json["total"] == 1  # type: ignore[index]
    assert site.call("GET", "/api/changes").status_code == site.call("GET", "/sparql?query=ASK%20%7B%7D").status_code == 200
    for method, where in (
        ("POST", "/api/datasets"),
        ("PUT", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/restore"),
        ("POST", "/api/datasets/bulk"),
    ):
        answer = site.call(method, where, json=DATASET, headers={"If-Match": "*"})
        assert problem(401, answer)["detail"].startswith("This needs the role contributor") and "Bearer" in answer.headers["WWW-Authenticate"]
    assert site.call("GET", path).json == made


def test_where_nobody_may_contribute_only_nobodys_things_are_theirs(build: Build) -> None:
    site = build(anonymous_role="contributor")
    path, made = created(site, None)
    assert "creator" not in made and price(site, None, path, "other").status_code == 200
    owned, _ = created(site, ADA)
    problem(403, price(site, None, owned, "theirs"))
    problem(403, price(site, ADA, path, "mine"))
    assert price(site, ADMIN, path, "fine").status_code == 200
    problem(401, site.call("GET", "/api/audit"))


def test_a_contributor_changes_their_own_alone(site: Site) -> None:
    path, made = created(site, ADA)
    assert made["creator"].endswith(site.id(ADA))
    for method, where in (("PUT", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/restore?revision=1"), ("PUT", f"{path}?dry-run=true")):
        problem(403, site.call(method, where, BEN, json=DATASET, headers={"If-Match": "*"}))
    update = site.call("PATCH", path, BEN, data="DELETE WHERE { ?s ?p ?o }", content_type="application/sparql-update", headers={"If-Match": "*"})
    problem(403, update)
    problem(400, site.call("POST", "/api/datasets", BEN, json={**DATASET, "creator": made["creator"]}))
    problem(403, site.call("DELETE", f"{path}?force=true", ADA))
    assert price(site, ADA, path, "better").status_code == 200


def test_maintainers_share_what_is_owned(site: Site) -> None:
    path, made = created(site, ADA)
    ben = f"http://hub.test/id/people/{site.id(BEN)}"
    shared = site.call("PATCH", path, ADA, json={"maintainers": [ben]}, headers={"If-Match": "*"})
    assert shared.status_code == 200 and shared.json["maintainers"] == [ben]  # type: ignore[index]
    assert price(site, BEN, path, "ours").status_code == 200
    answer = site.call("PATCH", path, BEN, json={"maintainers": None}, headers={"If-Match": "*"})
    assert answer.status_code == 200 and answer.json["creator"] == made["creator"]  # type: ignore[index]
    problem(403, price(site, BEN, path, "no more"))
    problem(403, site.call("POST", f"{path}/restore?revision=2", BEN))


def test_curators_change_everything_and_may_force(site: Site) -> None:
    path, made = created(site, ADA)
    child, _ = created(site, ADA, title="part", derived_from=[made["iri"]])
    assert price(site, CARL, path, "curated").status_code == 200
    in_use = problem(409, site.call("DELETE", path, CARL))
    assert in_use["referrers"] == [f"http://hub.test{child}"]
    assert site.call("DELETE", f"{path}?force=true", CARL).status_code == 204
    assert site.call("POST", f"{path}/restore", CARL).json["creator"] == made["creator"]  # type: ignore[index]
    problem(403, site.call("GET", "/api/accounts", CARL))
    assert site.call("GET", "/api/accounts", ADMIN).status_code == 200 and price(site, ADMIN, path, "administered").status_code == 200


def test_a_reader_reads_also_what_they_made_before(site: Site) -> None:
    path, _ = created(site, BEN)
    assert site.call("PATCH", f"/api/people/{site.id(BEN)}", ADMIN, json={"role": "reader"}).status_code == 200
    assert site.call("GET", path, BEN).status_code == 200
    assert "needs the role contributor" in problem(403, price(site, BEN, path, "late"))["detail"]


def test_scopes_lower_what_a_key_may_do(site: Site) -> None:
    path, _ = created(site, CARL)
    reading, writing = site.key(CARL, scopes=["read"]), site.key(CARL, scopes=["read", "write"])
    assert site.call("GET", path, reading).status_code == 200
    problem(403, price(site, reading, path, "x"))
    assert price(site, writing, path, "x").status_code == 200
    other, _ = created(site, ADA)
    problem(403, price(site, writing, other, "x"))
    assert price(site, site.key(CARL), other, "x").status_code == 200


def test_credentials_that_do_not_hold_are_refused_even_where_nobody_may_pass(site: Site) -> None:
    path, _ = created(site, ADA)
    expires = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    short, revoked = site.key(ADA, expires=expires), site.key(ADA)
    token = next(each for each in site.call("GET", "/api/tokens", ADA).json["items"] if not each["expires"])  # type: ignore[index]
    assert site.call("DELETE", f"/api/tokens/{token['id']}", ADA).status_code == 204
    wrong: list[dict[str, str]] = [
        {"Authorization": value}
        for value in ("Bearer", "Bearer x", f"Bearer {revoked}", "Bearer " + "x" * 5000, "Digest x", "x", "Basic !", "Basic eA==")
    ]
    for headers in wrong:
        for method, where in (
            ("GET", path),
            ("GET", "/api/datasets"),
            ("POST", "/api/datasets"),
            ("DELETE", path),
            ("GET", "/sparql?query=ASK%20%7B%7D"),
        ):
            answer = site.client.open(where, method=method, headers=headers)
            assert problem(401, answer)["type"] == "/errors/unauthenticated" and "WWW-Authenticate" in answer.headers, (headers, where)
    assert site.client.get(path, auth=(ADA, "wrong password")).status_code == 401
    time.sleep(1.2)
    problem(401, site.call("GET", path, short))
    assert site.call("PATCH", f"/api/accounts/{site.id(ADA)}", ADMIN, json={"disabled": True}).status_code == 200
    problem(401, site.call("GET", path, ADA))


def test_people_change_themselves_and_no_others(site: Site) -> None:
    ada, ben = (f"/api/people/{site.id(who)}" for who in (ADA, BEN))
    assert site.call("PATCH", ada, ADA, json={"description": "me"}, headers={"If-Match": "*"}).status_code == 200
    problem(403, site.call("PATCH", ben, ADA, json={"description": "you"}, headers={"If-Match": "*"}))
    problem(403, site.call("PATCH", ada, ADA, json={"role": "admin"}, headers={"If-Match": "*"}))
    assert site.call("GET", "/api/me", ADA).json["role"] == "contributor"  # type: ignore[index]
    assert ADA not in site.call("GET", ada, ADMIN).text and ADA not in site.call("GET", "/api/people", ADMIN).text
