"""`/api/mlflow/fl-training`: import what a coordinator and its clients logged as one federated training."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.http import bodies, representations
from server.http.auth import current_caller, current_hub
from server.http.bodies import JSON
from server.http.mlflow import OWN, authorization
from server.http.operations import operation
from server.services.callers import Role

blueprint = Blueprint("fl-import", __name__, url_prefix="/api/mlflow")

SECONDS = 60.0
"""How long MLflow may take to tell of a training."""

_TEXT = {"type": "string"}
_BODY = {
    JSON: {
        "type": "object",
        "additionalProperties": False,
        "required": ["run"],
        "properties": {
            "run": {**_TEXT, "description": "the run in which the coordinator logged, by its id in MLflow"},
            "service": {**_TEXT, "description": "the federated-learning service that the training was carried out through, by id or IRI"},
        },
        "example": {"run": "0f3e5c3d7a9b4a0d8e6b1c2d3e4f5a6b"},
    }
}
_ANSWER = {JSON: {"type": "object", "properties": {"kind": _TEXT, "mlflow": _TEXT, "action": _TEXT, "id": _TEXT, "iri": _TEXT}}}


@blueprint.post("/fl-training")
@operation(
    "Import a federated training from MLflow",
    role=Role.contributor,
    tag="MLflow",
    body=_BODY,
    content=_ANSWER,
    headers=OWN,
    answers={200: "created, changed or unchanged, with its runs and models", 404: "MLflow has no such run", 502: "MLflow cannot be reached"},
    description="The steps of the coordinator's metrics are the rounds; runs below the coordinator's are those of the clients.",
)
def import_training() -> ResponseReturnValue:
    """Import a training with the runs and models that belong to it."""
    given = bodies.members()
    done = current_hub().fl_import.training(current_caller(), given["run"], SECONDS, service=given.get("service"), authorization=authorization())
    told = {"kind": "fl-trainings", "mlflow": given["run"], "action": done.action, "id": done.thing.id, "iri": done.thing.iri.value}
    counts = {"clients": done.clients, "rounds": len(done.thing.values("rounds")), "participants": len(done.thing.values("participants"))}
    return representations.json(told | counts)
