"""Accounts: who may log in, with which role, and which person in the knowledge graph they are.

They live in the system dataset alone. An account has the id of its person (64 hex), so that both are found by the same path.
What must be unique (the e-mail) and what must never happen (no administrator left) is decided by the store, inside the update
request, so it holds however many processes write.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from pyoxigraph import Literal, NamedNode, Triple

from server.errors import AlreadyExists, Fault, Forbidden, Malformed, NotFound
from server.graph.vocabulary import DCT, FOAF, HUB, RDF
from server.services.callers import Role
from server.services.passwords import hash_password
from server.services.system import ACCOUNTS, INVITES, PROLOGUE, TOKENS, identifier, item, moment, now, speakable, stamp, text
from server.store.base import Row, Store
from server.store.text import Filling, fill

LEAST_PASSWORD = 4  # what the clients of the CORDS service may send; our own routes ask for more
MOST_PASSWORD = 1024
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,190}")

_UNTAKEN = """
  FILTER NOT EXISTS { GRAPH $accounts { ?other hub:email $email } }
  FILTER NOT EXISTS { GRAPH $accounts { $account ?property ?value } }"""

_CREATE = f"{PROLOGUE} INSERT {{ GRAPH $accounts {{ $triples }} }} WHERE {{ {_UNTAKEN} }}"

_CREATE_INVITED = (
    PROLOGUE
    + """
INSERT { GRAPH $accounts { $triples } } WHERE {
  GRAPH $invites { ?invite hub:digest $code ; hub:open true ; hub:expires ?expires } FILTER ( STR(?expires) > $now )"""
    + _UNTAKEN
    + """
} ;
DELETE { GRAPH $invites { ?invite hub:open true } } INSERT { GRAPH $invites { ?invite hub:usedBy $account } } WHERE {
  GRAPH $accounts { $account hub:passwordHash $hash }
  GRAPH $invites { ?invite hub:digest $code ; hub:open true }
}"""
)

_STANDS = PROLOGUE + "ASK { GRAPH $accounts { $account hub:passwordHash $hash } }"
_ANY_ADMIN = PROLOGUE + 'ASK { GRAPH $accounts { ?account hub:role "admin" FILTER NOT EXISTS { ?account hub:disabled true } } }'

_SELECT = PROLOGUE + "SELECT ?account ?email ?role ?person ?hash ?created ?disabled WHERE { GRAPH $accounts { "
_ACCOUNT = """
  ?account a foaf:OnlineAccount ; hub:email ?email ; hub:role ?role ; hub:person ?person ; hub:passwordHash ?hash ; dct:created ?created .
  OPTIONAL { ?account hub:disabled ?disabled }
} }"""
_ALL = _SELECT + _ACCOUNT
_BY_EMAIL = _SELECT + "?account hub:email $email ." + _ACCOUNT
_BY_ID = _SELECT + "?account foaf:accountName $id ." + _ACCOUNT

_ADMIN_STAYS = """
  FILTER ( EXISTS { GRAPH $accounts { ?other hub:role "admin" FILTER ( ?other != $account ) FILTER NOT EXISTS { ?other hub:disabled true } } }
    || NOT EXISTS { GRAPH $accounts { $account hub:role "admin" FILTER NOT EXISTS { $account hub:disabled true } } } )"""

_SET_ROLE = (
    PROLOGUE
    + "DELETE { GRAPH $accounts { $account hub:role ?old } } INSERT { GRAPH $accounts { $account hub:role $role } }"
    + " WHERE { GRAPH $accounts { $account hub:role ?old } "
)
_PROMOTE = _SET_ROLE + "}"
_DEMOTE = _SET_ROLE + _ADMIN_STAYS + "}"
_DISABLE = (
    PROLOGUE
    + "INSERT { GRAPH $accounts { $account hub:disabled true } } WHERE { GRAPH $accounts { $account a foaf:OnlineAccount } "
    + _ADMIN_STAYS
    + "}"
)
_ENABLE = PROLOGUE + "DELETE WHERE { GRAPH $accounts { $account hub:disabled true } }"

_RENEW_HASH = (
    PROLOGUE
    + """
DELETE { GRAPH $accounts { $account hub:passwordHash $old } } INSERT { GRAPH $accounts { $account hub:passwordHash $hash } }
WHERE { GRAPH $accounts { $account hub:passwordHash $old } }"""
)
_SET_HASH = (
    PROLOGUE
    + """
