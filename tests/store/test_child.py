"""A stranger's query ends when it shall: by time, memory, rows, bytes, or because its process died. And nothing is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyoxigraph
import pytest
from pyoxigraph import Literal, NamedNode, Quad

from server.errors import HubError, QueryLimit, QueryRefused, QueryTimeout, StoreUnavailable
from server.store import childproc
from server.store.base import Form, Limits
from server.store.child import ChildPool
from server.store.rows import CSV, JSON, TSV, XML
from tests.support.listener import listening

EX = "http://example.org/"
THINGS = 3_000
LIMITS = Limits(seconds=10, memory_mb=512, rows=100_000, bytes=1 << 26)
NUMBER = "SELECT (COUNT(*) AS ?n)"
ENDLESS = NUMBER + " { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep three thousand things in three graphs."""
    folder = tmp_path_factory.mktemp("child")
    store = pyoxigraph.Store(str(folder / "db"))
    store.extend([Quad(NamedNode(f"{EX}s{i}"), NamedNode(f"{EX}p"), Literal(f"value {i}"), NamedNode(f"{EX}g{i % 3}")) for i in range(THINGS)])
    store.backup(str(folder / "checkpoint"))
    return folder / "checkpoint"


@pytest.fixture
def pool() -> Iterator[ChildPool]:
    pool = ChildPool(2)
    yield pool
    pool.close()


def run(pool: ChildPool, checkpoint: Path, sparql: str, form: Form = "select", media_type: str = JSON, limits: Limits = LIMITS) -> bytes:
    answer = pool.run(checkpoint, sparql, form, media_type, limits)
    with answer.body as body:
        content = body.read()
    assert len(content) == answer.length
    return content


def count(pool: ChildPool, checkpoint: Path, sparql: str, default: tuple[str, ...] = (), named: tuple[str, ...] = ()) -> int:
    answer = pool.run(checkpoint, sparql, "select", JSON, LIMITS, default, named)
    with answer.body as body:
        return int(json.load(body)["results"]["bindings"][0]["n"]["value"])


def processes() -> set[int]:
    """List the children of this process that serve queries."""
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "childproc"], capture_output=True, text=True, check=False)
    return {int(line) for line in found.stdout.split()}


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [(JSON, b'"boolean":true'), (XML, b"<boolean>true</boolean>"), (CSV, b"true"), (TSV, b"true")],
)
def test_ask_in_every_type(pool: ChildPool, checkpoint: Path, media_type: str, expected: bytes) -> None:
    assert expected in run(pool, checkpoint, "ASK { ?s ?p ?o }", "ask", media_type)


@pytest.mark.parametrize(
    "media_type", ["text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json", "application/trig", "application/n-quads"]
)
def test_construct_in_every_type(pool: ChildPool, checkpoint: Path, media_type: str) -> None:
    content = run(pool, checkpoint, "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", "construct", media_type)
    assert len({quad.triple for quad in pyoxigraph.parse(content, pyoxigraph.RdfFormat.from_media_type(media_type))}) == THINGS


def test_turtle_uses_the_prefixes_of_the_query(pool: ChildPool, checkpoint: Path) -> None:
    content = run(pool, checkpoint, f"PREFIX e: <{EX}> DESCRIBE e:s1", "construct", "text/turtle")
    assert b'e:s1 e:p "value 1"' in content


def test_the_dataset_is_the_union_unless_named(pool: ChildPool, checkpoint: Path) -> None:
    number, within = NUMBER + " { ?s ?p ?o }", NUMBER + " { GRAPH ?g { ?s ?p ?o } }"
    third = THINGS // 3
    assert count(pool, checkpoint, number) == count(pool, checkpoint, within) == THINGS
    assert count(pool, checkpoint, f"{NUMBER} FROM <{EX}g1> {{ ?s ?p ?o }}") == third
    assert count(pool, checkpoint, f"{NUMBER} FROM NAMED <{EX}g1> {{ GRAPH ?g {{ ?s ?p ?o }} }}") == third
    assert count(pool, checkpoint, f"{NUMBER} FROM NAMED <{EX}g1> {{ ?s ?p ?o }}") == 0
    assert count(pool, checkpoint, number, default=(f"{EX}g0", f"{EX}g1")) == 2 * third
    assert count(pool, checkpoint, within, default=(f"{EX}g0",)) == 0
    assert count(pool, checkpoint, within, named=(f"{EX}g2",)) == third
    assert count(pool, checkpoint, number, named=(f"{EX}g2",)) == 0
    # what the protocol says goes before what the query says
    assert count(pool, checkpoint, f"{NUMBER} FROM <{EX}g1> {{ ?s ?p ?o }}", default=(f"{EX}g0", f"{EX}g2")) == 2 * third


