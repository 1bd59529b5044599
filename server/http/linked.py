"""Linked Data: whatever IRI the hub coins leads to a description of it, in every RDF type and as a page."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any

from flask import Blueprint, Response, redirect, render_template
from flask.typing import ResponseReturnValue
from pyoxigraph import NamedNode, Quad, RdfFormat, serialize

from server.errors import NotFound, TooManyRequests
from server.graph.names import ID
from server.graph.rdf import FORMATS
from server.graph.vocabulary import PREFIXES
from server.http import pages, representations
from server.http.auth import current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import operation
from server.services.callers import Role
from server.services.linked import CLOSURE

blueprint = Blueprint("linked", __name__)

TAG = "linked data"
HTML, JSON = pages.HTML, pages.JSON
GRAPHS = {each: {"type": "string"} for each in (*FORMATS, HTML)}
RESOURCES = {**GRAPHS, JSON: {"type": "object"}}
_LISTS = {JSON: {"type": "object"}, HTML: {"type": "string"}}
_DUMPS = BoundedSemaphore(2)  # each holds one of the threads that answer requests
_PART = 5_000  # quads that are written at once


@blueprint.get("/")
@operation("Describe the hub", role=Role.none, tag=TAG, content=RESOURCES, lenient=True)
def hub() -> ResponseReturnValue:
    """Say what this is and where everything begins; as RDF, the description of the whole dataset."""
    here = current_hub()
    base = here.tools.names.base
    places = [
        {"name": f"api/{kind.collection}", "url": f"{base}api/{kind.collection}", "title": kind.comment} for kind in here.registry.kinds.values()
    ]
    places += [{"name": path or "/", "url": base + path, "title": title} for path, title in _PLACES]
    if (chosen := negotiate((JSON, *FORMATS, HTML))) not in (JSON, HTML):
        return pages.graph(here.linked.dataset(), "CORDS Hub")
    if chosen == JSON:
        return vary(representations.json({"title": "CORDS Hub", "iri": base, "items": places}))
    summary = "The knowledge graph of an organisation's machine-learning assets."
    return vary(
        Response(render_template("list.html", title="CORDS Hub", summary=summary, items=places, base=base), content_type="text/html; charset=utf-8")
    )


_PLACES = (
    ("sparql", "Ask SPARQL queries."),
    ("docs", "Every route, to read and to try."),
    ("ontology", "The ontologies that the data is written in."),
    ("shapes", "The shapes that the data conforms to."),
    ("context.jsonld", "The JSON-LD context that makes the hub's JSON its graph."),
    (".well-known/void", "What the dataset is, how large, and where to get it."),
    ("dump.nq.gz", "All of it."),
    ("api/terms", "The nodes that many things share: measures, algorithms, tasks."),
    ("api/changes", "Every accepted write, in order."),
)


@blueprint.get("/id/<path:name>", merge_slashes=False)
@operation("Go from an IRI to the document about it", role=Role.none, tag=TAG, answers={303: "the document", 404: "no such name"}, lenient=True)
def identified(name: str) -> ResponseReturnValue:
    """Lead from what is no document to the document that describes it, a part of a thing to the thing's."""
    here = current_hub()
    collection, _, rest = name.partition("/")
    place = rest.partition("/")[0]
    if collection in here.registry.kinds and ID.fullmatch(place):
        target = here.tools.names.document(collection, place).value
    elif rest and here.linked.shared_shape(collection) is not None:
        target = here.tools.names.term_document(collection, rest).value
    else:
        raise NotFound(f"{name[:200]} names nothing here: an IRI is id/<collection>/<64 hex>, or the name of a shared node.")
    response = redirect(target, 303)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return vary(response)  # type: ignore[arg-type]  # a response of werkzeug


@blueprint.get("/api/terms")
@operation("Read all shared nodes", role=Role.reader, tag=TAG, content=GRAPHS, lenient=True)
def terms() -> ResponseReturnValue:
    """Answer the graph of what is said of measures, algorithms and whatever else things share."""
    here = current_hub()
    return pages.graph(here.linked.terms(), "Shared nodes", about=here.tools.names.terms)


