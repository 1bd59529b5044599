"""The remote store: what happens when the server is down, hangs, lies, is full, or wants a password."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from server.errors import QueryTimeout, StoreFull, StoreUnavailable
from server.store.base import Limits
from server.store.remote import RemoteStore
from tests.support.fuseki import require_fuseki, running_fuseki
from tests.support.oxigraph import Oxigraph, running_oxigraph
from tests.support.raw import deaf_server, http, raw_server

LIMITS = Limits(seconds=1, memory_mb=512, rows=1_000, bytes=1 << 20)
JSON = "application/sparql-results+json"
XSD = "http://www.w3.org/2001/XMLSchema#"
SOON = 2.0  # seconds
CALLS: dict[str, Callable[[RemoteStore], object]] = {
    "select": lambda store: store.select("SELECT * { ?s ?p ?o }"),
    "ask": lambda store: store.ask("ASK {}"),
    "triples": lambda store: store.triples("CONSTRUCT WHERE { ?s ?p ?o }"),
    "graph": lambda store: store.graph(NamedNode("urn:g")),
    "update": lambda store: store.update("INSERT DATA { GRAPH <urn:g> { <urn:s> <urn:p> 1 } }"),
    "load": lambda store: store.load([Quad(NamedNode("urn:s"), NamedNode("urn:p"), Literal(1), NamedNode("urn:g"))]),
    "stranger": lambda store: store.stranger("ASK {}", "ask", JSON, LIMITS).body.close(),
    "dump": lambda store: list(store.dump()),
    "health": lambda store: store.health(),
}


@pytest.fixture
def remote(request: pytest.FixtureRequest) -> Iterator[RemoteStore]:
    store = RemoteStore.at(f"{request.getfixturevalue('fuseki_url')}/kg")
    store.update("DROP ALL")
    yield store
    store.close()


@pytest.fixture
def oxigraph(tmp_path: Path) -> Iterator[Oxigraph]:
    with running_oxigraph(tmp_path / "oxigraph") as server:
        yield server


def unavailable_soon(store: RemoteStore, call: str) -> str:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable) as raised:
        CALLS[call](store)
    assert time.monotonic() - started < SOON
    return raised.value.detail


# Down and up again


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_is_down_is_known_to_be_down_soon(call: str) -> None:
    store = RemoteStore.at("http://127.0.0.1:9/kg")
    assert "cannot be reached" in unavailable_soon(store, call)
    store.close()


@pytest.mark.parametrize("call", ["select", "update", "health"])
def test_an_address_that_takes_no_connection_is_given_up_soon(call: str) -> None:
    with deaf_server() as url:
        store = RemoteStore.at(url)
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            CALLS[call](store)
        assert time.monotonic() - started < SOON + 0.5  # two attempts of a second
        store.close()


def test_fuseki_may_go_and_come_back(tmp_path: Path) -> None:
    require_fuseki()
    with running_fuseki(tmp_path) as fuseki:
        store = RemoteStore.at(f"{fuseki.url}/kg")
        CALLS["update"](store)
        fuseki.process.kill()
        fuseki.process.wait()
        for call in CALLS:
            unavailable_soon(store, call)
    with running_fuseki(tmp_path, port=fuseki.port):
        assert store.ask("ASK { <urn:s> <urn:p> 1 }")  # what was acknowledged before the kill
        CALLS["update"](store)
    store.close()


def test_a_server_that_hangs_is_given_up_soon(oxigraph: Oxigraph) -> None:
    """However long it might take: the first caller learns by a sign of life that does not come, the next ones ask for it first."""
    store = oxigraph.store(seconds=60)
    CALLS["update"](store)
    os.kill(oxigraph.process.pid, signal.SIGSTOP)
    try:
        assert "no sign of life" in unavailable_soon(store, "select")
        for call in CALLS:
            unavailable_soon(store, call)
    finally:
        os.kill(oxigraph.process.pid, signal.SIGCONT)
    time.sleep(0.4)  # for which the last sign holds
    store.health()
    assert store.ask("ASK { ?s ?p ?o }")
    store.close()


def test_a_server_that_is_busy_gets_its_time(oxigraph: Oxigraph) -> None:
    many = " ".join(map(str, range(2000)))
    slow = f"SELECT (COUNT(*) AS ?n) {{ VALUES ?a {{ {many} }} VALUES ?b {{ {many} }} VALUES ?c {{ {many} }} FILTER(?a + ?b + ?c < 0) }}"
    store = oxigraph.store(seconds=3)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="in time"):
        store.select(slow)
    assert time.monotonic() - started > 2.9
    assert store.ask("ASK {}")
    store.close()


# What is repeated, and what is not


def test_a_read_is_repeated_once(oxigraph: Oxigraph) -> None:
    with raw_server(b"", http("200 OK", b'{"head": {}, "boolean": true}', JSON)) as raw:
        store = RemoteStore.at(raw.url)
        assert store.ask("ASK {}")
        assert len(raw.requests) == 2
        store.close()


def test_an_update_that_may_have_happened_is_not_repeated() -> None:
    with raw_server(b"") as raw:
        store = RemoteStore.at(raw.url)
        with pytest.raises(StoreUnavailable):
            CALLS["update"](store)
        assert len(raw.requests) == 1
        store.close()


def test_a_server_that_breaks_off_twice_is_unavailable() -> None:
    with raw_server(b"") as raw:
        store = RemoteStore.at(raw.url)
        for call in ("ask", "stranger", "dump"):
            unavailable_soon(store, call)
        assert len(raw.requests) == 6
        store.close()


# Answers that are not what they say


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (
            "select",
            http("200 OK", b'{"head": {"vars": ["s"]}, "results": {"bindings": [\n##  Query cancelled due to timeout during execution   ##', JSON),
        ),
        ("select", http("200 OK", b'{"head": {"vars": ["s"]}, "results": {"bindings": [', JSON, length=1000)),
        ("ask", http("200 OK", b"<html>It works!</html>", "text/html")),
        ("triples", http("200 OK", b"<urn:a> <urn:b> <urn:c> .\n<urn:a> <ur", "application/n-triples")),
        ("triples", http("200 OK", b"<urn:a> <urn:b> <urn:c> .\n", "application/n-triples", length=1000)),
        ("dump", http("200 OK", b"<urn:a> <urn:b> <urn:c> <urn:d> .\n<urn:a> <ur", "application/n-quads")),
        ("dump", http("200 OK", b"<urn:a> <urn:b> <urn:c> <urn:d> .\n", "application/n-quads", length=1000)),
        ("stranger", http("200 OK", b'{"head": {}, "boolean": tr', JSON, length=1000)),
        ("update", http("500 Server Error", b"out of order")),
        ("update", http("302 Found", b"elsewhere")),
    ],
)
def test_a_cut_or_senseless_answer_is_an_error(call: str, answer: bytes) -> None:
    with raw_server(answer) as raw:
        store = RemoteStore.at(raw.url)
        with pytest.raises(StoreUnavailable):
            CALLS[call](store)
        store.close()


@pytest.mark.parametrize("media_type", [JSON, "application/sparql-results+xml", "text/csv", "text/tab-separated-values"])
def test_a_strangers_cut_answer_is_a_timeout(media_type: str) -> None:
    cut = b'{"head": {"vars": ["s"]}, "results": {"bindings": [ {}\n##  Query cancelled due to timeout during execution   ##\n'
    with raw_server(http("200 OK", cut)) as raw:
        store = RemoteStore.at(raw.url)
        with pytest.raises(QueryTimeout):
            store.stranger("SELECT * { ?s ?p ?o }", "select", media_type, LIMITS)
        store.close()


def test_a_strangers_answer_that_is_no_graph_is_the_stores_fault() -> None:
    with raw_server(http("200 OK", b"this is no triple\n", "application/n-triples")) as raw:
        store = RemoteStore.at(raw.url)
        with pytest.raises(StoreUnavailable, match="not what it says"):
            store.stranger("DESCRIBE <urn:a>", "construct", "text/turtle", LIMITS)
        store.close()


def test_an_answer_that_trickles_ends_at_the_time_limit(oxigraph: Oxigraph) -> None:
    store = oxigraph.store()
    store.load(Quad(NamedNode(f"urn:{number}"), NamedNode("urn:p"), Literal(number), NamedNode("urn:g")) for number in range(3_000))
    limits = Limits(seconds=1, memory_mb=1, rows=1 << 40, bytes=1 << 40)
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        store.stranger("SELECT * { ?a ?b ?c . ?d ?e ?f }", "select", "text/csv", limits)
    assert time.monotonic() - started < 4
    store.close()


def test_a_full_disk_of_the_server_is_told() -> None:
    with raw_server(http("500 Server Error", b"java.io.IOException: No space left on device")) as raw:
        store = RemoteStore.at(raw.url)
        with pytest.raises(StoreFull, match="Make room"):
            CALLS["update"](store)
        store.close()
