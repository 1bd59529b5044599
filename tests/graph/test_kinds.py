"""A shape says everything of a kind; what it says badly is found at the start, by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode

from server.graph.kinds import Kind, Registry, ShapesError
from server.graph.vocabulary import DCT, HUB, RDF, RDFS, SH, XSD
from tests.graph.conftest import Toys
from tests.support.toys import TOY

PREFIXES = """
@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix hub: <https://w3id.org/cords-hub/ns#> . @prefix ex: <http://toys.example/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
KIND = 'a sh:NodeShape, hub:Kind ; sh:targetClass ex:Thing ; hub:collection "things"'


def keyed(key: str) -> str:
    return f'ex:S {KIND} ; sh:property [ hub:key "{key}" ; sh:path ex:a ] .'


def parse(text: str) -> Registry:
    return Registry.parse([("site.ttl", PREFIXES + text)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ex:Broken a sh:NodeShape ;;; [", "site.ttl"),
        ("ex:S a sh:NodeShape, hub:Kind ; sh:targetClass ex:Thing .", "needs one hub:collection"),
        ('ex:S a sh:NodeShape, hub:Kind ; hub:collection "things" .', "sh:targetClass"),
        ('ex:S a sh:NodeShape, hub:Kind ; sh:targetClass ex:Thing ; hub:collection "../things" .', "../things is no word"),
        (f'ex:S {KIND} . ex:T a sh:NodeShape, hub:Kind ; sh:targetClass ex:Thing ; hub:collection "others" .', "target class http://toys.example/ns#Thing"),
        (f'ex:S {KIND} . ex:T a sh:NodeShape, hub:Kind ; sh:targetClass ex:Other ; hub:collection "things" .', "the collection things"),
        (f'ex:S {KIND} ; sh:property [ hub:key "a" ; sh:path ex:a ], [ hub:key "a" ; sh:path ex:b ] .', "the key a is taken twice"),
        *((keyed(key), f"the key {key} is taken twice or reserved") for key in ("id", "iri", "type", "revision")),
        *((keyed(key), f"the key {key} is no word") for key in ("a.b", "a:b", "2a", "@id", "a b")),
        (f'ex:S {KIND} ; sh:property [ hub:key "a" ] .', "the key a needs a sh:path"),
        (f'ex:S {KIND} ; sh:property [ hub:key "a" ; sh:path [ sh:inversePath ex:a ] ] .', "the key a needs a sh:path"),
        (f'ex:S {KIND} ; sh:property [ hub:key "a" ; sh:path ex:a ; hub:refersTo ex:Nobody ] .', "refers to http://toys.example/ns#Nobody"),
        (f'ex:S {KIND} ; sh:property [ hub:key "a" ; sh:path ex:a ; hub:part ex:Part ] . ex:Part a sh:NodeShape .', "ex:Part".replace("ex:", "ns#")),
        (
            f'ex:S {KIND} ; sh:property [ hub:key "a" ; sh:path ex:a ; hub:part ex:Part ] . '
            'ex:Part a sh:NodeShape ; hub:type ex:P ; sh:property [ hub:key "b" ; sh:path ex:b ; hub:part ex:Part ] .',
            "is a part of itself",
        ),
        *(
            (f'ex:S {KIND} ; sh:property [ hub:key "a" ; sh:path ex:a ; {term} "many" ] .', "the key a: many is no number")
            for term in ("sh:order", "sh:minCount", "sh:maxCount", "sh:minLength", "sh:maxLength", "sh:minInclusive", "sh:maxExclusive", "hub:search")
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(ShapesError, match=message.replace(".", r"\.")):
        parse(text)


def test_files_are_named_too(tmp_path: Path) -> None:
    (tmp_path / "good.ttl").write_text(TOY, "utf-8")
    assert list(Registry.load([tmp_path]).kinds) == ["toys"]
    (tmp_path / "bad.ttl").write_bytes(b'<http://x.example/> <http://x.example/> "\xff" .')
    with pytest.raises(ShapesError, match=r"bad\.ttl"):
        Registry.load([tmp_path])


def test_no_shapes_make_no_kinds(tmp_path: Path) -> None:
    assert Registry.load([tmp_path]).kinds == {}


def test_a_kind_is_what_its_shape_says(toys: Toys) -> None:
    kind = toys.kind
    assert (kind.collection, kind.label, kind.comment, kind.external) == ("toys", "toy", "Something to play with.", False)
    assert kind.targets == kind.types == (NamedNode("http://toys.example/ns#Toy"),)
    assert [each.key for each in kind.fields][:3] == ["title", "description", "keywords"], "in the order of sh:order"
    title, price = kind.by_key["title"], kind.by_key["price"]
    assert (title.path, title.minimum, title.single, title.language, title.search, title.sort) == (DCT.title, 1, False, True, 3, True)
    assert title.bounds == {"maxLength": 300} and title.help == "What it is called."
    assert (price.datatypes, price.single, price.facet, price.bounds) == ({XSD.double}, True, True, {"minimum": 0.0})
    assert kind.by_key["description"].minimum == 0, "what is only recommended is not required"
    assert kind.by_key["state"].choices == (Literal("new"), Literal("used")) and kind.by_key["state"].default == Literal("new")
    assert kind.by_key["serial"].unique and kind.by_key["created"].read_only
    assert kind.by_key["license"].iri and kind.by_key["license"].iri_prefix == "http://spdx.org/licenses/"
    assert kind.by_key["goes_with"].refers == ("toys",)
    assert [each.key for each in kind.by_path[NamedNode("http://toys.example/ns#has")]] == ["wheels", "friends"]
    assert kind.defaulted == (kind.by_key["state"],)


def test_parts_are_shapes_of_their_own(toys: Toys) -> None:
    wheel = toys.registry.part_of(toys.kind.by_key["wheels"])
    assert wheel is not None and not isinstance(wheel, Kind) and wheel.naming is None
    material = toys.registry.part_of(wheel.by_key["material"])
    assert material is not None and material.shared == "materials" and material.naming is not None and material.naming.path == RDFS.label
    assert toys.registry.part_of(toys.kind.by_key["title"]) is None


def test_what_can_be_filtered_goes_into_parts(toys: Toys) -> None:
    keys = set(toys.registry.filterable(toys.kind))
    assert {"keywords", "price", "fragile", "state", "license", "goes_with", "creator", "created", "wheels.size", "wheels.material"} <= keys
    assert "description" not in keys and "wheels.material.label" not in keys
    assert toys.registry.filterable(toys.kind) is toys.registry.filterable(toys.kind)


def test_narrow_datatypes_are_asked_for_as_stores_keep_them(toys: Toys) -> None:
    """A store answers xsd:dateTime for a dateTimeStamp and xsd:integer for a byte; what is narrower about them is a condition of its own."""
    assert toys.kind.by_key["bought"].datatypes == {XSD.dateTime} and toys.kind.by_key["bought"].bounds["pattern"] == r"(Z|[+-]\d\d:\d\d)$"
    registry = parse(f"""ex:S {KIND} ; sh:property [ hub:key "a" ; sh:path ex:a ; sh:datatype xsd:nonNegativeInteger ],
        [ hub:key "b" ; sh:path ex:b ; sh:datatype xsd:positiveInteger ], [ hub:key "c" ; sh:path ex:c ; sh:datatype xsd:byte ] .""")
    fields = registry.kinds["things"].by_key
    assert all(each.datatypes == {XSD.integer} for each in fields.values())
    assert [each.bounds for each in fields.values()] == [{"minimum": 0.0}, {"minimum": 1.0}, {}]
    datatypes = {each.object for each in registry.shapes if each.predicate == SH.datatype}
    assert datatypes == {XSD.integer}


def test_words_are_in_english_or_untagged_first() -> None:
    kind = parse(f'ex:S {KIND} ; rdfs:label "Ding"@de, "thing"@en ; rdfs:comment "Irgendwas."@de .').kinds["things"]
    assert (kind.label, kind.comment) == ("thing", "Irgendwas.")
    assert parse(f"ex:Some a sh:NodeShape . <http://toys.example/ns#Named> {KIND} .").kinds["things"].label == "Named"


def test_the_shapes_graph_is_kept_whole(toys: Toys) -> None:
    assert any(each.predicate == HUB.key and each.object == Literal("wheels") for each in toys.registry.shapes)
    assert any(each.predicate == RDF.type and each.object == HUB.Kind for each in toys.registry.shapes)
