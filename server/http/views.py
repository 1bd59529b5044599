"""Views on the wire: of a thing, of a whole collection as a stream, and of everything page by page; chosen by name or by profile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from pyoxigraph import Literal, NamedNode, Triple

from server.errors import Fault, Malformed, NotAcceptable, NotFound
from server.graph.kinds import Kind
from server.graph.rdf import FORMATS
from server.graph.vocabulary import RDF
from server.http import representations
from server.http.auth import current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Parameter, arguments, operation
from server.hub import Hub
from server.services.callers import Role
from server.services.drafts import JSON
from server.services.searching import Listing
from server.services.views import TEMPLATES, Subject, View, describe

blueprint = Blueprint("views", __name__)

LD = "application/ld+json"
PART = 500  # things that are asked for at once
_PAGE, _MOST = 100, 1000
_PROFILE = re.compile(r"\s*<([^<>\"\s]{1,500})>\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*(?:,|$)")
_HYDRA = "http://www.w3.org/ns/hydra/core#"


@blueprint.get("/views")
@operation("List the views", role=Role.reader, tag="views", content={JSON: {"type": "object"}})
def list_all() -> ResponseReturnValue:
    """Name every view, for which kinds it exists, its profiles and its types."""
    views = current_hub().views
    return representations.json({"items": [{**describe(each), "url": views.address(each)} for each in views.all.values()]})


@blueprint.get("/views/<name>")
@operation(
    "Read everything in another vocabulary, page by page",
    role=Role.reader,
    tag="views",
    query=(
        Parameter("kind", "Only this collection."),
        Parameter("limit", f"Things a page; {_PAGE} if not given.", type="integer", minimum=1, maximum=_MOST),
        Parameter("cursor", "Where the next page begins; the link to it has it."),
    ),
    answers={200: "the page", 404: "no such view", 406: "no such type"},
    content={each: {"type": "string"} for each in FORMATS},
    description="A catalogue for harvesters: each page links to the next by the header Link and by hydra:next.",
)
def catalogue(name: str) -> ResponseReturnValue:
    """Answer a page of all things that a view exists for."""
    hub, given = current_hub(), arguments()
    view = hub.views.all.get(name)
    if view is None:
        raise NotFound(f"There is no view {name[:80]}; there are {', '.join(hub.views.all)}.")
    kinds = _kinds(hub, view, given.get("kind"))
    chosen = _type(view.graph_types)
    subjects, following = _page(hub, kinds, given.get("limit", _PAGE), given.get("cursor"))
    here = NamedNode(hub.views.address(view))
    more = _hydra(here, following and _address(here.value, following), sum(_find(hub, each, 1, None).page.total for each in kinds))
    parts = [subjects or [Subject(here, here)]]
    response = _answer(hub.views.write_many(view, parts, chosen, more), chosen, view)
    if following:
        response.headers.add("Link", f'<{_address(here.value, following)}>; rel="next"')
    return response


def list_of(kind: Kind, id: str) -> ResponseReturnValue:
    """List the views of a thing."""
    hub = current_hub()
    thing = hub.assets.read(kind.collection, id)
    return representations.json({"items": hub.views.of(kind.collection, thing.document.value)})


def read_view(kind: Kind, id: str, name: str) -> ResponseReturnValue:
    """Answer a thing in another vocabulary."""
    return one(kind, id, current_hub().views.named(name, kind.collection))


def one(kind: Kind, id: str, view: View) -> Response:
    """Answer the view of a thing."""
    hub = current_hub()
    thing = hub.assets.read(kind.collection, id)
    chosen = _type(view.media_types)
    return _answer(hub.views.write(view, Subject(thing.iri, thing.document), LD if chosen == JSON else chosen), chosen, view)


def collection(kind: Kind, view: View) -> Response:
    """Answer the view of what a list holds: all of it as a stream, or one page where a limit or cursor is given."""
    hub, chosen = current_hub(), _type(view.graph_types)
    parameters = request.args.to_dict(flat=False)
    parameters.pop("view", None)
    paged = "limit" in parameters or "cursor" in parameters
    first = hub.searching.find(kind.collection, parameters if paged else {**parameters, "limit": [str(PART)]})
    parts = iter([_subjects(hub, kind.collection, first)]) if paged else _parts(hub, kind.collection, parameters, first)
    response = _answer(hub.views.write_many(view, parts, chosen), chosen, view)
    if paged and first.page.next:
        pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
        response.headers.add("Link", f'<{hub.tools.names.base}api/{kind.collection}?{urlencode([*pairs, ("cursor", first.page.next)])}>; rel="next"')
    return response


def chosen_view(kind: Kind) -> View | None:
    """Find the view that is asked for by the parameter `view` or by Accept-Profile; None is the thing as it is.

    Raises `NotFound` for a name and `NotAcceptable` for profiles of which the kind has none, `Malformed` for a header that is none.
    """
    views = current_hub().views
    if name := request.args.get("view"):
        return views.named(name, kind.collection)
    header = request.headers.get("Accept-Profile")
    if not header:
        return None
    offered = {iri: view for view in views.all.values() if view.covers(kind.collection) for iri in view.profiles}
    for iri in _wished(header):
        if iri in (kind.iri, shape_of(kind)):
            return None
        if iri in offered:
            return offered[iri]
    raise NotAcceptable(f"The {kind.collection} follow the profiles {', '.join(f'<{each}>' for each in (shape_of(kind), *offered))}.")


def by_profile(response: Response, kind: Kind) -> Response:
    """Say of the plain answer that another profile may be asked for, and which one this is where one was."""
    response.headers.add("Vary", "Accept-Profile")
    if "Accept-Profile" in request.headers:
        _profiles(response, (shape_of(kind),))
    return response


def shape_of(kind: Kind) -> str:
    """Name the profile that things of a kind follow as they are."""
    return f"{current_hub().tools.names.base}shapes/{kind.collection}"


def _wished(header: str) -> list[str]:
    """Read Accept-Profile (Content Negotiation by Profile): IRIs in angle brackets with a quality, the most wanted first."""
    found, end = [], 0
    while end < len(header):
        match = _PROFILE.match(header, end)
        if match is None:
            message = "Accept-Profile takes IRIs in angle brackets, such as <http://data.europa.eu/r5r/>, with commas between."
            raise Malformed(message, faults=[Fault("Accept-Profile", message)])
        found.append((float(match[2] or 1), match[1]))
        end = match.end()
    return [iri for quality, iri in sorted(found, key=lambda each: -each[0]) if quality > 0]


def _type(offered: Sequence[str]) -> str:
    """Choose a type; who asks for JSON alone gets the tree where there is one."""
    return negotiate((*offered, JSON)) if offered and LD in offered[: offered.index("text/turtle")] else negotiate(offered)


def _answer(content: bytes | Iterator[bytes], media_type: str, view: View) -> Response:
    response = Response(content, content_type=f"{media_type}; charset=utf-8" if media_type in TEMPLATES else media_type)
    _profiles(response, view.profiles)
    response.headers.add("Vary", "Accept-Profile")
    response.headers["Cache-Control"] = "private, no-cache"
    if media_type == "text/html":
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return vary(response)


def _profiles(response: Response, profiles: Sequence[str]) -> None:
    if profiles:
        response.headers["Content-Profile"] = ", ".join(f"<{each}>" for each in profiles)
        for each in profiles:
            response.headers.add("Link", f'<{each}>; rel="profile"')


def _parts(hub: Hub, name: str, parameters: dict[str, Any], first: Listing) -> Iterator[list[Subject]]:
    """Read a list to its end, as many things at once as are asked for in one query."""
    found = first
    while True:
        yield _subjects(hub, name, found)
        if not found.page.next:
            return
        found = hub.searching.find(name, {**parameters, "limit": [str(PART)], "cursor": [found.page.next]})


def _subjects(hub: Hub, name: str, found: Listing) -> list[Subject]:
    members = [orjson.loads(item) for item in found.page.items]
    return [Subject(NamedNode(each["iri"]), hub.tools.names.document(name, each["id"])) for each in members]


def _kinds(hub: Hub, view: View, wanted: str | None) -> list[str]:
    found = [each for each in hub.registry.kinds if view.covers(each)]
    if wanted is not None and wanted not in found:
        raise Malformed(f"kind is one of {', '.join(found)}.", faults=[Fault("?kind", f"is one of {', '.join(found)}")])
    return found if wanted is None else [wanted]


def _page(hub: Hub, kinds: list[str], limit: int, cursor: str | None) -> tuple[list[Subject], str | None]:
    """Gather a page over several collections; a cursor is the collection and the place in it."""
    name, _, place = (cursor or "").partition("~")
    if cursor is not None and name not in kinds:
        raise Malformed("The cursor is none of this view's; begin without one.", faults=[Fault("?cursor", "is none of this view's")])
    left = kinds[kinds.index(name) :] if cursor is not None else list(kinds)
    subjects: list[Subject] = []
    while left and len(subjects) < limit:
        found = _find(hub, left[0], limit - len(subjects), place or None)
        subjects += _subjects(hub, left[0], found)
        if found.page.next:
            return subjects, f"{left[0]}~{found.page.next}"
        del left[0]
        place = ""
    return subjects, next((each for each in left if _find(hub, each, 1, None).page.items), None)


def _find(hub: Hub, name: str, limit: int, cursor: str | None) -> Listing:
    return hub.searching.find(name, {"limit": [str(limit)], **({"cursor": [cursor]} if cursor else {})})


def _address(here: str, cursor: str) -> str:
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return f"{here}?{urlencode([*pairs, ('cursor', cursor)])}"


def _hydra(here: NamedNode, following: str | None, total: int) -> list[Triple]:
    """Say in the page that it is one, and where the next one is."""
    pairs = list(request.args.items(multi=True))
    page = NamedNode(f"{here.value}?{urlencode(pairs)}" if pairs else f"{here.value}#page")
    said = [
        Triple(here, RDF.type, NamedNode(_HYDRA + "Collection")),
        Triple(here, NamedNode(_HYDRA + "totalItems"), Literal(total)),
        Triple(here, NamedNode(_HYDRA + "view"), page),
        Triple(page, RDF.type, NamedNode(_HYDRA + "PartialCollectionView")),
        Triple(page, NamedNode(_HYDRA + "first"), here),
    ]
    return [*said, Triple(page, NamedNode(_HYDRA + "next"), NamedNode(following))] if following else said
