"""SPARQL Update over many graphs, on both stores: what it deletes and inserts is judged and written together, or nothing is."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest
from pyoxigraph import Literal, NamedNode

from server.errors import AlreadyExists, DoesNotConform, Forbidden, Gone, HubError, InUse, Malformed, NotFound, QueryRefused, TooLarge
from server.graph.vocabulary import DCT
from server.hub import Hub
from server.services import checks
from server.services.drafts import JSON, Document
from server.services.things import Thing
from server.services.together import Committed
from server.services.updating import Request
from tests.services.conftest import ADA, CURATOR, READER, doc, toy
from tests.support.proofs import wrong_with

EX = "http://notes.example/"
PREFIXES = f"PREFIX ex: <{EX}> PREFIX dct: <{DCT.title.value.removesuffix('title')}> PREFIX toy: <http://toys.example/ns#> "
NOTES = NamedNode(EX + "notes")


def run(hub: Hub, text: str, **more: Any) -> Committed:
    return hub.updating.run(CURATOR, Request(PREFIXES + text, **more))


def held(hub: Hub, graph: str | NamedNode) -> set[str]:
    """Return what a graph holds, without the names of the tests' own namespace and of the graphs of nodes."""
    name = graph if isinstance(graph, NamedNode) else NamedNode(EX + graph)
    return {" ".join(str(each).split()).replace(EX, "") for each in hub.graphs.places.state(name).triples}


def title(hub: Hub, thing: Thing) -> Any:
    return [each.value for each in hub.assets.read("toys", thing.id).values("title")]


def sound(hub: Hub) -> None:
    """Assert that graphs, histories, change log and index fit together."""
    hub.indexing.settle()
    assert wrong_with(hub, checks.heads(hub.tools)) == []


def test_free_graphs_change_together_and_keep_their_past(hub: Hub) -> None:
    last = hub.tools.history.last()
    done = run(hub, 'INSERT DATA { ex:a ex:says "none" . GRAPH ex:notes { ex:a ex:says "old", 01.50 } GRAPH ex:more { ex:b a ex:Note } }')
    assert (len(done.changes), done.added, done.removed, done.first) == (3, 4, 0, last + 1)
    done = run(
        hub, 'DELETE DATA { GRAPH ex:notes { ex:a ex:says "old", 1.5 } } ; INSERT DATA { GRAPH ex:notes { ex:a ex:says "new" } }', reason="typo"
    )
    assert (len(done.changes), done.added, done.removed, done.first) == (1, 1, 2, last + 4)
    assert held(hub, NOTES) == {'<a> <says> "new"'}
    assert held(hub, hub.tools.names.default_graph) == {'<a> <says> "none"'}
    newest, first = hub.free_past.history(hub.tools.names.free_id(NOTES))
    assert (newest["revision"], newest["by"], newest["added"], newest["removed"]) == (2, CURATOR.person.value, 1, 2)  # type: ignore[union-attr]
    assert newest["reason"].startswith("typo: PREFIX ex:") and first["reason"].endswith("ex:Note } }")
    items, _ = hub.past.changes(last, 10)
    assert [(each["kind"], each["iri"]) for each in items][-1] == ("graphs", NOTES.value)
    for same in (
        "INSERT DATA { GRAPH ex:more { ex:b a ex:Note } }",
        "CREATE GRAPH ex:notes",
        "CREATE GRAPH ex:new",
        "DROP GRAPH ex:none",
        "",
        "# no",
    ):
        assert run(hub, same) == Committed()
    assert hub.tools.history.last() == last + 4
    sound(hub)


def test_operations_see_what_earlier_ones_did(hub: Hub) -> None:
    run(
        hub,
        'INSERT DATA { GRAPH ex:a { ex:s ex:p "1" } } ; INSERT { GRAPH ex:b { ?s ex:q ?o } } '
        "WHERE { ?s ex:p ?o } ; COPY ex:b TO ex:c ; ADD ex:a TO ex:c",
    )
    assert held(hub, "b") == {'<s> <q> "1"'} and held(hub, "c") == {'<s> <q> "1"', '<s> <p> "1"'}
    run(
        hub,
        "MOVE GRAPH ex:c TO DEFAULT ; CLEAR GRAPH ex:a ; INSERT { GRAPH ex:d { ?s ?p ?o } } "
        "WHERE { GRAPH ?g { ?s ?p ?o FILTER(?p IN (ex:p, ex:q)) } }",
    )
    assert held(hub, "d") == {'<s> <q> "1"', '<s> <p> "1"'} and held(hub, "c") == held(hub, "a") == set()
    with pytest.raises(NotFound, match="SILENT"):
        run(hub, "COPY ex:c TO ex:d")
    run(hub, "MOVE SILENT ex:d TO ex:d ; COPY SILENT ex:c TO ex:b ; DELETE { GRAPH ex:d { ?s ex:p ?o } } USING ex:d WHERE { ?s ex:p ?o }")
    assert held(hub, "d") == {'<s> <q> "1"'} and held(hub, "b") == set()
    run(hub, "DROP ALL")
    assert hub.graphs.listed("", 10) == []
    sound(hub)


