"""The past of things: histories, old revisions, differences, and one log of everything."""

from __future__ import annotations

import pytest
from pyoxigraph import Literal

from server.errors import Gone, NotFound
from server.graph.patches import read_patch
from server.hub import Hub
from server.services.assets import ANY
from tests.services.conftest import ADA, BEN, toy
from tests.support.documents import HOSTILE


def test_a_history_tells_who_did_what_and_why(hub: Hub) -> None:
    made = toy(hub, maintainers=[str(BEN.person.value)] if BEN.person else [])
    hub.assets.patch(BEN, "toys", made.id, {"price": 2, "pieces": 3}, 1, reason="".join(HOSTILE))
    hub.assets.delete(ADA, "toys", made.id, 2, reason="over")
    entries = hub.past.history("toys", made.id)
    assert [(each["revision"], each["action"], each["reason"], each["sequence"]) for each in entries] == [
        (3, "delete", "over", 3), (2, "patch", "".join(HOSTILE), 2), (1, "create", None, 1)
    ]  # fmt: skip
    assert [each["by"] for each in entries] == [str(each.person.value) for each in (ADA, BEN, ADA) if each.person]
    assert (entries[1]["added"], entries[1]["removed"]) == (3, 1), "price, pieces and the time of the change"
    assert entries[0]["removed"] == entries[2]["added"] + 2 and entries[0]["at"] >= entries[1]["at"] >= entries[2]["at"]


def test_every_revision_can_be_read_as_it_was(hub: Hub) -> None:
    made = toy(hub, keywords=[each for each in HOSTILE if each.strip()], wheels=[{"size": 1, "material": each} for each in HOSTILE if each.strip()])
    seen = [made]
    for change in ({"title": "".join(HOSTILE)}, {"keywords": None}, {"wheels": [{"size": 2, "material": "$log"}]}, {"price": 1.25, "wheels": None}):
        seen.append(hub.assets.patch(ADA, "toys", made.id, change, ANY).thing)
    hub.assets.delete(ADA, "toys", made.id, ANY)
    for number, thing in enumerate(seen, start=1):
        old = hub.past.at("toys", made.id, number)
        assert hub.tools.json(old) == hub.tools.json(thing) and old.revision == number and old.triples == thing.triples
    with pytest.raises(Gone, match="is a deletion"):
        hub.past.at("toys", made.id, 6)
    with pytest.raises(NotFound, match="the last one is 6"):
        hub.past.at("toys", made.id, 7)


def test_differences_lead_from_one_to_the_other(hub: Hub) -> None:
    made = toy(hub, price=1)
    changed = hub.assets.patch(ADA, "toys", made.id, {"price": 2}, ANY).thing
    hub.assets.patch(ADA, "toys", made.id, {"price": 1}, ANY)
    by_default = hub.past.diff("toys", made.id, None, 2)
    assert (by_default.added, by_default.removed) == (changed.triples - made.triples, made.triples - changed.triples)
    assert read_patch(by_default.patch) == (by_default.added, by_default.removed)
    there, back = hub.past.diff("toys", made.id, 1, 2), hub.past.diff("toys", made.id, 2, 1)
    assert (there.added, there.removed) == (back.removed, back.added)
    whole = hub.past.diff("toys", made.id, 0, 1)
    assert whole.added == made.triples and whole.removed == frozenset()
    assert not hub.past.diff("toys", made.id, 2, 2).json()["added"]
    assert {str(each.object) for each in hub.past.diff("toys", made.id, 1, 3).added} & {str(Literal(1.0))} == set()
    for older, newer in ((1, 9), (9, 1)):
        with pytest.raises(NotFound):
            hub.past.diff("toys", made.id, older, newer)


def test_the_change_log_pages_through_everything_in_order(hub: Hub) -> None:
    things = [toy(hub) for _ in range(3)]
    hub.assets.patch(ADA, "toys", things[1].id, {"price": 1}, ANY)
    hub.assets.delete(ADA, "toys", things[0].id, ANY)
    items, following = hub.past.changes(0, 2)
    assert [each["sequence"] for each in items] == [1, 2] and following == 2
    rest, end = hub.past.changes(2, 10_000)
    assert [(each["sequence"], each["action"], each["id"]) for each in rest] == [
        (3, "create", things[2].id), (4, "patch", things[1].id), (5, "delete", things[0].id)
    ]  # fmt: skip
    assert end is None and rest[0] | {"at": "", "by": ""} == {
        "sequence": 3, "iri": things[2].iri.value, "kind": "toys", "id": things[2].id, "revision": 1, "at": "", "by": "", "action": "create"
    }  # fmt: skip
    assert hub.past.changes(5, 10) == ([], None) == hub.past.changes(99, 10)


def test_what_never_was_has_no_past(hub: Hub) -> None:
    with pytest.raises(NotFound, match="There is no toy"):
        hub.past.history("toys", "f" * 64)
    with pytest.raises(NotFound, match="There is no collection"):
        hub.past.history("nothing", "f" * 64)
