"""Reading updates: into operations where they are SPARQL, with line and column where they are not, and without reaching anybody."""

from __future__ import annotations

from typing import Any

import pytest

from server.errors import Malformed, QueryLimit, QueryRefused, QueryTimeout, TooLarge
from server.store import updates
from server.store.updates import MOST_QUADS, Operation, understand
from server.store.updates_child import answer
from tests.support.listener import listening

BASE = "http://hub.test/"
TASK = {"base": BASE, "using": [], "using_named": [], "most": MOST_QUADS}


def read(update: str, **more: Any) -> list[Operation]:
    return understand(update, BASE, seconds=10, **more)


def told(update: str, **more: Any) -> dict[str, Any]:
    """Read an update in this process, as the child does."""
    return answer({**TASK, "update": update, **more})


def test_operations_are_read_with_their_prefixes_and_positions() -> None:
    first, second, third, fourth = read(
        "PREFIX ex: <http://e/>\nINSERT DATA { ex:a ex:b <rel> . GRAPH <g> { ex:a ex:b _:x, [ ex:c 1 ] } } ;\n"
        "BASE <http://other/> PREFIX f: <f#>\nDELETE DATA { f:a ex:b <rel>, 1 } ; # and so on\n"
        "WITH <g> DELETE { ?s ex:p ?o } INSERT { GRAPH ?g { ?s ex:q ?o . [] ex:x _:b } } WHERE { ?s ex:p ?o . GRAPH ?g { ?s ?p ?o } } ;\n"
        "DELETE WHERE { GRAPH <h> { ?s f:p 'GRAPH ?none' } } ;"
    )
    assert {str(each) for each in first.insert.quads} >= {"<http://e/a> <http://e/b> <http://hub.test/rel>"} and len(first.insert.quads) == 4
    assert {str(each.graph_name) for each in first.insert.quads} == {"DEFAULT", "<http://hub.test/g>"} and first.where is None
    assert {str(each.object.value) for each in second.delete.quads} == {"http://other/rel", "1"}  # type: ignore[union-attr]
    assert str(second.delete.quads[0].subject) == "<http://other/f#a>" and not second.insert.quads
    assert third.where is not None and (third.where.within, third.where.line) == ("http://other/g", 5)
    assert "GRAPH <http://other/g>" in third.where.wrapped and " SELECT ?s ?o ?g WHERE" in third.where.select, "a row for each blank node"
    assert [str(each) for each in third.delete.quads] == [f"<{third.delete.mark}s> <http://e/p> <{third.delete.mark}o> <http://other/g>"]
    assert fourth.where is not None and "SELECT DISTINCT ?s WHERE" in fourth.where.select and fourth.where.default == ()


def test_what_where_sees_is_known_as_far_as_it_can_be() -> None:
    def where(update: str, **more: Any) -> tuple[Any, ...]:
        found = read(update, **more)[0].where
        assert found is not None
        return found.default, found.named, found.within

    assert where("INSERT { <a> <b> <c> } USING <x> USING NAMED <y> WHERE {}") == ((f"{BASE}x",), (f"{BASE}y",), "")
    assert where("WITH <g> INSERT { <a> <b> <c> } USING <x> WHERE {}") == ((f"{BASE}x",), (), "")
    assert where("WITH <g> INSERT { <a> <b> <c> } WHERE { GRAPH <h> { ?s ?p ?o } }") == ((f"{BASE}g",), (f"{BASE}h",), "")
    assert where("INSERT { <a> <b> <c> } WHERE { }", using=["http://q/"], using_named=["http://r/"]) == (("http://q/",), ("http://r/",), "")


def test_graphs_are_managed() -> None:
    found = read(
        "CLEAR SILENT ALL; DROP GRAPH <x>; CREATE GRAPH <x>; COPY DEFAULT TO <g>; ADD GRAPH "
        "<g> TO DEFAULT ; MOVE SILENT <a> TO GRAPH <b>; CLEAR NAMED"
    )
    told = [(each.verb, each.source.removeprefix(BASE), each.target.removeprefix(BASE), each.silent) for each in found]
    assert told == [
        ("clear", "", "ALL", True),
        ("drop", "", "x", False),
        ("create", "", "x", False),
        ("copy", "DEFAULT", "g", False),
        ("add", "g", "DEFAULT", False),
        ("move", "a", "b", True),
        ("clear", "", "NAMED", False),
    ]
    assert all(updates_of(text) == [] for text in ("", "# nothing", "PREFIX a: <b:>"))


