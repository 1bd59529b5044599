"""`mlflow`: import from the tracking server of the settings, and keep experiments or the registry mirrored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from server.cli.common import open_hub, progress
from server.errors import HubError
from server.services.callers import SYSTEM

if TYPE_CHECKING:
    from server.hub import Hub
    from server.services.importing import Imported

RUN_SECONDS = 120.0


@click.group()
def mlflow() -> None:
    """Import from MLflow with the credentials of the settings, on behalf of the hub."""


@mlflow.command("import")
@click.option("--run", "runs", multiple=True, help="The id of a run; its models and the runs above it come with it. May be repeated.")
@click.option("--registered-model", "names", multiple=True, help="The name of a registered model: all its versions. May be repeated.")
@click.option("--experiment", "experiments", multiple=True, help="The id or name of an experiment: all its runs. May be repeated.")
@click.option("--incremental", is_flag=True, help="Of experiments only what began since the last import, or was not finished then.")
@click.option("--artifacts", is_flag=True, help="List the files of each run of an experiment too; this takes MLflow longer than all the rest.")
@click.pass_context
def import_runs(
    context: click.Context, runs: Sequence[str], names: Sequence[str], experiments: Sequence[str], incremental: bool, artifacts: bool
) -> None:
    """Import runs, registered models and experiments once."""
    if not (runs or names or experiments):
        raise click.UsageError("Give a --run, a --registered-model or an --experiment.")
    with open_hub(context) as hub:
        importing = hub.harvest.importing(operator=True)
        counts: Counter[str] = Counter()
        for run in runs:
            counts += _told(importing.run(SYSTEM, run, RUN_SECONDS), f"run {run[:12]}")
        for name in names:
            counts += _told(importing.registered(SYSTEM, name), name)
        for each in experiments:
            counts += _told(importing.experiment(SYSTEM, each, incremental=incremental, artifacts=artifacts), f"experiment {each}")
    _report(counts)


@mlflow.command()
@click.option("--experiment", "experiments", multiple=True, help="The id or name of an experiment. May be repeated.")
@click.option("--registry", is_flag=True, help="All registered models.")
@click.option("--incremental", is_flag=True, help="Of experiments only what began since the last pass, or was not finished then.")
@click.option("--every", type=click.FloatRange(min=1), help="Seconds from the end of a pass to the next one; without it there is one pass.")
@click.option("--passes", type=click.IntRange(min=1), help="End after so many passes.")
@click.pass_context
def sync(context: click.Context, experiments: Sequence[str], registry: bool, incremental: bool, every: float | None, passes: int | None) -> None:
    """Keep experiments and the registry mirrored: import them again and again, and store what has changed.

    What was deleted here stays deleted, and what was deleted in MLflow stays here. A pass that MLflow fails in is made up for by the next.
    """
    if not (experiments or registry):
        raise click.UsageError("Give an --experiment or --registry.")
    done = 0
    with open_hub(context) as hub:
        while True:
            done += 1
            last = every is None or done == passes
            try:
                _report(_pass(hub, experiments, registry, incremental), failing=last)
            except HubError as error:
                if last:
                    raise
                click.echo(f"{error.detail} The next pass tries again.", err=True)
            if last or every is None:
                return
            time.sleep(every)


def _pass(hub: Hub, experiments: Sequence[str], registry: bool, incremental: bool) -> Counter[str]:
    importing, counts = hub.harvest.importing(operator=True), Counter[str]()
    for each in experiments:
        counts += _told(importing.experiment(SYSTEM, each, incremental=incremental), f"experiment {each}")
    if registry:
        counts += _told(_registered(hub), "registry")
    return counts


def _registered(hub: Hub) -> Iterator[Imported]:
    """Import all registered models; one without a version is none."""
    from server.errors import NotFound

    importing = hub.harvest.importing(operator=True)
    for name in hub.harvest.registered_names():
        try:
            yield from importing.registered(SYSTEM, name, mirrored=True)
        except NotFound as error:
            click.echo(error.detail, err=True)


def _told(outcomes: Iterable[Imported], what: str) -> Counter[str]:
    """Count what became of runs and models under a progress bar, and say of each that was refused why."""
    counts: Counter[str] = Counter()
    for each in progress(outcomes, what, unit="runs and models"):
        counts[each.action] += 1
        if each.error is not None:
            click.echo(f"{each.name}: {each.error.detail}", err=True)
        if each.warning:
            click.echo(f"{each.name}: {each.warning}", err=True)
        for name, number in each.left_out.items():
            click.echo(f"{each.name}: {number} {name} are too many for one description and are left out", err=True)
    return counts


def _report(counts: Counter[str], *, failing: bool = True) -> None:
    """Say what was done; end with an error where something was refused."""
    told = ", ".join(f"{counts[name]} {name}" for name in ("created", "changed", "unchanged", "deleted", "refused") if counts[name])
    click.echo(told or "There was nothing to import.")
    if counts["refused"] and failing:
        raise click.ClickException(f"{counts['refused']} were refused; the others are stored.")
