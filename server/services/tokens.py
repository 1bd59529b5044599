"""Tokens: log-in tokens (one an account, one hour) and API keys (named, with scopes and an expiry of choice).

A token is 256 random bits, shown once and stored as its SHA-256. Callers are cached for two seconds at most; whatever this process
changes about accounts or tokens counts at once here, and within those two seconds in other processes.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cachetools import TTLCache
from pyoxigraph import Literal, NamedNode, Triple

from server.errors import Fault, Forbidden, Malformed, NotFound, StoreFull, StoreUnavailable, Unauthenticated
from server.graph.vocabulary import DCT, HUB, RDF, RDFS
from server.services.accounts import Accounts
from server.services.callers import Caller, Role
from server.services.system import ACCOUNTS, PROLOGUE, TOKENS, digest, identifier, item, moment, now, speakable, stamp, text
from server.store.base import Row, Store
from server.store.text import fill

SCOPES = {"read": Role.reader, "write": Role.contributor, "curate": Role.curator, "admin": Role.admin}
ALL_SCOPES = frozenset(SCOPES)
LOGIN = "login"
KEY = "key"
LOGIN_LIFE = timedelta(minutes=60)
KEY_PREFIX = "hub_"  # lets secret scanners recognise a key that leaked
_CACHE_SECONDS = 2
_USE_NOTED_EVERY = timedelta(hours=1)
_SWEEP_SECONDS = 600

_INSERT = "INSERT { GRAPH $tokens { $triples } } WHERE { GRAPH $accounts { $account a foaf:OnlineAccount } }"
_END_LOGINS = """
DELETE { GRAPH $tokens { ?token ?property ?value } }
WHERE { GRAPH $tokens { ?token hub:account $account ; hub:kind "login" ; ?property ?value } } ;
"""
_SELECT = PROLOGUE + "SELECT ?token ?kind ?name ?account ?created ?expires ?used (GROUP_CONCAT(?scope) AS ?scopes) WHERE { GRAPH $tokens { "
_PATTERN = """
  ?token a hub:Token ; hub:kind ?kind ; rdfs:label ?name ; hub:account ?account ; dct:created ?created ; hub:scope ?scope .
  OPTIONAL { ?token hub:expires ?expires } OPTIONAL { ?token hub:lastUsed ?used }
} } GROUP BY ?token ?kind ?name ?account ?created ?expires ?used"""
_BY_ID = _SELECT + "?token dct:identifier $id ." + _PATTERN
_BY_DIGEST = _SELECT + "?token hub:digest $digest ." + _PATTERN
_BY_ACCOUNT = _SELECT + "?token hub:account $account ." + _PATTERN
_REMOVE = PROLOGUE + "DELETE WHERE { GRAPH $tokens { $token ?property ?value } }"
_USED = (
    PROLOGUE
    + "DELETE { GRAPH $tokens { $token hub:lastUsed ?before } } INSERT { GRAPH $tokens { $token hub:lastUsed $used } }"
    + " WHERE { GRAPH $tokens { $token a hub:Token OPTIONAL { $token hub:lastUsed ?before } } }"
)
_SWEEP = (
    PROLOGUE
    + "DELETE { GRAPH $tokens { ?token ?property ?value } }"
    + " WHERE { GRAPH $tokens { ?token hub:expires ?expires ; ?property ?value FILTER ( STR(?expires) <= $now ) } }"
)


@dataclass(frozen=True)
class Token:
    """What is known about a token besides its secret."""

    id: str
    kind: str
    name: str
    account: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None = None
    used: datetime | None = None

    @property
    def role(self) -> Role:
        """The highest role that the scopes give."""
        return max((SCOPES[scope] for scope in self.scopes), default=Role.none)


class Tokens:
    """The tokens of one system dataset."""

    def __init__(self, system: Store, accounts: Accounts, login_life: timedelta = LOGIN_LIFE) -> None:
        """Keep the tokens of these accounts in the same dataset; a log-in lasts as long as said."""
        self._login_life = login_life
        self._store = system
        self._accounts = accounts
        self._lock = threading.Lock()
        self._callers: TTLCache[tuple[str, int], tuple[Caller, datetime | None]] = TTLCache(maxsize=4096, ttl=_CACHE_SECONDS)
        self._swept = time.monotonic()

    def login(self, account_id: str) -> str:
        """Issue the account's log-in token, which ends its previous one; the secret is 43 url-safe characters."""
        secret, token = secrets.token_urlsafe(32), self._token(LOGIN, "log-in", account_id, ALL_SCOPES, now() + self._login_life)
        self._insert(token, secret, PROLOGUE + _END_LOGINS + _INSERT)
        return secret

    def create_key(self, caller: Caller, name: str, scopes: Iterable[str] | None = None, expires: datetime | None = None) -> tuple[Token, str]:
        """Make an API key for the caller's own account; return it with the secret, which cannot be read again."""
        account = caller.id if self._owner(caller) else None
        if account is None:
            raise Unauthenticated("An API key belongs to an account; log in to make one.")
        token = self._token(KEY, _checked_name(name), account, _checked_scopes(scopes, caller.role), self._checked_expiry(caller, expires))
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        self._insert(token, secret, PROLOGUE + _INSERT)
        return token, secret

    def grant_key(self, account_id: str, name: str) -> str:
        """Make an API key with every scope and no expiry, without a caller (first start, command line)."""
        secret, token = KEY_PREFIX + secrets.token_urlsafe(32), self._token(KEY, _checked_name(name), account_id, ALL_SCOPES, None)
        self._insert(token, secret, PROLOGUE + _INSERT)
        return secret

    def authenticate(self, secret: str) -> Caller:
        """Return whose token this is, with the role that account and scopes allow; raise `Unauthenticated` for any other."""
        hashed = digest(secret)
        key = (hashed.value, self._accounts.generation)
        with self._lock:
            caller, expires = self._callers.get(key, (None, None))
        if caller is None:
            caller, expires = self._read(hashed)
            with self._lock:
                self._callers[key] = (caller, expires)
        if expires and expires <= now():
            raise Unauthenticated("The token has expired; get another.")
        return caller

    def list(self, account_id: str) -> list[Token]:
        """List an account's tokens that are still good, newest first."""
        rows = self._store.select(fill(_BY_ACCOUNT, tokens=TOKENS, account=item(ACCOUNTS, account_id)))
        tokens = (_token(row) for row in rows)
        return sorted((token for token in tokens if not _expired(token)), key=lambda token: token.created, reverse=True)

    def get(self, caller: Caller, token_id: str) -> Token:
        """Read one of the caller's tokens (administrators: anybody's); raise `NotFound` for all others."""
        token = self._find(fill(_BY_ID, tokens=TOKENS, id=Literal(token_id))) if speakable(token_id) else None
        if token is None or _expired(token) or not (token.account == caller.id or caller.role >= Role.admin):
            raise NotFound("There is no such token.")
        return token

    def revoke(self, caller: Caller, token_id: str) -> Token:
        """End a token at once; the same tokens as `get` reads."""
        token = self.get(caller, token_id)
        self._store.update(fill(_REMOVE, tokens=TOKENS, token=item(TOKENS, token.id)))
        self._accounts.touch()
        return token

    def sweep(self) -> None:
        """Remove the tokens that have expired."""
        self._store.update(fill(_SWEEP, tokens=TOKENS, now=Literal(text(now()))))
        self._swept = time.monotonic()

    def _read(self, hashed: Literal) -> tuple[Caller, datetime | None]:
        token = self._find(fill(_BY_DIGEST, tokens=TOKENS, digest=hashed))
        account = self._accounts.find(token.account) if token else None
        if token is None or account is None:
            raise Unauthenticated("The token is wrong or was revoked; get another.")
        if account.disabled:
            raise Unauthenticated("This account is disabled; ask an administrator.")
        if not _expired(token):
            self._note_use(token)
        role = min(account.role, token.role)
        return Caller(account.id, account.person, role, account.email, token.scopes, token=token.id), token.expires

    def _note_use(self, token: Token) -> None:
        if token.used and now() - token.used < _USE_NOTED_EVERY:
            return
        with suppress(StoreFull, StoreUnavailable):  # reading goes on where nothing can be written
            self._store.update(fill(_USED, tokens=TOKENS, token=item(TOKENS, token.id), used=stamp(now().replace(microsecond=0))))

    def _insert(self, token: Token, secret: str, template: str) -> None:
        account = item(ACCOUNTS, token.account)
        self._store.update(fill(template, tokens=TOKENS, accounts=ACCOUNTS, account=account, triples=_triples(token, secret)))
        self._accounts.touch()
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self.sweep()

    def _token(self, kind: str, name: str, account_id: str, scopes: frozenset[str], expires: datetime | None) -> Token:
        return Token(secrets.token_hex(16), kind, name, account_id, scopes, now(), expires)

    def _owner(self, caller: Caller) -> bool:
        return caller.id is not None and self._accounts.find(caller.id) is not None

    def _checked_expiry(self, caller: Caller, expires: datetime | None) -> datetime | None:
        """Keep a key from outliving the key that made it: a leaked one must not buy itself more time."""
        if expires and expires <= now():
            raise Malformed("The key would have expired already.", faults=[Fault("/expires", "must be in the future")])
        maker = self.get(caller, caller.token) if caller.token else None
        if maker is None or maker.kind == LOGIN or maker.expires is None:
            return expires
        if expires and expires > maker.expires:
            raise Forbidden(f"A key made with a key cannot outlive it ({text(maker.expires)}); log in with your password to make this one.")
        return expires or maker.expires

    def _find(self, query: str) -> Token | None:
        rows = [row for row in self._store.select(query) if "token" in row]
        return _token(rows[0]) if rows else None


