"""IRIs that the hub coins, and what is read from them again; patches and small graphs in memory."""

from __future__ import annotations

import pytest
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from server.graph.names import ID, Names, new_id
from server.graph.patches import read_patch, write_patch
from server.graph.turtle import Reader
from server.graph.vocabulary import RDF, RDFS, compact, expand
from tests.support.documents import HOSTILE
from tests.support.toys import toy_registry

NAMES = Names("http://hub.test/")
ONE = "1" * 64


def test_names_lead_back_to_what_they_name() -> None:
    thing, document = NAMES.thing("toys", ONE), NAMES.document("toys", ONE)
    assert NAMES.split(thing.value) == NAMES.split_document(document.value) == ("toys", ONE)
    assert NAMES.history(document).value == f"http://hub.test/api/toys/{ONE}/history"
    assert NAMES.revision(document, 3).value == f"http://hub.test/api/toys/{ONE}/revisions/3"
    for other in (
        "http://hub.test/",
        "http://hub.test/id/toys",
        "http://hub.test/id/toys/x",
        f"http://else.test/id/toys/{ONE}",
        f"{thing.value}/part",
    ):
        assert NAMES.split(other) is None and NAMES.split_document(other) is None


def test_things_of_outsiders_have_the_hash_of_their_iri() -> None:
    kind = toy_registry().kinds["toys"]
    assert NAMES.id_of(kind, NAMES.thing("toys", ONE)) == ONE
    object.__setattr__(kind, "external", True)
    found = NAMES.id_of(kind, NamedNode("https://else.test/x"))
    assert ID.fullmatch(found) and found == NAMES.id_of(kind, NamedNode("https://else.test/x"))


def test_ids_are_random_hexadecimal_digits() -> None:
    assert len({new_id() for _ in range(50)}) == 50 and all(ID.fullmatch(new_id()) for _ in range(50))


@pytest.mark.parametrize(
    ("node", "shared"),
    [
        ("http://hub.test/id/materials/wood", True),
        ("http://hub.test/id/materials/a%2Fb", True),
        (f"http://hub.test/id/toys/{ONE}", False),
        (f"http://hub.test/id/toys/{ONE}/wheels/1", False),
        (f"http://hub.test/id/toys/{ONE}#wheel", False),
        ("http://hub.test/id/materials/a/b", False),
        ("http://else.test/id/materials/wood", False),
    ],
)
def test_shared_nodes_are_known_by_their_iri(node: str, shared: bool) -> None:
    assert NAMES.is_shared(NamedNode(node)) is shared
    assert not NAMES.is_shared(BlankNode()) and not NAMES.is_shared(Literal("x"))


@pytest.mark.parametrize("label", [*HOSTILE, ".", "..", "...", "a/../b", " "])
def test_any_label_names_one_shared_node(label: str) -> None:
    named = NAMES.shared("materials", label)
    assert NAMES.is_shared(named) and "/." not in named.value.replace("/...", "/")
    assert NAMES.collection_of(named) == "materials"


def test_different_labels_name_different_nodes() -> None:
    labels = ["a", "A", "a ", " a", "a%20", "a b", "a+b", "ä", "a\u0308"]
    assert len({NAMES.shared("materials", label).value for label in labels}) == len(labels)


def test_a_patch_says_what_it_was_made_of() -> None:
    node = NamedNode("http://x.example/s")
    triples = [Triple(node, NamedNode("http://x.example/p"), Literal(text)) for text in HOSTILE]
    patch = write_patch(triples[::2], triples[1::2])
    assert read_patch(patch) == (set(triples[::2]), set(triples[1::2]))
    assert (
        patch.startswith("TX .\nD ")
        and patch.endswith("TC .\n")
        and len(patch.splitlines()) == len(triples) + 2 + patch.count("\u2028") + patch.count("\u0085")
    )
    assert read_patch(write_patch([], [])) == (set(), set())


@pytest.mark.parametrize(
    ("iri", "short"),
    [
        ("http://xmlns.com/foaf/0.1/Person", "foaf:Person"),
        ("http://xmlns.com/foaf/0.1/", "http://xmlns.com/foaf/0.1/"),
        ("http://xmlns.com/foaf/0.1/a/b", "http://xmlns.com/foaf/0.1/a/b"),
        ("http://elsewhere.example/x", "http://elsewhere.example/x"),
    ],
)
def test_iris_are_shortened_and_come_back(iri: str, short: str) -> None:
    assert compact(iri) == short and expand(short) == iri


def test_only_known_prefixes_are_expanded() -> None:
    assert expand("nobody:x") == "nobody:x" and expand("hub://x") == "hub://x" and expand("x") == "x"


def test_a_small_graph_is_walked() -> None:
    text = """@prefix x: <http://x.example/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    x:a a x:T ; rdfs:label "eins"@de, "one"@en ; x:list ( 1 2 ) ; x:flag true ; x:off false . x:b a x:T ; x:list () ."""
    graph = Reader(quad.triple for quad in parse(text, RdfFormat.TURTLE))
    a, x = NamedNode("http://x.example/a"), "http://x.example/"
    assert set(graph.subjects(NamedNode(x + "T"))) == {a, NamedNode(x + "b")}
    assert graph.text(a, RDFS.label) == "one" and graph.text(a, RDF.value) is None
    assert graph.items(graph.value(a, NamedNode(x + "list"))) == [Literal(1), Literal(2)] and graph.items(None) == []
    assert graph.flag(a, NamedNode(x + "flag")) and not graph.flag(a, NamedNode(x + "off")) and not graph.flag(a, NamedNode(x + "none"))
    assert len(graph.objects(None, NamedNode(x + "list"))) == 2 and graph.objects(NamedNode(x + "c"), RDF.type) == []
