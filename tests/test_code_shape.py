"""The shape that the code keeps: short functions and files, a sentence on everything public, one place that catches everything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from server.values import ROOT

LONGEST_FUNCTION = 60
LONGEST_FILE = 300
BOUNDARY = "server/http/problems.py"
FOLDERS = ("server", "bench", "demo", "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def names(node: ast.expr | None) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name)) if node else iter(["BaseException"])


def test_functions_are_short() -> None:
    long = [
        f"{where(path, each)} {each.name}: {length} lines"
        for path in sources(*FOLDERS)
        for each in functions(path)
        if (length := (each.end_lineno or each.lineno) - each.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


def test_files_are_short() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in sources(*FOLDERS)}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_everything_public_says_what_it_does_in_one_sentence() -> None:
    silent = []
    for path in sources("server"):
        if not ast.get_docstring(tree(path)):
            silent.append(f"{where(path, tree(path))} module")
        for node in public(tree(path).body):
            first = (ast.get_docstring(node) or "").partition("\n\n")[0].rstrip()
            if not first.endswith((".", "?", "…", ":")):
                silent.append(f"{where(path, node)} {node.name}")
    assert silent == []


def raises_again(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def test_only_the_boundary_catches_everything() -> None:
    """Whoever tidies up and raises the same again catches nothing."""
    broad = [
        where(path, node)
        for path in sources("server", "bench", "demo")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and {"Exception", "BaseException"} & set(names(node.type)) and not raises_again(node)
    ]
    assert [place for place in broad if not place.startswith(BOUNDARY + ":")] == []


def test_nothing_is_left_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" + "XX:", "HA" + "CK:")
    left = [path.relative_to(ROOT).as_posix() for path in sources(*FOLDERS) if any(mark in path.read_text("utf-8") for mark in marks)]
    assert left == []


def test_every_folder_of_code_is_a_package() -> None:
    """So that mypy and pytest give every module one name, also where two folders have a file of the same name."""
    folders = {path.parent for path in sources("server", "tests")}
    assert [folder.relative_to(ROOT).as_posix() for folder in folders if not (folder / "__init__.py").exists()] == []
