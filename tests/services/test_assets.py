"""One way of writing for every kind: who may, from which revision, and what is left as it is."""

from __future__ import annotations

from typing import Any

import pytest
from pyoxigraph import Literal, Triple

from server.errors import (
    AlreadyExists,
    DoesNotConform,
    Forbidden,
    Gone,
    HubError,
    InUse,
    Malformed,
    NotFound,
    RevisionMismatch,
    RevisionRequired,
    StoreUnavailable,
    Unauthenticated,
)
from server.graph.vocabulary import DCT
from server.hub import Hub
from server.services.assets import ANY
from server.services.callers import SYSTEM, Role, anonymous
from server.services.drafts import JSON, Document
from tests.services.conftest import ADA, BEN, CURATOR, NOBODY, READER, doc, toy, turtle

EX = "http://toys.example/ns#"
ID = "a" * 64


def test_the_hub_says_who_made_what_when(hub: Hub) -> None:
    made = toy(hub)
    assert made.values("creator") == [ADA.person] and made.values("created") == made.values("modified") and made.revision == 1
    changed = hub.assets.patch(ADA, "toys", made.id, {"price": 2}, 1).thing
    assert changed.values("creator") == [ADA.person] and changed.values("created") == made.values("created")
    assert changed.values("modified") != made.values("modified") and changed.revision == 2
    assert toy(hub, NOBODY).values("creator") == []


@pytest.mark.parametrize("member", ["created", "modified", "creator"])
def test_only_the_hub_says_that(hub: Hub, member: str) -> None:
    given = "http://hub.test/id/people/me" if member == "creator" else "2020-01-01T00:00:00Z"
    with pytest.raises(Malformed, match="is set by the hub") as caught:
        toy(hub, **{member: given})
    assert caught.value.faults[0].pointer == f"/{member}"
    made = toy(hub)
    for write in (
        lambda: hub.assets.patch(ADA, "toys", made.id, {member: given}, ANY),
        lambda: hub.assets.replace(ADA, "toys", made.id, doc(**{member: given}), 1),
    ):
        with pytest.raises(Malformed):
            write()
    with pytest.raises(Malformed):
        hub.assets.create(
            ADA, "toys", turtle(f'<> a ex:Toy ; dct:title "x" ; dct:{member} "2020-01-01T00:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime> .')
        )
    trusted = hub.assets.create(SYSTEM, "toys", doc(**{member: given}), trusted=True)
    assert [str(each.value) for each in trusted.values(member)] == [given] or member == "modified"


@pytest.mark.parametrize(("member", "value"), [("id", "b" * 64), ("iri", "http://hub.test/id/toys/" + "b" * 64), ("revision", 9)])
def test_what_is_derived_cannot_be_changed(hub: Hub, member: str, value: Any) -> None:
    made = toy(hub)
    with pytest.raises(Malformed, match="cannot be changed") as caught:
        hub.assets.replace(ADA, "toys", made.id, doc(**{member: value}), 1)
    assert caught.value.faults[0].pointer == f"/{member}"


def test_equal_content_makes_no_revision(hub: Hub) -> None:
    made = toy(hub, keywords=["a", "b"], wheels=[{"size": 1, "material": "wood"}, {"size": 2}])
    as_json = hub.tools.json(made)
    assert not hub.assets.replace(ADA, "toys", made.id, Document(JSON, as_json), 1).changed
    assert not hub.assets.patch(ADA, "toys", made.id, {"keywords": ["b", "a"]}, 1).changed
    same = turtle('<> a ex:Toy ; dct:title "x" ; ex:state "new" ; <http://www.w3.org/ns/dcat#keyword> "b" , "a" .')
    without = hub.assets.patch(ADA, "toys", made.id, {"wheels": None}, 1).thing
    assert not hub.assets.replace(ADA, "toys", made.id, same, without.revision).changed
    assert hub.assets.read("toys", made.id).revision == 2 and hub.tools.history.last() == 2


def test_the_owner_maintainers_and_curators_write(hub: Hub) -> None:
    made = toy(hub)
    for stranger in (BEN, NOBODY):
        with pytest.raises(Forbidden):
            hub.assets.patch(stranger, "toys", made.id, {"price": 1}, ANY)
        with pytest.raises(Forbidden):
            hub.assets.delete(stranger, "toys", made.id, ANY)
        with pytest.raises(Forbidden):
            hub.assets.try_replace(stranger, "toys", made.id, doc(), ANY)
    with pytest.raises(Forbidden, match="needs the role contributor"):
        toy(hub, READER)
    with pytest.raises(Unauthenticated):
        toy(hub, anonymous(Role.reader))
    hub.assets.patch(ADA, "toys", made.id, {"maintainers": [str(BEN.person.value)] if BEN.person else []}, ANY)
    assert hub.assets.patch(BEN, "toys", made.id, {"price": 1}, ANY).changed and hub.assets.patch(CURATOR, "toys", made.id, {"price": 2}, ANY).changed
    assert hub.assets.read("toys", made.id).values("creator") == [ADA.person]
    nobodys = toy(hub, NOBODY)
    assert hub.assets.patch(NOBODY, "toys", nobodys.id, {"price": 1}, ANY).changed
    with pytest.raises(Forbidden):
        hub.assets.patch(BEN, "toys", nobodys.id, {"price": 3}, ANY)


