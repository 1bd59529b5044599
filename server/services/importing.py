"""Import runs, registered models and whole experiments, page by page; each run with its models is stored whole or not at all."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from server.clients.mlflow import RUNS_PAGE, MLflow
from server.clients.tracking import Experiment, ModelVersion, Run
from server.errors import AlreadyExists, DoesNotConform, Fault, Gone, HubError, Malformed, NotFound, RevisionMismatch, TooLarge
from server.services.callers import Caller, Role
from server.services.describing import WRITTEN_BACK
from server.services.fetching import Fetching, Models, ahead
from server.services.upserting import Stored, Upserting, Wanted
from server.services.wanting import Unit, Wanting

LOG = logging.getLogger(__name__)

REASON = "imported from MLflow"
_OF_ONE = (DoesNotConform, Malformed, TooLarge, AlreadyExists, RevisionMismatch, Gone)  # what is wrong with one run and not with all
_ID_DIGITS = 18  # a longer number is a name: MLflow breaks off at it
_RUN_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)


@dataclass(frozen=True)
class Imported:
    """What became of one run or model: `created`, `changed`, `unchanged`, `deleted` (here, and it stays so) or `refused`."""

    collection: str
    name: str  # MLflow's
    action: str
    id: str = ""
    iri: str = ""
    error: HubError | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    warning: str = ""


class Importing:
    """Imports from one tracking server, with the credentials of one reader."""

    def __init__(self, wanting: Wanting, upserting: Upserting, mlflow: MLflow, *, write_back: bool = False) -> None:
        """Read from this server; where wanted, write the IRI of each run back as one of its tags."""
        self._wanting, self._upserting, self._mlflow, self._write_back = wanting, upserting, mlflow, write_back

    def run(self, caller: Caller, run_id: str, seconds: float) -> list[Imported]:
        """Import a run with its models and the runs above it. Raises what forbids it."""
        caller.require(Role.contributor)
        if not _RUN_ID.fullmatch(run_id):
            raise Malformed(f"{run_id[:80]!r} is no id of a run; it has letters, digits and dashes.", faults=[Fault("/run", "No id of a run.")])
        found = Fetching(self._mlflow.within(seconds)).run(run_id)
        outcomes = list(self._stored(caller, self._wanting.units(found, caller.person)))
        return _or_raise(outcomes)

    def registered(self, caller: Caller, name: str, *, mirrored: bool = False) -> Iterator[Imported]:
        """Import every version of a registered model, with the runs that made them; of versions of one model the newest counts.

        Where all names are `mirrored`, a model that has several is told by the first.
        """
        caller.require(Role.contributor)
        versions = self._mlflow.model_versions(name)
        if not versions:
            raise NotFound(f"MLflow has no version of {name}.")
        return self._versions(caller, versions, mirrored)

    def experiment(self, caller: Caller, experiment: str, *, incremental: bool = False, artifacts: bool = False) -> Iterator[Imported]:
        """Import the runs of an experiment, named by its id or its name, oldest first.

        An incremental import reads what began since the newest run here, and what was not finished then; a whole one reads all and so
        finds later changes too. Raises `NotFound` before the first result.
        """
        caller.require(Role.contributor)
        found = self._found(experiment)
        if found.deleted:
            raise NotFound(f"The experiment {found.name} was deleted in MLflow; restore it there to have it imported.")
        return self._pages(caller, found, self._runs(found, incremental), artifacts)

    def _found(self, experiment: str) -> Experiment:
        if experiment.isascii() and experiment.isdigit() and len(experiment) <= _ID_DIGITS:
            return self._mlflow.experiment(experiment)
        return self._mlflow.experiment_named(experiment)

    def _runs(self, experiment: Experiment, incremental: bool) -> Iterator[list[Run]]:
        newest = self._wanting.newest(experiment.id) if incremental else None
        if newest is None:
            yield from self._mlflow.runs(experiment.id)
            return
        again = self._wanting.unfinished(experiment.id)
        for start in range(0, len(again), RUNS_PAGE):
            yield [run for id in again[start : start + RUNS_PAGE] if (run := self._still(id)) is not None]
        yield from self._mlflow.runs(experiment.id, f"attributes.start_time >= {int(newest.timestamp() * 1000)}")

    def _still(self, run_id: str) -> Run | None:
        try:
            return Fetching(self._mlflow).living(run_id)
        except NotFound as error:
            LOG.info("run %s is not read again: %s", run_id, error.detail)
            return None

    def _pages(self, caller: Caller, experiment: Experiment, pages: Iterator[list[Run]], artifacts: bool) -> Iterator[Imported]:
        fetching, models = Fetching(self._mlflow), Models(self._mlflow, experiment.id)
        known: dict[str, Experiment | None] = {experiment.id: experiment}
        orphans: dict[str, str] = {}
        read = (fetching.page(page, known, artifacts=artifacts, models=models) for page in pages if page)
        for found in ahead(read):
            units = self._wanting.units(found, caller.person, rest=True)
            orphans |= {each.run: parent for each in units if each.orphan and each.wanted and (parent := each.found[0].parent)}
            yield from self._stored(caller, units)
        self._adopted(caller, orphans)

    def _adopted(self, caller: Caller, orphans: Mapping[str, str]) -> None:
        """Name the parents of runs that began before these."""
        here = self._wanting.runs_here(orphans.values())
        late = [Wanted("runs", run, {"parent": here[parent]}) for run, parent in orphans.items() if parent in here]
        for start in range(0, len(late), RUNS_PAGE):
            self._upserting.store(late[start : start + RUNS_PAGE], caller.person, REASON)

    def _versions(self, caller: Caller, versions: Sequence[ModelVersion], mirrored: bool) -> Iterator[Imported]:
        fetching = Fetching(self._mlflow)
        newest = {each.source: each for each in versions}  # which are in their order
        for version in newest.values():
            try:
                units = self._wanting.units([fetching.version(version, mirrored=mirrored)], caller.person, rest=True)
            except NotFound as error:
                yield Imported("models", f"{version.name}/{version.version}", "refused", error=error)
                continue
            yield from self._stored(caller, units)

    def _stored(self, caller: Caller, units: Sequence[Unit]) -> Iterator[Imported]:
        """Store units together; where one of them is at fault, one by one."""
        wanted = [each for unit in units for each in unit.wanted]
        try:
            stored = self._upserting.store(wanted, caller.person, REASON) if wanted else {}
        except _OF_ONE as error:
            if len(units) == 1:
                yield Imported("runs", units[0].found[0].run.id, "refused", error=error)
                return
            for unit in units:
                yield from self._stored(caller, [unit])
            return
        for unit in units:
            yield from self._told(unit, stored)

    def _told(self, unit: Unit, stored: Mapping[tuple[str, str], Stored]) -> Iterator[Imported]:
        run, left_out = unit.found[0].run, unit.found[0].left_out
        if not unit.wanted:
            yield Imported("runs", run.id, "deleted", unit.run)
            return
        done = stored["runs", unit.run]
        warning = self._written_back(run, done.thing.iri.value) if self._write_back else ""
        yield Imported("runs", run.id, done.action, unit.run, done.thing.iri.value, None, left_out, warning)
        for name, id in unit.models.items():
            done = stored["models", id]
            yield Imported("models", name, done.action, id, done.thing.iri.value)

    def _written_back(self, run: Run, iri: str) -> str:
        """Tell MLflow how the run is called here; that it cannot be told does not undo the import."""
        if run.tag(WRITTEN_BACK) == iri:
            return ""
        try:
            self._mlflow.set_tag(run.id, WRITTEN_BACK, iri)
        except HubError as error:
            LOG.warning("the IRI of run %s is not written back: %s", run.id, error.detail)
            return error.detail
        return ""


def _or_raise(outcomes: list[Imported]) -> list[Imported]:
    for each in outcomes:
        if each.error is not None:
            raise each.error
    return outcomes
