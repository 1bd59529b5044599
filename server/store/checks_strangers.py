"""Checks of a store: what a stranger's query may use is bounded, and it reaches nothing outside."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from threading import Thread

from pyoxigraph import QueryResultsFormat, QuerySolutions, RdfFormat, Triple, parse, parse_query_results

from server.errors import HubError, QueryLimit, QueryRefused, QueryTimeout
from server.store.base import Form, Limits, Store
from server.store.checks_common import GENEROUS, Unfit, name, numbered, require
from server.store.text import fill

_ALL = "SELECT * WHERE { ?s ?p ?o }"
_ENDLESS = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?a != ?l) }"
_RESULTS = ("application/sparql-results+json", "application/sparql-results+xml", "text/tab-separated-values")
_GRAPHS = ("text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json")
_SLACK = 4.0  # seconds


def _fill(store: Store, count: int) -> None:
    store.update(fill("INSERT DATA { GRAPH $g { $triples } }", g=name("g"), triples=numbered(count)))


def wrong_text_is_refused(store: Store) -> None:
    """A query that is no SPARQL is refused with what is wrong, and the store goes on."""
    try:
        store.stranger("SELECT * WHERE { ?s ?p ", "select", _RESULTS[0], GENEROUS)
    except QueryRefused:
        store.health()
    else:
        raise Unfit("A query without its last brace was answered.")


def answers_come_in_every_type(store: Store) -> None:
    """SELECT, ASK and CONSTRUCT are answered in every media type, whole."""
    _fill(store, 300)
    for media_type in _RESULTS:
        with store.stranger(_ALL, "select", media_type, GENEROUS).body as body:
            results = parse_query_results(body.read(), QueryResultsFormat.from_media_type(media_type))
        rows = len(list(results)) if isinstance(results, QuerySolutions) else 0
        require(rows == 300, f"{media_type} has {rows} of 300 rows.")
    with store.stranger(_ALL, "select", "text/csv", GENEROUS).body as body:
        require(body.read().count(b"\n") == 301, "text/csv has not one line a row and one with the names.")
    with store.stranger("ASK { ?s ?p ?o }", "ask", _RESULTS[0], GENEROUS).body as body:
        require(bool(parse_query_results(body.read(), QueryResultsFormat.JSON)), "ASK was answered with false.")
    for media_type in _GRAPHS:
        with store.stranger("CONSTRUCT WHERE { ?s ?p ?o }", "construct", media_type, GENEROUS).body as body:
            found: set[Triple] = {quad.triple for quad in parse(body.read(), RdfFormat.from_media_type(media_type))}
        require(found == set(numbered(300)), f"{media_type} has {len(found)} of 300 statements.")


def datasets_of_the_protocol_hold(store: Store) -> None:
    """`default-graph-uri` and `named-graph-uri` choose what a query sees."""
    store.update(fill("INSERT DATA { GRAPH $a { $a $a $a } GRAPH $b { $b $b $b } }", a=name("a"), b=name("b")))
    for query, default, named, expected in (
        ("ASK { $a ?p ?o }", ["a"], [], True),
        ("ASK { $b ?p ?o }", ["a"], [], False),
        ("ASK { GRAPH ?g { $b ?p ?o } }", [], ["b"], True),
        ("ASK { GRAPH ?g { $a ?p ?o } }", [], ["b"], False),
    ):
        text = query.replace("$a", str(name("a"))).replace("$b", str(name("b")))
        graphs = {"default": [name(each).value for each in default], "named": [name(each).value for each in named]}
        with store.stranger(text, "ask", _RESULTS[0], GENEROUS, **graphs).body as body:
            answer = bool(parse_query_results(body.read(), QueryResultsFormat.JSON))
        require(answer is expected, f"{text} with {graphs} was answered with {answer}.")


def long_answers_are_ended(store: Store) -> None:
    """An answer above the limit of rows or of bytes is an error, never a part of it."""
    _fill(store, 2_000)
    for form, query, media_type in (
        ("select", _ALL, _RESULTS[0]),
        ("select", _ALL, "text/csv"),
        ("construct", "CONSTRUCT WHERE { ?s ?p ?o }", _GRAPHS[0]),
    ):
        for limits in (replace(GENEROUS, rows=1_999), replace(GENEROUS, bytes=20_000)):
            _require_limit(store, query, form, media_type, limits)  # type: ignore[arg-type]  # a constant of three
    store.stranger(_ALL, "select", _RESULTS[0], replace(GENEROUS, rows=2_000)).body.close()


def _require_limit(store: Store, query: str, form: Form, media_type: str, limits: Limits) -> None:
    try:
        answer = store.stranger(query, form, media_type, limits)
    except QueryLimit:
        return
    answer.body.close()
    raise Unfit(f"2 000 rows as {media_type} passed a limit of {limits.rows} rows and {limits.bytes} bytes.")


def slow_queries_are_ended(store: Store) -> None:
    """A query that would run for years ends with its time limit, and the store answers others meanwhile and after."""
    _fill(store, 2_000)
    started = time.monotonic()
    try:
        store.stranger(_ENDLESS, "select", _RESULTS[0], replace(GENEROUS, seconds=1)).body.close()
    except QueryTimeout:
        taken = time.monotonic() - started
    else:
        raise Unfit("A query over 2 000⁴ rows was answered.")
    require(taken < 1 + _SLACK, f"A limit of 1 second ended the query after {taken:.1f} seconds.")
    store.health()


def service_stays_inside(store: Store) -> None:
    """SERVICE in a query contacts no other server. The hub lets none through, so this is a second lock."""
    _require_silence(store, "SELECT * WHERE { SERVICE SILENT <$url> { ?s ?p ?o } }", update=False)


def load_stays_inside(store: Store) -> None:
    """LOAD in an update contacts no other server. The hub lets none through; keep others from the store, or its network closed."""
    _require_silence(store, "LOAD SILENT <$url> INTO GRAPH <urn:x-hub-check:loaded>", update=True)


def _require_silence(store: Store, text: str, *, update: bool) -> None:
    called: list[bool] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(3)

        def wait() -> None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                return
            called.append(True)
            with connection:
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = Thread(target=wait)
        thread.start()
        query = text.replace("$url", f"http://127.0.0.1:{listener.getsockname()[1]}/")
        try:
            if update:
                store.update(query)
            else:
                store.stranger(query, "select", _RESULTS[0], replace(GENEROUS, seconds=2)).body.close()
        except (HubError, ValueError):
            pass
        thread.join()
    require(not called, "Another server was contacted.")
