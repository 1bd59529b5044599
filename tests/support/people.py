"""Make people in a real store, the way that registration does, for tests below the floor of assets."""

from __future__ import annotations

import secrets

from pyoxigraph import Literal, NamedNode, Triple

from server.graph.vocabulary import FOAF, RDF
from server.services.identity import Identity
from server.store.base import Store
from server.store.text import fill

PASSWORD = "correct horse battery"
_PEOPLE = NamedNode("http://hub.test/people")


def create_person(store: Store, name: str) -> NamedNode:
    """Write a person into the store."""
    person = NamedNode(f"http://hub.test/id/people/{secrets.token_hex(32)}")
    triples = [Triple(person, RDF.type, FOAF.Person), Triple(person, FOAF.name, Literal(name))]
    store.update(fill("INSERT DATA { GRAPH $graph { $triples } }", graph=_PEOPLE, triples=triples))
    return person


def remove_person(store: Store, person: NamedNode) -> None:
    """Take a person out of the store."""
    store.update(fill("DELETE WHERE { GRAPH $graph { $person ?property ?value } }", graph=_PEOPLE, person=person))


def people(store: Store) -> set[NamedNode]:
    """List the people in the store."""
    return {triple.subject for triple in store.graph(_PEOPLE) if isinstance(triple.subject, NamedNode)}


def make_identity(store: Store, mode: str = "open") -> Identity:
    """Wire the services about people over one store that serves as both datasets."""
    return Identity.build(store, lambda name, position, parts: create_person(store, name), lambda person: remove_person(store, person), mode=mode)
