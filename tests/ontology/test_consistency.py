"""What HermiT says: the ontologies and good data are free of contradiction, and a contradiction is explained."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pyoxigraph import NamedNode, RdfFormat, Triple, parse

from server.graph import reasoner
from server.graph.clashes import shortest_clash
from server.graph.kinds import Registry
from server.graph.names import Names
from server.graph.ontology import FOLDER, Ontologies, check_consistency
from server.graph.reading import JsonReader
from server.graph.reasoner import Reasoner, ReasonerError, axioms, meaningful
from server.graph.vocabulary import MLS, PREFIXES, RDF

pytestmark = pytest.mark.usefixtures("java")

PROLOGUE = "".join(f"@prefix {prefix}: <{namespace}> . " for prefix, namespace in PREFIXES.items())
FLEET = Path(__file__).parent / "fleet.ttl"


def turtle(text: str) -> list[Triple]:
    return [quad.triple for quad in parse((PROLOGUE + text).encode(), RdfFormat.TURTLE)]


def fleet() -> list[Triple]:
    return [quad.triple for quad in parse(path=FLEET, format=RdfFormat.TURTLE)]


def sample_catalogue() -> list[Triple]:
    """Map the sample catalogue to triples, by the shapes of its kinds."""
    registry = Registry.load([FOLDER.parent / "shapes"])
    reader = JsonReader(registry, names := Names("http://localhost:5000/"))
    triples: set[Triple] = set()
    for path in sorted((FOLDER.parent / "examples/catalogue").glob("*.json")):
        kind = registry.kinds[path.stem.partition("-")[2]]
        for body in json.loads(path.read_text(encoding="utf-8")):
            thing = NamedNode(body["iri"]) if kind.external else names.thing(kind.collection, body["id"])
            triples |= reader.read(kind, thing, body).triples
    return list(triples)


def test_the_ontologies_are_consistent_and_every_class_can_have_members(ontologies: Ontologies) -> None:
    assert check_consistency([], ontologies) == []
    assert Reasoner().impossible_classes(meaningful(ontologies.triples)) == []


def test_things_of_most_kinds_are_consistent(ontologies: Ontologies) -> None:
    assert check_consistency(fleet(), ontologies) == []


def test_the_worked_example_of_the_data_model_is_consistent(ontologies: Ontologies, shared: Path) -> None:
    example = [quad.triple for quad in parse(path=shared / "data-model/kg-worked-example.trig", format=RdfFormat.TRIG)]
    assert len(example) > 300
    assert check_consistency(example, ontologies) == []


def test_the_sample_catalogue_is_consistent_and_uses_described_terms(ontologies: Ontologies) -> None:
    catalogue = sample_catalogue()
    kinds = {triple.object for triple in catalogue if triple.predicate == RDF.type}
    assert len(catalogue) > 500
    assert {MLS.Model, MLS.Run, MLS.Dataset, NamedNode(PREFIXES["cordsfl"] + "FLService"), NamedNode(PREFIXES["odrl"] + "Agreement")} <= kinds
    assert {term.value for term in kinds | {triple.predicate for triple in catalogue} if not ontologies.knows(term)} == set()
    assert check_consistency(catalogue, ontologies) == []


def test_a_run_that_is_also_a_data_set_is_found_among_good_things_and_explained(ontologies: Ontologies) -> None:
    bad = turtle("<http://hub.example/id/runs/7> a mls:Run, dcat:Dataset ; dct:title 'Nightly' ; prov:used <http://hub.example/id/load> .")
    (explanation,) = check_consistency(fleet() + bad, ontologies)
    lines = explanation.splitlines()
    assert lines[0] == "These statements cannot all be true:"
    assert set(lines[1:3]) == {"  - <http://hub.example/id/runs/7> is a mls:Run", "  - <http://hub.example/id/runs/7> is a dcat:Dataset"}
    assert lines[3] == "because"
    assert set(lines[4:]) <= {
        "  - every mls:Run is a mls:Process",
        "  - every dcat:Dataset is a dcat:Resource",
        "  - nothing is both a mls:Process and a dcat:Resource",
    }
    assert len(lines) == 7


def test_a_contradiction_through_a_relation_names_the_relation(ontologies: Ontologies) -> None:
    (explanation,) = check_consistency(
        turtle("<http://x/p> a foaf:Person . <http://x/c> a ids:BaseConnector ; ids:curator <http://x/p> ."), ontologies
    )
    assert "  - <http://x/c> has ids:curator <http://x/p>" in explanation
    assert "  - whatever ids:curator points to is a ids:Participant" in explanation
    assert "ids:BaseConnector" not in explanation  # it has no part in the contradiction


def test_several_contradictions_are_all_found(ontologies: Ontologies) -> None:
    bad = turtle(
        "<http://x/1> a mls:Process, mls:InformationEntity . <http://x/2> a prov:Activity, prov:Entity . <http://x/3> a mls:Dataset, mls:Feature ."
    )
    found = check_consistency(bad, ontologies)
    assert len(found) == 3
    assert sorted(line for text in found for line in text.splitlines() if line.startswith("  - nothing")) == [
        "  - nothing is both a mls:Dataset and a mls:Feature",
        "  - nothing is both a mls:InformationEntity and a mls:Process",
        "  - nothing is both a prov:Activity and a prov:Entity",
    ]
    assert len(check_consistency(bad, ontologies, most=1)) == 1


@pytest.mark.slow
def test_the_search_finds_what_the_short_way_finds(ontologies: Ontologies, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = turtle("<http://x/a> a mls:Dataset, mls:Feature, prov:Entity .")
    short = check_consistency(facts, ontologies)
    monkeypatch.setattr("server.graph.ontology.shortest_clash", lambda facts, rules: None)
    assert [sorted(text.splitlines()) for text in check_consistency(facts, ontologies)] == [sorted(text.splitlines()) for text in short]


def test_a_clash_goes_through_superproperties_and_ranges_and_literals_have_no_class() -> None:
    rules = turtle(
        "<http://x/p> rdfs:subPropertyOf <http://x/q> . <http://x/q> rdfs:range <http://x/B> ; rdfs:domain <http://x/C> ."
        "<http://x/q> rdfs:subPropertyOf <http://x/p> . <http://x/A> owl:disjointWith <http://x/B> ."
        "<http://x/B> rdfs:subClassOf [ owl:unionOf () ] ."
    )
    facts = turtle("<http://x/i> <http://x/p> <http://x/j>, 'text' . <http://x/j> a <http://x/A> .")
    clash = shortest_clash(facts, rules)
    assert clash is not None
    assert set(clash) == {facts[0], facts[2], rules[0], rules[1], next(rule for rule in rules if "disjointWith" in rule.predicate.value)}
    assert shortest_clash(facts[:2], rules) is None


RULES = """<http://site.example/o> a owl:Ontology ; owl:imports <http://127.0.0.1:9/never-fetched> .
<http://x/A> a owl:Class . <http://x/B> a owl:Class ; owl:disjointWith <http://x/A> . <http://x/C> a owl:Class . <http://x/p> a owl:ObjectProperty .
"""


def site(tmp_path: Path, text: str) -> Ontologies:
    (tmp_path / "site.ttl").write_text(PROLOGUE + RULES + text, encoding="utf-8")
    return Ontologies.load([tmp_path])


@pytest.mark.slow
def test_an_axiom_with_a_union_is_kept_whole_and_read_aloud(tmp_path: Path) -> None:
    rules = site(
        tmp_path,
        "<http://x/p> rdfs:domain [ a owl:Class ; owl:unionOf ( <http://x/B> <http://x/C> ) ] . <http://x/C> owl:disjointWith <http://x/A> .",
    )
    (explanation,) = check_consistency(turtle("<http://x/i> a <http://x/A> ; <http://x/p> <http://x/j> ."), rules)
    assert "  - <http://x/i> has <http://x/p> <http://x/j>" in explanation
    assert "  - whatever has <http://x/p> is a <http://x/B> or <http://x/C>" in explanation


def test_ontologies_that_contradict_themselves_are_told_so(tmp_path: Path) -> None:
    (explanation,) = check_consistency([], site(tmp_path, "<http://x/i> a <http://x/A>, <http://x/B> ."))
    assert "(nothing: the ontologies contradict themselves)" in explanation
    assert "nothing is both a <http://x/B> and a <http://x/A>" in explanation


def test_a_class_that_nothing_can_belong_to_is_named(tmp_path: Path) -> None:
    rules = meaningful(site(tmp_path, "<http://x/C> rdfs:subClassOf <http://x/A>, <http://x/B> .").triples)
    assert Reasoner().impossible_classes(rules) == ["http://x/C"]
    with pytest.raises(ReasonerError, match="contradict each other"):
        Reasoner().impossible_classes(rules + turtle("<http://x/i> a <http://x/C> ."))


def test_values_that_hermit_cannot_deal_with_do_not_disturb(ontologies: Ontologies) -> None:
    values = "'P1D'^^xsd:duration, '2026-01-01'^^xsd:date, 'x'^^<http://types.example/own>, 'ü'@de, 2.5e0, 'AQ=='^^xsd:base64Binary"
    assert (
        check_consistency(turtle(f"<http://x/k> a ids:PublicKey ; ids:keyValue 'AQIDBA=='^^xsd:base64Binary ; mls:hasValue {values} ."), ontologies)
        == []
    )


def test_a_malformed_value_is_named(ontologies: Ontologies) -> None:
    with pytest.raises(ReasonerError, match=r"abc.*integer.*is malformed"):
        check_consistency(turtle("<http://x/s> cordsfl:numMinClients 'abc'^^xsd:integer ."), ontologies)


def test_the_time_limit_ends_the_work(ontologies: Ontologies) -> None:
    with pytest.raises(ReasonerError, match=r"ended after 0.05 seconds"):
        check_consistency([], ontologies, seconds=0.05)
    with pytest.raises(ReasonerError, match="ended after 0 seconds"):
        check_consistency([], ontologies, seconds=0)


def test_what_was_found_before_the_time_ran_out_is_told(ontologies: Ontologies, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = turtle("<http://x/1> a mls:Process, mls:InformationEntity . <http://x/2> a prov:Activity, prov:Entity .")
    reasoner_of_one = Reasoner()
    monkeypatch.setattr("server.graph.ontology.Reasoner", lambda seconds: reasoner_of_one)
    monkeypatch.setattr("server.graph.ontology.explain", lambda facts, rules: setattr(reasoner_of_one, "_deadline", 0) or "one")
    assert check_consistency(bad, ontologies, seconds=60) == ["one", "There may be more: the search was ended after 60 seconds."]


def test_without_java_the_caller_learns_what_to_install(ontologies: Ontologies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ReasonerError, match="needs Java"):
        check_consistency([], ontologies)


def test_no_file_stays_behind(ontologies: Ontologies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    check_consistency(fleet(), ontologies)
    assert list(tmp_path.iterdir()) == []


def test_only_what_has_consequences_reaches_the_reasoner() -> None:
    statements = turtle(
        RULES
        + "<http://x/A> rdfs:label 'a' ; skos:closeMatch <http://x/B> . <http://x/i> a <http://x/A> ; <http://x/p> <http://x/j> ; <http://x/q> 1 ."
    )
    kept = meaningful(statements)
    assert {triple.predicate.value.split("#")[-1] for triple in kept} == {"type", "disjointWith", "http://x/p"}
    assert meaningful(turtle("<http://x/i> <http://x/q> 1 ."), turtle("<http://x/q> a owl:DatatypeProperty .")) != []


def test_statements_that_share_blank_nodes_stay_together() -> None:
    groups = axioms(turtle("<http://x/a> rdfs:subClassOf [ owl:unionOf ( <http://x/b> <http://x/c> ) ], <http://x/d> . [] a <http://x/e> ."))
    assert sorted(len(group) for group in groups) == [1, 1, 6]


def test_the_reasoner_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, server.graph.ontology; sys.exit('owlready2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=FLEET.parents[2]).returncode == 0


def test_every_datatype_that_is_let_through_is_one_that_hermit_reads() -> None:
    samples = {"boolean": "true", "dateTime": "2026-01-01T00:00:00", "dateTimeStamp": "2026-01-01T00:00:00Z", "hexBinary": "0A", "language": "en"}
    samples |= {name: "-1" for name in ("negativeInteger", "nonPositiveInteger")}
    names = [each.value.split("#")[1] for each in reasoner.DATATYPES if each != RDF.langString]
    values = ", ".join(
        f"'{samples.get(name, '1' if name.islower() or 'nteger' in name or name.startswith('unsigned') else 'a')}'^^xsd:{name}" for name in names
    )
    assert Reasoner().consistent(turtle(f"<http://x/q> a owl:DatatypeProperty . <http://x/i> <http://x/q> {values} ."))
