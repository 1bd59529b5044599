"""What an MLflow tracking server knows, as immutable records, and how they are read from its JSON.

The readers know what the REST interface leaves out (empty lists and objects) and what it spells oddly: NaN is a string in a run,
infinity is the largest double, and several members are JSON inside JSON. They raise `KeyError`, `TypeError` or `ValueError` for an
answer that makes no sense; `server.clients.mlflow` turns that into a domain error.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from server.clients.mlmodel import Column, MLmodel, columns

_MODEL_VERSIONS = "mlflow.modelVersions"
_DATA_CONTEXT = "mlflow.data.context"
_LOGGED = "mlflow.log-model.history"


@dataclass(frozen=True)
class Metric:
    """A measurement: the last value of a run, or one point of a curve. What it was measured on is known for logged models only."""

    key: str
    value: float
    step: int = 0
    timestamp: datetime | None = None
    dataset: tuple[str, str] | None = None  # name and digest

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Metric:
        """Read a metric; MLflow keeps infinity as the largest double."""
        value = float(given.get("value", 0.0))
        if abs(value) == sys.float_info.max:
            value = math.copysign(math.inf, value)
        dataset = (given["dataset_name"], given.get("dataset_digest", "")) if given.get("dataset_name") else None
        return cls(str(given["key"]), value, int(given.get("step", 0)), _time(given.get("timestamp")), dataset)


@dataclass(frozen=True)
class Param:
    """A parameter; MLflow keeps its value as text."""

    key: str
    value: str


@dataclass(frozen=True)
class Tag:
    """A tag."""

    key: str
    value: str


@dataclass(frozen=True)
class DatasetInput:
    """A dataset that a run read, and what it was used for."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: Mapping[str, Any] = field(default_factory=dict)
    context: str = ""

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> DatasetInput:
        """Read an entry of `inputs.dataset_inputs`."""
        dataset, tags = given["dataset"], {tag.key: tag.value for tag in _tags(given)}
        profile = _embedded(dataset.get("profile"))
        return cls(
            name=str(dataset["name"]),
            digest=str(dataset["digest"]),
            source_type=dataset.get("source_type", ""),
            source=dataset.get("source", ""),
            schema=dataset.get("schema", ""),
            profile=profile if isinstance(profile, dict) else {},
            context=tags.get(_DATA_CONTEXT, ""),
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a table; tensors have none."""
        schema = _embedded(self.schema)
        return columns(schema.get("mlflow_colspec")) if isinstance(schema, dict) else ()

    @property
    def rows(self) -> int | None:
        """The number of rows, where the profile has one."""
        rows = self.profile.get("num_rows")
        return rows if isinstance(rows, int) and rows >= 0 else None

    @property
    def address(self) -> str | None:
        """The address that the dataset was read from, where the source has one."""
        source = _embedded(self.source)
        found = next((source[key] for key in ("url", "uri", "path") if source.get(key)), None) if isinstance(source, dict) else None
        return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Run:
    """A run with its last metrics, parameters, tags, inputs and the models that came out of it."""

    id: str
    name: str
    experiment: str
    user: str
    status: str
    start: datetime | None
    end: datetime | None
    artifacts: str
    deleted: bool
    metrics: tuple[Metric, ...]
    params: tuple[Param, ...]
    tags: tuple[Tag, ...]
    datasets: tuple[DatasetInput, ...]
    models: tuple[str, ...]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Run:
        """Read a `run`."""
        info, data = given["info"], given.get("data", {})
        inputs, outputs = given.get("inputs", {}), given.get("outputs", {})
        return cls(
            id=str(info["run_id"]),
            name=info.get("run_name", ""),
            experiment=str(info["experiment_id"]),
            user=info.get("user_id", ""),
            status=info.get("status", ""),
            start=_time(info.get("start_time")),
            end=_time(info.get("end_time")),
            artifacts=info.get("artifact_uri", ""),
            deleted=info.get("lifecycle_stage") == "deleted",
            metrics=tuple(Metric.read(each) for each in data.get("metrics", ())),
            params=_params(data),
            tags=_tags(data),
            datasets=tuple(DatasetInput.read(each) for each in inputs.get("dataset_inputs", ())),
            models=tuple(dict.fromkeys(str(each["model_id"]) for each in outputs.get("model_outputs", ()))),
        )

    def tag(self, key: str) -> str | None:
        """Return the value of a tag."""
        return next((tag.value for tag in self.tags if tag.key == key), None)

    @property
    def logged(self) -> dict[str, MLmodel]:
        """The models that a client of MLflow 2 logged, by the folder of the run's artifacts that each lies in."""
        listed = _embedded(self.tag(_LOGGED))
        entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        return {str(each["artifact_path"]): MLmodel.read(each) for each in entries if "artifact_path" in each}


@dataclass(frozen=True)
class Experiment:
    """An experiment."""

    id: str
    name: str
    created: datetime | None
    deleted: bool
    tags: tuple[Tag, ...]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Experiment:
        """Read an `experiment`."""
        created, deleted = _time(given.get("creation_time")), given.get("lifecycle_stage") == "deleted"
        return cls(str(given["experiment_id"]), str(given["name"]), created, deleted, _tags(given))


@dataclass(frozen=True)
class LoggedModel:
    """A model of MLflow 3. Its metrics say which dataset was measured; for values the run's are right (NaN is 0.0 here)."""

    id: str
    name: str
    experiment: str
    artifacts: str
    run: str | None
    type: str
    status: str
    created: datetime | None
    params: tuple[Param, ...]
    metrics: tuple[Metric, ...]
    tags: tuple[Tag, ...]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> LoggedModel:
        """Read a `model`."""
        info, data = given["info"], given.get("data", {})
        return cls(
            id=str(info["model_id"]),
            name=info.get("name", ""),
            experiment=str(info["experiment_id"]),
            artifacts=info.get("artifact_uri", ""),
            run=info.get("source_run_id") or None,
            type=info.get("model_type", ""),
            status=info.get("status", ""),
            created=_time(info.get("creation_timestamp_ms")),
            params=_params(data),
            metrics=tuple(Metric.read(each) for each in data.get("metrics", ())),
            tags=_tags(info),
        )

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """List the registered versions of this model; the tag may name one twice, as number and as text."""
        value = next((tag.value for tag in self.tags if tag.key == _MODEL_VERSIONS), None)
        listed = _embedded(value)
        pairs = [(str(each["name"]), str(each["version"])) for each in listed or () if isinstance(each, dict) and {"name", "version"} <= each.keys()]
        return tuple(dict.fromkeys(pairs))


@dataclass(frozen=True)
class ModelVersion:
    """A version in the registry; `source` says where the model lies."""

    name: str
    version: str
    source: str
    run: str | None
    description: str
    stage: str
    aliases: tuple[str, ...]
    tags: tuple[Tag, ...]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> ModelVersion:
        """Read a `model_version`."""
        return cls(
            name=str(given["name"]),
            version=str(given["version"]),
            source=given.get("source", ""),
            run=given.get("run_id") or None,
            description=given.get("description", ""),
            stage=given.get("current_stage", ""),
            aliases=tuple(map(str, given.get("aliases", ()))),
            tags=_tags(given),
        )


@dataclass(frozen=True)
class RegisteredModel:
    """A name in the registry, the versions that aliases point to, and the newest version of each stage."""

    name: str
    description: str
    aliases: Mapping[str, str]
    latest: tuple[ModelVersion, ...]
    tags: tuple[Tag, ...]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> RegisteredModel:
        """Read a `registered_model`."""
        return cls(
            name=str(given["name"]),
            description=given.get("description", ""),
            aliases={str(each["alias"]): str(each["version"]) for each in given.get("aliases", ())},
            latest=tuple(ModelVersion.read(each) for each in given.get("latest_versions", ())),
            tags=_tags(given),
        )


def _tags(given: Mapping[str, Any]) -> tuple[Tag, ...]:
    return tuple(Tag(str(each["key"]), str(each.get("value", ""))) for each in given.get("tags", ()))


def _params(given: Mapping[str, Any]) -> tuple[Param, ...]:
    return tuple(Param(str(each["key"]), str(each.get("value", ""))) for each in given.get("params", ()))


def _time(milliseconds: Any) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def _embedded(text: Any) -> Any:
    """Read JSON that stands in a string; what is none says nothing."""
    try:
        return orjson.loads(text) if isinstance(text, str) and text else None
    except orjson.JSONDecodeError:
        return None
