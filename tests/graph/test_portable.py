"""What one store or syntax would change on its way, or somebody would take for the hub's own words, is refused with a pointer."""

from __future__ import annotations

import pytest
from pyoxigraph import Literal, NamedNode, Triple

from server.graph.portable import BOOKKEEPING, fault_of, faults, unconnected
from server.graph.reading import Draft
from server.graph.vocabulary import DCT, HUB, RDF, RDFS, XSD
from tests.graph.conftest import NAMES, TOY, Toys

EX = "http://toys.example/ns#"
OWN = NamedNode(EX + "own")


def of(value: NamedNode | Literal) -> str | None:
    return fault_of(Triple(TOY, OWN, value))


@pytest.mark.parametrize(
    "iri",
    [
        "http://x.example/a/../b", "http://x.example/./b", "http://x.example/..", "http://x.example/.?q", "http://x.example/..#f", "urn:a/../b",
        "a:b/..", "http://x.example//../b", "file:///a/../b", "HTTP://x.example/a/./b", "mailto:a/../b", "http://x.example:80/./a",
    ],
)  # fmt: skip
def test_iris_with_steps_in_their_path_are_refused(iri: str) -> None:
    assert "path segment" in (of(NamedNode(iri)) or "")
    assert fault_of(Triple(NamedNode(iri), OWN, OWN)) and fault_of(Triple(TOY, NamedNode(iri), OWN))
    assert of(Literal("x", datatype=NamedNode(iri)))


@pytest.mark.parametrize(
    "iri",
    [
        "http://x.example/...", "http://x.example/.well-known/x", "http://x.example/a.b/..c", "http://x.example/?p=/../", "http://x.example/#/../",
        "urn:..", "http://x.example/%2E%2E/", "http://../x", "did:web:x", "s3://bucket/key", "mlflow-artifacts:/1/2", "urn:uuid:0", "tag:x,2026:y",
    ],
)  # fmt: skip
def test_other_iris_are_kept(iri: str) -> None:
    assert of(NamedNode(iri)) is None


@pytest.mark.parametrize("prefix", ["dct", "schema", "hub", "ids"])
def test_iris_that_json_ld_would_take_for_short_names_are_refused(prefix: str) -> None:
    assert f"declare the prefix {prefix}" in (of(NamedNode(f"{prefix}:name")) or "")
    assert of(NamedNode(f"{prefix}://name")) is None


def test_what_the_hub_keeps_of_revisions_is_no_property_of_a_thing() -> None:
    for term in BOOKKEEPING:
        assert "by the hub alone" in (fault_of(Triple(TOY, term, Literal(1))) or "")
    assert fault_of(Triple(TOY, RDF.type, HUB.Revision)) and not fault_of(Triple(TOY, HUB.maintainer, TOY))


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        (Literal("a\x00b"), "control character"),
        (Literal("\x1b[31m", language="en"), "control character"),
        (Literal("\ufffe"), "control character"),
        (Literal("2026-01-31T10:00:00.1234567890Z", datatype=XSD.dateTime), "nine decimal places"),
        (Literal("PT0.12345678901S", datatype=XSD.duration), "nine decimal places"),
        (Literal("1e5", datatype=XSD.decimal), "no decimal number"),
        (Literal("1e999999999", datatype=XSD.decimal), "no decimal number"),
        (Literal("x", datatype=NamedNode("dct:type")), "short name"),
    ],
)
def test_literals_that_not_every_store_keeps_are_refused(literal: Literal, message: str) -> None:
    assert message in (of(literal) or "")


@pytest.mark.parametrize(
    "literal",
    [Literal("a\tb\r\nc\x7f\x85\u2028"), Literal("2026-01-31T10:00:00.123456789Z", datatype=XSD.dateTime), Literal("1.50", datatype=XSD.decimal)],
)
def test_other_literals_are_kept(literal: Literal) -> None:
    assert of(literal) is None


def test_a_type_is_an_iri() -> None:
    assert fault_of(Triple(TOY, RDF.type, Literal("Toy"))) == "A type is an IRI."


def test_faults_point_into_the_request(toys: Toys) -> None:
    draft = toys.read(
        {"title": "x", "license": "http://x.example/../a", EX + "own": [1, {"@id": "urn:a/../b"}], "https://w3id.org/cords-hub/ns#sequence": 1}
    )
    found = {fault.pointer for fault in faults(draft, toys.registry, NAMES)}
    assert found == {"/license", "/http:~1~1toys.example~1ns#own/1", "/https:~1~1w3id.org~1cords-hub~1ns#sequence"}
    assert list(faults(toys.read({"title": "x", "wheels": [{"size": 1, "material": "wood"}]}), toys.registry, NAMES)) == []


WOOD = NAMES.shared("materials", "wood")


@pytest.mark.parametrize(
    ("node", "statements"),
    [
        (WOOD, {RDFS.label: Literal("steel")}),
        (WOOD, {RDFS.label: Literal("wood"), DCT.description: Literal("mine")}),
        (WOOD, {RDFS.label: Literal("wood"), RDF.type: NamedNode(EX + "Toy")}),
        (WOOD, {DCT.description: Literal("mine")}),
        (WOOD, {}),
        (NamedNode("http://hub.test/id/nothing/wood"), {RDFS.label: Literal("wood")}),
        (NamedNode("http://hub.test/id/toys/wood"), {RDFS.label: Literal("wood")}),
    ],
)
def test_everybody_says_the_same_of_a_shared_node(toys: Toys, node: NamedNode, statements: dict[NamedNode, Literal | NamedNode]) -> None:
    """A shared node is described in the graphs of many; nobody can change it for the others."""
    said = [Triple(node, predicate, value) for predicate, value in statements.items()] + [Triple(node, RDF.type, NamedNode(EX + "Material"))]
    draft = toys.read({"title": "x"})
    draft = Draft(draft.kind, draft.thing, draft.triples | {*said, Triple(TOY, OWN, node)})
    (fault,) = faults(draft, toys.registry, NAMES)
    assert node.value in fault.message


def test_every_node_has_to_do_with_the_thing(toys: Toys) -> None:
    lost, other = NamedNode(TOY.value + "/part/a"), NamedNode(TOY.value + "/part/b")
    circle = {Triple(lost, OWN, other), Triple(other, OWN, lost)}
    draft = toys.read({"title": "x", "wheels": [{"size": 1}]})
    assert unconnected(TOY, draft.triples) == set() and unconnected(TOY, circle) == {lost.value, other.value}
    assert unconnected(TOY, {*circle, Triple(TOY, OWN, other)}) == set()
    found = [fault.message for fault in faults(Draft(draft.kind, TOY, draft.triples | circle), toys.registry, NAMES)]
    assert len(found) == 2 and all("connect them" in each for each in found)
