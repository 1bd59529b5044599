"""`/api/ml_assets`: all assets and who created them, as the README of the CORDS service promised its clients."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.http.bodies import JSON
from server.http.cords.answers import CREATOR, creator, last_change, listed, local, somebody
from server.http.inventory import QUERY, asked
from server.http.operations import operation
from server.services.callers import Role
from server.services.inventory import plain_text

blueprint = Blueprint("cords-assets", __name__, url_prefix="/api")

_TYPES = {"models": "model", "datasets": "dataset", "fl-services": "fl_service", "fl-trainings": "fl_training"}
_TEXT = {"type": "string"}
_MEMBERS = dict.fromkeys(("asset_id", "asset_type", "name", "version", "description", "timestamp", "url"), _TEXT)
_ASSETS = {"type": "array", "items": {"type": "object", "properties": {**_MEMBERS, "created_by": CREATOR}}}


@blueprint.get("/ml_assets")
@operation(
    "List all assets and who created them",
    role=Role.reader,
    tag="CORDS",
    query=QUERY,
    content={JSON: _ASSETS},
    lenient=True,
    description="Newest first; a further page is in the header `Link`, the number of all in `X-Total-Count`. The same as objects: `/api/assets`.",
)
def list_ml_assets() -> ResponseReturnValue:
    """Answer a page of assets of all kinds."""
    somebody()
    page = asked()
    return listed([_asset(each) for each in page.items], page)


def _asset(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "asset_id": item["id"],
        "asset_type": _TYPES.get(item["kind"], item["kind"].removesuffix("s")),
        **{name: plain_text(item.get(key)) for name, key in (("name", "title"), ("version", "version"), ("description", "description"))},
        "timestamp": local(last_change(item)),
        "created_by": creator(item),
        "url": item["url"],
    }
