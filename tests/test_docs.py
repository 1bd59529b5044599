"""The reference pages are what the code would write, and name everything that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli import main, pages
from server.settings import table
from server.values import ROOT


def test_the_pages_are_what_the_code_writes() -> None:
    stale = [path.relative_to(ROOT).as_posix() for path, text in pages.pages().items() if not path.exists() or path.read_text("utf-8") != text]
    assert stale == [], "run `make docs`"


def test_every_setting_is_on_its_page() -> None:
    page = pages.settings_page()
    assert [row.variable for row in table() if f"`{row.variable}`" not in page] == []


def test_docs_writes_what_is_stale_and_check_only_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    run = CliRunner().invoke(main, ["docs", "--check"])
    assert run.exit_code == 1 and "stale: settings.md" in run.output and "python -m server docs" in run.output
    assert list(tmp_path.iterdir()) == []
    assert CliRunner().invoke(main, ["docs"]).output.count("written: ") == len(pages.pages())
    assert CliRunner().invoke(main, ["docs", "--check"]).exit_code == 0
