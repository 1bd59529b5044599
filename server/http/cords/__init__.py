"""The interface of the CORDS ML Resource API for clients that exist: old paths, names and answers over the same services.

Nothing is decided here. Bodies are checked in the old words and translated, a service is called, and its answer is translated back;
problems keep the old shapes with the members of a problem document beside them.
"""

from __future__ import annotations

from flask import Blueprint

from server.http import problems
from server.http.cords import fl
from server.http.cords.answers import dress
from server.http.cords.assets import blueprint as assets
from server.http.cords.models import blueprint as models
from server.http.cords.semantics import blueprint as semantics
from server.http.cords.users import blueprint as users

BLUEPRINTS: tuple[Blueprint, ...] = (users, models, semantics, assets, *fl.BLUEPRINTS)

for _each in BLUEPRINTS:
    if _each not in fl.BLUEPRINTS:  # which have a dress of their own
        problems.dress(_each.name, dress)
