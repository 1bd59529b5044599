"""What the index is told of a thing: its JSON, what it is sorted and filtered by, its words by weight."""

from __future__ import annotations

from typing import Any

import orjson
from pyoxigraph import Literal, NamedNode, Triple

from server.graph.names import Names
from server.graph.vocabulary import XSD
from server.index.rows import IndexRow
from server.services.projection import gone, project, sort_keys
from server.services.things import Thing, Toolbox
from server.store.base import Store
from tests.support.toys import CAR, toy_registry

ID = "a" * 64


def row(store: Store, body: dict[str, Any], *more: Triple) -> IndexRow:
    tools = Toolbox(store, toy_registry(), "http://hub.test/")
    kind = tools.registry.kinds["toys"]
    draft = tools.reader.read(kind, tools.names.thing("toys", ID), body)
    thing = Thing(kind, ID, draft.thing, tools.names.document("toys", ID), 3, draft.triples | {*more})
    found = project(tools, thing, 7, "2026-01-31T10:00:00Z")
    assert orjson.loads(found.item) == tools.json(thing)
    return found


def test_a_row_says_what_lists_need(store: Store) -> None:
    found = row(store, CAR)
    assert (found.kind, found.id, found.iri, found.sequence, found.revision, found.deleted) == (
        "toys",
        ID,
        f"http://hub.test/id/toys/{ID}",
        7,
        3,
        False,
    )
    assert set(found.sorts) == {"title", "modified", "created", "price", "pieces"}
    assert found.sorts["title"] in ("Car", "Auto") and found.sorts["price"] == 9.5 and found.sorts["pieces"] == 12
    assert found.sorts["created"] == found.sorts["modified"] == "2026-01-31T10:00:00Z", "where the thing says none, that of the revision"
    terms = set(found.terms)
    assert {("keywords", "red"), ("keywords", "fast"), ("fragile", False), ("state", "new"), ("license", "http://spdx.org/licenses/CC0-1.0")} <= terms
    assert {("wheels.size", 1.5), ("wheels.size", 2.0), ("wheels.material", "rubber"), ("wheels.material", "wood")} <= terms
    assert not [each for each in terms if each[0] in ("title", "description", "serial", "price", "wheels")]
    assert (
        set(found.text[3].split("\n")) == {"Car", "Auto"} and found.text[1] == "Red and fast." and set(found.text[2].split("\n")) == {"red", "fast"}
    )


def test_what_is_missing_sorts_as_missing(store: Store) -> None:
    found = row(store, {"title": "x"})
    assert found.sorts["price"] is None and found.sorts["pieces"] is None and found.terms == [("state", "new")] and found.text == {3: "x"}


def test_numbers_count_as_numbers_whatever_they_are_written_as(store: Store) -> None:
    size = NamedNode("http://toys.example/ns#price")
    decimal = row(store, {"title": "x"}, Triple(NamedNode(f"http://hub.test/id/toys/{ID}"), size, Literal("10.50", datatype=XSD.decimal)))
    assert decimal.sorts["price"] == 10.5
    friend = f"http://hub.test/id/toys/{'b' * 64}"
    assert ("goes_with", friend) in row(store, {"title": "x", "goes_with": ["b" * 64]}).terms


def test_a_deleted_thing_has_no_more_than_its_name(store: Store) -> None:
    tools = Toolbox(store, toy_registry(), "http://hub.test/")
    found = gone(tools, "toys", ID, 8, 4)
    assert found.deleted and (found.sequence, found.revision, found.iri) == (8, 4, Names("http://hub.test/").thing("toys", ID).value)


def test_every_kind_can_be_sorted_by_title_and_time() -> None:
    assert sort_keys([]) == ["title", "modified", "created"]
