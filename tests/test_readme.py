"""The tour of the README works as printed, in one shell, against a hub as `make run` starts it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.values import ROOT
from tests.support.server import RunningHub, running_hub

README = (ROOT / "README.md").read_text("utf-8")
STEPS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
END = "--- end of step ---"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("readme"), arguments=["--sample"], HUB_ANONYMOUS_ROLE="contributor") as running:
        yield running


@pytest.fixture(scope="module")
def answers(hub: RunningHub) -> list[str]:
    script = f"\necho; echo '{END}'\n".join(STEPS).replace("http://localhost:5000", f"http://localhost:{hub.port}")
    ran = subprocess.run(["bash", "-eu"], input=script, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return [answer.strip() for answer in ran.stdout.split(END)]


def objects(answer: str) -> list[dict[str, object]]:
    """Read the JSON objects that one step printed one after another."""
    decoder, found, rest = json.JSONDecoder(), [], answer
    while rest := rest.strip():
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:]
    return found


def test_every_step_answers_what_the_text_before_it_says(answers: list[str]) -> None:
    listing, created, refused, changed, past, turtle, found, deleted = answers
    page = objects(listing)[0]
    assert len(page["items"]) == 2 and page["facets"]["license"]  # type: ignore[arg-type,call-overload,index]
    model = objects(created)[0]
    assert model["title"] == "Iris classifier"
    assert objects(refused)[0]["status"] == 422
    assert any(fault["pointer"].startswith("/title") for fault in objects(refused)[0]["errors"])  # type: ignore[attr-defined]
    assert objects(changed)[0]["revision"] == 2
    history, diff, before = objects(past)
    assert [revision["revision"] for revision in history["items"]] == [2, 1]  # type: ignore[attr-defined]
    assert history["items"][0]["reason"] == "better title"  # type: ignore[index]
    assert diff["added"] and diff["removed"]
    assert before["title"] == "Iris classifier"
    assert "dct:title" in turtle and "Iris-Klassifikator" in turtle
    hits, _, csv = found.partition("\n") if found.startswith("{") else (found, "", "")
    assert model["id"] in hits
    assert "Iris classifier" in csv
    gone, restored = objects(deleted)
    assert gone["status"] == 410
    assert restored["revision"] == 4


def test_the_first_start_says_how_to_get_in(hub: RunningHub) -> None:
    token = hub.printed("administrator token")
    answer = hub.request("GET", "/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["role"] == "admin"
    assert hub.printed("administrator e-mail") == answer.json()["email"]
    assert len(hub.printed("administrator password")) >= 16
    assert re.search(r"^  curl http://localhost:\d+/api/models$", hub.output, re.MULTILINE)


def test_the_pages_that_the_documentation_links_to_exist() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_the_readme_names_every_folder_of_the_project() -> None:
    hidden = {".venv", ".git", ".ci", "data"}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__")) and path.name not in hidden}
    assert [folder for folder in sorted(folders) if f"`{folder}/`" not in README] == []


def test_no_page_names_a_path_of_somebody_s_machine() -> None:
    pages: list[Path] = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    assert [page.name for page in pages if re.search(r"(?:/home|/root|/Users|/work)/", page.read_text("utf-8"))] == []
