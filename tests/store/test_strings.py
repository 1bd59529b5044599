"""Strings that are built or matched without end are refused, with their place; what people write is not."""

from __future__ import annotations

import pytest

from server.errors import QueryRefused
from server.store.guard import inspect

DOUBLED = " ".join(f"BIND(CONCAT(?a{i}, ?a{i}) AS ?a{i + 1})" for i in range(28))
NESTED = " ".join(f"{{ SELECT (CONCAT(?b{i}, '-', ?b{i}) AS ?b{i + 1}) {{" for i in range(24))
LONG = "x" * 2000
REFUSED = {
    "doubled": f'SELECT ?a28 {{ BIND("xx" AS ?a0) {DOUBLED} }}',
    "doubled, in subqueries": f"SELECT * {{ {NESTED} ?s ?p ?b0 {'} }' * 24} }}",
    "replaced by itself": f'SELECT * {{ BIND("{LONG}" AS ?a) BIND(REPLACE(?a, "x", ?a) AS ?b) BIND(REPLACE(?b, "x", ?a) AS ?c) }}',
    "replaced in a filter": f'ASK {{ FILTER(STRLEN(REPLACE(REPLACE("{LONG}", "x", "{LONG}"), "x", "{LONG}")) > 1) }}',
    "joined and joined": "SELECT (GROUP_CONCAT(?y) AS ?z) { { SELECT (GROUP_CONCAT(?x) AS ?y) { ?s ?p ?x } GROUP BY ?s } }",
    "back-reference": r'ASK { FILTER(REGEX("aaaa", "^(a+)+(b)?\\2$")) }',
    "back-reference after others": r'ASK { ?s ?p ?o FILTER(REGEX(?o, "\\s*\\\\x(a)\n\\1")) }',
    "back-reference in another place": r"ASK { BIND('(a*)*\\1' AS ?p) FILTER(REGEX('aaaa', ?p)) }",
    "back-reference in two pieces": r"ASK { BIND(CONCAT('(a*)*\\', '1') AS ?p) FILTER(REGEX('aaaa', ?p)) }",
    "wild": 'ASK { ?s ?p ?o FILTER(REGEX(?o, ".*.*.*.+.*.{2,}=")) }',
}
FINE = {
    "labels": 'SELECT (CONCAT(?a, " ", ?b, " (", STR(?c), ")") AS ?label) { ?a ?b ?c }',
    "many labels": "SELECT * { ?a ?b ?c " + " ".join(f"BIND(CONCAT(?a, '/', ?b, '/', ?c) AS ?v{i})" for i in range(60)) + " }",
    "cleaned": r'SELECT (REPLACE(REPLACE(REPLACE(?a, "\\s+", " "), "^ | $", ""), "(\\d+)-(\\d+)", "$2/$1") AS ?x) { ?a ?b ?c }',
    "joined": 'SELECT ?a (GROUP_CONCAT(DISTINCT CONCAT(?b, "=", ?c); SEPARATOR=", ") AS ?all) { ?a ?b ?c } GROUP BY ?a',
    "backslash": r'SELECT (REPLACE(?a, "\\\\", "/") AS ?x) { ?a ?b ?c FILTER(REGEX(?a, "C:\\\\1", "i")) }',
    "back-reference where nothing is matched": r'ASK { ?s ?p "\\1" }',
    "numbers": "SELECT * { ?s ?p ?a0 " + " ".join(f"BIND(?a{i} + ?a{i} AS ?a{i + 1})" for i in range(40)) + " BIND(CONCAT(STR(?a40), '!') AS ?t) }",
    "words in order": 'ASK { ?s ?p ?o FILTER(REGEX(?o, "one.*two.*three.*four", "i")) }',
}


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED.keys())
def test_strings_without_end_are_refused(query: str) -> None:
    with pytest.raises(QueryRefused) as raised:
        inspect(query)
    assert raised.value.members["line"] == 1
    assert isinstance(raised.value.members["column"], int)


@pytest.mark.parametrize("query", FINE.values(), ids=FINE.keys())
def test_usual_strings_are_not(query: str) -> None:
    inspect(query)
