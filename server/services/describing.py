"""What MLflow knows of experiments, datasets and runs, as the JSON of the hub's kinds. Pure functions: nothing is fetched or stored here.

Ids are worked out from the tracking server and MLflow's own ids, so that describing the same thing again describes the same thing of
the hub. What a run says of people and machines (user, script, commit) is left out unless the operator wants it published.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from server.clients.artifacts import Artifact
from server.clients.mlmodel import Column, MLmodel
from server.clients.tracking import DatasetInput, Metric, Run, Tag
from server.graph.cords import APART, Described, described, is_cords
from server.services.found import MOST_COLUMNS, MOST_FILES, MOST_METRICS, MOST_PARAMETERS, MOST_TAGS, Found
from server.services.wording import LABEL, NAME, TEXT, TITLE, Members, clean, identify, present, public_address

STATUSES = frozenset({"SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"})
PUBLISHABLE = {"user": "mlflow.user", "source": "mlflow.source.name", "commit": "mlflow.source.git.commit"}
"""What `HUB_MLFLOW_PUBLISH` may name, and the tag that each stands in."""
WRITTEN_BACK = "hub.iri"
"""The tag in which the hub may write its IRI of a run; it says nothing about the run."""

EXPERIMENT_KEYS = ("title", "description", "mlflow_experiment_id", "tags")
DATASET_KEYS = ("title", "digest", "features", "characteristics", "distributions", "location")
RUN_KEYS = (
    "title", "description", "status", "started", "ended", "metrics", "parameters", "algorithm", "implementation", "software", "task", "datasets",
    "usages", "experiment", "parent", "code_repository", "commit", "location", "mlflow_run_id", "tags", "described",
)  # fmt: skip
"""What an import says of an experiment, a dataset and a run; whatever else somebody has written about them stays."""
MODEL_KEYS = (
    "run", "mlflow_model_id", "registered_name", "registered_version", "aliases", "framework", "flavors", "implementations", "environment", "inputs",
    "outputs", "inference_parameters", "artifacts", "algorithm", "trained_on", "validated_on", "tested_on",
)  # fmt: skip
"""What an import may set of a model; a model that is moved to another run loses these first."""

_SYSTEM_TAGS = "mlflow."
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def dataset_id(server: str, dataset: DatasetInput) -> str:
    """Return the id of a dataset; its digest is of its content, so the same data has one id in all runs."""
    return identify(server, "dataset", dataset.name, dataset.digest)


def run_members(server: str, found: Found, publish: frozenset[str], parent: str | None = None) -> Members:
    """Describe a run: what it did, with what, how it ended, and what was measured."""
    run, cords = found.run, described((tag.key, tag.value) for tag in found.run.tags)
    published = {name: run.tag(tag) for name, tag in PUBLISHABLE.items() if name in publish}
    if "user" in published:
        published["user"] = published["user"] or run.user
    commit = published.get("commit") or ""
    return present(
        title=clean(run.name, TITLE) or f"Run {run.id}",
        description=clean(run.tag("mlflow.note.content"), TEXT),
        status=run.status if run.status in STATUSES else None,
        started=_moment(run.start),
        ended=_moment(run.end) if run.start is None or run.end is None or run.start <= run.end else None,
        metrics=list(_metrics(server, found)),
        parameters=[_parameter(each.key, each.value) for each in sorted(run.params, key=_key)[:MOST_PARAMETERS]],
        algorithm=algorithm(run, cords),
        implementation=clean(_said(cords, "Run", "executes") or run.tag("estimator_class") or _named(cords, "Implementation"), LABEL),
        software=software(cords, found.files),
        task=clean(_said(cords, "Run", "achieves"), LABEL),
        datasets=[dataset_id(server, each) for each in found.datasets],
        usages=_usages(server, run),
        experiment=identify(server, "experiment", run.experiment) if found.experiment else None,
        parent=parent,
        code_repository=public_address(run.tag("mlflow.source.git.repoURL")) if "source" in publish else None,
        commit=commit if _COMMIT.fullmatch(commit) else None,
        location=public_address(run.artifacts),
        mlflow_run_id=run.id if _RUN_ID.fullmatch(run.id) else None,
        artifacts=files(found.run_artifacts) if found.run_artifacts is not None else None,
        tags=[*_tags(run.tags), *(_tag(PUBLISHABLE[name], published.get(name)) for name in ("source", "user") if clean(published.get(name), TEXT))],
        described=[_described(each) for _, each in sorted(cords.items())],
    )


def experiment_members(found: Found) -> Members:
    """Describe the experiment of a run."""
    experiment = found.experiment
    if experiment is None:
        return {}
    note = next((tag.value for tag in experiment.tags if tag.key == "mlflow.note.content"), None)
    return present(
        title=clean(experiment.name, TITLE) or f"Experiment {experiment.id}",
        description=clean(note, TEXT),
        mlflow_experiment_id=experiment.id if experiment.id.isdecimal() else None,
        tags=_tags(experiment.tags),
    )


def dataset_members(dataset: DatasetInput) -> Members:
    """Describe a dataset as a run read it: name, digest, columns, number of rows, and where it came from if others can go there."""
    address, columns = public_address(dataset.address), dataset.columns
    counted = (("numberOfInstances", dataset.rows), ("numberOfFeatures", len(columns) or None), ("sourceType", clean(dataset.source_type, LABEL)))
    return present(
        title=clean(dataset.name, TITLE) or "dataset",
        digest=clean(dataset.digest, 200),
        features=features(columns),
        characteristics=[{"name": name, "value": value} for name, value in counted if value is not None],
        distributions=[{"access_url": address}] if address and address.startswith("http") else None,
        location=address,
    )


def algorithm(run: Run, cords: Mapping[str, Described]) -> str | None:
    """Name the algorithm: what the tags say, the estimator of automatic logging, or what was executed, whose name CORDS users take for it."""
    said = _said(cords, "Run", "realizes") or _named(cords, "Algorithm") or _said(cords, "Implementation", "implements")
    return clean(said or run.tag("estimator_name") or _said(cords, "Run", "executes"), LABEL)


def software(cords: Mapping[str, Described], models: Iterable[MLmodel]) -> list[str]:
    """Name the software: what the tags say, and the libraries of the models with their versions."""
    named = {_named(cords, "Software"), *(" ".join(filter(None, each.framework)) for each in models if each.framework)}
    return sorted(label for each in named if (label := clean(each, LABEL)))


def features(columns: Iterable[Column]) -> list[Members]:
    """Describe columns or tensors in their order."""
    return [_feature(place, column) for place, column in enumerate(tuple(columns)[:MOST_COLUMNS])]


def files(artifacts: Iterable[Artifact]) -> list[Members]:
    """Describe files by their paths and sizes."""
    return [present(path=clean(each.path, 1000), byte_size=each.size) for each in tuple(artifacts)[:MOST_FILES] if clean(each.path, 1000)]


def own_tags(tags: Iterable[Tag]) -> list[Members]:
    """Describe the tags that are not MLflow's own."""
    return _tags(tags)


