"""What may not reach an engine, however it is written; and that everything else may."""

from __future__ import annotations

import random
import time
from contextlib import suppress

import pyoxigraph
import pytest

from server.errors import QueryRefused
from server.store.guard import Bounds, inspect
from tests.support.listener import listening

EX = "PREFIX ex: <http://example.org/> PREFIX service: <http://example.org/> PREFIX : <http://example.org/> "

FINE = {
    "comment": "ASK { } # SERVICE <http://x/> { }",
    "comment between": "ASK {\n# SERVICE <http://x/> { }\n}",
    "string": "ASK { ?s ?p 'SERVICE <http://x/> { }' }",
    "string with quotes": r'ASK { ?s ?p "a\" } SERVICE <http://x/> { \"" }',
    "long string": 'ASK { ?s ?p """a" } SERVICE <http://x/> {\n } """ }',
    "long string of the other kind": "ASK { ?s ?p '''a'' } SERVICE <http://x/> {\n } ''' }",
    "variable": "ASK { ?service ?silent $SERVICE }",
    "projected variable": "SELECT ?service ?x { ?service ?p ?x }",
    "prefix": "ASK { service:x service:service service:SERVICE }",
    "prefixed graph": "ASK { GRAPH service:x { ?s ?p ?o } }",
    "local name": "ASK { ?s ex:service ex:SERVICE . ?s ex:service ?x }",
    "blank node": "ASK { _:service ?p _:SERVICE . }",
    "language": "ASK { ?s ?p 'x'@service }",
    "iri": "ASK { <http://x/service/> <http://x/?SERVICE> <http://x/service#SERVICE> }",
    "graph": "ASK { GRAPH <http://x/service?wsdl#> { ?s ?p ?o } }",
    "empty string before": "ASK { ?s ?p '' , \"\" , 'service' }",
    "comparison": "ASK { ?s ?p ?o FILTER ( ?o < ?p && ?p > ?s ) }",
    "comparison without blanks": "ASK { ?s ?p ?o FILTER(?o<?p) }",
    "lists of iris": "ASK { VALUES (?a ?b) { (<http://x/#a> <http://x/#b>) (<http://x/(c)> UNDEF) } }",
    "collection": "ASK { ?s ex:p (<http://x/#a> <http://x/#b> ( 1 2 )) }",
    "path": "ASK { ?s ex:p/(ex:q|^ex:r)*/!(ex:a|ex:b) ?o }",
    "cast": "PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> ASK { FILTER ( xsd:integer('1') = <http://www.w3.org/2001/XMLSchema#string>(1) ) }",
    "built-in functions": "ASK { ?s ?p ?o FILTER ( REGEX(STR(?o), '^a', 'i') && ?o IN (1, 2) && NOT EXISTS { ?s ex:p (1) } ) }",
    "aggregates": "SELECT (GROUP_CONCAT(DISTINCT ?o ; separator=', ') AS ?all) { ?s ?p ?o } GROUP BY ?s (STR(?p)) HAVING (COUNT(*) > 1)",
    "escapes of ECHAR": r"ASK { ?s ?p '\t\b\n\r\f\\\'' }",
    "codepoints": r"ASK { ?s ?p '\u00e9\U0001F600' ; <http://x/\u00e9> ?o }",
    "escaped local": r"ASK { ?s ex:a\-b\/c ex:%20 }",
    "numbers": "ASK { ?s ?p 1 , 1.5 , .5 , 1e6 , 1.E3 , -1 , +2.0e-3 . }",
    "subquery": "SELECT * { { SELECT ?s (MAX(?o) AS ?m) { ?s ?p ?o } GROUP BY ?s } UNION { ?s a ex:T } }",
    "unicode": "ASK { ?größe ex:größe 'größe'@de }",
    "right to left": "ASK { ?s ?p '\u202eSERVICE' }",
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE.keys())
def test_harmless_texts_pass(text: str) -> None:
    inspect(EX + text)
    pyoxigraph.Store().query(EX + text)  # and they are SPARQL


