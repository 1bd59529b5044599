"""Rows for the tests of the search index."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from server.index.index import Index
from server.index.rows import Filter, IndexRow, Search

WORDS = ["iris", "forest", "Tanne", "épicéa", "wind", "federated", "speech", "vision", "tabular", "graph"]
LICENSES = ["http://spdx.org/licenses/MIT", "http://spdx.org/licenses/Apache-2.0", "http://spdx.org/licenses/GPL-3.0-only"]


def name(number: int) -> str:
    """Give the id of a numbered thing."""
    return f"{number:064x}"


def row(number: int, sequence: int = 1, *, kind: str = "models", **changes: Any) -> IndexRow:
    """Describe a thing whose values follow from its number, save what is changed."""
    chance = random.Random(number)
    title = f"{chance.choice(WORDS)} {number}"
    values: dict[str, Any] = {
        "title": title,
        "modified": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T12:00:00.{number % 10**6:06}Z",
        "accuracy": chance.choice([None, round(chance.random(), 2)]),
        "license": chance.choice(LICENSES),
        "keywords": tuple(chance.sample(WORDS, 2)),
        "epochs": chance.randint(1, 20),
        "open": chance.random() < 0.5,
        "text": {3: title, 2: " ".join(chance.sample(WORDS, 2)), 1: " ".join(chance.choices(WORDS, k=8))},
        **changes,
    }
    return IndexRow(
        kind=kind,
        id=name(number),
        iri=f"https://hub.example/id/{kind}/{name(number)}",
        sequence=sequence,
        revision=1,
        item=json.dumps({"n": number, "sequence": sequence}).encode(),
        sorts={key: values[key] for key in ("title", "modified", "accuracy")},
        terms=[
            ("license", values["license"]),
            ("epochs", values["epochs"]),
            ("open", values["open"]),
            *(("keywords", word) for word in values["keywords"]),
        ],
        text=values["text"],
    )


def gone(number: int, sequence: int, kind: str = "models") -> IndexRow:
    """Describe a deleted thing."""
    return IndexRow(kind, name(number), f"https://hub.example/id/{kind}/{name(number)}", sequence, 2, deleted=True)


def eq(key: str, *values: str | float | int | bool) -> Filter:
    """Ask for one of some values."""
    return Filter(key, "eq", values)


def numbers(items: list[bytes]) -> list[int]:
    """Read the numbers of the things that were listed."""
    return [json.loads(item)["n"] for item in items]


def walk(index: Index, search: Search, kind: str = "models") -> Iterator[list[int]]:
    """Page through a search to its end."""
    cursor = None
    while True:
        page = index.page(kind, Search(search.q, search.filters, search.sort, search.limit, cursor))
        yield numbers(page.items)
        cursor = page.next
        if cursor is None:
            return


def found(index: Index, search: Search, kind: str = "models") -> list[int]:
    """List everything that a search finds, page by page."""
    return [number for page in walk(index, search, kind) for number in page]
