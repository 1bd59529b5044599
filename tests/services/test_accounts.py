"""Accounts: one an e-mail, never without an administrator, and no trace of them outside the system dataset."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from pyoxigraph import NamedNode

from server.errors import AlreadyExists, Forbidden, HubError, Malformed, NotFound
from server.services.accounts import Accounts
from server.services.callers import Role
from server.services.passwords import verify_password
from server.store.base import Store
from tests.support.people import PASSWORD


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store)


def person(number: int) -> NamedNode:
    return NamedNode(f"http://hub.test/id/people/{number:064x}")


def test_simple_flow(accounts: Accounts) -> None:
    created = accounts.create("Ada@Example.org", PASSWORD, person(1))
    assert created.id == f"{1:064x}"
    assert (created.email, created.role, created.disabled) == ("ada@example.org", Role.contributor, False)
    assert accounts.find(created.id) == accounts.by_email(" ADA@example.org ") == created
    assert accounts.set_role(created.id, Role.curator).role is Role.curator
    accounts.change_password(created.id, "another password")
    assert verify_password(accounts.get(created.id).password_hash, "another password")
    assert accounts.disable(created.id).disabled
    assert not accounts.enable(created.id).disabled
    accounts.delete(created.id)
    assert accounts.find(created.id) is None
    accounts.create("ada@example.org", PASSWORD, person(1))


def test_accounts_are_listed_by_email(accounts: Accounts) -> None:
    for number, name in enumerate(["carol", "ada", "bob"]):
        accounts.create(f"{name}@example.org", PASSWORD, person(number))
    assert [account.email for account in accounts.list()] == ["ada@example.org", "bob@example.org", "carol@example.org"]


def test_an_account_never_shows_its_hash(accounts: Accounts) -> None:
    assert "argon2" not in repr(accounts.create("ada@example.org", PASSWORD, person(1)))


@pytest.mark.parametrize("email", ["ada@example.org", "ADA@EXAMPLE.ORG", " Ada@example.org\n"])
def test_an_email_has_one_account_however_it_is_written(accounts: Accounts, email: str) -> None:
    accounts.create("ada@example.org", PASSWORD, person(1))
    with pytest.raises(AlreadyExists) as refused:
        accounts.create(email, PASSWORD, person(2))
    assert refused.value.faults[0].pointer == "/email"
    assert len(accounts.list()) == 1


def test_a_person_has_one_account(accounts: Accounts) -> None:
    accounts.create("ada@example.org", PASSWORD, person(1))
    with pytest.raises(AlreadyExists, match="person"):
        accounts.create("other@example.org", PASSWORD, person(1))


def test_sixteen_racing_for_one_email_have_one_winner(accounts: Accounts) -> None:
    def attempt(number: int) -> bool:
        try:
            accounts.create("race@example.org", PASSWORD, person(number))
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        wins = list(pool.map(attempt, range(16)))
    assert wins.count(True) == 1
    assert [account.id for account in accounts.list()] == [f"{wins.index(True):064x}"]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "a b@example.org",
        "a@b@c",
        "[email protected]",
        "a@b\0c",
        "<a@b.c>",
        'a"@b.c',
        "a" * 65 + "@b.c",
        "\ud800@b.c",
    ],
)
def test_what_is_no_email_is_refused(accounts: Accounts, email: str) -> None:
    with pytest.raises(Malformed):
        accounts.create(email, PASSWORD, person(1))
    assert accounts.by_email(email) is None


@pytest.mark.parametrize("password", ["", "abc", "x" * 1025])
def test_passwords_have_a_length(accounts: Accounts, password: str) -> None:
    with pytest.raises(Malformed, match="4 to 1024"):
        accounts.create("ada@example.org", password, person(1))


@pytest.mark.parametrize("hostile", ["'}#@b.c", "a$email@b.c", "a{}|^`@b.c", "a?x@b.c", "\u202eada@b.c", "ädä@exämple.org"])
def test_hostile_emails_are_only_emails(accounts: Accounts, hostile: str) -> None:
    account = accounts.create(hostile, PASSWORD, person(1))
    assert accounts.by_email(hostile) == account
    assert len(accounts.list()) == 1


@pytest.mark.parametrize("account_id", ["", "x", "a b", "> . ?s ?p ?o", "\0", "../tokens/x", "\ud800"])
def test_unknown_ids_are_not_found(accounts: Accounts, account_id: str) -> None:
    accounts.create("ada@example.org", PASSWORD, person(1), Role.admin)
    for change in (accounts.disable, accounts.enable, accounts.delete, lambda unknown: accounts.set_role(unknown, Role.reader)):
        with pytest.raises(NotFound):
            change(account_id)
    assert len(accounts.list()) == 1


def test_nobody_is_given_the_role_none(accounts: Accounts) -> None:
    with pytest.raises(Malformed):
        accounts.create("ada@example.org", PASSWORD, person(1), Role.none)


def test_the_last_administrator_stays(accounts: Accounts) -> None:
    admin = accounts.create("admin@example.org", PASSWORD, person(1), Role.admin)
    other = accounts.create("other@example.org", PASSWORD, person(2), Role.admin)
    accounts.disable(other.id)
    for attempt in (accounts.disable, accounts.delete, lambda last: accounts.set_role(last, Role.curator)):
        with pytest.raises(Forbidden, match="last administrator"):
            attempt(admin.id)
    assert accounts.get(admin.id) == admin
    accounts.delete(other.id)
    assert accounts.set_role(admin.id, Role.admin) == admin


def test_two_administrators_who_end_each_other_leave_one(accounts: Accounts) -> None:
    both = [accounts.create(f"{number}@example.org", PASSWORD, person(number), Role.admin).id for number in range(2)]

    def attempt(change: Callable[[str], object], account_id: str) -> None:
        with suppress(HubError):
            change(account_id)

    changes = [accounts.disable, lambda account_id: accounts.set_role(account_id, Role.reader)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(attempt, changes, both))
    assert accounts.has_admin()
    assert sum(account.role is Role.admin and not account.disabled for account in accounts.list()) == 1


def test_a_hash_is_renewed_only_if_the_password_was_not_changed_meanwhile(accounts: Accounts) -> None:
    before = accounts.create("ada@example.org", PASSWORD, person(1))
    accounts.change_password(before.id, "another password")
    accounts.renew_hash(before, PASSWORD)
    assert verify_password(accounts.get(before.id).password_hash, "another password")
    assert len(accounts.list()) == 1
