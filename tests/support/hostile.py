"""Queries that want out, want too much, or are no queries; `$url` is where a listener waits. Each with the statuses that it may be answered with."""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "PREFIX ex: <http://example.org/> "
CROSS = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l"
LONG = "x" * 2000

OUTSIDE: Mapping[str, str] = {
    "service": "SELECT * { SERVICE <$url> { ?s ?p ?o } }",
    "service silent": "SELECT * { SERVICE SILENT <$url> { ?s ?p ?o } }",
    "service in small letters": "SELECT * { service <$url> { ?s ?p ?o } }",
    "service in mixed letters": "SELECT * { sErViCe sIlEnT <$url> { ?s ?p ?o } }",
    "service after a comment": "SELECT * { # {\nSERVICE # <http://x/>\n<$url> { ?s ?p ?o } }",
    "service with an escape": r"SELECT * { SERV\u0049CE <$url> { ?s ?p ?o } }",
    "service with a long escape": r"SELECT * { \U00000053ERVICE <$url> { ?s ?p ?o } }",
    "service out of a string": r"SELECT * { ?s ?p 'a\u0027 . SERVICE <$url> { ?s ?p ?o } BIND(\u0027' AS ?x) }",
    "service at a variable": "SELECT * { VALUES ?where { <$url> } SERVICE ?where { ?s ?p ?o } }",
    "service at a computed address": "SELECT * { BIND(IRI('$url') AS ?where) SERVICE ?where { ?s ?p ?o } }",
    "service at a prefixed name": "PREFIX x: <$url> SELECT * { SERVICE x: { ?s ?p ?o } }",
    "service without a blank": "PREFIX x: <$url> SELECT * { SERVICEx: { ?s ?p ?o } }",
    "service at a relative address": "BASE <$url> SELECT * { SERVICE <> { ?s ?p ?o } }",
    "service in an optional": "SELECT * { ?s ?p ?o OPTIONAL { SERVICE <$url> { ?s ?q ?r } } }",
    "service in a subquery": "SELECT * { { SELECT * { { SELECT * { SERVICE <$url> { ?s ?p ?o } } } } } }",
    "service in exists": "ASK { ?s ?p ?o FILTER EXISTS { SERVICE <$url> { ?s ?q ?r } } }",
    "service in not exists": "ASK { ?s ?p ?o FILTER(NOT EXISTS { SERVICE <$url> { ?s ?q ?r } }) }",
    "service in minus": "ASK { ?s ?p ?o MINUS { SERVICE <$url> { ?s ?p ?o } } }",
    "service in a union": "ASK { { ?s ?p ?o } UNION { SERVICE <$url> { ?s ?p ?o } } }",
    "service in a graph": "ASK { GRAPH ?g { SERVICE <$url> { ?s ?p ?o } } }",
    "service in construct": "CONSTRUCT { ?s ?p ?o } WHERE { SERVICE <$url> { ?s ?p ?o } }",
    "service in describe": "DESCRIBE ?s { SERVICE <$url> { ?s ?p ?o } }",
    "service after a comparison": "ASK { FILTER('a'<'x>y') SERVICE <$url> { ?s ?p '>' } }",
    "service in a service": "ASK { SERVICE <$url> { SERVICE <$url> { ?s ?p ?o } } }",
    "from": "SELECT * FROM <$url> { ?s ?p ?o }",
    "from named": "SELECT * FROM NAMED <$url> { GRAPH ?g { ?s ?p ?o } }",
    "from in construct": "CONSTRUCT { ?s ?p ?o } FROM <$url> WHERE { ?s ?p ?o }",
    "from with a prefix": "PREFIX x: <$url> ASK FROM x:data { ?s ?p ?o }",
    "from an escape": r"ASK FR\u004FM <$url> { ?s ?p ?o }",
    "load": "LOAD <$url>",
    "load silent": "LOAD SILENT <$url> INTO GRAPH <urn:g>",
    "load after a query": "ASK { ?s ?p ?o } ; LOAD <$url>",
    "insert": "INSERT DATA { GRAPH <urn:g> { <urn:s> <urn:p> 1 } }",
    "drop after a comment": "# ASK { }\nDROP ALL",
    "function of Java": "ASK { FILTER(<java:java.lang.Runtime>('$url')) }",
    "function of Java with a prefix": "PREFIX j: <java:org.apache.jena.sparql.function.library.> ASK { FILTER(j:sprintf('%s', '$url') = '') }",
    "function of ARQ": "PREFIX afn: <http://jena.apache.org/ARQ/function#> ASK { FILTER(afn:now() = 1) }",
    "function of nobody": "ASK { FILTER(<$url>('x')) }",
    "function in a projection": "PREFIX x: <$url> SELECT (x:f(1) AS ?x) { }",
    "property of Java": "ASK { ?s <java:org.apache.jena.sparql.pfunction.library.listMember> ?o }",
    "property of ARQ": "ASK { ?s <http://jena.apache.org/ARQ/property#versionARQ> ?o }",
    "property of ARQ in a path": "ASK { ?s (ex:p/<http://jena.apache.org/ARQ/property#strSplit>)+ ?o }",
    "property of the former ARQ": "ASK { ?s <http://jena.hpl.hp.com/ARQ/property#bnode> ?o }",
}
"""Refused (400), before anything runs."""

