"""The files of `ontology/`: every term is described, and what is said about terms of others agrees with the originals."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from pyoxigraph import BlankNode, NamedNode, Triple

from server.graph.ontology import Ontologies
from server.graph.vocabulary import DCT, PREFIXES, RDF, RDFS, Namespace, expand

OWL = Namespace("owl")
NAMES = {"alignments", "cordsfl", "cordsml", "external", "hub", "ids"}
KINDS = {
    OWL.Class: "class",
    OWL.ObjectProperty: "object property",
    OWL.DatatypeProperty: "datatype property",
    OWL.AnnotationProperty: "annotation property",
    OWL.NamedIndividual: "individual",
}

# Where an ontology differs from the original on purpose; ontology/*.ttl say why.
MENDED = {
    "cords:hasID": {"domain"},
    "ids:accessURL": {"kind", "range"},
    "ids:contentStandard": {"kind", "range"},
    "ids:representationStandard": {"kind", "range"},
    "ids:contentType": {"range"},
}
NOT_PARENTS = {OWL.topObjectProperty.value}  # said of five properties of ML-Schema; true of every property
MISSING_FROM_CORDS = {"mls:Task", "mls:Study", "mls:DatasetCharacteristic"}  # in ML-Schema, not in the copy of CORDS
WRITTEN_BY_CORDS = {"cords:mlmetadata", "cords:flmetadata", "cords:flpolicies"}  # by its software, without a definition
OLDER_DIALECT = [  # names of ids: that only the older of the two dialects has
    "Rule", "Permission", "Prohibition", "Duty", "AbstractConstraint", "Constraint", "Action", "LeftOperand", "Representation",
    "permission", "prohibition", "obligation", "action", "assigner", "assignee", "constraint", "leftOperand", "operator", "rightOperand",
    "rightOperandReference", "unit", "title", "description", "keyword", "version", "created", "modified", "creationDate", "language",
    "theme", "publisher", "standardLicense", "customLicense", "mediaType",
]  # fmt: skip

Facts = dict[str, object]


class Said:
    """What the ontologies say of a term, in the words of the reference tables."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self.triples = list(triples)

    def objects(self, term: NamedNode | BlankNode, predicate: NamedNode) -> list[NamedNode | BlankNode]:
        return [t.object for t in self.triples if t.subject == term and t.predicate == predicate and isinstance(t.object, (NamedNode, BlankNode))]

    def facts(self, term: NamedNode) -> Facts:
        types = self.objects(term, RDF.type)
        kinds = [KINDS[each] for each in types if each in KINDS]
        parents = self.objects(term, RDFS.subClassOf) + self.objects(term, RDFS.subPropertyOf) + [each for each in types if each not in KINDS]
        return {
            "kind": kinds[0] if len(kinds) == 1 else kinds,
            "parents": {each.value for each in parents},
            "domain": {member for each in self.objects(term, RDFS.domain) for member in self.members(each)},
            "range": {member for each in self.objects(term, RDFS.range) for member in self.members(each)},
        }

    def members(self, node: NamedNode | BlankNode) -> Iterator[str]:
        """Give a class, or the classes of a union."""
        if isinstance(node, NamedNode):
            yield node.value
            return
        for union in self.objects(node, OWL.unionOf):
            while union != RDF.nil:
                yield from (each.value for each in self.objects(union, RDF.first))
                (union,) = self.objects(union, RDF.rest)


