"""`import` and `export`."""

from __future__ import annotations

from pathlib import Path

import click
from tqdm import tqdm

from server.cli.common import open_hub, progress


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def import_files(context: click.Context, files: tuple[Path, ...]) -> None:
    """Store the things of FILES, each named after its collection: models.json (an array) or models.ndjson (one a line).

    What is refused is listed with the reason; everything else is stored.
    """
    from server.services.callers import SYSTEM
    from server.services.transfer import import_items, read_items

    with open_hub(context) as hub, tqdm(desc="import", unit=" things", disable=None) as bar:
        items = (item for path in files for item in read_items(path))
        refused = import_items(hub.assets, SYSTEM, items, "import", bar.update)
    for each in refused:
        faults = "".join(f"\n    {fault.pointer} {fault.message}" for fault in each.error.faults)
        click.echo(f"{each.item.place}: {each.error.detail}{faults}", err=True)
    if refused:
        raise click.ClickException(f"{len(refused)} things were refused; the others are stored.")
    click.echo("Everything is stored.")


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
