"""Nothing is called by a name that no ontology explains: shapes, code and stored queries use described terms only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyoxigraph import Literal, NamedNode, RdfFormat, parse

from server.graph.ontology import FOLDER, Ontologies
from server.graph.vocabulary import PREFIXES, expand

PROJECT = FOLDER.parent
OURS = ("hub", "cords", "cordsfl", "mls", "ids", "idsc")  # whoever uses these has to find a description in ontology/
ATTRIBUTE = re.compile(r"\b(HUB|MLS|IDS|IDSC|CORDS|CORDSFL)(?:\.([A-Za-z]\w*)|\[\"([A-Za-z]\w*)\"\])")
NAME = re.compile(rf"(?<![\w/.<-])({'|'.join(OURS)}):([A-Za-z]\w*)")


def names_in(text: str) -> Iterator[str]:
    yield from (f"{prefix}:{local}" for prefix, local in NAME.findall(text))
    yield from (f"{namespace.lower()}:{attribute or item}" for namespace, attribute, item in ATTRIBUTE.findall(text))


def undescribed(ontologies: Ontologies, folder: str, *suffixes: str) -> set[str]:
    paths = [path for path in (PROJECT / folder).rglob("*") if path.suffix in suffixes]
    assert paths, f"nothing to look at in {folder}"
    names = {name for path in paths for name in names_in(path.read_text(encoding="utf-8"))}
    return {name for name in names if not ontologies.knows(NamedNode(expand(name)))}


def test_the_code_names_described_terms(ontologies: Ontologies) -> None:
    assert undescribed(ontologies, "server", ".py") == set()


def test_stored_queries_name_described_terms(ontologies: Ontologies) -> None:
    assert undescribed(ontologies, "queries", ".rq") == set()


def test_shapes_use_described_terms(ontologies: Ontologies) -> None:
    paths = sorted((PROJECT / "shapes").glob("*.ttl"))
    assert paths
    used = {end for path in paths for quad in parse(path=path, format=RdfFormat.TURTLE) for end in (quad.predicate, quad.object)}
    used |= {end.datatype for end in used if isinstance(end, Literal)}
    spoken = tuple(PREFIXES[prefix] for prefix in PREFIXES if prefix != "shape")  # other IRIs are values, such as a media type
    terms = {end for end in used if isinstance(end, NamedNode) and end.value.startswith(spoken)}
    assert len(terms) > 100
    assert {term.value for term in terms if not ontologies.knows(term)} == set()
