"""Answers of stored queries: tables as plain JSON rows, pages cut to their length, and everything else as the store wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from pyoxigraph import Literal, NamedNode, QueryResultsFormat, QuerySolutions, parse_query_results

from server.graph.literals import plain
from server.services.queries import GRAPH_TYPES, TABLE_TYPES
from server.store.base import Answer, Form

JSON = "application/json"
RESULTS = TABLE_TYPES[0]
_PART = 1 << 16


@dataclass(frozen=True)
class Result:
    """An answer on its way out: its type, its parts, and how many rows come before the next page where there is one."""

    media_type: str
    parts: Iterator[bytes]
    following: int | None = None


def offered(form: Form) -> tuple[str, ...]:
    """Name the types in which a stored query answers: plain rows before the types of SPARQL."""
    return GRAPH_TYPES if form == "construct" else (JSON, *TABLE_TYPES)


def source(form: Form, media_type: str, paged: bool) -> str:
    """Choose the type to ask the store for."""
    return RESULTS if form != "construct" and (paged or media_type == JSON) else media_type


def whole(answer: Answer, media_type: str) -> Result:
    """Hand on a whole answer; as plain JSON row by row, so that a long one is never held."""
    if media_type != JSON:
        return Result(media_type, _copied(answer))
    if answer.form == "ask":
        with answer.body as body:
            return Result(JSON, iter([orjson.dumps({"boolean": orjson.loads(body.read())["boolean"]})]))
    return Result(JSON, _items(answer))


def page(answer: Answer, media_type: str, limit: int, offset: int, here: str) -> Result:
    """Cut an answer of one row too many to a page; `here` with the offset after it is the address of the next one."""
    with answer.body as body:
        found: dict[str, Any] = orjson.loads(body.read())
    rows = found["results"]["bindings"]
    following = offset + limit if len(rows) > limit else None
    found["results"]["bindings"] = rows[:limit]
    text = orjson.dumps(found)
    if media_type == RESULTS:
        return Result(media_type, iter([text]), following)
    table: Any = parse_query_results(text, QueryResultsFormat.JSON)
    if media_type != JSON:
        written = table.serialize(format=QueryResultsFormat.from_media_type(media_type)) or b""
        return Result(media_type, iter([written]), following)
    members: dict[str, Any] = {"items": list(_rows(table))}
    if following is not None:
        members["next"] = f"{here}{following}"
    return Result(JSON, iter([orjson.dumps(members)]), following)


def _copied(answer: Answer) -> Iterator[bytes]:
    with answer.body as body:
        while part := body.read(_PART):
            yield part


def _items(answer: Answer) -> Iterator[bytes]:
    with answer.body as body:
        table: Any = parse_query_results(body, QueryResultsFormat.JSON)
        yield b'{"items":['
        for number, row in enumerate(_rows(table)):
            yield (b"," if number else b"") + orjson.dumps(row)
        yield b"]}"


def _rows(table: QuerySolutions) -> Iterator[dict[str, Any]]:
    """Write rows as objects of plain values; what is not bound is null."""
    names = [each.value for each in table.variables]
    for row in table:
        yield {name: _value(row[name]) for name in names}


def _value(term: Any) -> Any:
    if isinstance(term, Literal):
        return plain(term)
    return term.value if isinstance(term, NamedNode) else None if term is None else str(term)
