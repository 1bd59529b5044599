"""The IRIs that the hub coins, and back again."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from pyoxigraph import NamedNode

from server.graph.kinds import Kind

ID = re.compile(r"[0-9a-f]{64}")
GRAPHS = "graphs"
"""The collection in whose name the history of free graphs is kept; no kind has it."""


@dataclass(frozen=True)
class Names:
    """Coins every IRI below one base, which ends with a slash."""

    base: str
    aliased: bool = False  # whether what is written is said once more in the IRIs of old consumers

    def thing(self, collection: str, id: str) -> NamedNode:
        """Name a thing: `<base>id/<collection>/<id>`."""
        return NamedNode(f"{self.base}id/{collection}/{id}")

    def document(self, collection: str, id: str) -> NamedNode:
        """Name the document that describes a thing; it is the thing's graph too."""
        return NamedNode(f"{self.base}api/{collection}/{id}")

    def history(self, document: NamedNode) -> NamedNode:
        """Name the history graph of a document."""
        return NamedNode(f"{document.value}/history")

    def revision(self, document: NamedNode, number: int) -> NamedNode:
        """Name one revision of a document."""
        return NamedNode(f"{document.value}/revisions/{number}")

    def transaction(self, id: str) -> NamedNode:
        """Name what several revisions were written in at once."""
        return NamedNode(f"{self.base}api/transactions/{quote(id, safe='-')}")

    @property
    def changes(self) -> NamedNode:
        """Name the change log."""
        return NamedNode(f"{self.base}api/changes")

    def shared(self, collection: str, label: str) -> NamedNode:
        """Name a node shared between graphs (a measure, an algorithm) by its label."""
        slug = quote(label, safe="-_.~")
        return NamedNode(f"{self.base}id/{collection}/{slug.replace('.', '%2E') if slug in ('.', '..') else slug}")  # else a step in a path

    def collection_of(self, node: NamedNode) -> str:
        """Return the collection in the IRI of a thing or shared node."""
        return node.value[len(self.base) + 3 :].partition("/")[0]

    def is_shared(self, node: object) -> bool:
        """Tell whether a node is shared between graphs: an IRI of the hub below `id/` that is no thing of a collection and no part of one."""
        return isinstance(node, NamedNode) and self._shared.fullmatch(node.value) is not None

    @cached_property
    def _shared(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.base) + r"id/[^/#]*/(?![0-9a-f]{64}\Z)[^/#]*")

    @property
    def terms(self) -> NamedNode:
        """Name the graph of all that is said of shared nodes."""
        return NamedNode(f"{self.base}api/terms")

    def term_document(self, collection: str, label: str) -> NamedNode:
        """Name the document that describes a shared node."""
        return NamedNode(self.terms.value + self.shared(collection, label).value[len(self.base) + 2 :])

    @property
    def aliases(self) -> NamedNode:
        """Name the graph of what is said once more with the IRIs of old consumers."""
        return NamedNode(f"{self.base}api/aliases")

    @property
    def default_graph(self) -> NamedNode:
        """Name the graph that stands for the default graph where something is written to it."""
        return NamedNode(f"{self.base}{GRAPHS}/default")

    def free_id(self, graph: NamedNode) -> str:
        """Return the id of a free graph in the history: the hash of its name."""
        return hashlib.sha256(graph.value.encode()).hexdigest()

    def node(self, label: str) -> NamedNode:
        """Name a blank node of a free graph, so that it can be spoken of (RDF 1.1 Concepts, 3.5)."""
        return NamedNode(f"{self.base}.well-known/genid/{label}")

    def is_node(self, term: object) -> bool:
        """Tell whether a term is the name of a blank node."""
        return isinstance(term, NamedNode) and term.value.startswith(f"{self.base}.well-known/genid/")

    def part(self, owner: NamedNode, key: str, content: str) -> NamedNode:
        """Name a nested part below its owner, by what it says: the same content has the same name."""
        return NamedNode(f"{owner.value}/{key}/{hashlib.sha256(content.encode()).hexdigest()[:12]}")

    def split(self, iri: str) -> tuple[str, str] | None:
        """Return the collection and id of a thing's IRI, or None for other IRIs."""
        if not iri.startswith(self.base + "id/"):
            return None
        collection, _, id = iri[len(self.base) + 3 :].partition("/")
        return (collection, id) if ID.fullmatch(id) else None

    def split_document(self, iri: str) -> tuple[str, str] | None:
        """Return the collection and id of a document's IRI, or None for other IRIs."""
        if not iri.startswith(self.base + "api/"):
            return None
        collection, _, id = iri[len(self.base) + 4 :].partition("/")
        return (collection, id) if ID.fullmatch(id) else None

    def id_of(self, kind: Kind, thing: NamedNode) -> str:
        """Return the id of a thing: the end of its IRI, or the hash of an IRI that its publisher chose."""
        return hashlib.sha256(thing.value.encode()).hexdigest() if kind.external else thing.value.rpartition("/")[2]


def new_id() -> str:
    """Make a new id: 64 lower-case hexadecimal digits."""
    return secrets.token_hex(32)
