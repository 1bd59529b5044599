"""The face of the SPARQL 1.1 Graph Store Protocol: `/graphs`, with graphs named by `?graph=` or `?default` or by the address itself."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from pyoxigraph import NamedNode

from server.errors import Fault, Malformed, UnsupportedMediaType
from server.graph.rdf import TRIPLE_TYPES, write
from server.http import representations
from server.http.auth import current_caller, current_hub
from server.http.multipart import MULTIPART, parts
from server.http.negotiate import negotiate, vary
from server.http.operations import Parameter, arguments, operation
from server.http.protocol import UPDATE
from server.services.callers import Role
from server.services.drafts import JSON, Document
from server.services.graphs import Given, Stored
from server.services.places import Place
from server.services.queries import GRAPH_TYPES

blueprint = Blueprint("graphs", __name__)

_GRAPH = Parameter("graph", "The graph's name: an absolute IRI. The document of a thing is the thing's graph.", example="http://example.org/notes")
_DEFAULT = Parameter("default", "The graph that stands for the default graph; `?default` without a value.")
_REASON = Parameter("reason", "Why the change is made; kept in the history (also as the header X-Reason).")
_NAMING, _FORCE = (_GRAPH, _DEFAULT), Parameter("force", "Delete a thing although others refer to it (curators).", type="boolean")
_LIST = (
    Parameter("limit", "Graphs a page.", type="integer", minimum=1, maximum=1000),
    Parameter("cursor", "Where to go on, as `next` of the page before has it."),
)
_TEXT = {"type": "string"}
_SAFE = "/:@!$&'()*+,;=~"  # what a path may hold as it is (RFC 3986, 3.3)
_RDF, _BODY = dict.fromkeys(GRAPH_TYPES, _TEXT), {**dict.fromkeys(TRIPLE_TYPES, _TEXT), MULTIPART: {"type": "object"}}
_ITEMS = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object"}}, "next": _TEXT}, "required": ["items"]}
_WRITTEN = {
    201: "the graph is new",
    204: "the graph was there",
    412: "it is not as the header If-Match says",
    422: "it does not conform; with the report",
}
_HEADERS = {"If-Match": "the ETag of the revision that the change was made from", "If-None-Match": "`*`: only if there is no such graph"}


@blueprint.get("/graphs")
@operation("Read a graph, or list the free ones", role=Role.reader, tag="graphs", query=(*_NAMING, *_LIST), content={**_RDF, JSON: _ITEMS})
def read() -> ResponseReturnValue:
    """Answer the graph that the parameters name; without them a page of the free graphs."""
    return _answer(_named()) if _names_one() else _page()


@blueprint.put("/graphs")
@operation("Put a graph", role=Role.contributor, tag="graphs", query=(*_NAMING, _REASON), body=_BODY, answers=_WRITTEN, headers=_HEADERS)
def put() -> ResponseReturnValue:
    """Let a graph hold the body and nothing else."""
    return _put(_named())


@blueprint.post("/graphs")
@operation(
    "Add to a graph, or to a new one", role=Role.contributor, tag="graphs", query=(*_NAMING, _REASON), body=_BODY, answers=_WRITTEN, headers=_HEADERS
)
def merge() -> ResponseReturnValue:
    """Add the body to a graph; where none is named, to one that gets a name."""
    return _merge(_named() if _names_one() else current_hub().graphs.new_name())


@blueprint.patch("/graphs")
@operation("Change a graph by SPARQL Update", role=Role.contributor, tag="graphs", query=(*_NAMING, _REASON), body={UPDATE: _TEXT}, headers=_HEADERS)
def patch() -> ResponseReturnValue:
    """Apply an update whose default graph this one is."""
    return _patch(_named())


@blueprint.delete("/graphs")
@operation("Delete a graph", role=Role.contributor, tag="graphs", query=(*_NAMING, _REASON, _FORCE), headers=_HEADERS)
def delete() -> ResponseReturnValue:
    """Delete a graph; a thing's graph is the thing."""
    return _delete(_named())


@blueprint.get("/graphs/<path:name>")
@operation("Read a graph by its address", role=Role.reader, tag="graphs", content=_RDF)
def read_direct(name: str) -> ResponseReturnValue:
    """Answer the graph of this address."""
    return _answer(_direct(name))


@blueprint.put("/graphs/<path:name>")
@operation("Put a graph by its address", role=Role.contributor, tag="graphs", query=(_REASON,), body=_BODY, answers=_WRITTEN, headers=_HEADERS)
def put_direct(name: str) -> ResponseReturnValue:
    """Let the graph of this address hold the body and nothing else."""
    return _put(_direct(name))


@blueprint.post("/graphs/<path:name>")
@operation("Add to a graph by its address", role=Role.contributor, tag="graphs", query=(_REASON,), body=_BODY, answers=_WRITTEN, headers=_HEADERS)
def merge_direct(name: str) -> ResponseReturnValue:
    """Add the body to the graph of this address."""
    return _merge(_direct(name))


@blueprint.patch("/graphs/<path:name>")
@operation(
    "Change a graph by SPARQL Update at its address", role=Role.contributor, tag="graphs", query=(_REASON,), body={UPDATE: _TEXT}, headers=_HEADERS
)
def patch_direct(name: str) -> ResponseReturnValue:
    """Apply an update to the graph of this address."""
    return _patch(_direct(name))


