"""The command line: each command reads the settings, calls services and prints. No rule of the hub lives here.

What a command needs beyond the settings is imported when it runs, so that `--help` and `settings` answer at once, and so that
`run` can prepare the process before the hub's libraries are loaded.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from server.cli.common import Commands
from server.settings import load


@click.group(cls=Commands)
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Settings file; ./hub.toml is read if it is there.")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """CORDS Hub: one knowledge graph of an organisation's machine-learning assets."""
    default = Path("hub.toml")
    path = config or (default if default.exists() else None)
    # Not read before it is needed, so that the help of a command shows even with a bad setting.
    context.obj = lambda: load(os.environ, path)
