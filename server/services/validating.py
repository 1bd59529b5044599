"""Validation as a service: judge a document as a write would, and store nothing."""

from __future__ import annotations

from collections.abc import Sequence

from server.errors import DoesNotConform, Fault, Malformed
from server.graph.bounds import check_size
from server.graph.rdf import FORMATS, read
from server.services.drafts import Document, Drafts
from server.services.things import Toolbox


class Validating:
    """Judges posted documents with the reference engine."""

    def __init__(self, tools: Toolbox) -> None:
        """Judge by the shapes of the tools' registry."""
        self._tools, self._drafts = tools, Drafts(tools)

    def judge(self, document: Document, collection: str | None) -> Sequence[Fault]:
        """Return the warnings of a document that conforms; raise `DoesNotConform` with the report of one that does not.

        With a collection the document describes one thing of that kind and references count as in a write; without one it is any
        RDF graph, judged by whatever shapes its types have.
        """
        if collection is not None:
            return self._drafts.judge(self._drafts.new(self._tools.kind(collection), document)).warnings
        if document.media_type not in FORMATS or not isinstance(document.content, bytes):
            raise Malformed("Name the kind of a JSON document: ?kind=<collection>; RDF may be sent without.")
        base = f"{self._tools.names.base}api/validate"
        triples = read(document.content, document.media_type, base, self._tools.context, self._tools.context_iri)
        check_size(len(triples))
        verdict = self._tools.gate.judge(triples)
        if not verdict.conforms:
            raise DoesNotConform("The graph does not conform.", faults=verdict.violations, report=verdict.report)
        return verdict.warnings
