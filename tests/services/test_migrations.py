"""The schema version: begun once, raised step by step, never lowered."""

from __future__ import annotations

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from server.graph.vocabulary import DCT
from server.services.migrations import FIRST, State, Step, current_version, migrate, set_base, state
from server.settings import SettingsError
from server.store.base import Store

Stores = tuple[Store, Store]
BASE = "http://hub.test/"


def test_a_fresh_store_begins_with_the_present_version(stores: Stores) -> None:
    kg, system = stores
    assert state(system) is None
    assert migrate(kg, system, BASE) == []
    assert state(system) == State(current_version(), BASE)
    assert migrate(kg, system, BASE) == []
    assert list(kg.dump()) == []


def test_an_old_store_takes_every_step_once(stores: Stores) -> None:
    kg, system = stores
    migrate(kg, system, BASE)

    def note(number: int) -> Step:
        quad = Quad(NamedNode(f"{BASE}{number}"), DCT.title, Literal(f"step {number}"), NamedNode(BASE))
        return Step(number, f"adds step {number}", lambda to, _: to.load([quad]))

    steps = (note(FIRST + 1), note(FIRST + 2))
    assert migrate(kg, system, BASE, steps) == list(steps)
    assert migrate(kg, system, BASE, steps) == []
    assert state(system) == State(FIRST + 2, BASE)
    assert len(list(kg.dump())) == 2


def test_a_store_of_a_newer_hub_is_refused(stores: Stores) -> None:
    kg, system = stores
    migrate(kg, system, BASE, (Step(FIRST + 1, "does nothing", lambda kg, system: None),))
    with pytest.raises(SettingsError, match="newer hub"):
        migrate(kg, system, BASE)


def test_another_base_is_refused_with_the_way_to_move(stores: Stores) -> None:
    kg, system = stores
    migrate(kg, system, BASE)
    with pytest.raises(SettingsError, match=r"HUB_BASE_IRI.*--rebase"):
        migrate(kg, system, "https://new.example/")
    set_base(system, "https://new.example/")
    assert migrate(kg, system, "https://new.example/") == []
