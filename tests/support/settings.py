"""Build settings for a test: a free port, a temporary folder, and what the test overrides."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from server.settings import Settings


def free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_settings(data: Path, **overrides: Any) -> Settings:
    """Build settings over a temporary folder; every IRI starts with the same base, so that expected values can be written down."""
    return Settings(**{"data": data, "base_iri": "http://hub.test/", "log_level": "WARNING", **overrides})
