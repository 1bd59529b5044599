"""What is wrong with the form of a document is said with a pointer to where it is."""

from __future__ import annotations

from typing import Any

import pytest
from pyoxigraph import Literal, NamedNode, Triple

from server.errors import DoesNotConform, HubError, Malformed
from server.graph.vocabulary import DCT, RDF, XSD
from tests.graph.conftest import NAMES, TOY, TOY_ID, Toys

EX = "http://toys.example/ns#"
OTHER = "b" * 64


def faults(toys: Toys, body: Any, error: type[HubError]) -> dict[str, str]:
    with pytest.raises(error) as caught:
        toys.read(body)
    assert caught.value.detail
    return {fault.pointer: fault.message for fault in caught.value.faults}


def values(toys: Toys, body: dict[str, Any], key: str) -> list[Any]:
    draft = toys.read({"title": "x", **body})
    return draft.nodes.get(TOY, {}).get(toys.kind.by_key[key].path, [])


@pytest.mark.parametrize("body", [None, 5, "x", [], [{"title": "x"}]])
def test_a_document_is_one_object(toys: Toys, body: Any) -> None:
    assert faults(toys, body, Malformed) == {"": "Not a JSON object."}


def test_unknown_members_are_named_with_the_nearest_known(toys: Toys) -> None:
    found = faults(toys, {"titel": "x", "zzz": 1, "wheels": [{"size": 1, "sise": 2}], "a/b~c": 1}, Malformed)
    assert found["/titel"].endswith("did you mean title?") and "takes a whole IRI as its key" in found["/zzz"]
    assert found["/wheels/0/sise"].endswith("did you mean size?")
    assert "/a~1b~0c" in found, "a pointer escapes what JSON Pointer escapes"


@pytest.mark.parametrize(
    ("body", "pointer", "message"),
    [
        ({"price": [1]}, "/price", "one value, not an array"),
        ({"title": {"en": 5}}, "/title", "takes text, or an object of language tags"),
        ({"title": {"not a tag": "x"}}, "/title", "language tag"),
        ({"title": {"": "x"}}, "/title", "language tag"),
        ({"title": {"@value": "x", "@language": "e n"}}, "/title", "language tag"),
        ({"title": {"@value": "x", "@type": "rdf:langString"}}, "/title", "needs @language"),
        ({"title": {"@value": "x", "@type": "xsd:string", "@language": "en"}}, "/title", "@type"),
        ({"title": {"@value": ["x"]}}, "/title", "@value"),
        ({"title": [["x"]]}, "/title/0", "takes a plain value"),
        ({"title": [None]}, "/title/0", "takes a plain value"),
        ({"title": "a\x00b"}, "/title", "title has a control character"),
        ({"license": 5}, "/license", "takes the text of an IRI"),
        ({"license": "http://x.example/ a"}, "/license", "absolute IRI"),
        ({"license": 'http://x.example/"'}, "/license", "absolute IRI"),
        ({"license": "http://x.example/>"}, "/license", "absolute IRI"),
        ({"license": {"@value": "MIT"}}, "/license", "takes a plain value"),
        ({"goes_with": ["nobody"]}, "/goes_with/0", "the IRI or id of one of the toys"),
        ({"goes_with": [{"title": "x"}]}, "/goes_with/0", "takes a plain value"),
        ({"wheels": [5]}, "/wheels/0", "takes an object that describes a wheel"),
        ({"wheels": ["big"]}, "/wheels/0", "takes an object that describes a wheel"),
        ({"wheels": {"size": 1, "material": {}}}, "/wheels/material", "label that names the material"),
        ({"wheels": {"size": 1, "material": {"label": " "}}}, "/wheels/material", "label that names the material"),
        ({"wheels": {"size": 1, "material": {"label": {"en": "x"}}}}, "/wheels/material", "label that names the material"),
        ({"wheels": {"iri": "http://elsewhere.example/w", "size": 1}}, "/wheels", "not below"),
        ({"wheels": {"iri": 5, "size": 1}}, "/wheels", "not below"),
        ({"wheels": {"iri": f"{TOY.value}/a b", "size": 1}}, "/wheels", "code point"),
        ({"type": [1]}, "/type", "array of IRIs"),
        ({"type": {"a": 1}}, "/type", "array of IRIs"),
        ({"type": "no iri"}, "/type", "array of IRIs"),
        ({"type": []}, "/type", f"include {EX}Toy"),
        ({"type": ["foaf:Person"]}, "/type", f"include {EX}Toy"),
        ({"wheels": {"size": 1, "type": ["foaf:Person"]}}, "/wheels/type", f"include {EX}Wheel"),
        ({"@included": [5]}, "/@included/0", "takes objects with an iri below"),
        ({"@included": [{"iri": "http://elsewhere.example/"}]}, "/@included/0", "takes objects with an iri below"),
        ({"@included": {"iri": f"{TOY.value}/ "}}, "/@included/0", "code point"),
        ({"@included": [{"iri": f"{TOY.value}/x", "type": [5]}]}, "/@included/0/type", "array of IRIs"),
    ],
)
def test_a_wrong_value_is_pointed_at(toys: Toys, body: dict[str, Any], pointer: str, message: str) -> None:
    found = faults(toys, {"title": "x", **body}, DoesNotConform)
    assert message in found[pointer], found


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("http://x.example/ p", "x", "code point"),
        ("x y:z", "x", ""),
        ("rdf:type", {"@id": EX + "Toy"}, "member type"),
        (EX + "own", None, "Write a plain value"),
        (EX + "own", {"@id": "nowhere"}, "scheme"),
        (EX + "own", {"@id": 5}, ""),
        (EX + "own", {"a": 1}, "@value"),
        (EX + "own", [[1]], "Write a plain value"),
        (EX + "own", {"@value": "x", "@type": "no iri"}, "code point"),
        (EX + "own", {"@value": "x", "@language": 5}, "language tag"),
        (EX + "own", "a\x07b", "control character"),
    ],
)
def test_a_wrong_statement_of_ones_own_is_pointed_at(toys: Toys, key: str, value: Any, message: str) -> None:
    found = faults(toys, {"title": "x", key: value}, Malformed)
    assert message in found["/" + key.replace("/", "~1")]


