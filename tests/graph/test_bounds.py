"""How large and how deep a document may be is decided before anything is done with it, in time that grows with its length alone."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest

from server.errors import Malformed, TooLarge
from server.graph.bounds import DEEPEST, MOST_FAULTS, MOST_STATEMENTS, check_nesting, check_size, check_xml, load_json
from server.graph.gate import Gate
from server.graph.reading import Draft
from tests.graph.conftest import Toys


def test_json_is_read_to_a_depth() -> None:
    assert load_json(b"[" * DEEPEST + b"]" * DEEPEST) is not None
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")):
        with pytest.raises(Malformed, match="nested deeper"):
            load_json(opening * (DEEPEST + 1) + b"1" + closing * (DEEPEST + 1))
    flat: Any = load_json(b"[" + b"[1]," * 10_000 + b"1]")
    assert len(flat) == 10_001


def test_xml_is_read_to_a_depth() -> None:
    check_xml(b"<a>" * DEEPEST + b"</a>" * DEEPEST)
    check_xml(b"<a>" + b"<b/>" * 1000 + b"</a>")
    with pytest.raises(Malformed, match="nested deeper"):
        check_xml(b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1))


def test_triple_terms_are_read_to_a_depth() -> None:
    check_nesting(b"<< <a> <b> " * DEEPEST + b">>" * DEEPEST)
    check_nesting(b'<a> <b> "<<", """ << """, \'<<\' . # << <<\n' * 1000)
    with pytest.raises(Malformed, match="nested deeper"):
        check_nesting(b"<< <a> <b> " * (DEEPEST + 1))


OPENED = (b'"' * 2_000_001, b"'''" * 700_001 + b" << " * 200, b"<" * 2_000_000, b'"\\' * 1_000_000 + b"<<" * 200, b"#" * 2_000_000)


@pytest.mark.parametrize("text", OPENED, ids=["quotes", "apostrophes", "brackets", "escapes", "comments"])
def test_looking_takes_no_longer_than_reading(text: bytes) -> None:
    begun = time.perf_counter()
    with suppress(Malformed):
        check_nesting(text)
    assert time.perf_counter() - begun < 3


def test_a_description_has_an_end(toys: Toys) -> None:
    check_size(MOST_STATEMENTS)
    for body in (
        {"title": "x", "keywords": [str(number) for number in range(MOST_STATEMENTS)]},
        {"title": "x", "keywords": ["the same"] * (MOST_STATEMENTS + 1)},
        {"title": "x", "http://x.example/own": list(range(MOST_STATEMENTS + 1))},
    ):
        with pytest.raises(TooLarge, match="at most"):
            toys.read(body)


def test_faults_are_told_up_to_a_number(toys: Toys) -> None:
    with pytest.raises(Malformed) as caught:
        toys.read({"title": "x", **{f"unknown{number}": 1 for number in range(20_000)}})
    assert len(caught.value.faults) == MOST_FAULTS


def test_long_texts_are_judged_as_fast_as_short_ones(toys: Toys) -> None:
    """Both engines get a text of some megabytes, and the report says what is wrong with it."""
    draft: Draft = toys.read({"title": "x" * 4_000_000, "description": '"\\' * 1_000_000})
    begun = time.perf_counter()
    verdict = toys.gate.judge(draft.triples, draft)
    assert [fault.pointer for fault in verdict.violations] == ["/title"] and time.perf_counter() - begun < 10
    assert isinstance(toys.gate, Gate) and not toys.gate.passes(draft.triples)