def updates_of(text: str, **more: Any) -> Any:
    return told(text, **more)["operations"]


def test_the_child_tells_the_parts_of_each_operation() -> None:
    first, second = updates_of("BASE <http://o/> WITH <g> DELETE { ?s <p> 1 } INSERT { ?s <q> 2 } WHERE { ?s <p> 1 } ; DELETE DATA { <a> <p> 3 }")
    assert first["delete"].endswith(':s> <http://o/p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> <http://o/g> .\n') and "/q>" in first["insert"]
    assert (first["where"]["default"], second["verb"], second["delete"].split()[0]) == (["http://o/g"], "modify", "<http://o/a>")
    moves = updates_of("MOVE SILENT GRAPH <a> TO DEFAULT ; COPY DEFAULT TO <b> ; DROP GRAPH <c>")
    assert [(each.get("source"), each["target"]) for each in moves] == [(f"{BASE}a", "DEFAULT"), ("DEFAULT", f"{BASE}b"), (None, f"{BASE}c")]


REFUSED = {
    "CLEAR XYZ": "GRAPH and an IRI, or DEFAULT, or NAMED, or ALL. (line 1, column 7)",
    "CLEAR GRAPH": "named by an IRI",
    "CREATE GRAPH ex:x": "prefix of ex:x is not declared",
    "PREFIX ex: <mailto> WITH ex:\\> INSERT { } WHERE { }": "No word of SPARQL",
    "CREATE GRAPH <//[x>": "no absolute IRI",
    "CREATE DEFAULT": "GRAPH and an IRI. (line 1, column 8)",
    "COPY <a> <b>": "TO between them",
    "COPY ALL TO <b>": "A graph is named by an IRI",
    "DROP ALL ALL": "nothing is expected",
    "LOAD <http://x/>": "LOAD is not allowed",
    "INSERT DATA { <a> <b> <c> } ; #x\n load silent <http://x> into graph <y>": "LOAD is not allowed: the hub fetches nothing on behalf of an update",
    "PREFIX LOAD: <http://x/> LOAD <http://x/>": "LOAD is not allowed",
    "L\\u004FAD <http://x>": "An operation starts with",
    "INSERT {<a> <b> ?c}\nWHERE {\n SERVICE SILENT <http://x> {?s ?p ?c} }": "SERVICE is not allowed: the hub asks no other server on "
    "behalf of a query. (line 3, column 2)",
    "WITH <g> INSERT {<a> <b> ?c}\nWHERE {\n { SELECT * { OPTIONAL { SERVICE ?x {?s ?p ?c} } } } }": "(line 3, column 26)",
    "INSERT {<a> <b> ?c} WHERE { ?s ?p ?c FILTER(<java:x.y>(?c)) }": "code of an engine",
    "INSERT {<a> <b> ?c} WHERE { ?s ?p ?c FILTER(<http://e/f>(?c)) }": "is not known here",
    "INSERT DATA {\n <a> <b> ?c }": "Variables are not allowed in INSERT DATA",
    "INSERT { ?a <b> }\nWHERE {\n ?a <c> ?d }": "not SPARQL",
    "DELETE { _:a <b> ?c } WHERE { ?c <b> 1 }": "(line 1, column 26)",
    "DELETE DATA { <a> <b> _:c }": "not allowed in DELETE DATA",
    "DELETE DATA": "not SPARQL",
    "INSERT DATA { a:b <b> <c> }": "(line 1, column 20)",
    "INSERT DATA { GRAPH <g> { <a> <b> 'x' } } INSERT DATA { <a> <b> <c> }": "(line 1, column 46)",
    "INSERT DATA { <a> <b> <c> } ; }": "closes nothing",
    "INSERT DATA { <a> <b> <c> ": "is not closed. (line 1, column 13)",
    "INSERT DATA { <a> <b> 'c }": "does not end",
    "SELECT * {}": "An operation starts with",
    "WITH": "An update is",
    "DELETE WHERE": "An update is",
    "INSERT { <a> <b> <c> }": "An update is",
    "WHERE { }": "An operation starts with",
    "BASE INSERT DATA { }": "BASE is followed by",
    "PREFIX x <y> INSERT DATA { }": "PREFIX is followed by",
    "; INSERT DATA { }": "An operation starts with",
    "INSERT DATA " + "{" * 200: "Brackets nest deeper than 100. (line 1, column 113)",
    "INSERT DATA { <a> <b> \0 }": "U+0000",
}


