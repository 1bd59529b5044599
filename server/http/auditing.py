"""Write every request that changes something, or was refused, into the audit log."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request

from server.http.auth import current_hub
from server.http.operations import Operation
from server.logs import request_id
from server.services.audit import REFUSED, Entry, outcome_of
from server.services.callers import Caller, Role

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TELLING = frozenset({"health.archive"})  # reading the whole hub at once is worth a line


def install(app: Flask) -> None:
    """Record the requests of an application."""
    app.after_request(_record)


def _record(response: Response) -> Response:
    if _matters(response.status_code):
        caller: Caller | None = g.get("caller")
        current_hub().identity.audit.record(
            Entry(
                action=f"{request.method} {request.path}",
                outcome=outcome_of(response.status_code),
                account=caller.id if caller else None,
                person=caller.person if caller else None,
                token=caller.token if caller else None,
                status=response.status_code,
                request=request_id.get() or None,
                address=request.remote_addr,
            )
        )
    return response


def _matters(status: int) -> bool:
    if status == 429 and request.blueprint == "sparql":
        return False  # `services.query_log` has it
    if outcome_of(status) == REFUSED:
        return True
    if request.method in _SAFE:
        return request.endpoint in _TELLING
    if g.get("changing"):  # an update that came to /sparql
        return True
    # A POST that a reader may send is a question with a long text: SPARQL, a stored query, a validation.
    view = current_app.view_functions.get(request.endpoint or "")
    declared: Operation | None = getattr(view, "operation", None)
    return declared is None or declared.role is not Role.reader
