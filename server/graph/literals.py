"""JSON values and RDF literals: one canonical spelling each, so that JSON with the context and Turtle are the same graph.

Stores respell numbers and times as they please (oxigraph answers 0.97 for 9.7E-1, TDB2 too) and drop some derived types (`STORED`), so
literals are brought into the canonical spelling on their way in and on their way out, and a description reads the same whatever engine keeps it.

Numbers and booleans get the lexical form that JSON-LD 1.1 gives them (API, Data Round Tripping), except that a double keeps
its seventeenth digit where it needs one: `9.7E-1`, `1.0E0`, `NaN`, `INF`.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pyoxigraph
from pyoxigraph import Literal, NamedNode, Triple

from server.graph.vocabulary import RDF, XSD

STORED = {  # stores keep values, not these narrower types: oxigraph answers xsd:dateTime for a dateTimeStamp, TDB2 keeps it
    XSD.dateTimeStamp: XSD.dateTime,
    **{
        XSD[name]: XSD.integer
        for name in (
            "nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger", "long", "int", "short", "byte",
            "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte",
        )
    },
}  # fmt: skip
INTEGERS = frozenset({XSD.integer, *STORED} - {XSD.dateTimeStamp})
FLOATS = frozenset({XSD.double, XSD.float})
SPECIAL = {"NaN": "NaN", "INF": "INF", "-INF": "-INF", "+INF": "INF", "Infinity": "INF", "-Infinity": "-INF"}
RESPELT = frozenset(
    XSD[name] for name in ("date", "time", "gYear", "gYearMonth", "gMonthDay", "gDay", "gMonth", "duration", "dayTimeDuration", "yearMonthDuration")
)
_COLLAPSED = INTEGERS | FLOATS | RESPELT | {XSD.decimal, XSD.boolean, XSD.dateTime}  # blanks around their values mean nothing
BAD_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML, and so RDF/XML, cannot say (XML 1.0, 2.2)

_TIME = re.compile(r"(-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,1000}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EXACT = 2**53  # whole numbers from here on are text in JSON: as numbers, many readers would round them

_engine = pyoxigraph.Store()  # stays empty: it only says how it spells a value


def double(value: float) -> str:
    """Spell a double as JSON-LD does."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    sign, numbers, exponent = Decimal(repr(value)).as_tuple()  # repr has the fewest digits that give the value back
    digits = "".join(map(str, numbers))
    return f"{'-' if sign else ''}{digits[0]}.{digits[1:].rstrip('0') or '0'}E{int(exponent) + len(digits) - 1 if value else 0}"


def python_number(text: str) -> str:
    """Spell a number as Python does, which is how the clients of CORDS know the values of metrics."""
    number = float(text.replace("INF", "inf"))
    return "nan" if math.isnan(number) else str(number)


def canonical(literal: Literal) -> Literal:
    """Respell a number, boolean or point in time canonically; anything else, ill-typed ones too, is returned as it is."""
    if literal.datatype == XSD.string:
        return literal
    kind = STORED.get(literal.datatype, literal.datatype)
    if kind not in _COLLAPSED:
        return literal
    text = literal.value.strip(" \t\r\n")
    if kind in INTEGERS and _INTEGER.fullmatch(text):
        return Literal(str(int(text)) if len(text) < 400 else text.removeprefix("+"), datatype=kind)
    if kind in FLOATS and (_NUMBER.fullmatch(text) or text in SPECIAL):
        number = float((SPECIAL.get(text) or text) if kind == XSD.double else _respelt(SPECIAL.get(text) or text, kind))
        return Literal(_float(number, kind), datatype=kind)
    if kind == XSD.boolean and text in ("1", "0"):
        return Literal("true" if text == "1" else "false", datatype=kind)
    if kind == XSD.decimal and DECIMAL.fullmatch(text):
        return Literal(_decimal(text), datatype=kind)
    if kind == XSD.dateTime and (found := _TIME.fullmatch(_respelt(text, kind) if "T24:" in text else text)):
        fraction = (found[2] or "").rstrip("0").rstrip(".")
        return Literal(found[1] + fraction + ("Z" if found[3] in ("+00:00", "-00:00") else found[3] or ""), datatype=kind)
    if kind in RESPELT and not _DATE.fullmatch(text):
        return Literal(_respelt(text, kind), datatype=kind)
    return Literal(text, datatype=kind) if text != literal.value else literal


@lru_cache(maxsize=4096)
def _respelt(text: str, kind: NamedNode) -> str:
    """Spell a value as the embedded engine does: a single no more precise than it is, a day without +00:00, a duration without 60 minutes."""
    solutions: Any = _engine.query(f"SELECT ?x {{ VALUES ?x {{ {Literal(text, datatype=kind)} }} }}")
    return str(next(solutions)["x"].value)


