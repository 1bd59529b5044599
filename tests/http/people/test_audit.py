"""The audit log over HTTP: what it lists, what it keeps quiet, how it pages."""

from __future__ import annotations

from typing import Any

from tests.support.people import PASSWORD
from tests.support.sites import ADA, ADMIN, Site, problem


def entries(site: Site, query: str = "") -> list[dict[str, Any]]:
    """Read a page of the log."""
    site.app.extensions["hub"].identity.audit.flush()
    items: list[dict[str, Any]] = site.call("GET", f"/api/audit{query}", ADMIN).json["items"]  # type: ignore[index]
    return items


def test_changes_and_refusals_are_listed_and_reading_is_not(site: Site) -> None:
    key = site.key(ADA)
    site.call("GET", "/api/people", key)
    site.call("POST", "/api/people", key, json={"title": "Bob"}, headers={"X-Request-Id": "request-1"})
    site.call("GET", "/api/audit", key)
    site.call("GET", "/api/me", "wrong")
    site.call("PATCH", "/api/people/x", key, json={})
    seen = [(each["action"], each["status"], each["outcome"], each["account"]) for each in entries(site)]
    assert seen == [
        ("PATCH /api/people/x", 404, "failed", site.id(ADA)),
        ("GET /api/me", 401, "refused", None),
        ("GET /api/audit", 403, "refused", site.id(ADA)),
        ("POST /api/people", 201, "done", site.id(ADA)),
        ("POST /api/tokens", 201, "done", site.id(ADA)),
    ]
    [entry] = entries(site, "?request=request-1")
    assert (entry["by"], entry["address"], entry["token"] is not None) == (f"http://hub.test/id/people/{site.id(ADA)}", "127.0.0.1", True)


def test_the_log_holds_no_secret(site: Site) -> None:
    key = site.key(ADA)
    site.call("POST", f"/api/people?reason={key}", "wrong-token", json={"password": PASSWORD})
    site.client.post("/api/people", auth=(ADA, "wrong-password"), json={})
    assert all(secret not in str(entries(site)) for secret in (key, "wrong-token", "wrong-password", PASSWORD))


def test_pages_and_filters(site: Site) -> None:
    for number in range(5):
        site.call("DELETE", f"/api/people/{number}", ADA)
    assert len(entries(site)) == 5
    first = site.call("GET", "/api/audit?limit=2&outcome=failed", ADMIN).json or {}
    second = site.call("GET", first["next"], ADMIN).json or {}
    assert [each["action"][-1] for each in first["items"] + second["items"]] == ["4", "3", "2", "1"]
    assert "outcome=failed" in second["next"]
    assert "next" not in (site.call("GET", second["next"], ADMIN).json or {})
    assert entries(site, f"?account={site.id(ADMIN)}") == entries(site, "?status=200") == entries(site, "?since=5") == []


def test_malformed_parameters_are_refused(site: Site) -> None:
    cases: list[str] = ["limit=0", "limit=1001", "since=x", "status=ok", "outcome=fine", "acount=x"]
    for query in cases:
        problem(400, site.call("GET", f"/api/audit?{query}", ADMIN))