def test_time_ends_the_work(pool: ChildPool, checkpoint: Path) -> None:
    run(pool, checkpoint, "ASK {}", "ask")
    begin = time.monotonic()
    with pytest.raises(QueryTimeout, match=r"longer than 0\.5 seconds"):
        run(pool, checkpoint, ENDLESS, limits=Limits(0.5, 512, 1000, 1 << 20))
    assert time.monotonic() - begin < 1.0
    assert run(pool, checkpoint, "ASK {}", "ask")


BOMBS = {
    "concatenation": "SELECT (GROUP_CONCAT(?c) AS ?all) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "order": "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f",
    "distinct": "SELECT (COUNT(*) AS ?n) { SELECT DISTINCT ?a ?d ?g { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } }",
    "construct": "CONSTRUCT { ?a ?b ?i } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
}


@pytest.mark.parametrize("sparql", BOMBS.values(), ids=BOMBS.keys())
def test_memory_ends_the_work(pool: ChildPool, checkpoint: Path, sparql: str) -> None:
    form: Form = "construct" if sparql.startswith("CONSTRUCT") else "select"
    with pytest.raises(QueryLimit, match="MiB of memory" if form == "select" else "rows"):
        run(pool, checkpoint, sparql, form, "text/turtle" if form == "construct" else JSON, Limits(60, 64, 10_000, 1 << 30))
    assert run(pool, checkpoint, "ASK {}", "ask")


@pytest.mark.parametrize("media_type", [JSON, XML, CSV, TSV])
def test_rows_end_the_work(pool: ChildPool, checkpoint: Path, media_type: str) -> None:
    few = Limits(10, 512, 100, 1 << 26)
    assert run(pool, checkpoint, "SELECT ?o { ?s ?p ?o } LIMIT 100", media_type=media_type, limits=few)
    for sparql in ("SELECT ?o { ?s ?p ?o } LIMIT 101", "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"):
        begin = time.monotonic()
        with pytest.raises(QueryLimit, match="more than 100 rows"):
            run(pool, checkpoint, sparql, media_type=media_type, limits=few)
        assert time.monotonic() - begin < 1.0


def test_triples_end_the_work(pool: ChildPool, checkpoint: Path) -> None:
    few = Limits(10, 512, 100, 1 << 26)
    assert run(pool, checkpoint, "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 100", "construct", "text/turtle", few)
    with pytest.raises(QueryLimit, match="more than 100 rows"):
        run(pool, checkpoint, "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 101", "construct", "text/turtle", few)


def test_bytes_end_the_work(pool: ChildPool, checkpoint: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(QueryLimit, match="more than 100000 bytes"):
        run(pool, checkpoint, "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", limits=Limits(10, 512, 10**9, 100_000))
    assert time.monotonic() - begin < 1.0


def test_a_parser_that_dies_takes_only_its_process(pool: ChildPool, checkpoint: Path) -> None:
    chain = "ASK { FILTER ( " + "!" * 90_000 + "true ) }"
    with pytest.raises((QueryLimit, QueryRefused)):
        run(pool, checkpoint, chain, "ask", limits=Limits(30, 512, 10, 1000))
    assert run(pool, checkpoint, "ASK {}", "ask")


@pytest.mark.parametrize("sparql", ["SELECT * { ?s ?p }", "SELECT * WHERE { FILTER(UNKNOWN(?x)) }", "SELECT ?x ?x2 { ?s ?p ?o } GROUP BY ?s"])
def test_syntax_is_judged_with_its_position(pool: ChildPool, checkpoint: Path, sparql: str) -> None:
    with pytest.raises(QueryRefused, match=r"is not SPARQL"):
        run(pool, checkpoint, sparql)
    with pytest.raises(QueryRefused, match=r"line 2, column \d+") as caught:
        run(pool, checkpoint, "SELECT *\n{ ?s ?p }")
    assert caught.value.members["line"] == 2


def test_another_form_than_promised_is_refused(pool: ChildPool, checkpoint: Path) -> None:
    with pytest.raises(QueryRefused, match="is no SELECT"):
        run(pool, checkpoint, "ASK {}", "select")


def test_a_process_killed_from_outside_fails_its_query_only(pool: ChildPool, checkpoint: Path) -> None:
    run(pool, checkpoint, "ASK {}", "ask")
    failures: list[HubError] = []

    def ask() -> None:
        try:
            run(pool, checkpoint, ENDLESS, limits=Limits(30, 512, 10, 1000))
        except HubError as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.5)
    for process in processes():
        os.kill(process, signal.SIGKILL)
    thread.join(5)
    assert [type(each) for each in failures] == [QueryLimit]
    assert run(pool, checkpoint, "ASK {}", "ask")


