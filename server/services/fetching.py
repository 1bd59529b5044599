"""Read what MLflow knows of runs and their models, whole, before anything of it is stored: few calls, and those that can at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from server.clients.artifacts import Artifact
from server.clients.locations import Location
from server.clients.mlflow import MLflow, source
from server.clients.mlmodel import MLmodel
from server.clients.tracking import Experiment, LoggedModel, Metric, ModelVersion, Run
from server.errors import NotFound
from server.services.describing_models import registered
from server.services.found import Found

_AT_ONCE = 4  # calls; a tracking server has few threads
_MOST_MODELS = 20
_MOST_PARENTS = 20
_FEW = 20  # models that are read one by one rather than with all of their experiment

Read = TypeVar("Read")


@dataclass(frozen=True)
class Folder:
    """What lies in the folder of a model."""

    file: MLmodel | None = None
    environment: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] | None = None


class Fetching:
    """Reads from one tracking server, with the credentials of one reader."""

    def __init__(self, mlflow: MLflow) -> None:
        """Read from this server."""
        self._mlflow = mlflow
        self._parents = Parents(mlflow.run)

    def model(self, location: Location) -> Found:
        """Read the model at a location, and the run that made it. Raises `NotFound` for what is not there or was deleted."""
        mlflow = self._mlflow
        location, version = mlflow.located(location)
        logged = mlflow.logged_model(location.model) if location.model else None
        run_id = location.run or (logged.run if logged else None) or (version.run if version else None)
        if run_id is None:
            raise NotFound(f"MLflow does not know which run made the model at {location.text[:200]}.")
        run = self.living(run_id)
        with _pool() as pool:
            experiment = pool.submit(self.experiment, run.experiment)
            models = [*([logged] if logged else []), *self._others(pool, run, logged)]
            chosen = logged or _named(models, location)
            path = location.name if chosen is None and location.run else None
            folder = self._folder(pool, run, chosen, path)
            files = [pool.submit(mlflow.mlmodel, each.artifacts) for each in models if each is not chosen]
            described, parent = folder(), self._parents.of(run)
            known = [*(each.result() for each in files), described.file, *run.logged.values()]
            return Found(
                run, experiment.result(), chosen, described.file, version, _each_once(known), described.environment, described.artifacts,
                measured=_measured(models), parent=parent, path=path,
            )  # fmt: skip

    def run(self, run_id: str) -> list[list[Found]]:
        """Read a run with all its models, and the runs above it, uppermost first; one that was deleted ends the chain, and so does a circle."""
        chain = [self.living(run_id)]
        while len(chain) < _MOST_PARENTS and (parent := self._parents.of(chain[-1])):
            try:
                chain.append(self.living(parent))
            except NotFound:
                break
        return [each for run in reversed(chain) for each in self.page([run], {}, artifacts=True)]

    def page(
        self, runs: Sequence[Run], experiments: Mapping[str, Experiment | None], *, artifacts: bool, models: Models | None = None
    ) -> list[list[Found]]:
        """Read the models of some runs: for each run what was found of each of its models, or of the run alone where it has none."""
        for run in runs:
            self._parents.note(run)
        with _pool() as pool:
            asked = {each.experiment for each in runs} - experiments.keys()
            known = {**experiments, **dict(zip(asked, pool.map(self.experiment, asked), strict=True))}
            listed = {run.id: pool.submit(self._mlflow.run_files, run.id) for run in runs if artifacts}
            logged = (models or Models(self._mlflow)).of(pool, runs)
            waiting = [(run, self._whole(pool, run, [logged[id] for id in run.models[:_MOST_MODELS] if id in logged])) for run in runs]
            return [finish(known[run.experiment], listed[run.id].result() if artifacts else None) for run, finish in waiting]

    def version(self, version: ModelVersion, *, mirrored: bool = False) -> list[Found]:
        """Read a version of the registry, and the run that made it.

        A model can have several names. Where all of the registry is `mirrored`, its version is the newest of the first name, whichever is read.
        """
        place = source(version)
        logged = self._mlflow.logged_model(place.model) if place.model else None
        run_id = (logged.run if logged else None) or version.run or place.run
        if run_id is None:
            raise NotFound(f"MLflow does not know which run made version {version.version} of {version.name}.")
        found = self.page([self.living(run_id)], {}, artifacts=False)[0]
        of_it = [each for each in found if (each.model.id if each.model else each.path) == (logged.id if logged else place.name)]
        if not of_it:
            of_it = [self._unlisted(found[0], logged, place.name)]
            found = [each for each in found if each.model or each.path] + of_it
        listed = not mirrored or registered(of_it[0].model, None) in ((None, None), (version.name, version.version))
        return [replace(each, version=version) if each is of_it[0] and listed else each for each in found]

    def _unlisted(self, found: Found, model: LoggedModel | None, path: str | None) -> Found:
        """Read a model that its run does not list."""
        with _pool() as pool:
            folder = self._folder(pool, found.run, model, path)()
        return replace(found, model=model, path=path, file=folder.file, environment=folder.environment, artifacts=folder.artifacts)

    def living(self, run_id: str) -> Run:
        """Read a run that was not deleted."""
        run = self._mlflow.run(run_id)
        if run.deleted:
            raise NotFound(f"The run {run_id} was deleted in MLflow; restore it there to have it described here.")
        return run

    def experiment(self, experiment_id: str) -> Experiment | None:
        """Read an experiment; one that is gone for good says nothing about its runs."""
        with suppress(NotFound):
            return self._mlflow.experiment(experiment_id)
        return None

    def _whole(
        self, pool: ThreadPoolExecutor, run: Run, models: Sequence[LoggedModel]
    ) -> Callable[[Experiment | None, tuple[Artifact, ...] | None], list[Found]]:
        """Begin to read everything about the models of a run; what is returned waits for it and tells what was found."""
        keys: list[tuple[LoggedModel | None, str | None]] = [(each, None) for each in models]
        keys = keys or [(None, path) for path in sorted(run.logged)[:_MOST_MODELS]]
        folders = [self._folder(pool, run, model, path) for model, path in keys]

        def finish(experiment: Experiment | None, listed: tuple[Artifact, ...] | None) -> list[Found]:
            read, parent = [folder() for folder in folders], self._parents.of(run)
            files, measured = _each_once(each.file for each in read), _measured(models)
            if not keys:
                return [Found(run, experiment, run_artifacts=listed, parent=parent)]
            about = Found(run, experiment, files=files, run_artifacts=listed, measured=measured, parent=parent)
            return [
                replace(about, model=model, file=each.file, environment=each.environment, artifacts=each.artifacts, path=path)
                for (model, path), each in zip(keys, read, strict=True)
            ]

        return finish

    def _folder(self, pool: ThreadPoolExecutor, run: Run, model: LoggedModel | None, path: str | None) -> Callable[[], Folder]:
        """Begin to read the folder of a model: that of MLflow 3, or one below the run's artifacts."""
        mlflow = self._mlflow
        if model is None and path is None:
            return Folder
        uri = model.artifacts if model else f"{run.artifacts.rstrip('/')}/{path}"
        file, environment = pool.submit(mlflow.mlmodel, uri), pool.submit(mlflow.environment, uri)
        listed: Future[tuple[Artifact, ...] | None]
        listed = pool.submit(mlflow.model_files, model.id) if model else pool.submit(mlflow.run_files, run.id, path or "")
        said = run.logged.get(path or "") if model is None else None  # what the run's tag says, where there is no file
        return lambda: Folder(file.result() or said, environment.result(), listed.result() or None)

    def _others(self, pool: ThreadPoolExecutor, run: Run, known: LoggedModel | None) -> list[LoggedModel]:
        found = Models(self._mlflow).of(pool, [run])
        return [each for each in found.values() if known is None or each.id != known.id]


