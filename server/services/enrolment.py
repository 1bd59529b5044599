"""What administrators do with accounts through the collection of people: `email`, `password` and `role` are no members of a
person, but they may be sent along with one. The e-mail and the password never reach the knowledge graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyoxigraph import NamedNode

from server.errors import Fault, InUse, Malformed
from server.services.accounts import Account, Accounts, check_password
from server.services.callers import Caller, Role
from server.services.persons import COLLECTION
from server.services.registration import Registration

LEAST_PASSWORD = 8
_MEMBERS = ("email", "password", "role")

Opening = Callable[[NamedNode], Account]
"""Opens the account of a person that was just created; without an account the person goes again."""


class Enrolment:
    """Opens, changes and protects accounts where people are created, patched and deleted."""

    def __init__(self, accounts: Accounts, registration: Registration) -> None:
        """Work on these accounts."""
        self._accounts = accounts
        self._registration = registration

    def opening(self, caller: Caller, collection: str, members: Any) -> Opening | None:
        """Take the account's members out of a new person; return how to open the account once the person exists, or None without any."""
        if collection != COLLECTION or not isinstance(members, dict) or not any(name in members for name in _MEMBERS):
            return None
        caller.require(Role.admin)
        given = {name: members.pop(name) for name in _MEMBERS if name in members}
        if faults := [Fault(f"/{name}", "must be a string") for name in ("email", "password") if not isinstance(given.get(name), str)]:
            raise Malformed("An account needs an e-mail and a password.", faults=faults)
        role = _role(given["role"]) if "role" in given else Role.contributor
        check_password(given["password"], LEAST_PASSWORD)
        email = self._registration.check(given["email"], given["password"], role)
        return lambda person: self._registration.attach(person, email, given["password"], role)

    def give_role(self, caller: Caller, collection: str, id: str, members: Any) -> bool:
        """Take `role` out of a patch of a person and give it to their account; tell whether there was one."""
        if collection != COLLECTION or not isinstance(members, dict) or "role" not in members:
            return False
        caller.require(Role.admin)
        self._accounts.set_role(id, _role(members.pop("role")))
        return True

    def before_delete(self, collection: str, id: str) -> None:
        """Refuse to delete a person who can still log in."""
        if collection == COLLECTION and self._accounts.find(id):
            raise InUse(f"This person has an account; an administrator deletes that first (DELETE /api/accounts/{id}).")

    def amend(self, account_id: str, *, role: str | None = None, disabled: bool | None = None, password: str | None = None) -> Account:
        """Give an account another role or password, disable it, or enable it again."""
        if password is not None:
            self._accounts.change_password(account_id, check_password(password, LEAST_PASSWORD))
        if role is not None:
            self._accounts.set_role(account_id, _role(role))
        if disabled is not None:
            (self._accounts.disable if disabled else self._accounts.enable)(account_id)
        return self._accounts.get(account_id)


def _role(given: Any) -> Role:
    if not isinstance(given, str):
        raise Malformed("A role is a string.", faults=[Fault("/role", "must be a string")])
    return Role.parse(given)
