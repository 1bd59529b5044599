"""A web server whose answers a test writes itself: for what a real server does only when it is ill."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Said:
    """One answer: status, headers, body, and how long to wait before it and between its pieces."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    after: float = 0.0
    pieces: int = 1
    between: float = 0.0


Answers = Callable[[str], Said]


@dataclass
class StandIn:
    """A running stand-in: its address, and the requests that reached it."""

    url: str
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)  # of what was posted


@contextmanager
def standing_in(answers: Answers) -> Iterator[StandIn]:
    """Serve what `answers` says of each path until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            stand_in.paths.append(self.path)
            stand_in.headers.append(dict(self.headers))
            said = answers(self.path)
            time.sleep(said.after)
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            try:
                self._write(said)
            except OSError:
                self.close_connection = True

        def do_POST(self) -> None:
            stand_in.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.do_GET()

        def _write(self, said: Said) -> None:
            size = max(1, len(said.body) // said.pieces)
            for start in range(0, len(said.body), size):
                self.wfile.write(said.body[start : start + size])
                self.wfile.flush()
                time.sleep(said.between)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    stand_in = StandIn(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
