"""The face of SPARQL. The application registers `blueprint`."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("sparql", __name__)
