"""Namespaces and the few terms that code names. Everything else about vocabularies lives in `ontology/` and `shapes/`."""

from __future__ import annotations

from functools import lru_cache

from pyoxigraph import NamedNode

PREFIXES: dict[str, str] = {
    "hub": "https://w3id.org/cords-hub/ns#",
    "shape": "https://w3id.org/cords-hub/shapes#",
    "cords": "https://www.cords.ie/ontologies/cordsml#",
    "cordsfl": "http://www.w3.org/ns/cordsfl#",
    "mls": "http://www.w3.org/ns/mls#",
    "ids": "https://w3id.org/idsa/core/",
    "idsc": "https://w3id.org/idsa/code/",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "org": "http://www.w3.org/ns/org#",
    "adms": "http://www.w3.org/ns/adms#",
    "spdx": "http://spdx.org/rdf/terms#",
    "fair4ml": "https://w3id.org/fair4ml/",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "sh": "http://www.w3.org/ns/shacl#",
    "dash": "http://datashapes.org/dash#",
    "void": "http://rdfs.org/ns/void#",
}


class Namespace:
    """A namespace whose terms are read as attributes or items: `DCT.title`, `SH["in"]`."""

    def __init__(self, prefix: str) -> None:
        """Take the namespace that `PREFIXES` gives this prefix."""
        self._iri = PREFIXES[prefix]

    def __getattr__(self, name: str) -> NamedNode:
        """Name a term; asked for again, it is an attribute already."""
        term = NamedNode(self._iri + name)
        self.__dict__[name] = term
        return term

    def __getitem__(self, name: str) -> NamedNode:
        """Name a term whose local name is no Python name."""
        return NamedNode(self._iri + name)


HUB = Namespace("hub")
DCT = Namespace("dct")
DCAT = Namespace("dcat")
FOAF = Namespace("foaf")
MLS = Namespace("mls")
PROV = Namespace("prov")
RDF = Namespace("rdf")
RDFS = Namespace("rdfs")
SH = Namespace("sh")
DASH = Namespace("dash")
ODRL = Namespace("odrl")
XSD = Namespace("xsd")
VOID = Namespace("void")
SKOS = Namespace("skos")


@lru_cache(maxsize=4096)
def compact(iri: str) -> str:
    """Shorten an IRI to `prefix:local` where a known namespace holds it, else return it whole."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and "/" not in (local := iri[len(namespace) :]) and local:
            return f"{prefix}:{local}"
    return iri


def expand(name: str) -> str:
    """Turn `prefix:local` with a known prefix into an IRI; everything else is returned as it is."""
    prefix, colon, local = name.partition(":")
    return PREFIXES[prefix] + local if colon and prefix in PREFIXES and not local.startswith("//") else name
