"""Random documents of any kind, made from its shape alone: every member, every datatype, text that means something to somebody's syntax."""

from __future__ import annotations

import random
from typing import Any

from pyoxigraph import Literal, NamedNode

from server.graph.kinds import Field, Registry, Shape
from server.graph.vocabulary import RDF, XSD

HOSTILE = (
    "$log", "$thing", "?n", "{ ?s ?p ?o }", '"""', "'''", "\\u0022", "\\", "\\n", "\n\r\t", "} ; DROP ALL ; {", "<http://x.example/>", "${x}",
    "{{x}}",
    "\u202eabc\u202c", "שלום", "😀🧪", "é\u0301", "%00%22", "@prefix", "#", "_:b0", "--", "';--", "<script>alert(1)</script>", "&amp;", "]]>",
    "\u2028", "\u0085", "a^^b", "@en", "*", "OR 1=1", "NEAR(", "\ud7ff\ue000", "\U0010fffd",
)  # fmt: skip
LANGUAGES = ("en", "de", "zh-hant", "en-gb", "@none")
IRIS = (
    "https://x.example/a?b=c&d=%22#e",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "mailto:a@b.example",
    "http://x.example/é/😀",
    "http://x.example/'()*,;=$log?$n",
)


def text(chance: random.Random) -> str:
    """Make up a text of one to five pieces."""
    return "".join(chance.choice((*HOSTILE, "word", " ", "x")) for _ in range(chance.randint(1, 5)))


def number(chance: random.Random) -> float:
    """Make up a number with at most fifteen digits, which every JSON-LD processor spells alike."""
    return chance.choice((0.0, -0.5, 1.0, 1e21, 1e-7, 0.97, 123456.75, -3.0e10, float(f"{chance.uniform(-1e6, 1e6):.12g}")))


def document(registry: Registry, shape: Shape, chance: random.Random, thing: NamedNode) -> dict[str, Any]:
    """Make up a JSON document of a kind or part; about two of three members are there."""
    made: dict[str, Any] = {}
    for found in shape.fields:
        if not found.read_only and (found.minimum or chance.random() < 0.65):
            values = [_value(registry, found, chance, thing) for _ in range(1 if found.single else chance.randint(1, 3))]
            made[found.key] = values[0] if found.single else values
            if found.language and not found.choices and chance.random() < 0.6:
                made[found.key] = {tag: text(chance) for tag in chance.sample(LANGUAGES, chance.randint(1, 3))}
    return made


def _value(registry: Registry, found: Field, chance: random.Random, thing: NamedNode) -> Any:
    if (part := registry.part_of(found)) is not None:
        made = document(registry, part, chance, thing)
        if part.naming is not None:
            made[part.naming.key] = text(chance) + "."
            return made if chance.random() < 0.5 else made[part.naming.key]
        return made
    if found.choices:
        return str(chance.choice(found.choices).value)
    if found.refers:
        return f"http://hub.test/id/{chance.choice(found.refers)}/{chance.choice('abcdef') * 64}"
    if found.iri:
        return chance.choice(IRIS)
    return _literal(chance.choice(sorted(found.datatypes, key=str)) if found.datatypes else XSD.string, len(found.datatypes) == 1, chance)


def _literal(datatype: NamedNode, alone: bool, chance: random.Random) -> Any:
    if datatype == XSD.boolean:
        return chance.random() < 0.5
    if datatype == XSD.integer:
        return chance.choice((0, -1, 12, 2**53 - 1, str(2**53), str(-(2**70)))) if alone else chance.choice((0, -1, 12, 2**40))
    if datatype == XSD.double:
        return number(chance)
    if datatype in (XSD.string, RDF.langString):
        return text(chance)
    samples = {
        XSD.decimal: "12.5",
        XSD.float: 1.5,
        XSD.dateTime: "2026-01-31T10:00:00.5+02:00",
        XSD.date: "2026-01-31",
        XSD.time: "10:00:00Z",
        XSD.gYear: "2026",
        XSD.duration: "P1DT2H",
        XSD.anyURI: "http://x.example/",
        XSD.hexBinary: "0a1b",
    }
    value = samples[datatype]
    return value if alone or not isinstance(value, str) else {"@value": value, "@type": Literal("", datatype=datatype).datatype.value}
