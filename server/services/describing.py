"""What MLflow knows, as the JSON of the hub's kinds. Pure functions: nothing is fetched and nothing is stored here.

Ids are worked out from the tracking server and MLflow's own ids, so that describing the same thing again describes the same thing of
the hub. What a run says of people and machines (user, script, commit) is left out unless the operator wants it published.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from server.clients.mlmodel import Column, MLmodel
from server.clients.tracking import DatasetInput, Experiment, LoggedModel, Metric, ModelVersion, Run, Tag
from server.graph.cords import Described, described, is_cords
from server.graph.literals import BAD_TEXT

Members = dict[str, Any]

STATUSES = frozenset({"SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"})
PUBLISHABLE = {"user": "mlflow.user", "source": "mlflow.source.name", "commit": "mlflow.source.git.commit"}
"""What `HUB_MLFLOW_PUBLISH` may name, and the tag that each stands in."""

_SYSTEM_TAGS = "mlflow."
_TRAINING, _VALIDATION, _TESTING = (
    frozenset({"train", "training"}),
    frozenset({"val", "validation"}),
    frozenset({"test", "testing", "eval", "evaluation"}),
)
_PUBLIC_STORES = frozenset({"http", "https", "s3", "gs", "abfss", "wasbs", "mlflow-artifacts", "hdfs", "ftp", "sftp"})
_TEXT, _LABEL, _TITLE, _NAME = 10_000, 250, 300, 500
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_FRAMEWORK = re.compile(r"[a-z0-9][a-z0-9._+-]{0,59}")
_FLAVOR = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


@dataclass(frozen=True)
class Found:
    """Everything that MLflow says about one model and the run that made it."""

    run: Run
    experiment: Experiment
    model: LoggedModel | None = None  # the one that was asked for
    file: MLmodel | None = None  # its MLmodel
    version: ModelVersion | None = None
    files: tuple[MLmodel, ...] = ()  # of every model of the run
    datasets: tuple[DatasetInput, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """Keep one input a dataset; MLflow lists one again for each context."""
        unique = {(each.name, each.digest): each for each in reversed(self.run.datasets)}
        object.__setattr__(self, "datasets", tuple(unique[key] for key in sorted(unique)))


def identify(server: str, kind: str, *names: str) -> str:
    """Return the id of something in a tracking server: 64 hexadecimal digits that are the same whenever it is asked for."""
    return hashlib.sha256("\n".join((server, kind, *names)).encode()).hexdigest()


def dataset_id(server: str, dataset: DatasetInput) -> str:
    """Return the id of a dataset; its digest is of its content, so the same data has one id in all runs."""
    return identify(server, "dataset", dataset.name, dataset.digest)


def run_members(server: str, found: Found, publish: frozenset[str], parent: str | None = None) -> Members:
    """Describe a run: what it did, with what, how it ended, and what was measured."""
    run, cords = found.run, described((tag.key, tag.value) for tag in found.run.tags)
    published = {name: run.tag(tag) for name, tag in PUBLISHABLE.items() if name in publish}
    commit = published.get("commit") or ""
    return _present(
        title=clean(run.name, _TITLE) or f"Run {run.id}",
        description=clean(run.tag("mlflow.note.content"), _TEXT),
        status=run.status if run.status in STATUSES else None,
        started=_moment(run.start),
        ended=_moment(run.end) if run.start is None or run.end is None or run.start <= run.end else None,
        metrics=[_metric(each) for each in sorted(run.metrics, key=lambda metric: metric.key)],
        parameters=[{"parameter": clean(each.key, _LABEL), "value": clean(each.value, _TEXT) or ""} for each in sorted(run.params, key=_key)],
        algorithm=algorithm(run, cords),
        implementation=clean(_said(cords, "Run", "executes") or run.tag("estimator_class") or _named(cords, "Implementation"), _LABEL),
        software=software(cords, found.files),
        task=clean(_said(cords, "Run", "achieves"), _LABEL),
        datasets=[dataset_id(server, each) for each in found.datasets],
        experiment=identify(server, "experiment", run.experiment),
        parent=parent,
        code_repository=public_address(run.tag("mlflow.source.git.repoURL")) if "source" in publish else None,
        commit=commit if _COMMIT.fullmatch(commit) else None,
        location=public_address(run.artifacts),
        mlflow_run_id=run.id if _RUN_ID.fullmatch(run.id) else None,
        tags=[*_tags(run.tags), *(_tag(PUBLISHABLE[name], published.get(name)) for name in ("source", "user") if published.get(name))],
    )


def experiment_members(found: Found) -> Members:
    """Describe an experiment."""
    experiment = found.experiment
    note = next((tag.value for tag in experiment.tags if tag.key == "mlflow.note.content"), None)
    return _present(
        title=clean(experiment.name, _TITLE) or f"Experiment {experiment.id}",
        description=clean(note, _TEXT),
        mlflow_experiment_id=experiment.id if experiment.id.isdecimal() else None,
        tags=_tags(experiment.tags),
    )


def dataset_members(dataset: DatasetInput) -> Members:
    """Describe a dataset as a run read it: name, digest, columns, number of rows, and where it came from if others can go there."""
    address = public_address(dataset.address)
    return _present(
        title=clean(dataset.name, _TITLE) or "dataset",
        digest=clean(dataset.digest, 200),
        features=[_feature(place, column) for place, column in enumerate(dataset.columns)],
        characteristics=[{"name": "numberOfInstances", "value": dataset.rows}] if dataset.rows is not None else None,
        distributions=[{"access_url": address}] if address and address.startswith("http") else None,
        location=address,
    )


def model_members(server: str, found: Found, present: Mapping[str, Any]) -> Members:
    """Describe what MLflow adds to a model that is `present` already; what its owner has said of method and data stands."""
    run, model, file, version = found.run, found.model, found.file, found.version
    cords = described((tag.key, tag.value) for tag in run.tags)
    versions = model.versions if model else ()
    name, number = (version.name, version.version) if version else versions[0] if len(versions) == 1 else (None, None)
    framework = file.framework[0] if file and file.framework else None
    members = _present(
        mlflow_model_id=model.id if model and _MODEL_ID.fullmatch(model.id) else None,
        registered_name=clean(name, _NAME),
        registered_version=number,
        aliases=sorted(clean(alias, _LABEL) or "" for alias in version.aliases) if version else None,
        framework=framework if framework and _FRAMEWORK.fullmatch(framework) else None,
        flavors=sorted(flavor for flavor in file.flavors if _FLAVOR.fullmatch(flavor)) if file else None,
        inputs=[_feature(place, column) for place, column in enumerate(file.signature.inputs)] if file and file.signature else None,
        outputs=[_feature(place, column) for place, column in enumerate(file.signature.outputs)] if file and file.signature else None,
    )
    said = _present(
        algorithm=algorithm(run, cords),
        trained_on=_used(server, run, _TRAINING),
        validated_on=_used(server, run, _VALIDATION),
        tested_on=_used(server, run, _TESTING),
    )
    return members | {key: value for key, value in said.items() if not present.get(key)}


MODEL_KEYS = (
    "run", "mlflow_model_id", "registered_name", "registered_version", "aliases", "framework", "flavors", "inputs", "outputs",
    "algorithm", "trained_on", "validated_on", "tested_on",
)  # fmt: skip
"""What an import may set of a model; a model that is moved to another run loses these first."""

EXPERIMENT_KEYS = ("title", "description", "mlflow_experiment_id", "tags")
DATASET_KEYS = ("title", "digest", "features", "characteristics", "distributions", "location")
RUN_KEYS = (
    "title", "description", "status", "started", "ended", "metrics", "parameters", "algorithm", "implementation", "software", "task", "datasets",
    "experiment", "parent", "code_repository", "commit", "location", "mlflow_run_id", "tags",
)  # fmt: skip
"""What an import says of an experiment, a dataset and a run; whatever else somebody has written about them stays."""


def algorithm(run: Run, cords: Mapping[str, Described]) -> str | None:
    """Name the algorithm: what the tags say, the estimator of automatic logging, or what was executed, whose name CORDS users take for it."""
    said = _said(cords, "Run", "realizes") or _named(cords, "Algorithm") or _said(cords, "Implementation", "implements")
    return clean(said or run.tag("estimator_name") or _said(cords, "Run", "executes"), _LABEL)


def software(cords: Mapping[str, Described], files: Iterable[MLmodel]) -> list[str]:
    """Name the software: what the tags say, and the libraries of the models with their versions."""
    named = {_named(cords, "Software"), *(" ".join(filter(None, each.framework)) for each in files if each.framework)}
    return sorted(label for each in named if (label := clean(each, _LABEL)))


def public_address(text: str | None) -> str | None:
    """Return an address if others could go there: no path of somebody's disk, and without user, password, query or fragment."""
    try:
        parts = urlsplit(clean(text, 2000) or "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in _PUBLIC_STORES or " " in parts.netloc + parts.path:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", "")) or None