def _named(cords: Mapping[str, Described], term: str) -> str | None:
    return cords[term].name or None if term in cords else None


def _said(cords: Mapping[str, Described], term: str, about: str) -> str | None:
    return cords[term].properties.get(about) or None if term in cords else None


def _key(each: Any) -> str:
    return str(each.key)


def _metrics(server: str, found: Found) -> Iterator[Members]:
    """Describe the last value of each metric; one that was measured on several datasets once for each, the newest as the run has it."""
    datasets = {(each.name, each.digest): dataset_id(server, each) for each in found.datasets}
    on: dict[str, dict[str, Metric]] = {}
    for each in found.measured:
        if each.dataset in datasets:
            on.setdefault(each.key, {})[datasets[each.dataset]] = each
    for metric in sorted(found.run.metrics, key=_key)[:MOST_METRICS]:
        places = on.get(metric.key, {})
        newest = max(places, key=lambda id: (_time(places[id]), places[id].step, id), default=None)
        yield _metric(metric, newest)  # for values the run is right: a logged model has 0.0 for NaN, and of a curve the first point
        yield from (_metric(places[id], id) for id in sorted(places) if id != newest)


def _time(metric: Metric) -> float:
    return metric.timestamp.timestamp() if metric.timestamp else 0.0


def _metric(metric: Metric, dataset: str | None) -> Members:
    step = {"step": metric.step} if metric.step else {}
    return {"measure": clean(metric.key, LABEL), "value": metric.value, **step, **({"measured_on": dataset} if dataset else {})}


def _parameter(key: str, value: str) -> Members:
    return {"parameter": clean(key, LABEL), "value": clean(value, TEXT) or ""}


def _usages(server: str, run: Run) -> list[Members]:
    used = {(dataset_id(server, each), context) for each in run.datasets if (context := clean(each.context, LABEL))}
    return [{"dataset": id, "context": context} for id, context in sorted(used)]


def _tags(tags: Iterable[Tag]) -> list[Members]:
    shown = (tag for tag in sorted(tags, key=_key) if is_cords(tag.key) or not tag.key.startswith(_SYSTEM_TAGS))
    return [_tag(tag.key, tag.value) for tag in shown if clean(tag.key, NAME) and tag.key != WRITTEN_BACK][:MOST_TAGS]


def _tag(name: str, value: str | None) -> Members:
    return {"name": clean(name, NAME), "value": clean(value, TEXT) or ""}


def _described(each: Described) -> Members:
    """Say what tags tell of one thing, in the IRIs of the vocabulary; things that have kinds here are told apart from what a tag says."""
    types = {} if each.term in APART else {"type": ["hub:Described", each.type]}
    said = {each.iri(term): [{"@value": text}] for term, value in sorted(each.properties.items()) if (text := clean(value, TEXT))}
    return present(**types, **{"class": each.type}, name=clean(each.name, NAME)) | said


def _feature(place: int, column: Column) -> Members:
    shape = ",".join(map(str, column.shape)) if column.shape else None
    return present(
        name=clean(column.name, NAME),
        index=place,
        datatype=clean(column.type, 100) or "any",
        required=column.required,
        tensor_shape=shape,
        default=clean(column.default, 2000),
    )


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
