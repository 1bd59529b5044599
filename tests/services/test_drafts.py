"""From a posted document to what is written: names, the one thing described, references, dry runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyoxigraph import Literal, NamedNode

from server.errors import AlreadyExists, DoesNotConform, Malformed, TooLarge
from server.graph.bounds import MOST_STATEMENTS
from server.graph.vocabulary import DCT
from server.hub import Hub
from server.services.assets import ANY, Conforms
from server.services.callers import Caller
from server.services.drafts import JSON, Document
from server.services.things import Thing
from server.store.base import Store
from tests.services.conftest import ADA, BEN, NOBODY, doc, toy, turtle
from tests.support.hubs import wired

EX = "http://toys.example/ns#"
ID = "a" * 64


def test_ids_can_be_chosen_and_are_free_again_after_a_deletion(hub: Hub) -> None:
    made = toy(hub, id=ID)
    assert made.id == ID and made.iri.value == f"http://hub.test/id/toys/{ID}"
    for again in ({"id": ID}, {"iri": made.iri.value}, {"id": ID, "iri": made.iri.value}):
        with pytest.raises(AlreadyExists):
            toy(hub, BEN, **again)
    hub.assets.delete(ADA, "toys", ID, ANY)
    assert toy(hub, BEN, id=ID).revision == 3
    for bad in (
        {"id": "A" * 64},
        {"id": 5},
        {"id": ""},
        {"iri": "http://else.example/x"},
        {"iri": "http://hub.test/id/others/" + ID},
        {"iri": 5},
        {"id": ID, "iri": "x"},
    ):
        with pytest.raises(Malformed):
            toy(hub, **bad)


def test_graphs_describe_one_thing(hub: Hub) -> None:
    named = hub.assets.create(ADA, "toys", turtle(f'<http://hub.test/id/toys/{ID}> a ex:Toy ; dct:title "x" ; ex:has [ a ex:Wheel ; ex:size 1e0 ] .'))
    assert named.id == ID and hub.tools.json(named)["wheels"][0]["iri"].startswith(named.iri.value + "/part/")
    bodies = {
        'ex:it a ex:Toy ; dct:title "x" .': "use a blank node",
        f'<> a ex:Toy ; dct:title "x" . <http://hub.test/id/toys/{ID}> dct:title "y" .': "describes http://hub.test/id/toys",
        '<> a ex:Toy ; dct:title "x" . <http://hub.test/id/materials/wood> ex:own 1 .': "shared by all",
        '<> a ex:Toy ; dct:title "x" . <#lost> ex:own 1 .': "connect them",
        '<> a ex:Wheel .': "exactly one toy",
        '<> a ex:Toy ; dct:title "x" ; ex:own <http://x.example/../y> .': "path segment",
    }  # fmt: skip
    for body, message in bodies.items():
        with pytest.raises(DoesNotConform, match=message):
            hub.assets.create(ADA, "toys", turtle(body))
    with pytest.raises(Malformed, match="this is"):
        hub.assets.replace(ADA, "toys", ID, turtle(f'<http://hub.test/id/toys/{"b" * 64}> a ex:Toy ; dct:title "x" .'), ANY)
    assert hub.assets.replace(ADA, "toys", ID, turtle('[] a ex:Toy ; dct:title "y" .'), ANY).thing.values("title") == [Literal("y")]


def test_a_type_of_another_kind_does_not_mislead_references(hub: Hub) -> None:
    """Only a thing's own document says what it is; and it may say more than one thing."""
    odd = toy(hub, type=[EX + "Toy", "foaf:Person"])
    assert toy(hub, goes_with=[odd.id]).values("goes_with") == [odd.iri]
    part = NamedNode(f"{odd.iri.value}/part/1")
    hub.assets.patch(
        ADA,
        "toys",
        odd.id,
        {EX + "own": {"@id": part.value}, "@included": [{"iri": part.value, "type": [EX + "Toy"], str(DCT.title.value): "y"}]},
        ANY,
    )
    with pytest.raises(DoesNotConform):
        toy(hub, goes_with=[part.value])


def test_a_dry_run_tells_what_a_write_would(hub: Hub) -> None:
    made = toy(hub)
    assert isinstance(hub.assets.try_create(ADA, "toys", doc()), Conforms) and hub.assets.try_create(ADA, "toys", doc()).warnings
    for bad, error in ((doc(price=-1), DoesNotConform), (doc(goes_with=["f" * 64]), DoesNotConform), (doc(titel="x"), Malformed)):
        with pytest.raises(error):
            hub.assets.try_create(ADA, "toys", bad)
        with pytest.raises(error):
            hub.assets.try_replace(ADA, "toys", made.id, bad, 1)
    assert hub.tools.history.last() == 1


def test_things_of_outsiders_keep_their_iri(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path) as hub:
        iri = "https://connector.example/self?x=$log"

        def connector(by: Caller = NOBODY, **members: Any) -> Thing:
            return hub.assets.create(by, "connectors", Document(JSON, {"title": "c", "iri": iri, "url": "https://connector.example/data", **members}))

        made = connector()
        assert made.iri.value == iri and hub.assets.read("connectors", made.id).iri.value == iri
        with pytest.raises(AlreadyExists):
            connector()
        for bad, error in (("http://hub.test/id/connectors/x", Malformed), ("no iri", DoesNotConform), (None, DoesNotConform)):
            with pytest.raises(error):
                connector(iri=bad)
        hub.assets.delete(NOBODY, "connectors", made.id, ANY)
        assert hub.assets.restore(NOBODY, "connectors", made.id).iri.value == iri
        assert hub.past.at("connectors", made.id, 1).iri.value == iri


def test_defaults_are_stated_whatever_the_document_is_written_in(hub: Hub) -> None:
    made = hub.assets.create(ADA, "toys", turtle('<> a ex:Toy ; dct:title "x" .'))
    assert made.values("state") == [Literal("new")] == toy(hub).values("state")
    used = hub.assets.create(ADA, "toys", turtle('<> a ex:Toy ; dct:title "x" ; ex:state "used" .'))
    assert used.values("state") == [Literal("used")]
    assert not hub.assets.replace(ADA, "toys", made.id, Document(JSON, hub.tools.json(made)), ANY).changed


def test_a_graph_has_an_end_too(hub: Hub) -> None:
    many = " , ".join(str(number) for number in range(MOST_STATEMENTS))
    for write in (lambda each: hub.assets.create(ADA, "toys", each), lambda each: hub.validating.judge(each, None)):
        with pytest.raises(TooLarge):
            write(turtle(f'<> a ex:Toy ; dct:title "x" ; ex:own {many} .'))
    assert hub.tools.history.last() == 0
