"""A hub with the toy kind over both stores, and those who use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyoxigraph import NamedNode

from server.hub import Hub
from server.services.callers import Caller, Role, anonymous
from server.services.drafts import JSON, Document
from server.services.things import Thing
from server.store.base import Store
from tests.support.hubs import wired
from tests.support.toys import toy_registry


def caller(name: str, role: Role = Role.contributor) -> Caller:
    """Make up somebody with an account."""
    return Caller(name, NamedNode(f"http://hub.test/id/people/{ord(name[0]):064x}"), role, f"{name}@hub.test")


ADA, BEN = caller("ada"), caller("ben")
READER, CURATOR = caller("rita", Role.reader), caller("carl", Role.curator)
NOBODY = anonymous(Role.contributor)


@pytest.fixture
def hub(stores: tuple[Store, Store], tmp_path: Path) -> Iterator[Hub]:
    """Wire a hub over fresh stores."""
    with wired(stores, tmp_path, toy_registry()) as made:
        yield made


def toy(hub: Hub, by: Caller = ADA, **members: Any) -> Thing:
    """Store a toy."""
    return hub.assets.create(by, "toys", Document(JSON, {"title": "x", **members}))


def doc(**members: Any) -> Document:
    """Describe a toy in JSON."""
    return Document(JSON, {"title": "x", **members})


def turtle(text: str) -> Document:
    """Describe a toy in Turtle, with the usual prefixes."""
    return Document("text/turtle", f"@prefix ex: <http://toys.example/ns#> . @prefix dct: <http://purl.org/dc/terms/> . {text}".encode())
