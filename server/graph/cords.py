"""The vocabulary of the tags with which the CORDS semantics library describes runs, each term with the one IRI that it means.

A tag `cords.<Class>` names a thing of a class, `cords.<Class>.<property>` says something about it. What the parts mean is looked up
by the exact name: terms that no ontology knows mean nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

MLS = "http://www.w3.org/ns/mls#"
DCAT = "http://www.w3.org/ns/dcat#"
DCT = "http://purl.org/dc/terms/"
FOAF = "http://xmlns.com/foaf/0.1/"
CORDS = "https://www.cords.ie/ontologies/cordsml#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"

_CLASSES = {
    MLS: """Algorithm Data DataCharacteristic Dataset EvaluationMeasure EvaluationProcedure EvaluationSpecification Experiment Feature
        FeatureCharacteristic HyperParameter HyperParameterSetting Implementation ImplementationCharacteristic InformationEntity Model
        ModelCharacteristic ModelEvaluation Process Quality Run Software""",
    DCAT: "Catalog DataService Distribution Relationship Resource",
    CORDS: "Contract Query",
    DCT: """Agent AgentClass BibliographicResource FileFormat Frequency Jurisdiction LicenseDocument LinguisticSystem Location
        LocationPeriodOrJurisdiction MediaType MediaTypeOrExtent MethodOfAccrual MethodOfInstruction PeriodOfTime PhysicalMedium
        PhysicalResource Policy ProvenanceStatement RightsStatement SizeOrDuration Standard""",
    FOAF: "Document Person",
    "http://purl.org/dc/dcam/": "VocabularyEncodingScheme",
    "http://purl.org/dc/dcmitype/": "Service",
    "http://www.w3.org/2002/07/owl#": "Class",
    "http://www.w3.org/2006/vcard/ns#": "Kind",
}
_PROPERTIES = {
    MLS: """achieves definedOn defines executes hasHyperParameter hasInput hasOutput hasPart hasQuality hasValue implements realizes
        specifiedBy""",
    DCAT: """accessService accessURL bbox byteSize catalog centroid compressFormat contactPoint dataset distribution downloadURL endDate
        endpointDescription endpointURL hadRole keyword landingPage mediaType packageFormat qualifiedRelation record servesDataset service
        spatialResolutionInMeters startDate temporalResolution theme themeTaxonomy""",
    CORDS: """LicensedBy hasAccessPolicy hasConsumerID hasContract hasContractDescription hasContractSubscription hasID
        hasIncentiveDescription hasIntendedUse hasOwnerID hasProviderID hasQueryDescription""",
    DCT: """DCMIType DDC IMT LCC LCSH MESH NLM TGN UDC alternative available bibliographicCitation created date dateAccepted
        dateCopyrighted dateSubmitted identifier issued modified title valid""",
    FOAF: "homepage page primaryTopic",
    RDFS: "member",
}
CLASSES = {name: namespace + name for namespace, names in _CLASSES.items() for name in names.split()}
PROPERTIES = {name: namespace + name for namespace, names in _PROPERTIES.items() for name in names.split()}

_APART = """Run Model Experiment Dataset Person Agent DataService Service Document Algorithm Implementation Software EvaluationMeasure
    HyperParameter HyperParameterSetting ModelEvaluation Feature Distribution PeriodOfTime Policy Catalog Kind Resource Class"""
APART = frozenset(_APART.split())
"""Classes whose things have descriptions of their own in the hub, or mean more than a tag does: what a tag says of one makes no such thing."""


@dataclass
class Described:
    """What tags say of one thing: its class, its name (empty where no tag gives one), and its properties."""

    term: str
    name: str = ""
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The IRI of the class."""
        return CLASSES[self.term]

    def iri(self, term: str) -> str:
        """Return the IRI of one of the properties; what a thing of machine learning consists of is told apart from other parts."""
        if term == "hasPart" and not self.type.startswith(MLS):
            return DCT + term
        return PROPERTIES[term]


def is_cords(key: str) -> bool:
    """Tell whether a tag belongs to the vocabulary: the library takes every key that has the word in it."""
    return "cords" in key


def described(tags: Iterable[tuple[str, str]]) -> dict[str, Described]:
    """Group tags by the class that they are about: the library has one thing of each class, and the order of tags says nothing."""
    found: dict[str, Described] = {}
    for key, value in tags:
        _, *terms = key.split(".") if is_cords(key) else ("",)
        if not terms or terms[0] not in CLASSES or len(terms) > 2:
            continue
        if len(terms) == 1:
            found.setdefault(terms[0], Described(terms[0])).name = value
        elif terms[1] in PROPERTIES:
            found.setdefault(terms[0], Described(terms[0])).properties[terms[1]] = value
    return found