WRONG: Mapping[str, str] = {
    "nothing": " ",
    "no SPARQL": "please give me all models",
    "SQL": "SELECT title FROM models WHERE id = 1",
    "brace too few": "SELECT *\n{ ?s ?p ?o",
    "brace too many": "SELECT * { ?s ?p ?o } }",
    "bracket of another kind": "SELECT *\n{ ?s ?p ( ?o ] }",
    "half a triple": "SELECT *\n{ ?s ?p }",
    "unknown prefix": "SELECT *\n{ ?s nobody:knows ?o }",
    "string without end": "ASK { ?s ?p 'abc }",
    "line in a string": "ASK { ?s ?p 'ab\nc' }",
    "bad escape": "ASK { ?s ?p '\\q' }",
    "half a surrogate": r"ASK { ?s ?p '\uD800' }",
    "a null": "ASK { ?s ?p '\0' }",
    "an address with a blank": "ASK { <http://exa mple/> ?p ?o }",
    "not grouped": "SELECT ?s (COUNT(?o) AS ?n)\n{ ?s ?p ?o }",
    "named twice": "SELECT ?s (1 AS ?s)\n{ ?s ?p ?o }",
    "limit of minus one": "SELECT * { ?s ?p ?o } LIMIT -1",
    "comparison or IRI": "ASK { ?s ?p ?a FILTER(?a<?s&&?p>?a) }",
    "nested groups": "ASK " + "{" * 20_000 + "}" * 20_000,
    "nested brackets": "ASK { FILTER(" + "(" * 20_000 + "1" + ")" * 20_000 + ") }",
    "nested collections": "ASK { ?s ?p " + "(" * 20_000 + ")" * 20_000 + " }",
    "nested subqueries": "SELECT * { " + "{ SELECT * { " * 200 + "?s ?p ?o " + "} } " * 200 + "}",
    "many words": "ASK { " + "?s ?p ?o . " * 60_000 + "}",
    "long word": "ASK { ?s ?p '" + "x" * (2 << 20) + "' }",
    "ten megabytes": "ASK { ?s ?p ?o } #" + "x" * (10 << 20),
    "doubled string": 'SELECT ?a30 { BIND("xxxx" AS ?a0) ' + " ".join(f"BIND(CONCAT(?a{i},?a{i}) AS ?a{i + 1})" for i in range(30)) + " }",
    "replaced by itself": f'SELECT ?c {{ BIND("{LONG}" AS ?a) BIND(REPLACE(?a, "x", ?a) AS ?b) BIND(REPLACE(?b, "x", ?a) AS ?c) }}',
    "back-reference": r'ASK { FILTER(REGEX("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a+)+(b)?\\2$")) }',
}
"""Refused (400), with the line and the column where there is one."""

HEAVY: Mapping[str, str] = {
    "cross product counted": f"SELECT (COUNT(*) AS ?n) {{ {CROSS} FILTER(?a != ?l) }}",
    "cross product": f"SELECT * {{ {CROSS} }}",
    "cross product in order": f"SELECT * {{ {CROSS} }} ORDER BY ?c ?f ?i ?l",
    "cross product without doubles": f"SELECT DISTINCT ?a ?d ?g {{ {CROSS} }} ORDER BY DESC(?g)",
    "cross product grouped": f"SELECT ?a ?d (COUNT(*) AS ?n) {{ {CROSS} }} GROUP BY ?a ?d ORDER BY ?n",
    "cross product of optionals": "SELECT (COUNT(*) AS ?n) { " + " ".join(f"OPTIONAL {{ ?a{i} ?b{i} ?c{i} }}" for i in range(8)) + " }",
    "cross product tested": f"SELECT (COUNT(*) AS ?n) {{ {CROSS} FILTER NOT EXISTS {{ ?x ?y ?z . ?u ?v ?w FILTER(?z = ?w && ?x = ?l) }} }}",
    "path of everything": "SELECT (COUNT(*) AS ?n) { ?a (!ex:none|^!ex:none)* ?b . ?b (!ex:none|^!ex:none)* ?c . ?c (!ex:none)* ?d }",
    "path in a path": "SELECT (COUNT(*) AS ?n) { ?a ((!ex:x)*|(^!ex:y)+)* ?b . ?b ((!ex:z)+/(^!ex:w)+)+ ?c . ?c (!ex:x)* ?d }",
    "joined text": "SELECT (GROUP_CONCAT(?t; SEPARATOR='') AS ?n) { " + CROSS + " BIND(STR(?a) AS ?t) }",
    "hashes": f"SELECT (SUM(STRLEN(SHA512(CONCAT(STR(?a), STR(?d))))) AS ?n) {{ {CROSS} }}",
    "expressions over everything": f"SELECT (SUM(STRLEN(REPLACE(STR(?a), '(.+)(.+)', '$2$1'))) AS ?n) {{ {CROSS} FILTER(REGEX(STR(?d), '^(.*)*$')) }}",  # noqa: E501
    "a million triples": "CONSTRUCT { ?a ?e ?i } { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "everything described": "DESCRIBE ?a ?d { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
}
"""Ended at a limit (408 or 503)."""

HARMLESS: Mapping[str, str] = {
    "nested quantifiers": 'ASK { FILTER(REGEX("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a+)+$")) }',
    "alternatives that overlap": 'ASK { FILTER(REGEX("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a|aa|a)*$")) }',
    "service in a comment": "ASK { } # SERVICE <$url> { }",
    "service in a string": "ASK { ?s ?p 'SERVICE <$url> { }' }",
    "graph of elsewhere": "ASK { GRAPH <$url> { ?s ?p ?o } }",
    "description of elsewhere": "DESCRIBE <$url>",
    "passwords": "SELECT * { ?s <https://w3id.org/cords-hub/ns#passwordHash> ?o }",
    "e-mail addresses": "SELECT * { ?s <https://w3id.org/cords-hub/ns#email> ?o }",
    "the audit log": "SELECT * { GRAPH <https://w3id.org/cords-hub/system/audit> { ?s ?p ?o } }",
    "tokens": "SELECT * { GRAPH ?g { ?s a <https://w3id.org/cords-hub/ns#Token> } }",
}
"""Answered, with nothing in it that anybody minds."""
