"""The person of an account in the knowledge graph: made by registration, taken back when the account is refused."""

from __future__ import annotations

from pyoxigraph import NamedNode

from server.graph.names import new_id
from server.services.assets import ANY, Assets
from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document

COLLECTION = "people"


class Persons:
    """Makes and removes people on behalf of the hub itself."""

    def __init__(self, assets: Assets) -> None:
        """Write people through the same door as everything else."""
        self._assets = assets

    def create(self, name: str, position: str | None = None, parts: tuple[str, str] | None = None) -> NamedNode:
        """Store a person with a name, its parts and what they do; where no kind is people, only coin the name that an account needs."""
        tools = self._assets.tools
        if COLLECTION not in tools.registry.kinds:
            return tools.names.thing(COLLECTION, new_id())
        members = {"title": name} | ({"position": position} if position else {})
        members |= dict(zip(("given_name", "family_name"), parts, strict=True)) if parts else {}
        return self._assets.create(SYSTEM, COLLECTION, Document(JSON, members), reason="registration").iri

    def remove(self, person: NamedNode) -> None:
        """Delete a person whose account was refused."""
        tools = self._assets.tools
        if COLLECTION in tools.registry.kinds:
            id = tools.names.id_of(tools.kind(COLLECTION), person)
            self._assets.delete(SYSTEM, COLLECTION, id, ANY, force=True, reason="the account was refused")
