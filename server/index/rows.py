"""What goes into the search index and what comes out of it: plain values that know neither RDF nor SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from server.errors import StoreUnavailable

Scalar = str | float | int | bool
SortValue = str | float | int | None
Operator = Literal["eq", "gte", "lte", "exists"]

NEWEST = "modified"
"""The sort key that every row has and that lists fall back to, newest first."""


@dataclass(frozen=True)
class IndexRow:
    """Describe one thing as lists show it (or, with `deleted`, that it is gone).

    `sequence` is the number in the change log of the revision that is described. `sorts` has every sort key of the kind, with None where the
    thing lacks it. `terms` are (key, value) pairs for filters and facets, repeated for many values; a key that is in `sorts` can be filtered
    without being repeated here, and should not be where nearly every thing has its own value (dates). Points in time are ISO 8601 text.
    `text` is what full text finds, by weight 1 to 3.
    """

    kind: str
    id: str
    iri: str
    sequence: int
    revision: int
    item: bytes = b""
    sorts: Mapping[str, SortValue] = field(default_factory=dict)
    terms: Sequence[tuple[str, Scalar]] = ()
    text: Mapping[int, str] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True)
class Filter:
    """Narrow a search by one key.

    `eq` holds when one of the values is there; `gte` and `lte` take one value, and a pair of both on one key is one range;
    `exists` takes True or False. Several filters must all hold.
    """

    key: str
    op: Operator
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Search:
    """Ask for things of a kind: full text, filters, sort keys as (key, descending), and how much to answer.

    Without `sort` a full-text search is answered best first and everything else newest first.
    """

    q: str | None = None
    filters: tuple[Filter, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class Page:
    """Answer a search: the items' JSON, how many there are in all, and the cursor of the next page.

    `approximate` says that `total` was extrapolated, because counting would have taken too long.
    """

    items: list[bytes]
    total: int
    next: str | None = None
    approximate: bool = False


@dataclass(frozen=True)
class Facet:
    """Count the values of one key, most frequent first; `approximate` when extrapolated from the part that was counted."""

    values: list[tuple[Scalar, int]]
    approximate: bool = False


class Behind(Exception):
    """The index has not yet seen what comes before the rows that were to be applied; `at` is where it is."""

    def __init__(self, at: int) -> None:
        """Keep the last sequence that the index has."""
        super().__init__(f"The index is at {at}.")
        self.at = at


class Damaged(StoreUnavailable):
    """The index file cannot be read; rebuilding it loses nothing."""