def canonical_triple(triple: Triple) -> Triple:
    """Respell the object of a triple canonically."""
    value = triple.object
    if not isinstance(value, Literal) or (spelt := canonical(value)) is value:
        return triple
    return Triple(triple.subject, triple.predicate, spelt)


def _float(value: float, datatype: NamedNode) -> str:
    """Spell a double or float; JSON-LD writes a float without a fraction as an integer."""
    return str(int(value)) if datatype == XSD.float and value.is_integer() and abs(value) < 1e21 else double(value)


def _decimal(text: str) -> str:
    sign, digits = ("-" if text.startswith("-") else ""), text.lstrip("+-")
    whole, _, fraction = digits.partition(".")
    spelt = f"{whole.lstrip('0') or '0'}.{fraction.rstrip('0') or '0'}"
    return spelt if spelt == "0.0" else sign + spelt


def from_json(value: Any, datatypes: frozenset[NamedNode]) -> Literal:
    """Make a literal of a JSON scalar for a field that takes these datatypes (none: any).

    A value of a wrong type becomes a literal of its own type, which the gate then refuses with a report.
    Raises `ValueError` for text that no RDF syntax can carry.
    """
    if isinstance(value, bool):
        return Literal("true" if value else "false", datatype=XSD.boolean)
    if isinstance(value, int):
        return _number(value, datatypes, INTEGERS, FLOATS, XSD.integer)
    if isinstance(value, float):
        return _number(value, datatypes, FLOATS, INTEGERS if value.is_integer() else frozenset(), XSD.double)
    if BAD_TEXT.search(value):
        raise ValueError("has a control character or half a surrogate pair; leave it out.")
    if value in SPECIAL and datatypes & FLOATS:
        return Literal(SPECIAL[value], datatype=next(iter(datatypes & FLOATS)))
    single = next(iter(datatypes)) if len(datatypes) == 1 else None
    if single in INTEGERS and _INTEGER.fullmatch(value) and abs(int(value)) >= _EXACT:
        return Literal(value, datatype=single)
    if single is None or single in INTEGERS or single in FLOATS or single in (XSD.boolean, XSD.string, RDF.langString):
        return Literal(value)
    return Literal(value, datatype=single)


def _number(value: float, datatypes: frozenset[NamedNode], first: frozenset[NamedNode], second: frozenset[NamedNode], fallback: NamedNode) -> Literal:
    for group in (first, second):
        if chosen := sorted(datatypes & group, key=str):
            return Literal(str(int(value)) if chosen[0] in INTEGERS else _float(float(value), chosen[0]), datatype=chosen[0])
    if XSD.decimal in datatypes:
        return Literal(format(value, "f") if isinstance(value, float) else str(value), datatype=XSD.decimal)
    return Literal(str(value) if fallback == XSD.integer else double(float(value)), datatype=fallback)


def to_json(literal: Literal, datatypes: frozenset[NamedNode]) -> Any:
    """Make a JSON value of a literal such that the field's term definition in the context gives the literal back."""
    coerced = next(iter(datatypes)) if len(datatypes) == 1 else None
    if literal.language is not None:
        return {"@value": literal.value, "@language": literal.language}
    if coerced is not None and coerced not in (XSD.string, RDF.langString):
        if literal.datatype == coerced:
            return _native(literal)
    elif literal.datatype == XSD.string:
        return literal.value
    elif coerced is None and literal.datatype in (XSD.integer, XSD.boolean, XSD.double):
        value = _native(literal)
        if not (isinstance(value, float) and value.is_integer()) and not isinstance(value, str):
            return value
    return {"@value": literal.value, "@type": literal.datatype.value}


def _native(literal: Literal) -> Any:
    text, kind = literal.value, literal.datatype
    if canonical(literal) != literal:
        return text
    if kind == XSD.boolean and text in ("true", "false"):
        return text == "true"
    if kind in INTEGERS and _INTEGER.fullmatch(text) and abs(int(text)) < _EXACT:
        return int(text)
    if kind in FLOATS and _NUMBER.fullmatch(text):
        return float(text)
    return text


def plain(literal: Literal) -> str | float | int | bool:
    """Return the value of a literal for sorting and filtering: a number, a boolean, or its text."""
    spelt = canonical(literal)
    value = float(spelt.value) if spelt.datatype == XSD.decimal and DECIMAL.fullmatch(spelt.value) else _native(spelt)
    return value if isinstance(value, (str, float, int, bool)) else literal.value
