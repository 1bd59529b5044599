"""Things on the wire: bodies in, representations out, ETags and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
from flask import Response, request
from pyoxigraph import NamedNode

from server.errors import Fault, Malformed, RevisionMismatch, UnsupportedMediaType
from server.graph.literals import BAD_TEXT
from server.graph.rdf import FORMATS, TRIPLE_TYPES, write
from server.graph.vocabulary import DCAT, RDF
from server.http import pages
from server.http.auth import current_hub
from server.http.negotiate import negotiate, vary
from server.services.drafts import JSON, Document
from server.services.things import Thing

LONGEST_REASON = 1000
LD = "application/ld+json"
HTML = "text/html"
THING_TYPES = (JSON, LD, "text/turtle", "application/trig", "application/n-triples", "application/n-quads", "application/rdf+xml", HTML)
SHORT = {
    JSON: "json", LD: "jsonld", "text/turtle": "ttl", "application/trig": "trig", "application/n-triples": "nt", "application/n-quads": "nq",
    "application/rdf+xml": "rdf", HTML: "html",
}  # fmt: skip
_TAG = re.compile(r'\s*(W/)?"(\d{1,12})(?:-[a-z0-9]+)?"\s*')
_ASK_AGAIN, _FOREVER = "private, no-cache", "private, max-age=31536000, immutable"
_MOST_ITEMS = 20  # in a header; the description has all
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_CONTEXT_LINK = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def document() -> Document:
    """Take the body of the request; a JSON body without a media type is taken as JSON."""
    media_type = request.mimetype or JSON
    if media_type != JSON and media_type not in FORMATS:
        raise UnsupportedMediaType(f"{media_type} is not read here; send {JSON} or {', '.join(FORMATS)}.")
    return Document(media_type, request.get_data())


def expected() -> str | int | None:
    """Read If-Match: the revision that a change was made from, `*`, or None where there is no such header.

    The ETag of any media type of a revision names that revision. Raises `RevisionMismatch` for weak tags, `Malformed` for what is no tag.
    """
    header = request.headers.get("If-Match")
    if header is None:
        return None
    if header.strip() == "*":
        return "*"
    tags = [_TAG.fullmatch(each) for each in header.split(",")]
    if any(tag is None for tag in tags):
        raise Malformed('If-Match takes the ETag of the thing, such as "3-json", or *.')
    strong = [int(tag[2]) for tag in tags if tag is not None and tag[1] is None]
    if not strong:
        raise RevisionMismatch("If-Match compares strongly; send the ETag without W/.")
    return strong[0] if len(strong) == 1 else _one_of(strong)


def _one_of(revisions: list[int]) -> int:
    if len(set(revisions)) > 1:
        raise Malformed("If-Match takes one revision.")
    return revisions[0]


def reason() -> str | None:
    """Read why a change is made: the header X-Reason (UTF-8) or the parameter `reason`; raise `Malformed` for what cannot be kept whole."""
    given = request.headers.get("X-Reason", "")
    with suppress(UnicodeError):  # WSGI hands headers on as if they were Latin-1, which some are
        given = given.encode("latin-1").decode()
    given = given or request.args.get("reason", "")
    if len(given) > LONGEST_REASON or BAD_TEXT.search(given):
        message = f"A reason has at most {LONGEST_REASON} characters, and no control characters."
        raise Malformed(message, faults=[Fault("?reason", message)])
    return given or None


def etag(thing: Thing, media_type: str) -> str:
    """Write the strong ETag of a revision in a media type."""
    return f'"{thing.revision}-{SHORT[media_type]}"'


def respond(thing: Thing, status: int = 200, media_type: str | None = None, *, immutable: bool = False) -> Response:
    """Answer a thing in the type that the client wants, or 304 where it has it already."""
    chosen = media_type or negotiate(THING_TYPES)
    tag = etag(thing, chosen)
    if status == 200 and request.method in ("GET", "HEAD") and has(tag):
        return vary(Response(status=304, headers={"ETag": tag}))
    headers = [("ETag", tag), ("Link", ", ".join(links(thing, chosen))), ("Cache-Control", _FOREVER if immutable else _ASK_AGAIN)]
    return vary(Response(body(thing, chosen), status, headers, content_type=chosen if chosen != HTML else "text/html; charset=utf-8"))


def has(tag: str) -> bool:
    """Tell whether the client says that it has what this ETag names (If-None-Match)."""
    held = request.headers.get("If-None-Match")
    return held is not None and (held.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in held.split(",")])


def body(thing: Thing, media_type: str) -> bytes:
    """Write a thing in a media type."""
    tools = current_hub().tools
    if media_type == JSON:
        return tools.item(thing)
    if media_type == LD:
        return orjson.dumps({"@context": tools.context_of(thing.kind), **tools.json(thing)})
    if media_type == HTML:
        return pages.thing(thing).encode()
    return write(thing.triples, media_type, thing.document)


def links(thing: Thing, media_type: str) -> list[str]:
    """Write the links of a thing, for its header Link: what it is, its history, its views, its shape (RFC 8288, FAIR signposting)."""
    here, tools = thing.document.value, current_hub().tools
    found = [
        f'<{thing.iri.value}>; rel="describes"',
        f'<{thing.iri.value}>; rel="cite-as"',
        f'<{here}/history>; rel="version-history"',
        f'<{here}/views>; rel="alternate"; title="views"',
        f'<{tools.names.base}api/{thing.kind.collection}>; rel="collection"',
    ]
    found.append(f'<{tools.names.base}shapes/{thing.kind.collection}>; rel="profile"')
    found += [f'<{here}>; rel="describedby"; type="{each}"' for each in TRIPLE_TYPES]
    found += [f'<{each.value}>; rel="type"' for each in thing.nodes.get(thing.iri, {}).get(RDF.type, ()) if isinstance(each, NamedNode)]
    found += [f'<{each.value}>; rel="license"' for each in thing.values("license") if isinstance(each, NamedNode)]
    found += [f'<{each.value}>; rel="author"' for each in thing.values("creator")]
    found += _items(thing)
    if media_type == JSON:
        found.append(f"<{tools.context_iri}>; {_CONTEXT_LINK}")
    return found


def _items(thing: Thing) -> Iterator[str]:
    """Link what there is of a thing to download, with its media type where that is known."""
    found = [(each, node) for node in thing.nodes.values() for each in node.get(DCAT.downloadURL, ()) if isinstance(each, NamedNode)]
    for url, node in found[:_MOST_ITEMS]:
        kind = next((str(each.value).removeprefix(_MEDIA_TYPES) for each in node.get(DCAT.mediaType, ())), "")
        yield f'<{url.value}>; rel="item"' + (f'; type="{kind}"' if _MEDIA_TYPE.fullmatch(kind) else "")


def json(value: Any, status: int = 200, media_type: str = JSON) -> Response:
    """Answer a JSON document."""
    return Response(orjson.dumps(value), status, content_type=media_type)
