"""The reference pages of `docs/`, written from the tables that the hub itself works with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from server.graph.kinds import Field, Registry, Shape
from server.graph.vocabulary import XSD, compact
from server.http.problems import OTHERS, TABLE
from server.settings import Settings, table
from server.values import ROOT

DOCS = ROOT / "docs"
_NOTE = "<!-- Written by `python -m server docs`; change the code instead. -->\n"


def pages() -> dict[Path, str]:
    """Write every reference page; a test compares them with the files."""
    registry = Registry.load(Settings().shapes)
    return {DOCS / "settings.md": settings_page(), DOCS / "errors.md": errors_page(), DOCS / "kinds.md": kinds_page(registry)}


def settings_page() -> str:
    """Write the page of the settings."""
    rows = [("variable", "value", "default", "meaning")]
    for row in table():
        value = row.kind.name + (f" ({row.unit})" if row.unit else "") + (", secret" if row.secret else "")
        rows.append((f"`{row.variable}`", value, row.default.replace("|", "\\|") or "–", row.help))
    kinds = {row.kind.name: row.kind.allowed for row in table()}
    allowed = "".join(f"- **{name}**: {text}\n" for name, text in sorted(kinds.items()) if name not in {"number", "choice", "list"})
    return (
        f"{_NOTE}\n# Settings\n\n"
        "Settings come from the environment, then from `hub.toml` in the working directory (or `python -m server --config FILE …`), then from the\n"
        "defaults below. In the file a setting has its name in small letters without `HUB_`: `port = 8000`. An unknown name or a value that is not\n"
        "allowed stops the start and says what would be right. `python -m server settings` prints what is in force, without secrets.\n\n"
        f"{_markdown(rows)}\nWhat the values may be:\n\n{allowed}"
    )


def errors_page() -> str:
    """Write the page of the problem types."""
    problems = sorted((*TABLE.values(), *OTHERS), key=lambda each: (each.status, each.slug))
    rows = [("type", "status", "title", "what to do"), *((f"`/errors/{each.slug}`", str(each.status), each.title, each.advice) for each in problems)]
    return (
        f"{_NOTE}\n# Errors\n\n"
        "Every error is `application/problem+json` (RFC 9457): `type` is the address of a page of the hub, `title` its name, `status` the\n"
        "HTTP status, `detail` says what to change, and `instance` is the id of the request, which the log has too. Where single members are\n"
        "wrong, `errors` lists them as `{pointer, message}`; where a graph does not conform, `report` is the SHACL validation report.\n\n"
        f"{_markdown(rows)}"
    )


def kinds_page(registry: Registry) -> str:
    """Write the page of the kinds and their parts."""
    used = {each.part for shape in (*registry.kinds.values(), *registry.parts.values()) for each in shape.fields if each.part}
    text = [
        f"{_NOTE}\n# Kinds\n\nEvery kind has its collection under `/api/`, and these members in JSON. Besides them every thing has `id`, `iri`,\n"
        "`type` and `revision`. ‘Several’ is a JSON array. The shapes themselves are at `/shapes/<collection>`.\n"
    ]
    for kind in registry.kinds.values():
        text.append(f"\n## {kind.collection}\n\n{kind.comment}\n\nClass: {_iris(kind.types)}\n\n{_markdown(_fields(registry, kind))}")
    text.append("\n# Parts\n\nParts are written inside the thing that they belong to.\n")
    for part in sorted((registry.parts[iri] for iri in used), key=lambda part: part.iri):
        shared = f" Shared between things, in `/id/{part.shared}/`; the name alone is enough." if part.shared else ""
        text.append(f"\n## {_part_name(part)}\n\n{part.comment}{shared}\n\nClass: {_iris(part.types)}\n\n{_markdown(_fields(registry, part))}")
    return "".join(text)


def _fields(registry: Registry, shape: Shape) -> Iterator[tuple[str, ...]]:
    yield "key", "values", "property", "meaning"
    for each in shape.fields:
        yield f"`{each.key}`", _values(registry, each), f"`{compact(each.path.value)}`", each.help.replace("|", "\\|").replace("\n", " ")


def _values(registry: Registry, each: Field) -> str:
    part = registry.part_of(each)
    if part:
        kind = f"[{_part_name(part)}](#{_part_name(part).lower()})"
    elif each.refers:
        kind = "reference to " + " or ".join(f"[{name}](#{name})" for name in each.refers)
    elif each.choices:
        kind = "one of " + ", ".join(f"`{compact(term.value)}`" for term in each.choices)
    elif each.language:
        return "text, in one language or several" + (", required" if each.minimum else "")
    elif {XSD.integer, XSD.decimal} <= each.datatypes:
        kind = "number"
    else:
        kind = "IRI" if each.iri else " or ".join(sorted(compact(term.value) for term in each.datatypes)) or "any"
    words = [kind, "" if each.single else "several", "required" if each.minimum else "", "read-only" if each.read_only else ""]
    return ", ".join(word for word in words if word)


def _part_name(part: Shape) -> str:
    return part.iri.rpartition("#")[2]


def _iris(terms: Iterable[object]) -> str:
    return ", ".join(f"`{compact(term.value)}`" for term in terms)  # type: ignore[attr-defined]  # named nodes


def _markdown(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = rows
    lines = [head, tuple("---" for _ in head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