def test_all_faults_are_told_at_once(toys: Toys) -> None:
    found = faults(toys, {"title": 5, "price": [1], "goes_with": ["a", OTHER, "b"], "wheels": [{}, 5]}, DoesNotConform)
    assert set(found) == {"/price", "/goes_with/0", "/goes_with/2", "/wheels/1"}


def test_wrong_types_are_left_to_the_gate_with_a_pointer(toys: Toys) -> None:
    draft = toys.read({"title": 5, "price": "much", "wheels": [{"size": "big", "material": "rubber"}]})
    wheel = next(each for each in draft.shapes if each != TOY and draft.shapes[each].label == "wheel")
    assert draft.pointer(TOY, DCT.title, Literal(5)) == "/title"
    assert draft.pointer(TOY, NamedNode(EX + "price"), Literal("much")) == "/price"
    assert draft.pointer(wheel, NamedNode(EX + "size"), Literal("big")) == "/wheels/0/size"
    assert draft.pointer(wheel, NamedNode(EX + "size"), Literal("other")) == "/wheels/0/size", "an unknown value points to its member"
    assert draft.pointer(TOY, NamedNode(EX + "pieces"), None) == "/pieces", "a missing member has a place too"
    assert draft.pointer(wheel, RDF.value, None) == "/wheels/0" and draft.pointer(NamedNode(EX + "x"), None, None) == ""


def test_iris_have_short_forms(toys: Toys) -> None:
    assert values(toys, {"license": "MIT"}, "license") == [NamedNode("http://spdx.org/licenses/MIT")]
    assert values(toys, {"license": "a b(c)"}, "license") == [NamedNode("http://spdx.org/licenses/a%20b%28c%29")]
    assert values(toys, {"license": "schema:name"}, "license") == [NamedNode("https://schema.org/name")]
    assert values(toys, {"license": {"@id": "urn:x"}}, "license") == [NamedNode("urn:x")]
    for form in (OTHER, f"id/toys/{OTHER}", f"http://hub.test/id/toys/{OTHER}"):
        assert values(toys, {"goes_with": [form]}, "goes_with") == [NAMES.thing("toys", OTHER)]


def test_nothing_is_said_by_null_and_defaults_stand_in(toys: Toys) -> None:
    draft = toys.read({"title": "x", "price": None, "state": None})
    assert values(toys, {"state": None}, "state") == [Literal("new")] and values(toys, {"state": "used"}, "state") == [Literal("used")]
    assert len(draft.triples) == 3


def test_the_order_of_members_does_not_change_the_names_of_parts(toys: Toys) -> None:
    one = toys.read({"title": "x", "wheels": [{"size": 1, "material": {"label": "wood", "type": [EX + "Material"]}}]})
    other = toys.read({"wheels": [{"material": {"type": [EX + "Material"], "label": "wood"}, "size": 1}], "title": "x"})
    assert one.triples == other.triples


def test_a_shared_node_is_named_by_its_label(toys: Toys) -> None:
    labels = ["rubber", " rubber", "a/b?c#d", "..", ".", "é", "$x"]
    draft = toys.read({"title": "x", "wheels": [{"size": 1, "material": label} for label in labels]})
    named = {str(each.object.value): each.subject for each in draft.triples if each.predicate.value.endswith("label")}  # type: ignore[union-attr]
    assert set(named) == set(labels) and len(set(named.values())) == len(labels)
    assert named[".."] == NamedNode("http://hub.test/id/materials/%2E%2E"), "a step in a path would lead elsewhere"


def test_statements_of_ones_own_take_every_form(toys: Toys) -> None:
    given = [True, 5, 1.5, "s", {"@id": "urn:x"}, {"@value": "t", "@language": "EN"}, {"@value": "5", "@type": "xsd:byte"}]
    draft = toys.read({"title": "x", EX + "own": given})
    numbers = {Literal("true", datatype=XSD.boolean), Literal(5), Literal("1.5E0", datatype=XSD.double)}
    found = {each.object for each in draft.triples if each.predicate == NamedNode(EX + "own")}
    assert found == {*numbers, Literal("s"), NamedNode("urn:x"), Literal("t", language="en")}
    assert draft.pointer(TOY, NamedNode(EX + "own"), Literal("s")) == "/http:~1~1toys.example~1ns#own/3"


def test_more_types_of_ones_own_are_kept(toys: Toys) -> None:
    draft = toys.read({"title": "x", "type": [EX + "Toy", "schema:Product"]})
    assert {each.object for each in draft.triples if each.predicate == RDF.type} == {NamedNode(EX + "Toy"), NamedNode("https://schema.org/Product")}
    assert Triple(TOY, DCT.title, Literal("x")) in draft.triples and TOY.value.endswith(TOY_ID)
