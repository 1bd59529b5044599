"""Read the answer to a stranger's query from a server, and stop at the limits.

SELECT results are asked for as JSON or XML and graphs as N-Triples: only these show that they were cut (Fuseki ends a cut
answer with a comment and has said 200 long before) and tell cheaply how many rows they have. Other types are made of them here.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from typing import IO, cast

import urllib3
from pyoxigraph import QueryResultsFormat, RdfFormat, parse, parse_query_results, serialize
from urllib3.exceptions import HTTPError, ReadTimeoutError

from server.errors import QueryLimit, QueryTimeout, StoreUnavailable
from server.store.base import Answer, Form, Limits
from server.store.rows import RowCounter
from server.store.transport import unavailable

_JSON, _XML, _N_TRIPLES = "application/sparql-results+json", "application/sparql-results+xml", "application/n-triples"
_ENDS = {_JSON: b"}", _XML: b"</sparql>"}
_CHUNK = 1 << 16
_IN_MEMORY = 1 << 20
_SOURCE_FACTOR = 4  # JSON and N-Triples are that much longer than CSV, TSV or Turtle of the same answer


def source_type(form: Form, media_type: str) -> str:
    """Choose the media type to ask the server for."""
    if form == "construct":
        return _N_TRIPLES
    return media_type if media_type in _ENDS else _JSON


def receive(response: urllib3.BaseHTTPResponse, form: Form, media_type: str, limits: Limits, deadline: float) -> Answer:
    """Read an answer of the type `source_type` and hand it on as `media_type`. Raises `QueryTimeout`, `QueryLimit`, `StoreUnavailable`."""
    source = source_type(form, media_type)
    incoming = _Incoming(response, source, limits, deadline, factor=1 if source == media_type else _SOURCE_FACTOR)
    body = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115  # whoever reads the answer closes it
    try:
        if source == media_type:
            for part in incoming.parts():
                body.write(part)
        else:
            _convert(incoming, form, source, media_type, _Bounded(body, limits))
        length = body.tell()
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return Answer(form, media_type, length, body, incoming.rows if form != "ask" else 1)


class _Incoming(io.RawIOBase):
    """The server's answer as a file, which ends with an exception at each limit and where the answer was cut."""

    def __init__(self, response: urllib3.BaseHTTPResponse, source: str, limits: Limits, deadline: float, factor: int) -> None:
        self._response, self._source, self._limits, self._deadline = response, source, limits, deadline
        self._most = limits.bytes * factor
        self._counter = RowCounter(source)
        self._parts = self.parts()
        self._left = b""
        self.rows = 0

    def parts(self) -> Iterator[bytes]:
        """Yield the parts of the answer as they come."""
        length, tail = 0, b""
        try:
            for part in self._response.stream(_CHUNK, decode_content=True):
                length += len(part)
                self.rows = self.rows + part.count(b"\n") if self._source == _N_TRIPLES else self._counter.add(part)
                self._check(length)
                yield part
                tail = (tail + part)[-64:] if len(part) < 64 else part[-64:]
        except ReadTimeoutError as error:
            raise too_slow(self._limits) from error
        except HTTPError as error:
            raise unavailable(error) from error
        if not tail.rstrip().endswith(_ENDS.get(self._source, b"")):
            raise too_slow(self._limits)

    def _check(self, length: int) -> None:
        if time.monotonic() > self._deadline:
            raise too_slow(self._limits)
        if length > self._most:
            raise _too_long(self._limits)
        if self.rows > self._limits.rows:
            raise QueryLimit(f"The answer has more than {self._limits.rows} rows or triples. Ask for less, or add LIMIT.")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next part, whatever its length up to the size asked for."""
        part = self._left or next(self._parts, b"")
        self._left = part[size:] if 0 <= size < len(part) else b""
        return part[:size] if self._left else part


class _Bounded(io.RawIOBase):
    """Passes on what is written until it is too much."""

    def __init__(self, target: IO[bytes], limits: Limits) -> None:
        self._target, self._limits, self._length = target, limits, 0

    def writable(self) -> bool:
        """Tell that it can be written."""
        return True

    def write(self, part: bytes) -> int:  # type: ignore[override]  # bytes is all that comes
        """Write a part."""
        self._length += len(part)
        if self._length > self._limits.bytes:
            raise _too_long(self._limits)
        return self._target.write(part)


def _convert(incoming: _Incoming, form: Form, source: str, media_type: str, target: _Bounded) -> None:
    """Write an answer in another type while it comes."""
    source_file, target_file = cast(IO[bytes], incoming), cast(IO[bytes], target)
    try:
        if form == "construct":
            serialize(parse(source_file, RdfFormat.N_TRIPLES), target_file, RdfFormat.from_media_type(media_type))
        else:
            results = parse_query_results(source_file, QueryResultsFormat.from_media_type(source))
            results.serialize(target_file, QueryResultsFormat.from_media_type(media_type))
    except SyntaxError as error:
        while incoming.read():  # an answer that was cut says so by its end
            pass
        raise StoreUnavailable(f"The store's answer is not what it says: {error}") from error


def too_slow(limits: Limits) -> QueryTimeout:
    """Say that the time is up."""
    return QueryTimeout(f"The query did not end within {limits.seconds:g} seconds. Ask for less.")


def _too_long(limits: Limits) -> QueryLimit:
    return QueryLimit(f"The answer is longer than {limits.bytes} bytes. Ask for less, or add LIMIT.")
