"""Who asks: the caller of a use case, and the roles that say what a caller may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pyoxigraph import NamedNode

from server.errors import Forbidden, Malformed, Unauthenticated


class Role(IntEnum):
    """What a caller may do; each role may do all that the ones below it may."""

    none = 0
    reader = 1
    contributor = 2
    curator = 3
    admin = 4

    @classmethod
    def parse(cls, name: str) -> Role:
        """Find a role by its name; raise `Malformed` with the names that exist."""
        try:
            return cls[name]
        except KeyError:
            raise Malformed(f"There is no role {name[:40]!r}; use one of {', '.join(cls.__members__)}.") from None


@dataclass(frozen=True)
class Caller:
    """Somebody or nobody: the account's id, the person in the graph, the role after scopes, and how they came in.

    `anonymous` is true for a request without credentials; such a caller may still have a role (`HUB_ANONYMOUS_ROLE`).
    `scopes` are those of the token used, `token` its id; a caller who gave a password has all scopes and no token.
    """

    id: str | None
    person: NamedNode | None
    role: Role
    email: str | None = None
    scopes: frozenset[str] = frozenset()
    anonymous: bool = False
    token: str | None = None

    def require(self, role: Role) -> None:
        """Return if the caller has this role at least, else raise `Unauthenticated` (nobody) or `Forbidden` (somebody)."""
        if self.role >= role:
            return
        if self.anonymous:
            raise Unauthenticated(f"This needs the role {role.name}; send a token (Authorization: Bearer …) or e-mail and password (Basic).")
        raise Forbidden(
            f"This needs the role {role.name}; you act as {self.role.name}. Use a token with more scopes, or ask an administrator for the role."
        )

    def require_account(self) -> None:
        """Return if the caller has an account, else raise `Unauthenticated`."""
        if self.id is None:
            raise Unauthenticated("This is about an account; send a token (Authorization: Bearer …) or e-mail and password (Basic).")


def anonymous(role: Role) -> Caller:
    """Describe a caller without credentials."""
    return Caller(id=None, person=None, role=role, anonymous=True)


SYSTEM = Caller(id="system", person=None, role=Role.admin, scopes=frozenset({"read", "write", "curate", "admin"}))
"""The hub itself: the command line on this machine, migrations, the sample catalogue."""