def test_with_and_using_say_what_where_sees(hub: Hub) -> None:
    run(hub, 'INSERT DATA { GRAPH ex:a { ex:s ex:p "a" } GRAPH ex:b { ex:s ex:p "b" ; ex:r ex:t } }')
    run(hub, "WITH ex:a INSERT { ex:x ex:own ?o } WHERE { ?s ex:p ?o }")
    run(hub, "WITH ex:a INSERT { ex:x ex:named ?o } WHERE { ?s ex:p ?mine GRAPH ex:b { ?s ex:p ?o } }")
    run(hub, "WITH ex:a INSERT { ex:x ex:any ?o } WHERE { ?s ex:p ?mine GRAPH ?g { ?s ex:r ?o } }")
    assert held(hub, "a") == {'<s> <p> "a"', '<x> <own> "a"', '<x> <named> "b"', "<x> <any> <t>"}
    run(hub, "WITH ex:new INSERT { ex:x ex:y ?o } WHERE { GRAPH ?g { ?s ex:r ?o } OPTIONAL { ?s ex:p ?none } FILTER(!BOUND(?none)) }")
    run(hub, "WITH ex:new2 INSERT { ex:x ex:y ex:z } WHERE { }")
    assert held(hub, "new") == {"<x> <y> <t>"} and held(hub, "new2") == {"<x> <y> <z>"}
    run(hub, "INSERT { GRAPH ex:c { ?s ex:p ?o } } WHERE { ?s ex:p ?o }", using=(EX + "b", EX + "gone"))
    run(hub, "INSERT { GRAPH ex:d { ?g ex:has ?o } } WHERE { GRAPH ?g { ?s ex:p ?o } }", using_named=(EX + "b",))
    assert held(hub, "c") == {'<s> <p> "b"'} and held(hub, "d") == {'<b> <has> "b"'}
    run(
        hub,
        "INSERT { GRAPH ex:e { [] ex:of ?o . ?o ex:p ex:x . ex:y ?unbound ex:z } } WHERE { GRAPH ?g { ex:s ex:p ?o } FILTER(?g IN (ex:a, ex:b)) }",
    )
    assert sorted(each.rpartition(" ")[2] for each in held(hub, "e")) == ['"a"', '"b"'], "a blank node a row, and nothing that is no triple"
    run(hub, "DELETE WHERE { GRAPH ex:e { ?s ex:of ?o } }")
    assert held(hub, "e") == set()


def test_things_change_as_by_rest(hub: Hub) -> None:
    car, ball = toy(hub, title="Car", pieces=4), toy(hub, title="Ball")
    done = run(
        hub,
        "DELETE { GRAPH ?g { ?t dct:title ?old } } INSERT { GRAPH ?g { ?t dct:title ?new } } WHERE { GRAPH ?g "
        '{ ?t a toy:Toy ; dct:title ?old } BIND(CONCAT(?old, "!") AS ?new) }',
    )
    assert len(done.changes) == 2 and title(hub, car) == ["Car!"] and title(hub, ball) == ["Ball!"]
    now = hub.assets.read("toys", car.id)
    assert now.revision == 2 and now.values("modified") != car.values("modified") and now.values("created") == car.values("created")
    listed = hub.searching.find("toys", {"sort": ["title"]}).page.items
    assert [orjson.loads(each)["title"] for each in listed] == ["Ball!", "Car!"]
    last = hub.tools.history.last()
    with pytest.raises(DoesNotConform, match="A toy has a title") as refused:
        run(hub, f"INSERT DATA {{ GRAPH ex:notes {{ ex:a ex:b 1 }} }} ; DELETE WHERE {{ GRAPH <{car.document.value}> {{ ?t dct:title ?old }} }}")
    assert refused.value.report and refused.value.faults[0].pointer == "/title" and car.document.value in refused.value.detail
    with pytest.raises(DoesNotConform, match="does not conform") as refused:
        run(hub, "DELETE { GRAPH ?g { ?t dct:title ?old } } WHERE { GRAPH ?g { ?t a toy:Toy ; dct:title ?old } }")
    assert refused.value.report.count("shacl#Violation>") == 2  # type: ignore[union-attr]
    with pytest.raises(Malformed, match="created is set by the hub"):
        run(
            hub,
            f"INSERT DATA {{ GRAPH <{car.document.value}> {{ <{car.iri.value}> dct:created "
            f'"2020-01-01T00:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime> }} }}',
        )
    assert hub.tools.history.last() == last and held(hub, NOTES) == set(), "nothing of it was written"
    assert run(hub, f"DELETE WHERE {{ GRAPH <{car.document.value}> {{ <{car.iri.value}> dct:modified ?m }} }}") == Committed(), (
        "what only the hub sets stays"
    )
    sound(hub)


