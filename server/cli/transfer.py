"""`import` and `export`."""

from __future__ import annotations

from pathlib import Path

import click
from tqdm import tqdm

from server.cli.common import open_hub, progress


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "source", type=click.Choice(["hub", "cords"]), default="hub", show_default=True, help="What wrote the files.")
@click.option("--owner", metavar="EMAIL", help="Whose things they become, with --from cords; a file with one user is theirs.")
@click.pass_context
def import_files(context: click.Context, files: tuple[Path, ...], source: str, owner: str | None) -> None:
    """Store the things of FILES, each named after its collection: models.json (an array) or models.ndjson (one a line).

    With --from cords they are databases (db.json) of a CORDS ML Resource API: users with their passwords, connectors, models,
    federated-learning services, resources and policies. It may be repeated. What is refused is listed with the reason; everything else is stored.
    """
    refused = _from_cords(context, files, owner) if source == "cords" else _from_hub(context, files)
    if refused:
        raise click.ClickException(f"{refused} things were refused; the others are stored.")
    click.echo("Everything is stored.")


def _from_hub(context: click.Context, files: tuple[Path, ...]) -> int:
    from server.services.callers import SYSTEM
    from server.services.transfer import import_items, read_items

    with open_hub(context) as hub, tqdm(desc="import", unit=" things", disable=None) as bar:
        items = (item for path in files for item in read_items(path))
        refused = import_items(hub.assets, SYSTEM, items, "import", bar.update)
    for each in refused:
        faults = "".join(f"\n    {fault.pointer} {fault.message}" for fault in each.error.faults)
        click.echo(f"{each.item.place}: {each.error.detail}{faults}", err=True)
    return len(refused)


def _from_cords(context: click.Context, files: tuple[Path, ...], owner: str | None) -> int:
    from server.services.cordsdb import Importer, read_database, summary

    refused = 0
    with open_hub(context) as hub:
        for path in files:
            documents = read_database(path)
            with tqdm(desc=path.name, total=len(documents), unit=" documents", disable=None) as bar:
                report = Importer(hub.assets, hub.identity.accounts, owner).load(documents, bar.update)
            for line in summary(report):
                click.echo(line)
            refused += len(report.refused)
    return refused


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--kind", "kinds", multiple=True, help="Only this collection; may be repeated.")
@click.pass_context
def export(context: click.Context, folder: Path, kinds: tuple[str, ...]) -> None:
    """Write everything as it is now to FOLDER, one NDJSON file a collection, for `import`; history is what `backup` keeps."""
    from server.services.transfer import export_lines

    folder.mkdir(parents=True, exist_ok=True)
    with open_hub(context) as hub:
        for kind in kinds or sorted(hub.registry.kinds):
            ids = [id for id, _, _ in hub.index.revisions(hub.tools.kind(kind).collection)]
            if not ids:
                continue
            with (folder / f"{kind}.ndjson").open("wb") as file:
                file.writelines(progress(export_lines(hub.assets, kind, sorted(ids)), kind, len(ids)))
            click.echo(f"{kind}\t{len(ids)}")
