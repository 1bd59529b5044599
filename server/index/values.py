"""How values are kept in the index so that SQLite's own order is the right one: missing < numbers < text < booleans."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime
from hashlib import blake2b

from server.index.rows import Scalar, SortValue

Stored = str | int | float | bytes

MISSING = -math.inf
"""Stands for an absent sort value: below every value, so that a thing without one comes first ascending and last descending."""

LONGEST = 300
"""Characters of a text that are kept; a longer one is cut, and as a term gets a digest so that equality stays exact."""

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z")
_DAY = re.compile(r"\d{4}(-\d\d){0,2}")
_ACCENTS = re.compile("[\u0300-\u036f]")


def stored(value: Scalar) -> Stored | None:
    """Turn the value of a term into what is kept; NaN, which equals nothing, is left out."""
    if isinstance(value, str):
        text = _instant(clean(value))
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…{blake2b(text.encode(), digest_size=8).hexdigest()}"
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    return _number(value)


def sortable(value: SortValue) -> Stored:
    """Turn a sort value into its key: text without case and accents, points in time in UTC, nothing as the lowest."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        text = _instant(clean(value))
        return text if text is not value and text.endswith("Z") and _INSTANT.fullmatch(text) else folded(text)
    number = _number(int(value) if isinstance(value, bool) else value)
    return MISSING if number is None else number


def shown(value: Stored) -> Scalar:
    """Turn what is kept of a term back into the value that facets show."""
    if isinstance(value, bytes):
        return value == b"\x01"
    if isinstance(value, str) and len(value) == 27 and (match := _INSTANT.fullmatch(value)):
        fraction = (match[2] or "").rstrip("0")
        return f"{match[1]}{'.' if fraction else ''}{fraction}Z"
    return value


def ceiling(value: Stored) -> Stored:
    """Give the highest value that is still within an upper bound: all of a day, month or year that is named as a whole."""
    return value + "\U0010ffff" if isinstance(value, str) and _DAY.fullmatch(value) else value


def clean(text: str) -> str:
    """Replace what SQLite's text cannot carry: lone surrogates and NUL."""
    if text.isascii():
        return text.replace("\x00", " ")
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()


def folded(text: str) -> str:
    """Fold case and Latin, Greek and Cyrillic accents, so that É sorts with e and not after z."""
    start = text[: 2 * LONGEST]
    if start.isascii():
        return start[:LONGEST].lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", start).casefold())[:LONGEST]


def _instant(text: str) -> str:
    if len(text) < 19 or text[4] != "-" or text[10] != "T":
        return text
    if match := _INSTANT.fullmatch(text):
        return f"{match[1]}.{match[2] or '':0<6}Z"
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _number(value: float) -> int | float | None:
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else _large(value)
    return None if math.isnan(value) else value


def _large(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
