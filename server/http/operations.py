"""What a route says of itself: who may use it, which parameters and bodies it takes, what it answers.

Every view carries an `Operation`; the application refuses to start with a route that has none. One hook
(`enforce`, called before each request) checks the caller's role and the query parameters; the OpenAPI document is
written from the same declarations, so neither can drift from the other.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import current_app, request

from server.errors import Fault, Malformed
from server.services.callers import Caller, Role

View = TypeVar("View", bound=Callable[..., Any])
Schema = Mapping[str, Any]

_WORDS = {"true": True, "1": True, "false": False, "0": False, "": True}


@dataclass(frozen=True)
class Parameter:
    """One query parameter: its name, its help, its JSON Schema type, whether it may be repeated."""

    name: str
    help: str
    type: str = "string"
    required: bool = False
    many: bool = False
    example: Any = None
    choices: Sequence[str] = ()
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Operation:
    """The contract of one view. `lenient` routes ignore parameters they do not know (compatibility, SPARQL clients)."""

    summary: str
    role: Role
    tag: str
    query: tuple[Parameter, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)  # media type → JSON Schema
    answers: Mapping[int, str] = field(default_factory=dict)  # status → description
    content: Mapping[str, Schema] = field(default_factory=dict)  # media type of the success → JSON Schema
    lenient: bool = False
    description: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # request headers → help


def operation(summary: str, *, role: Role, tag: str, **declared: Any) -> Callable[[View], View]:
    """Attach an `Operation` to a view; see the fields of `Operation` for what may be declared."""

    def attach(view: View) -> View:
        view.operation = Operation(summary, role, tag, **declared)  # type: ignore[attr-defined]
        return view

    return attach


def declared() -> Operation:
    """Return the operation of the route that serves the current request."""
    found: Operation = getattr(current_app.view_functions[request.endpoint or ""], "operation")  # noqa: B009  # no attribute of a plain function
    return found


def enforce(caller: Caller) -> None:
    """Refuse a caller without the role the route asks for, and query parameters the route does not know."""
    wanted = declared()
    caller.require(wanted.role)
    if not wanted.lenient:
        known = [each.name for each in wanted.query]
        if faults := [Fault(f"?{name}", _unknown(name, known)) for name in request.args if name not in known]:
            raise Malformed(faults[0].message, faults=faults)


def arguments() -> dict[str, Any]:
    """Read the declared query parameters of the request, converted to their types; absent ones are left out.

    Raises `Malformed` naming each parameter that is missing or has a wrong value.
    """
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for each in declared().query:
        given = request.args.getlist(each.name)
        try:
            if given:
                values[each.name] = [_convert(each, one) for one in given] if each.many else _convert(each, given[-1])
            elif each.required:
                raise ValueError(f"The parameter {each.name} is required: {each.help}")
        except ValueError as error:
            faults.append(Fault(f"?{each.name}", str(error)))
    if faults:
        raise Malformed(faults[0].message, faults=faults)
    return values


def _convert(parameter: Parameter, text: str) -> Any:
    if parameter.choices and text not in parameter.choices:
        raise ValueError(f"{parameter.name} is one of {', '.join(parameter.choices)}.")
    if parameter.type == "boolean":
        if text.lower() not in _WORDS:
            raise ValueError(f"{parameter.name} is true or false.")
        return _WORDS[text.lower()]
    if parameter.type == "integer":
        return _integer(parameter, text)
    return text


def _integer(parameter: Parameter, text: str) -> int:
    low, high = parameter.minimum, parameter.maximum
    span = f" from {low} to {high}" if high is not None else f" of at least {low}" if low is not None else ""
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 18:
        raise ValueError(f"{parameter.name} is a whole number{span}.")
    number = int(text)
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"{parameter.name} is a whole number{span}.")
    return number


def _unknown(name: str, known: Sequence[str]) -> str:
    shown = name if len(name) <= 80 else name[:80] + "…"
    near = difflib.get_close_matches(name[:80], known, n=1)
    return f"There is no parameter {shown}." + (f" Did you mean {near[0]}?" if near else f" Known: {', '.join(known) or 'none'}.")
