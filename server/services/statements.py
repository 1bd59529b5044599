"""An asset's own statements: what its owner says of it beyond the members of its kind, beside what is generated and kept when that is made anew.

They stand in the asset's own graph: about the asset itself, and about nodes below its IRI (`<asset>#name`), each of which the asset is related
to. Here they are read from what people send: nodes in the form of the CORDS service, members of JSON, or RDF. All become `Said`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyoxigraph import NamedNode, Triple

from server.errors import DoesNotConform, Fault, Malformed
from server.graph.bounds import check_size
from server.graph.rdf import FORMATS, foreign_subjects, read, skolemize
from server.graph.reading import escape
from server.graph.terms import resource_or_literal
from server.graph.vocabulary import DCT, PREFIXES, RDF
from server.graph.writing import INCLUDED, by_subject, included
from server.services.assets import ANY, Assets
from server.services.callers import Caller
from server.services.drafts import JSON, Document
from server.services.things import Thing

SCENARIO = "http://example.org#"
LD = "application/ld+json"
TYPES = (JSON, LD, *(each for each in FORMATS if each != LD))
METADATA = "cords:mlmetadata"

Said = dict[str, dict[str, list[Any]]]
"""What is said: IRI of a node → IRI of a predicate → values as expanded JSON-LD has them. An empty list takes what was said away."""

_RELATION, _TYPE = DCT.relation.value, RDF.type.value
_PREFIXES = {**PREFIXES, "ex": SCENARIO, "core": PREFIXES["skos"], "fl": PREFIXES["cordsfl"]}
_REASON = "semantic statements"


class Statements:
    """Reads and writes the own statements of assets."""

    def __init__(self, assets: Assets) -> None:
        """Write through these use cases."""
        self._assets = assets

    def of(self, thing: Thing) -> Said:
        """Return what the owner has said of an asset."""
        return said_in(self._assets.tools.json(thing), thing.iri.value)

    def write(
        self, caller: Caller, thing: Thing, document: Document, expected: str | int | None, *, add: bool, known: Iterable[Mapping[str, Any]] = ()
    ) -> Thing:
        """Replace the own statements of an asset, or add to them; `known` are the nodes that are generated, which need not be said again.

        Raises `Malformed` and `DoesNotConform` pointing into the document, and what `Assets.patch` raises.
        """
        given = self._read(thing, document, known)
        _check_members(thing, given)
        present = self.of(thing)
        patch = {**dict.fromkeys(members_of(present, thing.iri.value)), **members_of(_added(present, given) if add else given, thing.iri.value)}
        place = expected if expected is not None else ANY
        return self._assets.patch(caller, thing.kind.collection, thing.id, patch, place, reason=_REASON).thing

    def _read(self, thing: Thing, document: Document, known: Iterable[Mapping[str, Any]]) -> Said:
        if document.media_type in (JSON, LD):
            body = document.json()
            if not isinstance(body, dict):
                raise Malformed("Send one JSON object.", faults=[Fault("", "Not a JSON object.")])
            inner, before = (body["semantics"], "/semantics") if isinstance(body.get("semantics"), dict) else (body, "")
            if METADATA in inner:
                return _Nodes(thing, known).read(inner[METADATA], f"{before}/{METADATA}")
            if "@context" not in body and "@graph" not in body:
                nodes = body.get(INCLUDED, [])
                own = {"@id": thing.iri.value, **{key: value for key, value in body.items() if key != INCLUDED}}
                return _added(_Nodes(thing).read([own], None), _Nodes(thing).read(nodes, f"/{INCLUDED}"))
        return self._graph(thing, document)

    def _graph(self, thing: Thing, document: Document) -> Said:
        """Read RDF about `<>`, which is the asset, and nodes below it."""
        tools, content = self._assets.tools, document.content
        triples = read(content if isinstance(content, bytes) else b"", document.media_type, thing.iri.value, tools.context, tools.context_iri)
        named = skolemize(triples, thing.iri, thing.iri)
        if foreign := sorted(foreign_subjects(named, thing.iri, tools.names)):
            message = f"The graph describes {foreign[0]}; describe <>, which is {thing.iri.value}, and nodes below it such as <#name>."
            raise DoesNotConform(message, faults=[Fault("", message)])
        return _from_triples(thing, named)


def said_in(members: Mapping[str, Any], root: str) -> Said:
    """Find the own statements in the JSON of an asset."""
    said: Said = {}
    own = {key: value for key, value in members.items() if ":" in key}
    for node in ({"iri": root, **own}, *members.get(INCLUDED, ())):
        about = said.setdefault(node["iri"], {})
        if node.get("type"):
            about[_TYPE] = [{"@id": each} for each in node["type"]]
        about.update({key: value for key, value in node.items() if key not in ("iri", "type")})
    related = said[root].get(_RELATION, [])
    said[root] = {**said[root], _RELATION: [each for each in related if each.get("@id") not in said]}
    return {node: kept for node, about in said.items() if (kept := {key: values for key, values in about.items() if values}) or node != root}


def members_of(said: Said, root: str) -> dict[str, Any]:
    """Write own statements as members of the JSON of an asset."""
    others = {node: about for node, about in said.items() if node != root}
    own = dict(said.get(root, {}))
    own[_RELATION] = [*own.get(_RELATION, ()), *({"@id": node} for node in sorted(others))]
    included = []
    for node, about in sorted(others.items()):
        types = [each["@id"] for each in about.get(_TYPE, ())]
        included.append({"iri": node, **({"type": types} if types else {}), **{key: values for key, values in about.items() if key != _TYPE}})
    return {key: values for key, values in {**own, INCLUDED: included}.items() if values}


def _added(present: Said, given: Said) -> Said:
    """Put what is given in the place of what was said with the same predicate; what has become empty goes."""
    merged = {node: {**present.get(node, {}), **given.get(node, {})} for node in {**present, **given}}
    kept = {node: {key: values for key, values in about.items() if values} for node, about in merged.items()}
    return {node: about for node, about in kept.items() if about}


def _check_members(thing: Thing, given: Said) -> None:
    """Refuse what is a member of the kind: it has its own place, and is no statement of the owner's own."""
    own = given.get(thing.iri.value, {})
    types = {each["@id"] for each in own.pop(_TYPE, ())} - {each.value for each in thing.kind.types}
    if types:
        raise Malformed(f"A {thing.kind.label} has the types of its kind.", faults=[Fault("/@type", f"{min(types)} is none of them.")])
    taken = [(key, found[0].key) for key in own if (found := thing.kind.by_path.get(NamedNode(key)))]
    if taken:
        messages = [Fault(f"/{escape(key)}", f"{key} is the member {member} of a {thing.kind.label}; change that.") for key, member in taken]
        raise Malformed(messages[0].message, faults=messages)


