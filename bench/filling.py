"""Fill the embedded store of a stopped hub with a million things in minutes: quads by the text of one thing, the index by opening the hub.

What is in the store afterwards is what a bulk load would have left there, history and change log included; only the gate was passed by one thing
alone, of which all the others are copies with another id, title, description, keywords and location.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, parse

from bench import data
from server.graph.changes import Attribution, Change, marks, now
from server.graph.history import History
from server.graph.kinds import Registry
from server.graph.names import Names
from server.graph.vocabulary import HUB
from server.services.drafts import JSON, Document
from server.services.preparing import Prepared, Preparing
from server.services.things import Workbench
from server.store.embedded import EmbeddedStore
from server.store.text import fill

_TITLE, _TEXT, _PLACE, _KEYWORDS = "one title", "one description", "s3://models.example/place", ("keyword-a", "keyword-b", "keyword-c")
_ID = data.identifier("pattern", 0)
_SHAPES = Path(__file__).parent.parent / "shapes"


def fill_store(folder: Path, base: str, things: int) -> float:
    """Add so many models to the store of a stopped hub; return the seconds that it took."""
    started = time.monotonic()
    tools = Workbench(Registry.load([_SHAPES]), Names(base))
    store = EmbeddedStore(folder / "kg")
    history = History(store, tools.names)
    first = history.last()
    store.load(_quads(tools, things, first))
    change = "DELETE DATA { GRAPH $log { $log $last $old } } ; INSERT DATA { GRAPH $log { $log $last $new } }"
    store.update(fill(change, log=tools.names.changes, last=HUB.last, old=Literal(first), new=Literal(first + things)))
    store.close()
    return time.monotonic() - started


def index(environment: dict[str, str]) -> float:
    """Open a stopped hub once, which brings its search index up to date; return the seconds that it took."""
    started = time.monotonic()
    opening = "import os; from server import hub, settings; hub.build(settings.load(os.environ)).close()"
    subprocess.run([sys.executable, "-c", opening], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def _quads(tools: Workbench, things: int, first: int) -> Iterator[Quad]:
    who = Attribution(NamedNode("urn:uuid:00000000-0000-4000-8000-000000000000"), None, now(), "bulk")
    pattern = data.model(0) | {"id": _ID, "title": _TITLE, "description": _TEXT, "keywords": list(_KEYWORDS), "location": _PLACE}
    (item,) = Preparing(tools).group("models", [(1, Document(JSON, orjson.loads(orjson.dumps(pattern))))], who)
    if not isinstance(item, Prepared):
        raise RuntimeError("the pattern does not conform")
    text = item.text.decode()
    for number in range(things):
        id = data.identifier("model", number)
        change = Change("models", id, tools.names.thing("models", id), "create", 0, frozenset(), frozenset())
        yield from marks(tools.names, change, who.transaction, first + number + 1)
        yield from parse(_copy(text, number, id).encode(), RdfFormat.N_QUADS)


def _copy(text: str, number: int, id: str) -> str:
    said = data.model(number)
    words = {_ID: id, _TITLE: said["title"], _TEXT: said["description"], _PLACE: said["location"]}
    words |= dict(zip(_KEYWORDS, said["keywords"], strict=True))
    for old, new in words.items():
        text = text.replace(old, new)
    return text
