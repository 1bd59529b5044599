"""The system dataset: its graphs, the names in them, and the few values that accounts, tokens, invites and the audit log share.

No SPARQL face reaches this dataset. Its names do not begin with the hub's own base IRI, so they survive a move to another address.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from urllib.parse import quote

from pyoxigraph import Literal, NamedNode

from server.graph.vocabulary import PREFIXES, XSD
from server.store.base import Term

_SPACE = "https://w3id.org/cords-hub/system/"

ACCOUNTS = NamedNode(_SPACE + "accounts")
TOKENS = NamedNode(_SPACE + "tokens")
INVITES = NamedNode(_SPACE + "invites")
THROTTLE = NamedNode(_SPACE + "throttle")
AUDIT = NamedNode(_SPACE + "audit")

PROLOGUE = "".join(f"PREFIX {prefix}: <{PREFIXES[prefix]}>\n" for prefix in ("hub", "foaf", "dct", "rdf", "rdfs", "xsd"))

_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def item(graph: NamedNode, identifier: str) -> NamedNode:
    """Name a thing in one of the graphs; any text makes a valid name."""
    return NamedNode(f"{graph.value}/{quote(identifier, safe='', errors='replace')}")


def identifier(node: Term) -> str:
    """Read the identifier back from a name."""
    return node.value.rpartition("/")[2]


def digest(secret: str) -> Literal:
    """Reduce a secret to what may be stored: its SHA-256."""
    return Literal(hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest())


def now() -> datetime:
    """Tell the time, in UTC."""
    return datetime.now(UTC)


def text(moment: datetime) -> str:
    """Write a time so that texts sort as times do: UTC, microseconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp(moment: datetime) -> Literal:
    """Turn a time into a literal whose lexical form is `text`; queries compare `STR(?time)`, which every engine can."""
    return Literal(text(moment), datatype=XSD.dateTimeStamp)


def moment(literal: Term) -> datetime:
    """Read a time back."""
    return datetime.fromisoformat(literal.value)


def printable(value: str, limit: int) -> str:
    """Cut a text from outside to a length and replace what no store can keep (control characters, lone surrogates)."""
    return _UNSPEAKABLE.sub("\ufffd", value[:limit])


def speakable(value: str) -> bool:
    """Tell whether a text has no control characters and no lone surrogates."""
    return not _UNSPEAKABLE.search(value)
