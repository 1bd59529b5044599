"""`/api/assets`: the assets of all kinds in one list."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from server.http import representations
from server.http.auth import current_hub
from server.http.bodies import JSON
from server.http.operations import Parameter, arguments, operation
from server.services.callers import Role
from server.services.inventory import PASSED_ON, SORTS, Overview
from server.services.searching import MOST

blueprint = Blueprint("inventory", __name__)

QUERY = (
    Parameter("kind", "Only assets of this collection; repeat it for several.", many=True, example="models"),
    Parameter("q", "Full text."),
    Parameter("creator", "Only what this person created: an id or IRI of people.", many=True),
    Parameter("keywords", "Only what has this keyword.", many=True),
    Parameter("sort", "The order; newest first by default.", choices=SORTS),
    Parameter("limit", "Assets a page.", type="integer", minimum=1, maximum=MOST),
    Parameter("cursor", "Where the page before ended; `next` has it."),
)
_PERSON = {"type": ["object", "null"], "properties": {"id": {"type": "string"}, "iri": {"type": "string"}, "title": {"type": ["string", "null"]}}}
_ITEM = {"type": "object", "properties": {"kind": {"type": "string"}, "id": {"type": "string"}, "creator": _PERSON, "url": {"type": "string"}}}
_PAGE = {
    "type": "object",
    "required": ["items", "total"],
    "properties": {"items": {"type": "array", "items": _ITEM}, "total": {"type": "integer"}, "next": {"type": "string"}},
}


@blueprint.get("/api/assets")
@operation(
    "List the assets of all kinds and who created them",
    role=Role.reader,
    tag="assets",
    query=QUERY,
    content={JSON: _PAGE},
    description="Models, datasets, runs, federated-learning services and whatever other kind is declared as an asset, merged by time.",
)
def list_assets() -> ResponseReturnValue:
    """Answer a page of assets of all kinds."""
    page = asked()
    following = next_address(request.path, page.next)
    body = {"items": page.items, "total": page.total, **({"approximate": True} if page.approximate else {})}
    response = representations.json(body | ({"next": following} if following else {}))
    if following:
        response.headers.add("Link", f'<{following}>; rel="next"')
    return response


def asked(*kinds: str) -> Overview:
    """Return the page that the request asks for, of these kinds or of the ones that it names."""
    given = arguments()
    filters = {name: value if isinstance(value, list) else [value] for name in PASSED_ON if (value := given.get(name)) is not None}
    chosen = kinds or given.get("kind", ())
    return current_hub().inventory.page(chosen, given.get("sort", SORTS[0]), given.get("limit", 50), given.get("cursor"), filters)


def next_address(path: str, cursor: str | None) -> str | None:
    """Return the address of the next page: the same request with the cursor."""
    if cursor is None:
        return None
    parameters = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return f"{current_hub().tools.names.base.rstrip('/')}{path}?{urlencode([*parameters, ('cursor', cursor)])}"
