"""Parameters of stored queries: what a header declares, and how what a caller sends becomes a term.

A value is converted to a term of the declared type and bound where its name stands; it is never part of the query's text as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyoxigraph import Literal, NamedNode

from server.errors import Fault, Malformed
from server.graph.literals import BAD_TEXT, canonical
from server.graph.names import ID, Names
from server.graph.vocabulary import XSD, expand
from server.services.headers import wrong

Bound = NamedNode | Literal
Below = Callable[[str], Iterable[str]]
"""Name the classes below a class, all by their IRIs."""

TYPES = {
    "string": "a text of at most 10 000 characters",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a day such as 2026-01-31",
    "datetime": "a time such as 2026-01-31T00:00:00Z",
    "iri": "an IRI",
    "term": "a label, an IRI, or a name with a prefix such as mls:Algorithm",
    "class": "the IRI of a class, or its name with a prefix such as mls:Model",
}
_DATATYPES = {"integer": XSD.integer, "number": XSD.double, "boolean": XSD.boolean, "date": XSD.date, "datetime": XSD.dateTime}
_FORMS = {
    "integer": re.compile(r"[+-]?\d{1,18}", re.ASCII),
    "number": re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?", re.ASCII),
    "boolean": re.compile(r"true|false"),
    "date": re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII),
    "datetime": re.compile(
        r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d):[0-5]\d)", re.ASCII
    ),
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_MEMBERS = ("name", "type", "description", "required", "default", "enum", "example", "many", "of")
_MOST_VALUES = 100
_LONGEST = 10_000
RESERVED = ("limit", "offset", "format", "timeout")


@dataclass(frozen=True)
class Declared:
    """One parameter of a stored query. `of`: the collection whose ids stand for IRIs; `many`: it may be given several times."""

    name: str
    type: str
    description: str
    required: bool
    default: str | None
    choices: tuple[str, ...]
    example: str | None
    many: bool
    of: str | None

    @property
    def sample(self) -> str | None:
        """Return a value to try the query with."""
        return self.example if self.example is not None else self.default if self.default is not None else next(iter(self.choices), None)

    def json(self) -> dict[str, Any]:
        """Write it for the list of queries."""
        whole = {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "required": self.required,
            "default": self.default and self.native(self.default),
            "enum": list(self.choices) or None,
            "example": self.example and self.native(self.example),
            "many": self.many or None,
            "of": self.of,
        }
        return {key: value for key, value in whole.items() if value is not None or key == "required"}

    def native(self, text: str) -> str | int | float | bool:
        """Return a valid text as the JSON value that it stands for."""
        if self.type == "integer":
            return int(text)
        if self.type == "number":
            return float(text)
        return text == "true" if self.type == "boolean" else text

    def term(self, given: Any, names: Names) -> Bound:
        """Make the term that a value stands for; raise `ValueError` saying what is allowed."""
        text = _text(given)
        if text is None or len(text) > _LONGEST or BAD_TEXT.search(text):
            raise ValueError(f"{self.name} takes {self._allowed()}.")
        if self.choices and text not in self.choices:
            raise ValueError(f"{self.name} is one of {', '.join(self.choices)}.")
        if self.type == "string":
            return Literal(text)
        if self.type == "term":
            return Literal(names.base + text if text.startswith("id/") else expand(text))
        if self.type in ("iri", "class"):
            return self._iri(text, names)
        if not _FORMS[self.type].fullmatch(text):
            raise ValueError(f"{self.name} takes {self._allowed()}.")
        if self.type in ("date", "datetime"):
            _check_day(text, self.name)
        return canonical(Literal(text, datatype=_DATATYPES[self.type]))

    def terms(self, given: Any, names: Names, below: Below | None = None) -> Iterator[Bound]:
        """Make the terms that a value stands for: one, and for a class those that are `below` it too."""
        term = self.term(given, names)
        yield term
        if below is not None and self.type in ("term", "class") and ":" in term.value and _is_iri(term.value):
            for each in below(term.value):
                yield Literal(each) if self.type == "term" else NamedNode(each)

    def _iri(self, text: str, names: Names) -> NamedNode:
        if self.of and ID.fullmatch(text):
            return names.thing(self.of, text)
        whole = expand(names.base + text if text.startswith("id/") else text)
        try:
            if ":" in whole:
                return NamedNode(whole)
        except ValueError:
            pass
        raise ValueError(f"{self.name} takes {self._allowed()}.")

    def _allowed(self) -> str:
        if self.of:
            return f"the id or IRI of one of the {self.of}"
        return TYPES[self.type]


def _is_iri(text: str) -> bool:
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True


def _check_day(text: str, name: str) -> None:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError(f"{name} takes a day of the calendar, which {text[:10]} is not.") from None


def _text(given: Any) -> str | None:
    """Spell a JSON scalar as it would stand in an address."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, (int, float)):
        return repr(given)
    return given if isinstance(given, str) else None


