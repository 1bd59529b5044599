"""Log in with e-mail and password: slow to guess, quick to repeat, and over as soon as the account changes."""

from __future__ import annotations

import statistics
import time

import pytest
from werkzeug.security import generate_password_hash

from server.errors import TooManyRequests, Unauthenticated
from server.services.accounts import Account, Accounts
from server.services.callers import Role
from server.services.logins import Logins
from server.services.system import THROTTLE
from server.services.throttle import WINDOW_SECONDS, Throttle
from server.services.tokens import ALL_SCOPES
from server.store.base import Store
from tests.support.people import PASSWORD, create_person

HERE, ELSEWHERE = "192.0.2.1", "2001:db8::1"


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store)


@pytest.fixture
def ada(store: Store, accounts: Accounts) -> Account:
    return accounts.create("ada@example.org", PASSWORD, create_person(store, "Ada"))


@pytest.fixture
def logins(store: Store, accounts: Accounts, clock: Clock) -> Logins:
    return Logins(accounts, Throttle(store, clock=clock))


def fail(logins: Logins, email: str = "ada@example.org", address: str = HERE, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            logins.basic(email, "wrong", address)


def test_the_right_password_says_who_it_is(logins: Logins, ada: Account) -> None:
    caller = logins.basic("ADA@example.org", PASSWORD, HERE)
    assert (caller.id, caller.person, caller.role, caller.email, caller.scopes) == (ada.id, ada.person, Role.contributor, ada.email, ALL_SCOPES)
    assert not caller.anonymous


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org", "", "\0", "\ud800", "a" * 100_000])
@pytest.mark.parametrize("password", ["", "wrong", "\ud800", "x" * 100_000])
def test_everything_else_is_refused_in_the_same_words(logins: Logins, ada: Account, email: str, password: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        logins.basic(email, password, HERE)
    assert refused.value.detail == "The e-mail or the password is wrong."


def test_repeating_does_not_hash_again(logins: Logins, ada: Account) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        logins.basic(ada.email, PASSWORD, HERE)
        return time.perf_counter() - started

    first = seconds()
    assert statistics.median(seconds() for _ in range(20)) < first / 2


def test_a_changed_password_counts_at_once(logins: Logins, accounts: Accounts, ada: Account) -> None:
    logins.basic(ada.email, PASSWORD, HERE)
    accounts.change_password(ada.id, "another password")
    with pytest.raises(Unauthenticated):
        logins.basic(ada.email, PASSWORD, HERE)
    assert logins.basic(ada.email, "another password", HERE).id == ada.id


def test_a_disabled_account_is_refused_at_once_and_a_role_counts_at_once(logins: Logins, accounts: Accounts, ada: Account) -> None:
    logins.basic(ada.email, PASSWORD, HERE)
    accounts.set_role(ada.id, Role.curator)
    assert logins.basic(ada.email, PASSWORD, HERE).role is Role.curator
    accounts.disable(ada.id)
    with pytest.raises(Unauthenticated, match="disabled"):
        logins.basic(ada.email, PASSWORD, HERE)


def test_only_who_knows_the_password_learns_that_the_account_is_disabled(logins: Logins, accounts: Accounts, ada: Account) -> None:
    accounts.disable(ada.id)
    with pytest.raises(Unauthenticated, match="password is wrong"):
        logins.basic(ada.email, "wrong", HERE)


def test_an_unknown_email_takes_as_long_as_a_known_one(store: Store, accounts: Accounts, ada: Account) -> None:
    logins = Logins(accounts, Throttle(store, per_email=10**6, per_address=10**6))

    def seconds(email: str) -> float:
        started = time.perf_counter()
        fail(logins, email)
        return time.perf_counter() - started

    seconds(ada.email), seconds("nobody@example.org")
    known, unknown = (statistics.median(seconds(email) for _ in range(15)) for email in (ada.email, "nobody@example.org"))
    assert 0.5 < known / unknown < 2


def test_a_hash_of_the_cords_service_is_renewed_by_the_first_login(store: Store, logins: Logins, accounts: Accounts) -> None:
    accounts.adopt("old@example.org", generate_password_hash("password123", method="scrypt"), create_person(store, "Old"))
    caller = logins.basic("old@example.org", "password123", HERE)
    assert accounts.get(caller.id or "").password_hash.startswith("$argon2id$")
    assert logins.basic("old@example.org", "password123", HERE).id == caller.id


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_ten_failures_close_an_email_from_everywhere_until_the_window_ends(logins: Logins, ada: Account, clock: Clock, email: str) -> None:
    fail(logins, email, times=10)
    with pytest.raises(TooManyRequests) as refused:
        logins.basic(email, PASSWORD, ELSEWHERE)
    assert 0 < refused.value.retry_after <= WINDOW_SECONDS
    clock.time += refused.value.retry_after
    fail(logins, email)
    if email == ada.email:
        assert logins.basic(email, PASSWORD, HERE).id == ada.id


def test_fifty_failures_close_an_address_for_every_email(logins: Logins, ada: Account, clock: Clock) -> None:
    for number in range(50):
        fail(logins, f"{number}@example.org")
    with pytest.raises(TooManyRequests):
        logins.basic(ada.email, PASSWORD, HERE)
    assert logins.basic(ada.email, PASSWORD, ELSEWHERE).id == ada.id


def test_a_login_forgets_the_failures_of_its_email_only(store: Store, logins: Logins, ada: Account) -> None:
    fail(logins, times=9)
    logins.basic(ada.email, PASSWORD, HERE)
    fail(logins, times=9)
    assert len({triple.subject for triple in store.graph(THROTTLE)}) == 2


def test_who_was_let_in_a_moment_ago_is_not_shut_out_by_the_guesses_of_others(logins: Logins, ada: Account) -> None:
    logins.basic(ada.email, PASSWORD, HERE)
    fail(logins, times=10, address=ELSEWHERE)
    assert logins.basic(ada.email, PASSWORD, HERE).id == ada.id


def test_every_process_counts_the_same_failures(store: Store, accounts: Accounts, ada: Account) -> None:
    for _ in range(10):
        fail(Logins(accounts, Throttle(store)))
    with pytest.raises(TooManyRequests):
        Logins(accounts, Throttle(store)).basic(ada.email, PASSWORD, HERE)


def test_counters_hold_neither_email_nor_address_and_are_swept(store: Store, logins: Logins, ada: Account, clock: Clock) -> None:
    fail(logins)
    assert ada.email not in str(store.graph(THROTTLE))
    assert HERE not in str(store.graph(THROTTLE))
    throttle = Throttle(store, clock=clock)
    throttle.sweep()
    assert store.graph(THROTTLE)
    clock.time += WINDOW_SECONDS
    throttle.sweep()
    assert not store.graph(THROTTLE)
