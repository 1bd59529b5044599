"""`/api/ml_models`: models and their semantic descriptions for the clients of the CORDS service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pyoxigraph import Literal

from server.clients.locations import Location
from server.graph.names import ID
from server.http.auth import current_hub
from server.http.bodies import JSON
from server.http.cords.answers import CREATOR, answer, creator, last_change, listed, local, somebody
from server.http.cords.forms import Text, filled, schema
from server.http.inventory import QUERY, asked
from server.http.operations import operation
from server.services.assets import ANY
from server.services.callers import Role
from server.services.describing import MODEL_KEYS
from server.services.drafts import Document
from server.services.inventory import plain_text
from server.services.things import Thing

blueprint = Blueprint("cords-models", __name__, url_prefix="/api/ml_models")

IMPORT_SECONDS = 8.0
"""How long adding a model waits for what MLflow knows of it."""

_COLLECTION = "models"
_MODEL = {
    "name": Text("Model name is required."),
    "version": Text("Version is required."),
    "description": Text("Description is required."),
    "ml_flow_model_path": Text("Model path is required."),
}
_KEYS = {"name": "title", "version": "version", "description": "description", "ml_flow_model_path": "location"}
_TEXT = {"type": "string"}
_EXAMPLE = {
    "name": "Test Model 1", "version": "1.0", "description": "This model is a test model",
    "ml_flow_model_path": "mlflow-artifacts:/208444466607110357/2c8c2fc3fefe4c56a29ac325c0bac39c/artifacts/knnmodel",
}  # fmt: skip
_SHOWN = {**_EXAMPLE, "model_id": "344f0e124bfb7363651bb080c3ca36f43a23094ab6566e1943f7592b7ff620e9", "timestamp": "2024-05-31T13:37:55.708378"}
_ANSWER = {JSON: {"type": "object", "properties": dict.fromkeys(("model_id", *_MODEL, "timestamp"), _TEXT), "example": _SHOWN}}
_LISTED = {"type": "object", "properties": {**dict.fromkeys(("model_id", *_MODEL, "timestamp"), _TEXT), "created_by": CREATOR}}
_PAGING = tuple(each for each in QUERY if each.name != "kind")
_PATHS = "`ml_flow_model_path` takes every form in which MLflow 2 and 3 name a model, and addresses in other stores."


@blueprint.post("/add_model")
@operation(
    "Add a model",
    role=Role.contributor,
    tag="CORDS",
    body=schema(_MODEL, **_EXAMPLE),
    content=_ANSWER,
    answers={201: "stored; what MLflow knows is imported if it answers soon, else when semantics are asked for"},
    lenient=True,
    description=f"{_PATHS} A `model_id` of 64 hexadecimal digits may be sent along.",
)
def add_model() -> ResponseReturnValue:
    """Store a model, and import its run if MLflow is there."""
    hub, given = current_hub(), filled(_MODEL)
    thing = hub.assets.create(somebody(), _COLLECTION, Document(JSON, _members(given) | _chosen_id(given)))
    return answer(_model(hub.harvest.attempt(thing, IMPORT_SECONDS)), 201)


@blueprint.get("/get_model/<model_id>")
@operation("Read a model", role=Role.reader, tag="CORDS", content=_ANSWER, lenient=True)
def get_model(model_id: str) -> ResponseReturnValue:
    """Answer a model."""
    somebody()
    return answer(_model(current_hub().assets.read(_COLLECTION, model_id)))


@blueprint.put("/update_model/<model_id>")
@operation(
    "Replace what a model says",
    role=Role.contributor,
    tag="CORDS",
    body=schema(_MODEL, **_EXAMPLE),
    content=_ANSWER,
    answers={200: "replaced; with another path, what was imported goes and is imported anew"},
    lenient=True,
    description=_PATHS,
)
def update_model(model_id: str) -> ResponseReturnValue:
    """Replace the four members of a model."""
    hub, caller, members = current_hub(), somebody(), _members(filled(_MODEL))
    moved = _text(hub.assets.read(_COLLECTION, model_id), "location") != members["location"]
    patch = (dict.fromkeys(MODEL_KEYS) if moved else {}) | members
    thing = hub.assets.patch(caller, _COLLECTION, model_id, patch, ANY).thing
    return answer(_model(hub.harvest.attempt(thing, IMPORT_SECONDS) if moved else thing))


@blueprint.get("/list_models")
@operation(
    "List the models and who created them",
    role=Role.reader,
    tag="CORDS",
    query=_PAGING,
    content={JSON: {"type": "array", "items": _LISTED}},
    lenient=True,
    description="Newest first; a further page is in the header `Link`, the number of all in `X-Total-Count`.",
)
def list_models() -> ResponseReturnValue:
    """Answer a page of models."""
    somebody()
    page = asked(_COLLECTION)
    return listed([_listed(each) for each in page.items], page)


@blueprint.delete("/delete_model/<model_id>")
@operation(
    "Delete a model",
    role=Role.contributor,
    tag="CORDS",
    content={JSON: {"type": "object", "properties": {"status": _TEXT, "message": _TEXT}}},
    answers={200: "deleted", 404: "no such model", 409: "others refer to it", 410: "deleted already"},
    lenient=True,
)
def delete_model(model_id: str) -> ResponseReturnValue:
    """Delete a model of the caller's."""
    current_hub().assets.delete(somebody(), _COLLECTION, model_id, ANY)
    return answer({"status": "success", "message": f"Model with ID {model_id} removed successfully."})


def _members(given: dict[str, Any]) -> dict[str, Any]:
    Location.parse(given["ml_flow_model_path"], "/ml_flow_model_path")
    return {key: given[name] for name, key in _KEYS.items()}


def _chosen_id(given: dict[str, Any]) -> dict[str, str]:
    chosen = given.get("model_id")
    return {"id": chosen} if isinstance(chosen, str) and ID.fullmatch(chosen) else {}


def _listed(item: dict[str, Any]) -> dict[str, Any]:
    members = {name: plain_text(item.get(key)) for name, key in _KEYS.items()}
    return {"model_id": item["id"], **members, "timestamp": local(last_change(item)), "created_by": creator(item)}


def _model(thing: Thing) -> dict[str, str]:
    changed = datetime.fromisoformat(_text(thing, "created" if thing.revision == 1 else "modified"))  # an import keeps when it was made
    return {"model_id": thing.id, **{name: _text(thing, key) for name, key in _KEYS.items()}, "timestamp": local(changed)}


def _text(thing: Thing, key: str) -> str:
    """Return a member as one text: untagged, else English, else whatever there is."""
    values = [each for each in thing.values(key) if isinstance(each, Literal)]
    values.sort(key=lambda each: (each.language is not None, each.language != "en", each.language or "", each.value))
    return values[0].value if values else ""
