"""A tracking server of MLflow, 2 or 3, over its REST interface: typed answers, and errors that say what is wrong where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from server.clients.artifacts import Artifact, conda, requirements, walk
from server.clients.locations import Location
from server.clients.mlmodel import MLmodel
from server.clients.tracker import API, Tracker, error_code
from server.clients.tracking import Experiment, LoggedModel, Metric, ModelVersion, RegisteredModel, Run
from server.errors import HubError, NotFound, UpstreamUnavailable

_ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts/"
_PROXIED = "mlflow-artifacts:/"
_FILE_BYTES = 2**20
_PAGE = 1000
_MODELS_PAGE = 50  # the most that MLflow gives at once
RUNS_PAGE = 250
_MOST_PAGES = 4000  # a million runs


class MLflow(Tracker):
    """One tracking server. All methods may raise `UpstreamUnavailable`, those that name something also `NotFound`."""

    def run(self, run_id: str) -> Run:
        """Read a run; one that was deleted is still there and says so."""
        found = self.read(f"run {run_id}", "runs/get", {"run_id": run_id}, "run", Run.read)
        if found.id != run_id:
            raise UpstreamUnavailable(f"{self._http.name} gave another run than {run_id}.")
        return found

    def runs(self, experiment_id: str, where: str = "") -> Iterator[list[Run]]:
        """Read the runs of an experiment, oldest first and page by page; `where` is a filter in MLflow's language."""
        asked = {"experiment_ids": [experiment_id], "max_results": RUNS_PAGE, "order_by": ["attributes.start_time ASC"], "filter": where}
        return self.pages(f"experiment {experiment_id}", "runs/search", asked, "runs", Run.read, post=True, most=_MOST_PAGES)

    def experiment(self, experiment_id: str) -> Experiment:
        """Read an experiment."""
        return self.read(f"experiment {experiment_id}", "experiments/get", {"experiment_id": experiment_id}, "experiment", Experiment.read)

    def experiment_named(self, name: str) -> Experiment:
        """Read the experiment of a name."""
        return self.read(f"experiment {name}", "experiments/get-by-name", {"experiment_name": name}, "experiment", Experiment.read)

    def logged_model(self, model_id: str) -> LoggedModel:
        """Read a model of MLflow 3."""
        return self.read(f"model {model_id}", f"logged-models/{model_id}", {}, "model", LoggedModel.read)

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModel]:
        """Read all models of MLflow 3 that the runs of an experiment logged."""
        asked = {"experiment_ids": [experiment_id], "max_results": _MODELS_PAGE}
        for page in self.pages(
            f"models of experiment {experiment_id}", "logged-models/search", asked, "models", LoggedModel.read, post=True, most=_MOST_PAGES
        ):
            yield from page

    def registered_model(self, name: str) -> RegisteredModel:
        """Read a name of the registry."""
        return self.read(f"registered model {name}", "registered-models/get", {"name": name}, "registered_model", RegisteredModel.read)

    def registered_names(self) -> Iterator[str]:
        """List the names of the registry."""
        asked = {"max_results": str(_PAGE)}
        for page in self.pages("registered models", "registered-models/search", asked, "registered_models", lambda each: str(each["name"])):
            yield from page

    def model_versions(self, name: str) -> list[ModelVersion]:
        """Read all versions of a name in the registry, oldest first, each with its aliases."""
        registered = self.registered_model(name)
        aliases, quote = registered.aliases, '"' if "'" in name else "'"
        if quote in name:  # MLflow's language has no way to write such a name
            return list(registered.latest)
        asked = {"filter": f"name={quote}{name}{quote}", "max_results": str(_PAGE)}
        pages = self.pages(f"versions of {name}", "model-versions/search", asked, "model_versions", ModelVersion.read)
        found = [
            replace(each, aliases=tuple(sorted(alias for alias, version in aliases.items() if version == each.version)))
            for page in pages
            for each in page
        ]
        return sorted(found, key=lambda each: int(each.version))

    def model_version(self, name: str, version: str) -> ModelVersion:
        """Read a version in the registry."""
        query = {"name": name, "version": version}
        return self.read(f"version {version} of {name}", "model-versions/get", query, "model_version", ModelVersion.read)

    def aliased(self, name: str, alias: str) -> ModelVersion:
        """Read the version that an alias points to."""
        query = {"name": name, "alias": alias}
        return self.read(f"alias {alias} of {name}", "registered-models/alias", query, "model_version", ModelVersion.read)

    def staged(self, name: str, stage: str) -> ModelVersion:
        """Read the newest version of a stage (MLflow 2), or the newest of all for `latest`."""
        fits = [each for each in self.registered_model(name).latest if stage.lower() in ("latest", each.stage.lower())]
        if not fits:
            raise NotFound(f"{self._http.name} has no version of {name} in the stage {stage}.")
        return max(fits, key=lambda each: int(each.version))

    def history(self, run_id: str, key: str) -> tuple[Metric, ...]:
        """Read every point of a metric's curve, in the order in which they were logged."""
        query = {"run_id": run_id, "metric_key": key, "max_results": str(_PAGE)}
        return tuple(
            point
            for page in self.pages(f"points of {key[:80]} in run {run_id}", "metrics/get-history", query, "metrics", Metric.read)
            for point in page
        )

    def mlmodel(self, folder: str) -> MLmodel | None:
        """Read the MLmodel file of the model in a folder of the artifacts that the server hands out; None where there is none."""
        text = self._file(folder, "MLmodel")
        return None if text is None else self.understood(lambda: MLmodel.parse(text))

    def environment(self, folder: str) -> tuple[str, ...]:
        """Name the packages, with versions, that the model in a folder was logged with."""
        if (text := self._file(folder, "requirements.txt")) is not None:
            return requirements(text)
        text = self._file(folder, "conda.yaml")
        return conda(text) if text is not None else ()

    def run_files(self, run_id: str, below: str = "") -> tuple[Artifact, ...] | None:
        """List the files of a run, or those in one of its folders, with their paths from there; None where the server cannot look."""
        found = self._files("artifacts/list", "path", {"run_id": run_id}, below)
        return found and tuple(replace(each, path=each.path.removeprefix(f"{below}/")) for each in found)

    def model_files(self, model_id: str) -> tuple[Artifact, ...] | None:
        """List the files of a logged model; None where the server cannot look."""
        return self._files(f"logged-models/{model_id}/artifacts/directories", "artifact_directory_path", {}, "")

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag of a run."""
        self.check(self._http.post(f"{API}runs/set-tag", {"run_id": run_id, "key": key, "value": value}), f"tag {key} of run {run_id}")

    def located(self, location: Location) -> tuple[Location, ModelVersion | None]:
        """Follow a name of the registry to where the model lies; any other location is returned as it is."""
        if location.name is None or location.run is not None or location.model is not None:
            return location, None
        if location.alias is not None:
            found = self.aliased(location.name, location.alias)
        elif location.stage is not None:
            found = self.staged(location.name, location.stage)
        else:
            found = self.model_version(location.name, location.version or "")
        return source(found), found

    def _files(self, path: str, folder_as: str, query: Mapping[str, str], start: str) -> tuple[Artifact, ...] | None:
        """List files; a server that cannot reach the store of its artifacts knows the run all the same."""
        broken = False

        def listing(folder: str) -> Iterable[Artifact]:
            nonlocal broken
            reply = self._http.get(API + path, {**query, **({folder_as: folder} if folder else {})})
            if reply.status != 200:
                broken = True
                return ()
            body: Any = reply.json()
            return self.understood(lambda: [Artifact.read(each) for each in body.get("files", ())])

        found = walk(listing, start)
        return None if broken else found

    def _file(self, folder: str, name: str) -> bytes | None:
        """Read a small file in a folder of the artifacts that the server hands out; None where there is none."""
        if not folder.startswith(_PROXIED) or ".." in folder.split("/"):
            return None
        path = f"{folder.removeprefix(_PROXIED).strip('/')}/{name}"
        reply = self._http.limited(bytes=_FILE_BYTES).get(_ARTIFACTS + path)
        if reply.status == 404 and error_code(reply):
            return None
        self.check(reply, f"artifact {path}")
        return reply.body


def source(version: ModelVersion) -> Location:
    """Say where a version of the registry lies; a folder of somebody's disk at least names the run."""
    try:
        return Location.parse(version.source)
    except HubError:
        return Location(version.source, run=version.run)
