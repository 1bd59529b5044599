"""The face of operations: is the process alive, can it work, what does it measure, and a backup while it runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Blueprint, Response, request, send_file
from flask.typing import ResponseReturnValue

from server import metrics
from server.errors import StoreUnavailable
from server.http.auth import current_caller, current_hub
from server.http.operations import operation
from server.index.index import Index
from server.services import operator
from server.services.backup import backup
from server.services.callers import Role
from server.services.readiness import disk_check, failures

health = Blueprint("health", __name__)

_STATUS = {"application/json": {"type": "object", "properties": {"status": {"type": "string"}}}}
ZIP = "application/zip"


@health.get("/health")
@operation("Say that the process is alive", role=Role.none, tag="operations", content=_STATUS, lenient=True)
def alive() -> ResponseReturnValue:
    """Answer 200 while the process serves, whatever is behind it."""
    return {"status": "ok"}


@health.get("/ready")
@operation("Say whether the hub can work", role=Role.none, tag="operations", content=_STATUS, answers={503: "what is not well"}, lenient=True)
def ready() -> ResponseReturnValue:
    """Answer 200 if both datasets, the index and the disk are well."""
    hub = current_hub()
    checks = {
        "store": hub.kg.health,
        "system": hub.system.health,
        "index": lambda: _reads(hub.index),
        "disk": disk_check(hub.settings.data, hub.settings.disk_reserve),
    }
    if wrong := failures(checks):
        raise StoreUnavailable("Not ready: " + "; ".join(f"{name}: {why}" for name, why in wrong.items()), checks=wrong)
    return {"status": "ready"}


def _reads(index: Index) -> None:
    index.position()  # raises where its files are missing or damaged


@health.get("/metrics")
@operation(
    "Report what is measured, in Prometheus' text format", role=Role.none, tag="operations", content={"text/plain": {"type": "string"}}, lenient=True
)
def figures() -> ResponseReturnValue:
    """Write the figures of all serving processes of this machine."""
    return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


@health.get("/backup")
@operation(
    "Back up the whole hub while it runs",
    role=Role.none,
    tag="operations",
    description="For administrators, and for whoever holds the operator's key of the data folder (`python -m server backup` does).",
    content={ZIP: {"type": "string", "format": "binary"}},
    headers={operator.HEADER: "the operator's key"},
)
def archive() -> ResponseReturnValue:
    """Write an archive and send it."""
    hub = current_hub()
    if not operator.is_operator(hub.settings.data, request.headers.get(operator.HEADER)):
        current_caller().require(Role.admin)
    hub.identity.audit.flush()
    with tempfile.TemporaryDirectory(prefix="backup-", dir=hub.settings.data) as folder:
        target = Path(folder) / "hub.zip"
        backup(hub.kg, hub.system, hub.settings.data / "bundles", target)
        file = target.open("rb")  # outlives its name, so that nothing is left behind however the sending ends
    return send_file(file, ZIP, as_attachment=True, download_name="hub.zip")
