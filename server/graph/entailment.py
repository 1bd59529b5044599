"""Let a query mean what RDFS makes of it: a class stands for those below it, a property for those below it.

The text is read by the grammar of SPARQL 1.1 (its tokens come from `server.store.lexer`) and only triple patterns are rewritten. `?x a C`
becomes the distinct things that have a class below C, or a property whose domain, or are the value of one whose range, is below C; `?s p ?o`
becomes the distinct pairs that p or a property below it connects. So answers are a set, as RDFS has it, and counts are right. In a property
path each property stands for an alternative of those below it. A class or property that is a variable stands for what is stated.

What results is text of a stranger still, and goes the way of all such text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyoxigraph import NamedNode

from server.graph.cursor import Node, Pattern
from server.graph.hierarchy import Hierarchy
from server.graph.patterns import Patterns
from server.graph.vocabulary import RDF


def entail(sparql: str, hierarchy: Hierarchy, base: str = "") -> str:
    """Rewrite a query; raise `QueryRefused` where it cannot be read."""
    return _Rewriting(Patterns(sparql, base), hierarchy).text()


@dataclass
class _Rewriting:
    """One text on its way to another."""

    read: Patterns
    hierarchy: Hierarchy
    _count: int = 0
    _edits: list[tuple[int, int, str]] = field(default_factory=list)

    def text(self) -> str:
        blocks = self.read.blocks()
        changed = [block for block in blocks if any(self._touches(each) for each in block.patterns)]
        if not changed:
            return self.read.text
        self.read.forbid_hidden_names(changed)
        for block in changed:
            written = " ".join(self._pattern(each, block.counted) for each in block.patterns)
            self._edits.append((block.start, block.end, written))
        inside = [(start, end) for start, end, _ in self._edits]
        self._edits += [(start, end, name) for start, end, name in self.read.labels() if not any(low <= start < high for low, high in inside)]
        return self._applied()

    def _applied(self) -> str:
        text, position, parts = self.read.text, 0, []
        for start, end, written in sorted(self._edits):
            parts += [text[position:start], f" {written} "]
            position = end
        return "".join([*parts, text[position:]])

    def _touches(self, pattern: Pattern) -> bool:
        return pattern.path is not None or self._class_of(pattern) is not None or len(self._below(pattern)) > 1

    def _class_of(self, pattern: Pattern) -> NamedNode | None:
        """Return the class that a pattern asks for, if it is one that others are below of."""
        if pattern.verb != RDF.type or pattern.object.iri is None:
            return None
        found = self.hierarchy.membership(pattern.object.iri)
        return pattern.object.iri if len(found.types) > 1 or found.having or found.valued else None

    def _below(self, pattern: Pattern) -> frozenset[NamedNode]:
        return self.hierarchy.properties_below(pattern.verb) if pattern.verb is not None and pattern.verb != RDF.type else frozenset()

    def _pattern(self, pattern: Pattern, counted: bool) -> str:
        if pattern.path is not None:
            steps = [self._step(each) if isinstance(each, NamedNode) else each for each in pattern.path]
            return f"{pattern.subject.text} {' '.join(steps)} {pattern.object.text} ."
        if (wanted := self._class_of(pattern)) is not None:
            return self._distinct((pattern.subject,), self._members(pattern.subject.text, wanted), counted)
        if len(below := self._below(pattern)) > 1:
            name = self._fresh()
            inner = f"VALUES {name} {{ {_listed(below)} }} {pattern.subject.text} {name} {pattern.object.text} ."
            return self._distinct((pattern.subject, pattern.object), inner, counted)
        return f"{pattern.subject.text} {pattern.verb_text} {pattern.object.text} ."

    def _step(self, property: NamedNode) -> str:
        below = self.hierarchy.properties_below(property) if property != RDF.type else frozenset({property})
        return f"({'|'.join(sorted(map(str, below)))})" if len(below) > 1 else str(property)

    def _members(self, subject: str, wanted: NamedNode) -> str:
        found = self.hierarchy.membership(wanted)
        name, other = self._fresh(), self._fresh()
        ways = [f"VALUES {name} {{ {_listed(found.types)} }} {subject} {RDF.type} {name} ."]
        if found.having:
            ways.append(f"VALUES {name} {{ {_listed(found.having)} }} {subject} {name} {other} .")
        if found.valued:
            ways.append(f"VALUES {name} {{ {_listed(found.valued)} }} {other} {name} {subject} . FILTER(!isLiteral({subject}))")
        return " UNION ".join(f"{{ {each} }}" for each in ways)

    def _distinct(self, nodes: Iterable[Node], inner: str, counted: bool) -> str:
        """Wrap what may be found in several ways so that it is found once; where nobody counts, it may be found more often."""
        variables = list(dict.fromkeys(node.text for node in nodes if node.variable))
        if not variables:
            return f"FILTER EXISTS {{ {inner} }}"
        return f"{{ SELECT DISTINCT {' '.join(variables)} WHERE {{ {inner} }} }}" if counted else f"{{ {inner} }}"

    def _fresh(self) -> str:
        self._count += 1
        return self.read.fresh(f"entailed{self._count}")


def _listed(terms: Iterable[NamedNode]) -> str:
    return " ".join(sorted(map(str, terms)))
