"""How the value of a setting is read from text: one `Kind` for sizes, lists, addresses and so on, each saying what it allows."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
"""The folder of the project, where shapes, queries and ontology lie."""

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(\d+) *([A-Za-z]*)")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_NO_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`]")


@dataclass(frozen=True)
class Kind:
    """How one sort of value is named in the documentation, what it allows, and how text becomes it (`ValueError` if not)."""

    name: str
    allowed: str
    parse: Callable[[str], object]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that a mistyped one most likely means."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.6)), None)


def number(least: int, most: int) -> Kind:
    """Allow whole numbers within bounds."""

    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError
        return value

    return Kind("number", f"a whole number from {least} to {most}", parse)


def seconds(most: float) -> Kind:
    """Allow a time of more than no seconds."""

    def parse(text: str) -> float:
        value = float(text)
        if not 0 < value <= most:
            raise ValueError
        return value

    return Kind("seconds", f"a number of seconds above 0 and up to {most:g}", parse)


def choice(*names: str) -> Kind:
    """Allow one of a few words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return Kind("choice", "one of " + ", ".join(names), parse)


def one_of(word: str, kind: Kind) -> Kind:
    """Allow one word beside the values of another kind."""
    return Kind(kind.name, f"`{word}` or {kind.allowed}", lambda text: word if text == word else kind.parse(text))


def many(kind: Kind) -> Kind:
    """Allow a comma list of values of another kind."""
    return Kind(
        "list", f"a comma list, each {kind.allowed}", lambda text: tuple(kind.parse(part.strip()) for part in text.split(",") if part.strip())
    )


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError
    return int(match[1]) * _UNITS[match[2].upper()]


def show_size(value: int) -> str:
    """Write a number of bytes with the largest unit that divides it."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)


def _url(text: str) -> str:
    parts = urlsplit(text)
    # Credentials in an address would end up in logs and error messages; they have settings of their own.
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password or _NO_IRI.search(text):
        raise ValueError
    _ = parts.port  # raises where it is no port
    return text


def _address(text: str) -> str:
    return _url(text).rstrip("/")


def _base(text: str) -> str:
    parts = urlsplit(_url(text))
    if not text.endswith("/") or parts.query or parts.fragment:
        raise ValueError
    return text


def _origin(text: str) -> str:
    parts = urlsplit(_url(text.rstrip("/")))
    if parts.path or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip("/")


def _reachable(text: str) -> str:
    if "/" in text:
        return str(ipaddress.ip_network(text))
    if _HOST.fullmatch(text) is None:
        raise ValueError
    return text


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple((ROOT / part).resolve() for part in text.split(os.pathsep) if part)
    if not folders or not all(folder.is_dir() for folder in folders):
        raise ValueError
    return folders


def _file(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_file():
        raise ValueError
    return path


def _word(text: str) -> str:
    if not text.isprintable():
        raise ValueError
    return text


TEXT = Kind("text", "printable text", _word)
SIZE = Kind("size", "a number of bytes, or one with KiB, MiB or GiB (also KB, MB, GB)", _size)
URL = Kind("URL", "an http or https address without user and password", _address)
BASE = Kind("IRI", "an http or https IRI that ends with / and has no query, fragment, user or password", _base)
ORIGIN = Kind("origin", "an origin such as https://hub.example.org", _origin)
REACHABLE = Kind("host", "a host, host:port, or network such as 10.0.0.0/8", _reachable)
FOLDER = Kind("path", "the path of a folder", lambda text: Path(text).resolve())
FOLDERS = Kind("folders", f"existing folders with {os.pathsep!r} between them; a relative one is looked up in the project", _folders)
FILE = Kind("path", "the path of an existing file", _file)
