"""The comment header of a query file: lines `#+ key: value`, with deeper lines for what is longer or has parts.

    #+ summary: What it answers, in one line.
    #+ description: More about it,
    #+   as long as it has to be.
    #+ parameters:
    #+   - name: metric
    #+     type: string

To an engine all of it is comment, so that a file is a query as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from server.errors import Fault, Malformed

_LINE = re.compile(r"^#\+ ?(.*?)\s*$")
_KEY = re.compile(r"([a-z][a-z_-]*):(?:\s+(.*))?$")
_LONGEST = 20_000
_STRUCTURED = ("parameters",)


@dataclass(frozen=True)
class Header:
    """What a header says: its texts by key, and its structured parts."""

    texts: Mapping[str, str]
    parts: Mapping[str, Any]

    def words(self, key: str) -> tuple[str, ...]:
        """Split a text at its commas."""
        return tuple(word.strip() for word in self.texts.get(key, "").strip("[]").split(",") if word.strip())


def read_header(text: str, known: tuple[str, ...]) -> Header:
    """Read the header of a query file; raise `Malformed` naming the line that is wrong, and for a header without a summary."""
    blocks = _blocks(text)
    if unknown := [key for key in blocks if key not in known]:
        raise wrong(unknown[0], f"A header has no line {unknown[0]}; known are {', '.join(known)}.")
    texts = {key: " ".join(line.strip() for line in lines if line.strip()) for key, lines in blocks.items() if key not in _STRUCTURED}
    if not texts.get("summary"):
        raise wrong("summary", "A file begins with a line `#+ summary: …` that says in one sentence what it is for.")
    return Header(texts, {key: _structured(key, lines) for key, lines in blocks.items() if key in _STRUCTURED})


def wrong(pointer: str, message: str) -> Malformed:
    """Make the refusal of a header for what is wrong with one part of it."""
    return Malformed(message, faults=[Fault(f"/header/{pointer}", message)])


def _blocks(text: str) -> dict[str, list[str]]:
    """Gather the lines of each key: the rest of its own, and the indented ones below."""
    blocks: dict[str, list[str]] = {}
    key, size = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if (found := _LINE.match(line)) is None:
            continue
        content = found[1]
        size += len(content)
        if size > _LONGEST:
            raise wrong("", f"A header has at most {_LONGEST} characters.")
        if content[:1] in ("", " ", "\t", "-"):
            if not key:
                raise wrong("", f"Line {number}: a header begins with `#+ key: value`.")
            blocks[key].append(content)
        elif named := _KEY.match(content):
            key = named[1]
            if key in blocks:
                raise wrong(key, f"Line {number}: {key} is there twice.")
            blocks[key] = [named[2] or ""]
        else:
            raise wrong("", f"Line {number}: `{content[:60]}` is no `key: value`; indent what belongs to the line before.")
    return blocks


def _structured(key: str, lines: list[str]) -> Any:
    """Read a part as YAML whose scalars are all texts, as they would stand in an address."""
    try:
        return yaml.load("\n".join(lines), Loader=yaml.BaseLoader)  # noqa: S506  # makes nothing but texts, lists and mappings
    except (yaml.YAMLError, RecursionError) as error:
        raise wrong(key, f"{key} cannot be read: {' '.join(str(error).split())[:200]}") from error
