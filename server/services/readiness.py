"""Whether the hub can do its work now: each thing it needs is asked, and says in one sentence what is wrong with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from server.errors import HubError, StoreFull
from server.values import show_size

Check = Callable[[], None]
"""Returns if the thing is well, else raises a `HubError`."""


def failures(checks: Mapping[str, Check]) -> dict[str, str]:
    """Ask every thing and return what is wrong, by name."""
    wrong: dict[str, str] = {}
    for name, check in checks.items():
        try:
            check()
        except HubError as error:
            wrong[name] = error.detail
    return wrong


def disk_check(folder: Path, reserve: int) -> Check:
    """Make the check that a folder's disk has more room than the reserve."""

    def check() -> None:
        free = shutil.disk_usage(folder).free
        if free < reserve:
            raise StoreFull(f"Only {show_size(free)} bytes are free under HUB_DATA; writes are refused below {show_size(reserve)}.")

    return check