SERVICE = {
    "plain": "ASK { SERVICE <http://x/> { ?s ?p ?o } }",
    "lower": "ASK { service <http://x/> { } }",
    "mixed": "ASK { sErViCe <http://x/> { } }",
    "silent": "ASK { SERVICE SILENT <http://x/> { } }",
    "variable": "ASK { SERVICE ?s { } }",
    "no blank": "ASK{SERVICE<http://x/>{}}",
    "nested": "ASK { { { OPTIONAL { GRAPH ?g { SERVICE <http://x/> { } } } } } }",
    "in a filter": "ASK { FILTER NOT EXISTS { SERVICE <http://x/> { } } }",
    "in a subquery": "ASK { { SELECT * { SERVICE <http://x/> { } } } }",
    "after a comment": "ASK { # '\n SERVICE <http://x/> { } }",
    "after a comment that ends with CR": "ASK { # x\rSERVICE <http://x/> { } \n}",
    "after a string": r"ASK { ?s ?p '\\' . SERVICE <http://x/> { } }",
    "comment within": "ASK { SERVICE # a\n <http://x/> # {\n { } }",
    "first letter escaped": r"ASK { \u0053ERVICE <http://x/> { } }",
    "long escape": r"ASK { \U00000053ERVICE <http://x/> { } }",
    "all escaped": r"ASK { \u0053\u0045\u0052\u0056\u0049\u0043\u0045 <http://x/> { } }",
    "escaped quote ends a string": r"ASK { ?s ?p '\u0027 . SERVICE <http://x/> { } # ' \n }",
    "escaped backslash hides a quote": r"ASK { ?s ?p 'a\u005C' . SERVICE <http://x/> { } #' }" + "\n}",
    "escaped line end ends a comment": r"ASK { # \u000A SERVICE <http://x/> { }" + "\n}",
    "glued to a prefix": "ASK { SERVICEex:x { } }",
    "glued with silent": "ASK { SERVICESILENTex:x { } }",
    "prefix read as keyword": "ASK { service:x { } }",
    "glued to a literal": "ASK { ?s ?p trueSERVICE <http://x/> { } }",
    "glued to a number": "ASK { ?s ?p 1SERVICE <http://x/> { } }",
    "behind a quote in a comparison": "ASK { FILTER('a'<'x>y') SERVICE <http://x/> { } FILTER(''='') }",
    "within a comparison": "ASK { FILTER(?o<?p)SERVICE?s#>\n { } }",
    "comparison in a glued filter": "ASK { FILTERex:f('a'<'x>y') SERVICE <http://x/> { } #')\n }",
}


@pytest.mark.parametrize("text", SERVICE.values(), ids=SERVICE.keys())
def test_no_service_passes(text: str) -> None:
    with pytest.raises(QueryRefused):
        inspect(EX + text)


