"""The operator's key: whoever may read the data folder of a running hub may ask it for a backup.

The embedded store can be open in one process only, so a backup while the hub runs has to be made by the hub. The key file proves
to it that the one who asks could have copied the folder anyway.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

HEADER = "X-Operator-Key"
_FILE = "operator.key"


def read_key(data: Path) -> str | None:
    """Read the key of a data folder; None before the first start."""
    path = data / _FILE
    return path.read_text("ascii").strip() if path.exists() else None


def ensure_key(data: Path) -> str:
    """Return the key of a data folder, made if it has none; only the owner of the folder can read it."""
    data.mkdir(parents=True, exist_ok=True)
    if key := read_key(data):
        return key
    part = data / f"{_FILE}.{os.getpid()}"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
    part.replace(data / _FILE)
    return read_key(data) or ""


def is_operator(data: Path, given: str | None) -> bool:
    """Tell whether this is the key of the data folder."""
    key = read_key(data)
    return bool(key and given) and hmac.compare_digest((given or "").encode(), (key or "").encode())
