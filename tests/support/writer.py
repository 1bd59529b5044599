"""A process that writes without end and says what was acknowledged; it is there to be killed.

`python -m tests.support.writer FOLDER [STORE_URL]` opens the hub with the toy kind, prints `ready`, and then one JSON line for each write after
its answer: what the thing said (its counter) at which revision.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from server.errors import HubError
from server.hub import Hub, build
from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from tests.support.settings import make_settings
from tests.support.toys import toy_registry


def open_hub(folder: Path, store_url: str | None) -> Hub:
    """Open a hub over a folder, with its datasets in a Fuseki where a URL is given."""
    stores = {"store": f"{store_url}/kg", "system_store": f"{store_url}/system"} if store_url else {}
    return build(make_settings(folder, **stores), toy_registry())


def write_on(hub: Hub, stamp: str) -> None:
    """Create, change and delete things until the process ends; every fifth round a group in bulk."""
    round_ = 0
    while True:
        round_ += 1
        created = hub.assets.create(SYSTEM, "toys", Document(JSON, {"title": f"{stamp} {round_}", "pieces": 0, "keywords": [stamp]}))
        say("toy", created.id, 1, 0)
        for pieces in (1, 2):
            changed = hub.assets.patch(SYSTEM, "toys", created.id, {"pieces": pieces}, pieces)
            say("toy", created.id, changed.thing.revision, pieces)
        if round_ % 3 == 0:
            hub.assets.delete(SYSTEM, "toys", created.id, 3)
            say("gone", created.id, 4, 0)
        if round_ % 5 == 0:
            bulk(hub, stamp, round_)


def bulk(hub: Hub, stamp: str, round_: int) -> None:
    """Store a group of things in one stream."""
    import io

    lines = b"\n".join(json.dumps({"title": f"{stamp} {round_} {number}", "pieces": 7}).encode() for number in range(120))
    for outcome in hub.bulk.load(SYSTEM, "toys", "application/x-ndjson", io.BytesIO(lines)):
        if isinstance(outcome.error, HubError):
            raise outcome.error
        say("toy", outcome.id, 1, 7)


def say(what: str, id: str, revision: int, pieces: int) -> None:
    """Tell the parent what was acknowledged."""
    print(json.dumps([what, id, revision, pieces]), flush=True)


if __name__ == "__main__":
    opened = open_hub(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
    print("ready", flush=True)
    write_on(opened, sys.argv[3] if len(sys.argv) > 3 else "w")