UNREADABLE = {
    "nothing": "",
    "blanks": " \n # x",
    "no query": "HELLO",
    "NUL": "ASK { ?s ?p 'a\0b' }",
    "NUL in a comment": "ASK { } # \0",
    "surrogate": "ASK { ?s ?p '\ud800' }",
    "escaped surrogate": r"ASK { ?s ?p '\ud800' }",
    "escaped NUL": r"ASK { ?s ?p '\u0000' }",
    "beyond Unicode": r"ASK { ?s ?p '\UFFFFFFFF' }",
    "open brace": "ASK { { }",
    "open bracket": "ASK { FILTER ( 1 }",
    "one too many": "ASK { } }",
    "crossed": "ASK { FILTER ( { ) } }",
    "open string": "ASK { ?s ?p 'a }",
    "open long string": 'ASK { ?s ?p """a" }',
    "backslash": "ASK { \\ }",
    "deep groups": "ASK " + "{" * 20_000 + "}" * 20_000,
    "deep brackets": "ASK { FILTER " + "(" * 20_000 + "1" + ")" * 20_000 + " }",
    "deep blank nodes": "ASK { " + "[ ?p " * 20_000 + "1" + "]" * 20_000 + " }",
    "too long": "ASK { } # " + "x" * 10_000_000,
    "too many words": "ASK { ?s ?p " + "1," * 200_000 + "1 }",
    "json of ARQ": "JSON { 'a' : ?s } WHERE { ?s ?p ?o }",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_texts_are_refused_quickly(text: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(QueryRefused):
        inspect(text)
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize("word", ["INSERT", "delete", "Load", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"])
def test_updates_are_named_as_such(word: str) -> None:
    with pytest.raises(QueryRefused, match="is an update"):
        inspect(f"PREFIX ex: <http://example.org/> {word} <http://x/>")


CODE_OF_ENGINES = {
    "function": "ASK { FILTER ( <http://example.org/f>(1) ) }",
    "function by prefix": "ASK { FILTER ( ex:f(1) ) }",
    "without brackets": "ASK { FILTER ex:f(1) }",
    "in a projection": "SELECT (ex:f(?s) AS ?x) { ?s ?p ?o }",
    "in the second projection": "SELECT (EXISTS { ?s ?p ?o } AS ?y) (ex:f(?s) AS ?x) { ?s ?p ?o }",
    "in an order": "SELECT * { ?s ?p ?o } ORDER BY ?s ex:f(?o)",
    "in a group": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ex:f(?o)",
    "in a having": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?s HAVING ex:f(?s)",
    "in a bind": "ASK { BIND ( 1 + ex:f(1) AS ?x ) }",
    "in an argument": "ASK { FILTER ( STRLEN(ex:f(1)) > 1 ) }",
    "in a list": "ASK { FILTER ( 1 IN (ex:f(1)) ) }",
    "in a subquery": "ASK { { SELECT (ex:f(?s) AS ?x) { ?s ?p ?o } } }",
    "after a blank": "ASK { FILTER ( ex:f  \n # x\n (1) ) }",
    "java": "ASK { ?s <java:com.example.Property> ?o }",
    "java by prefix": "PREFIX j: <java:com.example.> ASK { ?s j:Property ?o }",
    "java by base": "BASE <JAVA:com.example.> ASK { ?s ?p ?o }",
    "property of ARQ": "ASK { ?s <http://jena.apache.org/ARQ/property#splitIRI> (?a ?b) }",
    "property of ARQ by half a prefix": r"PREFIX h: <http://jena.apache.> ASK { ?s h:org\/ARQ\/property\#splitIRI ?o }",
    "property of ARQ by escapes": r"ASK { ?s <http://jena.apache.\u006frg/ARQ/property#splitIRI> ?o }",
}


@pytest.mark.parametrize("text", CODE_OF_ENGINES.values(), ids=CODE_OF_ENGINES.keys())
def test_no_function_of_an_engine_passes(text: str) -> None:
    with pytest.raises(QueryRefused):
        inspect(EX + text)


def test_form_dataset_and_prefixes_are_found() -> None:
    found = inspect("BASE <http://b/x/> PREFIX e: <y#> SELECT * FROM <a> FROM e:g FROM NAMED </n> WHERE { ?s ?p 'FROM' }")
    assert (found.form, found.froms, found.from_named) == ("select", ("http://b/x/a", "http://b/x/y#g"), ("http://b/n",))
    assert found.prefixes == {"e": "http://b/x/y#"}
    assert found.dataset


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("select * {}", "select"),
        ("Ask {}", "ask"),
        ("CONSTRUCT WHERE {}", "construct"),
        ("CONSTRUCT { ?s ?p ?o } FROM <http://g/> WHERE { ?s ?p ?o }", "construct"),
        ("# SELECT\nPREFIX ask: <http://x/> DESCRIBE ask:x", "construct"),
    ],
)
def test_every_form_is_known(text: str, form: str) -> None:
    assert inspect(text).form == form


def test_the_dataset_after_a_template_is_found() -> None:
    assert inspect("CONSTRUCT { ?s ?p ?o } FROM <http://g/> WHERE { ?s ?p ?o }").froms == ("http://g/",)


def test_a_refusal_names_line_and_column() -> None:
    with pytest.raises(QueryRefused, match=r"line 3, column 4") as caught:
        inspect("ASK {\n  ?s ?p ?o .\n   SERVICE <http://x/> { } }")
    assert caught.value.members == {"line": 3, "column": 4}


def test_bounds_can_be_set() -> None:
    inspect("ASK { { } }", Bounds(depth=2))
    with pytest.raises(QueryRefused, match="deeper than 1"):
        inspect("ASK { { } }", Bounds(depth=1))
    with pytest.raises(QueryRefused, match="at most 10"):
        inspect("ASK { ?s ?p ?o }", Bounds(text=10))


QUADRATIC = {
    "names without colon": "ASK { " + "a." * 400_000,
    "escaped quotes": "ASK { " + '"""\\' * 200_000,
    "services in a comment": "ASK { # " + "service" * 140_000,
    "half iris": "ASK { " + "<a" * 400_000,
    "dots": "ASK { a:b" + "." * 900_000,
    "escapes": "ASK { ?s ?p '" + "\\u0041" * 150_000 + "' }",
}


@pytest.mark.parametrize("text", QUADRATIC.values(), ids=QUADRATIC.keys())
def test_no_text_takes_long(text: str) -> None:
    begin = time.perf_counter()
    with suppress(QueryRefused):
        inspect(text)
    assert time.perf_counter() - begin < 3


def test_what_passes_makes_pyoxigraph_contact_nobody() -> None:
    """Pieces that matter, in thousands of random orders: none that passes may reach the listener, and some that do not pass would."""
    with listening() as (address, came):
        _ask_at_random(address, came)


def _ask_at_random(address: str, came: list[object]) -> None:
    pieces = [
        *("SERVICE", "service:", "SERVICEex:x", "SILENT", f"<{address}>", "ex:x", "?v", "{", "}", "{ }", "(", ")", "FILTER", "FILTER(", "BIND(", ")"),
        *(
            "'",
            "''",
            "'x'",
            '"',
            '"""',
            "#",
            "\n",
            "<",
            ">",
            "'a'<'x>y'",
            "?a<?b)",
            "\\u0027",
            "\\u005C'",
            ".",
            " ",
            "true",
            "1",
            "?s ?p ?o",
            "^^",
            "@en",
        ),
        *("VALUES ?v", "GRAPH", "OPTIONAL", "UNION", "ex:p (", "a", ";", ",", f"BIND(<{address}> AS ?v)", "EXISTS {", "SELECT *", "(1", "IN("),
    ]
    prefixes = f"PREFIX ex: <{address}> PREFIX service: <{address}> PREFIX : <{address}> "
    store = pyoxigraph.Store()
    store.add(pyoxigraph.Quad(*[pyoxigraph.NamedNode(address)] * 3))
    rng = random.Random(7)
    passed = 0
    for _ in range(6_000):
        inner = "".join(rng.choice(pieces) + rng.choice(("", " ")) for _ in range(rng.randint(1, 7)))
        text = prefixes + "ASK { " + inner + rng.choice(("", f" SERVICE <{address}> {{ }} ", f" SERVICE <{address}> {{ }} #')\n")) + " }"
        try:
            inspect(text)
        except QueryRefused:
            continue
        passed += 1
        with suppress(SyntaxError, ValueError, RuntimeError, OSError):
            store.query(text)
        assert not came, text
    assert passed > 100
    with pytest.raises(OSError, match=r"."):
        store.query(f"ASK {{ SERVICE <{address}> {{ }} }}")
    assert came


def test_what_is_no_iri_is_left_to_the_engine() -> None:
    assert inspect("BASE <http://x.example/> ASK { <//[x> ?p <y> }").relative
    assert not inspect("BASE <http://x.example/> ASK { <z> ?p <y> }").relative
