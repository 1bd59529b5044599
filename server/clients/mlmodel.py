"""The file `MLmodel` beside every model of MLflow: its flavours and its signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import yaml


@dataclass(frozen=True)
class Column:
    """One input, output or parameter of a model: a column, or a tensor with its shape (-1: any length)."""

    name: str | None
    type: str
    required: bool = True
    shape: tuple[int, ...] | None = None
    default: str | None = None  # of a parameter


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives."""

    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()
    params: tuple[Column, ...] = ()


@dataclass(frozen=True)
class MLmodel:
    """What the file says: the flavours in which the model can be loaded, and the signature where one was logged."""

    flavors: Mapping[str, Mapping[str, Any]]
    signature: Signature | None = None
    run: str | None = None
    model: str | None = None
    mlflow_version: str | None = None
    size: int | None = None

    @classmethod
    def parse(cls, text: bytes) -> MLmodel:
        """Read the YAML; raise `ValueError` for what is no such file."""
        try:
            given = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both loaders are the safe ones
        except (yaml.YAMLError, RecursionError) as error:
            raise ValueError("MLmodel is no YAML") from error
        return cls.read(given)

    @classmethod
    def read(cls, given: Any) -> MLmodel:
        """Read the content of the file, or an entry of the log-model history of MLflow 2; raise `ValueError` for anything else."""
        if not isinstance(given, dict) or not isinstance(given.get("flavors"), dict):
            raise ValueError("MLmodel has no flavors")
        return cls(
            flavors={str(name): options if isinstance(options, dict) else {} for name, options in given["flavors"].items()},
            signature=_signature(given.get("signature")),
            run=_text(given.get("run_id")),
            model=_text(given.get("model_id")),
            mlflow_version=_text(given.get("mlflow_version")),
            size=given["model_size_bytes"] if isinstance(given.get("model_size_bytes"), int) else None,
        )

    @property
    def framework(self) -> tuple[str, str | None] | None:
        """The library that the model was made with and its version; the generic `python_function` only where there is no other."""
        names = sorted(self.flavors, key=lambda name: name == "python_function")
        return (names[0], self._version(names[0])) if names else None

    @property
    def implementations(self) -> tuple[tuple[str, str | None], ...]:
        """The flavours with the versions of their libraries; of `python_function` that of Python."""
        return tuple((name, self._version(name)) for name in sorted(self.flavors))

    def _version(self, flavor: str) -> str | None:
        options = self.flavors[flavor]
        keys = (f"{flavor}_version", "version", "python_version", *sorted(key for key in map(str, options) if key.endswith("_version")))
        return _text(next((options[key] for key in keys if options.get(key)), None))


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int, float)) and value != "" else None


def _signature(given: Any) -> Signature | None:
    if not isinstance(given, dict):
        return None
    found = Signature(*(columns(given.get(side)) for side in ("inputs", "outputs", "params")))
    return found if found.inputs or found.outputs or found.params else None


def columns(given: Any) -> tuple[Column, ...]:
    """Read a list of columns or tensors, or the JSON of one."""
    listed = orjson.loads(given) if isinstance(given, str) else given
    return tuple(_column(each) for each in listed or () if isinstance(each, dict))


def _column(given: Mapping[str, Any]) -> Column:
    tensor = given.get("tensor-spec")
    if isinstance(tensor, dict):
        shape = tuple(int(length) for length in tensor.get("shape", ()))
        return Column(_text(given.get("name")), str(tensor.get("dtype", "tensor")), bool(given.get("required", True)), shape)
    required, default = bool(given.get("required", "default" not in given)), given.get("default")
    return Column(_text(given.get("name")), str(given.get("type", "any")), required, default=None if default is None else _written(default))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
