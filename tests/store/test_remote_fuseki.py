"""The remote store over Fuseki itself: what it refuses, ends, and asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyoxigraph import DefaultGraph, Literal, NamedNode, Quad

from server.errors import QueryRefused, QueryTimeout, StoreUnavailable
from server.store.base import Limits, Store
from server.store.checks_common import at_once
from server.store.remote import RemoteStore
from tests.support.fuseki import require_fuseki, running_fuseki
from tests.support.oxigraph import Oxigraph, running_oxigraph

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


# Fuseki itself


def test_text_that_is_wrong_is_a_fault_of_the_program(remote: RemoteStore) -> None:
    for call in (lambda: remote.select("SELECT * {"), lambda: remote.update("INSERT DATA {"), lambda: remote.triples("ASK {}")):
        with pytest.raises((ValueError, StoreUnavailable)):
            call()
    with pytest.raises(ValueError, match="no SELECT"):
        remote.select("ASK {}")
    with pytest.raises(ValueError, match="no ASK"):
        remote.ask("SELECT * { ?s ?p ?o }")


def test_a_strangers_mistake_is_told_with_its_place(remote: RemoteStore) -> None:
    with pytest.raises(QueryRefused, match=r"line 2, column") as raised:
        remote.stranger("SELECT *\n{ ?s ?p ", "select", JSON, LIMITS)
    assert raised.value.members["line"] == 2
    assert isinstance(raised.value.members["column"], int)


def test_a_stranger_calls_no_other_server(remote: RemoteStore) -> None:
    with pytest.raises(QueryRefused, match="SERVICE"):
        remote.stranger("SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }", "select", JSON, LIMITS)


@pytest.mark.parametrize("query", [
    "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "SELECT DISTINCT ?b { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
])  # fmt: skip
def test_fuseki_ends_what_takes_too_long(remote: RemoteStore, query: str) -> None:
    remote.load(Quad(NamedNode(f"urn:{number}"), NamedNode("urn:p"), Literal(number), NamedNode("urn:g")) for number in range(2_000))
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        remote.stranger(query, "select", JSON, Limits(seconds=1, memory_mb=1, rows=1 << 40, bytes=1 << 40))
    assert time.monotonic() - started < 6
    remote.health()


def test_a_dataset_that_does_not_exist_is_unavailable(fuseki_url: str) -> None:
    store = RemoteStore.at(f"{fuseki_url}/nowhere")
    with pytest.raises(StoreUnavailable, match="404"):
        store.health()
    store.close()


def test_a_half_read_dump_does_not_disturb_others(store: Store) -> None:
    store.load(Quad(NamedNode(f"urn:{number}"), NamedNode("urn:p"), Literal(number), NamedNode("urn:g")) for number in range(20_000))
    for _ in range(3):
        quads = store.dump()
        next(quads)
        del quads
        assert len(store.graph(NamedNode("urn:g"))) == 20_000


def test_many_threads_share_the_connections(remote: RemoteStore) -> None:
    at_once(lambda number: remote.update(f"INSERT DATA {{ GRAPH <urn:g> {{ <urn:{number}> <urn:p> 1 }} }}"), 40)
    assert len(remote.select("SELECT ?s { ?s ?p ?o }")) == 40


def test_loaded_decimals_can_be_removed(remote: RemoteStore) -> None:
    texts = {"1": "1.0", "1.50": "1.5", "-0.10": "-0.1", "007": "7.0", ".5": "0.5", "2.25": "2.25", "not a decimal": "not a decimal"}
    decimal = NamedNode(XSD + "decimal")
    quads = [Quad(NamedNode("urn:s"), NamedNode("urn:p"), Literal(text, datatype=decimal), NamedNode("urn:g")) for text in texts]
    remote.load(quads)
    assert {triple.object.value for triple in remote.graph(NamedNode("urn:g"))} == set(texts.values())  # type: ignore[union-attr]
    remote.update("DROP ALL")
    assert list(remote.dump()) == []
    remote.replace_all([*quads, Quad(NamedNode("urn:s"), NamedNode("urn:p"), Literal("x"), DefaultGraph())])
    assert len(list(remote.dump())) == len(quads) + 1


def test_fuseki_asks_for_the_password_that_it_was_started_with(tmp_path: Path) -> None:
    require_fuseki()
    with running_fuseki(tmp_path, FUSEKI_USER="hub", FUSEKI_PASSWORD="s3: cret#=!") as fuseki:
        for user, password in (("", ""), ("hub", "wrong")):
            store = RemoteStore.at(f"{fuseki.url}/kg", user, password)
            for call in ("select", "update", "stranger", "dump"):
                with pytest.raises(StoreUnavailable, match="refuses the credentials"):
                    CALLS[call](store)
            store.close()
        store = RemoteStore.at(f"{fuseki.url}/system", "hub", "s3: cret#=!")
        for call in CALLS:
            CALLS[call](store)
        store.close()
        assert (tmp_path / "passwd").stat().st_mode & 0o777 == 0o600
