"""The people who have an account, as a list, and how one of them leaves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pyoxigraph import Literal, NamedNode

from server.errors import Gone, InUse, NotFound
from server.graph.vocabulary import FOAF
from server.services.accounts import Account, Accounts
from server.services.assets import ANY, Assets
from server.services.callers import SYSTEM, Caller, Role
from server.services.persons import COLLECTION
from server.store.base import Row
from server.store.text import fill

_PEOPLE = """SELECT ?person ?name ?given ?family ?position WHERE { VALUES ?document { $documents } GRAPH ?document { ?person $called ?name
  OPTIONAL { ?person $given ?given } OPTIONAL { ?person $family ?family } OPTIONAL { ?person $position ?position } } }"""
_POSITION = NamedNode("https://schema.org/jobTitle")


@dataclass(frozen=True)
class User:
    """An account with what the graph says of its person; the e-mail only for those who may see it."""

    account: Account
    email: str | None
    given_name: str
    family_name: str
    position: str


class Users:
    """Lists and removes people who have an account."""

    def __init__(self, accounts: Accounts, assets: Assets) -> None:
        """Look at these accounts and at their people in the graph."""
        self._accounts, self._assets = accounts, assets

    def list(self, caller: Caller) -> list[User]:
        """List everybody who has an account, the longest there first; an e-mail is for its owner and for administrators."""
        accounts = sorted(self._accounts.list(), key=lambda account: (account.created, account.id))
        people = self._people(accounts)
        return [_user(account, people.get(account.person.value, {}), caller) for account in accounts]

    def remove(self, caller: Caller, account_id: str) -> None:
        """Delete an account, its own by its owner or any by an administrator; its person goes too where nothing refers to them.

        Raises `NotFound`, `Forbidden` for somebody else's account or the last administrator's.
        """
        if account_id != caller.id:
            caller.require(Role.admin)
        self._accounts.delete(account_id)
        with suppress(InUse, NotFound, Gone):  # who made something that is still here stays known as its creator
            self._assets.delete(SYSTEM, COLLECTION, account_id, ANY, reason="the account was deleted")

    def _people(self, accounts: Sequence[Account]) -> dict[str, Row]:
        document, found = self._assets.tools.names.document, dict[str, Row]()
        for first in range(0, len(accounts), 500):
            documents = [document(COLLECTION, each.id) for each in accounts[first : first + 500]]
            query = fill(_PEOPLE, documents=documents, called=FOAF.name, given=FOAF.givenName, family=FOAF.familyName, position=_POSITION)
            found |= {str(row["person"].value): row for row in self._assets.tools.store.select(query)}
        return found


def _user(account: Account, person: Row, caller: Caller) -> User:
    may_see = caller.role >= Role.admin or caller.id == account.id
    name, family = _text(person, "name"), _text(person, "family")
    return User(account, account.email if may_see else None, _text(person, "given") or ("" if family else name), family, _text(person, "position"))


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value.value if isinstance(value, Literal) else ""
