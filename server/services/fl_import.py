"""Import a federated training from MLflow: the coordinator's run, those of its clients, their models, and the training that they were.

The runs and models come as every import brings them; here they are put together. Doing it again changes what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from server.clients.mlflow import MLflow
from server.clients.tracking import Metric, Run
from server.errors import Malformed, NotFound
from server.services.callers import Caller
from server.services.fl_reading import KEYS, Client, Federation, numbered_round, rounds_in, said, training
from server.services.harvest import Harvest
from server.services.importing import REASON, Imported
from server.services.things import Thing
from server.services.upserting import Wanted
from server.services.wording import identify

COLLECTION = "fl-trainings"
MOST_CLIENTS, MOST_CURVES = 500, 50
_PARENT, _TRAINING = "mlflow.parentRunId", "fl.training"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True)
class Trained:
    """What became of a training: what was done with it, and the thing."""

    action: str
    thing: Thing
    clients: int


class FederatedImport:
    """The use case: read what belongs to a training, import it, put it together."""

    def __init__(self, harvest: Harvest) -> None:
        """Import runs by this, and store trainings as it stores them."""
        self._harvest = harvest

    def training(self, caller: Caller, run_id: str, seconds: float, *, service: str | None = None, authorization: str = "") -> Trained:
        """Import the training whose coordinator logged in this run; `service` names the service that it was carried out through.

        Raises `NotFound` for a run that MLflow does not have, and what an import of runs raises.
        """
        importing, mlflow = self._harvest.importing(authorization), self._harvest.reader(authorization).within(seconds)
        imported = importing.run(caller, run_id, seconds)
        run = mlflow.run(run_id)
        clients = []
        for each in _clients(mlflow, run):
            done = importing.run(caller, each.id, seconds)
            clients.append(Client(each, _id_of(done, "runs", each.id), rounds_in(each, _first_curve(mlflow, each))))
        curves = {each.key: mlflow.history(run.id, each.key) for each in sorted(run.metrics, key=lambda each: each.key)[:MOST_CURVES]}
        models, final = _models(mlflow, imported)
        found = Federation(run, _id_of(imported, "runs", run.id), curves, clients, models, final)
        members = {key: value for key, value in training(found).items() if value is not None}
        if service:
            members["service"] = service
        id = identify(mlflow.uri, "fl-training", run.id)
        stored = self._harvest.upserting.store([Wanted(COLLECTION, id, members, KEYS, creator=caller.person)], caller.person, REASON)[COLLECTION, id]
        return Trained(stored.action, stored.thing, len(clients))


def _clients(mlflow: MLflow, run: Run) -> Iterator[Run]:
    """Find the runs of clients: those below the coordinator's, and those of the experiment that name the training as it does."""
    name = said(run).get(_TRAINING, "")
    wheres = [f"tags.`{_PARENT}` = '{run.id}'"]
    if name and set(name) <= _PLAIN:
        wheres.append(f"tags.`{_TRAINING}` = '{name}'")
    found = {each.id: each for where in wheres for page in mlflow.runs(run.experiment, where) for each in page if each.id != run.id}
    if len(found) > MOST_CLIENTS:
        raise Malformed(f"More than {MOST_CLIENTS} runs of clients belong to the run {run.id}.")
    yield from found.values()


def _first_curve(mlflow: MLflow, run: Run) -> tuple[Metric, ...]:
    keys = sorted(each.key for each in run.metrics if not each.key.startswith("system/"))
    return mlflow.history(run.id, keys[0]) if keys else ()


def _models(mlflow: MLflow, imported: list[Imported]) -> tuple[dict[int, str], str | None]:
    """Tell the models of the coordinator apart by the rounds in their names; the final one is that of the last round, or the one without a round."""
    rounds: dict[int, str] = {}
    others: list[str] = []
    for each in imported:
        if each.collection == "models":
            number = numbered_round(_called(mlflow, each.name))
            if number is None:
                others.append(each.id)
            else:
                rounds[number] = each.id
    return rounds, others[-1] if others else rounds[max(rounds)] if rounds else None


def _called(mlflow: MLflow, name: str) -> str:
    try:
        return mlflow.logged_model(name).name if name.startswith("m-") else name
    except NotFound:
        return name


def _id_of(imported: list[Imported], collection: str, name: str) -> str:
    return next(each.id for each in imported if (each.collection, each.name) == (collection, name))
