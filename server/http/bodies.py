"""Bodies of requests: never more than the limit, and the small JSON ones of routes that are no collections against their declared schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Request, request
from werkzeug.exceptions import RequestEntityTooLarge

from server.errors import Fault, Malformed, UnsupportedMediaType
from server.http.operations import declared

JSON = "application/json"


class BoundedRequest(Request):
    """A request whose body is refused where it is too long, also where its length is not announced."""

    def get_data(self, *args: Any, **options: Any) -> Any:
        """Return the whole body; raise `RequestEntityTooLarge` where werkzeug would return its beginning."""
        data = super().get_data(*args, **options)
        if self.content_length is None and self.max_content_length is not None and len(data) >= self.max_content_length:
            raise RequestEntityTooLarge
        return data


def members() -> dict[str, Any]:
    """Return the members of the JSON object that was sent; raise `Malformed` with a pointer for each that is unknown, missing or wrong."""
    schema = declared().body[JSON]
    given = _parse(request.get_data())
    if faults := list(_faults(given, schema)):
        raise Malformed(f"{faults[0].pointer}: {faults[0].message}", faults=faults)
    return given


def time(given: Mapping[str, Any], member: str) -> datetime | None:
    """Read a member that holds a date or a time of RFC 3339; without a zone it is UTC."""
    if (text := given.get(member)) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        message = "must be a time such as 2027-01-31T00:00:00Z"
        raise Malformed(f"/{member}: {message}", faults=[Fault(f"/{member}", message)]) from None


def _parse(body: bytes) -> dict[str, Any]:
    if request.mimetype not in (JSON, "") and not request.mimetype.endswith("+json"):
        raise UnsupportedMediaType(f"Send {JSON}.")
    try:
        given = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise Malformed(f"This is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    if not isinstance(given, dict):
        raise Malformed("Send a JSON object.", faults=[Fault("", "must be an object")])
    return given


def _faults(given: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Fault]:
    known = schema["properties"]
    for name, value in given.items():
        if name not in known:
            yield Fault(f"/{_escaped(name)}", _unknown(name, list(known)))
        elif fault := _wrong(value, known[name]):
            yield Fault(f"/{name}", fault)
    yield from (Fault(f"/{name}", "is missing") for name in schema.get("required", ()) if name not in given)


def _wrong(value: Any, schema: Mapping[str, Any]) -> str | None:
    match schema["type"]:
        case "array":
            fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
            return None if fits else "must be an array of strings"
        case "boolean":
            return None if isinstance(value, bool) else "must be true or false"
        case _:
            return None if isinstance(value, str) else "must be a string"


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:80], known, n=1)
    return f"is no member here; did you mean {near[0]}?" if near else f"is no member here; known are {', '.join(known)}"


def _escaped(name: str) -> str:
    return name[:80].replace("~", "~0").replace("/", "~1")
