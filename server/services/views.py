"""Views: what the hub says of a thing in somebody else's vocabulary, one CONSTRUCT a file in `queries/views/`.

The file's comment header says what it is and for which kinds it exists:

    #+ summary: the thing as PROV-O
    #+ kinds: models, runs            (left out: every kind)

In the query `$thing` stands for the thing's IRI and `$document` for the IRI of its document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.errors import NotFound
from server.graph.rdf import TRIPLE_TYPES, write
from server.services.things import Thing
from server.store.base import Store
from server.store.text import fill

_HEADER = re.compile(r"^#\+\s*(\w+):\s*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class View:
    """One view: its name, what it says, its query, and the collections it exists for (none: all)."""

    name: str
    summary: str
    kinds: tuple[str, ...]
    query: str

    def covers(self, collection: str) -> bool:
        """Tell whether the view exists for a kind."""
        return not self.kinds or collection in self.kinds


class Views:
    """Reads the views of some folders and runs them."""

    def __init__(self, store: Store, folders: Iterable[Path]) -> None:
        """Read every `views/*.rq` below the folders."""
        self._store = store
        files = [path for folder in folders for path in sorted((folder / "views").glob("*.rq"))]
        self.all: Mapping[str, View] = {path.stem: read_view(path) for path in files}

    def of(self, collection: str, document: str) -> list[dict[str, Any]]:
        """List the views of a thing with their addresses and media types."""
        return [
            {"name": view.name, "summary": view.summary, "url": f"{document}/views/{view.name}", "media_types": list(self.media_types(view))}
            for view in self.all.values()
            if view.covers(collection)
        ]

    def named(self, name: str, collection: str) -> View:
        """Find a view of a kind; raise `NotFound` naming those that exist."""
        view = self.all.get(name)
        if view is None or not view.covers(collection):
            known = ", ".join(each.name for each in self.all.values() if each.covers(collection))
            raise NotFound(f"There is no view {name[:80]} of {collection}; there are {known or 'none'}.")
        return view

    def media_types(self, view: View) -> tuple[str, ...]:
        """Return the media types that a view is written in."""
        return TRIPLE_TYPES

    def write(self, view: View, thing: Thing, media_type: str) -> bytes:
        """Run a view on a thing and write its graph."""
        given = {"thing": thing.iri, "document": thing.document}
        used = {name: term for name, term in given.items() if f"${name}" in view.query}
        return write(set(self._store.triples(fill(view.query, **used))), media_type)


def read_view(path: Path) -> View:
    """Read a view from its file; raise `ValueError` naming the file whose header lacks a summary."""
    text = path.read_text("utf-8")
    header = dict(_HEADER.findall(text))
    if "summary" not in header:
        raise ValueError(f"{path}: a view begins with a line `#+ summary: …`")
    kinds = tuple(word.strip() for word in header.get("kinds", "").split(",") if word.strip())
    return View(path.stem, header["summary"], kinds, _HEADER.sub("", text))
