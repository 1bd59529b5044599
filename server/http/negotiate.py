"""Content negotiation (RFC 9110, 12): which of the media types a route can produce does the client want most?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from flask import Response, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from server.errors import NotAcceptable

_REMEMBERED = 300  # characters of an Accept header; clients send few different ones, and longer ones are not worth the memory


def negotiate(offered: Sequence[str]) -> str:
    """Choose among the offered types by the Accept header, earlier ones first where the client has no preference.

    Raises `NotAcceptable` naming the types.
    """
    accept = request.headers.get("Accept", "")
    best = _remembered(accept, tuple(offered)) if len(accept) <= _REMEMBERED else _best(accept, offered)
    if best is None:
        raise NotAcceptable(f"This comes as {', '.join(offered)}.")
    return best


def _best(accept: str, offered: Sequence[str]) -> str | None:
    given = parse_accept_header(accept, MIMEAccept)
    if not given:
        return offered[0]
    accepted = MIMEAccept([(value.partition(";")[0].strip(), quality) for value, quality in given])  # charset and profile are wishes
    html = any(value == "text/html" for value, _ in accepted)  # it is sent to no client that did not name it
    best, quality = None, 0.0
    for media_type in offered:
        if (rank := accepted.quality(media_type)) > quality and (html or media_type != "text/html"):
            best, quality = media_type, rank
    return best


_remembered = lru_cache(maxsize=1024)(_best)


def vary(response: Response) -> Response:
    """Say that the answer depends on Accept."""
    response.headers.add("Vary", "Accept")
    return response
