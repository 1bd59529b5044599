"""Documents from outside: every media type, nothing fetched, nothing expanded, nothing too deep; and where a fault is."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from pyoxigraph import BlankNode, Literal, NamedNode, Triple, parse

from server.errors import DoesNotConform, Malformed, NotAcceptable, UnsupportedMediaType
from server.graph.rdf import FORMATS, find_root, foreign_subjects, read, skolemize, write
from server.graph.vocabulary import DCT, RDF
from tests.graph.conftest import NAMES, TOY, Toys
from tests.support.listener import listening

BASE = "http://hub.test/x"
TURTLE, N_TRIPLES, XML, JSON_LD, TRIG, N_QUADS = FORMATS
CONTEXT_IRI = "http://hub.test/context.jsonld"
EX = "http://x.example/"
RDF_XML = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://x.example/">{}</rdf:RDF>'
ONE = '<rdf:Description rdf:about="http://x.example/s"><e:p>{}</e:p></rdf:Description>'


def refused(text: str | bytes, media_type: str) -> str:
    with pytest.raises(Malformed) as caught:
        read(text if isinstance(text, bytes) else text.encode(), media_type, BASE, {"p": EX + "p"}, CONTEXT_IRI)
    return caught.value.detail + "".join(f" | {fault.message}" for fault in caught.value.faults)


@pytest.mark.parametrize("media_type", FORMATS)
def test_every_media_type_is_read_and_written(media_type: str) -> None:
    triples = {
        Triple(NamedNode(EX + "s"), NamedNode(EX + "p"), each) for each in (Literal("x\r\n\t\"'\\"), Literal("é", language="de"), NamedNode(EX))
    }
    assert set(read(write(triples, media_type), media_type, BASE)) == triples


def test_what_is_no_rdf_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="text/turtle"):
        read(b"", "text/csv", BASE)
    with pytest.raises(NotAcceptable, match="text/turtle"):
        write([], "text/csv")


@pytest.mark.parametrize(
    ("media_type", "text", "where"),
    [
        (TURTLE, "<http://x.example/s> <http://x.example/p> 1 .\n<http://x.example/s> <p ", "line 2"),
        (TURTLE, '<http://x.example/s> <http://x.example/p>\n\n  "open .', "line 3"),
        (TURTLE, "<http://x.example/a b> <http://x.example/p> 1 .", "line 1"),
        (TURTLE, r"<http://x.example/\u003E\u0020> <http://x.example/p> 1 .", "line 1"),
        (TURTLE, '<http://x.example/s> <http://x.example/p> "x"@toolonglanguage .', "line 1"),
        (TURTLE, "nobody:s <p> 1 .", "line 1"),
        (N_TRIPLES, "<http://x.example/s> <http://x.example/p> <relative> .", "line 1"),
        (N_QUADS, "\n\nbad", "line 3"),
        (TRIG, "<http://x.example/g> {", "line 1"),
        (XML, RDF_XML.format("\n\n<e:open>"), "line 3, column"),
        (XML, RDF_XML.format(ONE.format("&nbsp;")), "line 1, column"),
        (XML, "<a>\n</b>", "line 2, column"),
        (XML, "", "line 1, column"),
        (JSON_LD, '{\n  "p": }', "line 2, column"),
        (JSON_LD, "", "line 1, column"),
        (JSON_LD, '{"a": 1}\n}', "line 2, column"),
    ],
)
def test_syntax_errors_have_a_place(media_type: str, text: str, where: str) -> None:
    assert where in refused(text, media_type)


def contexts(there: str) -> list[tuple[str, str]]:
    node = {"@id": EX, "p": {"@id": EX}}
    given = [
        {"@context": there, **node},
        {"@context": [{"p": EX + "p"}, there], **node},
        {"@context": {"p": EX + "p"}, "@id": EX, "p": {"@context": there, "@id": EX}},
        {"@graph": [{"@context": [there]}]},
        {"@context": {"@import": there}, **node},
        {"@context": {"p": {"@id": EX + "p", "@context": there}}, **node},
        {"@context": {"p": {"@id": EX + "p", "@context": [there]}}, **node},
        {"@context": {"p": {"@id": EX + "p", "@context": {"q": {"@id": EX + "q", "@context": {"@import": there}}}}}, "p": {"q": {"@id": EX}}},
        {"@context": "relative.jsonld", **node},
    ]
    return [(JSON_LD, json.dumps(each)) for each in given]


def documents_with_xml(there: str) -> list[tuple[str, str]]:
    body = RDF_XML.format(ONE.format("&e;"))
    return [
        (XML, f'<!DOCTYPE x [<!ENTITY e SYSTEM "{there}">]>{body}'),
        (XML, f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>{body}'),
        (XML, f'<!DOCTYPE x SYSTEM "{there}">{RDF_XML.format(ONE.format("x"))}'),
        (XML, f'<!DOCTYPE x PUBLIC "-//x" "{there}">{RDF_XML.format(ONE.format("x"))}'),
        (XML, f'<!DOCTYPE x [<!ENTITY % e SYSTEM "{there}"> %e;]>{RDF_XML.format(ONE.format("x"))}'),
        (XML, f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "inner">]>{body}'),
    ]


@pytest.mark.parametrize("make", [contexts, documents_with_xml])
def test_what_would_be_fetched_is_refused_and_nobody_contacted(make: Callable[[str], list[tuple[str, str]]]) -> None:
    with listening() as (there, came):
        for media_type, text in make(there):
            refused(text, media_type)
        utf_16 = make(there)[0][1].encode("utf-16") if make is documents_with_xml else b"{"
        refused(utf_16, XML)
    assert came == []


def test_imports_and_links_are_statements_like_others() -> None:
    with listening() as (there, came):
        text = f"<> a <http://www.w3.org/2002/07/owl#Ontology> ; <http://www.w3.org/2002/07/owl#imports> <{there}> ."
        assert len(read(text.encode(), TURTLE, BASE)) == 2
        xml = RDF_XML.format(f'<rdf:Description rdf:about="http://x.example/s"><e:p rdf:resource="{there}"/></rdf:Description>')
        assert len(read(f'<?xml-stylesheet href="{there}"?>{xml}'.encode(), XML, BASE)) == 1
    assert came == []


def test_many_small_entities_do_not_become_a_large_one() -> None:
    layers = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    assert "document type" in refused(f'<!DOCTYPE x [<!ENTITY e0 "lol">{layers}]>{RDF_XML.format(ONE.format("&e9;"))}', XML)


def test_the_hubs_own_context_is_filled_in_from_memory() -> None:
    text = json.dumps({"@context": CONTEXT_IRI, "@id": EX + "s", "p": "x"}).encode()
    assert read(text, JSON_LD, BASE, {"p": EX + "p"}, CONTEXT_IRI) == [Triple(NamedNode(EX + "s"), NamedNode(EX + "p"), Literal("x"))]


@pytest.mark.parametrize(
    "node",
    [
        {"@id": "http://x.example/> } DROP ALL"},
        {EX + "p": {"@id": "http://x.example/a b"}},
        {"http://x.example/a b": 1},
        {"@type": "http://x.example/<"},
        {EX + "p": {"@value": "1", "@type": "http://x.example/ x"}},
        {EX + "p": {"@value": "1", "@language": "e n"}},
        {EX + "p": {"@value": "x", "@language": "en", "@direction": "rtl"}},
    ],
)
def test_json_ld_with_broken_terms_is_refused_and_not_thinned_out(node: dict[str, object]) -> None:
    refused(json.dumps({"@id": EX + "s", EX + "q": 1, **node}), JSON_LD)


@pytest.mark.parametrize("text", ['<s> <p> "x"@ar--rtl .', "<s> <p> <<( <a> <b> <c> )>> .", "<< <a> <b> <c> >> <p> 1 ."])
def test_what_is_newer_than_the_stores_is_refused(text: str) -> None:
    refused(text, TURTLE)


@pytest.mark.parametrize(
    ("media_type", "text"),
    [
        (TURTLE, "<s> <p> " + "<<( <s> <p> " * 20_000 + "1" + ")>>" * 20_000 + " ."),
        (TURTLE, '<s> <p> "<<", \'\'\'<<\'\'\', """<<""" ; <q> ' + "<< <s> <p> " * 20_000 + "1" + ">>" * 20_000 + " ."),
        (TURTLE, "<s> <a\\'> <b\\'> . " + "<<( <s> <p> " * 20_000 + "1" + ")>>" * 20_000 + " ."),
        (N_QUADS, "<http://x.example/s> <http://x.example/p> " + "<<( <http://x.example/s> <http://x.example/p> " * 20_000),
        (XML, RDF_XML.format("<rdf:Description><e:p>" * 2_000 + "</e:p></rdf:Description>" * 2_000)),
        (JSON_LD, '{"p":' * 900 + "1" + "}" * 900),
        (JSON_LD, '{"p":' + "[" * 900 + "1" + "]" * 900 + "}"),
        (JSON_LD, "[" * 100_000),
    ],
)
def test_what_is_nested_without_end_is_refused_before_the_parser_ends(media_type: str, text: str) -> None:
    refused(text, media_type)


def test_text_about_nesting_is_no_nesting() -> None:
    code = "std::cout << x << y;\n" * 300
    (triple,) = read(write([Triple(NamedNode(EX + "s"), NamedNode(EX + "p"), Literal(code))], TURTLE), TURTLE, BASE)
    assert triple.object == Literal(code)


GRAPH = """@prefix x: <http://x.example/> .
{root} a x:T ; x:part [ x:n 1 ; x:in [ x:n 2 ] ] , [ x:n 1 ; x:in [ x:n 3 ] ] , [ x:n 1 ] ; x:list ( {items} ) .
"""


def named(text: str, thing: NamedNode = TOY) -> set[Triple]:
    triples = [quad.triple for quad in parse(text, FORMATS[TURTLE], base_iri=thing.value, rename_blank_nodes=True)]
    root = next(each.subject for each in triples if each.predicate == RDF.type)
    assert isinstance(root, (NamedNode, BlankNode))
    return set(skolemize(triples, root, thing))


@pytest.mark.parametrize("items", ["1 2 3", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[] [] []"])
def test_equal_content_gets_equal_names_below_the_thing(items: str) -> None:
    chance = random.Random(1)
    text = GRAPH.format(root="<>", items=items)
    first = named(text)
    for _ in range(3):
        lines = [line for line in write([*parse_turtle(text)], N_TRIPLES).decode().splitlines()]
        chance.shuffle(lines)
        assert named("\n".join(lines)) == first, "whatever the order and the labels"
    assert named(GRAPH.format(root="_:root", items=items)) == first, "whatever stands for the thing"
    assert all(str(each.subject).startswith(f"<{TOY.value}") for each in first)
    assert len({each.subject for each in first}) == len({each.subject for each in parse_turtle(text)})


def parse_turtle(text: str) -> list[Triple]:
    return [quad.triple for quad in parse(text, FORMATS[TURTLE], base_iri=TOY.value, rename_blank_nodes=True)]


def test_many_nodes_that_look_alike_are_named_soon() -> None:
    """A chain of nodes that differ only in how far they are from its ends needs as many rounds as it is long."""
    chain = "".join(f"_:b{n} <http://x.example/next> _:b{n + 1} .\n" for n in range(20_000))
    assert len({each.subject for each in named(f"<> a <http://x.example/T> ; <http://x.example/first> _:b0 .\n{chain}")}) == 20_001


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<> a {T} .", "<>"),
        ("[] a {T} ; {p} [ a {T} ] .", "_"),
        ("<> a {T} ; {p} [ a {T} ] . [] a {T} .", "<>"),
        ("<http://x.example/s> a {T} ; {p} <http://x.example/s> .", "http://x.example/s"),
        ("<> {p} 1 .", None),
        ("[] a {T} . [] a {T} .", None),
        ("_:a a {T} ; {p} _:b . _:b a {T} ; {p} _:a .", None),
    ],
)
def test_the_thing_described_is_found(toys: Toys, text: str, found: str | None) -> None:
    triples = parse_turtle(text.replace("{T}", "<http://toys.example/ns#Toy>").replace("{p}", "<http://x.example/p>"))
    if found is None:
        with pytest.raises(DoesNotConform, match="exactly one toy"):
            find_root(triples, toys.kind, TOY)
        return
    root = find_root(triples, toys.kind, TOY)
    assert isinstance(root, BlankNode) if found == "_" else root == (TOY if found == "<>" else NamedNode(found))


def test_only_the_thing_its_parts_and_shared_nodes_are_described() -> None:
    own = [TOY.value, TOY.value + "/x", TOY.value + "#x", "http://hub.test/id/materials/wood"]
    others = ["http://hub.test/id/toys/" + "b" * 64, "http://else.example/", "http://hub.test/api/toys/" + "a" * 64]
    triples = [Triple(NamedNode(each), DCT.title, Literal("x")) for each in (*own, *others)]
    assert foreign_subjects(triples, TOY, NAMES) == set(others)
