"""The past of free graphs, where that of things is: below `/api`, by the id that lists and the header Link give."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from server.graph.rdf import write
from server.http import representations
from server.http.auth import current_caller, current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Parameter, arguments, operation
from server.http.resources import RDF_PATCH
from server.services.callers import Role
from server.services.drafts import JSON
from server.services.queries import GRAPH_TYPES

blueprint = Blueprint("free_past", __name__, url_prefix="/api/graphs")

_FROM = Parameter("from", "The older one; by default the one before `to`.", type="integer", minimum=0)
_TO = Parameter("to", "The newer one; by default the current one.", type="integer", minimum=1)
_BACK_TO = Parameter("revision", "The revision to go back to.", type="integer", minimum=1)
_REASON = Parameter("reason", "Why the change is made; kept in the history (also as the header X-Reason).")
_OBJECT, _TEXT = {"type": "object"}, {"type": "string"}
_RDF, _DIFFERENCE = dict.fromkeys(GRAPH_TYPES, _TEXT), {JSON: _OBJECT, RDF_PATCH: _TEXT}


@blueprint.get("/<id>/history")
@operation("List the revisions of a free graph", role=Role.reader, tag="graphs", content={JSON: _OBJECT})
def history(id: str) -> ResponseReturnValue:
    """List the revisions of a free graph."""
    return representations.json({"items": current_hub().free_past.history(id)})


@blueprint.get("/<id>/revisions/<int:number>")
@operation("Read an old revision of a free graph", role=Role.reader, tag="graphs", content=_RDF)
def revision(id: str, number: int) -> ResponseReturnValue:
    """Answer a free graph as it was."""
    hub = current_hub()
    graph, triples = hub.free_past.at(id, number)
    chosen = negotiate(GRAPH_TYPES)
    return vary(Response(write(hub.graphs.blank(triples), chosen, graph), content_type=chosen))


@blueprint.get("/<id>/diff")
@operation(
    "Compare two revisions of a free graph",
    role=Role.reader,
    tag="graphs",
    query=(_FROM, _TO),
    content=_DIFFERENCE,
)
def diff(id: str) -> ResponseReturnValue:
    """Say what changed between two revisions of a free graph."""
    given = arguments()
    found = current_hub().free_past.diff(id, given.get("from"), given.get("to"))
    if negotiate((JSON, RDF_PATCH)) == RDF_PATCH:
        return vary(Response(found.patch, content_type=RDF_PATCH))
    return vary(representations.json(found.json()))


@blueprint.post("/<id>/restore")
@operation("Bring back a free graph", role=Role.curator, tag="graphs", query=(_BACK_TO, _REASON), answers={204: "it is back"})
def restore(id: str) -> ResponseReturnValue:
    """Bring a free graph or an old revision of one back."""
    stored = current_hub().free_past.restore(current_caller(), id, arguments().get("revision"), representations.reason())
    return Response(status=204, headers={"ETag": f'"{stored.revision}-ttl"', "Content-Location": stored.graph.value})
