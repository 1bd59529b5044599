"""From what was found in MLflow to what the graph should say: experiments, datasets, runs and models, each under the id that it has here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyoxigraph import Literal, NamedNode

from server.graph.names import Names
from server.graph.vocabulary import DCT, HUB, PROV
from server.services.describing import (
    DATASET_KEYS,
    EXPERIMENT_KEYS,
    RUN_KEYS,
    dataset_id,
    dataset_members,
    experiment_members,
    run_members,
)
from server.services.describing_models import KEPT_KEYS, fresh_members, kept_members, model_id, model_keys, model_members, modest_members
from server.services.found import Found
from server.services.upserting import Wanted
from server.services.wording import identify
from server.store.base import Store
from server.store.text import fill

_NEWEST = "SELECT (MAX(?started) AS ?newest) WHERE { ?run $part $experiment ; $started ?started }"
_UNFINISHED = """SELECT DISTINCT ?id WHERE { ?run $part $experiment ; $status ?status ; $id ?id FILTER(?status IN ("RUNNING", "SCHEDULED")) }"""
_KNOWN = "SELECT ?thing ?value WHERE { VALUES ?value { $values } ?thing $path ?value }"


@dataclass(frozen=True)
class Unit:
    """One run with all that belongs to it: what belongs together is stored together or not at all."""

    found: Sequence[Found]
    wanted: Sequence[Wanted]  # nothing where it was deleted here and should stay so
    run: str  # its id here
    models: Mapping[str, str]  # ids here, by how MLflow calls them
    orphan: bool  # its parent is not here yet


class Wanting:
    """Says what should be in the graph."""

    def __init__(self, store: Store, names: Names, server: str, publish: frozenset[str]) -> None:
        """Look up in this store what is here; `publish` names what of people and machines may be told."""
        self._store, self._names, self._server, self._publish = store, names, server, publish

    def units(self, runs: Sequence[Sequence[Found]], creator: NamedNode | None, *, rest: bool = False) -> list[Unit]:
        """Say what should be here of some runs and their models; those that somebody has deleted here stay so where they should `rest`."""
        here = {found[0].run.id: identify(self._server, "run", found[0].run.id) for found in runs}
        here |= self.runs_here([*here, *(parent for found in runs if (parent := found[0].parent))])
        models = self._models([each for found in runs for each in found if each.model or each.path])
        gone = {*self.deleted("runs", here.values()), *self.deleted("models", models.values())} if rest else set()
        units = []
        for found in runs:
            run, parent = here[found[0].run.id], here.get(found[0].parent or "")
            ids = {_called(each): models[_called(each)] for each in found if _called(each) and models[_called(each)] not in gone}
            wanted = list(self._wanted(found, run, ids, parent, creator)) if run not in gone else []
            units.append(Unit(found, wanted, run, ids if wanted else {}, orphan=found[0].parent is not None and parent is None))
        return units

    def of_model(self, found: Found, model: str, creator: NamedNode | None) -> list[Wanted]:
        """Say what should be here of a model that somebody has added, and of its run, which is created again where it was deleted."""
        here = {found.run.id: identify(self._server, "run", found.run.id)}
        here |= self.runs_here([found.run.id, *([found.parent] if found.parent else [])])
        run, above = here[found.run.id], here.get(found.parent or "")
        return [*self._run(found, run, above, creator), self._model(found, model, run)]

    def known(self, collection: str, path: NamedNode, values: Iterable[str]) -> dict[str, str]:
        """Return the ids of the things of a collection that have these values; of several that have one, the first."""
        asked = [Literal(each) for each in dict.fromkeys(values)]
        if not asked:
            return {}
        found: dict[str, str] = {}
        for row in self._store.select(fill(_KNOWN, values=asked, path=path)):
            split = self._names.split(str(row["thing"].value))
            if split and split[0] == collection:
                value = str(row["value"].value)
                found[value] = min(split[1], found.get(value, split[1]))
        return found

    def _models(self, found: Sequence[Found]) -> dict[str, str]:
        """Choose the ids of models: that of a former import, else of a model here that means the same one, else a new one."""
        own = {_called(each): model_id(self._server, each) for each in found}
        places = {f"models:/{each.model.id}" if each.model else place: _called(each) for each in found for place in _places(each)}
        others = {places[place]: id for place, id in self.known("models", HUB.location, places).items()}
        others |= self.known("models", HUB.mlflowModelId, [each.model.id for each in found if each.model])
        present = self._here("models", own.values())
        return {called: id if id in present else others.get(called, id) for called, id in own.items()}

    def runs_here(self, mlflow_ids: Iterable[str]) -> dict[str, str]:
        """Return the ids of the runs that are here, by MLflow's."""
        return self.known("runs", HUB.mlflowRunId, mlflow_ids)

    def deleted(self, collection: str, ids: Iterable[str]) -> set[str]:
        """Return those of some ids that were here once and are no more."""
        histories = {self._names.history(self._names.document(collection, each)): each for each in ids}
        query = fill("SELECT ?h WHERE { VALUES ?h { $histories } GRAPH ?h { ?h $head ?r } }", histories=list(histories), head=HUB.head)
        once = {histories[row["h"]] for row in self._store.select(query)} if histories else set()  # type: ignore[index]
        return once - self._here(collection, once)

    def newest(self, experiment_id: str) -> datetime | None:
        """Return when the last run of an experiment began that is here."""
        rows = self._store.select(fill(_NEWEST, **self._of(experiment_id), started=PROV.startedAtTime))
        found = rows[0].get("newest") if rows else None
        return datetime.fromisoformat(str(found.value)) if found is not None else None

    def unfinished(self, experiment_id: str) -> list[str]:
        """List MLflow's ids of the runs of an experiment that were not at their end when they were read."""
        rows = self._store.select(fill(_UNFINISHED, **self._of(experiment_id), status=HUB.runStatus, id=HUB.mlflowRunId))
        return sorted(str(row["id"].value) for row in rows)

    def _of(self, experiment_id: str) -> dict[str, NamedNode]:
        thing = self._names.thing("experiments", identify(self._server, "experiment", experiment_id))
        return {"part": DCT.isPartOf, "experiment": thing}

    def _here(self, collection: str, ids: Iterable[str]) -> set[str]:
        things = [self._names.thing(collection, each) for each in ids]
        rows = self._store.select(fill("SELECT DISTINCT ?t WHERE { VALUES ?t { $things } ?t a ?type }", things=things)) if things else []
        return {str(row["t"].value).rpartition("/")[2] for row in rows}

    def _wanted(self, found: Sequence[Found], run: str, models: Mapping[str, str], parent: str | None, creator: NamedNode | None) -> Iterable[Wanted]:
        yield from self._run(found[0], run, parent, creator)
        for each in found:
            if (called := _called(each)) in models:
                own = models[called] == model_id(self._server, each)
                yield self._own_model(each, models[called], run, creator) if own else self._model(each, models[called], run)

    def _run(self, found: Found, run: str, parent: str | None, creator: NamedNode | None) -> Iterable[Wanted]:
        if found.experiment is not None:
            id = identify(self._server, "experiment", found.run.experiment)
            yield Wanted("experiments", id, experiment_members(found), EXPERIMENT_KEYS, creator=creator)
        for dataset in found.datasets:
            yield Wanted("datasets", dataset_id(self._server, dataset), dataset_members(dataset), DATASET_KEYS, creator=creator)
        keys = RUN_KEYS if found.run_artifacts is None else (*RUN_KEYS, "artifacts")
        yield Wanted("runs", run, run_members(self._server, found, self._publish, parent), keys, creator=creator)

    def _model(self, found: Found, id: str, run: str) -> Wanted:
        members = {"run": run, **model_members(self._server, found)}
        return Wanted("models", id, members, model_keys(found), modest_members(self._server, found))

    def _own_model(self, found: Found, id: str, run: str, creator: NamedNode | None) -> Wanted:
        said = self._model(found, id, run)
        members = {**said.members, **kept_members(found)}
        return Wanted("models", id, members, (*said.keys, *KEPT_KEYS), said.modest, fresh_members(found), creator)


def _called(found: Found) -> str:
    """Return how MLflow calls a model: its id, or where its run put it; empty for a run without one."""
    return found.model.id if found.model else f"{found.run.id}/{found.path}" if found.path else ""


def _places(found: Found) -> list[str]:
    """List the ways to write where a model lies."""
    if found.model:
        return [f"models:/{found.model.id}"]
    return [f"{found.run.artifacts.rstrip('/')}/{found.path}", f"runs:/{found.run.id}/{found.path}"]
