"""`backup` and `restore`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click
import urllib3

from server.cli.common import open_hub, open_stores, progress, settings_of
from server.cli.greeting import address
from server.errors import StoreUnavailable
from server.services import backup as archives
from server.services.operator import HEADER, read_key
from server.settings import Settings


def _watch(items: Iterable[bytes], what: str) -> Iterable[bytes]:
    return progress(items, what, unit="lines" if what in {"kg", "system"} else "MiB")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def backup(context: click.Context, file: Path) -> None:
    """Write everything but the index into one archive, whether a hub is running or not."""
    settings = settings_of(context)
    try:
        with open_stores(context) as (kg, system):
            manifest = archives.backup(kg, system, settings.data / "bundles", file, _watch)
    except StoreUnavailable as error:
        # An embedded store is open in one process only: if a hub has it, that hub makes the archive.
        _fetch(settings, file, error)
        click.echo(f"{file}: made by the running hub")
    else:
        click.echo(f"{file}: {manifest.counts['kg']} statements of the graph, {manifest.counts['system']} of the system")


def _fetch(settings: Settings, file: Path, why: StoreUnavailable) -> None:
    """Ask the running hub for an archive; where there is none to ask, the reason for asking it is the error."""
    if not (key := read_key(settings.data)):
        raise why
    part = file.with_name(file.name + ".part")
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=3600))
    try:
        answer = pool.request("GET", f"{address(settings)}backup", headers={HEADER: key}, preload_content=False)
        if answer.status != 200:
            raise why
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            for block in progress(answer.stream(1 << 20), "fetch", unit="MiB"):
                output.write(block)
            output.flush()
            os.fsync(output.fileno())
        part.replace(file)
    except urllib3.exceptions.HTTPError as error:
        raise why from error
    finally:
        part.unlink(missing_ok=True)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Throw away what the store has now.")
@click.option("--rebase", is_flag=True, help="Rewrite the archive's IRIs to HUB_BASE_IRI.")
@click.pass_context
def restore(context: click.Context, file: Path, replace: bool, rebase: bool) -> None:
    """Fill the store from an archive, and build the index again. Nothing may write meanwhile."""
    settings = settings_of(context)
    with open_stores(context) as (kg, system):
        if not replace and (kg.ask("ASK { ?s ?p ?o }") or system.ask("ASK { ?s ?p ?o }")):
            raise click.ClickException("The store is not empty; --replace throws away what it has.")
        manifest = archives.restore(file, kg, system, settings.data / "bundles", settings.base_iri, rebase=rebase, watch=_watch)
    with open_hub(context) as hub:
        hub.indexing.feed.rebuild()
    click.echo(f"Restored {manifest.counts['kg']} statements of the graph and {manifest.counts['system']} of the system from {manifest.created}.")