def clean(text: str | None, length: int) -> str | None:
    """Cut text to a length and take out what no RDF syntax can carry; nothing but blanks is nothing."""
    kept = BAD_TEXT.sub("", text or "")[:length]
    return kept if kept.strip() else None


def _present(**members: Any) -> Members:
    return {key: value for key, value in members.items() if value is not None and value != []}


def _named(cords: Mapping[str, Described], term: str) -> str | None:
    return cords[term].name or None if term in cords else None


def _said(cords: Mapping[str, Described], term: str, about: str) -> str | None:
    return cords[term].properties.get(about) or None if term in cords else None


def _key(each: Any) -> str:
    return str(each.key)


def _metric(metric: Metric) -> Members:
    return {"measure": clean(metric.key, _LABEL), "value": metric.value, **({"step": metric.step} if metric.step else {})}


def _tags(tags: Iterable[Tag]) -> list[Members]:
    shown = (tag for tag in sorted(tags, key=_key) if is_cords(tag.key) or not tag.key.startswith(_SYSTEM_TAGS))
    return [_tag(tag.key, tag.value) for tag in shown if clean(tag.key, _NAME)]


def _tag(name: str, value: str | None) -> Members:
    return {"name": clean(name, _NAME), "value": clean(value, _TEXT) or ""}


def _feature(place: int, column: Column) -> Members:
    shape = ",".join(map(str, column.shape)) if column.shape else None
    return _present(
        name=clean(column.name, _NAME), index=place, datatype=clean(column.type, 100) or "any", required=column.required, tensor_shape=shape
    )


def _used(server: str, run: Run, contexts: frozenset[str]) -> list[str]:
    return sorted({dataset_id(server, each) for each in run.datasets if each.context.lower() in contexts})


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
