"""The files that a run or a model left behind, and what they say of the environment that it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_MOST_FILES = 1000
_MOST_FOLDERS = 50
_MOST_LINES = 500
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})(?:\[[^\]]*\])?\s*(?:={2,3}\s*([A-Za-z0-9][A-Za-z0-9.!+_-]{0,49}))?")


@dataclass(frozen=True)
class Artifact:
    """A file, with its path below where the list began, or a folder to look into."""

    path: str
    size: int | None = None
    folder: bool = False

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Artifact:
        """Read an entry of `files`."""
        size = given.get("file_size")
        return cls(str(given["path"]), int(size) if size is not None and int(size) >= 0 else None, bool(given.get("is_dir")))


def walk(listing: Callable[[str], Iterable[Artifact]], start: str = "") -> tuple[Artifact, ...]:
    """List the files below a folder, by path, with the folders in it; no more than a thousand of fifty folders."""
    folders, files = [start], list[Artifact]()
    for number, folder in enumerate(folders):  # which grows while it is gone through
        for each in listing(folder):
            if each.folder and len(folders) < _MOST_FOLDERS and each.path not in folders:
                folders.append(each.path)
            elif not each.folder:
                files.append(each)
        if len(files) >= _MOST_FILES or number >= _MOST_FOLDERS:
            break
    return tuple(sorted(files, key=lambda each: each.path)[:_MOST_FILES])


def requirements(text: bytes) -> tuple[str, ...]:
    """Name the packages of a `requirements.txt` with their versions; addresses and options, which may hold secrets, are left out."""
    return tuple(_packages(text.decode("utf-8", "replace").splitlines()[:_MOST_LINES]))


def conda(text: bytes) -> tuple[str, ...]:
    """Name the packages of a `conda.yaml`; nothing for what is none."""
    try:
        given = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both loaders are the safe ones
    except (yaml.YAMLError, RecursionError):
        return ()
    listed = given.get("dependencies") if isinstance(given, dict) else None
    return tuple(_packages(_lines(listed if isinstance(listed, list) else [])[:_MOST_LINES]))


def _lines(dependencies: Sequence[Any]) -> list[str]:
    """Write what conda wants as lines for pip: it puts one `=` where pip has two, and pip's own packages into a list of their own."""
    lines = [re.sub(r"(?<![=<>!~])=(?![=])", "==", each, count=1) for each in dependencies if isinstance(each, str)]
    inner: list[Any] = next((each["pip"] for each in dependencies if isinstance(each, dict) and isinstance(each.get("pip"), list)), [])
    return [*lines, *(each for each in inner if isinstance(each, str))]


def _packages(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        kept = line.partition("#")[0].partition(";")[0].partition(" @ ")[0].strip()
        if "/" not in kept and (found := _PINNED.match(kept)):
            yield f"{found[1]} {found[2]}" if found[2] else found[1]
