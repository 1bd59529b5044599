"""What documents from outside may be like before a parser gets them: how deep, and free of what would make it fetch or expand something.

The parsers take what they are given: a triple term a few thousand levels deep ends the whole process, XML nested as deep holds it
for minutes, and a few entities of XML can become gigabytes.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn
from xml.parsers import expat

import orjson

from server.errors import Fault, Malformed, TooLarge

MOST_STATEMENTS = 50_000  # that one thing can have: it is read, judged and written as a whole
MOST_FAULTS = 100  # that are told at once
DEEPEST = 100  # levels of JSON, XML elements or triple terms within each other

_LEXED = re.compile(
    rb'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\\r\n]|\\.)*"|\'(?:[^\'\\\r\n]|\\.)*\'|\\.|\#[^\r\n]*|<[^<>"\s]*>|<<|>>',
    re.DOTALL,
)


def load_json(text: bytes) -> Any:
    """Read a JSON document; raise `Malformed` with line and column, or where it is nested too deep."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise json_error(error) from error
    if text.count(b"[") + text.count(b"{") > DEEPEST:
        _check_depth(value)
    return value


def json_error(error: orjson.JSONDecodeError) -> Malformed:
    """Describe a JSON syntax error with its line and column."""
    return Malformed(
        f"The JSON cannot be read: {error.msg} at line {error.lineno}, column {error.colno}.",
        faults=[Fault("", f"{error.msg} at line {error.lineno}, column {error.colno}")],
    )


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise _too_deep()
        level = [child for each in level if isinstance(each, (dict, list)) for child in (each.values() if isinstance(each, dict) else each)]


def check_size(statements: int) -> None:
    """Raise `TooLarge` for more statements than one thing can have."""
    if statements > MOST_STATEMENTS:
        raise TooLarge(f"A description has at most {MOST_STATEMENTS} statements; put data that has more into a file, and say where that is.")


def check_nesting(text: bytes) -> None:
    """Raise `Malformed` for Turtle, TriG, N-Triples or N-Quads with triple terms too deep within each other."""
    if text.count(b"<<") <= DEEPEST:
        return
    depth = 0
    for match in _LEXED.finditer(text):
        depth += {b"<<": 1, b">>": -1}.get(match[0], 0)
        if depth > DEEPEST:
            raise _too_deep()


def check_xml(text: bytes) -> None:
    """Raise `Malformed` for XML that is not well-formed, with line and column; that declares a document type; or that is too deep."""
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise _too_deep()

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*declared: object) -> NoReturn:
        raise Malformed("The XML declares a document type. Its entities are not read; write the IRIs out, or declare them as namespaces.")

    reader = expat.ParserCreate()
    reader.StartElementHandler, reader.EndElementHandler, reader.StartDoctypeDeclHandler = start, end, refuse
    try:
        reader.Parse(text, True)
    except expat.ExpatError as error:
        where = f"{expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset + 1}"
        raise Malformed(f"The XML cannot be read: {where}.", faults=[Fault("", where)]) from error


def _too_deep() -> Malformed:
    return Malformed(f"The document is nested deeper than {DEEPEST} levels.")
