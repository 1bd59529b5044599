"""Streams of many things, taken apart: a JSON object a line, or a graph of N-Quads a thing. One that is wrong spoils none of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from pyoxigraph import Quad, RdfFormat, parse, serialize

from server.errors import HubError, Malformed, TooLarge
from server.graph.bounds import check_nesting, load_json
from server.services.drafts import JSON, Document

NDJSON = "application/x-ndjson"
N_QUADS = "application/n-quads"
LINE_BYTES = 16 * 1024 * 1024
BLOCK_BYTES = 64 * 1024

Numbered = tuple[int, Document | HubError]
"""The first line of a document with the document, or with what is wrong there."""


def documents(stream: IO[bytes], media_type: str) -> Iterator[Numbered]:
    """Read the things of a stream, one document each."""
    return _lines(stream) if media_type == NDJSON else _graphs(stream)


def _split(stream: IO[bytes]) -> Iterator[tuple[int, bytes | TooLarge]]:
    """Read the lines of a stream with their numbers, block by block: asked for a line, streams of WSGI read byte by byte.

    A line that is too long ends the stream.
    """
    number, rest = 0, b""
    while block := stream.read(BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            number += 1
            yield number, line
        if len(rest) > LINE_BYTES:
            yield number + 1, TooLarge(f"Line {number + 1} is longer than {LINE_BYTES} bytes; nothing was read from there on.")
            return
    if rest:
        yield number + 1, rest


def _lines(stream: IO[bytes]) -> Iterator[Numbered]:
    for number, line in _split(stream):
        if isinstance(line, TooLarge):
            yield number, line
        elif line.strip():
            try:
                yield number, Document(JSON, _object(load_json(line)))
            except HubError as error:
                yield number, error


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("Each line is one JSON object.")
    return value


def _graphs(stream: IO[bytes]) -> Iterator[Numbered]:
    """Read quads that come graph by graph; each graph is one thing, numbered by its first line. A line that is none spoils the graph it is in."""
    begun, name, gathered, broken = 0, None, list[Quad](), list[HubError]()
    for number, found in _quads(stream):
        if isinstance(found, HubError):
            broken.append(found)
            begun = begun or number
            continue
        if found.graph_name != name and gathered:
            yield begun, broken[0] if broken else _document(gathered)
            begun, gathered, broken = number, [], []
        begun, name = begun or number, found.graph_name
        gathered.append(found)
    if gathered or broken:
        yield begun, broken[0] if broken else _document(gathered)


def _quads(stream: IO[bytes]) -> Iterator[tuple[int, Quad | HubError]]:
    for number, line in _split(stream):
        if isinstance(line, TooLarge):
            yield number, line
            return
        try:
            check_nesting(line)
            yield from ((number, quad) for quad in parse(line, RdfFormat.N_QUADS))
        except SyntaxError as error:
            yield number, Malformed(f"Line {number} is no N-Quads statement: {str(error.args[0])[:300]}")
        except HubError as error:
            yield number, error


def _document(quads: Sequence[Quad]) -> Document:
    return Document("application/n-triples", serialize([each.triple for each in quads], format=RdfFormat.N_TRIPLES) or b"")
