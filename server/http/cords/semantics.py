"""`/api/ml_models`: the semantic descriptions of models, generated and written by their owners, for the clients of the CORDS service."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from server.errors import UnsupportedMediaType
from server.http import representations
from server.http.auth import current_hub
from server.http.bodies import JSON
from server.http.cords.answers import answer, somebody
from server.http.operations import Parameter, arguments, operation
from server.services.callers import Role
from server.services.drafts import Document
from server.services.statements import METADATA, TYPES

blueprint = Blueprint("cords-semantics", __name__, url_prefix="/api/ml_models")

FULL = "full"

_TEXT = {"type": "string"}
_NODES = {"type": "object", "properties": {"@context": {"type": "object"}, METADATA: {"type": "array", "items": {"type": "object"}}}}
_EXAMPLE = {METADATA: [{"@id": "http://example.org#grid-search", "@type": "mls:Process", "mls:achieves": "load forecasting"}]}
_CONTENT = {JSON: {"type": "object", "properties": {"model_id": _TEXT, "semantics": _NODES}}}
_BODY = {JSON: {**_NODES, "example": _EXAMPLE}, **{each: _TEXT for each in TYPES if each != JSON}}
_OWN = """The body is the object `semantics` of an answer, or only its nodes that are yours: `@id` is `http://example.org#<name>`, or the model's
IRI for the model itself. What is generated already is passed over. JSON-LD, Turtle and other RDF about `<>`, the model, and `<#name>` do as well."""
_CHANGED = {200: "the description as it is now", 403: "it is somebody else's model", 404: "no such model", 422: "it does not conform"}
_IF_MATCH = {"If-Match": "The revision that the change was made from, if it matters."}


@blueprint.get("/generate_semantics/<model_id>")
@operation(
    "Describe a model in RDF",
    role=Role.reader,
    tag="CORDS",
    query=(
        Parameter("profile", "`full`: the whole graph as JSON-LD 1.1, which is the view `cords` of the model.", choices=("cords", FULL)),
        Parameter("refresh", "Ask MLflow even if that was done a moment ago.", type="boolean"),
    ),
    content=_CONTENT,
    answers={
        200: "the description: what follows from the run, and what the owner says",
        404: "no such model, or MLflow has no such run",
        502: "MLflow cannot be reached, and the run is not in the graph yet",
    },
    lenient=True,
)
def generate_semantics(model_id: str) -> ResponseReturnValue:
    """Answer the semantic description of a model."""
    somebody()
    given, semantics = arguments(), current_hub().semantics
    describe = semantics.whole if given.get("profile") == FULL else semantics.of
    return answer({"model_id": model_id, "semantics": describe(model_id, fresh=bool(given.get("refresh")))})


@blueprint.get("/semantics/<model_id>")
@operation("Read what the owner of a model says of it", role=Role.reader, tag="CORDS", content=_CONTENT, lenient=True)
def read_semantics(model_id: str) -> ResponseReturnValue:
    """Answer the own statements of a model, and nothing that is generated."""
    somebody()
    return answer({"model_id": model_id, "semantics": current_hub().semantics.own(model_id)})


@blueprint.put("/semantics/<model_id>")
@operation(
    "Replace what the owner of a model says of it",
    role=Role.contributor,
    tag="CORDS",
    body=_BODY,
    content=_CONTENT,
    answers=_CHANGED,
    headers=_IF_MATCH,
    lenient=True,
    description=_OWN,
)
def replace_semantics(model_id: str) -> ResponseReturnValue:
    """Put other own statements in the place of a model's."""
    return _written(model_id, add=False)


@blueprint.patch("/semantics/<model_id>")
@operation(
    "Add to what the owner of a model says of it",
    role=Role.contributor,
    tag="CORDS",
    body=_BODY,
    content=_CONTENT,
    answers=_CHANGED,
    headers=_IF_MATCH,
    lenient=True,
    description=f"{_OWN} A property that is given takes the place of what was said with it; `null` takes that away.",
)
def amend_semantics(model_id: str) -> ResponseReturnValue:
    """Add to the own statements of a model, or take some away."""
    return _written(model_id, add=True)


def _written(model_id: str, *, add: bool) -> ResponseReturnValue:
    media_type = request.mimetype or JSON
    if media_type not in TYPES:
        raise UnsupportedMediaType(f"{media_type} is not read here; send {', '.join(TYPES)}.")
    document, expected = Document(media_type, request.get_data()), representations.expected()
    return answer({"model_id": model_id, "semantics": current_hub().semantics.write(somebody(), model_id, document, expected, add=add)})
