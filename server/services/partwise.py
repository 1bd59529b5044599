"""Write one graph in parts, in any RDF type: what all parts together are is one document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pyoxigraph import RdfFormat, Triple, serialize

from server.graph.rdf import FORMATS

_JSON_LD, _RDF_XML = "application/ld+json", "application/rdf+xml"
_CLOSE = b"</rdf:RDF>"


def stream(parts: Iterable[Iterable[Triple]], media_type: str, prefixes: Mapping[str, str]) -> Iterator[bytes]:
    """Write parts of a graph one after another, so that no more than one of them is held at a time."""
    if media_type == _JSON_LD:
        yield from _json_ld(parts)
    elif media_type == _RDF_XML:
        yield from _rdf_xml(parts, prefixes)
    else:
        yield from _lines(parts, FORMATS[media_type], prefixes)


def _json_ld(parts: Iterable[Iterable[Triple]]) -> Iterator[bytes]:
    """Write the node objects of all parts as one array."""
    mark = b"["
    for part in parts:
        if inner := _written(part, RdfFormat.JSON_LD, {})[1:-1]:
            yield mark + inner
            mark = b","
    yield b"]" if mark == b"," else b"[]"


def _rdf_xml(parts: Iterable[Iterable[Triple]], prefixes: Mapping[str, str]) -> Iterator[bytes]:
    """Write the descriptions of all parts within one element."""
    empty = _written((), RdfFormat.RDF_XML, prefixes)
    opening = empty[: empty.rindex(_CLOSE)]
    yield opening
    for part in parts:
        whole = _written(part, RdfFormat.RDF_XML, prefixes)
        yield whole[len(opening) : whole.rindex(_CLOSE)]
    yield _CLOSE


def _lines(parts: Iterable[Iterable[Triple]], kind: RdfFormat, prefixes: Mapping[str, str]) -> Iterator[bytes]:
    """Write parts of a format in which documents can be joined; the prefixes of all stand once at the beginning."""
    declared = {} if kind in (RdfFormat.N_TRIPLES, RdfFormat.N_QUADS) else prefixes
    header = b"".join(sorted(f"@prefix {prefix}: <{iri}> .\n".encode() for prefix, iri in declared.items()))
    yield header
    for part in parts:
        yield b"".join(each for each in _written(part, kind, declared).splitlines(keepends=True) if not each.startswith(b"@prefix "))


def _written(part: Iterable[Triple], kind: RdfFormat, prefixes: Mapping[str, str]) -> bytes:
    return serialize(sorted(part, key=_by_subject), format=kind, prefixes=dict(prefixes)) or b""


def _by_subject(triple: Triple) -> str:
    return str(triple.subject)
