"""The gate: what does not conform is refused with a report that points into the request; what is only recommended is a warning."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse

from server.errors import DoesNotConform, Fault
from server.graph.gate import LARGEST, Gate, context_triples, refusal
from server.graph.judging import marker
from server.graph.kinds import Registry
from server.graph.reading import Draft
from server.graph.vocabulary import RDF, SH, XSD
from tests.graph.conftest import NAMES, TOY, Toys

EX = "http://toys.example/ns#"
FRIEND = NAMES.thing("toys", "b" * 64)
TITLE, RECOMMENDED = "A toy has a title of at most 300 characters.", "A description is recommended."


def test_what_conforms_passes(toys: Toys) -> None:
    draft = toys.read({"title": "x", "description": "y", "wheels": [{"size": 1, "material": "wood"}]})
    assert toys.gate.passes(draft.triples) and toys.gate.judge(draft.triples, draft).conforms
    toys.gate.admit(draft, [])


def test_warnings_do_not_refuse(toys: Toys) -> None:
    draft = toys.read({"title": "x"})
    verdict = toys.gate.judge(draft.triples, draft)
    assert verdict.conforms and verdict.violations == () and verdict.warnings == (Fault("/description", RECOMMENDED),)
    toys.gate.admit(draft, [])


def test_every_fault_is_pointed_at(toys: Toys) -> None:
    draft = toys.read(
        {
            "price": -1,
            "pieces": "many",
            "state": "odd",
            "wheels": [{"size": 1}, {"size": "big", "material": "wood"}, {"material": "tin"}],
            "keywords": [1],
        }
    )
    with pytest.raises(DoesNotConform) as caught:
        toys.gate.admit(draft, [])
    found = {fault.pointer: fault.message for fault in caught.value.faults}
    assert set(found) == {"/title", "/price", "/pieces", "/state", "/keywords/0", "/wheels/1/size", "/wheels/2/size"}
    assert found["/title"] == TITLE and found["/wheels/1/size"] == "A wheel has one size."
    assert caught.value.detail.startswith("The toy does not conform: ") and "(and " in caught.value.detail


def test_the_report_is_a_report(toys: Toys) -> None:
    draft = toys.read({"price": -1})
    with pytest.raises(DoesNotConform) as caught:
        toys.gate.admit(draft, [])
    report = [quad.triple for quad in parse(caught.value.report or "", RdfFormat.N_TRIPLES)]
    assert any(each.object == SH.ValidationReport for each in report)
    assert Literal(False) in {each.object for each in report if each.predicate == SH.conforms}
    assert {each.object for each in report if each.predicate == SH.focusNode} == {TOY}


def test_references_are_judged_with_the_rest(toys: Toys) -> None:
    draft = toys.read({"title": "x", "description": "y", "goes_with": [FRIEND.value], "friends": [FRIEND.value]})
    wanted = [(FRIEND, ("toys",))]
    with pytest.raises(DoesNotConform) as caught:
        toys.gate.admit(draft, context_triples({}, wanted))
    assert {fault.pointer for fault in caught.value.faults} == {"/goes_with/0", "/friends/0"}
    with pytest.raises(DoesNotConform):
        toys.gate.admit(draft, context_triples({FRIEND: "people"}, wanted))
    toys.gate.admit(draft, context_triples({FRIEND: "toys"}, wanted))
    assert context_triples({FRIEND: "toys"}, wanted) == [Triple(FRIEND, RDF.type, marker(["toys"]))]
    assert marker(["b", "a"]) == marker(["a", "b"]) != marker(["a"])


def test_rdf_has_no_pointers_into_it(toys: Toys) -> None:
    bare = [Triple(TOY, RDF.type, NamedNode(EX + "Toy"))]
    verdict = toys.gate.judge(bare)
    assert [fault.pointer for fault in verdict.violations] == [""] and verdict.violations[0].message == TITLE
    pointed = toys.gate.judge(bare, Draft(toys.kind, TOY, frozenset(bare)))
    assert [fault.pointer for fault in pointed.violations] == [""]


def test_what_the_reference_engine_cannot_judge_is_still_refused(registry: Registry, gate: Gate) -> None:
    """pySHACL compares what is no number as if it were one, and breaks off."""
    part = next(each for each in registry.parts.values() if "num_min_clients" in each.by_key)
    session = NamedNode("http://hub.test/id/fl-services/" + "a" * 64 + "/sessions/1")
    graph = [Triple(session, RDF.type, each) for each in part.types]
    graph.append(Triple(session, part.by_key["num_min_clients"].path, Literal("few", datatype=XSD.integer)))
    graph.append(Triple(session, part.by_key["num_max_clients"].path, Literal(5)))
    assert not gate.passes(graph)
    verdict = gate.judge(graph)
    assert not verdict.conforms and verdict.violations and "ValidationReport" in verdict.report


def test_a_very_large_description_has_its_report_in_seconds(toys: Toys) -> None:
    draft = toys.read({"title": "x", "price": -1, "wheels": [{"size": number, "material": "wood"} for number in range(LARGEST // 3)]})
    assert len(draft.triples) > LARGEST
    verdict = toys.gate.judge(draft.triples, draft)
    assert not verdict.conforms and [fault.pointer for fault in verdict.violations] == ["/price"]
    assert [fault.pointer for fault in verdict.warnings] == ["/description"]
    good = toys.read({"title": "x", "description": "y", "keywords": [str(number) for number in range(LARGEST)]})
    assert toys.gate.judge(good.triples, good).conforms


def test_threads_share_a_gate(toys: Toys) -> None:
    drafts = [toys.read({"title": "x", "price": number % 2 - 1, "pieces": number}) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        fast = list(pool.map(lambda each: toys.gate.passes(each.triples), drafts))
        slow = list(pool.map(lambda each: toys.gate.judge(each.triples, each).conforms, drafts))
    assert fast == slow == [number % 2 == 1 for number in range(24)]


def test_a_refusal_without_a_message_still_says_something(toys: Toys) -> None:
    verdict = toys.gate.judge([])
    assert verdict.conforms
    assert refusal(toys.read({"title": "x"}), verdict).detail == "The toy does not conform: It does not conform to its shape."
