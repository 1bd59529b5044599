"""Tokens: shown once, known by their hash, limited by scopes and time, ended at once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from server.errors import Forbidden, Malformed, NotFound, Unauthenticated
from server.services.callers import SYSTEM, Caller, Role, anonymous
from server.services.identity import Identity
from server.services.system import TOKENS, now
from server.services.tokens import ALL_SCOPES, SCOPES, Tokens
from server.store.base import Store
from tests.support.people import PASSWORD, create_person, make_identity


@pytest.fixture
def identity(store: Store) -> Identity:
    return make_identity(store)


@pytest.fixture
def tokens(identity: Identity) -> Tokens:
    return identity.tokens


@pytest.fixture
def ada(store: Store, identity: Identity) -> Caller:
    identity.accounts.create("ada@example.org", PASSWORD, create_person(store, "Ada"), Role.curator)
    return identity.logins.basic("ada@example.org", PASSWORD, "192.0.2.1")


@pytest.fixture
def admin(store: Store, identity: Identity) -> Caller:
    identity.accounts.create("admin@example.org", PASSWORD, create_person(store, "Admin"), Role.admin)
    return identity.logins.basic("admin@example.org", PASSWORD, "192.0.2.1")


def test_simple_flow(tokens: Tokens, ada: Caller) -> None:
    token, secret = tokens.create_key(ada, "notebook", ["read"], now() + timedelta(days=1))
    caller = tokens.authenticate(secret)
    assert (caller.id, caller.person, caller.email, caller.role, caller.token) == (ada.id, ada.person, ada.email, Role.reader, token.id)
    [listed] = tokens.list(ada.id)
    assert (listed.id, listed.name, listed.scopes, listed.expires) == (token.id, "notebook", {"read"}, token.expires)
    assert listed.used is not None
    tokens.revoke(ada, token.id)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret)
    assert tokens.list(ada.id) == []


def test_the_log_in_token_is_43_url_safe_characters_for_an_hour(tokens: Tokens, ada: Caller) -> None:
    secret = tokens.login(ada.id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret)
    [token] = tokens.list(ada.id)
    assert token.expires - token.created == pytest.approx(timedelta(minutes=60), abs=timedelta(seconds=1))
    assert tokens.authenticate(secret).role is Role.curator


def test_a_new_log_in_ends_the_previous_one_and_no_key(tokens: Tokens, ada: Caller) -> None:
    _, key = tokens.create_key(ada, "key")
    first, second = tokens.login(ada.id), tokens.login(ada.id)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(first)
    assert tokens.authenticate(second).id == tokens.authenticate(key).id == ada.id


def test_log_ins_of_others_stay(tokens: Tokens, ada: Caller, admin: Caller) -> None:
    secret = tokens.login(admin.id)
    tokens.login(ada.id)
    assert tokens.authenticate(secret).id == admin.id


def test_tokens_outlive_a_restart(store: Store, tokens: Tokens, ada: Caller) -> None:
    login, (_, key) = tokens.login(ada.id), tokens.create_key(ada, "key")
    restarted = make_identity(store).tokens
    assert restarted.authenticate(login).id == restarted.authenticate(key).id == ada.id


def test_the_store_never_holds_a_secret(store: Store, tokens: Tokens, ada: Caller) -> None:
    secrets = [tokens.login(ada.id), tokens.create_key(ada, "key")[1]]
    held = str(list(store.dump()))
    assert all(secret not in held and secret.removeprefix("hub_") not in held for secret in [*secrets, PASSWORD])


@pytest.mark.parametrize("secret", ["", "x", "hub_", "\0", "\ud800", "'} #", "x" * 100_000])
def test_other_tokens_are_refused(tokens: Tokens, ada: Caller, secret: str) -> None:
    tokens.login(ada.id)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret)


def test_a_scope_never_gives_more_than_the_role(identity: Identity, tokens: Tokens, ada: Caller, admin: Caller) -> None:
    identity.accounts.set_role(ada.id or "", Role.admin)
    caller = identity.logins.basic(ada.email or "", PASSWORD, "192.0.2.1")
    keys = {scope: tokens.create_key(caller, scope, [scope])[1] for scope in SCOPES}
    for role in (Role.reader, Role.contributor, Role.curator, Role.admin):
        identity.accounts.set_role(ada.id or "", role)
        assert {scope: tokens.authenticate(key).role for scope, key in keys.items()} == {scope: min(role, least) for scope, least in SCOPES.items()}


def test_without_scopes_a_key_may_do_what_its_maker_may(tokens: Tokens, ada: Caller, admin: Caller) -> None:
    assert tokens.create_key(ada, "key")[0].scopes == {"read", "write", "curate"}
    assert tokens.create_key(admin, "key")[0].scopes == ALL_SCOPES


def test_nobody_hands_out_more_than_they_have(tokens: Tokens, ada: Caller) -> None:
    with pytest.raises(Forbidden, match="admin"):
        tokens.create_key(ada, "key", ["read", "admin"])
    _, weak = tokens.create_key(ada, "weak", ["read"])
    with pytest.raises(Forbidden, match="write"):
        tokens.create_key(tokens.authenticate(weak), "stronger", ["write"])


def test_a_key_made_with_a_key_does_not_outlive_it(tokens: Tokens, ada: Caller) -> None:
    until = now() + timedelta(hours=1)
    _, secret = tokens.create_key(ada, "short", None, until)
    caller = tokens.authenticate(secret)
    assert tokens.create_key(caller, "as long")[0].expires == until
    with pytest.raises(Forbidden, match="outlive"):
        tokens.create_key(caller, "longer", None, until + timedelta(seconds=1))
    assert tokens.create_key(tokens.authenticate(tokens.login(ada.id)), "by log-in")[0].expires is None


@pytest.mark.parametrize(
    ("name", "scopes"), [("", None), (" ", None), ("a\nb", None), ("x" * 201, None), ("k", []), ("k", ["root"]), ("k", ["read", "READ"])]
)
def test_malformed_keys_are_refused(tokens: Tokens, ada: Caller, name: str, scopes: list[str] | None) -> None:
    with pytest.raises(Malformed) as refused:
        tokens.create_key(ada, name, scopes)
    assert refused.value.faults[0].pointer in ("/name", "/scopes")
    assert tokens.list(ada.id) == []


def test_a_key_cannot_have_expired_before_it_is_made(tokens: Tokens, ada: Caller) -> None:
    with pytest.raises(Malformed, match="expired already"):
        tokens.create_key(ada, "key", None, now())


@pytest.mark.parametrize("caller", [anonymous(Role.contributor), SYSTEM])
def test_who_has_no_account_has_no_keys(tokens: Tokens, caller: Caller) -> None:
    with pytest.raises(Unauthenticated):
        tokens.create_key(caller, "key")


def test_an_expired_token_is_refused_unseen_and_swept(store: Store, identity: Identity, ada: Caller) -> None:
    short = make_identity(store).tokens
    short._login_life = timedelta(seconds=-1)
    secret = short.login(ada.id)
    with pytest.raises(Unauthenticated, match="expired"):
        short.authenticate(secret)
    assert short.list(ada.id) == []
    _, key = short.create_key(ada, "stays")
    short.sweep()
    assert short.authenticate(key).id == ada.id
    assert "log-in" not in str(store.graph(TOKENS))


def test_only_the_owner_and_administrators_reach_a_token(tokens: Tokens, ada: Caller, admin: Caller) -> None:
    token, secret = tokens.create_key(admin, "key")
    with pytest.raises(NotFound):
        tokens.revoke(ada, token.id)
    assert tokens.authenticate(secret).id == admin.id
    mine, _ = tokens.create_key(ada, "key")
    assert tokens.get(admin, mine.id).account == ada.id
    tokens.revoke(admin, mine.id)
    assert tokens.list(ada.id) == []


@pytest.mark.parametrize("token_id", ["", "x", "\0", "> ?p ?o", "\ud800"])
def test_unknown_ids_are_not_found(tokens: Tokens, admin: Caller, token_id: str) -> None:
    with pytest.raises(NotFound):
        tokens.revoke(admin, token_id)


@pytest.mark.parametrize("change", ["disable", "delete", "role", "password"])
def test_changes_to_the_account_count_at_once(identity: Identity, tokens: Tokens, ada: Caller, admin: Caller, change: str) -> None:
    secret = tokens.login(ada.id)
    assert tokens.authenticate(secret).role is Role.curator
    if change == "role":
        identity.accounts.set_role(ada.id, Role.reader)
        assert tokens.authenticate(secret).role is Role.reader
        return
    changes = {
        "disable": identity.accounts.disable,
        "delete": identity.accounts.delete,
        "password": lambda account_id: identity.accounts.change_password(account_id, "another password"),
    }
    changes[change](ada.id)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret)


def test_a_deleted_account_leaves_no_token(store: Store, identity: Identity, tokens: Tokens, ada: Caller) -> None:
    tokens.login(ada.id)
    tokens.create_key(ada, "key")
    identity.accounts.delete(ada.id)
    assert store.graph(TOKENS) == []


def test_a_changed_password_ends_log_ins_and_keeps_keys(identity: Identity, tokens: Tokens, ada: Caller) -> None:
    _, key = tokens.create_key(ada, "key")
    identity.accounts.change_password(ada.id, "another password")
    assert tokens.authenticate(key).id == ada.id


def test_another_process_revokes_within_two_seconds(store: Store, tokens: Tokens, ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    token, secret = tokens.create_key(ada, "key")
    tokens.authenticate(secret)
    make_identity(store).tokens.revoke(ada, token.id)
    assert tokens._callers.ttl <= 2
    tokens._callers.expire(tokens._callers.timer() + 2)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret)


def test_use_is_noted_once_an_hour(store: Store, tokens: Tokens, ada: Caller, identity: Identity) -> None:
    token, secret = tokens.create_key(ada, "key")
    tokens.authenticate(secret)
    before = tokens.get(ada, token.id).used
    identity.accounts.touch()
    tokens.authenticate(secret)
    assert tokens.get(ada, token.id).used == before
