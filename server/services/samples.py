"""The sample catalogue: some thirty things of all kinds, so that a first look shows what a catalogue is like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from server.values import ROOT

if TYPE_CHECKING:
    from server.services.assets import Assets

CATALOGUE = ROOT / "examples" / "catalogue"
REASON = "sample catalogue"


def read_catalogue(folder: Path = CATALOGUE) -> list[tuple[str, dict[str, Any]]]:
    """Read the things of a catalogue as (collection, members), those referred to before those that refer.

    Files are `<number>-<collection>.json`, each an array, in the order of their numbers.
    """
    return [(path.stem.partition("-")[2], members) for path in sorted(folder.glob("*.json")) for members in orjson.loads(path.read_bytes())]


def load_catalogue(assets: Assets, folder: Path = CATALOGUE) -> int:
    """Store the sample catalogue where the store has no thing yet but people who registered; return how many things were stored."""
    if any(collection not in ("people", "queries") for collection in assets.collections_in_use()):
        return 0
    things = read_catalogue(folder)
    for collection, members in things:
        assets.create(SYSTEM, collection, Document(JSON, members), reason=REASON)
    return len(things)
