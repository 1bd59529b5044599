"""`/api/fl_services` and `/api/front_end`: federated-learning services for the clients of the CORDS service.

These routes never asked for a token; who may call them is what the hub says of its own routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from server.graph.names import ID
from server.http import problems, representations
from server.http.auth import current_caller, current_hub
from server.http.bodies import JSON
from server.http.cords.answers import answer, local
from server.http.cords.answers import dress as dress_others
from server.http.cords.forms import sent
from server.http.operations import Parameter, arguments, operation
from server.services.callers import Role
from server.services.federated import Item, Offered
from server.services.fl_forms import OBJECTS, SERVICE, objects, read_form
from server.services.fl_semantics import semantics
from server.services.inventory import plain_text

services = Blueprint("cords-fl-services", __name__, url_prefix="/api/fl_services")
front_end = Blueprint("cords-front-end", __name__, url_prefix="/api/front_end")

ADDED = "FL service and resource created successfully"
NONE = {"status": "success", "message": "No FL services available"}
_FULL = Parameter("profile", "`full`: the whole graph as JSON-LD 1.1, connected, with the IRIs of the ontology.", choices=("full",))
_TYPES = {"text": "string", "time": "string", "integer": "integer", "number": "number", "boolean": "boolean"}
_EXAMPLES = {
    "fl_session": {
        "session_id": "2025-spring", "session_start_time": "2025-04-01T12:40", "session_end_time": "2025-05-31T12:40",
        "num_min_clients": 1, "num_max_clients": 100, "participation_ratio": 0.5,
    },
    "fl_aggregation": {"aggregation_method": "fed_avg", "aggregation_frequency": 10},
    "fl_communication": {"communication_protocol": "grpc", "secure_aggregation_enabled": True},
    "fl_security": {"differential_privacy_enabled": False, "encryption_method": "aes_256"},
    "fl_training": {"training_rounds": 50, "local_epochs": 5, "loss_function": "mse"},
}  # fmt: skip
_EXAMPLE = {"name": "Feeder load, learnt together", "description": "Utilities train one forecaster while each keeps its data.", **_EXAMPLES}


def _schema(*required: str, **example: str) -> Mapping[str, Any]:
    kept = {name: {"type": "object", "properties": {key: {"type": _TYPES[sort]} for key, sort in keys.items()}} for name, keys in OBJECTS.items()}
    members = {**{name: {"type": "string"} for name in ("name", "description", *required)}, **kept}
    return {JSON: {"type": "object", "required": [*SERVICE, *required], "properties": members, "example": {**_EXAMPLE, **example}}}


_ANSWER = {JSON: {"type": "object"}}
_LIST = {JSON: {"oneOf": [{"type": "array", "items": {"type": "object"}}, {"type": "object"}]}}


@services.post("/add")
@operation(
    "Add a federated-learning service",
    role=Role.contributor,
    tag="CORDS",
    body=_schema(),
    content=_ANSWER,
    answers={201: "stored", 400: "something is missing or of the wrong type", 422: "the values contradict each other"},
    lenient=True,
    description="An `fl_service_id` of 64 hexadecimal digits may be sent along.",
)
def add() -> ResponseReturnValue:
    """Store a service."""
    given = sent()
    thing = current_hub().federated.add(current_caller(), read_form(given), more=_chosen_id(given))
    return answer(_service(_item(thing)) | {"status": "success", "message": "FL service created successfully", "error": None}, 201)


@front_end.post("/add_fl_service")
@operation(
    "Add a federated-learning service with its resource",
    role=Role.contributor,
    tag="CORDS",
    body=_schema("fl_client", "connector_id", fl_client="5f8d0d55b54764421b7156c1", connector_id="https://connector.gridmoor.example/"),
    content=_ANSWER,
    answers={201: "stored, with an offer through the connector", 400: "something is missing or of the wrong type, or there is no such connector"},
    lenient=True,
    description="The connector is not told. An `fl_service_id` of 64 hexadecimal digits may be sent along.",
)
def add_fl_service() -> ResponseReturnValue:
    """Store a service and the offer that makes it known."""
    given = sent()
    form = read_form(given, (*SERVICE, "fl_client", "connector_id"))
    thing, offer = current_hub().federated.add_offered(current_caller(), form, more=_chosen_id(given))
    made = {"resource_id": offer.id, "connector_id": form.connector, "status": "success", "message": ADDED, "error": None}
    return answer(_service(_item(thing)) | made, 201)


@services.get("/get/<fl_service_id>")
@operation("Read a federated-learning service", role=Role.reader, tag="CORDS", content=_ANSWER, lenient=True)
def get(fl_service_id: str) -> ResponseReturnValue:
    """Answer a service."""
    return answer(_service(_item(current_hub().federated.read(fl_service_id))))


@services.get("/list")
@operation("List the federated-learning services", role=Role.reader, tag="CORDS", content=_LIST, lenient=True)
def list_services() -> ResponseReturnValue:
    """Answer all services, or an object that says that there is none."""
    return _all(_service(each) for each in current_hub().federated.services())


@services.put("/update/<fl_service_id>")
@operation(
    "Replace what a federated-learning service says",
    role=Role.contributor,
    tag="CORDS",
    body=_schema(),
    content=_ANSWER,
    answers={200: "replaced", 400: "something is missing or of the wrong type", 422: "the values contradict each other"},
    lenient=True,
    description="`fl_security_privacy` is another name of `fl_security`. Rounds, participants and other sessions stay.",
)
def update(fl_service_id: str) -> ResponseReturnValue:
    """Replace the members of a service that this interface knows."""
    return answer(_service(_item(current_hub().federated.update(current_caller(), fl_service_id, read_form(sent())))))


@services.get("/generate_semantics/<fl_service_id>")
@operation("Describe a federated-learning service in RDF", role=Role.reader, tag="CORDS", query=(_FULL,), content=_ANSWER, lenient=True)
def generate_semantics(fl_service_id: str) -> ResponseReturnValue:
    """Answer the semantic description of a service."""
    thing = current_hub().federated.read(fl_service_id)
    if arguments().get("profile"):
        return Response(representations.body(thing, representations.LD), content_type=representations.LD)
    return answer(semantics(_item(thing)))


@services.post("/update_published_status/<fl_service_id>")
@operation(
    "Publish a federated-learning service", role=Role.contributor, tag="CORDS", content=_ANSWER, lenient=True, description="A body is passed over."
)
def publish(fl_service_id: str) -> ResponseReturnValue:
    """Say that a service is published."""
    current_hub().federated.publish(current_caller(), fl_service_id, True)
    return answer({"status": "success", "message": f"Published status updated for service ID {fl_service_id}"})


@services.delete("/update_published_status/<fl_service_id>")
@operation("Take the publication of a federated-learning service back", role=Role.contributor, tag="CORDS", content=_ANSWER, lenient=True)
def unpublish(fl_service_id: str) -> ResponseReturnValue:
    """Say that a service is not published any more."""
    current_hub().federated.publish(current_caller(), fl_service_id, False)
    return answer({"status": "success", "message": f"Published status withdrawn for service ID {fl_service_id}"})


@services.delete("/remove/<fl_service_id>")
@operation(
    "Remove a federated-learning service",
    role=Role.contributor,
    tag="CORDS",
    content=_ANSWER,
    answers={200: "removed, with its resources and their policies", 409: "something else refers to it or to its resources; nothing is removed"},
    lenient=True,
)
def remove(fl_service_id: str) -> ResponseReturnValue:
    """Delete a service with its offers and their policies."""
    current_hub().federated.remove(current_caller(), fl_service_id)
    return answer({"status": "success", "message": f"FL service with ID {fl_service_id} removed successfully."})


@front_end.get("/list_service_summary")
@operation(
    "List the federated-learning services with their resources and policies",
    role=Role.reader,
    tag="CORDS",
    content=_LIST,
    lenient=True,
    description="A row for each resource. `resource` is the whole resource; what both have a name for is the service's.",
)
def list_service_summary() -> ResponseReturnValue:
    """Answer a row for each offer of a service."""
    return _all(_row(each) for each in current_hub().federated.summary())


def dress(problem: dict[str, Any], status: int) -> dict[str, Any]:
    """Write a problem as these routes do: spelt with two r, and with the id that was not found."""
    if status == 401:
        return dress_others(problem, status)
    old: dict[str, Any] = {"status": "failed", "message": "Error Occurred", "error": problem["detail"]}
    if status == 404 and (id := (request.view_args or {}).get("fl_service_id")):
        old |= {"message": "FL Service not found", "error": f"Service ID {id[:200]} not found"}
    return problem | old | ({"messages": {"json": _nested(problem["errors"])}} if "errors" in problem else {})


BLUEPRINTS: tuple[Blueprint, ...] = (services, front_end)
for _each in BLUEPRINTS:
    problems.dress(_each.name, dress)


def _nested(faults: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Write faults as fields within fields; what is said of a whole field goes where something is said of one of its own."""
    fields: dict[str, Any] = {}
    for fault in sorted(faults, key=lambda each: -each["pointer"].count("/")):
        *above, last = fault["pointer"].strip("/").split("/")
        place = fields
        for step in above:
            place = place.setdefault(step, {})
        if isinstance(found := place.setdefault(last or "_schema", []), list):
            found.append(fault["message"])
    return fields


