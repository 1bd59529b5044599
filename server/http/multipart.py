"""Read a form of several documents (`multipart/form-data`), each with a media type of its own, files or not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask import Request
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from server.errors import Malformed

MULTIPART = "multipart/form-data"
_MOST_PARTS = 1_000
_DOUBLED = re.compile(rb"--[^\r\n]*\r\r\n")


def parts(request: Request) -> list[tuple[str, bytes]]:
    """Return media type and content of each part of a form, in their order; raise `Malformed` for what is no form."""
    body, boundary = request.get_data(), request.mimetype_params.get("boundary", "")
    if _DOUBLED.match(body):  # a sender that turned line ends into CRLF which were CRLF before, in the documents too
        body = body.replace(b"\r\r\n", b"\r\n")
    try:
        found = list(_read(body, boundary.encode("latin-1")))
    except (ValueError, UnicodeError) as error:
        raise Malformed(f"The body is no form whose parts stand between the lines --{boundary[:80]}: {error}") from error
    if not found:
        raise Malformed("The form has no parts; send each document as one, with its media type.")
    return found


def _read(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    decoder = MultipartDecoder(boundary, max_parts=_MOST_PARTS)
    decoder.receive_data(body)
    decoder.receive_data(None)
    media_type, content = "", b""
    while not isinstance(event := decoder.next_event(), (Epilogue, NeedData)):
        if isinstance(event, (Field, File)):
            media_type, content = parse_options_header(event.headers.get("Content-Type"))[0].lower(), b""
        elif isinstance(event, Data):
            content += event.data
            if not event.more_data:
                yield media_type, content
