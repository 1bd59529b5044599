"""Tell long answers that the process is about to stop, so that a graceful stop does not wait for a stream without an end."""

from __future__ import annotations

import signal
import socket
import threading

stopping = threading.Event()
"""Set once SIGTERM or SIGINT has come; streams look at it between two pieces."""


def watch_signals() -> None:
    """Set `stopping` with the first SIGTERM or SIGINT. Call it in the main thread.

    The web server installs its own handlers, so this listens beside them: Python writes the number of every signal
    to the wake-up descriptor, whoever handles it.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, writer), name="watch-signals", daemon=True).start()


def _watch(reader: socket.socket, writer: socket.socket) -> None:
    with reader, writer:
        while not stopping.is_set():
            if {signal.SIGTERM, signal.SIGINT} & set(reader.recv(16)):
                stopping.set()
