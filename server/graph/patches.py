"""RDF Patch: what a revision added and removed, as text."""

from __future__ import annotations

from collections.abc import Iterable

from pyoxigraph import RdfFormat, Triple, parse


def write_patch(added: Iterable[Triple], removed: Iterable[Triple]) -> str:
    """Write an RDF Patch: removals before additions, each in the order of its N-Triples text."""
    lines = [f"D {line} ." for line in sorted(map(str, removed))] + [f"A {line} ." for line in sorted(map(str, added))]
    return "\n".join(["TX .", *lines, "TC ."]) + "\n"


def read_patch(patch: str) -> tuple[set[Triple], set[Triple]]:
    """Return the triples that a patch adds, and those that it removes."""
    return _lines(patch, "A "), _lines(patch, "D ")


def _lines(patch: str, mark: str) -> set[Triple]:
    text = "\n".join(line[2:] for line in patch.split("\n") if line.startswith(mark))  # a literal may have other line breaks in it
    return {quad.triple for quad in parse(text, RdfFormat.N_TRIPLES)}
