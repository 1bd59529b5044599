"""The graph of old IRIs as a setting wants it: there and complete, or empty. What is written from then on keeps it so."""

from __future__ import annotations

import logging

from pyoxigraph import Literal, NamedNode

from server.errors import StoreFull
from server.graph.aliases import VERSION, aliases, may_have_aliases
from server.graph.vocabulary import HUB
from server.services.things import Toolbox
from server.store.text import fill

LOG = logging.getLogger(__name__)

_BATCH = 200  # descriptions a request

_DOCUMENTS = "SELECT ?document ?kind WHERE { GRAPH ?history { ?history $head ?revision . ?revision $document ?document ; $kind ?kind } }"
_READY = "ASK { GRAPH $graph { $graph $version $number } }"
_MARK = "INSERT DATA { GRAPH $graph { $graph $version $number } }"


def prepare_aliases(tools: Toolbox) -> None:
    """Make the graph of old IRIs, or empty it where the setting does not want it; on a full disk it stays as it is, and the start goes on."""
    graph, wanted = tools.names.aliases, tools.names.aliased
    ready = tools.store.ask(fill(_READY, graph=graph, version=HUB.aliasVersion, number=Literal(VERSION)))
    if ready == wanted:
        return
    try:
        tools.store.update(fill("DROP SILENT GRAPH $graph", graph=graph))
        if wanted:
            _make(tools)
            tools.store.update(fill(_MARK, graph=graph, version=HUB.aliasVersion, number=Literal(VERSION)))
    except StoreFull as error:
        LOG.warning("the graph of old IRIs is not %s yet: %s", "complete" if wanted else "empty", error.detail)


def _make(tools: Toolbox) -> None:
    rows = tools.store.select(fill(_DOCUMENTS, head=HUB.head, document=HUB.document, kind=HUB.kind))
    found = [(row["document"], str(row["kind"].value)) for row in rows]
    documents = [(each, kind) for each, kind in found if isinstance(each, NamedNode) and may_have_aliases(kind)]
    for first in range(0, len(documents), _BATCH):
        said = [
            triple
            for document, kind in documents[first : first + _BATCH]
            for triple in aliases(tools.names.thing(kind, document.value.rpartition("/")[2]), kind, tools.description(document))
        ]
        if said:
            tools.store.update(fill("INSERT DATA { GRAPH $graph { $said } }", graph=tools.names.aliases, said=said))
