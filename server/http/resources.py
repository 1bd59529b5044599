"""The collections: one set of views for every kind, registered for each with what its shape declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from flask import Blueprint, Response, request, stream_with_context
from flask.typing import ResponseReturnValue

from server.errors import UnsupportedMediaType
from server.graph.kinds import Kind
from server.http import listing, pages, problems, representations, schemas, tracing, views
from server.http.auth import current_caller, current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Operation, Parameter, arguments
from server.services.assets import Conforms
from server.services.bulk import Outcome
from server.services.drafts import JSON, Document

View = Callable[..., ResponseReturnValue]
MERGE = "application/merge-patch+json"
UPDATE = "application/sparql-update"
RDF_PATCH = "application/rdf-patch"
_REASON = Parameter("reason", "Why the change is made; kept in the history (also as the header X-Reason).")
_DRY_RUN = Parameter("dry-run", "Only say whether it would be accepted.", type="boolean")


def list_things(kind: Kind) -> ResponseReturnValue:
    """Answer a page of a collection, or all of it in another vocabulary."""
    if (view := views.chosen_view(kind)) is not None:
        return views.collection(kind, view)
    found = current_hub().searching.find(kind.collection, request.args.to_dict(flat=False))
    return views.by_profile(listing.respond(kind, found), kind)


def create(kind: Kind) -> ResponseReturnValue:
    """Store a new thing."""
    hub, caller, document = current_hub(), current_caller(), representations.document()
    if arguments().get("dry-run"):
        return _verdict(hub.assets.try_create(caller, kind.collection, document))
    members = document.json() if document.media_type == JSON else None
    opening = hub.enrolment.opening(caller, kind.collection, members)
    if members is not None:
        document = Document(JSON, members)
    thing = hub.assets.create(caller, kind.collection, document, reason=representations.reason())
    if opening is not None:
        opening(thing.iri)
    response = representations.respond(thing, 201)
    response.headers["Location"] = thing.document.value
    return response


def read(kind: Kind, id: str) -> ResponseReturnValue:
    """Answer a thing, or one of its views."""
    if (view := views.chosen_view(kind)) is not None:
        return views.one(kind, id, view)
    return views.by_profile(representations.respond(current_hub().assets.read(kind.collection, id)), kind)


def replace(kind: Kind, id: str) -> ResponseReturnValue:
    """Replace the whole description of a thing."""
    assets, caller, document, expected = current_hub().assets, current_caller(), representations.document(), representations.expected()
    if arguments().get("dry-run"):
        return _verdict(assets.try_replace(caller, kind.collection, id, document, expected))
    return representations.respond(assets.replace(caller, kind.collection, id, document, expected, reason=representations.reason()).thing)


def patch(kind: Kind, id: str) -> ResponseReturnValue:
    """Change some members of a thing, or some triples of its graph."""
    hub, caller, expected, reason = current_hub(), current_caller(), representations.expected(), representations.reason()
    if request.mimetype == UPDATE:
        text = request.get_data().decode("utf-8", "replace")
        return representations.respond(hub.amending.update(caller, kind.collection, id, text, expected, reason=reason).thing)
    if request.mimetype not in (MERGE, JSON):
        raise UnsupportedMediaType(f"Send {MERGE} or {UPDATE}.")
    members = Document(JSON, request.get_data()).json()
    if hub.enrolment.give_role(caller, kind.collection, id, members) and not members:
        return representations.respond(hub.assets.read(kind.collection, id))
    return representations.respond(hub.assets.patch(caller, kind.collection, id, members, expected, reason=reason).thing)


def delete(kind: Kind, id: str) -> ResponseReturnValue:
    """Delete a thing."""
    hub, force = current_hub(), bool(arguments().get("force"))
    hub.enrolment.before_delete(kind.collection, id)
    hub.assets.delete(current_caller(), kind.collection, id, representations.expected(), force=force, reason=representations.reason())
    return Response(status=204)


def restore(kind: Kind, id: str) -> ResponseReturnValue:
    """Bring a thing or an old revision back."""
    revision = arguments().get("revision")
    thing = current_hub().assets.restore(current_caller(), kind.collection, id, revision, reason=representations.reason())
    return representations.respond(thing)


def history(kind: Kind, id: str) -> ResponseReturnValue:
    """List the revisions of a thing; as RDF, with their patches."""
    hub = current_hub()
    items = hub.past.history(kind.collection, id)
    if negotiate((JSON, *pages.GRAPHS)) == JSON:
        return vary(representations.json({"items": items}))
    document = hub.tools.document(kind, id)
    links = (f'<{document.value}>; rel="latest-version"',)
    return pages.graph(hub.linked.history(document), f"History of a {kind.label}", links=links, about=hub.tools.names.history(document))


def revision(kind: Kind, id: str, number: int) -> ResponseReturnValue:
    """Answer a thing as it was."""
    return representations.respond(current_hub().past.at(kind.collection, id, number), immutable=True)


def diff(kind: Kind, id: str) -> ResponseReturnValue:
    """Compare two revisions of a thing."""
    given = arguments()
    found = current_hub().past.diff(kind.collection, id, given.get("from"), given.get("to"))
    if negotiate((JSON, RDF_PATCH)) == RDF_PATCH:
        return vary(Response(found.patch, content_type=RDF_PATCH))
    return vary(representations.json(found.json()))


def bulk(kind: Kind) -> ResponseReturnValue:
    """Store many things from a stream; answer a line for each."""
    request.max_content_length = current_hub().settings.bundle_bytes  # a stream is read line by line and never held whole
    outcomes = current_hub().bulk.load(current_caller(), kind.collection, request.mimetype, request.stream)
    lines = (orjson.dumps(_line(each), option=orjson.OPT_APPEND_NEWLINE) for each in outcomes)
    return Response(stream_with_context(lines), content_type="application/x-ndjson")


def _line(outcome: Outcome) -> dict[str, Any]:
    if outcome.error is None:
        return {"line": outcome.line, "status": 201, "id": outcome.id, "iri": outcome.iri}
    problem = problems.document(problems.problem_of(outcome.error), outcome.error.detail, outcome.error)
    return {"line": outcome.line, "status": problem["status"], "problem": problem}


def _verdict(found: Conforms) -> Response:
    warnings = [{"pointer": each.pointer, "message": each.message} for each in found.warnings]
    return representations.json({"conforms": True, "warnings": warnings})


class Route(NamedTuple):
    """One row of the table: method, path below the collection, view, and what its operation says."""

    method: str
    path: str
    view: View
    describe: Callable[[schemas.Describer], Operation]


_FORCE = Parameter("force", "Delete although others refer to it (curators).", type="boolean")
_BACK_TO = Parameter("revision", "The revision to go back to.", type="integer", minimum=1)
_FROM = Parameter("from", "The older one; by default the one before `to`.", type="integer", minimum=0)
_TO = Parameter("to", "The newer one; by default the current one.", type="integer", minimum=1)
_VIEW = Parameter("view", "Answer this view of it instead.")

ROUTES = (
    Route("GET", "", list_things, lambda say: say.listing()),
    Route("POST", "", create, lambda say: say.writing("Create", 201, _DRY_RUN, _REASON)),
    Route("POST", "/bulk", bulk, lambda say: say.bulk()),
    Route("GET", "/<id>", read, lambda say: say.reading("Read", _VIEW)),
    Route("PUT", "/<id>", replace, lambda say: say.writing("Replace", 200, _DRY_RUN, _REASON)),
    Route("PATCH", "/<id>", patch, lambda say: say.patching(MERGE, UPDATE, _REASON)),
    Route("DELETE", "/<id>", delete, lambda say: say.deleting(_FORCE, _REASON)),
    Route("POST", "/<id>/restore", restore, lambda say: say.restoring(_BACK_TO, _REASON)),
    Route("GET", "/<id>/history", history, lambda say: say.described("List the revisions of", pages.GRAPHS)),
    Route("GET", "/<id>/revisions/<int:number>", revision, lambda say: say.reading("Read an old revision of")),
    Route("GET", "/<id>/lineage", tracing.lineage, lambda say: say.described("Trace the lineage of", tracing.TYPES, *tracing.QUERY)),
    Route("GET", "/<id>/reasoning", tracing.reasoning, lambda say: say.reasoning()),
    Route("GET", "/<id>/diff", diff, lambda say: say.plain("Compare two revisions of", _FROM, _TO)),
    Route("GET", "/<id>/views", views.list_of, lambda say: say.plain("List the views of")),
    Route("GET", "/<id>/views/<name>", views.read_view, lambda say: say.viewing()),
)


def blueprint(kinds: dict[str, Kind], describer: Callable[[Kind], schemas.Describer]) -> Blueprint:
    """Make the routes of all kinds."""
    made = Blueprint("resources", __name__, url_prefix="/api")
    for kind in kinds.values():
        say = describer(kind)
        for route in ROUTES:
            view = _bound(route.view, kind)
            view.operation = route.describe(say)  # type: ignore[attr-defined]
            endpoint = f"{kind.collection}_{route.view.__name__}"
            made.add_url_rule(f"/{kind.collection}{route.path}", endpoint, view, methods=[route.method])
    return made


def _bound(view: View, kind: Kind) -> View:
    def bound(**parts: Any) -> ResponseReturnValue:
        return view(kind, **parts)

    bound.__doc__ = view.__doc__
    return bound
