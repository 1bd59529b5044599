"""Bodies of the CORDS interface: which strings they need, and what is said, in the old words, of those that are missing or wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import request

from server.errors import Fault, Malformed
from server.http.bodies import JSON

_SHORT = 2**15  # bytes; longer bodies are read in one piece
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,190}")


@dataclass(frozen=True)
class Text:
    """A required string: the sentence for when it is missing, its least length, and whether it is an e-mail address."""

    missing: str
    least: int = 1
    email: bool = False

    def faults(self, given: Mapping[str, Any], name: str) -> Iterator[str]:
        """Say what is wrong with it."""
        if name not in given:
            yield self.missing
        elif given[name] is None:
            yield "Field may not be null."
        elif not isinstance(given[name], str):
            yield "Not a valid string."
        else:
            if self.email and not _EMAIL.fullmatch(given[name]):
                yield "Not a valid email address."
            if len(given[name]) < self.least:
                yield f"Shorter than minimum length {self.least}."


Form = Mapping[str, Text]


def schema(form: Form, **example: str) -> Mapping[str, Any]:
    """Describe a form for the OpenAPI document, with an example that can be sent."""
    properties = {name: {"type": "string", "minLength": text.least} | ({"format": "email"} if text.email else {}) for name, text in form.items()}
    return {JSON: {"type": "object", "required": list(form), "properties": properties, "example": example}}


def filled(form: Form) -> dict[str, Any]:
    """Return the body that was sent if every string of the form is there; raise `Malformed` with a fault for each that is not.

    Members that the form does not name are passed on and nothing is said of them. A body of another media type counts as an empty object.
    """
    given = sent()
    if not isinstance(given, dict):
        raise Malformed("Send a JSON object.", faults=[Fault("/_schema", "Invalid input type.")])
    if faults := [Fault(f"/{name}", message) for name, text in form.items() for message in text.faults(given, name)]:
        raise Malformed(f"{faults[0].pointer[1:]}: {faults[0].message}", faults=faults)
    return given


def sent() -> Any:
    """Return the JSON that was sent, an empty object for a body of another media type; raise `Malformed` for what is no JSON."""
    if request.mimetype != JSON and not request.mimetype.endswith("+json"):
        return {}
    try:
        return orjson.loads(_document())
    except orjson.JSONDecodeError as error:
        where = f"Invalid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise Malformed(where, faults=[Fault("/_schema", where)]) from None


def _document() -> bytes:
    """Read the body as far as its JSON object goes.

    The calls that the CORDS service prints in its README announce more bytes than they send (`Content-Length: 224` before 203), and a
    server that waits for the rest never answers them. What has begun as an object is complete with its last brace.
    """
    length = request.content_length
    if length is None or length > _SHORT:
        return request.get_data()
    read, depth, quoted, escaped = bytearray(), 0, False, False
    while byte := request.stream.read(1):
        read += byte
        if quoted:
            quoted, escaped = escaped or byte != b'"', not escaped and byte == b"\\"
        elif byte == b'"':
            quoted = True
        elif byte in b"{[":
            depth += 1
        elif byte in b"}]" and (depth := depth - 1) == 0:
            break
    return bytes(read)
