"""`settings` and `docs`: print what the hub knows about itself, for people and for the pages of `docs/`."""

from __future__ import annotations

import click

from server.cli.common import settings_of
from server.settings import current


@click.command()
@click.pass_context
def settings(context: click.Context) -> None:
    """Print every setting with its present value; secrets only say whether they are set."""
    for row, value in current(settings_of(context)):
        click.echo(f"{row.variable}={value}")
        click.echo(f"    {row.help} {row.kind.name}{f', {row.unit}' if row.unit else ''}; default: {row.default or '–'}")


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; fail if a page is not what would be written.")
def docs(check: bool) -> None:
    """Write the reference pages of docs/ from the tables of the code."""
    from server.cli.pages import pages

    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if not check:
            path.write_text(pages()[path], "utf-8")
        click.echo(f"{'stale' if check else 'written'}: {path.name}")
    if check and stale:
        raise click.ClickException("run `python -m server docs`")
