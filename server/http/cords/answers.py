"""Answers in the shapes that the clients of the CORDS service know: sorted, compact JSON, local times, and their kinds of error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from flask import Response, request

from server.http.auth import current_caller
from server.http.inventory import next_address
from server.services.callers import Caller
from server.services.inventory import Overview

CREATOR = {"type": ["object", "null"], "properties": {"user_id": {"type": "string"}, "name": {"type": "string"}}}

_OLD_NAMES = {"title": "name", "location": "ml_flow_model_path", "position": "role"}


def answer(members: Mapping[str, Any], status: int = 200) -> Response:
    """Answer an object as the old service did."""
    return Response(orjson.dumps(members, option=orjson.OPT_SORT_KEYS), status, content_type="application/json")


def local(moment: datetime) -> str:
    """Write a moment as the old service did: the server's local time with microseconds and without a zone."""
    return moment.astimezone().replace(tzinfo=None).isoformat(timespec="microseconds")


def somebody() -> Caller:
    """Return the caller; these routes never served anybody without an account."""
    caller = current_caller()
    caller.require_account()
    return caller


def listed(items: list[dict[str, Any]], page: Overview) -> Response:
    """Answer an array, as the old service did; what it has no member for is in the headers."""
    response = Response(orjson.dumps(items, option=orjson.OPT_SORT_KEYS), content_type="application/json")
    response.headers["X-Total-Count"] = str(page.total)
    if following := next_address(request.path, page.next):
        response.headers.add("Link", f'<{following}>; rel="next"')
    return response


def creator(item: Mapping[str, Any]) -> dict[str, str] | None:
    """Say who created an asset; None where nobody with an account did."""
    who = item.get("creator")
    return {"user_id": who["id"], "name": who["title"] or ""} if who else None


def last_change(item: Mapping[str, Any]) -> datetime:
    """Say when an asset was last changed; one that never was, when it was made."""
    return datetime.fromisoformat(item["created" if item["revision"] == 1 else "modified"])


def dress(problem: dict[str, Any], status: int) -> dict[str, Any]:
    """Put a problem's members beside those of the old error bodies, which win where both have a name."""
    if status == 401:
        return problem | {"code": 401, "message": "Unauthorized", "description": problem["detail"]}
    old = {"status": "failed", "message": "Error Occured", "error": problem["detail"]}
    return problem | old | ({"messages": {"json": _fields(problem["errors"])}} if "errors" in problem else {})


def _fields(faults: list[dict[str, str]]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for fault in faults:
        name = fault["pointer"].strip("/").partition("/")[0]
        fields.setdefault(_OLD_NAMES.get(name, name) or "_schema", []).append(fault["message"])
    return fields
