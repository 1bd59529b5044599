"""`/api/semantics`: search by what things mean, with criteria as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from server.errors import UnsupportedMediaType
from server.http import representations
from server.http.auth import current_caller, current_hub
from server.http.bodies import JSON
from server.http.operations import operation
from server.services.callers import Role
from server.services.drafts import Document

blueprint = Blueprint("semantic-search", __name__, url_prefix="/api/semantics")

_ONE_OR_MORE: dict[str, Any] = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "object"}]}
_NUMBER = {"type": "number"}
_COMPARED = {"name": {"type": "string"}, **dict.fromkeys(("lt", "lte", "gt", "gte"), _NUMBER)}
_TERMS = ("kind", "type", "algorithm", "implementation", "software", "task", "dataset", "aggregation", "creator", "keyword", "license")
_BODY = {
    "type": "object",
    "properties": {
        **dict.fromkeys(_TERMS, _ONE_OR_MORE),
        "metric": {"type": ["object", "array", "string"], "properties": {**_COMPARED, "eq": _NUMBER}},
        "parameter": {"type": ["object", "array", "string"], "properties": {**_COMPARED, "value": {"type": ["string", "number", "boolean"]}}},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        "offset": {"type": "integer", "minimum": 0},
    },
    "example": {
        "kind": "models",
        "algorithm": "LSTM",
        "metric": {"name": "test_RMSE", "lt": 0.3},
        "parameter": {"name": "learning_rate", "value": 0.003},
    },
}
_FOUND = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "object"}}, "next": {"type": "integer"}, "total": {"type": "integer"}},
}


@blueprint.post("/query")
@operation(
    "Find assets by what they mean",
    role=Role.reader,
    tag="search",
    body={JSON: _BODY},
    content={JSON: _FOUND},
    answers={200: "a page; `next` is the offset of the one after it, `total` is there on the last one", 400: "a member is unknown or wrong"},
    description="All criteria have to hold. A term is a label in any case, an IRI, or a name with a known prefix; "
    'a class stands for its subclasses too. Of several values one has to fit; of `{"all": […]}` each.',
)
def query() -> ResponseReturnValue:
    """Answer a page of what meets the criteria."""
    if request.mimetype not in (JSON, ""):
        raise UnsupportedMediaType(f"Send {JSON}.")
    found = current_hub().semantic_search.find(current_caller(), Document(JSON, request.get_data()).json(), request.remote_addr or "")
    ends = {"next": found.next, "total": found.total}
    return representations.json({"items": found.items, **{name: value for name, value in ends.items() if value is not None}})
