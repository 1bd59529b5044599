"""Every query that wants to hurt ends as is promised: refused, or ended at its limit, on both stores; nothing gets out, and the memory comes back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from urllib3 import BaseHTTPResponse

from tests.faults.test_hostile_load import held
from tests.support.hostile import HARMLESS, HEAVY, OUTSIDE, PREFIX, WRONG
from tests.support.listener import listening
from tests.support.server import RunningHub, running_hub
from tests.support.stores import EMBEDDED, FUSEKI, fresh_store

SECONDS = 1
ENDED = {(408, "/errors/query-timeout"), (503, "/errors/query-limit")}
BUSY = float(os.environ.get("HUB_TEST_SLACK", "1.5"))  # seconds: half of one is promised on a machine that does nothing else


@pytest.fixture(scope="module", params=[EMBEDDED, FUSEKI])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """Run a hub with low limits over a store with some triples in it."""
    where = {"HUB_QUERY_SECONDS": str(SECONDS), "HUB_QUERY_MEMORY_MB": "128", "HUB_QUERY_ROWS": "20000", "HUB_ANONYMOUS_ROLE": "contributor"}
    if request.param == FUSEKI:
        url = request.getfixturevalue("fuseki_url")
        for name in ("kg", "system"):
            with fresh_store(FUSEKI, name, tmp_path_factory.mktemp(name), url):
                pass
        where |= {"HUB_STORE": f"{url}/kg", "HUB_SYSTEM_STORE": f"{url}/system", "HUB_WORKERS": "1"}
    with running_hub(tmp_path_factory.mktemp("hub"), **where) as hub:
        lines = [orjson.dumps({"title": f"Model {number}", "description": "x" * 40, "keywords": ["a", f"k{number}"]}) for number in range(120)]
        hub.request("POST", "/api/models/bulk", body=b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"})
        yield hub


def ask(hub: RunningHub, query: str, **headers: str) -> BaseHTTPResponse:
    content = PREFIX.encode() + query.encode("utf-8", "surrogatepass")
    return hub.request("POST", "/sparql", body=content, headers={"Content-Type": "application/sparql-query", **headers})


def problem(answer: BaseHTTPResponse) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.data[:300]
    found: dict[str, Any] = answer.json()
    assert "Traceback" not in answer.data.decode()
    return found


def test_nothing_gets_out(hub: RunningHub) -> None:
    with listening() as (url, came):
        for name, query in OUTSIDE.items():
            answer = ask(hub, query.replace("$url", url))
            assert answer.status == 400, (name, answer.data[:300])
            assert problem(answer)["type"] == "/errors/query-refused", name
            if "FROM" not in query.upper() and "FR\\U004FM" not in query.upper():
                assert problem(answer)["line"] >= 1, name
        for name, query in HARMLESS.items():
            answer = ask(hub, query.replace("$url", url), Accept="text/csv, text/turtle;q=0.5")
            assert answer.status == 200, (name, answer.data[:300])
            assert answer.data.decode().strip().count("\n") == 0, (name, answer.data[:300])
        for parameter in ("default-graph-uri", "named-graph-uri"):
            fields = {"query": "ASK { GRAPH ?g { ?s ?p ?o } }", parameter: url}
            assert hub.request("GET", "/sparql", fields=fields).json()["boolean"] is False
        assert came == []


def test_what_is_no_query_is_said_with_its_place(hub: RunningHub) -> None:
    placed = 0
    for name, query in WRONG.items():
        began = time.monotonic()
        answer = ask(hub, query)
        assert answer.status == 400, (name, answer.data[:300])
        told = problem(answer)
        assert len(answer.data) < 3000, name
        if told.get("line"):
            placed += 1
            assert 1 <= told["line"] <= query.count("\n") + 1, (name, told)
            assert told["column"] >= 1
        assert time.monotonic() - began < SECONDS + BUSY, name
    assert placed >= len(WRONG) - 7  # not those that are too long as a whole, and what an engine finds wrong without a place


def test_what_is_too_much_is_ended_and_the_memory_comes_back(hub: RunningHub) -> None:
    ask(hub, "ASK { }")
    before = held(hub)
    slow = {}
    for name, query in HEAVY.items():
        began = time.monotonic()
        answer = ask(hub, query)
        taken = time.monotonic() - began
        assert answer.status != 200, (name, answer.data[:300])
        assert (answer.status, problem(answer)["type"]) in ENDED, (name, answer.data[:300])
        if taken > SECONDS + BUSY:
            slow[name] = taken
    assert slow == {}
    assert ask(hub, "ASK { ?s ?p ?o }").json()["boolean"] is True
    until = time.monotonic() + 20
    while held(hub) > before + (96 << 20) and time.monotonic() < until:
        time.sleep(0.1)
    assert held(hub) <= before + (96 << 20)


def test_all_of_them_are_in_the_audit_log(hub: RunningHub) -> None:
    """Those of one caller beyond sixty a minute as a sum: anybody's above, none of the administrator's."""
    credentials = {"Authorization": f"Bearer {hub.printed('administrator token')}"}
    for query in ("SELECT ?a { VALUES ?a { 1 2 3 } }", HEAVY["cross product counted"], WRONG["half a triple"]):
        ask(hub, query, **credentials)
    until = time.monotonic() + 20
    found: list[dict[str, Any]] = []
    while len(found) < 3 and time.monotonic() < until:
        items = hub.request("GET", "/api/audit?limit=200", headers=credentials).json()["items"]
        found = [entry for entry in items if entry["action"].startswith("SPARQL ") and entry["account"]]
        time.sleep(0.1)
    assert [(each["action"], each["outcome"], each["rows"]) for each in found] == [
        ("SPARQL select: QueryRefused", "failed", 0),
        ("SPARQL select: QueryTimeout", "failed", 0),
        ("SPARQL select", "done", 3),
    ]
    assert found[1]["milliseconds"] >= SECONDS * 900
    assert all(each["address"] == "127.0.0.1" and each["request"] for each in found)
    assert any(each["action"].startswith("SPARQL query: QueryRefused") and not each["account"] for each in items)