DELETE { GRAPH $accounts { $account hub:passwordHash ?old } } INSERT { GRAPH $accounts { $account hub:passwordHash $hash } }
WHERE { GRAPH $accounts { $account hub:passwordHash ?old } } ;
DELETE { GRAPH $tokens { ?token ?property ?value } }
WHERE { GRAPH $tokens { ?token hub:account $account ; hub:kind "login" ; ?property ?value } }"""
)
_DELETE = (
    PROLOGUE
    + "DELETE { GRAPH $accounts { $account ?property ?value } } WHERE { GRAPH $accounts { $account ?property ?value } "
    + _ADMIN_STAYS
    + """} ;
DELETE { GRAPH $tokens { ?token ?property ?value } } WHERE {
  GRAPH $tokens { ?token hub:account $account ; ?property ?value }
  FILTER NOT EXISTS { GRAPH $accounts { $account a foaf:OnlineAccount } }
}"""
)


@dataclass(frozen=True)
class Account:
    """One account as the store has it."""

    id: str
    email: str
    role: Role
    person: NamedNode
    disabled: bool
    created: datetime
    password_hash: str = field(repr=False)


class Accounts:
    """The accounts of one system dataset."""

    def __init__(self, system: Store) -> None:
        """Keep accounts in this dataset."""
        self._store = system
        self._lock = threading.Lock()
        self._generation = 0

    @property
    def generation(self) -> int:
        """Count this process's changes to accounts and tokens; whoever caches callers forgets them when it moves."""
        return self._generation

    def touch(self) -> None:
        """Make every cached caller of this process be read again."""
        with self._lock:
            self._generation += 1

    def create(self, email: str, password: str, person: NamedNode, role: Role = Role.contributor, *, invite: Literal | None = None) -> Account:
        """Open an account for a person; `invite` is the digest of a code that this uses up. Raises `AlreadyExists` for a taken e-mail."""
        password_hash = hash_password(check_password(password))
        return self.adopt(email, password_hash, person, role, invite=invite)

    def adopt(self, email: str, password_hash: str, person: NamedNode, role: Role = Role.contributor, *, invite: Literal | None = None) -> Account:
        """Open an account whose password is known by its hash only (imports; see `passwords.known_hash`)."""
        account = Account(identifier(person), normal_email(email), check_role(role), person, False, now(), password_hash)
        node, known_hash = item(ACCOUNTS, account.id), Literal(password_hash)
        template = _CREATE
        terms: dict[str, Filling] = {"accounts": ACCOUNTS, "account": node, "email": Literal(account.email), "triples": _triples(account)}
        if invite is not None:
            template = _CREATE_INVITED
            terms |= {"invites": INVITES, "code": invite, "now": Literal(text(now())), "hash": known_hash}
        self._store.update(fill(template, **terms))
        if not self._store.ask(fill(_STANDS, accounts=ACCOUNTS, account=node, hash=known_hash)):
            raise self._why_not(account)
        return account

    def _why_not(self, account: Account) -> AlreadyExists | Forbidden:
        if self.by_email(account.email):
            return AlreadyExists("This e-mail address has an account already; log in, or register another.", faults=[Fault("/email", "is taken")])
        if self.find(account.id):
            return AlreadyExists("This person has an account already.")
        return Forbidden("The invite code was used or has expired; ask an administrator for another.")

    def find(self, account_id: str) -> Account | None:
        """Find an account by its id."""
        return self._one(fill(_BY_ID, accounts=ACCOUNTS, id=Literal(account_id)) if speakable(account_id) else None)

    def by_email(self, email: str) -> Account | None:
        """Find an account by its e-mail, in whatever case it is written."""
        return self._one(fill(_BY_EMAIL, accounts=ACCOUNTS, email=Literal(_folded(email))) if speakable(email) else None)

    def get(self, account_id: str) -> Account:
        """Read an account; raise `NotFound` where there is none."""
        if account := self.find(account_id):
            return account
        raise NotFound("There is no such account.")

    def list(self) -> list[Account]:
        """Read all accounts, by e-mail."""
        return sorted((_account(row) for row in self._store.select(fill(_ALL, accounts=ACCOUNTS))), key=lambda account: account.email)

    def has_admin(self) -> bool:
        """Tell whether an administrator can log in."""
        return self._store.ask(fill(_ANY_ADMIN, accounts=ACCOUNTS))

    def set_role(self, account_id: str, role: Role) -> Account:
        """Give an account another role; the last administrator keeps theirs."""
        template = _PROMOTE if check_role(role) is Role.admin else _DEMOTE
        account = self._change(account_id, template, role=Literal(role.name))
        if account.role is not role:
            raise _last_admin()
        return account

    def disable(self, account_id: str) -> Account:
        """Refuse this account's password and tokens from now on, until it is enabled again."""
        account = self._change(account_id, _DISABLE)
        if not account.disabled:
            raise _last_admin()
        return account

    def enable(self, account_id: str) -> Account:
        """Let a disabled account in again."""
        return self._change(account_id, _ENABLE)

    def change_password(self, account_id: str, password: str) -> None:
        """Set another password and end the account's log-ins; its API keys stay."""
        self._change(account_id, _SET_HASH, tokens=TOKENS, hash=Literal(hash_password(check_password(password))))

    def renew_hash(self, account: Account, password: str) -> None:
        """Hash the same password as it is hashed today, unless it was changed meanwhile."""
        terms = {"accounts": ACCOUNTS, "account": item(ACCOUNTS, account.id)}
        self._store.update(fill(_RENEW_HASH, **terms, old=Literal(account.password_hash), hash=Literal(hash_password(password))))

    def delete(self, account_id: str) -> None:
        """Remove an account and its tokens; its person stays in the graph."""
        self.get(account_id)
        self._store.update(fill(_DELETE, accounts=ACCOUNTS, account=item(ACCOUNTS, account_id), tokens=TOKENS))
        self.touch()
        if self.find(account_id):
            raise _last_admin()

    def _change(self, account_id: str, template: str, **terms: NamedNode | Literal) -> Account:
        self.get(account_id)
        self._store.update(fill(template, accounts=ACCOUNTS, account=item(ACCOUNTS, account_id), **terms))
        self.touch()
        return self.get(account_id)

    def _one(self, query: str | None) -> Account | None:
        rows = self._store.select(query) if query else []
        return _account(rows[0]) if rows else None


