"""`/api/mlflow`: import runs, registered models and experiments, and the curves of metrics that only MLflow keeps."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from threading import BoundedSemaphore
from typing import Any

import orjson
from flask import Blueprint, Response, request, stream_with_context
from flask.typing import ResponseReturnValue

from server.clients.tracking import Metric
from server.errors import Fault, HubError, Malformed, TooManyRequests
from server.graph.literals import double
from server.http import bodies, problems, representations
from server.http.auth import current_caller, current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Parameter, arguments, operation
from server.services.callers import Role
from server.services.drafts import JSON
from server.services.importing import Imported
from server.services.streams import NDJSON

blueprint = Blueprint("mlflow", __name__, url_prefix="/api/mlflow")

RUN_SECONDS = 30.0
"""How long MLflow may take to tell of one run."""

_MOST_ITEMS = 1000  # of an answer in one piece; a stream tells all
_RUNNING = BoundedSemaphore(4)  # each holds one of the threads that answer requests, perhaps for minutes
_AUTHORIZATION = re.compile(r"(?:Bearer|Basic) [\x21-\x7e]{1,8000}", re.IGNORECASE)
OWN = {"X-MLflow-Authorization": "Your own credentials for MLflow, as its Authorization header would have them; they are used once and not kept."}
_TEXT, _SWITCH = {"type": "string"}, {"type": "boolean"}
_WHAT = ("run", "registered_model", "experiment")
_BODY = {
    JSON: {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **dict.fromkeys(_WHAT, _TEXT),
            "incremental": {**_SWITCH, "description": "of an experiment: only what began since the last import, or was not finished then"},
            "artifacts": {**_SWITCH, "description": "of an experiment: list the files of each run too, which takes MLflow longer than all the rest"},
        },
        "example": {"experiment": "wine", "incremental": True},
    }
}
_POINT = {"type": "object", "properties": {"step": {"type": "integer"}, "value": {"type": ["number", "string"]}, "at": _TEXT}}


@blueprint.post("/import")
@operation(
    "Import from MLflow",
    role=Role.contributor,
    tag="MLflow",
    body=_BODY,
    headers=OWN,
    content={JSON: {"type": "object"}, NDJSON: {"type": "string"}},
    answers={
        200: "what was created, changed, unchanged, deleted (here, and so left alone) or refused",
        403: "MLflow does not let you read it",
        404: "MLflow has no such thing",
        502: "MLflow cannot be reached, or refuses the hub's credentials",
        504: "MLflow is too slow",
    },
    description="Give one of `run`, `registered_model` (a name) and `experiment` (an id or a name). As application/x-ndjson it answers a line for "
    "each run and model as soon as it is stored; the last line has `done`, or the `problem` that ended it.",
)
def import_() -> ResponseReturnValue:
    """Import a run, all versions of a registered model, or an experiment."""
    given, media_type = _asked(), negotiate((JSON, NDJSON))
    if not _RUNNING.acquire(blocking=False):
        raise TooManyRequests("Too many imports are running; try again when one has ended.", retry_after=10)
    try:
        outcomes = _begun(given)
    except BaseException:
        _RUNNING.release()
        raise
    if media_type == NDJSON:
        response = Response(stream_with_context(_lines(outcomes)), content_type=NDJSON)
        response.call_on_close(_RUNNING.release)
        return vary(response)
    try:
        return vary(representations.json(_summary(outcomes)))
    finally:
        _RUNNING.release()


@blueprint.get("/runs/<id>/history")
@operation(
    "Read the curve of a metric",
    role=Role.reader,
    tag="MLflow",
    query=(Parameter("metric", "The name of the metric.", required=True, example="loss"),),
    headers=OWN,
    content={JSON: {"type": "object", "properties": {"run": _TEXT, "metric": _TEXT, "points": {"type": "array", "items": _POINT}}}},
    answers={404: "no such run or metric, or a run that MLflow does not know"},
    description="The graph keeps the last value of each metric; all points of it are asked of MLflow.",
)
def history(id: str) -> ResponseReturnValue:
    """Answer every point of a metric of a run that is here."""
    measure = arguments()["metric"]
    points = current_hub().harvest.history(id, measure, authorization())
    return representations.json({"run": id, "metric": measure, "points": [_point(each) for each in points]})


def _asked() -> dict[str, Any]:
    given = bodies.members()
    what = [each for each in _WHAT if given.get(each)]
    if len(what) != 1:
        raise Malformed(f"Give one of {', '.join(_WHAT)}.", faults=[Fault("", f"Has {' and '.join(what) or 'none of them'}.")])
    if what != ["experiment"] and (extra := [each for each in ("incremental", "artifacts") if each in given]):
        raise Malformed(f"{extra[0]} goes with an experiment.", faults=[Fault(f"/{extra[0]}", "Only of an experiment.")])
    return given


def authorization() -> str:
    """Read the caller's own credentials for MLflow, empty where there are none."""
    given = request.headers.get("X-MLflow-Authorization", "").strip()
    if given and not _AUTHORIZATION.fullmatch(given):
        raise Malformed("X-MLflow-Authorization is Bearer or Basic and your credentials for MLflow.")
    return given


def _begun(given: dict[str, Any]) -> Iterator[Imported]:
    """Start an import; what forbids all of it is raised, not told in a stream."""
    importing, caller = current_hub().harvest.importing(authorization()), current_caller()
    outcomes: Iterator[Imported]
    if run := given.get("run"):
        outcomes = iter(importing.run(caller, run, RUN_SECONDS))
    elif name := given.get("registered_model"):
        outcomes = importing.registered(caller, name)
    else:
        outcomes = importing.experiment(
            caller, given["experiment"], incremental=given.get("incremental", False), artifacts=given.get("artifacts", False)
        )
    return chain(list(islice(outcomes, 1)), outcomes)


def _lines(outcomes: Iterator[Imported]) -> Iterator[bytes]:
    counts: Counter[str] = Counter()
    try:
        for each in outcomes:
            counts[each.action] += 1
            yield _line(_item(each))
    except HubError as error:
        yield _line({"counts": counts, "problem": problems.document(problems.problem_of(error), error.detail, error)})
        return
    yield _line({"done": True, "counts": counts})


def _line(members: dict[str, Any]) -> bytes:
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def _summary(outcomes: Iterator[Imported]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    items: list[dict[str, Any]] = []
    for each in outcomes:
        counts[each.action] += 1
        if len(items) < _MOST_ITEMS:
            items.append(_item(each))
    return {"counts": counts, "items": items}


def _item(each: Imported) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": each.collection, "mlflow": each.name, "action": each.action}
    found |= {name: value for name, value in (("id", each.id), ("iri", each.iri), ("left_out", each.left_out), ("warning", each.warning)) if value}
    if each.error is not None:
        found["problem"] = problems.document(problems.problem_of(each.error), each.error.detail, each.error)
    return found


def _point(metric: Metric) -> dict[str, Any]:
    at = {"at": metric.timestamp.isoformat().replace("+00:00", "Z")} if metric.timestamp else {}
    return {"step": metric.step, "value": _number(metric.value), **at}


def _number(value: float) -> float | str:
    """Write a number as JSON, or what is none as the hub's JSON does."""
    return value if math.isfinite(value) else double(value)