def reference(path: Path, *prefixes: str) -> dict[str, Facts]:
    """Read a table of facts: the rows whose IRI lies in one of the namespaces."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["iri"].startswith(tuple(PREFIXES[each] for each in prefixes))]
    return {
        row["iri"]: {
            "kind": row["kind"],
            "parents": {each for each in filter(None, row["parents"].split("; ")) if not each.startswith("[") and each not in NOT_PARENTS},
            "domain": set(filter(None, row["domain"].strip("()").split(" | "))),
            "range": set(filter(None, row["range"].strip("()").split(" | "))),
        }
        for row in rows
    }


def differences(said: Said, expected: dict[str, Facts], mended: dict[str, set[str]] = MENDED) -> list[str]:
    free = {expand(name): parts for name, parts in mended.items()}
    found = []
    for iri, facts in expected.items():
        ours = said.facts(NamedNode(iri))
        found += [
            f"{iri} {part}: {ours[part]} is not {want}" for part, want in facts.items() if ours[part] != want and part not in free.get(iri, set())
        ]
    return found


def test_every_file_is_an_ontology_with_title_licence_and_version(ontologies: Ontologies) -> None:
    assert set(ontologies) == NAMES
    for ontology in ontologies.values():
        said = {t.predicate for t in ontology.triples if t.subject == ontology.iri}
        assert {DCT.title, DCT.description, DCT.license, OWL.versionIRI, OWL.versionInfo} <= said, ontology.name
        assert ontology.title
        assert ontology.version == "1.0.0"


def test_every_term_has_a_label_a_definition_and_a_home(ontologies: Ontologies) -> None:
    wanted = (RDFS.label, RDFS.comment, RDFS.isDefinedBy)
    said = Counter((t.subject, t.predicate) for t in ontologies.triples if t.predicate in wanted)
    declared = {t.subject for t in ontologies.triples if t.predicate == RDF.type and t.object in KINDS and isinstance(t.subject, NamedNode)}
    assert len(declared) > 400
    assert [f"{term} {predicate}" for term in declared for predicate in wanted if said[term, predicate] != 1] == []
    assert declared == ontologies.terms


def test_definitions_are_sentences(ontologies: Ontologies) -> None:
    texts = {t.subject: str(t.object.value) for t in ontologies.triples if t.predicate == RDFS.comment}
    assert [(term, text) for term, text in texts.items() if not (text[0].isupper() or text[0].isdigit()) or not text.endswith(".")] == []


def test_no_term_is_two_kinds_of_thing_and_none_is_described_twice(ontologies: Ontologies) -> None:
    kinds = Counter(t.subject for t in ontologies.triples if t.predicate == RDF.type and t.object in KINDS)
    assert [term for term, count in kinds.items() if count > 1] == []


def test_parents_and_ends_of_relations_are_known(ontologies: Ontologies) -> None:
    relations = {RDFS.subClassOf, RDFS.subPropertyOf, RDFS.domain, RDFS.range, OWL.disjointWith}
    ends = {t.object for t in ontologies.triples if t.predicate in relations and isinstance(t.object, NamedNode)}
    assert [end for end in ends if not ontologies.knows(end)] == []


def test_relations_stay_among_properties_of_one_kind(ontologies: Ontologies) -> None:
    said = Said(ontologies.triples)
    pairs = [(t.subject, t.object) for t in ontologies.triples if t.predicate == RDFS.subPropertyOf]
    assert pairs
    assert [pair for pair in pairs if said.facts(pair[0])["kind"] != said.facts(pair[1])["kind"]] == []


def test_no_datatype_is_used_that_reasoners_reject(ontologies: Ontologies) -> None:
    rejected = {"duration", "date", "time", "gYear"}
    assert [t for t in ontologies.triples if isinstance(t.object, NamedNode) and t.object.value.removeprefix(PREFIXES["xsd"]) in rejected] == []


def test_cords_ml_and_ml_schema_agree_with_the_original(ontologies: Ontologies, shared: Path) -> None:
    expected = reference(shared / "reference/cordsml-terms.tsv", "cords", "mls")
    assert len(expected) > 45
    assert differences(Said(ontologies["cordsml"].triples), expected) == []
    assert {term.value for term in ontologies["cordsml"].terms} == set(expected) | {expand(name) for name in MISSING_FROM_CORDS | WRITTEN_BY_CORDS}


def test_cords_fl_is_complete_and_agrees_with_the_original(ontologies: Ontologies, shared: Path) -> None:
    expected = reference(shared / "reference/cordsfl-terms.tsv", "cordsfl")
    assert len(expected) == 43
    assert differences(Said(ontologies["cordsfl"].triples), expected) == []
    assert {term.value for term in ontologies["cordsfl"].terms} == set(expected)


def test_the_ids_subset_agrees_with_the_original(ontologies: Ontologies, shared: Path) -> None:
    original = reference(shared / "reference/ids-terms.tsv", "ids")
    ours = {term.value for term in ontologies["ids"].terms if term.value.startswith(PREFIXES["ids"])}
    assert differences(Said(ontologies["ids"].triples), {iri: facts for iri, facts in original.items() if iri in ours}) == []
    assert ours - set(original) == {PREFIXES["ids"] + name for name in OLDER_DIALECT}


@pytest.mark.parametrize("name", sorted(MENDED))
def test_what_is_listed_as_mended_really_differs(ontologies: Ontologies, shared: Path, name: str) -> None:
    expected = reference(shared / "reference/cordsml-terms.tsv", "cords") | reference(shared / "reference/ids-terms.tsv", "ids")
    found = differences(Said(ontologies.triples), {expand(name): expected[expand(name)]}, {})
    assert {line.split()[1].rstrip(":") for line in found} == MENDED[name]


def test_no_axiom_makes_a_data_set_of_an_offer(ontologies: Ontologies) -> None:
    said = Said(ontologies.triples)

    def above(term: NamedNode) -> set[str]:
        parents = {NamedNode(each) for each in said.facts(term)["parents"]}  # type: ignore[union-attr]
        return {term.value}.union(*(above(parent) for parent in parents))

    for name in ("ids:DataResource", "ids:ResourceCatalog", "dcat:Dataset", "dcat:Catalog"):
        assert PREFIXES["mls"] + "Dataset" not in above(NamedNode(expand(name)))
    assert PREFIXES["dcat"] + "Dataset" in above(NamedNode(PREFIXES["mls"] + "Dataset"))
    assert PREFIXES["cords"] + "Query" not in above(NamedNode(PREFIXES["mls"] + "Model"))


def test_outside_vocabularies_are_listed_with_title(ontologies: Ontologies) -> None:
    namespaces = {vocabulary.namespace: vocabulary for vocabulary in ontologies.vocabularies}
    assert {PREFIXES[prefix] for prefix in ("dct", "dcat", "prov", "foaf", "odrl", "skos", "sh", "dash", "spdx", "fair4ml")} <= set(namespaces)
    assert all(vocabulary.title != vocabulary.namespace for vocabulary in ontologies.vocabularies)
    assert namespaces[PREFIXES["dcat"]].license == "https://creativecommons.org/licenses/by/4.0/"


def test_knows_tells_own_terms_outside_terms_and_inventions_apart(ontologies: Ontologies) -> None:
    known = ("mls:Model", "hub:key", "dct:anything", "rdf:type", "xsd:string", "idsc:USE")
    assert [name for name in known if not ontologies.knows(NamedNode(expand(name)))] == []
    unknown = ("mls:Modell", "hub:nothing", "idsc:GEO_LOCATION")
    assert [name for name in unknown if ontologies.knows(NamedNode(expand(name)))] == []


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path.parent

    return put


def test_two_ontologies_of_one_name_are_refused(write: Callable[[str, str], Path]) -> None:
    text = "<http://site.example/o> a <http://www.w3.org/2002/07/owl#Ontology> ."
    folders = [write("a/site.ttl", text), write("b/site.ttl", text)]
    assert set(Ontologies.load(folders[:1])) == {"site"}
    with pytest.raises(ValueError, match="both want the name 'site'"):
        Ontologies.load(folders)


@pytest.mark.parametrize("text", ["", "[] a <http://www.w3.org/2002/07/owl#Ontology> .", "<http://a/> a <http://b/> ."])
def test_a_file_without_an_ontology_is_refused(write: Callable[[str, str], Path], text: str) -> None:
    with pytest.raises(ValueError, match="exactly one owl:Ontology"):
        Ontologies.load([write("x/none.ttl", text)])


def test_an_ontology_without_title_goes_by_its_name(write: Callable[[str, str], Path]) -> None:
    site = Ontologies.load([write("x/site.ttl", "<http://site.example/o> a <http://www.w3.org/2002/07/owl#Ontology> .")])["site"]
    assert (site.title, site.version, site.iri) == ("site", "", NamedNode("http://site.example/o"))
    assert site.triples == (Triple(site.iri, RDF.type, OWL.Ontology),)