def normal_email(email: str) -> str:
    """Check the syntax of an e-mail address and write it as it is compared: lower case, composed, without blanks around it."""
    folded = _folded(email)
    if not speakable(folded) or not _EMAIL.fullmatch(folded):
        raise Malformed("This is no e-mail address; write it as name@example.org.", faults=[Fault("/email", "must be an e-mail address")])
    return folded


def check_password(password: str, least: int = LEAST_PASSWORD) -> str:
    """Return the password if its length is allowed."""
    if not least <= len(password) <= MOST_PASSWORD:
        length = f"{least} to {MOST_PASSWORD} characters"
        raise Malformed(f"A password has {length}.", faults=[Fault("/password", f"must have {length}")])
    return password


def check_role(role: Role) -> Role:
    """Return the role if an account can have it; `none` is what disabling is for."""
    if role is Role.none:
        raise Malformed("To keep somebody out, disable the account.", faults=[Fault("/role", "must be reader, contributor, curator or admin")])
    return role


def _folded(email: str) -> str:
    return unicodedata.normalize("NFC", email.strip().lower())


def _last_admin() -> Forbidden:
    return Forbidden("This is the last administrator; make somebody else an administrator first.")


def _triples(account: Account) -> list[Triple]:
    node = item(ACCOUNTS, account.id)
    return [
        Triple(node, RDF.type, FOAF.OnlineAccount),
        Triple(node, FOAF.accountName, Literal(account.id)),
        Triple(node, HUB.email, Literal(account.email)),
        Triple(node, HUB.passwordHash, Literal(account.password_hash)),
        Triple(node, HUB.role, Literal(account.role.name)),
        Triple(node, HUB.person, account.person),
        Triple(node, DCT.created, stamp(account.created)),
    ]


def _account(row: Row) -> Account:
    person = row["person"]
    if not isinstance(person, NamedNode):
        raise TypeError(f"the person of an account is no IRI: {person}")
    return Account(
        id=identifier(row["account"]),
        email=row["email"].value,
        role=Role[row["role"].value],
        person=person,
        disabled="disabled" in row,
        created=moment(row["created"]),
        password_hash=row["hash"].value,
    )
