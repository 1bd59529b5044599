"""Everything about who somebody is, wired once over one system dataset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from server.services.accounts import Accounts
from server.services.audit import Audit
from server.services.logins import Logins
from server.services.registration import CreatePerson, Invites, Registration, RemovePerson
from server.services.retention import Retention
from server.services.throttle import Throttle
from server.services.tokens import LOGIN_LIFE, Tokens
from server.store.base import Store


@dataclass(frozen=True)
class Identity:
    """The services about people's accounts and rights."""

    accounts: Accounts
    tokens: Tokens
    logins: Logins
    invites: Invites
    registration: Registration
    audit: Audit

    @classmethod
    def build(
        cls,
        system: Store,
        create_person: CreatePerson,
        remove_person: RemovePerson,
        retention: Retention | None = None,
        *,
        mode: str = "open",
        login_life: timedelta = LOGIN_LIFE,
    ) -> Identity:
        """Wire the services over a system dataset; the two callables make and remove a person in the knowledge graph."""
        accounts, invites = Accounts(system), Invites(system)
        return cls(
            accounts=accounts,
            tokens=Tokens(system, accounts, login_life),
            logins=Logins(accounts, Throttle(system)),
            invites=invites,
            registration=Registration(mode, accounts, invites, create_person, remove_person),
            audit=Audit(system, retention),
        )

    def close(self) -> None:
        """Write the audit entries that wait; call it before the store is closed."""
        self.audit.close()