def test_a_process_killed_while_it_waits_is_replaced_without_a_word(pool: ChildPool, checkpoint: Path) -> None:
    run(pool, checkpoint, "ASK {}", "ask")
    for process in processes():
        os.kill(process, signal.SIGKILL)
    assert run(pool, checkpoint, "ASK {}", "ask")


def test_queries_run_at_the_same_time_and_do_not_mix(pool: ChildPool, checkpoint: Path) -> None:
    def ask(number: int) -> bool:
        content = run(pool, checkpoint, f"SELECT ?o {{ <{EX}s{number}> ?p ?o }}", media_type=CSV)
        return content == f"o\r\nvalue {number}\r\n".encode()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(400)))
    assert len(processes()) <= 4


def test_a_fast_query_does_not_wait_for_a_slow_one(pool: ChildPool, checkpoint: Path) -> None:
    run(pool, checkpoint, "ASK {}", "ask")
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(lambda: run(pool, checkpoint, ENDLESS, limits=Limits(2, 512, 10, 1000)))
        time.sleep(0.2)
        begin = time.monotonic()
        run(pool, checkpoint, "ASK {}", "ask")
        assert time.monotonic() - begin < 1.0
        assert isinstance(slow.exception(), QueryTimeout)


def test_the_memory_of_a_heavy_query_comes_back(pool: ChildPool, checkpoint: Path) -> None:
    run(
        pool,
        checkpoint,
        "SELECT (STRLEN(GROUP_CONCAT(?c)) AS ?n) { ?a ?b ?c . { SELECT ?d { ?d ?e ?f } LIMIT 8000 } } ",
        limits=Limits(60, 2048, 10, 1000),
    )
    run(pool, checkpoint, "ASK {}", "ask")
    for process in processes():
        held = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
        assert held < 220


def test_closing_ends_every_process_and_what_runs(checkpoint: Path) -> None:
    pool = ChildPool(2)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(lambda: run(pool, checkpoint, ENDLESS, limits=Limits(30, 512, 10, 1000)))
        time.sleep(0.5)
        pool.close()
        assert isinstance(slow.exception(5), StoreUnavailable)
    assert not processes()
    with pytest.raises(StoreUnavailable):
        run(pool, checkpoint, "ASK {}", "ask")


def test_a_checkpoint_that_is_not_there_is_the_stores_fault(pool: ChildPool, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        run(pool, tmp_path / "none", "ASK {}", "ask")


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-P", childproc.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)


def frame(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    assert process.stdout
    kind, length = childproc.HEADER.unpack(process.stdout.read(childproc.HEADER.size))
    return kind, process.stdout.read(length)


def task(checkpoint: Path, sparql: str, seconds: float = 10) -> bytes:
    members = {"path": str(checkpoint), "sparql": sparql, "form": "select", "media_type": JSON, "union": True, "default": [], "named": []}
    content = json.dumps(members | {"prefixes": {}, "seconds": seconds, "memory_mb": 512, "rows": 10}).encode()
    return childproc.HEADER.pack(b"Q", len(content)) + content


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forbid sockets to a process")
@pytest.mark.parametrize("silent", ["", "SILENT "])
def test_the_process_reaches_nobody_even_where_a_service_gets_to_it(checkpoint: Path, silent: str) -> None:
    with listening() as (address, came), start() as process:
        assert process.stdin
        assert frame(process) == (b"R", b'{"offline": true}')
        for host in (address, address.replace("127.0.0.1", "localhost")):
            process.stdin.write(task(checkpoint, f"SELECT * {{ SERVICE {silent}<{host}> {{ ?s ?p ?o }} }}"))
            kind, _ = frame(process)
            while kind in (b"B", b"D"):
                kind, _ = frame(process)
            assert kind == (b"E" if silent else b"F")
        process.stdin.close()
        assert process.wait(5) == 0
        assert not came


def test_a_process_whose_parent_forgot_it_ends_by_itself(checkpoint: Path) -> None:
    with start() as process:
        assert process.stdin
        process.stdin.write(task(checkpoint, ENDLESS, seconds=0.2))
        assert process.wait(5) == -signal.SIGALRM
