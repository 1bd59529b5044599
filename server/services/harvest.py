"""Import what MLflow knows about a model: its experiment, the datasets it was trained on, the run, and the model's own signature.

Everything is fetched before anything is written, and what is referred to is written first, so that neither a server that fails half-way
nor a store that does leaves a reference without a thing. Importing again changes what has changed and makes no revision where nothing has.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress

from pyoxigraph import Literal, NamedNode

from server.clients.locations import Location
from server.clients.mlflow import MLflow
from server.clients.mlmodel import MLmodel
from server.clients.tracking import LoggedModel, Run
from server.errors import AlreadyExists, Gone, HubError, NotFound, RevisionMismatch, UpstreamUnavailable
from server.graph.vocabulary import HUB
from server.services.assets import Assets
from server.services.callers import SYSTEM, Caller, Role
from server.services.describing import (
    DATASET_KEYS,
    EXPERIMENT_KEYS,
    RUN_KEYS,
    Found,
    Members,
    dataset_id,
    dataset_members,
    experiment_members,
    identify,
    model_members,
    run_members,
)
from server.services.drafts import JSON, Document
from server.services.things import Thing
from server.store.text import fill

LOG = logging.getLogger(__name__)

_TRIES = 3
_MOST_MODELS = 20
_REASON = "imported from MLflow"
_KNOWN_RUN = "SELECT ?run WHERE { ?run $id_of_run $id }"


class Harvest:
    """Imports from one tracking server into the graph."""

    def __init__(self, assets: Assets, mlflow: MLflow | None, publish: Sequence[str] = ()) -> None:
        """Import from this server, where there is one; `publish` names what of `describing.PUBLISHABLE` may be told."""
        self._assets, self._mlflow, self._publish = assets, mlflow, frozenset(publish)

    @property
    def configured(self) -> bool:
        """Tell whether there is a tracking server to import from."""
        return self._mlflow is not None

    def close(self) -> None:
        """Close the connections to the tracking server."""
        if self._mlflow is not None:
            self._mlflow.close()

    def model(self, model: Thing, seconds: float) -> Thing:
        """Import what MLflow knows about a model, on behalf of its owner, within so many seconds; return the model as it is then.

        Raises `UpstreamUnavailable`, and `NotFound` for what MLflow does not have or a model without a location there.
        """
        owner = _owner(model)
        found = self._fetch(model, seconds)
        self._store(owner, "experiments", identify(self._server, "experiment", found.run.experiment), experiment_members(found), EXPERIMENT_KEYS)
        for dataset in found.datasets:
            self._store(owner, "datasets", dataset_id(self._server, dataset), dataset_members(dataset), DATASET_KEYS)
        run_id = self._known_run(found.run.id) or identify(self._server, "run", found.run.id)
        parent = self._known_run(found.run.tag("mlflow.parentRunId"))
        run = self._store(owner, "runs", run_id, run_members(self._server, found, self._publish, parent), RUN_KEYS)
        return self._link(owner, model, run, found)

    def attempt(self, model: Thing, seconds: float) -> Thing:
        """Import if MLflow is there and answers; where not, leave the model as it is and say so in the log."""
        if not self.configured:
            return model
        try:
            return self.model(model, seconds)
        except HubError as error:
            LOG.warning("model %s is not imported: %s", model.id, error.detail)
            return model

    @property
    def _server(self) -> str:
        return self._tracking.uri

    @property
    def _tracking(self) -> MLflow:
        if self._mlflow is None:
            raise UpstreamUnavailable("No MLflow server is set up; the operator sets HUB_MLFLOW_URI.")
        return self._mlflow

    def _fetch(self, model: Thing, seconds: float) -> Found:
        """Read everything about a model and its run."""
        mlflow = self._tracking.within(seconds)
        location, version = mlflow.located(_location(model))
        logged = mlflow.logged_model(location.model) if location.model else None
        run_id = location.run or (logged.run if logged else None) or (version.run if version else None)
        if run_id is None:
            raise NotFound(f"MLflow does not know which run made the model at {location.text[:200]}.")
        run = mlflow.run(run_id)
        if run.deleted:
            raise NotFound(f"The run {run_id} was deleted in MLflow; restore it there to have it described here.")
        models = [*([logged] if logged else []), *_others(mlflow, run, logged)]
        chosen = logged or _named(models, location)
        files = {each.id: mlflow.mlmodel(each.artifacts) for each in models}
        file = files.get(chosen.id) if chosen else self._older(mlflow, run, location)
        others = [each for each in [*(files[key] for key in sorted(files)), *run.logged.values(), file] if each is not None]
        return Found(run, mlflow.experiment(run.experiment), chosen, file, version, tuple(others))

    def _older(self, mlflow: MLflow, run: Run, location: Location) -> MLmodel | None:
        """Find the MLmodel of a model that MLflow 2 logged below the run's artifacts: the file, or what the run's tag says of it."""
        if location.run is None or location.name is None:
            return None
        return mlflow.mlmodel(f"{run.artifacts.rstrip('/')}/{location.name}") or run.logged.get(location.name)

    def _known_run(self, mlflow_id: str | None) -> str | None:
        """Return the id of the run that has an id of MLflow's, if it is here; MLflow's are unique in all its servers."""
        query = fill(_KNOWN_RUN, id_of_run=HUB.mlflowRunId, id=Literal(mlflow_id or ""))
        known = [row["run"] for row in self._assets.tools.store.select(query)]
        split = [self._assets.tools.names.split(each.value) for each in known if isinstance(each, NamedNode)]
        return next((each[1] for each in split if each), None)

    def _present(self, collection: str, id: str) -> Thing | None:
        try:
            return self._assets.read(collection, id)
        except (NotFound, Gone):
            return None

    def _store(self, owner: Caller, collection: str, id: str, members: Members, keys: Sequence[str]) -> Thing:
        """Create a thing or change what MLflow says of it; others may have written it at the same moment."""
        for _ in range(_TRIES):
            thing = self._present(collection, id)
            try:
                if thing is None:
                    return self._assets.create(owner, collection, Document(JSON, {"id": id, **members}), reason=_REASON)
                patch = {key: members.get(key) for key in keys}
                return self._assets.patch(_as_hub(owner), collection, id, patch, thing.revision, reason=_REASON).thing
            except (AlreadyExists, RevisionMismatch) as error:
                LOG.info("%s %s was written by somebody else meanwhile: %s", collection, id, error.detail)
        raise RevisionMismatch(f"{collection}/{id} is being written by others all the time; try again.")

    def _link(self, owner: Caller, model: Thing, run: Thing, found: Found) -> Thing:
        """Say in a model what was found and which run made it; its owner may be changing it at the same moment."""
        for _ in range(_TRIES):
            current = self._assets.read(model.kind.collection, model.id)
            members = {"run": run.id, **model_members(self._server, found, self._assets.tools.json(current))}
            try:
                return self._assets.patch(owner, model.kind.collection, model.id, members, current.revision, reason=_REASON).thing
            except RevisionMismatch as error:
                LOG.info("model %s was changed by somebody else meanwhile: %s", model.id, error.detail)
        raise RevisionMismatch(f"The model {model.id} is being changed by others all the time; try again.")


def _owner(model: Thing) -> Caller:
    """Return on whose behalf a model is imported: the person who created it, or the hub where nobody with an account did."""
    person = next((each for each in model.values("creator") if isinstance(each, NamedNode)), None)
    return Caller(id=None, person=person, role=Role.contributor) if person else SYSTEM


def _as_hub(owner: Caller) -> Caller:
    """Let an import change what another import created: it says what MLflow says, not what the caller likes."""
    return dataclasses.replace(owner, role=max(owner.role, Role.curator))


def _location(model: Thing) -> Location:
    text = next((str(each.value) for each in model.values("location")), "")
    location = Location.parse(text) if text else Location("")
    if location.opaque:
        raise NotFound("The model has no location that MLflow knows (mlflow-artifacts:/…, runs:/… or models:/…), so nothing can be imported.")
    return location


def _named(models: Sequence[LoggedModel], location: Location) -> LoggedModel | None:
    """Find the model of a run that a location of MLflow 2 means: the one of that name, or the only one."""
    named = [each for each in models if each.name == location.name]
    return named[0] if len(named) == 1 else models[0] if len(models) == 1 else None


def _others(mlflow: MLflow, run: Run, known: LoggedModel | None) -> Iterator[LoggedModel]:
    """Read the other models of a run; one that was deleted from it since says nothing."""
    for id in run.models[:_MOST_MODELS]:
        if known is None or id != known.id:
            with suppress(NotFound):
                yield mlflow.logged_model(id)
