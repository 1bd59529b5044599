"""What MLflow knows of a model, as the JSON of the hub's kind. Pure functions, as in `server.services.describing`."""

from __future__ import annotations

import re

from server.clients.mlmodel import MLmodel
from server.clients.tracking import LoggedModel, ModelVersion, Run
from server.graph.cords import described
from server.services.describing import algorithm, dataset_id, features, files, own_tags
from server.services.found import Found
from server.services.wording import LABEL, NAME, TEXT, TITLE, Members, clean, identify, present

_TRAINING, _VALIDATION, _TESTING = (
    frozenset({"train", "training"}),
    frozenset({"val", "validation"}),
    frozenset({"test", "testing", "eval", "evaluation"}),
)
_FLAVOUR_TAG = "cords.MlFlow.Flavour"
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_FRAMEWORK = re.compile(r"[a-z0-9][a-z0-9._+-]{0,59}")
_FLAVOR = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_REGISTERED_KEYS = ("registered_name", "registered_version", "aliases")
_FILE_KEYS = ("framework", "flavors", "implementations", "environment", "inputs", "outputs", "inference_parameters")


def model_id(server: str, found: Found) -> str:
    """Return the id of a model that an import finds: by the logged model, or by where a run of MLflow 2 put it."""
    if found.model is not None:
        return identify(server, "model", found.model.id)
    return identify(server, "model", found.run.id, found.path or "")


def model_members(server: str, found: Found) -> Members:
    """Describe what MLflow says of a model."""
    model, file = found.model, found.file
    name, number = registered(model, found.version)
    framework = file.framework[0] if file and file.framework else None
    signature = file.signature if file else None
    return present(
        mlflow_model_id=model.id if model and _MODEL_ID.fullmatch(model.id) else None,
        registered_name=clean(name, NAME),
        registered_version=number,
        aliases=sorted(filter(None, (clean(alias, LABEL) for alias in found.version.aliases))) if found.version else None,
        framework=framework if framework and _FRAMEWORK.fullmatch(framework) else None,
        flavors=_flavors(found.run, file),
        implementations=sorted(filter(None, (clean(" ".join(filter(None, each)), LABEL) for each in file.implementations))) if file else None,
        environment=_environment(found),
        inputs=features(signature.inputs) if signature else None,
        outputs=features(signature.outputs) if signature else None,
        inference_parameters=features(signature.params) if signature else None,
        artifacts=files(found.artifacts) if found.artifacts is not None else None,
    )


def modest_members(server: str, found: Found) -> Members:
    """Describe what MLflow says of a model's method and data, where its owner has said nothing."""
    run = found.run
    return present(
        algorithm=algorithm(run, described((tag.key, tag.value) for tag in run.tags)),
        trained_on=_used(server, run, _TRAINING),
        validated_on=_used(server, run, _VALIDATION),
        tested_on=_used(server, run, _TESTING),
    )


def fresh_members(found: Found) -> Members:
    """Describe what a model that the import makes is called at first; whoever renames it is not contradicted."""
    run, model, version = found.run, found.model, found.version
    name, number = registered(model, version)
    called = f"{name} {number}" if name else (model.name if model else found.path) or run.name
    note = next((tag.value for tag in (model.tags if model else ()) if tag.key == "mlflow.note.content"), None)
    return present(
        title=clean(called, TITLE) or f"Model of run {run.id}",
        description=clean((version.description if version else "") or note or run.tag("mlflow.note.content"), TEXT),
    )


def kept_members(found: Found) -> Members:
    """Describe what else of a model that the import made is as MLflow has it: where it lies, its version, its tags."""
    model, version = found.model, found.version
    tags = {tag.key: tag for tag in (*(model.tags if model else ()), *(version.tags if version else ()))}
    return present(location=clean(_location(found), 2000), version=registered(model, version)[1], tags=own_tags(tags.values()))


KEPT_KEYS = ("location", "version", "tags")


def model_keys(found: Found) -> tuple[str, ...]:
    """Name what an import has looked up of a model, and so takes away where it is not there any more."""
    keys: tuple[str, ...] = _REGISTERED_KEYS if found.version else ()
    keys += _FILE_KEYS if found.file else ()
    return keys + (("artifacts",) if found.artifacts is not None else ())


def registered(model: LoggedModel | None, version: ModelVersion | None) -> tuple[str | None, str | None]:
    """Return the name and version that a model is registered as: the one that was asked for, or of those that it lists the newest of the first."""
    if version is not None:
        return version.name, version.version
    versions = [each for each in (model.versions if model else ()) if each[1].isdecimal()]
    return min(versions, key=lambda each: (each[0], -int(each[1])), default=(None, None))


def _location(found: Found) -> str:
    if found.model is not None:
        return f"models:/{found.model.id}"
    artifacts = found.run.artifacts.rstrip("/")
    return f"{artifacts}/{found.path}" if artifacts.startswith("mlflow-artifacts:/") else f"runs:/{found.run.id}/{found.path}"


def _flavors(run: Run, file: MLmodel | None) -> list[str]:
    named = file.flavors if file else {run.tag(_FLAVOUR_TAG) or ""}
    return sorted(flavor for flavor in named if _FLAVOR.fullmatch(flavor))


def _environment(found: Found) -> list[str]:
    """Name Python, the packages, and where the model was logged without a list of these at least the version of MLflow."""
    file, packages = found.file, {clean(each, LABEL) for each in found.environment}
    python = dict(file.implementations).get("python_function") if file else None
    packages |= {f"python {python}"} if python else set()
    if file and file.mlflow_version and not any(each and each.startswith("mlflow ") for each in packages):
        packages.add(f"mlflow {file.mlflow_version}")
    return sorted(filter(None, packages))


def _used(server: str, run: Run, contexts: frozenset[str]) -> list[str]:
    return sorted({dataset_id(server, each) for each in run.datasets if each.context.lower() in contexts})
