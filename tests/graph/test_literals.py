"""One spelling for each value: the same in JSON and RDF, and after a way through any store."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from server.graph.literals import FLOATS, INTEGERS, canonical, double, from_json, plain, to_json
from server.graph.vocabulary import RDF, XSD
from server.store.base import Store
from server.store.text import fill

SPELLINGS = [
    ("double", "9.7E-1", "0.97", "0.970", "9.7e-01", "+.97", "97E-2"),
    ("double", "1.0E0", "1", "1.0", "1.", "0.1E1", "1e0"),
    ("double", "0.0E0", "0", "0.0", "0e5", "1e-400"),
    ("double", "-0.0E0", "-0", "-0.0"),
    ("double", "INF", "1e400", "+INF", "Infinity"),
    ("double", "-INF", "-1e400", "-Infinity"),
    ("double", "NaN"),
    ("float", "1.2345679E0", "1.23456789012", "1.2345679"),
    ("float", "1", "1.0", "1e0", "+1"),
    ("float", "INF", "1e39"),
    ("integer", "5", "+5", "005", "+0005", " 5\n"),
    ("integer", "0", "-0", "00"),
    ("integer", "9" * 30),
    ("decimal", "1.5", "+1.50", "01.500"),
    ("decimal", "5.0", "5", "5.", "5.00"),
    ("decimal", "0.0", "-0.0", "0", ".0"),
    ("decimal", "0.5", ".5"),
    ("boolean", "true", "1", "\ttrue"),
    ("boolean", "false", "0"),
    ("dateTime", "2026-01-31T10:00:00.5Z", "2026-01-31T10:00:00.500Z", "2026-01-31T10:00:00.50+00:00", "2026-01-31T10:00:00.5-00:00"),
    ("dateTime", "2026-01-31T10:00:00", "2026-01-31T10:00:00.000"),
    ("dateTime", "2026-02-01T00:00:00Z", "2026-01-31T24:00:00Z"),
    ("dateTime", "12026-01-31T10:00:00+02:00"),
    ("date", "2026-01-31Z", "2026-01-31+00:00"),
    ("date", "2026-01-31", " 2026-01-31 "),
    ("time", "00:00:00", "24:00:00"),
    ("time", "10:00:00.5Z", "10:00:00.500+00:00"),
    ("gYear", "2026Z", "2026+00:00"),
    ("duration", "PT1H", "PT60M", "PT3600S", "P0DT1H"),
    ("duration", "P1Y2M3DT4H5M6.7S", "P14M3DT4H5M6.70S"),
    ("yearMonthDuration", "-P1Y", "-P12M"),
    ("dayTimeDuration", "P1D", "PT24H"),
]
NARROWER = [
    ("dateTimeStamp", "dateTime", "2026-01-31T10:00:00Z"),
    *((narrow, "integer", "5") for narrow in ("byte", "int", "unsignedLong", "positiveInteger", "nonNegativeInteger")),
]
ODD = [
    ("double", "much"), ("double", "１.５"), ("integer", "1.5"), ("integer", "１"), ("integer", ""), ("integer", "7" * 900), ("boolean", "yes"),
    ("date", "2026-02-30"), ("dateTime", "2026-13-01T00:00:00Z"), ("dateTime", "2026-01-31T10:00:60Z"), ("duration", "P1"), ("hexBinary", "0A"),
    ("anyURI", "a b"),
]  # fmt: skip


def typed(text: str, datatype: str) -> Literal:
    return Literal(text, datatype=XSD[datatype])


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda each: f"{each[0]} {each[1][:20]}")
def test_a_value_has_one_spelling(spellings: tuple[str, ...]) -> None:
    datatype, wanted, *others = spellings
    assert {canonical(typed(each, datatype)).value for each in (wanted, *others)} == {wanted}
    assert canonical(typed(wanted, datatype)) == typed(wanted, datatype)


@pytest.mark.parametrize(("narrow", "kept", "text"), NARROWER)
def test_narrower_types_are_kept_as_what_stores_know(narrow: str, kept: str, text: str) -> None:
    assert canonical(typed(text, narrow)) == typed(text, kept)


@pytest.mark.parametrize(("datatype", "text"), ODD)
def test_what_is_no_value_of_its_type_stays(datatype: str, text: str) -> None:
    assert canonical(typed(text, datatype)) == typed(text, datatype)


def test_every_store_gives_back_what_the_canonical_spelling_says(store: Store) -> None:
    """What a store makes of a literal, respelt canonically, is the literal that went in; and that literal removes it again."""
    graph, property_ = NamedNode("http://hub.test/g"), NamedNode("http://hub.test/p")
    given = {typed(text, datatype) for datatype, *texts in SPELLINGS for text in texts} | {typed(text, datatype) for datatype, text in ODD}
    given |= {typed(text, narrow) for narrow, _, text in NARROWER}
    given |= {Literal("x"), Literal("", language="en"), Literal("é", language="en-gb"), Literal("1", datatype=NamedNode("urn:x"))}
    literals = sorted({canonical(each) for each in given}, key=str)
    subjects = {NamedNode(f"http://hub.test/{place}"): each for place, each in enumerate(literals)}
    store.load(Quad(subject, property_, each, graph) for subject, each in subjects.items())
    read = {triple.subject: canonical(triple.object) for triple in store.graph(graph) if isinstance(triple.object, Literal)}
    assert read == subjects
    for subject, each in subjects.items():
        store.update(fill("DELETE DATA { GRAPH $g { $s $p $o } }", g=graph, s=subject, p=property_, o=each))
    assert store.graph(graph) == []


def test_doubles_are_spelt_exactly_and_as_short_as_can_be() -> None:
    chance = random.Random(5)
    for _ in range(3000):
        value = struct.unpack("d", chance.getrandbits(64).to_bytes(8, "big"))[0]
        if math.isfinite(value):
            spelt = double(value)
            assert float(spelt) == value and len(spelt.partition("E")[0].strip("-").rstrip("0")) <= len(repr(abs(value)).partition("e")[0]) + 1
            assert canonical(typed(spelt, "double")).value == spelt


@pytest.mark.parametrize(
    ("value", "datatypes", "text", "datatype"),
    [
        (1, {"double"}, "1.0E0", "double"),
        (1.0, {"integer"}, "1", "integer"),
        (1.5, {"integer"}, "1.5E0", "double"),
        (1, {"integer", "double"}, "1", "integer"),
        (1.5, {"integer", "double"}, "1.5E0", "double"),
        (1, {"decimal"}, "1", "decimal"),
        (1.25, {"decimal"}, "1.250000", "decimal"),
        (1, {"string"}, "1", "integer"),
        (1.5, set(), "1.5E0", "double"),
        (True, {"integer"}, "true", "boolean"),
        ("NaN", {"double"}, "NaN", "double"),
        ("5", {"integer"}, "5", "string"),
        ("5.0", {"double"}, "5.0", "string"),
        (str(2**53), {"integer"}, str(2**53), "integer"),
        (2**60, {"integer"}, str(2**60), "integer"),
        ("2026-01-31", {"date"}, "2026-01-31", "date"),
        ("2026-01-31", {"date", "dateTime"}, "2026-01-31", "string"),
        ("text", set(), "text", "string"),
    ],
)
def test_json_becomes_the_literal_that_the_field_takes(value: Any, datatypes: set[str], text: str, datatype: str) -> None:
    assert from_json(value, frozenset(XSD[each] for each in datatypes)) == typed(text, datatype)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x0b", "\x1f", "\ufffe", "\ud800"])
def test_characters_that_not_every_syntax_has_are_refused(character: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        from_json(f"a{character}b", frozenset({XSD.string}))


@pytest.mark.parametrize(
    ("literal", "datatypes", "value"),
    [
        (typed("12", "integer"), {"integer"}, 12),
        (typed(str(2**53), "integer"), {"integer"}, str(2**53)),
        (typed("12", "integer"), {"integer", "double"}, 12),
        (typed("1.0E0", "double"), {"integer", "double"}, {"@value": "1.0E0", "@type": XSD.double.value}),
        (typed("1.5E0", "double"), {"integer", "double"}, 1.5),
        (typed("1.0E0", "double"), {"double"}, 1.0),
        (typed("INF", "double"), {"double"}, "INF"),
        (typed("true", "boolean"), {"boolean"}, True),
        (typed("1.50", "double"), {"double"}, "1.50"),
        (typed("x", "string"), {"integer"}, {"@value": "x", "@type": XSD.string.value}),
        (typed("5", "integer"), {"string"}, {"@value": "5", "@type": XSD.integer.value}),
        (Literal("x", language="en"), {"string"}, {"@value": "x", "@language": "en"}),
        (Literal("x"), {"string"}, "x"),
        (typed("12.5", "decimal"), {"decimal"}, "12.5"),
    ],
)
def test_literals_become_json_that_gives_them_back(literal: Literal, datatypes: set[str], value: Any) -> None:
    assert to_json(literal, frozenset(XSD[each] for each in datatypes)) == value


@pytest.mark.parametrize(
    ("literal", "value"),
    [(typed("0.50", "decimal"), 0.5), (typed("7", "byte"), 7), (typed("1", "boolean"), True), (typed("2026-01-31", "date"), "2026-01-31"),
     (Literal("x", language="de"), "x"), (typed("NaN", "double"), "NaN"), (typed("1e3", "decimal"), "1e3")],
)  # fmt: skip
def test_plain_values_sort_and_filter(literal: Literal, value: Any) -> None:
    assert plain(literal) == value


def test_groups_of_datatypes_do_not_overlap() -> None:
    assert not INTEGERS & FLOATS and XSD.dateTime not in INTEGERS and RDF.langString not in INTEGERS
