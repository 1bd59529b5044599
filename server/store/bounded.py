"""Read the answer to a stranger's query from a server, and stop at the limits.

SELECT results are asked for as JSON or XML and graphs as N-Triples: only these show that they were cut (Fuseki ends a cut
answer with a comment and has said 200 long before) and tell cheaply how many rows they have. Other types are made of them here.
"""

from __future__ import annotations

import tempfile
import time
from typing import IO, cast

import urllib3
from pyoxigraph import QueryResultsFormat, QuerySolutions, RdfFormat, parse, parse_query_results, serialize
from urllib3.exceptions import HTTPError, ReadTimeoutError

from server.errors import QueryLimit, QueryTimeout, StoreUnavailable
from server.store.base import Answer, Form, Limits
from server.store.transport import unavailable

_JSON, _XML, _N_TRIPLES = "application/sparql-results+json", "application/sparql-results+xml", "application/n-triples"
_ENDS = {_JSON: b"}", _XML: b"</sparql>"}
_ROW_MARKS = {_JSON: b"{", _XML: b"<", _N_TRIPLES: b"\n"}  # at least one a row
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
    body = _file()
    try:
        _copy(response, body, source, limits.bytes if source == media_type else limits.bytes * _SOURCE_FACTOR, limits, deadline)
        if source != media_type:
            body = _converted(body, form, source, media_type)
        length = body.tell()
        if length > limits.bytes:
            raise _too_long(limits)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return Answer(form, media_type, length, body)


def _file() -> IO[bytes]:
    return cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))


def _copy(response: urllib3.BaseHTTPResponse, body: IO[bytes], source: str, most: int, limits: Limits, deadline: float) -> None:
    marks, length, tail = 0, 0, b""
    try:
        for chunk in response.stream(_CHUNK, decode_content=True):
            length += len(chunk)
            marks += chunk.count(_ROW_MARKS[source])
            if time.monotonic() > deadline:
                raise _too_slow(limits)
            if length > most:
                raise _too_long(limits)
            if source == _N_TRIPLES and marks > limits.rows:
                raise _too_many(limits)
            body.write(chunk)
            tail = (tail + chunk)[-64:].rstrip()
    except ReadTimeoutError as error:
        raise _too_slow(limits) from error
    except HTTPError as error:
        raise unavailable(error) from error
    if not tail.endswith(_ENDS.get(source, b"")):
        raise _too_slow(limits)
    if marks > limits.rows and source != _N_TRIPLES:
        _count_rows(body, source, limits)


def _count_rows(body: IO[bytes], source: str, limits: Limits) -> None:
    """Count exactly where the quick bound says that there might be too many."""
    end = body.tell()
    body.seek(0)
    results = parse_query_results(body, QueryResultsFormat.from_media_type(source))
    if isinstance(results, QuerySolutions) and sum(1 for _ in results) > limits.rows:
        raise _too_many(limits)
    body.seek(end)


def _converted(body: IO[bytes], form: Form, source: str, media_type: str) -> IO[bytes]:
    body.seek(0)
    target = _file()
    try:
        if form == "construct":
            serialize(parse(body, RdfFormat.N_TRIPLES), target, RdfFormat.from_media_type(media_type))
        else:
            parse_query_results(body, QueryResultsFormat.from_media_type(source)).serialize(target, QueryResultsFormat.from_media_type(media_type))
    except SyntaxError as error:
        target.close()
        raise StoreUnavailable(f"The store's answer is not what it says: {error}") from error
    body.close()
    return target


def _too_slow(limits: Limits) -> QueryTimeout:
    return QueryTimeout(f"The query did not end within {limits.seconds:g} seconds. Ask for less.")


def _too_long(limits: Limits) -> QueryLimit:
    return QueryLimit(f"The answer is longer than {limits.bytes} bytes. Ask for less, or add LIMIT.")


def _too_many(limits: Limits) -> QueryLimit:
    return QueryLimit(f"The answer has more than {limits.rows} rows or triples. Ask for less, or add LIMIT.")
