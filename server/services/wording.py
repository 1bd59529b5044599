"""Words of a tracking server as the hub may repeat them: ids that stay the same, text that every syntax can carry, addresses without secrets."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from server.graph.literals import BAD_TEXT

Members = dict[str, Any]

TEXT, LABEL, TITLE, NAME = 10_000, 250, 300, 500
"""The longest text, name of a shared node, title and name that the shapes allow."""

_PUBLIC_STORES = frozenset({"http", "https", "s3", "gs", "abfss", "wasbs", "mlflow-artifacts", "hdfs", "ftp", "sftp"})


def identify(server: str, kind: str, *names: str) -> str:
    """Return the id of something in a tracking server: 64 hexadecimal digits that are the same whenever it is asked for."""
    return hashlib.sha256("\n".join((server, kind, *names)).encode("utf-8", "replace")).hexdigest()


def clean(text: str | None, length: int) -> str | None:
    """Cut text to a length and take out what no RDF syntax can carry; nothing but blanks is nothing."""
    kept = BAD_TEXT.sub("", text or "")[:length]
    return kept if kept.strip() else None


def present(**members: Any) -> Members:
    """Keep the members that say something."""
    return {key: value for key, value in members.items() if value is not None and value != []}


def public_address(text: str | None) -> str | None:
    """Return an address if others could go there: no path of somebody's disk, and without user, password, query or fragment."""
    try:
        parts = urlsplit(clean(text, 2000) or "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in _PUBLIC_STORES or " " in parts.netloc + parts.path:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", "")) or None
