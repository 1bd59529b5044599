"""Import what MLflow knows about a model: its experiment, the datasets it was trained on, the run, and the model's own signature.

Everything is fetched before anything is written, and what belongs together is written together, so that neither a server that fails
half-way nor a store that does leaves half of it. Importing again changes what has changed and makes no revision where nothing has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Literal

from pyoxigraph import NamedNode

from server.clients.locations import Location
from server.clients.mlflow import MLflow
from server.clients.tracking import Metric
from server.errors import Forbidden, HubError, NotFound, UpstreamUnavailable
from server.services.assets import Assets
from server.services.fetching import Fetching
from server.services.importing import REASON, Importing
from server.services.things import Thing
from server.services.upserting import Upserting
from server.services.wanting import Wanting

LOG = logging.getLogger(__name__)

Access = Literal["shared", "own"]


class Harvest:
    """Imports from one tracking server into the graph."""

    def __init__(
        self,
        assets: Assets,
        upserting: Upserting,
        mlflow: MLflow | None,
        publish: Sequence[str] = (),
        *,
        access: Access = "shared",
        write_back: bool = False,
    ) -> None:
        """Import from this server, where there is one.

        `publish` names what of `describing.PUBLISHABLE` may be told. With `own` access people import with their own credentials for MLflow.
        """
        self._assets, self._upserting, self._mlflow, self._publish = assets, upserting, mlflow, frozenset(publish)
        self._access, self._write_back = access, write_back

    @property
    def upserting(self) -> Upserting:
        """What writes the things that an import makes of what was read."""
        return self._upserting

    @property
    def configured(self) -> bool:
        """Tell whether there is a tracking server to import from."""
        return self._mlflow is not None

    def close(self) -> None:
        """Close the connections to the tracking server."""
        if self._mlflow is not None:
            self._mlflow.close()

    def model(self, model: Thing, seconds: float, authorization: str = "") -> Thing:
        """Import what MLflow knows about a model, on behalf of its owner, within so many seconds; return the model as it is then.

        Raises `UpstreamUnavailable`, and `NotFound` for what MLflow does not have or a model without a location there; `Forbidden` where
        whoever gave the `authorization` may not read it in MLflow.
        """
        found = Fetching(self.reader(authorization).within(seconds)).model(_location(model))
        owner = next((each for each in model.values("creator") if isinstance(each, NamedNode)), None)
        stored = self._upserting.store(self._wanting.of_model(found, model.id, owner), owner, REASON)
        return stored[model.kind.collection, model.id].thing

    def attempt(self, model: Thing, seconds: float, authorization: str = "") -> Thing:
        """Import if MLflow is there and answers; where not, leave the model as it is and say so in the log."""
        if not self.configured:
            return model
        try:
            return self.model(model, seconds, authorization)
        except HubError as error:
            LOG.warning("model %s is not imported: %s", model.id, error.detail)
            return model

    def importing(self, authorization: str = "", *, operator: bool = False) -> Importing:
        """Give what imports runs, registered models and experiments, for somebody with these credentials for MLflow, or for the operator."""
        reader = self._tracking if operator else self.reader(authorization)
        return Importing(self._wanting, self._upserting, reader, write_back=self._write_back)

    def history(self, run_id: str, measure: str, authorization: str = "") -> tuple[Metric, ...]:
        """Read every point of a metric's curve of a run that is here. Raises `NotFound`, also for a run that is none of MLflow's."""
        run = self._assets.read("runs", run_id)
        known = next((str(each.value) for each in run.values("mlflow_run_id")), None)
        if known is None:
            raise NotFound("MLflow does not know this run, so nobody has kept the curves of its metrics.")
        if not (points := self.reader(authorization).history(known, measure)):
            raise NotFound(f"The run {run_id} has no metric {measure[:80]}.")
        return points

    def registered_names(self) -> Iterator[str]:
        """List the registered models of the server."""
        return self._tracking.registered_names()

    @property
    def _wanting(self) -> Wanting:
        tools = self._assets.tools
        return Wanting(tools.store, tools.names, self._tracking.uri, self._publish)

    @property
    def _tracking(self) -> MLflow:
        if self._mlflow is None:
            raise UpstreamUnavailable("No MLflow server is set up; the operator sets HUB_MLFLOW_URI.")
        return self._mlflow

    def reader(self, authorization: str) -> MLflow:
        """Give the server as it shows itself to whoever asks; credentials of their own always count, and with `own` access nothing else does."""
        if authorization:
            return self._tracking.acting_for(authorization)
        if self._access == "own":
            raise Forbidden("Here runs are read with your own credentials for MLflow; send them as X-MLflow-Authorization.")
        return self._tracking


def _location(model: Thing) -> Location:
    text = next((str(each.value) for each in model.values("location")), "")
    location = Location.parse(text) if text else Location("")
    if location.opaque:
        raise NotFound("The model has no location that MLflow knows (mlflow-artifacts:/…, runs:/… or models:/…), so nothing can be imported.")
    return location