@blueprint.get("/api/aliases")
@operation("Read the aliases for old queries", role=Role.reader, tag=TAG, content=GRAPHS, lenient=True)
def aliases() -> ResponseReturnValue:
    """Answer the graph that says the same in the names that the CORDS ML Resource API once used."""
    here = current_hub()
    return pages.graph(here.kg.graph(here.tools.names.aliases), "Aliases", about=here.tools.names.aliases)


@blueprint.get("/api/terms/<path:name>", merge_slashes=False)
@operation("Read a shared node", role=Role.reader, tag=TAG, content=GRAPHS, answers={200: "found", 404: "no such node"}, lenient=True)
def term(name: str) -> ResponseReturnValue:
    """Answer what is said of one shared node."""
    here = current_hub()
    collection, _, label = name.partition("/")
    node, found = here.linked.term(collection, label)
    links = (f'<{node.value}>; rel="describes"', f'<{node.value}>; rel="cite-as"', f'<{here.tools.names.terms.value}>; rel="collection"')
    return pages.graph(found, label, links=links, about=here.tools.names.terms)


@blueprint.get("/api/transactions/<id>")
@operation("Read what was written at once", role=Role.reader, tag=TAG, content=GRAPHS, answers={200: "found", 404: "no such transaction"})
def transaction(id: str) -> ResponseReturnValue:
    """Answer the revisions that one transaction made."""
    node, found = current_hub().linked.transaction(id)
    return pages.graph(found, f"Transaction {id}", about=node)


@blueprint.get("/.well-known/void")
@operation("Describe the dataset (VoID)", role=Role.none, tag=TAG, content=GRAPHS, lenient=True)
def void() -> ResponseReturnValue:
    """Say what the dataset is, how large, in which vocabularies, and where to ask and to get it."""
    here = current_hub()
    return pages.graph(here.linked.dataset(), "The dataset of this hub", links=(f'<{here.tools.names.base}>; rel="describes"',))


@blueprint.get("/void")
@operation("Go to the description of the dataset", role=Role.none, tag=TAG, answers={303: "there"}, lenient=True)
def void_short() -> ResponseReturnValue:
    """Lead to where the description is by convention."""
    return redirect(f"{current_hub().tools.names.base}.well-known/void", 303)


@blueprint.get("/dump.nq.gz")
@operation(
    "Get everything", role=Role.reader, tag=TAG, content={"application/gzip": {"type": "string"}}, answers={200: "gzipped N-Quads", 429: "busy"}
)
def dump() -> ResponseReturnValue:
    """Answer every statement of every graph as N-Quads, in one state; gzip tells whether it is whole."""
    if not _DUMPS.acquire(blocking=False):
        raise TooManyRequests("Others are getting the dump; try again later.", retry_after=60)
    response = Response(_compressed(current_hub().kg.dump()), content_type="application/gzip")
    response.headers["Content-Disposition"] = 'attachment; filename="cords-hub.nq.gz"'
    response.call_on_close(_DUMPS.release)
    return response


def _compressed(quads: Iterator[Quad]) -> Iterator[bytes]:
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=3) as packed:
        part = []
        for quad in quads:
            part.append(quad)
            if len(part) >= _PART:
                packed.write(serialize(part, format=RdfFormat.N_QUADS) or b"")
                part.clear()
                yield _taken(target)
        packed.write(serialize(part, format=RdfFormat.N_QUADS) or b"")
    yield _taken(target)


def _taken(target: io.BytesIO) -> bytes:
    written = target.getvalue()
    target.seek(0)
    target.truncate()
    return written


