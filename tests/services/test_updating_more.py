"""Updates of many things at once, of what they share, and what is found wrong with free graphs afterwards; on both stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pyoxigraph import NamedNode, Triple

from server.errors import AlreadyExists, DoesNotConform, RevisionMismatch, TooLarge
from server.graph.rdf import write
from server.hub import Hub
from server.services import checks
from server.services.drafts import Document
from server.services.graphs import Given
from server.services.overlay import Overlay
from server.services.places import State
from tests.services.conftest import CURATOR, toy
from tests.services.test_updating import EX, NOTES, held, run, sound

TURTLE = "text/turtle"


def test_many_new_things_meet_the_conditions_of_one(hub: Hub) -> None:
    car = toy(hub, title="Car", serial="taken")
    names = hub.tools.names

    def made(first: int, serials: list[str], friend: str) -> str:
        said = []
        for number, serial in enumerate(serials, first):
            thing, document = names.thing("toys", f"{number:064x}").value, names.document("toys", f"{number:064x}").value
            said.append(f'GRAPH <{document}> {{ <{thing}> a toy:Toy ; dct:title "T" ; toy:serial "{serial}" ; toy:goesWith <{friend}> }}')
        return f"INSERT DATA {{ {' '.join(said)} }}"

    run(hub, made(1, list("abcdef"), car.iri.value))
    assert hub.searching.find("toys", {"limit": ["1"]}).page.total == 7
    last = hub.tools.history.last()
    with pytest.raises(AlreadyExists, match="serial"):
        run(hub, made(10, ["u", "v", "w", "x", "taken"], car.iri.value))
    with pytest.raises(AlreadyExists, match="is given to"):
        run(hub, made(10, ["u", "v", "w", "x", "u"], car.iri.value))
    with pytest.raises(DoesNotConform, match="goes with toys that exist"):
        run(hub, made(10, ["u", "v", "w", "x", "y"], names.thing("toys", "9" * 64).value))
    assert hub.tools.history.last() == last
    sound(hub)


def test_what_things_share_stays_whole(hub: Hub) -> None:
    cart = toy(hub, title="Cart", wheels=[{"size": 1.0, "material": "wood"}])
    run(hub, f'WITH <{cart.document.value}> DELETE {{ ?t dct:title ?o }} INSERT {{ ?t dct:title "Waggon" }} WHERE {{ ?t dct:title ?o }}')
    wood = hub.tools.names.shared("materials", "wood")
    assert hub.tools.json(hub.assets.read("toys", cart.id))["wheels"][0]["material"]["label"] == "wood"
    run(hub, f'INSERT DATA {{ GRAPH ex:notes {{ <{wood.value}> ex:grows "in forests" }} }}')
    assert len(held(hub, NOTES)) == 1 and not [each for each in hub.kg.graph(hub.tools.names.terms) if each.predicate.value.startswith(EX)]


def test_a_change_of_too_much_is_refused_before_it_is_judged(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    run(hub, "INSERT DATA { ex:a ex:b 1, 2, 3, 4 }")
    monkeypatch.setattr("server.services.overlay.MOST_QUADS", 3)
    with pytest.raises(TooLarge, match="change more than 3 quads"):
        run(hub, "CLEAR DEFAULT")
    monkeypatch.setattr("server.services.updating.MOST_QUADS", 3)
    for text in ("INSERT { ex:c ex:d ?o } WHERE { ex:a ex:b ?o }", "DELETE DATA { ex:a ex:b 1, 2 } ; INSERT DATA { ex:a ex:c 1, 2, 3, 4 }"):
        with pytest.raises(TooLarge, match="more than 3 quads"):
            run(hub, text)


def test_a_graph_put_by_two_is_put_again_unless_a_revision_was_named(hub: Hub) -> None:
    body = [Document(TURTLE, b"<http://x.example/a> <http://x.example/b> 1 .")]
    hub.graphs.put(CURATOR, NOTES, body, Given())
    others = iter(range(10, 13))

    def racing(overlay: Overlay, state: State) -> None:
        for number in others:
            run(hub, f"INSERT DATA {{ GRAPH ex:notes {{ ex:a ex:b {number} }} }}")
            break
        overlay.put(NOTES, [Triple(NOTES, NOTES, NOTES)])

    assert hub.graphs.write(CURATOR, NOTES, Given(), racing).revision == 5, "after three that came between"
    assert held(hub, NOTES) == {"<notes> <notes> <notes>"}
    run(hub, "INSERT DATA { GRAPH ex:notes { ex:a ex:b 1 } }")
    others = iter([99])
    with pytest.raises(RevisionMismatch):
        hub.graphs.write(CURATOR, NOTES, Given(expected=6), racing)


def test_a_free_graph_that_was_tampered_with_is_found(hub: Hub) -> None:
    run(hub, "INSERT DATA { GRAPH ex:notes { ex:a ex:b 1 } }")
    assert list(checks.check_things(hub.tools, checks.heads(hub.tools))) == []
    hub.kg.update(f"INSERT DATA {{ GRAPH {NOTES} {{ <{EX}x> <{EX}y> 1 }} }}")
    assert list(checks.check_things(hub.tools, checks.heads(hub.tools))) == [f"<{NOTES.value}>: the graph is not what its history says."]


def test_blank_nodes_are_told_apart_and_put_again_as_they_were(hub: Hub) -> None:
    text = b"@prefix : <http://x.example/> . :a :b [ :c [ :d 1 ] ], [ :c [ :d 2 ] ], [ :c [ :d 1 ] ] ."
    first = hub.graphs.put(CURATOR, NOTES, [Document(TURTLE, text)], Given())
    blank = hub.graphs.blank(hub.graphs.read(NOTES).triples)
    again = hub.graphs.put(CURATOR, NOTES, [Document(TURTLE, write(blank, TURTLE))], Given())
    assert len(blank) == 9 and (first.revision, again.revision) == (1, 1) and first.created and not again.created
    hub.graphs.merge(CURATOR, NOTES, [Document(TURTLE, text)], Given())
    assert len(hub.graphs.read(NOTES).triples) == 18, "added blank nodes are new ones"
    node = next(each.subject for each in hub.graphs.read(NOTES).triples if hub.tools.names.is_node(each.subject))
    assert isinstance(node, NamedNode)
    run(hub, f"DELETE WHERE {{ GRAPH ex:notes {{ <{node.value}> ?p ?o }} }}")
    assert len(hub.graphs.read(NOTES).triples) == 17
    sound(hub)


def test_writers_at_once_each_count_one_further(hub: Hub) -> None:
    run(hub, "INSERT DATA { GRAPH ex:notes { ex:c ex:n 0 } }")
    text = "WITH ex:notes DELETE { ?c ex:n ?n } INSERT { ?c ex:n ?m } WHERE { ?c ex:n ?n BIND(?n + 1 AS ?m) }"

    def count() -> int:
        try:
            return len(run(hub, text).changes)
        except RevisionMismatch:
            return 0

    with ThreadPoolExecutor(4) as threads:
        counted = sum(threads.map(lambda _: count(), range(8)))
    assert held(hub, NOTES) == {f'<c> <n> "{counted}"^^<http://www.w3.org/2001/XMLSchema#integer>'} and counted >= 2
    sound(hub)
