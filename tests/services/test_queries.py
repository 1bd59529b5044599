"""People's queries on both stores: the same answers in every type, the same limits, the same refusals."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyoxigraph
import pytest
from pyoxigraph import Literal, NamedNode, Quad, QueryBoolean, QueryResultsFormat, QuerySolutions, RdfFormat

from server.errors import Malformed, NotAcceptable, QueryLimit, QueryRefused, QueryTimeout, TooManyRequests, Unauthenticated
from server.services.callers import Role, anonymous
from server.services.queries import GRAPH_TYPES, TABLE_TYPES, Asked, Queries, Question, media_types
from server.services.turnstile import Turnstile
from server.store.base import Answer, Form, Limits, Store
from tests.support.listener import listening

EX = "http://example.org/"
LIMITS = Limits(seconds=10, memory_mb=512, rows=1000, bytes=1 << 20)
READER = anonymous(Role.reader)
NUMBER = "SELECT (COUNT(*) AS ?n)"
ENDLESS = NUMBER + " { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
NASTY = ["plain", 'quote " and \\ and \n and \t', "größe 😀", "},{<result>&amp;", "a,b;c\r\nd"]


@pytest.fixture
def kg(store: Store) -> Store:
    """Hold 300 things in three graphs, and literals that are hard to write."""
    quads = [Quad(NamedNode(f"{EX}s{i}"), NamedNode(f"{EX}p"), Literal(i), NamedNode(f"{EX}g{i % 3}")) for i in range(300)]
    quads += [Quad(NamedNode(f"{EX}n{i}"), NamedNode(f"{EX}text"), Literal(text), NamedNode(f"{EX}texts")) for i, text in enumerate(NASTY)]
    quads += [Quad(NamedNode(f"{EX}n0"), NamedNode(f"{EX}text"), Literal("deutsch", language="de"), NamedNode(f"{EX}texts"))]
    store.load(quads)
    return store


@pytest.fixture
def queries(kg: Store) -> Queries:
    return Queries(kg, LIMITS, Turnstile(4, 4, 4))


def ask(queries: Queries, sparql: str, media_type: str = "", **question: object) -> bytes:
    def choose(form: Form) -> str:
        return media_type or media_types(form)[0]

    answer: Answer = queries.run(READER, Question(sparql, **question), choose)  # type: ignore[arg-type]
    with answer.body as body:
        content = body.read()
    assert len(content) == answer.length
    assert answer.media_type == media_type or not media_type
    return content


def number(queries: Queries, sparql: str, **question: object) -> int:
    solutions = pyoxigraph.parse_query_results(ask(queries, sparql, **question), QueryResultsFormat.JSON)
    assert isinstance(solutions, QuerySolutions)
    value = next(solutions)["n"]
    assert isinstance(value, Literal)
    return int(value.value)


@pytest.mark.parametrize("media_type", TABLE_TYPES)
def test_select_says_the_same_in_every_type(queries: Queries, media_type: str) -> None:
    content = ask(queries, f"SELECT ?s ?text ?none WHERE {{ ?s <{EX}text> ?text }} ORDER BY ?s ?text", media_type)
    rows = [f"{EX}n{i}" for i in range(len(NASTY))]
    if media_type == "text/csv":
        lines = content.decode().split("\r\n")
        assert lines[0] == "s,text,none"
        assert content.decode().count(EX) == len(NASTY) + 1
        assert '"quote "" and \\ and \n and \t"' in content.decode()
        return
    solutions = pyoxigraph.parse_query_results(content, QueryResultsFormat.from_media_type(media_type))
    assert isinstance(solutions, QuerySolutions)
    found = {(row["s"].value, row["text"].value, row["text"].language) for row in solutions}  # type: ignore[union-attr]
    expected = {(iri, text, None) for iri, text in zip(rows, NASTY, strict=True)} | {(rows[0], "deutsch", "de")}
    if media_type.endswith("xml"):  # a carriage return in XML is a line end to its reader
        found, expected = ({(s, text.replace("\r\n", "\n"), lang) for s, text, lang in each} for each in (found, expected))
    assert found == expected


@pytest.mark.parametrize("media_type", TABLE_TYPES)
@pytest.mark.parametrize("pattern", ["?s ?p 5", "?s ?p 5000"])
def test_ask_says_the_same_in_every_type(queries: Queries, media_type: str, pattern: str) -> None:
    content = ask(queries, f"ASK {{ {pattern} }}", media_type)
    if media_type.startswith("text/"):
        assert content.decode() == ("true" if pattern.endswith(" 5") else "false")
    else:
        answer = pyoxigraph.parse_query_results(content, QueryResultsFormat.from_media_type(media_type))
        assert isinstance(answer, QueryBoolean)
        assert bool(answer) == pattern.endswith(" 5")


@pytest.mark.parametrize("media_type", GRAPH_TYPES)
@pytest.mark.parametrize(
    ("sparql", "expected"),
    [
        (f"CONSTRUCT {{ ?s <{EX}q> ?text }} WHERE {{ ?s <{EX}text> ?text }}", len(NASTY) + 1),
        (f"DESCRIBE <{EX}n0> <{EX}s1>", 3),
        ("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o FILTER ( false ) }", 0),
    ],
)
def test_graphs_are_the_same_in_every_type(queries: Queries, media_type: str, sparql: str, expected: int) -> None:
    quads = list(pyoxigraph.parse(ask(queries, sparql, media_type), RdfFormat.from_media_type(media_type)))
    assert len({quad.triple for quad in quads}) == expected
    assert {str(quad.graph_name) for quad in quads} <= {"DEFAULT"}
    texts = {quad.object.value for quad in quads if isinstance(quad.object, Literal)}
    if "CONSTRUCT" in sparql and expected and media_type != "application/rdf+xml":
        assert texts == {*NASTY, "deutsch"}


def test_the_dataset_is_the_union_unless_named(queries: Queries) -> None:
    all_of, within = f"{NUMBER} {{ ?s <{EX}p> ?o }}", f"{NUMBER} {{ GRAPH ?g {{ ?s <{EX}p> ?o }} }}"
    assert number(queries, all_of) == number(queries, within) == 300
    assert number(queries, f"{NUMBER} FROM <{EX}g1> {{ ?s <{EX}p> ?o }}") == 100
    assert number(queries, f"{NUMBER} FROM <{EX}g1> FROM <{EX}g2> {{ ?s <{EX}p> ?o }}") == 200
    assert number(queries, f"{NUMBER} FROM NAMED <{EX}g1> {{ GRAPH ?g {{ ?s <{EX}p> ?o }} }}") == 100
    assert number(queries, f"{NUMBER} FROM NAMED <{EX}g1> {{ ?s <{EX}p> ?o }}") == 0
    assert number(queries, all_of, default=(f"{EX}g0", f"{EX}g1")) == 200
    assert number(queries, within, default=(f"{EX}g0",)) == 0
    assert number(queries, within, named=(f"{EX}g2",)) == 100
    assert number(queries, f"{NUMBER} FROM <{EX}g1> {{ ?s <{EX}p> ?o }}", default=(f"{EX}g0", f"{EX}g2")) == 200


def test_graphs_that_are_not_here_are_refused_and_not_fetched(queries: Queries) -> None:
    with listening() as (address, came):
        for question in (
            Question(f"{NUMBER} FROM <{address}> {{ ?s ?p ?o }}"),
            Question(f"{NUMBER} FROM NAMED <{address}> {{ GRAPH ?g {{ ?s ?p ?o }} }}"),
            Question(f"{NUMBER} FROM <{EX}g1> FROM <{address}> {{ ?s ?p ?o }}"),
        ):
            with pytest.raises(QueryRefused, match="fetches none"):
                queries.run(READER, question, lambda form: TABLE_TYPES[0])
        anything, within = f"{NUMBER} {{ ?s ?p ?o }}", f"{NUMBER} {{ GRAPH ?g {{ ?s <{EX}p> ?o }} }}"
        assert number(queries, anything, default=(address,)) == number(queries, anything, named=(address,)) == 0
        assert number(queries, within, named=(f"{EX}g1", address)) == 100
        for text in (f"ASK {{ SERVICE <{address}> {{ }} }}", f"ASK {{ SERVICE SILENT <{address}> {{ }} }}", f"LOAD <{address}>"):
            with pytest.raises(QueryRefused):
                ask(queries, text)
        assert not came


@pytest.mark.parametrize("iri", ["relative", "", "http://exa mple/", "http://x/> { } #"])
def test_names_of_graphs_that_are_no_iris_are_malformed(queries: Queries, iri: str) -> None:
    with pytest.raises(Malformed, match="absolute IRI"):
        ask(queries, "ASK { }", default=(iri,))


@pytest.mark.parametrize(("limit", "asked"), [(1.0, None), (1.0, 1000.0), (10.0, 1.0)])
def test_time_ends_the_work(kg: Store, limit: float, asked: float | None) -> None:
    """A caller may lower the limit and never raise it."""
    queries = Queries(kg, replace(LIMITS, seconds=limit), Turnstile(4, 4, 4))
    ask(queries, "ASK { }")
    begin = time.monotonic()
    with pytest.raises(QueryTimeout):
        ask(queries, ENDLESS, seconds=asked)
    assert time.monotonic() - begin < 4.0
    assert ask(queries, "ASK { }")


@pytest.mark.parametrize("media_type", TABLE_TYPES)
def test_rows_end_the_work(queries: Queries, media_type: str) -> None:
    assert ask(queries, "SELECT ?a { ?a ?b ?c . ?d ?e ?f } LIMIT 1000", media_type)
    with pytest.raises(QueryLimit, match="1000 rows"):
        ask(queries, "SELECT ?a { ?a ?b ?c . ?d ?e ?f } LIMIT 1001", media_type)


@pytest.mark.parametrize("media_type", GRAPH_TYPES)
def test_triples_end_the_work(queries: Queries, media_type: str) -> None:
    with pytest.raises(QueryLimit, match="1000 rows"):
        ask(queries, f"CONSTRUCT {{ ?a <{EX}of> ?d }} {{ ?a ?b ?c . ?d ?e ?f }} LIMIT 1200", media_type)


def test_bytes_end_the_work(kg: Store) -> None:
    queries = Queries(kg, replace(LIMITS, bytes=10_000), Turnstile(4, 4, 4))
    with pytest.raises(QueryLimit, match="10000 bytes"):
        ask(queries, "SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f } LIMIT 900")


def test_syntax_is_refused_with_its_position(queries: Queries) -> None:
    with pytest.raises(QueryRefused, match=r"(?i)line 2"):
        ask(queries, "SELECT *\n{ ?s ?p }")


def test_without_the_role_nothing_is_read(queries: Queries) -> None:
    with pytest.raises(Unauthenticated):
        queries.run(anonymous(Role.none), Question("ASK { }"), lambda form: TABLE_TYPES[0])


def test_a_type_that_cannot_be_written_ends_it_before_the_query_runs(queries: Queries) -> None:
    def choose(form: Form) -> str:
        raise NotAcceptable("no")

    with pytest.raises(NotAcceptable):
        queries.run(READER, Question(ENDLESS), choose)


def test_too_many_at_once_are_told_to_wait(kg: Store) -> None:
    queries = Queries(kg, replace(LIMITS, seconds=2.0), Turnstile(1, 1, 1))
    with ThreadPoolExecutor(6) as threads:
        outcomes = [each.exception() for each in [threads.submit(ask, queries, ENDLESS) for _ in range(6)]]
    kinds = {type(each) for each in outcomes}
    assert kinds <= {QueryTimeout, TooManyRequests}
    assert TooManyRequests in kinds


def test_a_query_is_explained(queries: Queries) -> None:
    def choose(form: Form) -> str:
        return media_types(form)[0]

    told = queries.explain(READER, Question(f"SELECT ?s {{ ?s <{EX}p> ?o }} LIMIT 7", default=(f"{EX}g0",), seconds=3), choose)
    assert told["asked"] == {"form": "select", "characters": 50, "default": (f"{EX}g0",), "named": ()}
    assert told["limits"] == {"seconds": 3, "memory_mb": 512, "rows": 1000, "bytes": 1 << 20}
    assert (told["answer"]["media_type"], told["answer"]["rows"]) == (TABLE_TYPES[0], 7)
    assert set(told["time"]) == {"read", "waited", "graphs", "store", "total"}
    assert sum(told["time"][step] for step in ("read", "waited", "graphs", "store")) <= told["time"]["total"]
    with pytest.raises(QueryTimeout) as raised:
        queries.explain(READER, Question(ENDLESS, seconds=0.5), choose)
    told = raised.value.members["explain"]  # type: ignore[assignment]
    assert told["limits"]["seconds"] == 0.5
    assert told["time"]["store"] >= 500
    assert "answer" not in told
    with pytest.raises(QueryRefused) as refused:
        queries.explain(READER, Question("SELECT"), choose)
    assert refused.value.members["explain"]["asked"]["characters"] == 6  # type: ignore[index]


def test_every_query_is_told_to_the_record(kg: Store) -> None:
    told: list[Asked] = []
    queries = Queries(kg, LIMITS, Turnstile(4, 4, 4), told.append)
    ask(queries, "ASK { }", address="192.0.2.1")
    with pytest.raises(QueryRefused):
        ask(queries, "ASK { SERVICE <http://x/> { } }")
    ask(queries, f"SELECT ?s {{ ?s <{EX}p> ?o }} LIMIT 7", "text/csv")
    ask(queries, f"CONSTRUCT WHERE {{ ?s <{EX}text> ?o }}", "text/turtle")
    with pytest.raises(QueryLimit):
        ask(queries, "SELECT ?a { ?a ?b ?c . ?d ?e ?f } LIMIT 1001")
    assert [(each.outcome, each.form, each.rows, each.caller) for each in told] == [
        ("done", "ask", 1, READER),
        ("QueryRefused", "query", 0, READER),
        ("done", "select", 7, READER),
        ("done", "construct", len(NASTY) + 1, READER),
        ("QueryLimit", "select", 0, READER),
    ]
    assert told[0].bytes > 0
    assert told[0].seconds > 0
    assert told[0].question.address == "192.0.2.1"
