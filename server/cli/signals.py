"""Hear of SIGTERM early, so that a graceful stop does not wait for a stream that never ends."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable

ENDING = {signal.SIGTERM, signal.SIGINT}


def on_stop(call: Callable[[], None]) -> None:
    """Call this once the first SIGTERM or SIGINT has come. To be used in the main thread.

    The web server installs its own handlers, so this listens beside them: Python writes the number of every signal
    to the wake-up descriptor, whoever handles it.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, writer, call), name="on-stop", daemon=True).start()


def _watch(reader: socket.socket, writer: socket.socket, call: Callable[[], None]) -> None:
    # Both ends stay open as long as the process: every later signal is written to one, and the other keeps it from filling.
    while received := reader.recv(16):
        if ENDING & set(received):
            call()
