"""Which form the data in the store has, and how an older form becomes the present one.

The version and the base IRI are two triples of the system dataset. A store of a newer hub is refused, and so is one whose
IRIs start with another base. A step may run twice when two processes start at once, so each has to be idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyoxigraph import Literal, NamedNode

from server.services.system import PROLOGUE
from server.settings import SettingsError
from server.store.base import Store
from server.store.text import fill

SCHEMA = NamedNode("https://w3id.org/cords-hub/system/schema")

_READ = PROLOGUE + "SELECT ?version ?base WHERE { GRAPH $schema { $schema hub:schemaVersion ?version ; hub:baseIri ?base } }"

_BEGIN = (
    PROLOGUE
    + """
INSERT { GRAPH $schema { $schema hub:schemaVersion $version ; hub:baseIri $base } }
WHERE { FILTER NOT EXISTS { GRAPH $schema { $schema hub:schemaVersion ?any } } }"""
)
_ADVANCE = (
    PROLOGUE
    + """
DELETE { GRAPH $schema { $schema hub:schemaVersion $old } } INSERT { GRAPH $schema { $schema hub:schemaVersion $new } }
WHERE { GRAPH $schema { $schema hub:schemaVersion $old } }"""
)
_REBASE = (
    PROLOGUE
    + """
DELETE { GRAPH $schema { $schema hub:baseIri ?old } } INSERT { GRAPH $schema { $schema hub:baseIri $base } }
WHERE { GRAPH $schema { $schema hub:baseIri ?old } }"""
)


@dataclass(frozen=True)
class Step:
    """Turns the data of the version before into this version; `what` says it in one sentence."""

    version: int
    what: str
    run: Callable[[Store, Store], None]


@dataclass(frozen=True)
class State:
    """What the store says about itself."""

    version: int
    base_iri: str


FIRST = 1
STEPS: tuple[Step, ...] = ()
"""The steps after version 1, in order; the last one's version is what this hub writes."""


def current_version(steps: Sequence[Step] = STEPS) -> int:
    """Tell the version that this hub reads and writes."""
    return steps[-1].version if steps else FIRST


def state(system: Store) -> State | None:
    """Read version and base IRI; a store that no hub has used has neither."""
    rows = system.select(fill(_READ, schema=SCHEMA))
    return State(int(rows[0]["version"].value), rows[0]["base"].value) if rows else None


def migrate(kg: Store, system: Store, base_iri: str, steps: Sequence[Step] = STEPS) -> list[Step]:
    """Bring the store to the present version and return the steps that it took. Raises `SettingsError` if it must not be used."""
    found = state(system)
    if found is None:
        system.update(fill(_BEGIN, schema=SCHEMA, version=current_version(steps), base=Literal(base_iri)))
        found = state(system) or State(current_version(steps), base_iri)
    if found.base_iri != base_iri:
        raise SettingsError(
            f"The IRIs in the store start with {found.base_iri}, HUB_BASE_IRI is {base_iri}. Set it to {found.base_iri}; or move the data: "
            "`python -m server backup FILE` with the old value, then `python -m server restore --rebase FILE` into an empty store with the new one."
        )
    if found.version > current_version(steps):
        raise SettingsError(f"The store was written by a newer hub (schema {found.version}; this one knows {current_version(steps)}). Run that one.")
    taken = [step for step in steps if step.version > found.version]
    for step in taken:
        step.run(kg, system)
        system.update(fill(_ADVANCE, schema=SCHEMA, old=step.version - 1, new=step.version))
    return taken


def set_base(system: Store, base_iri: str) -> None:
    """Note that the IRIs in the store start with another base now; for a restore that has rewritten them."""
    system.update(fill(_REBASE, schema=SCHEMA, base=Literal(base_iri)))
