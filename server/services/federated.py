"""Federated-learning services as the CORDS interface manages them: with the offer that makes them known, and the policies of that offer.

What is done here to several things at once is done whole or not at all. No connector is contacted: an offer is what the graph says of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pyoxigraph import Literal, NamedNode

from server.errors import DoesNotConform, Fault, Gone, HubError, Malformed, NotFound, RevisionMismatch
from server.graph.names import ID
from server.graph.vocabulary import DCT, HUB, ODRL
from server.services.assets import ANY, Assets
from server.services.callers import Caller
from server.services.drafts import JSON, Document
from server.services.fl_forms import FLForm, in_old_words, members, patch
from server.services.searching import Searching
from server.services.things import Thing
from server.store.text import fill

SERVICES, OFFERS, POLICIES, CONNECTORS = "fl-services", "offers", "policies", "connectors"
ASSET_TYPE = "fl_service"
Item = Mapping[str, Any]

_SHARED = ("title", "description", "keywords", "license", "version")
_TRIES = 3
_AT_ONCE = 200
_DEPENDENTS = "SELECT DISTINCT ?other WHERE { ?other $points_to $thing }"
_IDENTIFIED = "SELECT DISTINCT ?other WHERE { VALUES ?class { $classes } ?other a ?class ; $identifier $text }"


@dataclass(frozen=True)
class Offered:
    """One row of the summary: a service, one offer of it, and the policies of that offer, each as its JSON."""

    service: Item
    offer: Item
    policies: tuple[Item, ...]


class Federated:
    """The use cases on federated-learning services."""

    def __init__(self, assets: Assets, searching: Searching) -> None:
        """Write through these use cases, and list what this index finds."""
        self._assets, self._searching = assets, searching

    def read(self, id: str) -> Thing:
        """Return a service; raise `NotFound` for one that was deleted too, as the old service did."""
        try:
            return self._assets.read(SERVICES, id)
        except Gone as error:
            raise NotFound(error.detail) from None

    def add(self, caller: Caller, form: FLForm, *, more: Mapping[str, Any] | None = None) -> Thing:
        """Store a service; `more` are members that the form has no place for, such as an id. Faults point into the form."""
        try:
            return self._assets.create(caller, SERVICES, Document(JSON, {**members(form), **(more or {})}))
        except (DoesNotConform, Malformed) as error:
            raise _in_old_words(error) from None

    def add_offered(self, caller: Caller, form: FLForm, *, more: Mapping[str, Any] | None = None) -> tuple[Thing, Thing]:
        """Store a service and its offer through a connector, or neither."""
        connector = self.connector(form.connector or "")
        service = self.add(caller, form, more=more)
        try:
            return service, self.offer(caller, service, connector)
        except HubError:
            self._assets.delete_together(caller, [service], reason="it could not be offered")
            raise

    def offer(self, caller: Caller, service: Thing, connector: NamedNode, *, more: Mapping[str, Any] | None = None) -> Thing:
        """Make a service known through a connector, in the graph; the connector is not told."""
        described = self._assets.tools.json(service)
        offer: dict[str, Any] = {key: described[key] for key in _SHARED if key in described}
        offer |= {"asset": service.iri.value, "asset_type": ASSET_TYPE, "connector": connector.value, "published": False}
        return self._assets.create(caller, OFFERS, Document(JSON, {**offer, **(more or {})}))

    def connector(self, named: str) -> NamedNode:
        """Find a connector by its IRI, its id or one of its identifiers; raise `Malformed` for one that is not there."""
        tools = self._assets.tools
        kind = tools.kind(CONNECTORS)
        try:
            id = named if ID.fullmatch(named) else tools.names.id_of(kind, NamedNode(named))
            return self._assets.read(CONNECTORS, id).iri
        except (ValueError, NotFound, Gone):
            rows = tools.store.select(fill(_IDENTIFIED, classes=kind.targets, identifier=DCT.identifier, text=Literal(named)))
        if len(found := [row["other"] for row in rows if isinstance(row["other"], NamedNode)]) != 1:
            message = f"There is no connector {named[:200]}; add it to /api/connectors first."
            raise Malformed(message, faults=[Fault("/connector_id", message)])
        return found[0]

    def update(self, caller: Caller, id: str, form: FLForm) -> Thing:
        """Replace what the form has a place for; others may be writing the service at the same moment."""
        for _ in range(_TRIES):
            thing = self.read(id)
            change = patch(form, self._assets.tools.json(thing))
            try:
                return self._assets.patch(caller, SERVICES, id, change, thing.revision).thing
            except RevisionMismatch:
                continue
            except (DoesNotConform, Malformed) as error:
                raise _in_old_words(error) from None
        raise RevisionMismatch(f"The service {id} is being changed by others all the time; try again.")

    def publish(self, caller: Caller, id: str, published: bool) -> Thing:
        """Say that a service is made known, or that it is not any more."""
        self.read(id)
        return self._assets.patch(caller, SERVICES, id, {"published": published}, ANY).thing

    def remove(self, caller: Caller, id: str) -> None:
        """Delete a service with its offers and their policies, all or none.

        Raises `InUse` where something else refers to one of them (an agreement, a training), `Forbidden` where one is somebody else's.
        """
        service = self.read(id)
        offers = list(self._dependents(OFFERS, HUB.sharesAsset, service))
        policies = [each for offer in offers for each in self._dependents(POLICIES, ODRL.target, offer)]
        self._assets.delete_together(caller, [*policies, *offers, service], reason="removed with its offers and policies")

    def services(self) -> Iterator[Item]:
        """Iterate over the JSON of all services, the oldest first."""
        return self._all(SERVICES)

    def summary(self) -> Iterator[Offered]:
        """Iterate over the offers of all services, by service."""
        page: list[Item] = []
        for service in self.services():
            page.append(service)
            if len(page) == _AT_ONCE:
                yield from self._offered(page)
                page = []
        yield from self._offered(page)

    def _offered(self, services: Sequence[Item]) -> Iterator[Offered]:
        offers = self._grouped(OFFERS, "asset", [each["iri"] for each in services])
        policies = self._grouped(POLICIES, "target", [offer["iri"] for found in offers.values() for offer in found])
        for service in services:
            for offer in offers.get(service["iri"], ()):
                yield Offered(service, offer, tuple(policies.get(offer["iri"], ())))

    def _grouped(self, collection: str, key: str, values: Sequence[str]) -> dict[str, list[Item]]:
        grouped: dict[str, list[Item]] = {}
        for start in range(0, len(values), _AT_ONCE):
            for item in self._all(collection, {key: values[start : start + _AT_ONCE]}):
                grouped.setdefault(item[key], []).append(item)
        return grouped

    def _all(self, collection: str, filters: Mapping[str, Sequence[str]] | None = None) -> Iterator[Item]:
        parameters = {"sort": ["created"], "limit": ["1000"], **(filters or {})}
        cursor: str | None = ""
        while cursor is not None:
            page = self._searching.find(collection, {**parameters, **({"cursor": [cursor]} if cursor else {})}).page
            yield from map(orjson.loads, page.items)
            cursor = page.next

    def _dependents(self, collection: str, points_to: NamedNode, thing: Thing) -> Iterator[Thing]:
        tools = self._assets.tools
        for row in tools.store.select(fill(_DEPENDENTS, points_to=points_to, thing=thing.iri)):
            split = tools.names.split(str(row["other"].value))
            if split is not None and split[0] == collection:
                yield self._assets.read(*split)


def _in_old_words(error: DoesNotConform | Malformed) -> HubError:
    faults = [in_old_words(each) for each in error.faults]
    if isinstance(error, DoesNotConform):
        return DoesNotConform(error.detail, faults=faults, report=error.report)
    return Malformed(error.detail, faults=faults)