class Parents:
    """Which run started which, as far as anybody has looked."""

    def __init__(self, read: Callable[[str], Run]) -> None:
        """Look up with this what is not known."""
        self._read = read
        self._above: dict[str, str | None] = {}

    def note(self, run: Run) -> None:
        """Remember who started a run."""
        self._above[run.id] = run.tag("mlflow.parentRunId") or None

    def of(self, run: Run) -> str | None:
        """Return the parent of a run; a run that is above itself has none, and so has one that hangs too deep to know."""
        self.note(run)
        above, depth = self._above[run.id], 0
        while above is not None and above != run.id and depth < _MOST_PARENTS:
            above, depth = self._look(above), depth + 1
        return self._above[run.id] if above is None else None

    def _look(self, run_id: str) -> str | None:
        if run_id not in self._above:
            self._above[run_id] = None
            with suppress(NotFound):
                self.note(self._read(run_id))
        return self._above[run_id]


class Models:
    """The logged models of one experiment's runs, looked up one by one while they are few, else all at once."""

    def __init__(self, mlflow: MLflow, experiment_id: str | None = None) -> None:
        """Look up in this server; all at once where the experiment is known."""
        self._mlflow, self._experiment = mlflow, experiment_id
        self._all: dict[str, LoggedModel] | None = None

    def of(self, pool: ThreadPoolExecutor, runs: Iterable[Run]) -> dict[str, LoggedModel]:
        """Return the models of some runs by their ids; one that was deleted since says nothing."""
        ids = list(dict.fromkeys(id for run in runs for id in run.models[:_MOST_MODELS]))
        if self._experiment is not None and (len(ids) > _FEW or self._all is not None):
            if self._all is None or not set(ids) <= self._all.keys():
                self._all = {each.id: each for each in self._mlflow.logged_models(self._experiment)}
            return {id: self._all[id] for id in ids if id in self._all}
        return {each.id: each for each in pool.map(self._one, ids) if each is not None}

    def _one(self, id: str) -> LoggedModel | None:
        with suppress(NotFound):
            return self._mlflow.logged_model(id)
        return None


def ahead(pages: Iterator[Read]) -> Iterator[Read]:
    """Read the next page while the present one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, pages, None)
        while (page := waiting.result()) is not None:
            waiting = pool.submit(next, pages, None)
            yield page


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Give threads to read with; after an error nothing more is asked."""
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _named(models: Sequence[LoggedModel], location: Location) -> LoggedModel | None:
    """Find the model of a run that a location of MLflow 2 means: the one of that name, or the only one."""
    named = [each for each in models if each.name == location.name]
    return named[0] if len(named) == 1 else models[0] if len(models) == 1 else None


def _measured(models: Iterable[LoggedModel]) -> tuple[Metric, ...]:
    return tuple(metric for each in models for metric in each.metrics if metric.dataset)


def _each_once(files: Iterable[MLmodel | None]) -> tuple[MLmodel, ...]:
    return tuple(each for each in files if each is not None)
