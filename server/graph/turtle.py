"""Walk a small graph that is held in memory: values, lists and flags of a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from server.graph.vocabulary import RDF
from server.store.base import Term


class Reader:
    """Reads triples by subject and predicate, in the order in which they were given."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        """Index the triples by subject."""
        self._nodes: dict[Term, dict[NamedNode, list[Term]]] = defaultdict(lambda: defaultdict(list))
        for triple in triples:
            if isinstance(triple.subject, (NamedNode, BlankNode)) and not isinstance(triple.object, Triple):
                self._nodes[triple.subject][triple.predicate].append(triple.object)

    def objects(self, subject: Term | None, predicate: NamedNode) -> list[Term]:
        """Return the objects of a predicate, of one subject or of all."""
        if subject is None:
            return [each for node in self._nodes.values() for each in node.get(predicate, ())]
        return list(self._nodes[subject].get(predicate, ())) if subject in self._nodes else []

    def value(self, subject: Term, predicate: NamedNode) -> Term | None:
        """Return the first object, or None."""
        return next(iter(self.objects(subject, predicate)), None)

    def text(self, subject: Term, predicate: NamedNode) -> str | None:
        """Return the text of the first literal (English or untagged before other languages) or IRI, or None."""
        found = [each for each in self.objects(subject, predicate) if isinstance(each, (Literal, NamedNode))]
        found.sort(key=lambda each: isinstance(each, Literal) and each.language not in (None, "en"))
        return found[0].value if found else None

    def flag(self, subject: Term, predicate: NamedNode) -> bool:
        """Tell whether the value is true."""
        return self.text(subject, predicate) in ("true", "1")

    def items(self, head: Term | None) -> list[Term]:
        """Return the members of an RDF list."""
        members: list[Term] = []
        while head is not None and head != RDF.nil:
            members += self.objects(head, RDF.first)[:1]
            head = self.value(head, RDF.rest)
        return members

    def subjects(self, kind: NamedNode) -> list[Term]:
        """Return the subjects with this type."""
        return [node for node, values in self._nodes.items() if kind in values.get(RDF.type, ())]
