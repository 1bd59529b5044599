"""Rows are counted exactly, in every type, however the answer is cut into parts."""

from __future__ import annotations

import random

import pyoxigraph
import pytest
from pyoxigraph import QueryResultsFormat

from server.store.rows import CSV, JSON, TSV, XML, RowCounter

NASTY = [
    "'plain'",
    r"'},{ <result> [{ ,{'",
    r"'a\"b\\\"c\\\\'",
    r"'line\r\nline\n\"quoted\",\n'",
    r"'\\'",
    "'<result>'@en",
    "<http://example.org/},{>".replace("},{", "x"),
    "1",
    "UNDEF",
    "<<( <http://example.org/s> <http://example.org/p> ',{' )>>",
]


def answer(rng: random.Random, rows: int, columns: int, media_type: str) -> bytes:
    """Write a real answer of random rows."""
    names = " ".join(f"?v{number}" for number in range(columns))
    values = " ".join("(" + " ".join(rng.choice(NASTY) for _ in range(columns)) + ")" for _ in range(rows))
    results = pyoxigraph.Store().query(f"SELECT {names} {{ VALUES ({names}) {{ {values} }} }}")
    assert isinstance(results, pyoxigraph.QuerySolutions)
    return results.serialize(format=QueryResultsFormat.from_media_type(media_type)) or b""


@pytest.mark.parametrize("media_type", [JSON, XML, CSV, TSV])
def test_rows_are_counted_exactly(media_type: str) -> None:
    rng = random.Random(3)
    for _ in range(150):
        rows = rng.choice((0, 1, 2, 3, 10, 40))
        text = answer(rng, rows, rng.randint(1, 4), media_type)
        counter = RowCounter(media_type)
        position = 0
        while position < len(text):
            step = rng.choice((1, 2, 3, 7, 50, 10_000))
            counter.add(text[position : position + step])
            position += step
        assert counter.rows == rows, text


def test_indented_json_is_counted() -> None:
    text = b'{ "head": {\n "vars": [ "a" , "b" ]\n } ,\n "results": {\n "bindings": [\n '
    text += b'{ \n "a": { "type": "uri" } ,\n "b": { "value": "x" }\n }\n , { } ] } }'
    assert RowCounter(JSON).add(text) == 2


def test_graphs_have_no_rows() -> None:
    assert RowCounter("text/turtle").add(b"<a> <b> <c> .\n") == 0
