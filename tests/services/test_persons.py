"""The person of an account is a thing like others; and where people are no kind, accounts work all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import AlreadyExists, Gone
from server.services.callers import SYSTEM, Role
from server.services.persons import Persons
from server.store.base import Store
from tests.support.hubs import wired
from tests.support.people import PASSWORD


def test_registration_stores_a_person_who_can_be_found(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path) as hub:
        account = hub.identity.registration.register(SYSTEM, "ada@example.org", PASSWORD, "Ada", "ML Engineer")
        person = hub.assets.read("people", account.id)
        assert person.iri == account.person
        described = hub.tools.json(person)
        assert (described["title"], described["position"], described["revision"]) == ("Ada", "ML Engineer", 1)


def test_a_person_whose_account_is_refused_is_gone(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path) as hub:
        registration = hub.identity.registration
        registration.register(SYSTEM, "ada@example.org", PASSWORD, "Ada")
        second = hub.identity.accounts.create("bob@example.org", PASSWORD, Persons(hub.assets).create("Bob")).person
        late = Persons(hub.assets).create("Late")
        with pytest.raises(AlreadyExists):
            registration.attach(late, "ada@example.org", PASSWORD, Role.reader)
        with pytest.raises(Gone):
            hub.assets.read("people", late.value.rpartition("/")[2])
        assert hub.assets.read("people", second.value.rpartition("/")[2])


def test_where_no_kind_is_people_the_first_administrator_can_log_in(stores: tuple[Store, Store], tmp_path: Path) -> None:
    no_shapes = tmp_path / "no-shapes"
    no_shapes.mkdir()
    with wired(stores, tmp_path, shapes=(no_shapes,)) as hub:
        made = hub.identity.registration.ensure_administrator(hub.identity.tokens)
        assert made is not None
        caller = hub.identity.tokens.authenticate(made[2])
        assert caller.role is Role.admin
        assert caller.person is not None and caller.person.value.startswith("http://hub.test/id/people/")
        with pytest.raises(AlreadyExists):
            hub.identity.registration.attach(Persons(hub.assets).create("Late"), made[0], PASSWORD, Role.reader)
