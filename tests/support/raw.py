"""A server that answers with given bytes, or not at all: for what a real store does only when it is ill."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Raw:
    """Where it listens and the requests that came."""

    url: str
    requests: list[bytes] = field(default_factory=list)


def http(status: str, body: bytes, media_type: str = "text/plain", length: int | None = None) -> bytes:
    """Write an HTTP answer; `length` may promise more than there is."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body) if length is None else length}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def raw_server(*answers: bytes) -> Iterator[Raw]:
    """Answer the first connection with the first bytes and so on, the last ones again and again; no bytes: close without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        raw = Raw(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            with suppress(OSError):  # the listener was closed
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        raw.requests.append(connection.recv(65536))
                        connection.sendall(answers[min(len(raw.requests), len(answers)) - 1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield raw
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def deaf_server() -> Iterator[str]:
    """Be an address to which no connection can be made and which does not say so."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = []
        try:
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                with suppress(BlockingIOError):
                    filler.connect(address)
                fillers.append(filler)
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()
