"""Pages of a collection on the wire: JSON, JSON-LD, CSV and Turtle."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from server.graph.kinds import Kind
from server.graph.rdf import read, write
from server.http.auth import current_hub
from server.http.negotiate import negotiate, vary
from server.services.drafts import JSON
from server.services.searching import Listing, shown

LD = "application/ld+json"
TURTLE = "text/turtle"
CSV = "text/csv"
TYPES = (JSON, LD, TURTLE, CSV)


def respond(kind: Kind, found: Listing) -> Response:
    """Answer a page in the type that the client wants, with a link to the next one."""
    chosen = negotiate(TYPES)
    following = _next(kind, found)
    response = Response(_WRITERS[chosen](kind, found, following), content_type=f"{CSV}; charset=utf-8" if chosen == CSV else chosen)
    if following:
        response.headers.add("Link", f'<{following}>; rel="next"')
    response.headers["Cache-Control"] = "private, no-cache"
    return vary(response)


def _next(kind: Kind, found: Listing) -> str | None:
    """Return the address of the next page: the same request with the cursor."""
    if found.page.next is None:
        return None
    parameters = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    query = urlencode([*parameters, ("cursor", found.page.next)])
    return f"{current_hub().tools.names.base}api/{kind.collection}?{query}"


def _items(found: Listing) -> list[Any]:
    if not found.fields:
        return [orjson.Fragment(item) for item in found.page.items]
    return [shown(orjson.loads(item), found.fields) for item in found.page.items]


def _json(kind: Kind, found: Listing, following: str | None) -> bytes:
    body: dict[str, Any] = {"items": _items(found), "total": found.page.total}
    if found.page.approximate:
        body["approximate"] = True
    if following:
        body["next"] = following
    if found.facets is not None:
        body["facets"] = {key: [{"value": value, "count": count} for value, count in facet.values] for key, facet in found.facets.items()}
        if any(facet.approximate for facet in found.facets.values()):
            body["facets_approximate"] = True
    return orjson.dumps(body)


def _json_ld(kind: Kind, found: Listing, following: str | None) -> bytes:
    return orjson.dumps({"@context": current_hub().tools.context_of(kind), "@graph": _items(found)})


def _turtle(kind: Kind, found: Listing, following: str | None) -> bytes:
    tools = current_hub().tools
    whole = orjson.dumps({"@context": tools.context, "@graph": [orjson.Fragment(item) for item in found.page.items]})
    return write(set(read(whole, LD, tools.names.base, tools.context, tools.context_iri)), TURTLE)


def _csv(kind: Kind, found: Listing, following: str | None) -> bytes:
    """Write one row a thing: its own single values as they are, everything else as JSON."""
    columns = list(found.fields) or ["id", "iri", "type", "revision", *(field.key for field in kind.fields)]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    for item in found.page.items:
        members = orjson.loads(item)
        table.writerow([_cell(members.get(column)) for column in columns])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Write one cell; text that a spreadsheet would take for a formula is quoted."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else orjson.dumps(value).decode()


_WRITERS = {JSON: _json, LD: _json_ld, TURTLE: _turtle, CSV: _csv}