@blueprint.get("/ontology")
@operation("List the ontologies", role=Role.none, tag=TAG, content=_LISTS, lenient=True)
def ontologies() -> ResponseReturnValue:
    """Name the ontologies with their IRIs, versions and addresses."""
    here = current_hub()
    base = f"{here.tools.names.base}ontology/"
    items: list[dict[str, Any]] = [
        {"name": each.name, "title": each.title, "iri": each.iri.value, "version": each.version, "url": base + each.name}
        for each in here.linked.ontologies.values()
    ]
    title = "Which classes and properties are below which, over all of them"
    items.append({"name": CLOSURE, "title": title, "iri": here.linked.closure.value, "version": "", "url": here.linked.closure.value})
    return _listed("Ontologies", "What the words of the data mean.", items)


@blueprint.get("/ontology/<name>")
@operation("Read an ontology", role=Role.none, tag=TAG, content=GRAPHS, answers={200: "found", 404: "no such ontology"}, lenient=True)
def ontology(name: str) -> ResponseReturnValue:
    """Answer an ontology in every RDF type."""
    linked = current_hub().linked
    if name == CLOSURE:
        return pages.graph(linked.hierarchy.triples(), "What is below what", about=linked.closure, fresh=False)
    return _ontology(name, None)


@blueprint.get("/ontology/<name>/<version>")
@operation("Read a version of an ontology", role=Role.none, tag=TAG, content=GRAPHS, answers={200: "found", 404: "not this version"}, lenient=True)
def ontology_version(name: str, version: str) -> ResponseReturnValue:
    """Answer an ontology if its present version is the one named."""
    return _ontology(name, version)


def _ontology(name: str, version: str | None) -> Response:
    here = current_hub()
    found = here.linked.ontology(name, version)
    place = f"{here.tools.names.base}ontology/{name}"
    links = [f'<{found.iri.value}>; rel="canonical"', f'<{place}>; rel="latest-version"', f'<{place}/{found.version}>; rel="version"']
    links += [f'<{each}>; rel="license"' for each in found.license]
    return pages.graph(found.triples, found.title, links=links, about=NamedNode(place), fresh=False)


@blueprint.get("/ns")
@operation("Read the hub's own terms", role=Role.none, tag=TAG, content=RESOURCES, lenient=True)
def namespace() -> ResponseReturnValue:
    """Answer the ontology of the hub's own namespace; as JSON, the prefixes of all vocabularies."""
    linked = current_hub().linked
    found = next((each for each in linked.ontologies.values() if each.iri.value == PREFIXES["hub"]), None)
    if found is None:
        raise NotFound("The folders of HUB_ONTOLOGY do not describe the hub's own terms.")
    return pages.graph(found.triples, found.title, json={"prefixes": PREFIXES, "vocabularies": linked.namespaces}, about=found.iri, fresh=False)


@blueprint.get("/shapes")
@operation("List the shapes", role=Role.none, tag=TAG, content=_LISTS, lenient=True)
def shapes() -> ResponseReturnValue:
    """Name the shape of each kind and its address."""
    here = current_hub()
    base = f"{here.tools.names.base}shapes/"
    kinds = here.registry.kinds.values()
    items = [{"name": each.collection, "title": each.comment, "iri": each.iri, "url": base + each.collection} for each in kinds]
    return _listed("Shapes", "What each kind of thing has to look like.", items)


@blueprint.get("/shapes/<collection>")
@operation("Read the shape of a kind", role=Role.none, tag=TAG, content=GRAPHS, answers={200: "found", 404: "no such kind"}, lenient=True)
def shape(collection: str) -> ResponseReturnValue:
    """Answer the SHACL shape of a kind and of its parts."""
    here = current_hub()
    found = here.linked.shape(collection)
    kind = here.registry.kinds[collection]
    links = (f'<{kind.iri}>; rel="describes"', f'<{here.tools.names.base}api/{collection}>; rel="related"')
    return pages.graph(found, f"The shape of {collection}", links=links, fresh=False)


def _listed(title: str, summary: str, items: list[dict[str, Any]]) -> Response:
    if negotiate((JSON, HTML)) == JSON:
        return vary(representations.json({"items": items}))
    page = render_template("list.html", title=title, summary=summary, items=items, base=current_hub().tools.names.base)
    return vary(Response(page, content_type="text/html; charset=utf-8"))
