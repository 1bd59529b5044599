"""The face of SPARQL 1.1 Update: `/update`, and `/sparql` where an update is sent there."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from server.errors import Fault, Malformed
from server.http import representations
from server.http.auth import current_caller, current_hub
from server.http.operations import Parameter, operation
from server.http.protocol import FORM, UPDATE, all_of, fields_of
from server.services.callers import Role
from server.services.drafts import JSON
from server.services.updating import Request

blueprint = Blueprint("updates", __name__)

USING = (
    Parameter("using-graph-uri", "graphs that a WHERE sees as default graph; not together with USING or WITH in the update", many=True),
    Parameter("using-named-graph-uri", "graphs that a WHERE sees by GRAPH", many=True),
    Parameter("reason", "Why the change is made; kept in the history before the update itself (also as the header X-Reason)."),
)
_TEXT = {"type": "string"}
_FIELDS = {"update": _TEXT} | {each.name: _TEXT for each in USING}
_WRITTEN = {
    "type": "object",
    "properties": {name: {"type": "integer"} for name in ("graphs", "added", "removed", "first", "last")},
    "required": ["graphs", "added", "removed"],
}


@blueprint.post("/update")
@operation(
    "Change graphs by SPARQL Update, all of it or nothing",
    role=Role.curator,
    tag="sparql",
    query=USING,
    body={UPDATE: _TEXT, FORM: {"type": "object", "properties": _FIELDS, "required": ["update"]}},
    answers={
        200: "how much was changed, and the numbers of the changes in the change log",
        422: "what would be left does not conform; nothing changed",
    },
    content={JSON: _WRITTEN},
    lenient=True,
    description="Any operation but LOAD. Every graph that it touches passes the gate of its kind; revisions have the update as reason.",
)
def update() -> ResponseReturnValue:
    """Run an update."""
    return answer()


def sent() -> bool:
    """Tell whether the request carries an update."""
    return request.mimetype == UPDATE or (request.mimetype == FORM and bool(all_of(fields_of((UPDATE, FORM), "update"), "update")))


def answer() -> Response:
    """Run the update that was sent, and say what it did."""
    g.changing = True  # for the audit log: what comes to /sparql is else a question
    done = current_hub().updating.run(current_caller(), _request())
    counts = {"graphs": len(done.changes), "added": done.added, "removed": done.removed}
    return representations.json(counts | ({"first": done.first, "last": done.first + len(done.changes) - 1} if done.changes else {}))


def _request() -> Request:
    fields = fields_of((UPDATE, FORM), "update")
    updates = all_of(fields, "update")
    if len(updates) != 1:
        raise Malformed(_NONE if not updates else "Send one update, not several.", faults=[Fault("?update", "must be given exactly once")])
    if request.mimetype == FORM and "update" in request.args:
        raise Malformed("An update is sent in the body, not in the address.", faults=[Fault("?update", "must be in the body")])
    return Request(
        text=updates[0],
        using=tuple(all_of(fields, "using-graph-uri")),
        using_named=tuple(all_of(fields, "using-named-graph-uri")),
        address=request.remote_addr or "",
        reason=representations.reason(),
    )


_NONE = (
    "An update is missing. Send it as the field `update` of a form (application/x-www-form-urlencoded), or as the body of a POST "
    "with the type application/sparql-update."
)
