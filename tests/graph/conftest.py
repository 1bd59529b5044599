"""What the tests of the graph tools share: the shapes that are shipped, the toy kind, and readers and writers of both."""

from __future__ import annotations

from typing import Any

import pytest
from pyoxigraph import NamedNode

from server.graph.gate import Gate
from server.graph.kinds import Kind, Registry
from server.graph.names import Names
from server.graph.reading import Draft, JsonReader
from server.graph.writing import JsonWriter, by_subject
from tests.shapes.conftest import gate as gate
from tests.shapes.conftest import registry as registry
from tests.shapes.conftest import samples as samples
from tests.support.toys import toy_registry

NAMES = Names("http://hub.test/")
TOY_ID = "a" * 64
TOY = NAMES.thing("toys", TOY_ID)


class Toys:
    """The toy kind with its tools."""

    def __init__(self) -> None:
        self.registry = toy_registry()
        self.kind: Kind = self.registry.kinds["toys"]
        self.reader, self.writer = JsonReader(self.registry, NAMES), JsonWriter(self.registry, NAMES)
        self.gate = Gate(self.registry)

    def read(self, body: Any, thing: NamedNode = TOY) -> Draft:
        """Read JSON as a toy."""
        return self.reader.read(self.kind, thing, body)

    def written(self, draft: Draft) -> dict[str, Any]:
        """Write what a draft says as JSON."""
        return self.writer.write(draft.kind, draft.thing, by_subject(draft.triples), 1)


@pytest.fixture(scope="session")
def toys() -> Toys:
    """Make the tools of the toy kind."""
    return Toys()


@pytest.fixture(scope="session")
def shipped(registry: Registry) -> Registry:
    """Give the kinds that are shipped."""
    return registry
