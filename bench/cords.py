"""What the clients of CORDS notice: adding models to few and to many, asking for semantics, and many clients that write at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import orjson

from bench import servers
from bench.calls import WARM, Connection, medians
from bench.lab import Hub, Lab
from bench.results import Measured, Target, ratio

_JSON = "application/json"
_ADD = "/api/ml_models/add_model"
_CLIENTS, _SECONDS = 50, 30.0
_PATH = "mlflow-artifacts:/208444466607110357/2c8c2fc3fefe4c56a29ac325c0bac39c/artifacts/knnmodel"
_NUMBERS = count()


def embedded(lab: Lab) -> Iterator[Measured]:
    """Measure on the embedded store."""
    yield from _measures(lab, lab.hub("ten", 10), lab.hub("many", 10_000), "embedded")


def fuseki(lab: Lab) -> Iterator[Measured]:
    """Measure what depends on the store on Fuseki too."""
    yield from _beside(lab, lab.remote, "Fuseki")


def _measures(lab: Lab, few: Hub, many: Hub, store: str) -> Iterator[Measured]:
    ten, thousands = medians(lab.calls, lambda _: _add(few.connection), lambda _: _add(many.connection))
    yield ratio(f"add_model with 10,000 models beside 10, {store}", 1.3, ten, thousands, ("10 models", "10,000 models"))
    yield from _beside(lab, many, store)
    yield _lost(many, store)


def _beside(lab: Lab, hub: Hub, store: str) -> Iterator[Measured]:
    own, old = medians(lab.calls, lambda _: _post(hub.connection), lambda _: _add(hub.connection))
    yield ratio(f"add_model beside POST /api/models, {store}", 1.2, own, old, ("POST", "add_model"))
    model = _described(hub)
    get, described = medians(
        max(lab.calls, WARM),
        lambda _: hub.connection.get(f"/api/models/{model}"),
        lambda _: hub.connection.get(f"/api/ml_models/generate_semantics/{model}"),
    )
    yield ratio(f"generate_semantics of a stored run beside GET of the model, {store}", 4, get, described, ("GET", "semantics"))


def _lost(hub: Hub, store: str) -> Measured:
    """Let many clients add models for a while; count those that were acknowledged and are not there afterwards."""
    with ThreadPoolExecutor(_CLIENTS) as pool:
        acknowledged = [id for made in pool.map(_write_for, [hub] * _CLIENTS) for id in made]
    present = _listed(hub.connection)
    lost = len(set(acknowledged) - present) + len(acknowledged) - len(set(acknowledged))
    detail: dict[str, float | str] = {"written": len(acknowledged), "models/s": round(len(acknowledged) / _SECONDS)}
    return Measured(f"models lost of {_CLIENTS} clients that add for {_SECONDS:.0f} s, {store}", lost, "models", Target(0, "models"), detail)


def _write_for(hub: Hub) -> list[str]:
    connection = hub.server.connect(Authorization=f"Bearer {hub.token}")
    end, made = time.monotonic() + _SECONDS, list[str]()
    while time.monotonic() < end:
        made.append(orjson.loads(_add(connection))["model_id"])
    connection.close()
    return made


def _listed(connection: Connection) -> set[str]:
    found: set[str] = set()
    path = "/api/models?limit=1000&fields=id"
    while path:
        page = orjson.loads(connection.get(path))
        found |= {item["id"] for item in page["items"]}
        path = page.get("next", "").removeprefix(servers.BASE.rstrip("/"))
    return found


def _add(connection: Connection) -> bytes:
    body = {"name": f"Model {next(_NUMBERS)}", "version": "1.0", "description": "This model is a test model", "ml_flow_model_path": _PATH}
    return connection.send("POST", _ADD, orjson.dumps(body), content_type=_JSON)


def _post(connection: Connection) -> bytes:
    body = {"title": f"Model {next(_NUMBERS)}", "version": "1.0", "description": "This model is a test model", "location": _PATH}
    return connection.send("POST", "/api/models", orjson.dumps(body), content_type=_JSON)


def _described(hub: Hub) -> str:
    """Store a model with a run as imports leave them; return its id."""
    words = ["Run", "Run.executes", "Implementation", "Software", "Algorithm", "Dataset", "Model.hasQuality"]
    run = {
        "title": "run", "algorithm": "kNN", "software": ["scikit-learn 1.5"], "status": "FINISHED",
        "metrics": [{"measure": f"test_{name}", "value": 0.25} for name in ("RMSE", "MAE", "R2_Score")],
        "parameters": [{"parameter": f"p{number}", "value": str(number)} for number in range(8)],
        "tags": [{"name": f"cords.{word}", "value": f"value of {word}"} for word in words],
    }  # fmt: skip
    made = orjson.loads(hub.connection.send("POST", "/api/runs", orjson.dumps(run), content_type=_JSON))
    features = [{"index": place, "name": f"f{place}", "datatype": "double"} for place in range(4)]
    model = {"title": "described", "location": "s3://models/x", "run": made["iri"], "algorithm": "kNN", "framework": "sklearn", "inputs": features}
    stored = orjson.loads(hub.connection.send("POST", "/api/models", orjson.dumps(model), content_type=_JSON))
    return str(stored["id"])
