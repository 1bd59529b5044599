"""A tracking server of MLflow, 2 or 3, over its REST interface: typed answers, and errors that say what is wrong where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, TypeVar

from server.clients.http import Bounds, Outbound, Reply
from server.clients.locations import Location
from server.clients.mlmodel import MLmodel
from server.clients.tracking import Experiment, LoggedModel, Metric, ModelVersion, RegisteredModel, Run
from server.errors import HubError, NotFound, UpstreamUnavailable

_API = "api/2.0/mlflow/"
_ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts/"
_PROXIED = "mlflow-artifacts:/"
_MLMODEL_BYTES = 2**20
_MOST_PAGES = 100
_PAGE = "1000"

Record = TypeVar("Record")


class MLflow:
    """One tracking server. All methods may raise `UpstreamUnavailable`, those that name something also `NotFound`."""

    def __init__(self, uri: str, *, token: str = "", user: str = "", password: str = "", bounds: Bounds | None = None) -> None:
        """Speak to the server at this address, with a token or with user and password where it wants them."""
        self.uri = uri.rstrip("/")
        self._http = Outbound("MLflow", uri, token=token, user=user, password=password, bounds=bounds)

    def within(self, seconds: float) -> MLflow:
        """Give a view of the same server whose calls, all together, end within so many seconds."""
        view = copy(self)
        view._http = self._http.within(seconds)
        return view

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def run(self, run_id: str) -> Run:
        """Read a run; one that was deleted is still there and says so."""
        return self._read(f"run {run_id}", "runs/get", {"run_id": run_id}, "run", Run.read)

    def experiment(self, experiment_id: str) -> Experiment:
        """Read an experiment."""
        return self._read(f"experiment {experiment_id}", "experiments/get", {"experiment_id": experiment_id}, "experiment", Experiment.read)

    def logged_model(self, model_id: str) -> LoggedModel:
        """Read a model of MLflow 3."""
        return self._read(f"model {model_id}", f"logged-models/{model_id}", {}, "model", LoggedModel.read)

    def registered_model(self, name: str) -> RegisteredModel:
        """Read a name of the registry."""
        return self._read(f"registered model {name}", "registered-models/get", {"name": name}, "registered_model", RegisteredModel.read)

    def model_version(self, name: str, version: str) -> ModelVersion:
        """Read a version in the registry."""
        query = {"name": name, "version": version}
        return self._read(f"version {version} of {name}", "model-versions/get", query, "model_version", ModelVersion.read)

    def aliased(self, name: str, alias: str) -> ModelVersion:
        """Read the version that an alias points to."""
        query = {"name": name, "alias": alias}
        return self._read(f"alias {alias} of {name}", "registered-models/alias", query, "model_version", ModelVersion.read)

    def staged(self, name: str, stage: str) -> ModelVersion:
        """Read the newest version of a stage (MLflow 2), or the newest of all for `latest`."""
        fits = [each for each in self.registered_model(name).latest if stage.lower() in ("latest", each.stage.lower())]
        if not fits:
            raise NotFound(f"{self._http.name} has no version of {name} in the stage {stage}.")
        return max(fits, key=lambda each: int(each.version))

    def history(self, run_id: str, key: str) -> tuple[Metric, ...]:
        """Read every point of a metric's curve, in the order in which they were logged."""
        points: list[Metric] = []
        query = {"run_id": run_id, "metric_key": key, "max_results": _PAGE}
        for _ in range(_MOST_PAGES):
            page, token = self._page(f"run {run_id}", "metrics/get-history", query)
            points += page
            if not token:
                return tuple(points)
            query["page_token"] = token
        raise UpstreamUnavailable(f"{self._http.name} has more than {len(points)} points of {key[:80]}.")

    def mlmodel(self, folder: str) -> MLmodel | None:
        """Read the MLmodel file of the model in a folder of the artifacts that the server hands out; None where there is none."""
        if not folder.startswith(_PROXIED) or ".." in folder.split("/"):
            return None
        path = f"{folder.removeprefix(_PROXIED).strip('/')}/MLmodel"
        reply = self._http.limited(bytes=_MLMODEL_BYTES).get(_ARTIFACTS + path)
        if reply.status == 404 and _error_code(reply):
            return None
        self._check(reply, f"artifact {path}")
        return self._understood(lambda: MLmodel.parse(reply.body))

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
        try:
            return Location.parse(found.source), found
        except HubError:  # a folder of somebody's disk, say: the run is still known
            return Location(found.source, run=found.run), found

    def _page(self, what: str, path: str, query: Mapping[str, str]) -> tuple[list[Metric], str]:
        reply = self._http.get(_API + path, query)
        self._check(reply, what)
        body = reply.json()
        return self._understood(lambda: ([Metric.read(each) for each in body.get("metrics", ())], body.get("next_page_token", "")))

    def _read(self, what: str, path: str, query: Mapping[str, str], member: str, read: Callable[[Mapping[str, Any]], Record]) -> Record:
        reply = self._http.get(_API + path, query)
        self._check(reply, what)
        body = reply.json()
        return self._understood(lambda: read(body[member]))

    def _check(self, reply: Reply, what: str) -> None:
        if reply.status == 200:
            return
        code, name = _error_code(reply), self._http.name
        if code == "RESOURCE_DOES_NOT_EXIST" or (code and reply.status == 404):
            raise NotFound(f"{name} has no {what}.")
        if reply.status in (401, 403):
            raise UpstreamUnavailable(
                f"{name} refuses the hub's credentials ({reply.status}); set HUB_MLFLOW_TOKEN, or HUB_MLFLOW_USER and _PASSWORD."
            )
        if reply.status == 404:
            raise UpstreamUnavailable(f"{name} does not answer like MLflow (404); check HUB_MLFLOW_URI.")
        raise UpstreamUnavailable(f"{name} answered {reply.status}{f' {code}' if code else ''} when asked for {what}.")

    def _understood(self, read: Callable[[], Record]) -> Record:
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UpstreamUnavailable(f"{self._http.name} gave an answer that makes no sense ({type(error).__name__}).") from error


def _error_code(reply: Reply) -> str:
    if not reply.media_type.startswith("application/json"):
        return ""
    body = reply.json()
    code = body.get("error_code", "") if isinstance(body, dict) else ""
    return code if isinstance(code, str) and code.replace("_", "").isalnum() else ""
