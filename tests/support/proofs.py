"""Whether everything that a hub keeps fits together: things and their histories, the change log, the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from server.hub import Hub, build
from server.services import checks
from server.services.checks import Head
from server.settings import load
from tests.support.hubs import registry

_GRAPHS = "SELECT DISTINCT ?graph WHERE { GRAPH ?graph { ?s ?p ?o } }"


def wrong_with(hub: Hub, found: Sequence[Head]) -> list[str]:
    """Say what does not fit: all that `check` looks for, gaps in the change log, and graphs that belong to nothing."""
    last = hub.tools.history.last()
    wrong = [*checks.check_things(hub.tools, found), *checks.check_log(found, last), *checks.check_index(hub.index, found)]
    if [entry.sequence for entry in hub.tools.history.changes(1, last)] != list(range(1, last + 1)):
        wrong.append("The change log has a gap.")
    return wrong + [f"{each} belongs to nothing." for each in sorted(_strays(hub, found))]


def _strays(hub: Hub, found: Sequence[Head]) -> set[str]:
    names = hub.tools.names
    documents = [names.document(head.collection, head.id) for head in found]
    present = {names.document(head.collection, head.id).value for head in found if not head.deleted}
    known = {names.changes.value, *(names.history(each).value for each in documents), *present}
    graphs = {row["graph"].value for row in hub.kg.select(_GRAPHS)}
    return (graphs - known) | {f"The missing {each}" for each in present - graphs}


@contextmanager
def opened(data: Path, **env: str) -> Iterator[tuple[Hub, list[Head]]]:
    """Open the hub of a data folder in this process, as the next start does, and read the head of everything that ever was."""
    settings = load({"HUB_DATA": str(data), "HUB_BASE_IRI": "http://hub.test/", "HUB_LOG_LEVEL": "WARNING"} | env)
    hub = build(settings, registry(settings.shapes))
    try:
        hub.indexing.feed.catch_up()
        yield hub, checks.heads(hub.tools)
    finally:
        hub.close()