def test_who_is_no_maintainer_any_more_restores_nothing(hub: Hub) -> None:
    """An old revision names its maintainers; what counts is who they are now."""
    made = toy(hub, maintainers=[str(BEN.person.value)] if BEN.person else [])
    hub.assets.patch(ADA, "toys", made.id, {"maintainers": None}, ANY)
    with pytest.raises(Forbidden):
        hub.assets.restore(BEN, "toys", made.id, 1)
    hub.assets.delete(ADA, "toys", made.id, ANY)
    for revision in (None, 1, 2):
        with pytest.raises(Forbidden):
            hub.assets.restore(BEN, "toys", made.id, revision)
    assert hub.assets.restore(ADA, "toys", made.id, 1).values("maintainers") == [BEN.person]
    assert hub.assets.patch(BEN, "toys", made.id, {"price": 1}, ANY).changed


def test_a_write_says_from_which_revision_it_was_made(hub: Hub) -> None:
    made = toy(hub)
    with pytest.raises(RevisionRequired):
        hub.assets.patch(ADA, "toys", made.id, {"price": 1}, None)
    with pytest.raises(RevisionMismatch) as caught:
        hub.assets.replace(ADA, "toys", made.id, doc(price=1), 7)
    assert caught.value.members["current"] == 1
    hub.assets.delete(ADA, "toys", made.id, None)
    with pytest.raises(Gone) as gone:
        hub.assets.patch(ADA, "toys", made.id, {"price": 1}, ANY)
    tombstone = gone.value.members["tombstone"]
    assert isinstance(tombstone, dict) and tombstone["revision"] == 2 and tombstone["by"] == (ADA.person.value if ADA.person else "")


@pytest.mark.parametrize("patch", [[], "x", 5, None])
def test_a_merge_patch_is_an_object(hub: Hub, patch: Any) -> None:
    with pytest.raises(Malformed, match="RFC 7396"):
        hub.assets.patch(ADA, "toys", toy(hub).id, patch, ANY)


def test_restoring_brings_back_what_was(hub: Hub) -> None:
    made = toy(hub, price=1)
    assert hub.assets.restore(ADA, "toys", made.id).revision == 1, "what is there already makes no revision"
    hub.assets.patch(ADA, "toys", made.id, {"price": 2}, ANY)
    assert hub.assets.restore(ADA, "toys", made.id, 1).revision == 3
    assert hub.assets.restore(ADA, "toys", made.id, 1).revision == 3
    hub.assets.delete(ADA, "toys", made.id, ANY)
    with pytest.raises(Gone, match="Revision 4 is a deletion"):
        hub.assets.restore(ADA, "toys", made.id, 4)
    with pytest.raises(NotFound, match="no revision 9"):
        hub.assets.restore(ADA, "toys", made.id, 9)
    with pytest.raises(NotFound):
        hub.assets.restore(ADA, "toys", "f" * 64)
    back = hub.assets.restore(ADA, "toys", made.id, reason="sorry")
    assert back.revision == 5 and back.values("price") == made.values("price") and back.values("created") == made.values("created")
    assert hub.past.history("toys", made.id)[0]["reason"] == "sorry"


def test_restoring_keeps_what_has_to_hold(hub: Hub) -> None:
    friend = toy(hub, serial="A")
    made = toy(hub, goes_with=[friend.iri.value])
    hub.assets.delete(ADA, "toys", made.id, ANY)
    hub.assets.delete(ADA, "toys", friend.id, ANY)
    with pytest.raises(DoesNotConform):
        hub.assets.restore(ADA, "toys", made.id)
    toy(hub, serial="A")
    with pytest.raises(AlreadyExists):
        hub.assets.restore(ADA, "toys", friend.id)


def test_what_is_referred_to_stays_unless_a_curator_forces_it(hub: Hub) -> None:
    made = toy(hub)
    referring = toy(hub, BEN, friends=[made.id])
    with pytest.raises(InUse) as caught:
        hub.assets.delete(ADA, "toys", made.id, ANY)
    assert caught.value.members["referrers"] == [referring.document.value]
    with pytest.raises(Forbidden, match="needs the role curator"):
        hub.assets.delete(ADA, "toys", made.id, ANY, force=True)
    hub.assets.delete(CURATOR, "toys", made.id, ANY, force=True)
    selfish = toy(hub)
    hub.assets.patch(ADA, "toys", selfish.id, {"friends": [selfish.id]}, ANY)
    hub.assets.delete(ADA, "toys", selfish.id, ANY)


@pytest.mark.parametrize("id", ["", " ", "x", "A" * 64, "../" * 21 + "a", ">" + "a" * 63, "\x00", "é" * 64])
def test_what_is_no_id_is_not_found(hub: Hub, id: str) -> None:
    calls: list[Any] = [
        lambda: hub.assets.read("toys", id),
        lambda: hub.assets.delete(ADA, "toys", id, ANY),
        lambda: hub.assets.restore(ADA, "toys", id),
        lambda: hub.past.history("toys", id),
        lambda: hub.past.at("toys", id, 1),
        lambda: hub.past.diff("toys", id, None, None),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    with pytest.raises(NotFound, match="there are toys"):
        hub.assets.read("nothing", ID)


def test_a_write_stands_although_the_index_cannot_take_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise StoreUnavailable("The index cannot be written.")

    monkeypatch.setattr(hub.index, "apply", broken)
    made = toy(hub)
    assert hub.assets.read("toys", made.id).revision == 1
    monkeypatch.undo()
    hub.indexing.feed.catch_up()
    assert hub.searching.find("toys", {}).page.total == 1


def test_triples_say_no_more_than_the_document(hub: Hub) -> None:
    made = toy(hub)
    stored = set(hub.tools.store.graph(made.document))
    assert Triple(made.iri, DCT.title, Literal("x")) in stored and len(stored) == len(made.triples)
    assert issubclass(AlreadyExists, HubError)
