"""The face of the stored queries: their list, calls by name, and the door by which curators change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from server.errors import Fault, Malformed, UnsupportedMediaType
from server.http import openapi, representations
from server.http.auth import current_caller, current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Operation, Parameter, operation
from server.services.callers import Role
from server.services.parameters import Declared
from server.services.reports import Call, Kept
from server.services.stored import MOST_ROWS, StoredQuery
from server.services.tables import JSON, Result, offered

blueprint = Blueprint("queries", __name__)

SPARQL = "application/sparql-query"
FORM = "application/x-www-form-urlencoded"
_TAG = "stored queries"
_TEXT: dict[str, Any] = {"type": "string"}
_REASON = Parameter("reason", "Why the change is made; kept in the history (also as the header X-Reason).")
_IF_MATCH = {"If-Match": "The ETag of the revision that the change was made from, or *.", "X-Reason": "Why the change is made."}
_ANSWERS = {200: "the whole answer", 400: "a parameter is missing, unknown or wrong", 404: "no such query", 408: "ended at the time limit"}
_ROWS = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object"}}, "next": {"type": "string", "format": "uri"}}}
_ANY = {JSON: _ROWS, **dict.fromkeys((*offered("select")[1:], *offered("construct"), SPARQL), _TEXT)}


@blueprint.get("/queries")
@operation("List the stored queries", role=Role.reader, tag=_TAG, content={JSON: {"type": "object"}})
def list_queries() -> ResponseReturnValue:
    """Name every stored query with its parameters."""
    return representations.json({"items": [{**each.json(), "url": _address(each.name)} for each in current_hub().reports.all()]})


@blueprint.get("/queries/<name>")
@operation("Call a stored query, or read it", role=Role.reader, tag=_TAG, answers=_ANSWERS, content=_ANY, lenient=True)
def call_query(name: str) -> ResponseReturnValue:
    """Answer a call by its address; as application/sparql-query the query itself."""
    kept = current_hub().reports.read(name)
    chosen = negotiate((*offered(kept.query.form), SPARQL))
    return _definition(kept) if chosen == SPARQL else _call(kept.query, chosen, _given())


@blueprint.post("/queries/<name>")
@operation(
    "Call a stored query with a body", role=Role.reader, tag=_TAG, body={JSON: {"type": "object"}, FORM: {"type": "object"}},
    answers=_ANSWERS, content=_ANY, lenient=True,
)  # fmt: skip
def post_query(name: str) -> ResponseReturnValue:
    """Answer a call whose values come as JSON or as a form."""
    query = current_hub().reports.read(name).query
    return _call(query, negotiate(offered(query.form)), _given() | _posted())


@blueprint.put("/queries/<name>")
@operation(
    "Keep a stored query", role=Role.curator, tag=_TAG, query=(_REASON,), body={SPARQL: _TEXT}, headers=_IF_MATCH,
    answers={200: "replaced", 201: "kept", 400: "no query, or its header is wrong", 412: "changed meanwhile", 428: "If-Match needed"},
    content={SPARQL: _TEXT},
)  # fmt: skip
def put_query(name: str) -> ResponseReturnValue:
    """Check a query, try it with its examples, and store it under a name."""
    hub, text = current_hub(), _query_text()
    kept, new = hub.reports.keep(current_caller(), name, text, representations.expected(), reason=representations.reason())
    response = _definition(kept, 201 if new else 200)
    response.headers["Location"] = _address(name)
    return response


@blueprint.delete("/queries/<name>")
@operation(
    "Remove a stored query", role=Role.curator, tag=_TAG, query=(_REASON,), headers=_IF_MATCH,
    answers={204: "removed", 404: "no such query", 409: "it comes from a folder", 412: "changed meanwhile"},
)  # fmt: skip
def delete_query(name: str) -> ResponseReturnValue:
    """Remove a query from the store; its history stays."""
    current_hub().reports.delete(current_caller(), name, representations.expected(), reason=representations.reason())
    return Response(status=204)


@blueprint.get("/queries/<name>/history")
@operation("List the revisions of a stored query", role=Role.reader, tag=_TAG, content={JSON: {"type": "object"}})
def query_history(name: str) -> ResponseReturnValue:
    """List the revisions of a query, newest first."""
    return representations.json({"items": current_hub().reports.history(name)})


@blueprint.get("/queries/<name>/revisions/<int:number>")
@operation("Read an old revision of a stored query", role=Role.reader, tag=_TAG, content={SPARQL: _TEXT})
def query_revision(name: str, number: int) -> ResponseReturnValue:
    """Answer a query as it was."""
    return Response(current_hub().reports.at(name, number), content_type=f"{SPARQL}; charset=utf-8")


def _call(query: StoredQuery, media_type: str, given: Mapping[str, list[Any]]) -> Response:
    values = {name: each for name, each in given.items() if name not in ("limit", "offset", "timeout")}
    call = Call(
        values,
        limit=_number(given, "limit", 1),
        offset=_number(given, "offset", 0) or 0,
        seconds=_number(given, "timeout", 1),
        address=request.remote_addr or "",
        here=_here(query.name, given),
    )
    return _respond(current_hub().reports.run(current_caller(), query, call, media_type), call)


def _respond(result: Result, call: Call) -> Response:
    content_type = f"{result.media_type}; charset=utf-8" if result.media_type.startswith("text/") else result.media_type
    response = Response(result.parts, content_type=content_type)
    if result.following is not None:
        response.headers["Link"] = f'<{call.here}{result.following}>; rel="next"'
    response.headers["Cache-Control"] = "private, no-cache"
    return vary(response)


def _definition(kept: Kept, status: int = 200) -> Response:
    headers = {"ETag": f'"{kept.revision}-rq"', "Cache-Control": "private, no-cache"}
    return vary(Response(kept.query.text, status, headers, content_type=f"{SPARQL}; charset=utf-8"))


def _given() -> dict[str, list[Any]]:
    """Read the values in the address."""
    return {name: list(values) for name, values in request.args.lists()}


def _posted() -> dict[str, list[Any]]:
    """Read the values in the body."""
    if request.mimetype == FORM:
        return {name: list(values) for name, values in request.form.lists()}
    if request.mimetype not in (JSON, ""):
        raise UnsupportedMediaType(f"Send the values as {JSON} or {FORM}.")
    try:
        given = orjson.loads(request.get_data() or b"{}")
    except orjson.JSONDecodeError as error:
        raise Malformed(f"This is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    if not isinstance(given, dict):
        raise Malformed("Send a JSON object with a member for each parameter.")
    return {name: value if isinstance(value, list) else [value] for name, value in given.items() if value is not None}


def _number(given: Mapping[str, list[Any]], name: str, least: int) -> int | None:
    """Read one of the numbers that every query takes."""
    if name not in given:
        return None
    text = str(given[name][-1]) if given[name] else ""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
        message = f"{name} is a whole number of at least {least}."
        raise Malformed(message, faults=[Fault(f"?{name}", message)])
    return int(text)


def _here(name: str, given: Mapping[str, list[Any]]) -> str:
    """Return the address of this call up to the number of rows to leave out."""
    pairs = [(key, value) for key, values in given.items() if key != "offset" for value in values]
    return f"{_address(name)}?{urlencode([*pairs, ('offset', '')])}"


def _query_text() -> str:
    if request.mimetype not in (SPARQL, "text/plain", ""):
        raise UnsupportedMediaType(f"Send the query as {SPARQL}.")
    try:
        return str(request.get_data().decode())
    except UnicodeDecodeError as error:
        raise Malformed(f"The query is not UTF-8 at byte {error.start}.") from None


def _address(name: str) -> str:
    return f"{current_hub().tools.names.base}queries/{name}"


def describe(query: StoredQuery) -> dict[str, Any]:
    """Describe the calls of one query for the OpenAPI document."""
    return openapi.describe(f"query_{query.name.replace('-', '_')}", _operation(query))


def _operation(query: StoredQuery) -> Operation:
    paging = (
        Parameter("limit", f"Rows a page; {query.paging} if not given.", type="integer", minimum=1, maximum=MOST_ROWS),
        Parameter("offset", "Rows before the page.", type="integer", minimum=0),
    )
    return Operation(
        query.summary,
        Role.reader,
        _TAG,
        query=(*(_parameter(each) for each in query.parameters), *(paging if query.paging else ())),
        answers=_ANSWERS,
        content={each: _ROWS if each == JSON else _TEXT for each in offered(query.form)},
        description=query.description,
    )


def _parameter(declared: Declared) -> Parameter:
    return Parameter(
        declared.name,
        declared.description,
        type=declared.type if declared.type in ("integer", "number", "boolean") else "string",
        required=declared.required,
        many=declared.many,
        example=declared.sample and declared.native(declared.sample),
        choices=declared.choices,
    )
