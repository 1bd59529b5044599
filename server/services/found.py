"""What was read of a tracking server about one run, or about one model and the run that made it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from server.clients.artifacts import Artifact
from server.clients.mlmodel import MLmodel
from server.clients.tracking import DatasetInput, Experiment, LoggedModel, Metric, ModelVersion, Run

MOST_METRICS, MOST_PARAMETERS, MOST_TAGS, MOST_COLUMNS, MOST_FILES = 2500, 2000, 2400, 3000, 1000
"""How many of each are described: all that people look at, and few enough for one description."""


@dataclass(frozen=True)
class Found:
    """Everything that MLflow says about one run, and about one model of it where there is one."""

    run: Run
    experiment: Experiment | None
    model: LoggedModel | None = None  # the one that is described
    file: MLmodel | None = None  # its MLmodel
    version: ModelVersion | None = None
    files: tuple[MLmodel, ...] = ()  # of every model of the run
    environment: tuple[str, ...] = ()  # of the model that is described
    artifacts: tuple[Artifact, ...] | None = None  # its files; None where nobody looked
    run_artifacts: tuple[Artifact, ...] | None = None
    measured: tuple[Metric, ...] = ()  # what the run's logged models say was measured on which dataset
    parent: str | None = None  # the run that started the run; None for one that is above itself
    path: str | None = None  # where below the run's artifacts a model of MLflow 2 lies
    datasets: tuple[DatasetInput, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """Keep one input a dataset; MLflow lists one again for each context."""
        unique = {(each.name, each.digest): each for each in reversed(self.run.datasets)}
        object.__setattr__(self, "datasets", tuple(unique[key] for key in sorted(unique)))

    @property
    def left_out(self) -> dict[str, int]:
        """Count what is too much for one description."""
        run = self.run
        counts = {
            "metrics": len(run.metrics) - MOST_METRICS,
            "parameters": len(run.params) - MOST_PARAMETERS,
            "tags": len(run.tags) - MOST_TAGS,
            "columns": sum(max(0, len(each.columns) - MOST_COLUMNS) for each in self.datasets) + _more(self.file),
        }
        return {name: count for name, count in counts.items() if count > 0}


def _more(file: MLmodel | None) -> int:
    signature = file.signature if file else None
    sides: Iterable[tuple[object, ...]] = (signature.inputs, signature.outputs, signature.params) if signature else ()
    return sum(max(0, len(side) - MOST_COLUMNS) for side in sides)