def declare(given: Any, names: Names) -> tuple[Declared, ...]:
    """Read the parameters of a header; raise `Malformed` pointing at what is wrong."""
    if given in (None, ""):
        return ()
    if not isinstance(given, list):
        raise wrong("parameters", "parameters is a list; each one begins with `- name: …`.")
    found: list[Declared] = []
    for place, each in enumerate(given):
        try:
            one = _one(each)
            if one.name in [other.name for other in found]:
                raise ValueError(f"the parameter {one.name} is there twice.")
            for text in [value for value in (one.default, one.example, *one.choices) if value is not None]:
                one.term(text, names)
        except ValueError as error:
            raise wrong(f"parameters/{place}", f"Parameter {place + 1}: {error}") from error
        found.append(one)
    return tuple(found)


def _one(given: Any) -> Declared:
    if not isinstance(given, dict):
        raise ValueError("a parameter has members such as name and type.")
    if unknown := [str(key)[:40] for key in given if key not in _MEMBERS]:
        raise ValueError(f"there is no member {unknown[0]}; known are {', '.join(_MEMBERS)}.")
    choices = given.get("enum", [])
    if not isinstance(choices, list) or not all(isinstance(each, str) for each in choices):
        raise ValueError("enum is a list of values.")
    if bad := [key for key, value in given.items() if key != "enum" and not isinstance(value, str)]:
        raise ValueError(f"{bad[0]} is one text.")
    name, type_ = given.get("name", ""), given.get("type", "string")
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise ValueError(f"a name is a word of lower-case letters, digits and _, and none of {', '.join(RESERVED)}.")
    if type_ not in TYPES:
        raise ValueError(f"the type of {name} is one of {', '.join(TYPES)}.")
    if given.get("of") is not None and type_ != "iri":
        raise ValueError("of belongs to parameters of the type iri.")
    made = Declared(
        name, type_, " ".join(given.get("description", "").split()), _flag(given, "required"), given.get("default"), tuple(choices),
        given.get("example"), _flag(given, "many"), given.get("of"),
    )  # fmt: skip
    if made.required and made.default is not None:
        raise ValueError(f"{name} is required, so its default is never used; leave one of the two out.")
    if made.sample is None:
        raise ValueError(f"{name} needs an example (or a default): the query is tried with it.")
    return made


def _flag(given: Mapping[str, str], key: str) -> bool:
    if (text := given.get(key, "false")) not in ("true", "false"):
        raise ValueError(f"{key} is true or false.")
    return text == "true"


def read_values(declared: tuple[Declared, ...], given: Mapping[str, list[Any]], names: Names, below: Below | None = None) -> dict[str, list[Bound]]:
    """Make the terms of a call, in the order declared; parameters that were left out have none.

    Raises `Malformed` naming each parameter that is missing or has a wrong value.
    """
    terms: dict[str, list[Bound]] = {}
    faults: list[Fault] = []
    for each in declared:
        values = given.get(each.name) or ([each.default] if each.default is not None else [])
        try:
            if not values and each.required:
                raise ValueError(f"The parameter {each.name} is required: {each.description or TYPES[each.type]}")
            if len(values) > (_MOST_VALUES if each.many else 1):
                raise ValueError(f"{each.name} is given at most {_MOST_VALUES if each.many else 1} times.")
            terms[each.name] = list(dict.fromkeys(term for value in values for term in each.terms(value, names, below)))
        except ValueError as error:
            faults.append(Fault(f"?{each.name}", str(error)))
    if faults:
        raise Malformed(faults[0].message, faults=faults)
    return terms
