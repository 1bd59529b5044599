"""`run`: serve the hub with granian, whose supervisor starts one process with the embedded store and any number with a remote one.

Only the serving process opens the store: an embedded one can be opened once, and its threads would not survive a fork.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import tempfile
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import click

from server.cli.common import failures, settings_of
from server.cli.signals import leave_while_loading, on_stop
from server.metrics import FOLDER_VARIABLE
from server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from flask import Flask

    from server.hub import Hub


_COLLECT_AFTER = 50_000  # objects; Python's own number is 700


@dataclass
class Turns:
    """What the processes share at the start: one opens the hub at a time, the first one greets, and whether one failed."""

    lock: Any = field(default_factory=multiprocessing.Lock)
    greeted: Any = field(default_factory=lambda: multiprocessing.Value("b", 0))
    failed: Any = field(default_factory=lambda: multiprocessing.Value("b", 0))


@click.command()
@click.option("--sample", is_flag=True, help="Load the sample catalogue if the store is empty.")
@click.pass_context
def run(context: click.Context, sample: bool) -> None:
    """Serve the hub until SIGTERM or Ctrl-C; running requests end first."""
    settings = settings_of(context)
    check_address(settings)
    turns = Turns()
    if settings.workers == 1:
        serve(settings, turns, sample)
    else:
        with tempfile.TemporaryDirectory(prefix="hub-metrics-") as folder:
            os.environ[FOLDER_VARIABLE] = folder
            serve(settings, turns, sample)
    if turns.failed.value:
        context.exit(1)


def check_address(settings: Settings) -> None:
    """Refuse an address that cannot be listened on, or that another server has; two hubs would otherwise share the port unnoticed."""
    host = settings.host.strip("[]")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise SettingsError(f"Nothing can listen on {host}:{settings.port} ({error.strerror}); set HUB_HOST and HUB_PORT.") from error


def serve(settings: Settings, turns: Turns, sample: bool) -> None:
    """Start granian and stay until it has stopped."""
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels
    from granian.server import MPServer

    server = MPServer(
        "server",
        address=settings.host.strip("[]"),
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        http=HTTPModes.http1,
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, round(settings.stop_seconds)),
        log_level=LogLevels.error,
        log_dictconfig={"formatters": {name: {"()": "server.logs.JsonFormatter"} for name in ("generic", "access")}},
    )
    leave_while_loading()
    server.serve(target_loader=partial(load, settings, turns, sample), wrap_loader=False)


def load(settings: Settings, turns: Turns, sample: bool) -> Flask:
    """Open the hub in a serving process; a hub that cannot be opened stops all of them with the reason."""
    from server import logs

    logs.configure(settings.log_level)
    with turns.lock:
        if turns.failed.value:
            raise SystemExit(1)  # the reason has been said once
        try:
            return _open(settings, turns, sample)
        except failures() as error:
            turns.failed.value = 1
            click.echo(f"Error: {error}", err=True)
            os.kill(os.getppid(), signal.SIGTERM)
            raise SystemExit(1) from error


def _open(settings: Settings, turns: Turns, sample: bool) -> Flask:
    from server.cli.greeting import greet
    from server.http.app import create_app
    from server.services.operator import ensure_key

    ensure_key(settings.data)
    app = create_app(settings)
    hub: Hub = app.extensions["hub"]
    on_stop(hub.closing.set)
    # Exit handlers do not run in a child of multiprocessing; its own finalizers do.
    Finalize(None, hub.close, exitpriority=10)
    greet(hub, sample=sample, aloud=not turns.greeted.value)
    turns.greeted.value = 1
    _collect_less_often()
    return app


def _collect_less_often() -> None:
    """Leave what the start has made out of every later garbage collection, and begin one after many new objects.

    A request makes thousands of terms and triples, nearly all of which go by counting references; looking for cycles among them took a
    third of the time of a bulk load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
