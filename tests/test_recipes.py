"""What the pages about adding a kind and adding a view print is a kind and a view that work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.graph.kinds import Registry
from server.http.app import application
from server.hub import wire
from server.services.migrations import migrate
from server.store.base import Store
from server.values import ROOT
from tests.support.settings import make_settings


def block(page: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no block of {language}"
    return found[1]


@pytest.fixture
def client(stores: tuple[Store, Store], tmp_path: Path) -> Iterator[FlaskClient]:
    shapes, views = tmp_path / "site-shapes", tmp_path / "site-queries" / "views"
    shapes.mkdir()
    views.mkdir(parents=True)
    (shapes / "notebooks.ttl").write_text(block("adding-a-kind.md", "turtle"))
    (views / "sitemap.rq").write_text(block("adding-a-view.md", "sparql"))
    (views / "sitemap.frame.json").write_text(block("adding-a-view.md", "json"))
    (views.parent / "by-licence.rq").write_text(block("adding-a-query.md", "sparql"))
    settings = make_settings(tmp_path, shapes=(ROOT / "shapes", shapes), queries=(ROOT / "queries", views.parent), anonymous_role="contributor")
    migrate(*stores, settings.base_iri)
    hub = wire(settings, *stores, Registry.load(settings.shapes))
    yield application(hub).test_client()
    hub.indexing.close()
    hub.identity.close()
    hub.index.close()


def test_the_kind_of_the_page_works(client: FlaskClient) -> None:
    made = client.post("/api/notebooks", json={"title": "Reading the iris model", "language": "Python", "keywords": ["iris"]})
    assert made.status_code == 201, made.json
    listed = client.get("/api/notebooks?language=Python&facets=keywords").json
    assert listed["total"] == 1 and listed["facets"]["keywords"]
    refused = client.post("/api/notebooks", json={"title": "No language"})
    assert refused.status_code == 422 and refused.json["errors"][0]["pointer"] == "/language"
    dangling = client.post("/api/notebooks", json={"title": "x", "language": "R", "explains": ["id/models/" + "f" * 64]})
    assert dangling.status_code == 422 and dangling.json["errors"][0]["pointer"].startswith("/explains")


def test_the_view_of_the_page_works(client: FlaskClient) -> None:
    model = client.post("/api/models", json={"title": "Iris", "keywords": ["a", "b"]}).json
    assert "sitemap" in [view["name"] for view in client.get(f"/api/models/{model['id']}/views").json["items"]]
    turtle = client.get(f"/api/models/{model['id']}/views/sitemap", headers={"Accept": "application/n-triples"}).get_data(as_text=True)
    assert turtle.count("<https://schema.org/keywords>") == 2 and '"Iris"' in turtle
    person = client.get("/api/people").json
    assert person["total"] == 0
    tree = client.get(f"/api/models/{model['id']}/views/sitemap", headers={"Accept": "application/json"}).json
    assert tree["@type"] == "WebPage" and tree["keywords"] == ["a", "b"] and tree["name"] == "Iris"
    assert client.get("/views/sitemap?limit=10", headers={"Accept": "application/ld+json"}).json["@graph"][-1]["name"] == "Iris"


def test_the_query_of_the_page_works(client: FlaskClient) -> None:
    for title, license in (("One", "MIT"), ("Two", "CC-BY-4.0")):
        assert client.post("/api/datasets", json={"title": title, "license": license}).status_code == 201
    assert [each["title"] for each in client.get("/queries/by-licence").json["items"]] == ["Two", "One"]
    assert [each["title"] for each in client.get("/queries/by-licence?license=http://spdx.org/licenses/MIT").json["items"]] == ["One"]