def _from_triples(thing: Thing, triples: Iterable[Triple]) -> Said:
    said: Said = {}
    for subject, properties in by_subject(triples).items():
        written = included(subject, properties)
        node, types = written.pop("iri"), [{"@id": each} for each in written.pop("type", [])]
        said[node] = {**({_TYPE: types} if types else {}), **written}
    said.setdefault(thing.iri.value, {}).pop(_TYPE, None)  # what it is, the hub says
    return {node: about for node, about in said.items() if about}


class _Nodes:
    """Reads nodes as JSON writes them; what is generated already is passed over."""

    def __init__(self, thing: Thing, known: Iterable[Mapping[str, Any]] = ()) -> None:
        self._root, self._id = thing.iri.value, thing.id
        self._known: dict[str, dict[str, Any]] = {}
        for node in known:
            self._known.setdefault(node["@id"], {}).update({key: [*self._known[node["@id"]].get(key, []), value] for key, value in node.items()})
        self._faults: list[Fault] = []

    def read(self, nodes: Any, pointer: str | None) -> Said:
        """Read nodes; raise `Malformed` with every fault, at `pointer` (None: the one node is the document itself)."""
        said: Said = {}
        given = nodes if isinstance(nodes, list) else [nodes]
        check_size(sum(len(node) for node in given if isinstance(node, dict)))
        for place, node in enumerate(given):
            here = "" if pointer is None else f"{pointer}/{place}"
            if not isinstance(node, dict):
                self._faults.append(Fault(here, "A node is a JSON object."))
            elif (iri := self._named(node.get("@id", node.get("iri")), here)) and (about := self._about(node, here)):
                said[iri] = {**said.get(iri, {}), **about}
        if self._faults:
            raise Malformed(self._faults[0].message, faults=self._faults)
        return said

    def _named(self, given: Any, pointer: str) -> str | None:
        iri = self._below(given) if isinstance(given, str) else None
        if iri is None or not _is_iri(iri):
            self._faults.append(Fault(f"{pointer}/@id", f"Name a node {SCENARIO}name or {self._root}#name; the asset itself is {self._root}."))
            return None
        return iri

    def _below(self, given: str) -> str | None:
        """Return the IRI that a name of the description stands for."""
        given = SCENARIO + given.removeprefix("ex:") if given.startswith("ex:") else given
        if given in (self._root, SCENARIO + self._id):
            return self._root
        if given.startswith(SCENARIO):
            return f"{self._root}#{given.removeprefix(SCENARIO)}"
        return given if given.startswith((f"{self._root}#", f"{self._root}/")) else None

    def _about(self, node: Mapping[str, Any], pointer: str) -> dict[str, list[Any]]:
        known, about = self._known.get(str(node.get("@id")), {}), dict[str, list[Any]]()
        for key, value in node.items():
            here = f"{pointer}/{escape(key)}"
            if key in ("@id", "iri") or value in known.get(key, ()):
                continue
            values = value if isinstance(value, list) else [] if value is None else [value]
            try:
                if key in ("@type", "type"):
                    about[_TYPE] = [{"@id": self._iri(each)} for each in values]
                else:
                    about[self._iri(key)] = [self._value(each) for each in values]
            except ValueError as error:
                self._faults.append(Fault(here, f"{key[:80]}: {error}"))
        return about

    def _iri(self, name: Any) -> str:
        prefix, colon, local = str(name).partition(":")
        iri = _PREFIXES[prefix] + local if prefix in _PREFIXES and not local.startswith("//") else str(name)
        if not colon or not _is_iri(iri):
            raise ValueError("write an absolute IRI, or a name with a known prefix such as mls:executes.")
        return iri

    def _value(self, value: Any) -> dict[str, Any]:
        if isinstance(value, dict) and isinstance(value.get("@id"), str):
            return {"@id": self._below(value["@id"]) or self._iri(value["@id"])}
        resource_or_literal(value)  # ValueError: neither
        return value if isinstance(value, dict) else {"@value": value}


def _is_iri(text: str) -> bool:
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True
