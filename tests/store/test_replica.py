"""Strangers' queries on a replica that lags; everything else on the primary."""

from __future__ import annotations

from pathlib import Path

from server.http.app import application
from server.hub import build
from server.services.callers import SYSTEM
from server.services.updating import Request
from server.store.remote import RemoteStore
from tests.support.settings import make_settings
from tests.support.stores import FUSEKI, fresh_store
from tests.support.toys import toy_registry

ALL = "SELECT ?title { ?toy <http://purl.org/dc/terms/title> ?title }"


def test_strangers_ask_the_replica_and_nobody_else_does(fuseki_url: str, tmp_path: Path) -> None:
    """The replica is here the other dataset of the same Fuseki; the system dataset of this hub is embedded."""
    replica = f"{fuseki_url}/system"
    with fresh_store(FUSEKI, "kg", tmp_path, fuseki_url), fresh_store(FUSEKI, "system", tmp_path, fuseki_url):
        given = {"store": f"{fuseki_url}/kg", "system_store": "embedded", "workers": 1, "anonymous_role": "contributor"}
        settings = make_settings(tmp_path / "hub", store_replica_url=f"{replica}/sparql", **given)
        assert make_settings(tmp_path / "hub", **given).store_replica_url == f"{fuseki_url}/kg/sparql"
        hub = build(settings, toy_registry())
        client = application(hub).test_client()
        made = client.post("/api/toys", json={"title": "Ball"})
        assert client.get(made.headers["Location"]).json["title"] == "Ball"
        assert client.get("/api/toys").json["total"] == 1
        assert client.get("/sparql", query_string={"query": ALL, "format": "csv"}).text.split() == ["title"]
        copied = "INSERT { GRAPH <http://x.example/titles> { ?toy <http://x.example/title> ?title } } WHERE "
        done = hub.updating.run(SYSTEM, Request(copied + ALL.removeprefix("SELECT ?title")))
        assert done.added == 1, "an update asks the primary, for it writes what it finds"
        hub.updating.run(SYSTEM, Request("DROP GRAPH <http://x.example/titles>"))
        behind = RemoteStore.at(replica)
        behind.load(hub.kg.dump())
        behind.close()
        assert client.get("/sparql", query_string={"query": ALL, "format": "csv"}).text.split() == ["title", "Ball"]
        hub.close()