def _checked_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= 200 or not speakable(name):
        raise Malformed("A key needs a name of 1 to 200 printable characters.", faults=[Fault("/name", "must have 1 to 200 printable characters")])
    return name.strip()


def _checked_scopes(scopes: Iterable[str] | None, role: Role) -> frozenset[str]:
    """Check the scopes asked for against the role of who asks; without any, give all that the role covers."""
    if scopes is None:
        return frozenset(scope for scope, least in SCOPES.items() if least <= role)
    chosen = frozenset(scopes)
    if not chosen or not chosen <= ALL_SCOPES:
        raise Malformed(f"Scopes are {', '.join(SCOPES)}.", faults=[Fault("/scopes", f"must be one or more of {', '.join(SCOPES)}")])
    if above := sorted(scope for scope in chosen if SCOPES[scope] > role):
        raise Forbidden(f"Your role {role.name} does not cover the scope {', '.join(above)}.")
    return chosen


def _expired(token: Token) -> bool:
    return token.expires is not None and token.expires <= now()


def _triples(token: Token, secret: str) -> list[Triple]:
    node = item(TOKENS, token.id)
    described: list[tuple[NamedNode, NamedNode | Literal]] = [
        (RDF.type, HUB.Token),
        (DCT.identifier, Literal(token.id)),
        (HUB.kind, Literal(token.kind)),
        (HUB.digest, digest(secret)),
        (RDFS.label, Literal(token.name)),
        (HUB.account, item(ACCOUNTS, token.account)),
        (DCT.created, stamp(token.created)),
        *((HUB.scope, Literal(scope)) for scope in sorted(token.scopes)),
        *([(HUB.expires, stamp(token.expires))] if token.expires else []),
    ]
    return [Triple(node, path, value) for path, value in described]


def _token(row: Row) -> Token:
    return Token(
        id=identifier(row["token"]),
        kind=row["kind"].value,
        name=row["name"].value,
        account=identifier(row["account"]),
        scopes=frozenset(row["scopes"].value.split()),
        created=moment(row["created"]),
        expires=moment(row["expires"]) if "expires" in row else None,
        used=moment(row["used"]) if "used" in row else None,
    )
