"""The sample catalogue shows every kind, conforms without a warning, and survives the way to JSON and back.

Broken on purpose, it shows that both SHACL engines judge these shapes alike.
"""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from pyoxigraph import Literal, NamedNode, Triple

from server.graph.gate import Gate
from server.graph.kinds import Registry
from server.graph.literals import canonical_triple
from server.graph.names import ID
from server.graph.reading import JsonReader
from server.graph.vocabulary import RDF, XSD
from server.graph.writing import JsonWriter, by_subject
from server.services.samples import CATALOGUE, read_catalogue
from tests.shapes.conftest import NAMES, Sample

MUTATIONS = 250
DOMAIN = re.compile(r"https?://([^/:\"\\ ]+)")
REAL = ("publications.europa.eu", "www.iana.org", "mlcommons.org", "doi.org", "localhost")


def test_every_kind_is_shown(registry: Registry) -> None:
    counts = Counter(collection for collection, _ in read_catalogue())
    assert set(counts) == set(registry.kinds)
    assert 30 <= counts.total() <= 40


def test_ids_are_fixed_and_differ() -> None:
    ids = [members["id"] for _, members in read_catalogue()]
    assert all(ID.fullmatch(each) for each in ids) and len(set(ids)) == len(ids)


def test_the_catalogue_is_invented() -> None:
    """No address in it belongs to anybody, but for the vocabularies and registries that it names."""
    hosts = {host for path in CATALOGUE.glob("*.json") for host in DOMAIN.findall(path.read_text("utf-8"))}
    assert {host for host in hosts if not host.endswith(".example") and host not in REAL} == set()


def test_everything_conforms_without_a_warning(samples: list[Sample], gate: Gate) -> None:
    for sample in samples:
        verdict = gate.judge(sample.graph, sample.draft)
        assert (gate.passes(sample.graph), verdict.conforms, verdict.violations, verdict.warnings) == (True, True, (), ()), sample.members["title"]


def test_what_is_written_is_what_was_read(samples: list[Sample], registry: Registry) -> None:
    reader, writer = JsonReader(registry, NAMES), JsonWriter(registry, NAMES)
    for sample in samples:
        draft = sample.draft
        written = writer.write(draft.kind, draft.thing, by_subject(draft.triples), 1)
        assert set(sample.members) <= set(written)
        assert not any(":" in key for key in written), "a value fits no member"
        assert reader.read(draft.kind, draft.thing, written).triples == draft.triples


def test_most_members_are_shown(samples: list[Sample], registry: Registry) -> None:
    shown = {(sample.draft.kind.collection, key) for sample in samples for key in sample.members}
    writable = {(kind.collection, found.key) for kind in registry.kinds.values() for found in kind.fields if not found.read_only}
    assert len(shown & writable) / len(writable) > 0.6


@pytest.mark.slow
def test_both_engines_judge_alike_what_is_broken(samples: list[Sample], gate: Gate) -> None:
    """Each mutation takes one thing of the catalogue and drops, doubles, retypes or redirects one of its statements."""
    chance = random.Random(3)
    verdicts = Counter[bool]()
    for _ in range(MUTATIONS):
        graph = mutate(chance.choice(samples).graph, chance)
        fast, slow = gate.passes(graph), gate.judge(graph).conforms
        assert fast == slow, "\n".join(f"{triple} ." for triple in sorted(graph, key=str))
        verdicts[fast] += 1
    assert min(verdicts[True], verdicts[False]) > MUTATIONS / 10


def mutate(graph: list[Triple], chance: random.Random) -> list[Triple]:
    """Change one statement of a graph."""
    place = chance.randrange(len(graph))
    triple = graph[place]
    if triple.predicate == RDF.type and chance.random() < 0.8:
        return mutate(graph, chance)
    other = chance.choice(
        [
            None,
            Literal("changed"),
            Literal("changed", language="de"),
            Literal(str(chance.randrange(-5, 2000)), datatype=XSD.integer),
            Literal("2026-01-01T00:00:00Z", datatype=chance.choice([XSD.dateTime, XSD.dateTimeStamp])),
            Literal("0.5", datatype=chance.choice([XSD.double, XSD.float, XSD.decimal])),
            Literal("true", datatype=XSD.boolean),
            Literal(""),
            NamedNode("http://elsewhere.example/thing"),
            chance.choice(graph).object,
        ]
    )
    rest = graph if chance.random() < 0.3 else [*graph[:place], *graph[place + 1 :]]
    return rest if other is None else [*rest, canonical_triple(Triple(triple.subject, triple.predicate, other))]  # as every triple comes to the gate
