"""Registration: by mode, by invite, by administrators; a person and an account, both or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pyoxigraph import NamedNode

from server.errors import AlreadyExists, Forbidden, HubError, Malformed, NotFound, StoreUnavailable
from server.services.accounts import Account
from server.services.callers import SYSTEM, Caller, Role, anonymous
from server.services.identity import Identity
from server.services.registration import Registration
from server.services.system import INVITES, now
from server.store.base import Store
from tests.support.people import PASSWORD, create_person, make_identity, people

NOBODY = anonymous(Role.reader)


def register(identity: Identity, email: str = "ada@example.org", caller: Caller = NOBODY, **more: Any) -> Account:
    return identity.registration.register(caller, email, PASSWORD, "Ada", "ML Engineer", **more)


@pytest.fixture
def admin(store: Store) -> Caller:
    identity = make_identity(store)
    email, password, _ = identity.registration.ensure_administrator(identity.tokens)
    return identity.logins.basic(email, password, "192.0.2.1")


def test_open_registration_gives_a_contributor(store: Store) -> None:
    identity = make_identity(store)
    account = register(identity)
    assert account.role is Role.contributor
    assert people(store) == {account.person}
    assert identity.logins.basic("ada@example.org", PASSWORD, "192.0.2.1").person == account.person


def test_the_same_email_again_makes_no_second_person(store: Store) -> None:
    identity = make_identity(store)
    account = register(identity)
    with pytest.raises(AlreadyExists):
        register(identity, "ADA@example.org")
    assert people(store) == {account.person}


def test_sixteen_racing_leave_one_account_and_one_person(store: Store) -> None:
    identity = make_identity(store)

    def attempt(_: int) -> bool:
        try:
            register(identity)
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(attempt, range(16))).count(True) == 1
    assert people(store) == {account.person for account in identity.accounts.list()}
    assert len(people(store)) == 1


@pytest.mark.parametrize("wrong", [{"email": "ada"}, {"password": "abc"}, {"role": Role.none}])
def test_what_is_malformed_makes_no_person(store: Store, admin: Caller, wrong: dict[str, Any]) -> None:
    before = people(store)
    given = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada", **wrong}
    with pytest.raises(Malformed):
        make_identity(store).registration.register(admin, **given)
    assert people(store) == before


def test_an_account_that_fails_takes_its_person_along(store: Store) -> None:
    identity = make_identity(store)

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(identity.accounts, name)

        def create(self, *args: object, **more: object) -> Account:
            raise StoreUnavailable("The store does not answer.")

    removed: list[NamedNode] = []
    registration = Registration("open", Failing(), identity.invites, lambda name, position, parts: create_person(store, name), removed.append)
    with pytest.raises(StoreUnavailable):
        registration.register(NOBODY, "ada@example.org", PASSWORD, "Ada")
    assert set(removed) == people(store)


def test_nobody_gives_themselves_a_role(store: Store) -> None:
    identity = make_identity(store)
    with pytest.raises(Forbidden):
        register(identity, role=Role.admin)
    assert people(store) == set()


@pytest.mark.parametrize("mode", ["open", "invite", "closed"])
def test_administrators_register_in_every_mode_with_any_role(store: Store, admin: Caller, mode: str) -> None:
    identity = make_identity(store, mode)
    assert register(identity, caller=admin, role=Role.curator).role is Role.curator


def test_closed_is_closed(store: Store, admin: Caller) -> None:
    identity = make_identity(store, "closed")
    _, code = identity.invites.create(admin)
    with pytest.raises(Forbidden, match="closed"):
        register(identity, invite=code)


class TestInvites:
    @pytest.fixture
    def identity(self, store: Store) -> Identity:
        return make_identity(store, "invite")

    def test_a_code_registers_one_account(self, identity: Identity, admin: Caller) -> None:
        invite, code = identity.invites.create(admin)
        account = register(identity, invite=code)
        assert account.role is Role.contributor
        with pytest.raises(Forbidden, match="invite code"):
            register(identity, "bob@example.org", invite=code)
        [listed] = identity.invites.list(admin)
        assert (listed.id, listed.by, listed.used_by) == (invite.id, admin.id, account.id)

    @pytest.mark.parametrize("code", [None, "", "wrong", "\0", "\ud800", '" } #'])
    def test_other_codes_register_nobody(self, store: Store, identity: Identity, admin: Caller, code: str | None) -> None:
        identity.invites.create(admin)
        before = people(store)
        with pytest.raises(Forbidden):
            register(identity, invite=code)
        assert people(store) == before

    def test_racing_for_one_code_has_one_winner_and_no_orphan(self, store: Store, identity: Identity, admin: Caller) -> None:
        _, code = identity.invites.create(admin)

        def attempt(number: int) -> bool:
            try:
                register(identity, f"{number}@example.org", invite=code)
            except Forbidden:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(attempt, range(8))).count(True) == 1
        assert people(store) == {account.person for account in identity.accounts.list()}

    def test_a_failed_registration_does_not_use_the_code_up(self, identity: Identity, admin: Caller) -> None:
        _, code = identity.invites.create(admin)
        with pytest.raises(AlreadyExists):
            register(identity, admin.email, invite=code)
        assert register(identity, invite=code)

    def test_an_expired_or_withdrawn_code_registers_nobody(self, identity: Identity, admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        invite, code = identity.invites.create(admin)
        _, short = identity.invites.create(admin, now() + timedelta(minutes=1))
        identity.invites.withdraw(admin, invite.id)
        later = now() + timedelta(minutes=2)
        monkeypatch.setattr("server.services.registration.now", lambda: later)
        for spoiled in (code, short):
            with pytest.raises(Forbidden):
                register(identity, invite=spoiled)

    def test_the_store_does_not_hold_the_code(self, store: Store, identity: Identity, admin: Caller) -> None:
        _, code = identity.invites.create(admin)
        assert code not in str(store.graph(INVITES))

    @pytest.mark.parametrize("caller", [NOBODY, anonymous(Role.contributor)])
    def test_only_administrators_invite(self, identity: Identity, caller: Caller) -> None:
        for attempt in (identity.invites.create, identity.invites.list, lambda who: identity.invites.withdraw(who, "x")):
            with pytest.raises(HubError, match="admin"):
                attempt(caller)

    def test_malformed_and_unknown_invites(self, identity: Identity, admin: Caller) -> None:
        with pytest.raises(Malformed):
            identity.invites.create(admin, now())
        with pytest.raises(NotFound):
            identity.invites.withdraw(admin, "\ud800")

    def test_the_command_line_invites(self, identity: Identity) -> None:
        _, code = identity.invites.create(SYSTEM)
        assert register(identity, invite=code)


class TestFirstAdministrator:
    def test_is_made_once(self, store: Store) -> None:
        identity = make_identity(store)
        email, password, token = identity.registration.ensure_administrator(identity.tokens)
        by_password, by_token = identity.logins.basic(email, password, "192.0.2.1"), identity.tokens.authenticate(token)
        assert by_password.role is by_token.role is Role.admin
        assert by_password.person == by_token.person
        assert people(store) == {by_password.person}
        assert identity.registration.ensure_administrator(identity.tokens) is None

    def test_is_not_made_where_one_can_log_in(self, store: Store) -> None:
        identity = make_identity(store)
        register(identity, caller=SYSTEM, role=Role.admin)
        assert identity.registration.ensure_administrator(identity.tokens) is None

    def test_is_made_once_by_processes_that_start_together(self, store: Store) -> None:
        identities = [make_identity(store) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda identity: identity.registration.ensure_administrator(identity.tokens), identities))
        assert len([each for each in made if each]) == 1
        assert len(people(store)) == 1
