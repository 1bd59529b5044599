"""Views: what the hub says of things in somebody else's vocabulary, one CONSTRUCT a file in `queries/views/`.

The file's comment header (see `server.services.headers`) says what it is, for which kinds it exists (left out: every kind), and which
profiles it follows. In the query `$thing` stands for a thing and `$document` for its document, `$catalogue` for the address that lists everything
in this view and `$hub` for the hub itself. Beside the query may stand a frame (`<name>.frame.json`), which makes trees of its JSON-LD, and
templates over that tree (`<name>.md`, `<name>.html`).

One thing is asked for by its name; many are asked for at once, as the values of the two variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyoxigraph
from jinja2 import Template, TemplateSyntaxError
from pyoxigraph import Literal, NamedNode, Triple

from server.errors import HubError, NotFound
from server.graph.rdf import FORMATS, write
from server.graph.vocabulary import DCAT, PREFIXES, XSD
from server.services.framing import check_frame, framed, pages
from server.services.headers import read_header
from server.services.partwise import stream
from server.store.base import Store
from server.store.guard import inspect
from server.store.text import bind, bind_rows, places

_KNOWN = ("summary", "description", "kinds", "profile", "tags")
_PLACES = ("thing", "document", "catalogue", "hub")
_LD = "application/ld+json"
TEMPLATES = {"text/markdown": ".md", "text/html": ".html"}
_TRIED = NamedNode("urn:x")


class Subject(NamedTuple):
    """A thing that a view is about, and its document."""

    thing: NamedNode
    document: NamedNode


@dataclass(frozen=True)
class View:
    """One view: its name, what it says, the collections it exists for (none: all), its profiles, and how it is written."""

    name: str
    summary: str
    description: str
    kinds: tuple[str, ...]
    profiles: tuple[str, ...]
    query: str
    prefixes: Mapping[str, str]
    frame: Mapping[str, Any] | None = None
    templates: Mapping[str, Template] = field(default_factory=dict)

    def covers(self, collection: str) -> bool:
        """Tell whether the view exists for a kind."""
        return not self.kinds or collection in self.kinds

    @property
    def media_types(self) -> tuple[str, ...]:
        """Name the types that the view of one thing comes in: pages before trees before graphs."""
        graphs = sorted(FORMATS, key=lambda each: self.frame is not None and each != _LD)
        return (*self.templates, *graphs)

    @property
    def graph_types(self) -> tuple[str, ...]:
        """Name the types that the view of many things comes in."""
        return tuple(each for each in self.media_types if each in FORMATS)


class Views:
    """Reads the views of some folders and runs them."""

    def __init__(self, store: Store, folders: Iterable[Path], base: str = "") -> None:
        """Read every `views/*.rq` below the folders; a wrong file is named in the `ValueError`."""
        self._store, self._base = store, base
        files = [path for folder in folders for path in sorted((folder / "views").glob("*.rq"))]
        self.all: Mapping[str, View] = {path.stem: read_view(path) for path in files}

    def of(self, collection: str, document: str) -> list[dict[str, Any]]:
        """List the views of a thing with their addresses and media types."""
        return [{**describe(view), "url": f"{document}/views/{view.name}"} for view in self.all.values() if view.covers(collection)]

    def named(self, name: str, collection: str) -> View:
        """Find a view of a kind; raise `NotFound` naming those that exist."""
        view = self.all.get(name)
        if view is None or not view.covers(collection):
            known = ", ".join(each.name for each in self.all.values() if each.covers(collection))
            raise NotFound(f"There is no view {name[:80]} of {collection}; there are {known or 'none'}.")
        return view

    def address(self, view: View) -> str:
        """Return the address that lists everything in a view."""
        return f"{self._base}views/{view.name}"

    def one(self, view: View, subject: Subject) -> frozenset[Triple]:
        """Return what a view says of one thing."""
        terms = {"thing": [subject.thing], "document": [subject.document], **self._constants(view)}
        return _said(self._store.triples(bind(view.query, terms)))

    def many(self, view: View, subjects: Sequence[Subject]) -> frozenset[Triple]:
        """Return what a view says of many things, asked for in one query."""
        if not subjects:
            return frozenset()
        text = bind_rows(bind(view.query, self._constants(view)), ("thing", "document"), subjects)
        return _said(self._store.triples(text))

    def write(self, view: View, subject: Subject, media_type: str) -> bytes:
        """Write the view of one thing: its graph, its tree where it has a frame, or the page made of that tree."""
        triples = self.one(view, subject)
        if view.frame is None or media_type not in (_LD, *view.templates):
            return write(triples, media_type, prefixes={**PREFIXES, **view.prefixes})
        trees = framed(triples, view.frame, [subject.thing.value])
        tree = trees[0] if trees else {"@id": subject.thing.value}
        if media_type == _LD:
            return orjson.dumps({"@context": view.frame["@context"], **tree})
        return view.templates[media_type].render(thing=tree, hub=self._base).encode()

    def write_many(self, view: View, parts: Iterable[Sequence[Subject]], media_type: str, more: Iterable[Triple] = ()) -> Iterator[bytes]:
        """Write the view of many things, part by part; `more` is said beside."""
        if media_type == _LD and view.frame is not None:
            return self._trees(view, view.frame, parts, more)
        graphs = (self.many(view, part) for part in parts)
        return stream(_after(more, graphs), media_type, view.prefixes)

    def _trees(self, view: View, frame: Mapping[str, Any], parts: Iterable[Sequence[Subject]], more: Iterable[Triple]) -> Iterator[bytes]:
        yield b'{"@context":' + orjson.dumps(frame["@context"]) + b',"@graph":['
        mark = b""
        beside = list(more)
        if beside:
            yield write(beside, _LD)[1:-1]
            mark = b","
        for part in parts:
            for tree in framed(self.many(view, part), frame, [each.thing.value for each in part]):
                yield mark + orjson.dumps(tree)
                mark = b","
        yield b"]}"

    def _constants(self, view: View) -> dict[str, list[NamedNode]]:
        return {"catalogue": [NamedNode(self.address(view))], "hub": [NamedNode(self._base)]} if self._base else {}


def _said(triples: Iterable[Triple]) -> frozenset[Triple]:
    """Give sizes back the type that vocabularies want and stores do not keep (docs/decisions/2026-11-24-literals.md)."""
    return frozenset(
        Triple(each.subject, each.predicate, Literal(each.object.value, datatype=XSD.nonNegativeInteger))
        if each.predicate == DCAT.byteSize and isinstance(each.object, Literal) and each.object.datatype == XSD.integer
        else each
        for each in triples
    )


def _after(more: Iterable[Triple], graphs: Iterable[frozenset[Triple]]) -> Iterator[Iterable[Triple]]:
    yield list(more)
    yield from graphs


def describe(view: View) -> dict[str, Any]:
    """Say what a view is and in which types it comes."""
    whole = {
        "name": view.name,
        "summary": view.summary,
        "description": view.description or None,
        "kinds": list(view.kinds) or None,
        "profiles": list(view.profiles) or None,
        "media_types": list(view.media_types),
    }
    return {key: value for key, value in whole.items() if value is not None}


def read_view(path: Path) -> View:
    """Read a view from its file and those beside it; raise `ValueError` naming the file that is wrong."""
    try:
        return _read(path, path.read_text("utf-8"))
    except HubError as error:
        raise ValueError(f"{path}: {error.detail}") from error
    except (ValueError, SyntaxError, TemplateSyntaxError) as error:
        raise ValueError(f"{path}: {error}") from error


def _read(path: Path, text: str) -> View:
    header = read_header(text, _KNOWN)
    if unknown := [each for each in places(text) if each not in _PLACES]:
        raise ValueError(f"${unknown[0]} stands for nothing; a view has {', '.join(f'${each}' for each in _PLACES)}, and variables are written ?name")
    found = inspect(text)
    if found.form != "construct":
        raise ValueError("a view is a CONSTRUCT query")
    pyoxigraph.Store().query(bind_rows(bind(text, {"catalogue": [_TRIED], "hub": [_TRIED]}), ("thing", "document"), [(_TRIED, _TRIED)]))
    return View(
        path.stem,
        header.texts["summary"],
        header.texts.get("description", ""),
        header.words("kinds"),
        header.words("profile"),
        text,
        found.prefixes,
        _frame(path),
        _templates(path),
    )


def _frame(path: Path) -> Mapping[str, Any] | None:
    beside = path.with_suffix(".frame.json")
    if not beside.exists():
        return None
    frame: dict[str, Any] = orjson.loads(beside.read_bytes())
    check_frame(frame)
    return frame


def _templates(path: Path) -> dict[str, Template]:
    files = {media: path.with_suffix(suffix) for media, suffix in TEMPLATES.items()}
    found = {media: pages(media == "text/html").from_string(file.read_text("utf-8")) for media, file in files.items() if file.exists()}
    if found and not path.with_suffix(".frame.json").exists():
        raise ValueError(f"the templates of {path.stem} need a frame ({path.stem}.frame.json): they are filled from the tree that it makes")
    return found