def _all(rows: Iterable[Mapping[str, Any]]) -> Response:
    found = list(rows)
    return Response(orjson.dumps(found or NONE, option=orjson.OPT_SORT_KEYS), content_type=JSON)


def _item(thing: Any) -> Item:
    item: Item = orjson.loads(current_hub().tools.item(thing))
    return item


def _service(item: Item) -> dict[str, Any]:
    published = item.get("published", False)
    told = {name: {key: _short(value) for key, value in each.items()} for name, each in objects(item).items()}
    texts = {"name": plain_text(item["title"]), "description": plain_text(item.get("description"))}
    client = (item.get("client") or {}).get("label")
    return {**_stamped(item, "fl_service", "fl_service_id"), **texts, **told, "fl_client": client, "publised": published, "published": published}


def _row(offered: Offered) -> dict[str, Any]:
    offer = offered.offer
    resource = {"connector_id": offer["connector"], "asset_id": offered.service["id"], "type": "fl_service"}
    whole = {**_stamped(offer, "resource", "resource_id"), **resource}
    policies = [_policy(each, offer["id"]) for each in offered.policies]
    return {**whole, **_service(offered.service), "resource": whole, "policies": policies}


def _policy(item: Item, resource_id: str) -> dict[str, Any]:
    try:
        metadata = orjson.loads(item.get("policy_metadata") or "{}")
    except orjson.JSONDecodeError:
        metadata = item["policy_metadata"]
    told = {"resource_id": resource_id, "policy_type": item.get("policy_type"), "policy_metadata": metadata}
    return {**_stamped(item, "policy", "policy_id"), **told}


def _stamped(item: Item, doc_type: str, id: str) -> dict[str, Any]:
    return {id: item["id"], "doc_type": doc_type, "timestamp": local(datetime.fromisoformat(item["modified"]))}


def _short(value: Any) -> Any:
    """Write a time without a zone as it is sent: without seconds where there are none."""
    if isinstance(value, str) and len(value) == 19 and value[10] == "T" and value.endswith(":00"):
        return value[:16]
    return value


def _chosen_id(given: Any) -> dict[str, str]:
    chosen = given.get("fl_service_id")
    return {"id": chosen} if isinstance(chosen, str) and ID.fullmatch(chosen) else {}
