"""A federated-learning service as the clients of the CORDS service write it, as the JSON of the hub's kind and back. Pure functions.

Their service has five objects of plain values and one session. The hub's has the same values, in the parts that the ontology gives them to,
and any number of sessions: the one that begins last stands for all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from server.errors import Fault, Malformed

Members = dict[str, Any]
MISSING, NOTHING = "Missing required fields", "No data provided"

OBJECTS: Mapping[str, Mapping[str, str]] = {
    "fl_session": {
        "session_id": "text", "session_start_time": "time", "session_end_time": "time", "num_min_clients": "integer",
        "num_max_clients": "integer", "participation_ratio": "number",
    },
    "fl_aggregation": {"aggregation_method": "text", "aggregation_frequency": "integer"},
    "fl_communication": {"communication_protocol": "text", "secure_aggregation_enabled": "boolean"},
    "fl_security": {"differential_privacy_enabled": "boolean", "encryption_method": "text"},
    "fl_training": {"training_rounds": "integer", "local_epochs": "integer", "loss_function": "text"},
}  # fmt: skip
"""The five objects of a service, with what each of their values is."""

SERVICE = ("name", "description", *OBJECTS)
OTHER_NAMES = {"fl_security_privacy": "fl_security"}  # updates were meant to be written with this one
_MISSING = "Missing data for required field."
_NUMBER = re.compile(r"^/\d+")
_HOME = {key: name for name, keys in OBJECTS.items() for key in keys}
_PLACES = (
    ("/training/aggregation", "/fl_aggregation"), ("/training", "/fl_training"), ("/communication", "/fl_communication"),
    ("/security", "/fl_security"), ("/sessions", "/fl_session"), ("/title", "/name"), ("/client", "/fl_client"),
)  # fmt: skip


@dataclass(frozen=True)
class FLForm:
    """A service as a client sent it, its values checked for what they are."""

    name: str
    description: str
    objects: Mapping[str, Members] = field(default_factory=dict)
    client: str | None = None
    connector: str | None = None


def read_form(given: Any, required: tuple[str, ...] = SERVICE) -> FLForm:
    """Read a service in the old form; raise `Malformed` for members that are missing and values that are none of their sort.

    Members that are not known are passed over, and a known value in the wrong one of the objects is taken for the right one.
    """
    if not isinstance(given, Mapping):
        raise Malformed("Send a JSON object.", faults=[Fault("/_schema", "Invalid input type.")])
    if not given:
        raise Malformed(NOTHING, faults=[Fault(f"/{name}", _MISSING) for name in required])
    sent: Members = {OTHER_NAMES.get(str(name), str(name)): value for name, value in given.items()}
    sent |= {name: given[name] for name in OBJECTS if given.get(name)}
    if missing := [Fault(f"/{name}", _MISSING) for name in required if not sent.get(name)]:
        raise Malformed(MISSING, faults=missing)
    faults: list[Fault] = []
    texts = {name: _value("text", sent.get(name), f"/{name}", faults) for name in ("name", "description", "fl_client", "connector_id")}
    objects = {name: dict(_object(sent, name, faults)) for name in OBJECTS}
    if faults:
        raise Malformed(f"{faults[0].pointer[1:]}: {faults[0].message}", faults=faults)
    return FLForm(texts["name"] or "", texts["description"] or "", objects, texts["fl_client"], texts["connector_id"])


def members(form: FLForm) -> Members:
    """Write what a form says as the members of a new thing."""
    return {
        "title": form.name,
        "description": form.description,
        "training": {**form.objects["fl_training"], "aggregation": form.objects["fl_aggregation"]},
        "communication": form.objects["fl_communication"],
        "security": form.objects["fl_security"],
        "sessions": [_session(form)],
        **({"client": form.client} if form.client else {}),
    }


def patch(form: FLForm, present: Mapping[str, Any]) -> Members:
    """Write what a form says as a merge patch of a service that is `present`: all that the form has a place for is replaced, the rest stays.

    A session with rounds or participants is history; where the form names another one, that is added.
    """
    whole = {name: {**dict.fromkeys(keys), **form.objects[name]} for name, keys in OBJECTS.items()}
    shown, sessions, new = shown_session(present), list(present.get("sessions", ())), _session(form)
    same = next((each for each in sessions if each["session_id"] == new["session_id"]), shown)
    if same is not None and (same["session_id"] == new["session_id"] or not (same.get("rounds") or same.get("participants"))):
        sessions[sessions.index(same)] = {**{key: value for key, value in same.items() if key not in OBJECTS["fl_session"]}, **new}
    else:
        sessions.append(new)
    return {
        "title": form.name,
        "description": form.description,
        "training": {**whole["fl_training"], "aggregation": whole["fl_aggregation"]},
        "communication": whole["fl_communication"],
        "security": whole["fl_security"],
        "sessions": sessions,
        **({"client": {"label": form.client, "iri": None, "type": None}} if form.client else {}),
    }


def objects(item: Mapping[str, Any]) -> dict[str, Members]:
    """Read the five objects out of a service's JSON."""
    training = item.get("training") or {}
    homes = {
        "fl_session": shown_session(item) or {},
        "fl_aggregation": training.get("aggregation") or {},
        "fl_communication": item.get("communication") or {},
        "fl_security": item.get("security") or {},
        "fl_training": training,
    }
    return {name: {key: homes[name][key] for key in keys if key in homes[name]} for name, keys in OBJECTS.items()}


