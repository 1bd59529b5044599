"""The reasoner over one thing: what contradicts is explained, and nobody waits for somebody else's question."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from server.errors import Forbidden, NotFound, TooManyRequests, UpstreamUnavailable
from server.graph.ontology import Ontologies
from server.graph.reasoner import ReasonerError
from server.hub import Hub
from server.services import reasoning
from server.services.callers import SYSTEM
from server.services.drafts import Document
from server.services.reasoning import Reasoning
from tests.services.conftest import ADA, toy

RULES = """@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix ex: <http://toys.example/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
<http://toys.example/ns> a owl:Ontology ; owl:versionIRI <http://toys.example/ns/1> .
ex:Toy a owl:Class . ex:Weapon a owl:Class ; owl:disjointWith ex:Toy ; rdfs:label "Weapon"@en .
ex:wounds a owl:ObjectProperty ; rdfs:domain ex:Weapon ."""


@pytest.fixture
def judge(hub: Hub, tmp_path: Path) -> Reasoning:
    (tmp_path / "toys.ttl").write_text(RULES)
    found = Ontologies.load([tmp_path])
    return Reasoning(hub.tools, lambda: found)


@pytest.mark.skipif(shutil.which("java") is None, reason="HermiT needs Java")
def test_a_contradiction_with_a_neighbour_is_explained(hub: Hub, judge: Reasoning) -> None:
    peaceful = toy(hub)
    verdict = judge.judge(SYSTEM, "toys", peaceful.id)
    assert (verdict.contradictions, verdict.considered, verdict.truncated) == ([], [peaceful.document.value], False)
    body = {"title": "sword", "http://toys.example/ns#wounds": [{"@id": "http://x.example/somebody"}], "goes_with": [peaceful.id]}
    sword = hub.assets.create(ADA, "toys", Document("application/json", body))
    for each in (sword, peaceful):  # what refers to it counts as what it refers to
        verdict = judge.judge(SYSTEM, "toys", each.id)
        assert len(verdict.contradictions) == 1 and "Weapon" in verdict.contradictions[0]
        assert set(verdict.considered) == {sword.document.value, peaceful.document.value}


def test_who_may_ask_and_what_may_go_wrong(hub: Hub, judge: Reasoning, monkeypatch: pytest.MonkeyPatch) -> None:
    one = toy(hub)
    with pytest.raises(Forbidden):
        judge.judge(ADA, "toys", one.id)
    with pytest.raises(NotFound):
        judge.judge(SYSTEM, "toys", "0" * 64)
    with reasoning._ONE_AT_A_TIME, pytest.raises(TooManyRequests):
        judge.judge(SYSTEM, "toys", one.id)

    def late(*_: object, **__: object) -> list[str]:
        raise ReasonerError("It took too long.")

    monkeypatch.setattr(reasoning, "check_consistency", late)
    for _ in range(2):  # the turn is given back
        with pytest.raises(UpstreamUnavailable, match="too long"):
            judge.judge(SYSTEM, "toys", one.id)