def test_things_are_made_and_deleted_with_those_that_refer_to_them(hub: Hub) -> None:
    names, one, two = hub.tools.names, "1" * 64, "2" * 64
    first, second = names.document("toys", one).value, names.document("toys", two).value
    made = run(
        hub,
        f"INSERT DATA {{ GRAPH <{first}> {{ <{names.thing('toys', one).value}> a toy:Toy ; dct:title "
        f'"One" ; toy:goesWith <{names.thing("toys", two).value}> }} '
        f'GRAPH <{second}> {{ <{names.thing("toys", two).value}> a toy:Toy ; dct:title "Two" ; '
        f'toy:serial "S" ; toy:has [ a toy:Wheel ; toy:size 1.5e0 ] }} }}',
    )
    assert [each.action for each in made.changes] == ["create", "create"]
    two_now = hub.assets.read("toys", two)
    assert hub.tools.json(two_now)["wheels"][0]["size"] == 1.5 and two_now.values("creator") == [CURATOR.person]
    for text, error, words in (
        (f"DROP GRAPH <{second}>", InUse, "refer to"),
        (f"DROP GRAPH <{second}> ; INSERT DATA {{ GRAPH ex:notes {{ ex:x ex:about <{names.thing('toys', two).value}> }} }}", InUse, "refer to"),
        (
            f"INSERT DATA {{ GRAPH <{names.document('toys', '3' * 64).value}> {{ "
            f'<{names.thing("toys", "4" * 64).value}> a toy:Toy ; dct:title "x" }} }}',
            HubError,
            "toys/4444",
        ),
        (f'INSERT DATA {{ GRAPH <{first}> {{ <{names.thing("toys", one).value}> toy:serial "S" }} }}', AlreadyExists, "serial"),
        ("INSERT DATA { GRAPH ex:notes { ex:x a toy:Toy } }", DoesNotConform, "A toy has a title"),
        ('INSERT DATA { GRAPH ex:notes { ex:x a toy:Toy ; dct:title "x" ; toy:goesWith ex:nothing } }', DoesNotConform, "goes with toys that exist"),
    ):
        with pytest.raises(error, match=words):
            run(hub, text)
    run(hub, f'INSERT DATA {{ GRAPH ex:notes {{ ex:x a toy:Toy ; dct:title "In a free graph" ; toy:goesWith <{names.thing("toys", two).value}> }} }}')
    with pytest.raises(InUse):
        hub.assets.delete(CURATOR, "toys", two, "*")
    gone = run(
        hub, f"DROP GRAPH <{first}> ; CLEAR GRAPH ex:notes ; DELETE {{ GRAPH <{second}> {{ ?s ?p ?o }} }} WHERE {{ GRAPH <{second}> {{ ?s ?p ?o }} }}"
    )
    assert [each.action for each in gone.changes] == ["delete"] * 3
    with pytest.raises(Gone) as tomb:
        hub.assets.read("toys", two)
    assert tomb.value.members["tombstone"]["by"] == CURATOR.person.value  # type: ignore[index, union-attr]
    assert hub.assets.restore(CURATOR, "toys", two).revision == 3
    run(hub, f'INSERT DATA {{ GRAPH <{first}> {{ <{names.thing("toys", one).value}> a toy:Toy ; dct:title "Again" }} }}')
    assert hub.assets.read("toys", one).revision == 3
    sound(hub)


def test_what_the_hub_keeps_itself_and_who_may(hub: Hub) -> None:
    car = toy(hub, title="Car")
    base = hub.tools.names.base
    for graph in (
        f"{car.document.value}/history",
        f"{base}api/changes",
        f"{base}api/terms",
        f"{base}ontology/hub",
        f"{base}graphs",
        f"{base}graphs/",
    ):
        for text in (f"INSERT DATA {{ GRAPH <{graph}> {{ ex:a ex:b 1 }} }}", f"DROP SILENT GRAPH <{graph}>", f"COPY DEFAULT TO <{graph}>"):
            with pytest.raises(Forbidden, match="keeps"):
                run(hub, text)
    for statement in ("ex:a <https://w3id.org/cords-hub/ns#head> ex:b", "ex:a a <https://w3id.org/cords-hub/ns#Revision>"):
        with pytest.raises(DoesNotConform, match="by the hub alone"):
            run(hub, f"INSERT DATA {{ GRAPH ex:notes {{ {statement} }} }}")
    for statement, error in (
        ('ex:a ex:b "x"@en--ltr', Malformed),
        ("ex:a ex:b <<( ex:a ex:b ex:c )>>", Malformed),
        ("ex:a ex:b 1 } GRAPH <http://x.example/../y> { ex:a ex:b 1", Malformed),
    ):
        with pytest.raises(error):
            run(hub, f"INSERT DATA {{ GRAPH ex:notes {{ {statement} }} }}")
    for who in (ADA, READER):
        with pytest.raises(Forbidden, match="curator"):
            hub.updating.run(who, Request("CLEAR ALL"))
    run(hub, "DROP NAMED")
    with pytest.raises(Gone):
        hub.assets.read("toys", car.id)
    sound(hub)


