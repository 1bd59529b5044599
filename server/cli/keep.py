"""`backup` and `restore`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from server.cli.common import open_hub, open_stores, progress, settings_of
from server.services import backup as archives


def _watch(items: Iterable[bytes], what: str) -> Iterable[bytes]:
    return progress(items, what, unit="lines" if what in {"kg", "system"} else "MiB")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def backup(context: click.Context, file: Path) -> None:
    """Write everything but the index into one archive; a hub with a remote store may go on running."""
    settings = settings_of(context)
    with open_stores(context) as (kg, system):
        manifest = archives.backup(kg, system, settings.data / "bundles", file, _watch)
    click.echo(f"{file}: {manifest.counts['kg']} statements of the graph, {manifest.counts['system']} of the system")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Throw away what the store has now.")
@click.option("--rebase", is_flag=True, help="Rewrite the archive's IRIs to HUB_BASE_IRI.")
@click.pass_context
def restore(context: click.Context, file: Path, replace: bool, rebase: bool) -> None:
    """Fill the store from an archive, and build the index again. No hub may be running on it."""
    settings = settings_of(context)
    with open_stores(context) as (kg, system):
        if not replace and (kg.ask("ASK { ?s ?p ?o }") or system.ask("ASK { ?s ?p ?o }")):
            raise click.ClickException("The store is not empty; --replace throws away what it has.")
        manifest = archives.restore(file, kg, system, settings.data / "bundles", settings.base_iri, rebase=rebase, watch=_watch)
    with open_hub(context) as hub:
        hub.rebuild_index()
    click.echo(f"Restored {manifest.counts['kg']} statements of the graph and {manifest.counts['system']} of the system from {manifest.created}.")
