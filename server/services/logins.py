"""Log in with e-mail and password.

Hashing costs 29 ms by intent, so credentials that were right a moment ago are remembered for a while: as an HMAC under a key that
only this process has, next to the hash they were verified against. The account itself is read from the store on every request, so
a changed password or a disabled account ends it at once in every process.
"""

from __future__ import annotations

import hmac
import secrets
import threading

from cachetools import TTLCache

from server.errors import Unauthenticated
from server.services.accounts import MOST_PASSWORD, Account, Accounts
from server.services.callers import Caller
from server.services.passwords import hash_password, needs_rehash, verify_password
from server.services.throttle import Throttle
from server.services.tokens import ALL_SCOPES

_REMEMBER_SECONDS = 300
_WRONG = "The e-mail or the password is wrong."


class Logins:
    """Verifies e-mail and password."""

    def __init__(self, accounts: Accounts, throttle: Throttle) -> None:
        """Verify against these accounts, as often as the throttle allows."""
        self._accounts = accounts
        self._throttle = throttle
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._verified: TTLCache[bytes, str] = TTLCache(maxsize=4096, ttl=_REMEMBER_SECONDS)
        self._nobody = hash_password(secrets.token_urlsafe())  # verified against for unknown e-mails, so that they take as long

    def basic(self, email: str, password: str, address: str) -> Caller:
        """Return who this is; raise `Unauthenticated`, or `TooManyRequests` after too many failures from there or for this e-mail."""
        account = self._accounts.by_email(email)
        mark = self._mark(email, password)
        if not self._remembered(account, mark):
            account = self._verify(account, email, password, address)
            self._remember(account, mark)
        if account is None or account.disabled:
            raise Unauthenticated("This account is disabled; ask an administrator.")
        return Caller(id=account.id, person=account.person, role=account.role, email=account.email, scopes=ALL_SCOPES)

    def _verify(self, account: Account | None, email: str, password: str, address: str) -> Account:
        key = account.email if account else email.strip().lower()
        self._throttle.check(key, address)
        stored = account.password_hash if account else self._nobody
        if len(password) > MOST_PASSWORD or not verify_password(stored, password) or account is None:
            self._throttle.failed(key, address)
            raise Unauthenticated(_WRONG)
        self._throttle.succeeded(key)
        if needs_rehash(account.password_hash):
            self._accounts.renew_hash(account, password)
            return self._accounts.get(account.id)
        return account

    def _mark(self, email: str, password: str) -> bytes:
        # The lengths cannot be confused: an e-mail with a NUL has no account.
        return hmac.digest(self._key, f"{email}\0{password}".encode("utf-8", "surrogatepass"), "sha256")

    def _remembered(self, account: Account | None, mark: bytes) -> bool:
        with self._lock:
            return account is not None and self._verified.get(mark) == account.password_hash

    def _remember(self, account: Account, mark: bytes) -> None:
        with self._lock:
            self._verified[mark] = account.password_hash
