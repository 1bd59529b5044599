"""The shapes declare what the hub serves: they are good SHACL, complete for forms and references, and say the same thing by the same key."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyshacl
import pytest
import rdflib
import shacl
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse, serialize

from server.graph.gate import Gate
from server.graph.kinds import Field, Registry, Shape
from server.graph.literals import STORED
from server.graph.turtle import Reader
from server.graph.vocabulary import DASH, HUB, PREFIXES, RDF, RDFS, SH
from tests.shapes.conftest import FOLDER

COLLECTIONS = (
    *("models", "datasets", "runs", "experiments", "fl-services", "fl-trainings", "people", "organisations", "connectors"),
    *("offers", "policies", "agreements", "transfers", "bundles", "backends", "deployments"),
)
EVERYWHERE = ("title", "description", "keywords", "maintainers", "creator", "created", "modified")

# One key means one thing, and nearly always one property; here two vocabularies have a word of their own for it.
SAME_KEY_OTHER_PATH = {
    "title": {"dct:title", "foaf:name"},  # people have names
    "task": {"mls:achieves", "fair4ml:mlTask"},  # a run achieves a task, a model is made for it
    "algorithm": {"mls:realizes", "hub:algorithm"},  # a run realizes an algorithm, a model is only known to come from one
    "value": {"mls:hasValue", "schema:value"},  # a tag is no quality
}
SHACL_CORE = {
    *("path", "name", "description", "message", "order", "group", "severity", "minCount", "maxCount", "datatype", "nodeKind", "class", "node"),
    *("in", "or", "not", "pattern", "minLength", "maxLength", "minInclusive", "maxInclusive", "minExclusive", "uniqueLang", "defaultValue"),
    *("lessThanOrEquals", "disjoint", "qualifiedValueShape", "qualifiedMaxCount", "property", "targetClass", "targetSubjectsOf"),
}
NOTE = """
@prefix shape: <https://w3id.org/cords-hub/shapes#> . @prefix hub: <https://w3id.org/cords-hub/ns#> . @prefix sh: <http://www.w3.org/ns/shacl#> .
shape:Note a sh:NodeShape, hub:Kind ; sh:targetClass <http://site.example/Note> ; hub:collection "notes" ; sh:property shape:title, shape:license .
"""


def short(iri: str) -> str:
    return next((f"{prefix}:{iri[len(space) :]}" for prefix, space in PREFIXES.items() if iri.startswith(space)), iri)


def declared(registry: Registry) -> Iterator[tuple[Shape, Field]]:
    yield from ((shape, found) for shape in (*registry.kinds.values(), *registry.parts.values()) for found in shape.fields)


def keyed(registry: Registry, shapes: Reader) -> list[NamedNode | BlankNode]:
    nodes = {triple.subject for triple in registry.shapes if triple.predicate == HUB.key}
    return [each for each in nodes if isinstance(each, (NamedNode, BlankNode))]


def test_there_is_one_file_for_each_kind() -> None:
    files = {path.stem for path in FOLDER.glob("*.ttl")}
    assert files == {*COLLECTIONS, "common", "parts"}


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_file_of_a_kind_declares_that_kind(collection: str) -> None:
    graph = Reader(quad.triple for quad in parse(path=FOLDER / f"{collection}.ttl", format=RdfFormat.TURTLE))
    assert [graph.text(kind, HUB.collection) for kind in graph.subjects(HUB.Kind)] == [collection]


def test_every_kind_and_part_says_what_it_is(registry: Registry, shapes: Reader) -> None:
    for shape in (*registry.kinds.values(), *registry.parts.values()):
        node = NamedNode(shape.iri)
        assert shapes.text(node, RDFS.label) and (shapes.text(node, RDFS.comment) or "").endswith("."), shape.iri
        assert shape.types, shape.iri


def test_every_kind_has_what_all_kinds_have(registry: Registry) -> None:
    for kind in registry.kinds.values():
        assert [key for key in EVERYWHERE if key not in kind.by_key] == [], kind.collection
        assert kind.by_key["title"].minimum == 1 and kind.by_key["creator"].minimum == 0, kind.collection
        assert all(kind.by_key[key].sort for key in ("title", "created", "modified")), kind.collection
        assert all(kind.by_key[key].read_only for key in ("creator", "created", "modified")), kind.collection


def test_every_member_has_what_a_form_shows(registry: Registry, shapes: Reader) -> None:
    nodes = keyed(registry, shapes)
    assert len(nodes) > 150
    for node in nodes:
        key = shapes.text(node, HUB.key) or ""
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key), key
        for term in (SH.name, SH.description, SH.message, SH.order):
            assert shapes.text(node, term), f"{node} {short(term.value)}"
        assert re.search(r"[.?…]$", shapes.text(node, SH.description) or "") and re.search(r"[.…]$", shapes.text(node, SH.message) or ""), node
        assert isinstance(shapes.value(node, SH.path), NamedNode), node


def test_every_keyed_shape_is_used_and_every_shape_used_exists(registry: Registry, shapes: Reader) -> None:
    used = {triple.object for triple in registry.shapes if triple.predicate == SH.property}
    assert set(keyed(registry, shapes)) - used == set()
    assert {each for each in used if not isinstance(each, Triple) and not shapes.objects(each, SH.path)} == set()
    groups = {triple.object for triple in registry.shapes if triple.predicate == SH.group}
    assert groups == set(shapes.subjects(SH.PropertyGroup))


def test_one_key_is_one_path(registry: Registry) -> None:
    paths: dict[str, set[str]] = defaultdict(set)
    for _, found in declared(registry):
        paths[found.key].add(short(found.path.value))
    assert {key: found for key, found in paths.items() if len(found) > 1} == SAME_KEY_OTHER_PATH


def test_no_two_members_of_a_thing_share_a_path(registry: Registry) -> None:
    """So that what SHACL demands of a path is demanded of one member."""
    for shape in (*registry.kinds.values(), *registry.parts.values()):
        assert {short(path.value): [each.key for each in fields] for path, fields in shape.by_path.items() if len(fields) > 1} == {}


def test_references_name_kinds_and_leave_the_check_to_the_hub(registry: Registry, shapes: Reader) -> None:
    kinds = {NamedNode(kind.iri) for kind in registry.kinds.values()}
    nodes = {triple.subject for triple in registry.shapes if triple.predicate == HUB.refersTo}
    assert nodes
    for node in nodes:
        assert isinstance(node, NamedNode)
        assert set(shapes.objects(node, HUB.refersTo)) <= kinds, node
        assert shapes.value(node, SH.nodeKind) == SH.IRI and not shapes.objects(node, SH["class"]), node


def node_of(registry: Registry, shapes: Reader, found: Field) -> NamedNode | BlankNode:
    said = (found.key, found.path.value)
    return next(each for each in keyed(registry, shapes) if (shapes.text(each, HUB.key), shapes.text(each, SH.path)) == said)


def test_parts_are_checked_as_what_they_are(registry: Registry, shapes: Reader) -> None:
    for _, found in declared(registry):
        if (part := registry.part_of(found)) is None:
            continue
        node = node_of(registry, shapes, found)
        assert shapes.text(node, SH.node) == part.iri and shapes.value(node, SH["class"]) == part.types[0], found.key
        assert shapes.value(node, SH.nodeKind) == SH.IRI, found.key
        assert (part.naming is not None) == (part.shared is not None), part.iri
        if part.shared:
            assert part.naming and part.naming.key == "label" and len(part.fields) == 1, f"{part.iri} would not say the same in every graph"


def test_classes_lead_to_one_kind_or_part(registry: Registry) -> None:
    taken = [*registry.by_class, *(part.types[0] for part in registry.parts.values())]
    assert {each.value for each in taken if taken.count(each) > 1} == set()


def test_only_what_engines_and_stores_do_alike_is_used() -> None:
    triples = [quad.triple for path in FOLDER.glob("*.ttl") for quad in parse(path=path, format=RdfFormat.TURTLE)]
    words = {triple.predicate.value.removeprefix(PREFIXES["sh"]) for triple in triples if triple.predicate.value.startswith(PREFIXES["sh"])}
    assert words - SHACL_CORE == set()
    assert {triple.object for triple in triples if triple.predicate == SH.datatype} & set(STORED) == set(), "stores keep a wider type"


def test_defaults_are_among_the_choices(registry: Registry) -> None:
    for _, found in declared(registry):
        assert found.default is None or not found.choices or found.default in found.choices, found.key


@pytest.mark.slow
def test_the_shapes_are_good_shacl(registry: Registry) -> None:
    text = (serialize(registry.shapes, format=RdfFormat.N_TRIPLES) or b"").decode()
    graph = rdflib.Graph().parse(data=text, format="nt")
    conforms, _, report = pyshacl.validate(rdflib.Graph(), shacl_graph=graph, meta_shacl=True, advanced=False)
    assert conforms, report
    assert shacl.Shapes.from_text(text, "ntriples").validate_text("", "ntriples").conforms


def test_a_site_can_add_a_kind_that_uses_the_common_members(tmp_path: Path) -> None:
    (tmp_path / "notes.ttl").write_text(NOTE, "utf-8")
    assert list(Registry.load([FOLDER, tmp_path]).kinds["notes"].by_key) == ["title", "license"]


def refused(gate: Gate, *triples: Triple) -> bool:
    fast, verdict = gate.passes(triples), gate.judge(triples)
    assert fast == verdict.conforms
    return not fast


def test_people_have_no_contact_data_and_nothing_has_secrets(gate: Gate) -> None:
    ada = NamedNode("http://hub.example/id/people/" + "a" * 64)
    person = (Triple(ada, RDF.type, NamedNode(PREFIXES["foaf"] + "Person")), Triple(ada, NamedNode(PREFIXES["foaf"] + "name"), Literal("Ada")))
    assert not refused(gate, *person)
    for term in (PREFIXES["foaf"] + "mbox", PREFIXES["schema"] + "email", PREFIXES["foaf"] + "phone", "http://www.w3.org/2006/vcard/ns#hasEmail"):
        assert refused(gate, *person, Triple(ada, NamedNode(term), NamedNode("mailto:ada@hub.example")))
    for secret in (HUB.passwordHash, HUB.digest, HUB.email, HUB.account):
        assert refused(gate, Triple(NamedNode("http://anything.example/"), secret, Literal("s3cret")))


def test_a_run_is_no_resource(gate: Gate) -> None:
    run = NamedNode("http://hub.example/id/runs/" + "b" * 64)
    mls, dcat, dct = PREFIXES["mls"], PREFIXES["dcat"], PREFIXES["dct"]
    graph = (Triple(run, RDF.type, NamedNode(mls + "Run")), Triple(run, NamedNode(dct + "title"), Literal("first")))
    assert not refused(gate, *graph)
    for type_ in (dcat + "Resource", dcat + "Dataset", mls + "Model", PREFIXES["prov"] + "Entity"):
        assert refused(gate, *graph, Triple(run, RDF.type, NamedNode(type_)))


def test_help_never_promises_what_the_hub_does_not_check(registry: Registry, shapes: Reader) -> None:
    """A read-only member says that the hub sets it; no other does."""
    for node in keyed(registry, shapes):
        assert shapes.flag(node, DASH.readOnly) == ("set by the hub" in (shapes.text(node, SH.description) or "")), node
