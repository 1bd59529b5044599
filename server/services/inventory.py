"""All assets of machine learning in one list, whatever kind they are of, each with who created it.

Every kind has its own list in the search index; the pages of those are merged by time. The cursor says for each kind where its list goes on.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Any

import orjson

from server.errors import Fault, Malformed
from server.graph.vocabulary import FOAF
from server.services.searching import Searching
from server.store.text import fill

SORTS = ("-modified", "modified", "-created", "created")
PASSED_ON = ("q", "creator", "keywords")  # to the list of each kind

_NAMES = "SELECT ?person ?name WHERE { VALUES ?document { $documents } GRAPH ?document { ?person $called ?name } }"
_SHOWN = ("id", "iri", "type", "title", "description", "version", "license", "keywords", "location", "created", "modified", "revision")
_BEGINNING = ""


@dataclass(frozen=True)
class Overview:
    """A page of assets of several kinds: how many there are in all, and the cursor of the next page."""

    items: tuple[dict[str, Any], ...]
    total: int
    next: str | None
    approximate: bool


@dataclass(frozen=True)
class _Listed:
    at: datetime
    kind: str
    item: dict[str, Any]


class Inventory:
    """Lists the things of all kinds that are assets."""

    def __init__(self, searching: Searching) -> None:
        """List by the searches of each kind."""
        self._searching, self._tools = searching, searching.tools
        self.kinds = tuple(kind.collection for kind in self._tools.registry.kinds.values() if kind.asset)

    def page(
        self, kinds: Sequence[str] = (), sort: str = SORTS[0], limit: int = 50, cursor: str | None = None, filters: Mapping[str, Sequence[str]] = {}
    ) -> Overview:
        """Answer a page of the assets of some kinds (none named: all); `filters` are those of `PASSED_ON`.

        Raises `Malformed` for a kind that is none, a cursor of another list, and whatever `Searching.find` refuses.
        """
        chosen = list(dict.fromkeys(kinds)) or list(self.kinds)
        if unknown := [name for name in chosen if name not in self.kinds]:
            message = f"{unknown[0][:80]} is no kind of asset; there are {', '.join(self.kinds)}."
            raise Malformed(message, faults=[Fault("?kind", message)])
        key, search = sort.removeprefix("-"), {**filters, "sort": [sort]}
        places = _decoded(cursor, chosen)
        pages = {name: self._searching.find(name, _asked(search, limit, place)).page for name, place in places.items()}
        lists = [[_Listed(_moment(item, key), name, item) for item in map(orjson.loads, page.items)] for name, page in pages.items()]
        together = list(merge(*lists, key=lambda each: each.at, reverse=sort.startswith("-")))[:limit]
        following: dict[str, str] = {}
        for name, page in pages.items():
            taken = sum(each.kind == name for each in together)
            after = page.next if taken == len(page.items) else self._after(name, search, taken, places[name])
            if after is not None:
                following[name] = after
        total = sum(page.total for page in self._totals(pages, chosen, search))
        return Overview(self._items(together), total, _encoded(following), any(page.approximate for page in pages.values()))

    def _after(self, name: str, search: Mapping[str, Sequence[str]], taken: int, place: str) -> str | None:
        """Return where the list of a kind goes on after so many of its things."""
        return self._searching.find(name, _asked(search, taken, place)).page.next if taken else place

    def _totals(self, pages: Mapping[str, Any], chosen: Sequence[str], search: Mapping[str, Sequence[str]]) -> list[Any]:
        """Return a page of every kind that was asked for, those too that are at their end."""
        return [pages.get(name) or self._searching.find(name, _asked(search, 1, _BEGINNING)).page for name in chosen]

    def _items(self, listed: Sequence[_Listed]) -> tuple[dict[str, Any], ...]:
        people = {str(each.item["creator"]) for each in listed if each.item.get("creator")}
        names = self._names(people)
        return tuple(self._item(each, names) for each in listed)

    def _item(self, listed: _Listed, names: Mapping[str, str]) -> dict[str, Any]:
        item, creator = listed.item, listed.item.get("creator")
        shown = {key: item[key] for key in _SHOWN if key in item}
        who = {"id": creator.rpartition("/")[2], "iri": creator, "title": names.get(creator)} if creator else None
        return {"kind": listed.kind, **shown, "creator": who, "url": self._tools.names.document(listed.kind, item["id"]).value}

    def _names(self, people: set[str]) -> dict[str, str]:
        documents = [self._tools.names.document(*split) for each in sorted(people) if (split := self._tools.names.split(each))]
        if not documents:
            return {}
        rows = self._tools.store.select(fill(_NAMES, documents=documents, called=FOAF.name))
        return {str(row["person"].value): str(row["name"].value) for row in rows}


def plain_text(value: Any) -> str:
    """Return text as one string where it may be in several languages: untagged, else English, else whatever there is."""
    if not isinstance(value, dict):
        return str(value or "")
    chosen = value.get("@none") or value.get("en") or next((value[tag] for tag in sorted(value)), "")
    return str(chosen[0] if isinstance(chosen, list) else chosen)


def _asked(search: Mapping[str, Sequence[str]], limit: int, place: str) -> dict[str, Sequence[str]]:
    return {**search, "limit": [str(limit)], **({"cursor": [place]} if place else {})}


def _moment(item: Mapping[str, Any], key: str) -> datetime:
    return datetime.fromisoformat(item[key])


def _encoded(places: Mapping[str, str]) -> str | None:
    return base64.urlsafe_b64encode(orjson.dumps(places)).rstrip(b"=").decode() if places else None


def _decoded(cursor: str | None, chosen: Sequence[str]) -> dict[str, str]:
    """Read where each list goes on; raise `Malformed` for what no page gave."""
    if cursor is None:
        return dict.fromkeys(chosen, _BEGINNING)
    try:
        places = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not (isinstance(places, dict) and places and set(places) <= set(chosen) and all(isinstance(each, str) for each in places.values())):
            raise ValueError
    except (binascii.Error, ValueError) as error:
        message = "The cursor is not one that this list gave; begin without a cursor."
        raise Malformed(message, faults=[Fault("?cursor", message)]) from error
    return {name: places[name] for name in chosen if name in places}
