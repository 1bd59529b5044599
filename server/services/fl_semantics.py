"""A federated-learning service in the semantic form of the CORDS clients: a node for each of its five objects, with the datatypes of the ontology.

The form is theirs: the seven prefixes without their `#`, nodes named in `http://example.org#`. The values are right: a time is a time, and the same
service always has the same nodes. They are not connected, because that form never was; the graph of the service is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from server.graph.vocabulary import PREFIXES
from server.services.fl_forms import OBJECTS, objects, shown_session
from server.services.semantics import CONTEXT

_SCENARIO = "http://example.org#"
_CLASSES = {
    "fl_session": "FLSession",
    "fl_aggregation": "FLAggregation",
    "fl_communication": "FLCommunication",  # the class of the ontology is called FLCommunications; consumers know this name
    "fl_security": "FLSecurity",
    "fl_training": "FLTraining",
}
_OTHER_NAMES = {"session_id": "sessionID", "aggregation_method": "aggregationAlgorithm"}
_DATATYPES = {"text": "string", "integer": "integer", "number": "float", "boolean": "boolean", "time": "dateTime"}


def semantics(item: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a service from its JSON; objects without a value have no node."""
    said = objects(item)
    nodes = [_node(item, name, said[name]) for name in OBJECTS if said[name]]
    return {"@context": CONTEXT, "cords:flmetadata": nodes}


def _node(item: Mapping[str, Any], name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    session = (shown_session(item) or {}).get("session_id", "") if name == "fl_session" else ""
    id = uuid.uuid5(uuid.NAMESPACE_URL, f"{item['iri']}/{name}/{session}")
    described = {f"fl:{_property(key)}": {"@type": _datatype(name, key), "@value": value} for key, value in values.items()}
    return {"@id": f"{_SCENARIO}{id}", "@type": f"fl:{_CLASSES[name]}", **described}


def _property(key: str) -> str:
    first, *rest = key.split("_")
    return _OTHER_NAMES.get(key, first + "".join(word.capitalize() for word in rest))


def _datatype(name: str, key: str) -> str:
    return PREFIXES["xsd"] + _DATATYPES[OBJECTS[name][key]]
