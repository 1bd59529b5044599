"""Things in files: import of what other hubs or people wrote, export of what is here.

A file holds things of one collection and is named after it: `models.json` is an array of objects, `models.ndjson` has one object a line; a
number in front (`07-models.json`) is for people. What an export writes, an import reads, dates and creators included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from server.errors import DoesNotConform, HubError, Malformed
from server.services.assets import Assets
from server.services.callers import Caller
from server.services.drafts import JSON, Document

_NUMBER = re.compile(r"^\d+-")
SUFFIXES = (".json", ".ndjson", ".jsonl")


@dataclass(frozen=True)
class Item:
    """One thing in a file: where it stands, which collection it is for, and its members."""

    place: str
    collection: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """One thing that was not stored, and why."""

    item: Item
    error: HubError


def read_items(path: Path) -> Iterator[Item]:
    """Read the things of a file one after another. Raises `Malformed` naming file and line."""
    if path.suffix not in SUFFIXES:
        raise Malformed(f"{path}: only {', '.join(SUFFIXES)} can be imported.")
    with path.open("rb") as file:
        texts: Iterable[tuple[str, Any]]
        if path.suffix == ".json":
            whole = _json(file.read(), str(path))
            texts = ((f"{path}[{number}]", body) for number, body in enumerate(whole if isinstance(whole, list) else [whole]))
        else:
            texts = ((f"{path}:{number}", _json(line, f"{path}:{number}")) for number, line in enumerate(file, 1) if line.strip())
        for place, body in texts:
            if not isinstance(body, dict):
                raise Malformed(f"{place}: a thing is a JSON object.")
            yield Item(place, _NUMBER.sub("", path.stem), body)


def _json(text: bytes, place: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"{place}: {error.msg} at line {error.lineno}, column {error.colno}.") from error


def import_items(assets: Assets, caller: Caller, items: Iterable[Item], reason: str, stored: Callable[[], object]) -> list[Refused]:
    """Store things in whatever order they come: one that refers to a later one is tried again as long as others get in.

    Calls `stored` for each that got in, and returns the others.
    """
    waiting = _attempt(assets, caller, items, reason, stored)
    while True:
        before = len(waiting)
        again = [each for each in waiting if isinstance(each.error, DoesNotConform)]
        others = [each for each in waiting if not isinstance(each.error, DoesNotConform)]
        waiting = others + _attempt(assets, caller, (each.item for each in again), reason, stored)
        if len(waiting) == before:
            return waiting


def _attempt(assets: Assets, caller: Caller, items: Iterable[Item], reason: str, stored: Callable[[], object]) -> list[Refused]:
    refused = []
    for item in items:
        try:
            assets.create(caller, item.collection, Document(JSON, item.body), reason=reason, trusted=True)
            stored()
        except HubError as error:
            refused.append(Refused(item, error))
    return refused


def export_lines(assets: Assets, collection: str, ids: Sequence[str]) -> Iterator[bytes]:
    """Write things as NDJSON lines that `read_items` reads; what the hub derives is left out."""
    for id in ids:
        body = assets.tools.json(assets.read(collection, id))
        yield orjson.dumps({key: value for key, value in body.items() if key not in ("iri", "type", "revision")}) + b"\n"