def shown_session(item: Mapping[str, Any]) -> Members | None:
    """Choose the session that stands for all: the one that begins last, of those that begin at no known time the last by its identifier."""
    sessions: list[Members] = list(item.get("sessions") or ())
    return max(sessions, key=lambda each: (str(each.get("session_start_time", "")), str(each["session_id"])), default=None)


def in_old_words(fault: Fault) -> Fault:
    """Point to the place of a fault as the old form has it."""
    for place, old in _PLACES:
        if fault.pointer == place or fault.pointer.startswith(place + "/"):
            return Fault(old + _NUMBER.sub("", fault.pointer.removeprefix(place)), fault.message)
    return fault


def _session(form: FLForm) -> Members:
    return {"session_id": "1", **form.objects["fl_session"]}


def _object(sent: Mapping[str, Any], name: str, faults: list[Fault]) -> Iterator[tuple[str, Any]]:
    given = sent.get(name, {})
    if not isinstance(given, Mapping):
        faults.append(Fault(f"/{name}", "Not a valid mapping type."))
        return
    for other in (*(each for each in OBJECTS if each != name), name):  # its own place has the last word
        values = sent.get(other)
        for key, value in values.items() if isinstance(values, Mapping) else ():
            if _HOME.get(key) == name and (read := _value(OBJECTS[name][key], value, f"/{other}/{key}", faults)) is not None:
                yield key, read


def _value(sort: str, value: Any, pointer: str, faults: list[Fault]) -> Any:
    """Read one value; what is empty or null is not there."""
    if value is None or value == "":
        return None
    read, message = _SORTS[sort]
    try:
        return read(value)
    except (TypeError, ValueError, OverflowError):
        faults.append(Fault(pointer, message))
        return None


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TypeError
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _time(value: Any) -> str:
    """Complete a time as the forms of browsers write it, which have no seconds."""
    return datetime.fromisoformat(value).isoformat()


_SORTS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "text": (_text, "Not a valid string."),
    "integer": (_integer, "Not a valid integer: write the whole number itself, without quotes."),
    "number": (_number, "Not a valid number: write the number itself, without quotes."),
    "boolean": (_boolean, "Not a valid boolean: write true or false, without quotes."),
    "time": (_time, "Not a valid time: write it like 2025-04-01T12:40 or 2025-04-01T12:40:00Z."),
}
