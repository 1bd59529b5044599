"""Answers in the shapes that the clients of the CORDS service know: sorted, compact JSON, local times, and their kinds of error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from flask import Response

_OLD_NAMES = {"title": "name", "location": "ml_flow_model_path", "position": "role"}


def answer(members: Mapping[str, Any], status: int = 200) -> Response:
    """Answer an object as the old service did."""
    return Response(orjson.dumps(members, option=orjson.OPT_SORT_KEYS), status, content_type="application/json")


def local(moment: datetime) -> str:
    """Write a moment as the old service did: the server's local time with microseconds and without a zone."""
    return moment.astimezone().replace(tzinfo=None).isoformat(timespec="microseconds")


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