@pytest.mark.parametrize("update", REFUSED, ids=lambda text: text[:30].replace("\0", "NUL"))
def test_what_is_no_update_is_refused(update: str) -> None:
    found = told(update)
    assert found["kind"] == "refused" and REFUSED[update] in found["detail"], found


def test_a_dataset_is_named_in_one_place() -> None:
    for update in ("WITH <x> INSERT { <a> <b> <c> } WHERE {}", "INSERT { <a> <b> <c> } USING <x> WHERE {}"):
        assert "do not go together" in told(update, using_named=["http://q/"])["detail"]
    with pytest.raises(QueryRefused, match="do not go together"):
        read("WITH <x> INSERT { <a> <b> <c> } WHERE {}", using=["http://q/"])


def test_nobody_is_contacted_whatever_it_says() -> None:
    with listening() as (address, came):
        for update in (
            f"LOAD <{address}>",
            f"LOAD SILENT <{address}> INTO GRAPH <g>",
            f"INSERT DATA {{ }} ; LOAD <{address}>",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{address}> {{ ?s ?p ?o }} }}",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE SILENT <{address}> {{ ?s ?p ?o }} }}",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ BIND(<{address}> AS ?x) SERVICE ?x {{ ?s ?p ?o }} }}",
            f"DELETE {{ ?s ?p ?o }} WHERE {{ FILTER EXISTS {{ SERVICE <{address}> {{ ?s ?p ?o }} }} }}",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ /**/ sErViCe#\n<{address}>{{ ?s ?p ?o }} }}",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ \\u0053ERVICE <{address}> {{ ?s ?p ?o }} }}",
            f"PREFIX SERVICEx: <{address}> DELETE WHERE {{ SERVICEx:y {{ ?s ?p ?o }} }}",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ FILTER(?a<?b&&?c>?d) SERVICE <{address}> {{ ?s ?p ?o }} }}",
        ):
            with pytest.raises(QueryRefused):
                read(update)
        assert read(f"INSERT DATA {{ <{address}> <http://www.w3.org/2002/07/owl#imports> <{address}> }} ; CREATE GRAPH <{address}>")
        assert read(f"INSERT {{ <a> <b> 'SERVICE <{address}> {{}}' }} USING <{address}> WHERE {{ }}")
        assert read(f"INSERT {{ <a> <b> ?o }} WHERE {{ FILTER('a'<'x' && 'y'>'SERVICE <{address}> {{ }}') }}"), "nothing but a string"
        assert not came


def test_limits_end_the_child_and_not_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = "<< <a> <b> " * 30_000
    with pytest.raises(QueryLimit, match="too deep"):
        read(f"INSERT DATA {{ <a> <b> {nested} }}")
    with pytest.raises((QueryLimit, QueryTimeout)):
        cross = " ".join(f"VALUES ?v{number} {{ {' '.join(map(str, range(300)))} }}" for number in range(5))
        understand(f"INSERT {{ <a> <b> ?v0, ?v1, ?v2 }} WHERE {{ {cross} }}", BASE, seconds=1, memory_mb=512)
    monkeypatch.setattr(updates, "_PATIENCE", -0.99)
    with pytest.raises(QueryTimeout, match="/bulk"):
        understand("CLEAR ALL", BASE, seconds=1)


def test_more_than_one_update_may_hold_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told("INSERT DATA { <a> <b> 1, 2, 3 } ; INSERT DATA { <a> <b> 4 }", most=3)["kind"] == "large"
    monkeypatch.setattr("server.store.updates_child.MOST_OPERATIONS", 2)
    assert "operations" in told("CLEAR ALL ; CLEAR ALL ; CLEAR ALL")["detail"]
    monkeypatch.setattr("server.store.updates_child.MOST_WORDS", 10)
    assert told("INSERT DATA { <a> <b> 1, 2, 3, 4, 5 }")["detail"] == "The update has more than 10 words."
    monkeypatch.setattr(updates, "MOST_QUADS", 2)
    with pytest.raises(TooLarge, match=r"more than 2 quads\. Take POST /api/<collection>/bulk"):
        read("INSERT DATA { <a> <b> 1, 2, 3 }")


def test_what_the_child_says_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.store.updates.orjson.loads", lambda text: {"operations": [{"verb": "modify", "insert": "nonsense"}], "mark": ""})
    with pytest.raises(Malformed, match="cannot be stored"):
        read("CLEAR ALL")
