"""The semantic description of a model as the clients of the CORDS service read it, computed from the stored graph.

The form is theirs: seven prefixes whose IRIs lack the final `#`, things named in `http://example.org#`, every value a string. What it
says is right: each term is the one that its name means, nothing is cut at a `#`, two things of one name keep their types, and the same
graph always gives the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import Any
from urllib.parse import quote

from cachetools import LRUCache, TTLCache
from pyoxigraph import NamedNode

from server.errors import Gone, NotFound, UpstreamUnavailable
from server.graph.cords import CLASSES, PROPERTIES, described
from server.graph.literals import canonical_triple, python_number
from server.graph.nesting import nested
from server.graph.vocabulary import HUB, PREFIXES, RDF
from server.services.assets import Assets
from server.services.callers import Caller
from server.services.drafts import Document
from server.services.harvest import Harvest
from server.services.statements import METADATA, SCENARIO, Said, Statements
from server.services.things import Thing
from server.services.views import Subject, Views
from server.store.text import fill

CONTEXT = {
    "ex": "http://example.org",
    "mls": "http://www.w3.org/ns/mls",
    "prov": "http://www.w3.org/ns/prov",
    "core": "http://www.w3.org/2004/02/skos/core",
    "dcat": "http://www.w3.org/ns/dcat",
    "cords": "https://www.cords.ie/ontologies/cordsml",
    "fl": "https://www.cords.ie/ontologies/cordsfl",
}
_STRING = "http://www.w3.org/2001/XMLSchema#string"
_SHORT = {namespace: prefix for prefix, namespace in CONTEXT.items()} | {PREFIXES["cordsfl"].rstrip("#"): "fl"}
_NO_IRI = re.compile(r'[\x00-\x20\x7f#%<>"{}|\\^`]')

REFRESH_SECONDS = 5.0
"""How long MLflow may take to say what is new about a run that the graph has already."""

FRESH_SECONDS = 5.0
"""How long what MLflow has said of a run is taken for what it would say now."""

COLLECTION, RUNS, VIEW = "models", "runs", "cords"
_HEAD = "SELECT ?head WHERE { GRAPH $history { $history $head ?head } }"

IMPORT_SECONDS = 30.0
"""How long MLflow may take to tell of a run that the graph does not have yet."""


class Semantics:
    """Describes models, importing what MLflow knows first."""

    def __init__(self, assets: Assets, harvest: Harvest, views: Views) -> None:
        """Describe these assets; the whole graph of one is the view `cords`."""
        self._assets, self._harvest, self._views = assets, harvest, views
        self.statements = Statements(assets)
        self._asked: TTLCache[str, bool] = TTLCache(maxsize=10_000, ttl=FRESH_SECONDS)
        self._kept: LRUCache[str, list[dict[str, Any]]] = LRUCache(maxsize=1_000)
        self._lock = Lock()

    def of(self, model_id: str, *, fresh: bool = False) -> dict[str, Any]:
        """Describe a model by its run and by what its owner says.

        What the graph has answers while MLflow is away, and for `FRESH_SECONDS` after it was asked unless the description has to be `fresh`.
        Only a run that is not in the graph yet needs it, and raises what `Harvest.model` raises.
        """
        model = self._imported(model_id, fresh)
        return {"@context": CONTEXT, METADATA: self._nodes(model)}

    def whole(self, model_id: str, *, fresh: bool = False) -> dict[str, Any]:
        """Describe a model by the whole graph, which is the view `cords`, as a tree of JSON-LD 1.1."""
        model = self._imported(model_id, fresh)
        said = self._views.one(self._views.named(VIEW, COLLECTION), Subject(model.iri, model.document))
        return nested((canonical_triple(each) for each in said), model.iri)

    def write(self, caller: Caller, model_id: str, document: Document, expected: str | int | None, *, add: bool) -> dict[str, Any]:
        """Replace what the owner of a model says of it beside what is generated, or add to it; return the description as it is then.

        Raises what `Statements.write` raises.
        """
        model = self._assets.read(COLLECTION, model_id)
        model = self.statements.write(caller, model, document, expected, add=add, known=self._generated(model))
        return {"@context": CONTEXT, METADATA: self._nodes(model)}

    def own(self, model_id: str) -> dict[str, Any]:
        """Return what the owner of a model says of it, and no more, in the form in which it can be sent again."""
        model = self._assets.read(COLLECTION, model_id)
        return {"@context": CONTEXT, METADATA: own_nodes(self.statements.of(model), model)}

    def _imported(self, model_id: str, fresh: bool) -> Thing:
        """Read a model with its run; ask MLflow where that has not been done a moment ago."""
        model = self._assets.read(COLLECTION, model_id)
        if model.values("run"):
            with self._lock:
                known = not fresh and model_id in self._asked
                self._asked[model_id] = True
            return model if known else self._harvest.attempt(model, REFRESH_SECONDS)
        try:
            return self._harvest.model(model, IMPORT_SECONDS)
        except (NotFound, UpstreamUnavailable):
            if self.statements.of(model):
                return model  # what its owner says is a description too
            raise

    def _nodes(self, model: Thing) -> list[dict[str, Any]]:
        return _joined(self._generated(model), own_nodes(self.statements.of(model), model))

    def _generated(self, model: Thing) -> list[dict[str, Any]]:
        """List the nodes that follow from the run of a model; what one revision of a run gives is always the same, and is kept."""
        run = next((each for each in model.values("run") if isinstance(each, NamedNode)), None)
        if run is None:
            return []
        tools, id = self._assets.tools, run.value.rpartition("/")[2]
        history = tools.names.history(tools.names.document(RUNS, id))
        heads = [str(row["head"]) for row in tools.store.select(fill(_HEAD, history=history, head=HUB.head))]
        with self._lock:
            known = self._kept.get(heads[0]) if heads else None
        if known is None:
            try:
                found = self._assets.read(RUNS, id)
            except (NotFound, Gone):  # a curator has taken it away; what the owner says is left
                return []
            known = generated(tools.json(found))
            with self._lock:
                self._kept[str(tools.names.revision(found.document, found.revision))] = known
        return known


def semantics(run: Mapping[str, Any]) -> dict[str, Any]:
    """Write the description of a model from the JSON of the run that made it."""
    return {"@context": CONTEXT, METADATA: generated(run)}


def generated(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the nodes that follow from a run: its metrics, then what its tags say, by name of the class."""
    metrics = sorted((str(each["measure"]["label"]), each["value"]) for each in run.get("metrics", ()))
    tags = described((each["name"], each["value"]) for each in _ordered(run.get("tags", ())))
    nodes = [_evaluation(measure, value) for measure, value in metrics]
    return nodes + [
        _node(each.name, each.type, {each.iri(term): value for term, value in each.properties.items()}) for _, each in sorted(tags.items())
    ]


