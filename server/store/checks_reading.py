"""Checks of a store: what was written is read back, and queries see what they should."""

from __future__ import annotations

from decimal import Decimal

from pyoxigraph import Literal, NamedNode, Quad, Triple

from server.store.base import Store
from server.store.checks_common import name, numbered, require
from server.store.text import fill

_XSD = "http://www.w3.org/2001/XMLSchema#"
_INSERT = "INSERT DATA { GRAPH $graph { $triples } }"

_EXACT: tuple[Literal | NamedNode, ...] = (
    Literal(""),
    Literal("quotes \" ' \\ braces {} $name ?name <x> # no comment; . "),
    Literal("line\nbreak\r\ttab\b\f"),
    Literal("\u202eright to left \U0001f600 \u0085 \u2028 \ufffd e\u0301 \u00e9"),
    Literal("x" * 1_000_000),
    Literal("Haus", language="de"),
    Literal("colour", language="en-gb"),
    Literal("not a number", datatype=NamedNode(_XSD + "integer")),
    Literal('{"a": [1, 2]}', datatype=NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON")),
    Literal("2026-11-24", datatype=NamedNode(_XSD + "date")),
    Literal("http://example.org/a b", datatype=NamedNode(_XSD + "anyURI")),
    NamedNode("http://example.org/é/%20?q=1&r='2'#frag"),
)
_NUMBERS = (
    ("integer", "0"), ("integer", "-5"), ("integer", "123456789012345678901234567890"), ("decimal", "0.1"), ("decimal", "123456789.123456789"),
    ("double", "9.7E-1"), ("double", "1.7976931348623157E308"), ("double", "2.2250738585072014E-308"), ("float", "1.5E0"),
)  # fmt: skip
_WORDS = (("double", "NaN"), ("double", "INF"), ("double", "-INF"), ("boolean", "true"), ("dateTime", "2026-11-24T10:00:00.123456Z"))


def dataset_is_empty(store: Store) -> None:
    """The store answers, and its dataset is empty, so that nothing of anybody is touched."""
    store.health()
    require(not store.ask("ASK { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"), "The dataset has statements. Give an empty one.")


def terms_survive(store: Store) -> None:
    """Texts of any characters, language tags, datatypes and IRIs come back as they were written."""
    triples = [Triple(name("s"), name(f"p{number}"), term) for number, term in enumerate(_EXACT)]
    store.update(fill(_INSERT, graph=name("written"), triples=triples))
    store.load(Quad(triple.subject, triple.predicate, triple.object, name("loaded")) for triple in triples)
    for graph in (name("written"), name("loaded")):
        found = {triple.predicate: triple.object for triple in store.graph(graph)}
        rows = store.select(fill("SELECT ?p ?o WHERE { GRAPH $graph { ?s ?p ?o } }", graph=graph))
        selected = {row["p"]: row["o"] for row in rows}
        for triple in triples:
            for answers in (found, selected):
                term = answers.get(triple.predicate)
                require(term == triple.object, f"{str(triple.object)[:80]} came back as {str(term)[:80]}")


def numbers_and_times_keep_their_value(store: Store) -> None:
    """Numbers and times come back with the same value, NaN, infinities and microseconds too; the spelling may differ."""
    terms = [Literal(text, datatype=NamedNode(_XSD + kind)) for kind, text in (*_NUMBERS, *_WORDS)]
    store.update(fill(_INSERT, graph=name("g"), triples=[Triple(name("s"), name(f"p{number}"), term) for number, term in enumerate(terms)]))
    found = {triple.predicate: triple.object for triple in store.graph(name("g"))}
    for number, term in enumerate(terms):
        answer = found.get(name(f"p{number}"))
        same = isinstance(answer, Literal) and (answer.value == term.value or (number < len(_NUMBERS) and _equal(answer.value, term.value)))
        require(same, f"{term} came back as {answer}")


def _equal(one: str, other: str) -> bool:
    return Decimal(one) == Decimal(other) or ("e" in (one + other).lower() and float(one) == float(other))


def default_graph_is_the_union(store: Store) -> None:
    """A query without GRAPH sees the statements of all graphs, joined over graphs too."""
    text = "INSERT DATA { GRAPH $one { $s $p $o } GRAPH $two { $o $p $s . $s $p $o } }"
    store.update(fill(text, one=name("one"), two=name("two"), s=name("s"), p=name("p"), o=name("o")))
    joined = fill("ASK { $s $p ?x . ?x $p $s }", s=name("s"), p=name("p"))
    require(store.ask(joined), "A pattern over two graphs has no answer: turn on the union as default graph.")
    graphs = store.select(fill("SELECT ?g WHERE { GRAPH ?g { $s $p ?o } }", s=name("s"), p=name("p")))
    require({row["g"] for row in graphs} == {name("one"), name("two")}, "GRAPH ?g does not find both graphs of a statement.")


def union_has_no_duplicates(store: Store) -> None:
    """A statement that two graphs hold is seen once in the default graph; where not, counts of strangers' queries are too high."""
    store.update(fill("INSERT DATA { GRAPH $one { $s $s $s } GRAPH $two { $s $s $s } }", one=name("one"), two=name("two"), s=name("s")))
    rows = store.select("SELECT ?s WHERE { ?s ?p ?o }")
    require(len(rows) == 1, f"A statement that two graphs hold was seen {len(rows)} times (the hub's own queries say DISTINCT or GRAPH).")


def unknown_graphs_are_empty(store: Store) -> None:
    """A graph that does not exist is empty, and deleting what does not exist is no error."""
    require(store.graph(name("nowhere")) == [], "An unknown graph is not empty.")
    store.update(fill("DELETE WHERE { GRAPH $graph { ?s ?p ?o } }", graph=name("nowhere")))
    store.update(fill("DELETE DATA { GRAPH $graph { $s $s $s } }", graph=name("nowhere"), s=name("s")))
    store.update(fill("DROP SILENT GRAPH $graph", graph=name("nowhere")))
    require(not store.ask("ASK { ?s ?p ?o }"), "Something is there that nobody wrote.")


def exact_numbers_are_found(store: Store) -> None:
    """Statements are found by exact numbers from a VALUES list, as the change log is read."""
    triples = [Triple(name(f"r{number}"), name("sequence"), Literal(number)) for number in range(1, 501)]
    store.update(fill(_INSERT, graph=name("log"), triples=triples))
    text = "SELECT ?n ?r WHERE { VALUES ?n { $numbers } GRAPH ?g { ?r $sequence ?n } }"
    rows = store.select(fill(text, numbers=[Literal(7), Literal(77), Literal(777)], sequence=name("sequence")))
    require({row["r"] for row in rows} == {name("r7"), name("r77")}, f"VALUES (7, 77, 777) of 1 to 500 found {len(rows)} rows.")


def graphs_are_read_whole(store: Store) -> None:
    """CONSTRUCT, DESCRIBE and the reading of one graph give all statements; bound variables only are in a row."""
    triples = numbered(1000)
    store.update(fill(_INSERT, graph=name("g"), triples=triples))
    for what, answer in (
        ("Reading a graph", store.graph(name("g"))),
        ("CONSTRUCT", store.triples("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }")),
        ("DESCRIBE", store.triples(fill("DESCRIBE $s", s=name("s")))),
    ):
        require(set(answer) == set(triples), f"{what} gave {len(set(answer))} of 1000 statements.")
    rows = store.select(fill("SELECT ?x ?y WHERE { BIND($s AS ?x) OPTIONAL { ?x $none ?y } }", s=name("s"), none=name("none")))
    require(rows == [{"x": name("s")}], f"A row with an unbound variable came back as {rows}.")
