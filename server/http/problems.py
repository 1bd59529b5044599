"""Errors on the wire: one table from domain exceptions to RFC 9457 problems, and the one place that catches everything.

Compatibility faces may dress a problem in their old shape (`dress`), with the same members beside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask, Response, g, request
from pyoxigraph import RdfFormat, parse
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from server import errors
from server.errors import DoesNotConform, HubError, TooManyRequests
from server.graph.rdf import TRIPLE_TYPES, write
from server.http.auth import CHALLENGES
from server.http.negotiate import vary

LOG = logging.getLogger(__name__)
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """A type of problem: its status, the slug of its page under `/errors/`, its title, and what a client does about it."""

    status: int
    slug: str
    title: str
    advice: str


TABLE: Mapping[type[HubError], Problem] = {
    errors.Malformed: Problem(400, "malformed", "Malformed request", "Change what `errors` points at and send it again."),
    errors.QueryRefused: Problem(
        400, "query-refused", "Query refused", "Correct the query at the position named; SERVICE and remote FROM never run."
    ),
    errors.Unauthenticated: Problem(401, "unauthenticated", "Not authenticated", "Log in again, or leave the Authorization header out."),
    errors.Forbidden: Problem(403, "forbidden", "Not allowed", "Ask the owner or an administrator for the right named in `detail`."),
    errors.NotFound: Problem(404, "not-found", "Not found", "Check the address; lists and search name what exists."),
    errors.NotAcceptable: Problem(406, "not-acceptable", "No such representation", "Ask in `Accept` for one of the types in `detail`."),
    errors.QueryTimeout: Problem(408, "query-timeout", "Query took too long", "Narrow the query, add LIMIT, or ask a stored query."),
    errors.AlreadyExists: Problem(409, "already-exists", "Already exists", "Choose another id or value, or update what is there."),
    errors.InUse: Problem(409, "in-use", "Still in use", "Change the referrers first; curators may add ?force=true."),
    errors.Gone: Problem(410, "gone", "Deleted", "POST to its restore address brings it back."),
    errors.RevisionMismatch: Problem(412, "revision-mismatch", "Changed meanwhile", "Read it again, repeat your change on it, send the new ETag."),
    errors.TooLarge: Problem(413, "too-large", "Too large", "Send less at once; `/bulk` takes streams."),
    errors.UnsupportedMediaType: Problem(415, "unsupported-media-type", "Unsupported media type", "Send one of the types in `detail`."),
    errors.DoesNotConform: Problem(422, "does-not-conform", "Does not conform", "`errors` points at each fault; `report` is the SHACL report."),
    errors.RevisionRequired: Problem(428, "revision-required", "If-Match needed", "Send the ETag that the thing had when you read it."),
    errors.TooManyRequests: Problem(429, "too-many-requests", "Too many requests", "Wait as long as Retry-After says."),
    errors.UpstreamTimeout: Problem(504, "upstream-timeout", "A server behind the hub is too slow", "Try again later; `detail` names the server."),
    errors.UpstreamUnavailable: Problem(502, "upstream-unavailable", "A server behind the hub fails", "Try again later; `detail` names the server."),
    errors.QueryLimit: Problem(503, "query-limit", "Query needs too much", "Narrow the query or ask for less; `detail` names the limit."),
    errors.StoreUnavailable: Problem(
        503, "store-unavailable", "The store does not answer", "Try again after Retry-After; reads and writes are safe to repeat."
    ),
    errors.StoreFull: Problem(507, "store-full", "No room for another write", "The operator has to make room; reads go on."),
}
METHOD = Problem(405, "method-not-allowed", "Method not allowed", "Use one of the methods in the Allow header.")
INTERNAL = Problem(500, "internal", "Internal error", "Tell the operator the request id in `instance`.")
OTHERS = (METHOD, INTERNAL)
RETRY_AFTER = {503: "2", 502: "5", 504: "5"}

Dress = Callable[[dict[str, Any], int], dict[str, Any]]


def problem_of(error: HubError) -> Problem:
    """Find the problem type of an exception: its own, or that of its nearest ancestor in the table."""
    return next((TABLE[ancestor] for ancestor in type(error).__mro__ if ancestor in TABLE), INTERNAL)


def document(problem: Problem, detail: str, error: HubError | None = None) -> dict[str, Any]:
    """Write the members of a problem document (RFC 9457, 3.1)."""
    body: dict[str, Any] = {
        "type": f"/errors/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": f"urn:request:{g.get('request_id', '')}",
    }
    if error is not None:
        if error.faults:
            body["errors"] = [{"pointer": fault.pointer, "message": fault.message} for fault in error.faults]
        if isinstance(error, DoesNotConform) and error.report:
            body["report"] = orjson.loads(_report(error.report, "application/ld+json"))
        body.update({key: value for key, value in error.members.items() if value is not None})
    return body


def dress(blueprint: str, how: Dress) -> Dress:
    """Let a face answer its problems in an old shape: `how` takes the problem's members and status and returns the body."""
    _dressed[blueprint] = how
    return how


