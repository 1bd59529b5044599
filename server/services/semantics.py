"""The semantic description of a model as the clients of the CORDS service read it, computed from the stored graph.

The form is theirs: seven prefixes whose IRIs lack the final `#`, things named in `http://example.org#`, every value a string. What it
says is right: each term is the one that its name means, nothing is cut at a `#`, two things of one name keep their types, and the same
graph always gives the same text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from server.graph.cords import CLASSES, PROPERTIES, described
from server.services.assets import Assets
from server.services.harvest import Harvest

CONTEXT = {
    "ex": "http://example.org",
    "mls": "http://www.w3.org/ns/mls",
    "prov": "http://www.w3.org/ns/prov",
    "core": "http://www.w3.org/2004/02/skos/core",
    "dcat": "http://www.w3.org/ns/dcat",
    "cords": "https://www.cords.ie/ontologies/cordsml",
    "fl": "https://www.cords.ie/ontologies/cordsfl",
}
_SCENARIO = "http://example.org#"
_STRING = "http://www.w3.org/2001/XMLSchema#string"
_NO_IRI = re.compile(r'[\x00-\x20\x7f#%<>"{}|\\^`]')

REFRESH_SECONDS = 5.0
"""How long MLflow may take to say what is new about a run that the graph has already."""

IMPORT_SECONDS = 30.0
"""How long MLflow may take to tell of a run that the graph does not have yet."""


class Semantics:
    """Describes models, importing what MLflow knows first."""

    def __init__(self, assets: Assets, harvest: Harvest) -> None:
        """Describe these assets."""
        self._assets, self._harvest = assets, harvest

    def of(self, model_id: str) -> dict[str, Any]:
        """Describe a model by its run.

        While MLflow is away the graph answers; only a run that is not in the graph yet needs it, and raises what `Harvest.model` raises.
        """
        model = self._assets.read("models", model_id)
        model = self._harvest.attempt(model, REFRESH_SECONDS) if model.values("run") else self._harvest.model(model, IMPORT_SECONDS)
        run = self._assets.read("runs", str(model.values("run")[0].value).rpartition("/")[2])
        return semantics(self._assets.tools.json(run))


def semantics(run: Mapping[str, Any]) -> dict[str, Any]:
    """Write the description of a model from the JSON of the run that made it: its metrics, then what its tags say, by name of the class."""
    metrics = sorted((str(each["measure"]["label"]), each["value"]) for each in run.get("metrics", ()))
    tags = described((each["name"], each["value"]) for each in _ordered(run.get("tags", ())))
    nodes = [_evaluation(measure, value) for measure, value in metrics]
    nodes += [_node(each.name, each.type, {each.iri(term): value for term, value in each.properties.items()}) for _, each in sorted(tags.items())]
    return {"@context": CONTEXT, "cords:mlmetadata": nodes}


def _ordered(tags: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    yield from sorted(tags, key=lambda tag: (str(tag["name"]), str(tag["value"])))


def _evaluation(measure: str, value: Any) -> dict[str, Any]:
    properties = {PROPERTIES["specifiedBy"]: measure, PROPERTIES["hasValue"]: _number(value)}
    return _node(f"modelEvaluation_{measure}", CLASSES["ModelEvaluation"], properties)


def _number(value: Any) -> str:
    """Spell a number as Python does, which is how clients know it."""
    number = float(str(value).replace("INF", "inf"))
    return "nan" if math.isnan(number) else str(number)


def _node(name: str, type_: str, properties: Mapping[str, str]) -> dict[str, Any]:
    said = {_short(iri): {"@type": _STRING, "@value": value} for iri, value in properties.items()}
    return {"@id": _SCENARIO + _NO_IRI.sub(lambda found: quote(found[0]), name), "@type": _short(type_), **dict(sorted(said.items()))}


def _short(iri: str) -> str:
    """Shorten an IRI by one of the seven prefixes; any other stays whole, which is JSON-LD too."""
    namespace, _, local = iri.rpartition("#")
    prefix = next((prefix for prefix, known in CONTEXT.items() if known == namespace), None)
    return f"{prefix}:{local}" if prefix else iri
