"""What the commands share: how they get settings and the hub, how they report what went wrong, and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click
from tqdm import tqdm

from server.errors import HubError
from server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from server.hub import Hub
    from server.store.base import Store

Item = TypeVar("Item")

COMMANDS = {
    "run": "run:run",
    "users": "users:users",
    "import": "transfer:import_files",
    "export": "transfer:export",
    "mlflow": "mlflow:mlflow",
    "backup": "keep:backup",
    "restore": "keep:restore",
    "check": "checks:check",
    "check-store": "checks:check_store",
    "reindex": "checks:reindex",
    "settings": "reference:settings",
    "docs": "reference:docs",
}


def failures() -> tuple[type[Exception], ...]:
    """List what the hub refuses or cannot do, as opposed to its own faults."""
    from server.graph.kinds import ShapesError

    return SettingsError, HubError, ShapesError, OSError


class Commands(click.Group):
    """A group that imports a command with its first use and turns the hub's own errors into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"server.cli.{module}"), function)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the hub refuses ends with its sentence and exit code 1."""
        try:
            return super().invoke(ctx)
        except failures() as error:
            raise click.ClickException(str(error)) from error


def settings_of(context: click.Context) -> Settings:
    """Read the settings."""
    get: Callable[[], Settings] = context.obj
    return get()


@contextmanager
def open_hub(context: click.Context) -> Iterator[Hub]:
    """Open the hub for one command, with its store at the present schema version, and close it afterwards."""
    from server.hub import build

    hub = build(settings_of(context))
    try:
        yield hub
    finally:
        hub.close()


@contextmanager
def open_stores(context: click.Context) -> Iterator[tuple[Store, Store]]:
    """Open the two datasets alone, as they are, for what must not depend on their content."""
    from server import hub

    kg, system = hub.open_stores(settings_of(context))
    try:
        yield kg, system
    finally:
        kg.close()
        system.close()


def progress(items: Iterable[Item], what: str, total: int | None = None, unit: str = "things") -> Iterator[Item]:
    """Show a progress bar on standard error while the items are gone through; none where no terminal is."""
    yield from tqdm(items, desc=what, total=total, unit=f" {unit}", file=sys.stderr, disable=None)
