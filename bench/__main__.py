"""`python -m bench`: measure, print the table, write the figures to `bench/results/`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from bench import servers
from bench.lab import Lab, lab
from bench.measures import EMBEDDED, FUSEKI, MEASURES
from bench.results import Measured, line, save, table


@click.command()
@click.argument("rows", nargs=-1, type=click.Choice(list(MEASURES)))
@click.option("--things", default=100_000, show_default=True, envvar="BENCH_THINGS", type=click.IntRange(100), help="Things in the large store.")
@click.option("--calls", default=200, show_default=True, envvar="BENCH_CALLS", type=click.IntRange(1), help="Calls for each median.")
@click.option("--store", type=click.Choice([EMBEDDED, FUSEKI]), help="Measure on this store alone.")
def main(rows: Sequence[str], things: int, calls: int, store: str | None) -> None:
    """Measure the ROWS named, or all of them, and print what they should be and what they are."""
    stores = [store] if store else [EMBEDDED, FUSEKI]
    if FUSEKI in stores and (reason := servers.fuseki_missing()):
        click.echo(f"Nothing is measured on Fuseki: {reason}.", err=True)
        stores.remove(FUSEKI)
    with lab(things, calls) as made:
        found = measure(made, rows or list(MEASURES), stores)
    click.echo("\n" + table(found))
    click.echo(f"\nMedians of {calls} calls. Figures of other runs compare only as ratios. Written to {save(found, things, calls)}.")
    sys.exit(any(each.ok is False for each in found))


def measure(made: Lab, rows: Sequence[str], stores: Sequence[str]) -> list[Measured]:
    """Take the measures of some rows on some stores, and tell each line as soon as it is there."""
    found: list[Measured] = []
    for row in MEASURES:
        for store, take in MEASURES[row].items():
            if row not in rows or store not in stores:
                continue
            for each in take(made):
                found.append(each)
                name, target, value, ok = line(each)
                click.echo(f"{name}: {value}" + (f" [{target}: {ok}]" if target else ""), err=True)
    return found


if __name__ == "__main__":
    main()
