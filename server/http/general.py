"""What belongs to no kind: the change log, validation, the OpenAPI document and its page, the context, pages about errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue

from server import VERSION
from server.errors import NotFound, TooManyRequests
from server.http import openapi, pages, problems, queries, representations
from server.http.auth import current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Parameter, arguments, operation
from server.hub import Hub
from server.services.callers import Role
from server.services.drafts import JSON

blueprint = Blueprint("general", __name__)

EVENTS = "text/event-stream"
HTML = "text/html"
_FOLLOWERS = BoundedSemaphore(8)  # each holds one of the threads that answer requests
_FOLLOW_SECONDS = 600.0
_LOOK_SECONDS = 0.3
_HERE = Path(__file__).parent / "static"
_PACKAGE = distribution("flask-openapi3-swagger").locate_file("flask_openapi3_swagger")  # only its files are used
_SWAGGER = Path(str(_PACKAGE)) / "templates" / "swagger"
_FILES = {
    "swagger-ui.css": _SWAGGER / "css",
    "swagger-ui-bundle.js": _SWAGGER / "js",
    "start.js": _HERE,
}


@blueprint.get("/api/changes")
@operation(
    "Read the change log",
    role=Role.reader,
    tag="changes",
    query=(
        Parameter("since", "Only changes with a higher number.", type="integer", minimum=0),
        Parameter("limit", "Changes a page.", type="integer", minimum=1, maximum=1000),
    ),
    content={JSON: {"type": "object"}, EVENTS: {"type": "string"}, **{each: {"type": "string"} for each in pages.GRAPHS}},
    description="Every accepted write in order, without gaps from 1. As text/event-stream it follows live; Last-Event-ID goes on where one ended.",
)
def changes() -> ResponseReturnValue:
    """Answer a page of the change log, or follow it."""
    given = arguments()
    since, limit = given.get("since", 0), given.get("limit", 100)
    hub = current_hub()
    chosen = negotiate((JSON, EVENTS, *pages.GRAPHS))
    if chosen == EVENTS:
        return _follow(hub, since)
    items, following = hub.past.changes(since, limit)
    if chosen != JSON:
        links = (f'<{hub.tools.names.changes.value}?since={following}&limit={limit}>; rel="next"',) if following is not None else ()
        return pages.graph(hub.linked.log(each["sequence"] for each in items), "Changes", links=links, about=hub.tools.names.changes)
    return vary(representations.json({"items": items, **({"next": following} if following is not None else {})}))


def _follow(hub: Hub, since: int) -> Response:
    """Answer a stream that goes on after the event that the client saw last."""
    if not _FOLLOWERS.acquire(blocking=False):
        raise TooManyRequests("Too many streams are open; poll /api/changes, or try again later.", retry_after=30)
    last = request.headers.get("Last-Event-ID", "")
    known = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else since
    response = Response(_events(hub, known), content_type=EVENTS)
    response.call_on_close(_FOLLOWERS.release)  # even where nobody reads a single event
    return response


def _events(hub: Hub, since: int) -> Iterator[bytes]:
    end = time.monotonic() + _FOLLOW_SECONDS
    yield b"retry: 1000\n\n"
    while time.monotonic() < end and not hub.closing.is_set():
        items, _ = hub.past.changes(since, 100)
        for item in items:
            since = item["sequence"]
            yield b"id: %d\nevent: change\ndata: %s\n\n" % (since, orjson.dumps(item))
        if not items:
            yield b": nothing new\n\n"
            hub.closing.wait(_LOOK_SECONDS)


@blueprint.get("/context.jsonld")
@operation("Read the JSON-LD context", role=Role.none, tag="linked data", content={"application/ld+json": {"type": "object"}}, lenient=True)
def context() -> ResponseReturnValue:
    """Answer the context with which the hub's JSON is its graphs."""
    response = representations.json({"@context": current_hub().tools.context}, media_type="application/ld+json")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Access-Control-Allow-Origin"] = "*"  # a context is for everybody's processor
    return response


@blueprint.get("/openapi.json")
@blueprint.get("/apispec.json", endpoint="apispec")  # where the clients of CORDS look for it
@operation("Read the OpenAPI document", role=Role.none, tag="operations", content={JSON: {"type": "object"}}, lenient=True)
def openapi_document() -> ResponseReturnValue:
    """Answer the OpenAPI 3.1 document of every route, and of every stored query that there is now."""
    document = _openapi()
    calls = {f"/queries/{each.name}": {"get": queries.describe(each)} for each in current_hub().reports.all()}
    return representations.json({**document, "paths": {**document["paths"], **calls}})


def _openapi() -> dict[str, Any]:
    store: dict[str, Any] = current_app.extensions
    if "openapi" not in store:
        store["openapi"] = openapi.build(current_app._get_current_object(), VERSION)  # type: ignore[attr-defined]
    document: dict[str, Any] = store["openapi"]
    return document


@blueprint.get("/docs")
@operation("Read the documentation of every route", role=Role.none, tag="operations", content={HTML: {"type": "string"}}, lenient=True)
def docs() -> ResponseReturnValue:
    """Answer a page on which every route can be read and tried."""
    page = Response(render_template("docs.html"), content_type="text/html; charset=utf-8")
    page.headers["Content-Security-Policy"] = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    return page


@blueprint.get("/docs/<name>")
@operation("Read a file of the documentation page", role=Role.none, tag="operations", content={"text/javascript": {"type": "string"}}, lenient=True)
def docs_file(name: str) -> ResponseReturnValue:
    """Answer a file of Swagger UI, from the package, never from another host."""
    if name not in _FILES:
        raise NotFound(f"The documentation page has no file {name[:80]}.")
    return send_from_directory(_FILES[name], name, max_age=3600)


@blueprint.get("/errors/<slug>")
@operation("Explain a type of problem", role=Role.none, tag="operations", content={JSON: {"type": "object"}, HTML: {"type": "string"}}, lenient=True)
def error_page(slug: str) -> ResponseReturnValue:
    """Say what a problem type means and what to do about it."""
    found = {each.slug: each for each in (*problems.TABLE.values(), *problems.OTHERS)}.get(slug)
    if found is None:
        raise NotFound(f"There is no problem type {slug[:80]}.")
    if negotiate((JSON, HTML)) == HTML:
        return vary(Response(render_template("error.html", problem=found), content_type="text/html; charset=utf-8"))
    return vary(representations.json({"type": f"/errors/{found.slug}", "status": found.status, "title": found.title, "advice": found.advice}))
