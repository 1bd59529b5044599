"""The commands that work on a store while no hub is running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.values import ROOT
from tests.cli.conftest import Command

EMAIL = "ada@example.org"


def add_ada(command: Command) -> None:
    command("users", "add", EMAIL, "--name", "Ada", "--role", "admin", "--password-stdin", input="a long pass phrase\n")


def things(folder: Path, name: str, *bodies: dict[str, object]) -> str:
    path = folder / name
    path.write_text(json.dumps(bodies) if path.suffix == ".json" else "".join(json.dumps(body) + "\n" for body in bodies))
    return str(path)


def test_accounts_from_the_command_line(command: Command) -> None:
    added = command("users", "add", EMAIL, "--role", "admin").output
    assert "role: admin" in added and len(added.partition("password: ")[2].strip()) >= 16
    command("users", "add", "Bo@Example.org", "--password-stdin", input="another pass phrase\n")
    listed = [line.split("\t") for line in command("users", "list").output.splitlines()]
    assert [(email.lower(), role, state) for email, role, _, state in listed] == [
        (EMAIL, "admin", "enabled"),
        ("bo@example.org", "contributor", "enabled"),
    ]
    assert "curator now" in command("users", "role", "bo@example.org", "curator").output
    assert "disabled now" in command("users", "disable", "bo@example.org").output
    assert "enabled now" in command("users", "disable", "bo@example.org", "--undo").output
    assert "last administrator" in command("users", "disable", EMAIL, code=1).output
    assert "no account" in command("users", "role", "nobody@example.org", "admin", code=1).output
    assert "already" in command("users", "add", EMAIL, code=1).output


def test_what_is_exported_is_imported(command: Command, tmp_path: Path) -> None:
    first = things(tmp_path, "models.ndjson", {"title": "One", "keywords": ["a"]}, {"title": {"en": "Two", "de": "Zwei"}})
    command("import", first)
    folder = tmp_path / "out"
    assert "models\t2" in command("export", str(folder)).output
    lines = sorted((folder / "models.ndjson").read_bytes().splitlines())
    moved = {"HUB_DATA": str(tmp_path / "other"), "HUB_STORE": ""}
    command("import", str(folder / "models.ndjson"), **moved)
    command("export", "--kind", "models", str(tmp_path / "again"), **moved)
    again = [json.loads(line) | {"modified": None} for line in sorted((tmp_path / "again" / "models.ndjson").read_bytes().splitlines())]
    assert again == [json.loads(line) | {"modified": None} for line in lines]
    assert "no collection" in command("export", "--kind", "modles", str(folder), code=1).output


def test_an_import_stores_what_is_good_and_lists_the_rest(command: Command, tmp_path: Path) -> None:
    person = "id/people/" + "a" * 64
    models = things(tmp_path, "models.json", {"title": "Refers to a later file", "maintainers": [person]}, {"description": "has no title"})
    people = things(tmp_path, "02-people.ndjson", {"id": "a" * 64, "title": "Bo"})
    refused = command("import", models, people, code=1)
    assert "models.json[1]" in refused.output and "/title" in refused.output and "1 things were refused" in refused.output
    assert "2 things are in the index" in command("reindex").output


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("models.xml", "<x/>", "only .json"),
        ("models.json", "[1]", "JSON object"),
        ("models.ndjson", '{"title": "x"}\n{"title":\n', "models.ndjson:2"),
        ("modles.json", '[{"title": "x"}]', "no collection modles"),
    ],
)
def test_files_that_cannot_be_imported_are_named(command: Command, tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    assert words in command("import", str(tmp_path / name), code=1).output


def test_a_backup_is_restored_into_an_empty_store_only(command: Command, tmp_path: Path) -> None:
    add_ada(command)
    archive = str(tmp_path / "hub.zip")
    assert "statements of the graph" in command("backup", archive).output
    assert "not empty" in command("restore", archive, code=1).output
    command("users", "add", "late@example.org")
    assert "Restored" in command("restore", "--replace", archive).output
    assert EMAIL in command("users", "list").output
    assert "late" not in command("users", "list").output
    assert "Everything is well" in command("check").output
    assert "--rebase" in command("restore", "--replace", archive, code=1, HUB_BASE_IRI="https://new.example/").output
    command("restore", "--replace", "--rebase", archive, HUB_BASE_IRI="https://new.example/")
    assert EMAIL in command("users", "list", HUB_BASE_IRI="https://new.example/").output
    assert "Everything is well" in command("check", HUB_BASE_IRI="https://new.example/").output
    assert "HUB_BASE_IRI" in command("users", "list", code=1).output


def test_the_sample_catalogue_passes_every_check(command: Command) -> None:
    command("import", *map(str, sorted((ROOT / "examples" / "catalogue").glob("*.json"))))
    assert "Everything is well" in command("check").output


def test_bad_settings_stop_every_command_in_one_sentence(command: Command, tmp_path: Path) -> None:
    assert command("users", "list", code=1, HUB_PROT="1").output == "Error: There is no setting HUB_PROT. Did you mean HUB_PORT?\n"
    (tmp_path / "broken.ttl").write_text("not turtle")
    assert "broken.ttl" in command("reindex", code=1, HUB_SHAPES=str(tmp_path)).output


def test_the_settings_are_printed_without_secrets(command: Command) -> None:
    printed = command("settings", HUB_STORE_PASSWORD="geheim-1234", HUB_QUERY_BYTES="1MiB").output
    assert "HUB_QUERY_BYTES=1MiB" in printed and "HUB_STORE_PASSWORD=(set)" in printed
    assert "geheim" not in printed


def test_help_lists_every_command(command: Command) -> None:
    listed = command("--help").output
    for name in ("run", "users", "import", "export", "backup", "restore", "check", "check-store", "reindex", "settings", "docs"):
        assert f"  {name} " in listed
    assert "No such command" in command("rnu", code=2).output


def test_a_database_of_cords_is_imported_with_a_report(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    model = {"name": "m", "version": "1", "description": "d", "ml_flow_model_path": "s3://a/b", "model_id": "a" * 64}
    path.write_text(json.dumps({"_default": {"1": model, "2": {"colour": "blue"}}}))
    told = command("import", "--from", "cords", str(path), code=1).output
    assert "models: 1 taken" in told and "not taken: _default/2" in told and "1 things were refused" in told
    path.write_text(json.dumps({"_default": {"1": model}}))
    assert "models: 0 taken, 1 here already" in command("import", "--from", "cords", str(path)).output
