"""What a thing has to do with others: its lineage, and whether it contradicts the ontologies together with its neighbours."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from flask import Response
from flask.typing import ResponseReturnValue
from pyoxigraph import NamedNode

from server.graph.kinds import Kind
from server.graph.vocabulary import compact
from server.http import pages, representations
from server.http.auth import current_caller, current_hub
from server.http.negotiate import negotiate, vary
from server.http.operations import Parameter, arguments
from server.services.lineage import DOWN, UP, Lineage, Step

JSON, CSV = "application/json", "text/csv"
TYPES = (*pages.GRAPHS, CSV)
QUERY = (
    Parameter("direction", "up: what it came from; down: what came of it.", choices=("both", UP, DOWN)),
    Parameter("depth", "Steps to go; by default all.", type="integer", minimum=1, maximum=1000),
    Parameter("limit", "Statements in each answer, at most.", type="integer", minimum=1, maximum=10_000),
    Parameter("vocabulary", "For RDF: own, the statements as they stand; prov, the words of PROV-O alone.", choices=("own", "prov")),
)
_COLUMNS = ("direction", "depth", "from", "relation", "to", "via", "from_title", "to_title", "to_type", "value")


def lineage(kind: Kind, id: str) -> ResponseReturnValue:
    """Answer what a thing came from and what came of it, as rows or as a graph."""
    hub, given = current_hub(), arguments()
    wanted = given.get("direction", "both")
    thing = hub.assets.read(kind.collection, id)
    found = hub.tracing.trace(thing, (UP, DOWN) if wanted == "both" else (wanted,), given.get("depth", 100), given.get("limit", 1000))
    chosen = negotiate((JSON, *TYPES))
    if chosen in (JSON, CSV):
        return vary(_rows(found, chosen))
    graph = hub.tracing.prov(found) if given.get("vocabulary") == "prov" else hub.tracing.graph(found)
    links = (f'<{thing.document.value}>; rel="up"',)
    return pages.graph(graph, f"Lineage of {found.title(thing.iri) or thing.id}", links=links, about=NamedNode(f"{thing.document.value}/lineage"))


def reasoning(kind: Kind, id: str) -> ResponseReturnValue:
    """Answer whether a thing contradicts the ontologies, together with what it has to do with."""
    found = current_hub().linked.reasoning.judge(current_caller(), kind.collection, id)
    return representations.json({"consistent": not found.contradictions, **asdict(found)})


def _rows(found: Lineage, media_type: str) -> Response:
    items = [_row(found, each) for each in found.steps]
    if media_type == JSON:
        body: dict[str, Any] = {"thing": found.thing.value, "items": items, "truncated": found.truncated}
        return representations.json(body)
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\r\n")
    table.writeheader()
    table.writerows(items)
    return Response(text.getvalue(), content_type=f"{CSV}; charset=utf-8")


def _row(found: Lineage, step: Step) -> dict[str, Any]:
    subject = step.statement.subject
    via = subject.value if isinstance(subject, NamedNode) and subject not in (step.start, step.end) else None
    types = [compact(each.value) for each in found.types(step.end)]
    row = {
        "direction": step.direction,
        "depth": step.depth,
        "from": step.start.value,
        "relation": compact(step.statement.predicate.value),
        "to": step.end.value if isinstance(step.end, NamedNode) else None,
        "via": via,
        "from_title": found.title(step.start),
        "to_title": found.title(step.end),
        "to_type": types[0] if types else None,
        "value": found.value(step.end),
    }
    return {key: value for key, value in row.items() if value is not None}
