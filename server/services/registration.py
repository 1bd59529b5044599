"""Registration: an account and its person, both or none; and the invite codes that open it to chosen people.

Accounts live in the system dataset and people in the knowledge graph, so no transaction spans both. The person comes first: a person
without an account harms nobody and is removed when the account is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyoxigraph import Literal, NamedNode, Triple

from server.errors import AlreadyExists, Fault, Forbidden, HubError, Malformed, NotFound
from server.graph.vocabulary import DCT, HUB, RDF
from server.services.accounts import Account, Accounts, check_password, check_role, normal_email
from server.services.callers import Caller, Role
from server.services.system import INVITES, PROLOGUE, digest, identifier, item, moment, now, speakable, stamp, text
from server.services.tokens import Tokens
from server.store.base import Store
from server.store.text import fill

MODES = ("open", "invite", "closed")
INVITE_LIFE = timedelta(days=14)
ADMINISTRATOR_EMAIL = "admin@localhost"

_NEW_INVITE = PROLOGUE + "INSERT DATA { GRAPH $invites { $triples } }"
_INVITES = (
    PROLOGUE
    + """
SELECT ?invite ?by ?created ?expires ?used WHERE { GRAPH $invites {
  ?invite a hub:Invite ; hub:by ?by ; dct:created ?created ; hub:expires ?expires . OPTIONAL { ?invite hub:usedBy ?used }
} }"""
)
_USABLE = PROLOGUE + "ASK { GRAPH $invites { ?invite hub:digest $code ; hub:open true ; hub:expires ?expires } FILTER ( STR(?expires) > $now ) }"
_WITHDRAW = PROLOGUE + "DELETE WHERE { GRAPH $invites { $invite ?property ?value } }"

CreatePerson = Callable[[str, str | None, tuple[str, str] | None], NamedNode]
RemovePerson = Callable[[NamedNode], None]


@dataclass(frozen=True)
class Invite:
    """An invite code as the store knows it: everything but the code."""

    id: str
    by: str
    created: datetime
    expires: datetime
    used_by: str | None = None


class Invites:
    """The invite codes of one system dataset; a code is used once and stored as its SHA-256."""

    def __init__(self, system: Store) -> None:
        """Keep invites in this dataset."""
        self._store = system

    def create(self, caller: Caller, expires: datetime | None = None) -> tuple[Invite, str]:
        """Make a code that registers one account; return it with what is kept of it."""
        caller.require(Role.admin)
        if expires and expires <= now():
            raise Malformed("The invite would have expired already.", faults=[Fault("/expires", "must be in the future")])
        code = secrets.token_urlsafe(18)
        invite = Invite(secrets.token_hex(16), caller.id or "", now(), expires or now() + INVITE_LIFE)
        self._store.update(fill(_NEW_INVITE, invites=INVITES, triples=_triples(invite, code)))
        return invite, code

    def list(self, caller: Caller) -> list[Invite]:
        """Read all invites, newest first."""
        caller.require(Role.admin)
        rows = self._store.select(fill(_INVITES, invites=INVITES))
        invites = [
            Invite(
                id=identifier(row["invite"]),
                by=row["by"].value,
                created=moment(row["created"]),
                expires=moment(row["expires"]),
                used_by=identifier(row["used"]) if "used" in row else None,
            )
            for row in rows
        ]
        return sorted(invites, key=lambda invite: invite.created, reverse=True)

    def withdraw(self, caller: Caller, invite_id: str) -> None:
        """Make a code worthless; raise `NotFound` where there is none."""
        if invite_id not in {invite.id for invite in self.list(caller)}:
            raise NotFound("There is no such invite.")
        self._store.update(fill(_WITHDRAW, invites=INVITES, invite=item(INVITES, invite_id)))

    def usable(self, code: Literal) -> bool:
        """Tell whether the code with this digest would register somebody now."""
        return self._store.ask(fill(_USABLE, invites=INVITES, code=code, now=Literal(text(now()))))


class Registration:
    """Registers people in one of the modes `open`, `invite`, `closed`."""

    def __init__(self, mode: str, accounts: Accounts, invites: Invites, create_person: CreatePerson, remove_person: RemovePerson) -> None:
        """Register into these accounts, with people made and removed by the two callables."""
        self._mode = mode
        self._accounts = accounts
        self._invites = invites
        self._create_person = create_person
        self._remove_person = remove_person

    def register(
        self,
        caller: Caller,
        email: str,
        password: str,
        name: str,
        position: str | None = None,
        *,
        parts: tuple[str, str] | None = None,
        invite: str | None = None,
        role: Role | None = None,
    ) -> Account:
        """Register somebody as a contributor; administrators may register anybody, with any role, in every mode.

        `parts` are the given name and the family name, where they were told apart.
        """
        by_admin = caller.role >= Role.admin
        if role is not None and not by_admin:
            raise Forbidden("Only an administrator gives roles.")
        role = Role.contributor if role is None else role
        code = None if by_admin else self._admission(invite)
        email = self.check(email, password, role)
        return self.attach(self._create_person(name, position, parts), email, password, role, code=code)

    def check(self, email: str, password: str, role: Role) -> str:
        """Refuse what would fail anyway before a person is made for it; return the e-mail as it will be kept."""
        check_password(password)
        check_role(role)
        email = normal_email(email)
        if self._accounts.by_email(email):
            raise AlreadyExists("This e-mail address has an account already; log in, or register another.", faults=[Fault("/email", "is taken")])
        return email

    def attach(self, person: NamedNode, email: str, password: str, role: Role, *, code: Literal | None = None) -> Account:
        """Open the account of a person who was just created; without an account the person goes again."""
        try:
            return self._accounts.create(email, password, person, role, invite=code)
        except HubError:
            self._remove_person(person)
            raise

    def ensure_administrator(self, tokens: Tokens) -> tuple[str, str, str] | None:
        """Make the first administrator where none can log in; return e-mail, password and token, which are never shown again."""
        if self._accounts.has_admin():
            return None
        password = secrets.token_urlsafe(18)
        try:
            email = self.check(ADMINISTRATOR_EMAIL, password, Role.admin)
            account = self.attach(self._create_person("Administrator", None, None), email, password, Role.admin)
        except AlreadyExists:  # another process was first
            return None
        return email, password, tokens.grant_key(account.id, "first start")

    def _admission(self, invite: str | None) -> Literal | None:
        if self._mode == "open":
            return None
        if self._mode == "closed":
            raise Forbidden("Registration is closed here; ask an administrator for an account.")
        code = digest(invite) if invite and speakable(invite) else None
        if code is None or not self._invites.usable(code):
            raise Forbidden("Registration needs an invite code here that is unused and not expired; ask an administrator for one.")
        return code


def _triples(invite: Invite, code: str) -> list[Triple]:
    node = item(INVITES, invite.id)
    return [
        Triple(node, RDF.type, HUB.Invite),
        Triple(node, HUB.digest, digest(code)),
        Triple(node, HUB.open, Literal(True)),
        Triple(node, HUB.by, Literal(invite.by)),
        Triple(node, DCT.created, stamp(invite.created)),
        Triple(node, HUB.expires, stamp(invite.expires)),
    ]