@blueprint.delete("/graphs/<path:name>")
@operation("Delete a graph by its address", role=Role.contributor, tag="graphs", query=(_REASON,), headers=_HEADERS)
def delete_direct(name: str) -> ResponseReturnValue:
    """Delete the graph of this address."""
    return _delete(_direct(name))


# Which graph


def _names_one() -> bool:
    return "graph" in request.args or "default" in request.args


def _named() -> NamedNode:
    """Read the name of the graph from the parameters; raise `Malformed` for none, both, or what is no absolute IRI."""
    given = request.args.getlist("graph")
    if ("default" in request.args) == bool(given) or len(given) > 1:
        raise Malformed("Name one graph: ?graph=<its IRI, percent-encoded>, or ?default.", faults=[Fault("?graph", "must be given once, or default")])
    if not given:
        return current_hub().tools.names.default_graph
    try:
        return NamedNode(given[0])
    except ValueError:
        raise Malformed(f"{given[0][:200]!r} is no absolute IRI.", faults=[Fault("?graph", "must be an absolute IRI")]) from None


def _direct(name: str) -> NamedNode:
    return NamedNode(f"{current_hub().tools.names.base}graphs/{quote(name, safe=_SAFE)}")


def _place(graph: NamedNode) -> Place:
    return current_hub().graphs.places.of(graph)


# Answers


def _answer(graph: NamedNode) -> Response:
    hub, place, chosen = current_hub(), _place(graph), negotiate(GRAPH_TYPES)
    if place.kind is not None:
        return _with_charset(representations.respond(hub.assets.read(place.collection, place.id), media_type=chosen))
    state = hub.graphs.read(graph)
    tag = _tag(state.revision, chosen)
    if representations.has(tag):
        return vary(Response(status=304, headers={"ETag": tag}))
    headers = {"ETag": tag, "Link": _links(place), "Cache-Control": "private, no-cache"}
    return _with_charset(vary(Response(write(hub.graphs.blank(state.triples), chosen, graph), 200, headers, content_type=chosen)))


def _with_charset(response: Response) -> Response:
    if response.mimetype == "text/turtle":
        response.headers["Content-Type"] = f"{response.mimetype}; charset=utf-8"
    return response


def _links(place: Place) -> str:
    return f'<{place.document.value}/history>; rel="version-history", <{current_hub().tools.names.base}graphs>; rel="collection"'


def _tag(revision: int, media_type: str) -> str:
    return f'"{revision}-{representations.SHORT[media_type]}"'


def _page() -> Response:
    hub, given = current_hub(), arguments()
    limit, base = given.get("limit", 100), hub.tools.names.base
    found = hub.graphs.listed(given.get("cursor", ""), limit + 1)
    items = [
        {
            "graph": name,
            "id": hub.tools.names.free_id(NamedNode(name)),
            "revision": revision,
            "modified": at,
            "url": f"{base}graphs?graph={quote(name, safe='')}",
        }
        for name, revision, at in found[:limit]
    ]
    following = f"{base}graphs?limit={limit}&cursor={quote(found[limit - 1][0], safe='')}" if len(found) > limit else None
    response = representations.json({"items": items, **({"next": following} if following else {})})
    if following:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


# Writes


def _given() -> Given:
    absent = request.headers.get("If-None-Match")
    if absent is not None and absent.strip() != "*":
        raise Malformed("If-None-Match takes * with a change: it is made only where there is no such graph.")
    return Given(representations.expected(), absent is not None, representations.reason())


def _documents() -> Sequence[Document]:
    """Take the body: one document, or one for each part of a form."""
    given = parts(request) if request.mimetype == MULTIPART else [(request.mimetype, request.get_data())]
    for media_type, _ in given:
        if media_type not in TRIPLE_TYPES:
            raise UnsupportedMediaType(
                f"{media_type or 'A body without a type'} is not read here; send {', '.join(TRIPLE_TYPES)}, or {MULTIPART} of these."
            )
    return [Document(media_type, content) for media_type, content in given]


def _put(graph: NamedNode) -> Response:
    return _stored(current_hub().graphs.put(current_caller(), graph, _documents(), _given()))


def _merge(graph: NamedNode) -> Response:
    return _stored(current_hub().graphs.merge(current_caller(), graph, _documents(), _given()))


def _patch(graph: NamedNode) -> Response:
    if request.mimetype != UPDATE:
        raise UnsupportedMediaType(f"Send {UPDATE}.")
    return _stored(current_hub().graphs.patch(current_caller(), graph, request.get_data().decode("utf-8", "replace"), _given()))


def _stored(stored: Stored) -> Response:
    response = Response(status=201 if stored.created else 204)
    del response.headers["Content-Type"]  # there is no content
    response.headers["ETag"] = _tag(stored.revision, "text/turtle")
    if stored.created:
        response.headers["Location"] = stored.graph.value
    return response


def _delete(graph: NamedNode) -> Response:
    hub, caller, place, given = current_hub(), current_caller(), _place(graph), _given()
    if place.kind is None:
        hub.graphs.delete(caller, graph, given)
    else:
        hub.enrolment.before_delete(place.collection, place.id)
        force = bool(arguments().get("force"))
        hub.assets.delete(caller, place.collection, place.id, given.expected, force=force, reason=given.reason)
    return Response(status=204)
