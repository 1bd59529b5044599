"""Parts of a stored query that are only there when a parameter is given.

A line `#? name` begins such a part and a line `#?` ends it; parts may lie within each other. To an engine both are comments, so that the whole
file is a query as it stands, with everything in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from server.services.headers import wrong

_MARK = re.compile(r"^[ \t]*#\?[ \t]*(.*?)[ \t]*$")


@dataclass(frozen=True)
class Section:
    """A piece of a query's text; `name` is the parameter that it belongs to, empty for what is always there."""

    name: str
    text: str


def check_sections(text: str, parameters: Collection[str]) -> None:
    """Raise `Malformed` for a part that is not ended, or that belongs to no parameter of the header."""
    open_: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if (mark := _MARK.match(line)) is None:
            continue
        if not mark[1]:
            if not open_:
                raise wrong("", f"Line {number}: `#?` ends a part that was not begun.")
            open_.pop()
        elif mark[1] not in parameters:
            raise wrong("parameters", f"Line {number}: `#? {mark[1][:60]}` names no parameter of the header.")
        else:
            open_.append(mark[1])
    if open_:
        raise wrong("", f"The part `#? {open_[-1]}` is not ended by a line `#?`.")


def chosen(text: str, given: Collection[str]) -> str:
    """Return a query without the parts of parameters that are not given."""
    kept: list[str] = []
    open_: list[bool] = []
    for line in text.split("\n"):
        if (mark := _MARK.match(line)) is None:
            kept += [line] if all(open_) else []
        elif mark[1]:
            open_.append(mark[1] in given)
        else:
            open_.pop()
    return "\n".join(kept)


def outermost(text: str) -> Iterator[Section]:
    """Cut a query at its outermost parts."""
    name, depth, lines = "", 0, list[str]()
    for line in text.split("\n"):
        mark = _MARK.match(line)
        if mark is not None and (depth == 0 or (depth == 1 and not mark[1])):
            yield Section(name, "\n".join(lines))
            name, lines = mark[1], []
        else:
            lines.append(line)
        depth += 0 if mark is None else 1 if mark[1] else -1
    yield Section(name, "\n".join(lines))
