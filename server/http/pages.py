"""HTML of what is served in several types: small pages without scripts, from templates that escape everything."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from flask import Response, render_template
from markupsafe import Markup
from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from server.graph.rdf import FORMATS, write
from server.graph.vocabulary import RDF, RDFS, compact
from server.http.auth import current_hub
from server.http.negotiate import negotiate, vary
from server.services import schemaorg
from server.services.things import Thing

HTML = "text/html"
JSON = "application/json"
GRAPHS = (*FORMATS, HTML)
_STYLE = re.search(r"<style>(.*?)</style>", (Path(__file__).parent / "templates" / "style.html").read_text("utf-8"), re.DOTALL)
_HASH = base64.b64encode(hashlib.sha256((_STYLE[1] if _STYLE else "").encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of pages: nothing is loaded and nothing runs; the one style sheet is known by its hash."""

_SHOWN = 2000  # statements of a graph on a page; the RDF types have all


def graph(
    triples: Iterable[Triple],
    title: str,
    *,
    json: Any = None,
    links: Iterable[str] = (),
    about: NamedNode | None = None,
    fresh: bool = True,
) -> Response:
    """Answer a graph in the type that the client wants: RDF, JSON where there is some, or a page that lists its statements."""
    chosen = negotiate((*FORMATS, JSON, HTML) if json is not None else GRAPHS)
    if chosen == JSON:
        body = orjson.dumps(json)
    elif chosen == HTML:
        body = _page(list(triples), title).encode()
    else:
        body = write(triples, chosen, about)
    response = Response(body, content_type=f"{chosen}; charset=utf-8" if chosen == HTML else chosen)
    for link in links:
        response.headers.add("Link", link)
    response.headers["Cache-Control"] = "private, no-cache" if fresh else "public, max-age=300"
    return vary(response)


def thing(shown: Thing) -> str:
    """Write the page of a thing, with what search engines and previews of links read."""
    hub = current_hub()
    members, base = hub.tools.json(shown), hub.tools.names.base
    title, description = text_of(members.get("title")) or f"{shown.kind.label} {shown.id[:8]}", text_of(members.get("description"))
    return render_template(
        "thing.html",
        thing=shown,
        members=members,
        title=title,
        description=description,
        base=base,
        card=embedded(schemaorg.describe(shown, hub.linked.schema_org, title)),
        properties=schemaorg.open_graph(shown, title, description),
    )


def text_of(value: Any) -> str:
    """Return the text of a member that may be in several languages: English, or none, or the first."""
    if isinstance(value, dict):
        value = value.get("en") or value.get("@none") or next(iter(value.values()), "")
    if isinstance(value, list):
        value = value[0] if value else ""
    return value if isinstance(value, str) else ""


def embedded(value: Mapping[str, Any]) -> Markup:
    """Write JSON so that it can stand in a page: nothing in it can end the element or begin another one."""
    text = orjson.dumps(value).decode()
    return Markup("".join(_ESCAPES.get(each, each) for each in text))  # noqa: S704  # every character that HTML knows is escaped


_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def _page(triples: list[Triple], title: str) -> str:
    shown = sorted(triples, key=lambda each: (isinstance(each.subject, BlankNode), str(each.subject), each.predicate != RDF.type, str(each)))[:_SHOWN]
    labels = {each.subject: each.object.value for each in triples if each.predicate == RDFS.label and isinstance(each.object, Literal)}
    subjects: dict[str, dict[str, Any]] = {}
    for each in shown:
        about = subjects.setdefault(str(each.subject), {**_term(each.subject), "label": labels.get(each.subject), "rows": []})
        about["rows"].append((_term(each.predicate), _term(each.object)))
    return render_template(
        "graph.html", title=title, subjects=list(subjects.values()), left=len(triples) - len(shown), base=current_hub().tools.names.base
    )


def _term(term: Any) -> dict[str, Any]:
    """Prepare a term for a page: what is shown, where it leads, and a place that others can point to."""
    if isinstance(term, NamedNode):
        web = term.value.startswith(("http://", "https://"))
        return {"text": compact(term.value), "iri": term.value if web else None, "id": _local(term.value)}
    if isinstance(term, Literal):
        return {"text": term.value, "language": term.language}
    return {"text": f"_:{term.value}" if isinstance(term, BlankNode) else str(term)}


def _local(iri: str) -> str | None:
    """Return the fragment of an IRI, so that `…#Model` leads to its place on the page."""
    return iri.partition("#")[2] or None
