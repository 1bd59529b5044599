"""The face of SPARQL 1.1 Query: `/sparql`, for every client that speaks the protocol."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from werkzeug.wsgi import FileWrapper

from server.http import updates
from server.http.auth import current_caller, current_hub
from server.http.entailing import REASONING
from server.http.negotiate import vary
from server.http.operations import Parameter, operation
from server.http.protocol import ALIASES, FORM, QUERY, UPDATE, question, real_type, wanted_type
from server.services.callers import Role
from server.services.queries import GRAPH_TYPES, TABLE_TYPES

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
)
_TEXT = {"type": "string"}
_FORM = {"type": "object", "properties": {each.name: _TEXT for each in (_QUERY, *_OTHERS)}, "required": ["query"]}
_ANSWERS = {200: "the whole answer: a table for SELECT and ASK, a graph for CONSTRUCT and DESCRIBE", 408: "ended at the time limit"}
_CONTENT = dict.fromkeys((*TABLE_TYPES, *GRAPH_TYPES, *ALIASES["table"]), _TEXT)


@blueprint.get("/sparql")
@operation("Ask a SPARQL query", role=Role.reader, tag="sparql", query=(_QUERY, *_OTHERS), answers=_ANSWERS, content=_CONTENT, lenient=True)
def ask() -> ResponseReturnValue:
    """Answer a query in the address."""
    return _answer()


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


def _answer() -> Response:
    answer = current_hub().queries.run(current_caller(), question(), lambda form: real_type(form, wanted_type(form)))
    media_type = wanted_type(answer.form)
    content_type = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    if answer.length <= _PART:
        with answer.body as body:
            return vary(Response(body.read(), content_type=content_type))
    response = Response(FileWrapper(answer.body, _PART), content_type=content_type, direct_passthrough=True)
    response.content_length = answer.length
    return vary(response)
