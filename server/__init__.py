"""CORDS Hub: the knowledge graph of an organisation's machine-learning assets.

`create_app(settings)` makes the WSGI application; `python -m server` is the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from server.settings import Settings

VERSION = "0.1.0"


def create_app(settings: Settings) -> Flask:
    """Open the hub that the settings describe and make its WSGI application."""
    from server.http.app import create_app as create

    return create(settings)