def test_an_update_that_is_too_large_names_the_bulk_door(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    data = " . ".join(f"ex:s{number} ex:p 1" for number in range(100_001))
    with pytest.raises(TooLarge, match="/bulk"):
        run(hub, f"INSERT DATA {{ {data} }}")
    run(hub, "INSERT DATA { " + " . ".join(f"ex:s ex:p {number}" for number in range(40)) + " }")
    few = dataclasses.replace(hub.queries._limits, rows=1_000)
    monkeypatch.setattr(hub.queries, "_limits", few)
    with pytest.raises(TooLarge, match="/bulk"):
        run(hub, "INSERT { GRAPH ex:x { ?a ex:p ?x . ?a ex:q ?y } } WHERE { ?a ex:p ?x . ?b ex:p ?y }")
    with pytest.raises(QueryRefused, match="line 2, column 10"):
        run(hub, "INSERT { ?a ex:p 1 }\n WHERE { SERVICE <http://127.0.0.1:1/> { ?a ?b ?c } }")
    monkeypatch.setattr("server.services.overlay.MOST_GRAPHS", 3)
    with pytest.raises(TooLarge, match="graphs"):
        run(hub, " ; ".join(f"INSERT DATA {{ GRAPH ex:g{number} {{ ex:a ex:b 1 }} }}" for number in range(4)))
    monkeypatch.setattr("server.services.updating._MOST_COPIED", 10)
    with pytest.raises(TooLarge, match="USING"):
        run(hub, "INSERT DATA { ex:a ex:b 1 } ; DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }")
    monkeypatch.setattr("server.services.places.MOST_READ", 10)
    monkeypatch.setattr("server.services.overlay.MOST_READ", 10)
    with pytest.raises(TooLarge, match="fewer"):
        run(hub, "INSERT DATA { ex:a ex:b 1 }")


def test_a_write_that_comes_between_is_not_lost(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    car = toy(hub, title="Car", pieces=1)
    asked, between = hub.queries.run, iter(range(2, 4))

    def racing(*arguments: Any) -> Any:
        answer = asked(*arguments)
        for pieces in between:
            hub.assets.replace(ADA, "toys", car.id, doc(title="Car", pieces=pieces), "*")
            break
        return answer

    monkeypatch.setattr(hub.queries, "run", racing)
    text = (
        f"WITH <{car.document.value}> DELETE {{ ?t toy:pieces ?n }} INSERT {{ ?t toy:pieces ?m }} WHERE {{ ?t toy:pieces ?n BIND(?n * 100 AS ?m) }}"
    )
    done = run(hub, text)
    assert done.changes[0].revision == 4 and hub.assets.read("toys", car.id).values("pieces") == [Literal(300)]
    monkeypatch.setattr("server.services.updating.TRIES", 1)
    between = iter([5])
    with pytest.raises(HubError, match="came between"):
        run(hub, text)


def test_hundreds_of_graphs_are_one_commit(hub: Hub) -> None:
    things = [toy(hub, title="Car", serial=str(number)) for number in range(2)]
    things += [hub.assets.create(ADA, "toys", Document(JSON, {"title": f"t{number}", "goes_with": [things[0].iri.value]})) for number in range(2)]
    graphs = 120
    done = run(
        hub,
        " ".join(["INSERT DATA {", *(f"GRAPH ex:g{number} {{ ex:a ex:about <{things[number % 4].iri.value}> }}" for number in range(graphs)), "}"]),
    )
    assert len(done.changes) == graphs
    assert [name for name, _, _ in hub.graphs.listed(EX + "g1", 3)] == [EX + "g10", EX + "g100", EX + "g101"]
    with pytest.raises(InUse):
        run(hub, " ; ".join(f"DROP GRAPH <{each.document.value}>" for each in things))
    done = run(
        hub,
        "DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } FILTER(STRSTARTS(STR(?g), STR(ex:)) "
        "|| EXISTS { ?s a toy:Toy }) FILTER(!STRENDS(STR(?g), '/history')) }",
    )
    assert len(done.changes) == graphs + 4 and {each.action for each in done.changes} == {"delete"}
    sound(hub)
