"""What SIGTERM and SIGINT mean beside what the web server makes of them."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

ENDING = {signal.SIGTERM, signal.SIGINT}


def leave_while_loading() -> None:
    """Let a child that is forked from now on leave when it is told to stop before it serves.

    Until the web server has installed its own handlers there, a child has those of its parent, which take note in vain; the
    stop would then wait for a process that never heard of it.
    """
    os.register_at_fork(after_in_child=_leave_when_told)


def _leave_when_told() -> None:
    for number in ENDING:
        signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(0)  # nothing is under way for anybody yet, and the threads of a half-open hub would hold up an orderly end


def on_stop(call: Callable[[], None]) -> None:
    """Call this with every SIGTERM or SIGINT, so that streams end and do not hold up the stop. To be used in the main thread.

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
