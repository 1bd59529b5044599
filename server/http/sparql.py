"""The face of SPARQL 1.1 Query: `/sparql`, for every client that speaks the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from server.graph.rdf import write
from server.http import representations, updates
from server.http.auth import current_caller, current_hub
from server.http.compression import compressed
from server.http.entailing import REASONING
from server.http.negotiate import vary
from server.http.operations import Parameter, operation
from server.http.protocol import ALIASES, FORM, QUERY, UPDATE, explains, only_wishes, question, real_type, wanted_type
from server.services.callers import Role
from server.services.endpoint import DESCRIPTION_PREFIXES
from server.services.queries import GRAPH_TYPES, TABLE_TYPES
from server.store.base import Form

blueprint = Blueprint("sparql", __name__)

_PART = 1 << 16  # what is sent at once
_QUERY = Parameter("query", "the query: SELECT, ASK, CONSTRUCT or DESCRIBE", example="SELECT * WHERE { ?s ?p ?o } LIMIT 10")
_OTHERS = (
    Parameter("default-graph-uri", "graphs that the query sees as default graph; without any, the union of all", many=True),
    Parameter("named-graph-uri", "graphs that the query sees by GRAPH", many=True),
    Parameter("format", "short name of the answer's type (json, xml, csv, tsv, turtle, nt, jsonld, rdf, trig, nq), before Accept", example="csv"),
    Parameter("output", "the same as format"),
    Parameter("results", "the same as format"),
    REASONING,
    Parameter("timeout", "seconds after which the query is ended; lowers HUB_QUERY_SECONDS and never raises it", type="number"),
    Parameter("explain", "tell what was asked, which limits held and where the time went, instead of the answer", type="boolean"),
)
_TEXT = {"type": "string"}
_FORM = {"type": "object", "properties": {each.name: _TEXT for each in (_QUERY, *_OTHERS)}, "required": ["query"]}
_ANSWERS = {200: "the whole answer: a table for SELECT and ASK, a graph for CONSTRUCT and DESCRIBE", 408: "ended at the time limit"}
_CONTENT = dict.fromkeys((*TABLE_TYPES, *GRAPH_TYPES, *ALIASES["table"]), _TEXT)


@blueprint.get("/sparql")
@operation(
    "Ask a SPARQL query",
    role=Role.reader,
    tag="sparql",
    query=(_QUERY, *_OTHERS),
    answers=_ANSWERS,
    content=_CONTENT,
    lenient=True,
    description="Without a query: the description of the service, with statistics of the graph, in RDF.",
)
def ask() -> ResponseReturnValue:
    """Answer a query in the address, or describe the service where there is none."""
    return _answer() if not only_wishes() else _describe()


@blueprint.post("/sparql")
@operation(
    "Ask a SPARQL query that is too long for an address",
    role=Role.reader,
    tag="sparql",
    query=_OTHERS,
    body={QUERY: _TEXT, FORM: _FORM, UPDATE: _TEXT},
    answers=_ANSWERS,
    content=_CONTENT,
    lenient=True,
)
def ask_long() -> ResponseReturnValue:
    """Answer a query in the body, or run an update in it."""
    return updates.answer() if updates.sent() else _answer()


def _describe() -> Response:
    # A browser, which asks for text/html, will get the editor here.
    media_type = wanted_type("construct")
    written = write(current_hub().endpoint.describe(), real_type("construct", media_type), prefixes=DESCRIPTION_PREFIXES)
    return compressed(vary(Response(written, content_type=_content_type(media_type))), len(written))


def _answer() -> Response:
    asked, caller, queries = question(), current_caller(), current_hub().queries
    if explains():
        return representations.json(queries.explain(caller, asked, lambda form: real_type(form, wanted_type(form))))
    wanted: list[str] = []

    def choose(form: Form) -> str:
        wanted.append(wanted_type(form))
        return real_type(form, wanted[0])

    answer = queries.run(caller, asked, choose)
    content_type = _content_type(wanted[0])
    if answer.length <= _PART or request.method == "HEAD":
        with answer.body as body:
            response = Response(body.read(_PART), content_type=content_type)
    else:
        response = Response(_parts(answer.body), content_type=content_type, direct_passthrough=True)
    response.content_length = answer.length
    return compressed(vary(response), answer.length)


def _parts(body: IO[bytes]) -> Iterator[bytes]:
    with body:
        while part := body.read(_PART):
            yield part


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
