"""Validation as a service: a graph is judged and nothing is stored."""

from __future__ import annotations

from pathlib import PurePath

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from pyoxigraph import RdfFormat, parse

from server.errors import Malformed
from server.graph.rdf import FORMATS, TRIPLE_TYPES, write
from server.http import representations
from server.http.auth import current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Parameter, arguments, operation
from server.http.problems import PROBLEM
from server.services.callers import Role
from server.services.drafts import JSON, Document

blueprint = Blueprint("validating", __name__)

PARTS = "multipart/form-data"
_TEXT = {"type": "string"}
_PARTS = {"type": "object", "required": ["data"], "properties": {"data": _TEXT, "shapes": _TEXT}}
_ENDINGS = {".nt": "application/n-triples", ".rdf": "application/rdf+xml", ".owl": "application/rdf+xml", ".jsonld": "application/ld+json",
            ".json": JSON, ".trig": "application/trig", ".nq": "application/n-quads"}  # fmt: skip


@blueprint.post("/api/validate")
@operation(
    "Validate a graph; nothing is stored",
    role=Role.reader,
    tag="validation",
    query=(
        Parameter("kind", "The collection whose shape it has to conform to, as in a write of one thing.", example="models"),
        Parameter("shapes", "data: the document brings its shapes itself; or a collection, whose shape judges whatever things are in the graph."),
    ),
    body={JSON: {"type": "object"}, **dict.fromkeys(FORMATS, _TEXT), PARTS: _PARTS},
    answers={200: "it conforms", 408: "ended at the time limit", 422: "it does not; with the report", 429: "others are at it"},
    content={JSON: {"type": "object"}, **dict.fromkeys(TRIPLE_TYPES, _TEXT)},
    description="Without parameters each node is judged by the shapes of its types. multipart/form-data takes the parts data and shapes.",
)
def validate() -> ResponseReturnValue:
    """Judge a posted document; the report comes in any RDF type, or within JSON."""
    hub, given = current_hub(), arguments()
    document, shapes = _posted()
    chosen = negotiate((JSON, PROBLEM, *TRIPLE_TYPES))
    wanted = shapes or given.get("shapes")
    if wanted is not None and "kind" in given:
        raise Malformed("Name a kind, or send shapes; not both.")
    verdict = hub.validating.judge(document, given.get("kind")) if wanted is None else hub.validating.against(document, wanted, hub.linked)
    if chosen in (JSON, PROBLEM):
        warnings = [{"pointer": each.pointer, "message": each.message} for each in verdict.warnings]
        return vary(representations.json({"conforms": True, "warnings": warnings}))
    triples = [quad.triple for quad in parse(verdict.report, RdfFormat.N_TRIPLES, rename_blank_nodes=True)]
    return vary(Response(write(triples, chosen), content_type=chosen))


def _posted() -> tuple[Document, Document | None]:
    """Read the document, and the shapes where they were sent beside it."""
    if request.mimetype != PARTS:
        return representations.document(), None
    if unknown := sorted({*request.files, *request.form} - {"data", "shapes"}):
        raise Malformed(f"There is no part {unknown[0][:80]}; send data and shapes.")
    data = _part("data")
    if data is None:
        raise Malformed("The part data is missing: the graph to validate.")
    return data, _part("shapes")


def _part(name: str) -> Document | None:
    """Read a part: a file with its type, or by the end of its name, else Turtle."""
    if (file := request.files.get(name)) is not None:
        by_name = _ENDINGS.get(PurePath(file.filename or "").suffix.lower(), "text/turtle")
        return Document(file.mimetype if file.mimetype in (*FORMATS, JSON) else by_name, file.read())
    text = request.form.get(name)
    return Document("text/turtle", text.encode()) if text is not None else None
