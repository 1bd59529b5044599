"""Cursors: where a page ended, in a form that callers hand back without understanding it."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from dataclasses import dataclass
from hashlib import blake2b

from server.errors import Malformed
from server.index.rows import Search
from server.index.values import Stored

_DIGEST = 8
_HEADER = struct.Struct(">HQ")
_NUMBER = 6  # bytes; things are numbered with 48 bits so that a cursor that lists the best hits still fits into an address


@dataclass(frozen=True)
class After:
    """The end of a sorted page: the sort values of its last thing, and the thing."""

    values: tuple[Stored, ...]
    thing: int


@dataclass(frozen=True)
class Ranking:
    """The end of a page of best hits: the hits listed by rank, how many of them were shown, and where the rest goes on."""

    best: tuple[int, ...]
    shown: int = 0
    after: int = -1


def encode(kind: str, search: Search, place: After | Ranking) -> str:
    """Write a place as text that holds for this search alone."""
    if isinstance(place, After):
        tail = b"s" + json.dumps([*place.values, place.thing], ensure_ascii=False, separators=(",", ":")).encode()
    else:
        tail = b"r" + _HEADER.pack(place.shown, place.after + 1) + b"".join(thing.to_bytes(_NUMBER, "big") for thing in place.best)
    return base64.urlsafe_b64encode(_digest(kind, search) + tail).rstrip(b"=").decode()


def decode(kind: str, search: Search) -> After | Ranking | None:
    """Read the cursor of a search; `Malformed` when it is none or was made for another search."""
    if search.cursor is None:
        return None
    try:
        data = base64.b64decode(search.cursor + "=" * (-len(search.cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("The cursor is not one that this hub gave; begin without a cursor.") from error
    if data[:_DIGEST] != _digest(kind, search):
        raise Malformed("The cursor belongs to another search; use it with the q, filters and sort that it came with, or begin without a cursor.")
    tag, tail = data[_DIGEST : _DIGEST + 1], data[_DIGEST + 1 :]
    try:
        return _sorted(tail) if tag == b"s" else _ranked(tail)
    except (ValueError, TypeError, struct.error) as error:
        raise Malformed("The cursor was changed on its way; begin without a cursor.") from error


def _sorted(tail: bytes) -> After:
    *values, thing = json.loads(tail)
    if not all(isinstance(value, str | int | float) for value in values) or not isinstance(thing, int) or not 0 <= thing < 2**48:
        raise ValueError
    return After(tuple(values), thing)


def _ranked(tail: bytes) -> Ranking:
    shown, after = _HEADER.unpack_from(tail)
    numbers = tail[_HEADER.size :]
    if len(numbers) % _NUMBER or after > 2**48:
        raise ValueError
    best = tuple(int.from_bytes(numbers[at : at + _NUMBER], "big") for at in range(0, len(numbers), _NUMBER))
    return Ranking(best, shown, after - 1)


def _digest(kind: str, search: Search) -> bytes:
    # The limit may change from page to page; everything that decides order and membership may not.
    return blake2b(repr((kind, search.q, search.filters, search.sort)).encode("utf-8", "replace"), digest_size=_DIGEST).digest()
