"""The remote store: any SPARQL 1.1 server over pooled HTTP, Apache Jena Fuseki first.

It keeps no state, so any number of web processes can share one server. The server's default graph has to be the union of
its graphs; `server.store.checks` tells whether this and everything else that the hub builds on holds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from itertools import groupby, islice
from operator import attrgetter
from typing import IO, cast
from urllib.parse import urlencode

from pyoxigraph import (
    DefaultGraph,
    Literal,
    NamedNode,
    Quad,
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    RdfFormat,
    Triple,
    parse,
    parse_query_results,
)
from urllib3.exceptions import HTTPError

from server.errors import QueryRefused, StoreUnavailable
from server.store.base import Answer, Form, Limits, Row
from server.store.bounded import receive, source_type, too_slow
from server.store.text import block, blocks, fill
from server.store.transport import Refused, TimedOut, Transport, unavailable

_QUERY = {"Content-Type": "application/sparql-query"}
_UPDATE = {"Content-Type": "application/sparql-update"}
_RESULTS = {"Accept": "application/sparql-results+json"}
_TRIPLES = {"Accept": "application/n-triples"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_GRACE_SECONDS = 0.3  # a server that keeps to the time itself says so more clearly than a closed connection
_QUADS = "application/n-quads"
_CHUNK = 5_000  # quads that are serialized at once
_DECIMAL = NamedNode("http://www.w3.org/2001/XMLSchema#decimal")
_CANONICAL_DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.(0|\d*[1-9])")
_POSITION = re.compile(r"line:? (\d+),? col(?:umn)?:? (\d+)", re.IGNORECASE)  # as Jena and Oxigraph write it
_HEALTH_SECONDS = 1.0
_LOAD_SECONDS = 3600.0  # a load is one request, however long


class RemoteStore:
    """A `Store` behind the URLs of a SPARQL 1.1 server."""

    def __init__(
        self,
        query_url: str,
        update_url: str,
        graph_url: str,
        user: str = "",
        password: str = "",
        *,
        replica_url: str = "",
        seconds: float = 30.0,
        connections: int = 32,
    ) -> None:
        """Take where queries, updates and the Graph Store Protocol are answered, and how long the hub's own requests may take.

        `query_url` may be a read replica only if it shows an update as soon as that was acknowledged. `replica_url` may lag: it gets the
        queries of strangers alone.
        """
        self._query_url, self._update_url, self._graph_url = query_url, update_url, graph_url
        self._strangers_url = replica_url or query_url
        self._transport = Transport(user, password, seconds, connections)

    @classmethod
    def at(cls, dataset_url: str, user: str = "", password: str = "", **options: float) -> RemoteStore:
        """Take the URL of a dataset in Fuseki's layout: `/sparql`, `/update`, `/data`."""
        base = dataset_url.rstrip("/")
        return cls(f"{base}/sparql", f"{base}/update", f"{base}/data", user, password, **options)  # type: ignore[arg-type]  # connections is an int

    def select(self, sparql: str) -> list[Row]:
        """Answer a SELECT as rows of bound variables."""
        solutions = self._results(sparql)
        if not isinstance(solutions, QuerySolutions):
            raise ValueError("The query is no SELECT.")
        names = [variable.value for variable in solutions.variables]
        with _whole_answers():
            return [{name: value for name, value in zip(names, solution, strict=True) if value is not None} for solution in solutions]

    def ask(self, sparql: str) -> bool:
        """Answer an ASK."""
        answer = self._results(sparql)
        if not isinstance(answer, QueryBoolean):
            raise ValueError("The query is no ASK.")
        return bool(answer)

    def triples(self, sparql: str) -> list[Triple]:
        """Answer a CONSTRUCT or DESCRIBE."""
        content = self._query(sparql, _TRIPLES)
        with _whole_answers():
            return [quad.triple for quad in parse(content, RdfFormat.N_TRIPLES)]

    def graph(self, name: NamedNode) -> list[Triple]:
        """Read one named graph; an unknown one is empty."""
        return self.triples(fill("CONSTRUCT { ?s ?p ?o } WHERE { GRAPH $name { ?s ?p ?o } }", name=name))

    def _results(self, sparql: str) -> QuerySolutions | QueryBoolean:
        content = self._query(sparql, _RESULTS)
        with _whole_answers():
            return parse_query_results(content, QueryResultsFormat.JSON)

    def _query(self, sparql: str, accept: dict[str, str], seconds: float | None = None) -> bytes:
        with _own_text():
            return self._transport.send("POST", self._query_url, _QUERY | accept, sparql.encode(), repeatable=True, seconds=seconds).data

    def update(self, sparql: str) -> None:
        """Run one update request, all of it or nothing; durable when it returns. Raises `ValueError` for a text that is no update."""
        with _own_text():
            self._transport.send("POST", self._update_url, _UPDATE, sparql.encode(), repeatable=False)

    def claim(self, old: Quad, new: Quad, quads: Sequence[Quad], conditions: str) -> bool:
        """Exchange a quad and add many, if the conditions hold, in one update request."""
        self.update(f"DELETE {{ {block(old)} }} INSERT {{ {block(new)} {blocks(quads)} }} WHERE {{ {block(old)} {conditions} }}")
        return self.ask(f"ASK {{ {block(quads[0])} }}")

    def load(self, quads: Iterable[Quad]) -> None:
        """Add many quads in one request, all of them or nothing; durable when it returns."""
        self._send_update(_inserting(b"INSERT DATA {", quads))

    def replace_all(self, quads: Iterable[Quad]) -> None:
        """Empty the dataset and load these quads in one request, all of it or nothing."""
        self._send_update(_inserting(b"DROP ALL ; INSERT DATA {", quads))

    def _send_update(self, parts: Iterator[bytes]) -> None:
        # Not by the Graph Store Protocol: Fuseki 5.6.0 commits what it has of a body that broke off. A broken update lacks its brace.
        with _own_text():
            self._transport.send("POST", self._update_url, _UPDATE, parts, repeatable=False, seconds=_LOAD_SECONDS)

    def dump(self) -> Iterator[Quad]:
        """Iterate over every quad of one consistent state, as one request."""
        answer = self._transport.send("GET", self._graph_url, {"Accept": _QUADS}, repeatable=True, seconds=_LOAD_SECONDS, stream=True)
        try:
            with _whole_answers():
                yield from parse(cast(IO[bytes], answer), RdfFormat.N_QUADS)
        finally:
            answer.close()  # what was not read must not reach the next user of the connection

    def stranger(self, sparql: str, form: Form, media_type: str, limits: Limits, *, default: Iterable[str] = (), named: Iterable[str] = ()) -> Answer:
        """Run a stranger's query within limits: the server is asked to keep to the time, and reading stops at all of them.

        Memory is the server's own affair. A server that knows no `timeout` parameter should have a limit of its own.
        """
        whole = max(1, round(limits.seconds))  # Fuseki takes whole seconds, and ignores others
        seconds = max(whole, limits.seconds)
        fields = [("query", sparql), *(("default-graph-uri", name) for name in default), *(("named-graph-uri", name) for name in named)]
        form_body = urlencode([*fields, ("timeout", str(whole))]).encode()
        deadline = time.monotonic() + seconds + _GRACE_SECONDS
        headers = _FORM | {"Accept": source_type(form, media_type)}
        try:
            url = self._query_url if limits.newest else self._strangers_url
            answer = self._transport.send("POST", url, headers, form_body, repeatable=True, seconds=seconds + _GRACE_SECONDS, stream=True)
        except Refused as error:
            raise _refusal(error.text) from error
        except TimedOut as error:
            raise too_slow(limits) from error
        try:
            return receive(answer, form, media_type, limits, deadline)
        finally:
            answer.close()  # ends the query where it was not read to its end

    def health(self) -> None:
        """Return if the store answers within a second."""
        self._query("ASK {}", _RESULTS, _HEALTH_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _refusal(text: str) -> QueryRefused:
    """Say what the server found wrong, with the place that it names."""
    found = _POSITION.search(text)
    line, column = map(int, found.groups()) if found else (None, None)
    return QueryRefused(f"The store does not take the query: {text}", line=line, column=column)


def _inserting(opening: bytes, quads: Iterable[Quad]) -> Iterator[bytes]:
    yield opening
    remaining = map(_removable, quads)
    while part := list(islice(remaining, _CHUNK)):
        for graph, group in groupby(part, attrgetter("graph_name")):
            block = " .\n".join(str(quad.triple) for quad in group)
            yield (block + " .\n" if isinstance(graph, DefaultGraph) else f"GRAPH {graph} {{\n{block} }}\n").encode()
    yield b"}"


def _removable(quad: Quad) -> Quad:
    """Respell a decimal as `1.0` or `1.5`: TDB2 never finds one again for deletion that was written as `1` or `1.50` (apache/jena #3404)."""
    value = quad.object
    if not isinstance(value, Literal) or value.datatype != _DECIMAL or _CANONICAL_DECIMAL.fullmatch(value.value):
        return quad
    try:
        number = format(Decimal(value.value), "f")
    except InvalidOperation:
        return quad
    whole, _, fraction = number.partition(".")
    spelt = Literal(f"{whole}.{fraction.rstrip('0') or '0'}", datatype=_DECIMAL)
    return Quad(quad.subject, quad.predicate, spelt, quad.graph_name)


@contextmanager
def _own_text() -> Iterator[None]:
    """The hub's own text is never wrong, so a refusal is a fault of the program."""
    try:
        yield
    except Refused as error:
        raise ValueError(f"The store does not take the text: {error.text}") from error


@contextmanager
def _whole_answers() -> Iterator[None]:
    """An answer that was cut (Fuseki ends it with a comment and status 200) does not parse, or breaks off."""
    try:
        yield
    except SyntaxError as error:
        raise StoreUnavailable(f"The store's answer was cut or is not what it says: {error}") from error
    except HTTPError as error:
        raise unavailable(error) from error
