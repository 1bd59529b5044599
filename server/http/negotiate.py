"""Content negotiation (RFC 9110, 12): which of the media types a route can produce does the client want most?"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, request

from server.errors import NotAcceptable


def negotiate(offered: Sequence[str]) -> str:
    """Choose among the offered types by the Accept header, earlier ones first where the client has no preference.

    Raises `NotAcceptable` naming the types.
    """
    accepted = request.accept_mimetypes
    if not accepted:
        return offered[0]
    best, quality = None, 0.0
    for media_type in offered:
        if (rank := accepted.quality(media_type)) > quality and not _only_by_wildcard_html(media_type):
            best, quality = media_type, rank
    if best is None:
        raise NotAcceptable(f"This comes as {', '.join(offered)}.")
    return best


def _only_by_wildcard_html(media_type: str) -> bool:
    """Tell whether HTML would be sent to a client that did not name it."""
    return media_type == "text/html" and not any(value == "text/html" for value, _ in request.accept_mimetypes)


def vary(response: Response) -> Response:
    """Say that the answer depends on Accept."""
    response.vary.add("Accept")
    return response
