"""The tag vocabulary: every term has one meaning, and the order of tags has none."""

from __future__ import annotations

import itertools

import pytest

from server.graph.cords import CLASSES, PROPERTIES, described, is_cords

COMMON = """accessService achieves alternative available bibliographicCitation contactPoint created date dateAccepted dateCopyrighted
dateSubmitted definedOn defines executes hadRole hasContractSubscription hasHyperParameter hasInput hasOutput hasPart hasQuality hasValue
homepage identifier implements issued keyword landingPage member modified page primaryTopic realizes spatialResolutionInMeters specifiedBy
temporalResolution theme title valid"""


def test_every_term_of_the_library_that_an_ontology_has_is_there_once() -> None:
    assert len(CLASSES) == 57  # the library has `List` too, which no ontology has
    assert len(COMMON.split()) == 39 and set(COMMON.split()) <= PROPERTIES.keys()
    assert len(PROPERTIES) == 79
    assert not {"MlFlow", "List"} & CLASSES.keys() and "Flavour" not in PROPERTIES


@pytest.mark.parametrize(
    ("term", "iri"),
    [
        ("Software", "http://www.w3.org/ns/mls#Software"), ("Model", "http://www.w3.org/ns/mls#Model"), ("Data", "http://www.w3.org/ns/mls#Data"),
        ("Dataset", "http://www.w3.org/ns/mls#Dataset"), ("Resource", "http://www.w3.org/ns/dcat#Resource"), ("Class", "http://www.w3.org/2002/07/owl#Class"),
        ("Contract", "https://www.cords.ie/ontologies/cordsml#Contract"), ("Person", "http://xmlns.com/foaf/0.1/Person"),
        ("HyperParameter", "http://www.w3.org/ns/mls#HyperParameter"), ("Agent", "http://purl.org/dc/terms/Agent"),
    ],
)  # fmt: skip
def test_a_class_is_found_by_its_exact_name(term: str, iri: str) -> None:
    assert CLASSES[term] == iri


@pytest.mark.parametrize(
    ("term", "iri"),
    [
        ("hasContract", "https://www.cords.ie/ontologies/cordsml#hasContract"), ("catalog", "http://www.w3.org/ns/dcat#catalog"),
        ("title", "http://purl.org/dc/terms/title"), ("member", "http://www.w3.org/2000/01/rdf-schema#member"), ("page", "http://xmlns.com/foaf/0.1/page"),
    ],
)  # fmt: skip
def test_a_property_is_found_by_its_exact_name(term: str, iri: str) -> None:
    assert PROPERTIES[term] == iri


def test_what_a_part_is_depends_on_what_has_it() -> None:
    found = described([("cords.Experiment.hasPart", "a"), ("cords.Catalog.hasPart", "b")])
    assert found["Experiment"].iri("hasPart") == "http://www.w3.org/ns/mls#hasPart"
    assert found["Catalog"].iri("hasPart") == "http://purl.org/dc/terms/hasPart"


def test_tags_of_one_class_belong_together_in_whatever_order_they_come() -> None:
    tags = [("cords.Run", "r1"), ("cords.Run.executes", "KNN"), ("mycords.Software", "sklearn"), ("cords.Model.hasHyperParameter", "k")]
    for ordered in itertools.permutations(tags):
        found = described(ordered)
        assert {term: (each.name, each.properties) for term, each in found.items()} == {
            "Run": ("r1", {"executes": "KNN"}), "Software": ("sklearn", {}), "Model": ("", {"hasHyperParameter": "k"}),
        }  # fmt: skip


def test_terms_that_nobody_knows_and_keys_of_other_forms_mean_nothing() -> None:
    keys = [
        "cords",
        "cords.",
        "cords.Nothing",
        "cords.Run.nothing",
        "cords.Run.executes.more",
        "cords.MlFlow.Flavour",
        "cords.List",
        "team",
        "run.Run",
    ]
    assert described((key, "x") for key in keys) == {}
    assert is_cords("mycords.Process") and not is_cords("team")
