"""What was measured: one line of the table each, and a file that a script can compare."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Target:
    """What a figure has to be: at most or at least a number, in a unit."""

    bound: float
    unit: str
    least: bool = False

    def met(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        """Write it as the table shows it."""
        return f"{'≥' if self.least else '≤'} {self.bound:,g} {self.unit}"


@dataclass(frozen=True)
class Measured:
    """One line: what was measured, what it should be (None: only told), what it is, and what it was worked out from."""

    measure: str
    value: float
    unit: str
    target: Target | None = None
    detail: dict[str, float | str] = field(default_factory=dict)

    @property
    def ok(self) -> bool | None:
        """Tell whether the target is met; None where there is none."""
        return None if self.target is None else self.target.met(self.value)


def ratio(measure: str, bound: float | None, bare: float, hub: float, names: tuple[str, str] = ("bare", "hub")) -> Measured:
    """Make the line of a ratio of two medians in seconds."""
    detail: dict[str, float | str] = {f"{name} ms": round(each * 1000, 3) for name, each in zip(names, (bare, hub), strict=True)}
    return Measured(measure, round(hub / bare, 2), "×", Target(bound, "×") if bound is not None else None, detail)


def line(found: Measured) -> tuple[str, str, str, str]:
    """Write one line of the table: measure, target, measured, ok."""
    detail = ", ".join(f"{name} {value}" for name, value in found.detail.items())
    value = f"{found.value:,g} {found.unit}" + (f" ({detail})" if detail else "")
    return found.measure, str(found.target) if found.target else "", value, {True: "yes", False: "NO", None: ""}[found.ok]


def table(found: Iterable[Measured]) -> str:
    """Write the table in Markdown."""
    rows = [("measure", "target", "measured", "ok"), *map(line, found)]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    written = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([written[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *written[1:]])


def save(found: Sequence[Measured], things: int, calls: int, folder: Path = FOLDER) -> Path:
    """Write the figures and what they were measured on into a new file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.json"
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(), "load": os.getloadavg()}
    measures = [{**asdict(each), "ok": each.ok} for each in found]
    path.write_bytes(orjson.dumps({"things": things, "calls": calls, "machine": machine, "measures": measures}, option=orjson.OPT_INDENT_2))
    return path