def own_nodes(said: Said, model: Thing) -> list[dict[str, Any]]:
    """List the nodes of the owner's own statements, by name; values are strings like those that are generated."""
    root = model.iri.value
    nodes = []
    for iri, about in sorted(said.items()):
        types = [each["@id"] for each in about.get(RDF.type.value, ())] if iri != root else [CLASSES["Model"]]
        name = SCENARIO + (model.id if iri == root else iri.removeprefix(f"{root}#")) if iri == root or iri.startswith(f"{root}#") else iri
        properties = {_short(key): [_plain(each, root) for each in values] for key, values in about.items() if key != RDF.type.value}
        shown = {key: values[0] if len(values) == 1 else values for key, values in sorted(properties.items())}
        nodes.append({"@id": name, **({"@type": _short(types[0])} if types else {}), **shown})
    return nodes


def _plain(value: Mapping[str, Any], root: str) -> dict[str, str]:
    text = str(value.get("@value", value.get("@id")))
    return {"@type": _STRING, "@value": text.removeprefix(f"{root}#") if "@id" in value else text}


def _joined(nodes: list[dict[str, Any]], own: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what the owner says of a node that is generated into that node, and the other nodes behind."""
    places = {(node["@id"], node["@type"]): place for place, node in reversed(list(enumerate(nodes)))}
    named = {node["@id"]: place for place, node in reversed(list(enumerate(nodes)))}
    joined = [dict(node) for node in nodes]
    for each in own:
        place = places.get((each["@id"], each["@type"])) if "@type" in each else named.get(each["@id"])
        if place is None:
            joined.append(each)
            continue
        for key, value in each.items():
            if key not in ("@id", "@type"):
                there = joined[place].get(key, [])
                joined[place][key] = value if not there else [*_listed(there), *_listed(value)]
    return joined


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _ordered(tags: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    yield from sorted(tags, key=lambda tag: (str(tag["name"]), str(tag["value"])))


def _evaluation(measure: str, value: Any) -> dict[str, Any]:
    properties = {PROPERTIES["specifiedBy"]: measure, PROPERTIES["hasValue"]: python_number(str(value))}
    return _node(f"modelEvaluation_{measure}", CLASSES["ModelEvaluation"], properties)


def _node(name: str, type_: str, properties: Mapping[str, str]) -> dict[str, Any]:
    said = {_short(iri): {"@type": _STRING, "@value": value} for iri, value in properties.items()}
    return {"@id": SCENARIO + _NO_IRI.sub(lambda found: quote(found[0]), name), "@type": _short(type_), **dict(sorted(said.items()))}


def _short(iri: str) -> str:
    """Shorten an IRI by one of the seven prefixes; any other stays whole, which is JSON-LD too."""
    namespace, _, local = iri.rpartition("#")
    prefix = _SHORT.get(namespace)
    return f"{prefix}:{local}" if prefix else iri
