"""Count the rows of a query's answer while it comes in as bytes, in any of the result types and from any engine.

Serializers of results do not say how far they are, and a limit that is looked at when everything is there comes too late.
"""

from __future__ import annotations

from collections.abc import Callable

JSON = "application/sparql-results+json"
XML = "application/sparql-results+xml"
CSV = "text/csv"
TSV = "text/tab-separated-values"

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'{,["'))
_ROW = b"<result>"


class RowCounter:
    """Counts the rows in the parts of one answer, given one after another."""

    def __init__(self, media_type: str) -> None:
        """Take the type of the answer; of a type that is no table no row is counted."""
        self.rows = 0
        self._quoted = False
        self._rest, self._last = b"", b""
        # CSV and TSV have a line of names before the rows
        self._header = media_type in (CSV, TSV)
        kinds: dict[str, Callable[[bytes], int]] = {JSON: self._json, XML: self._xml, CSV: self._csv, TSV: self._tsv}
        self._count = kinds.get(media_type, _none)

    def add(self, part: bytes) -> int:
        """Look at the next part of the answer and return the rows so far."""
        found = self._count(part)
        if self._header and found:
            self._header = False
            found -= 1
        self.rows += found
        return self.rows

    def _json(self, part: bytes) -> int:
        """Rows are the objects that stand in an array: all others are the value of a name."""
        part = self._rest + part
        self._rest = b""
        if (len(part) - len(part.rstrip(b"\\"))) % 2:
            part, self._rest = part[:-1], b"\\"
        structure = self._outside(part.replace(b"\\\\", b"").replace(b'\\"', b"")).translate(None, _NOT_STRUCTURE)
        seen = self._last + structure
        self._last = seen[-1:]
        return seen.count(b"[{") + seen.count(b",{")

    def _outside(self, part: bytes) -> bytes:
        """Leave out what stands in quotes, and put one mark where it ends."""
        pieces = part.split(b'"')
        if self._quoted:
            pieces.insert(0, b"")
        self._quoted = len(pieces) % 2 == 0
        return b'"'.join(pieces[::2])

    def _xml(self, part: bytes) -> int:
        seen = self._rest + part
        self._rest = seen[-(len(_ROW) - 1) :]
        return seen.count(_ROW)

    def _csv(self, part: bytes) -> int:
        """A quote within quotes is doubled, so that being in or out is a matter of even and odd."""
        return self._outside(part).count(b"\n")

    def _tsv(self, part: bytes) -> int:
        return part.count(b"\n")


def _none(part: bytes) -> int:
    return 0