_dressed: dict[str, Dress] = {}


def install(app: Flask) -> None:
    """Answer every error of an application as a problem document."""
    app.register_error_handler(HubError, _domain)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _domain(error: HubError) -> Response:
    problem = problem_of(error)
    if isinstance(error, DoesNotConform) and error.report:
        if wanted := _report_type():
            return vary(Response(_report(error.report, wanted), problem.status, content_type=wanted))
        return vary(_answer(problem, document(problem, error.detail, error)))
    response = _answer(problem, document(problem, error.detail, error))
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _http(error: HTTPException) -> Response:
    """Answer what werkzeug and Flask refuse: unknown routes, wrong methods, bodies that are too large."""
    known: dict[int, Problem] = {problem.status: problem for problem in (*TABLE.values(), METHOD)}
    known[400], known[409], known[503] = TABLE[errors.Malformed], TABLE[errors.AlreadyExists], TABLE[errors.StoreUnavailable]
    if isinstance(error, RequestEntityTooLarge):
        return _answer(TABLE[errors.TooLarge], document(TABLE[errors.TooLarge], "The body is larger than HUB_BODY_BYTES allows."))
    if error.code is not None and error.code < 400:
        return Response(error.get_body(), error.code, error.get_headers())
    problem = known.get(error.code or 500, Problem(error.code or 500, "malformed", error.name, ""))
    detail = f"There is nothing at {request.path[:200]}." if error.code == 404 else error.description or error.name
    response = _answer(problem, document(problem, detail))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _unexpected(error: Exception) -> Response:
    """Answer a fault of the hub itself. The one boundary that catches everything: the trace goes to the log, never to the client."""
    LOG.error("unexpected error", exc_info=error)
    return _answer(INTERNAL, document(INTERNAL, "The hub failed; the operator finds the reason under this request id."))


def _answer(problem: Problem, body: dict[str, Any]) -> Response:
    how = _dressed.get((request.blueprint or "").partition(".")[0])
    if how is not None:
        response = Response(orjson.dumps(how(body, problem.status), option=orjson.OPT_SORT_KEYS), problem.status, content_type="application/json")
    else:
        response = Response(orjson.dumps(body), problem.status, content_type=PROBLEM)
    if problem.status in RETRY_AFTER:
        response.headers["Retry-After"] = RETRY_AFTER[problem.status]
    if problem.status == 401:
        for challenge in CHALLENGES:
            response.headers.add("WWW-Authenticate", challenge)
    return response


def _report_type() -> str | None:
    """Return the RDF type in which the client wants a SHACL report instead of a problem document, if it says so."""
    best = request.accept_mimetypes.best_match([PROBLEM, "application/json", *TRIPLE_TYPES], default=PROBLEM)
    if best == "application/ld+json" and request.endpoint != "validating.validate":
        return None  # elsewhere who sends JSON-LD asks for JSON-LD, and is told of problems in the usual form
    return best if best in TRIPLE_TYPES else None


def _report(ntriples: str, media_type: str) -> bytes:
    return write([quad.triple for quad in parse(ntriples, RdfFormat.N_TRIPLES, rename_blank_nodes=True)], media_type)  # RDF/XML takes few labels
