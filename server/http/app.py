"""The application: blueprints of all faces, and what happens around every request."""

from __future__ import annotations

import re
import secrets
import time

from flask import Flask, Request, Response
from flask.globals import app_ctx, request_ctx

from server import metrics
from server.graph.kinds import Registry
from server.http import (
    auditing,
    bodies,
    cords,
    fl_import,
    free_past,
    general,
    graphs,
    inventory,
    linked,
    mlflow,
    pages,
    problems,
    queries,
    resources,
    schemas,
    semantic_search,
    sparql,
    updates,
    validating,
    views,
)
from server.http.auth import current_caller, current_hub
from server.http.health import health
from server.http.operations import enforce
from server.http.people import people
from server.hub import Hub, build
from server.logs import log_request, request_id
from server.settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def create_app(settings: Settings, registry: Registry | None = None) -> Flask:
    """Open the hub and make its WSGI application; `registry` replaces the kinds of the settings' folders."""
    return application(build(settings, registry))


def application(hub: Hub) -> Flask:
    """Make the WSGI application of an open hub."""
    app = Flask("server.http", static_folder=None, template_folder="templates")
    app.request_class = bodies.BoundedRequest
    app.extensions["hub"] = hub
    app.config["MAX_CONTENT_LENGTH"] = hub.settings.body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = hub.settings.body_bytes
    app.url_map.strict_slashes = False
    app.before_request(_begin)
    app.before_request(_admit)
    problems.install(app)
    app.after_request(_finish)
    app.teardown_request(_forget)
    auditing.install(app)
    app.register_blueprint(resources.blueprint(hub.registry.kinds, lambda kind: schemas.Describer(hub.registry, kind)))
    for blueprint in (
        people,
        health,
        sparql.blueprint,
        queries.blueprint,
        views.blueprint,
        updates.blueprint,
        graphs.blueprint,
        free_past.blueprint,
        semantic_search.blueprint,
        general.blueprint,
        linked.blueprint,
        validating.blueprint,
        inventory.blueprint,
        mlflow.blueprint,
        fl_import.blueprint,
        *cords.BLUEPRINTS,
    ):
        app.register_blueprint(blueprint)
    if unstated := [endpoint for endpoint, view in app.view_functions.items() if not hasattr(view, "operation")]:
        raise TypeError(f"these routes do not say who may use them: {unstated}")
    return app


# A local name for the request and for what is kept about it: every use of flask's own looks both up anew.


def _begin() -> None:
    """Name the request and start its clock."""
    asked, kept = request_ctx.request, app_ctx.g
    given = asked.headers.get("X-Request-Id", "")
    kept.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    request_id.set(kept.request_id)
    if "chunked" in asked.headers.get("Transfer-Encoding", "").lower():
        asked.environ["wsgi.input_terminated"] = True  # the server ends a chunked body itself; without this it would be taken as empty
    kept.started = time.perf_counter()
    kept.spent = metrics.begin_request()


def _admit() -> Response | None:
    """Answer preflights, and let nobody further who may not use the route."""
    asked = request_ctx.request
    if asked.method == "OPTIONS" or asked.endpoint is None:
        return None
    enforce(current_caller())
    return None


def _forget(error: BaseException | None) -> None:
    """Let no later line of this thread carry the request's id."""
    request_id.set("")


def _finish(response: Response) -> Response:
    """Add what every answer has: the request id, timings, CORS; count and log it."""
    asked, kept = request_ctx.request, app_ctx.g
    total = time.perf_counter() - kept.get("started", time.perf_counter())
    spent: dict[str, float] = kept.get("spent", {})
    timings = ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in [*spent.items(), ("total", total)])
    response.headers.extend((("X-Request-Id", kept.get("request_id", "")), ("Server-Timing", timings), ("X-Content-Type-Options", "nosniff")))
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", pages.POLICY)
    if response.status_code in (204, 304):
        response.headers.pop("Content-Type", None)  # there is no content that it could describe
    _cors(asked, response)
    route = asked.url_rule.rule if asked.url_rule else "(none)"
    metrics.observe_request(asked.method, route, response.status_code, total)
    log_request(asked.method, route, response.status_code, total * 1000)
    return response


def _cors(asked: Request, response: Response) -> None:
    origin = asked.headers.get("Origin")
    response.headers["Vary"] = ", ".join((*response.headers.getlist("Vary"), "Origin"))
    if origin is None or origin not in current_hub().settings.cors_origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = "ETag, Link, Location, X-Request-Id, Retry-After"
    if asked.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET")
        response.headers["Access-Control-Allow-Headers"] = asked.headers.get("Access-Control-Request-Headers", "")
        response.headers["Access-Control-Max-Age"] = "600"
