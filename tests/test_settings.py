"""The settings table: what it reads, what it refuses, and that it keeps secrets."""

from __future__ import annotations

import os
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from server.settings import Settings, SettingsError, current, load, show, table
from server.values import ROOT, SIZE, nearest, show_size


def test_defaults_serve_this_machine_only() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.store, settings.workers) == ("127.0.0.1", 5000, "embedded", 1)
    assert settings.base_iri == "http://localhost:5000/"
    assert settings.anonymous_role == "reader"
    assert settings.shapes == (ROOT / "shapes",)
    assert settings.data.is_absolute()


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text('port = 8000\nquery_seconds = 2.5\ncors_origins = ["https://a.example", "https://b.example"]\nshapes = ["shapes", "ontology"]\n')
    settings = load({"HUB_PORT": "9000", "PATH": "/bin"}, file)
    assert (settings.port, settings.query_seconds) == (9000, 2.5)
    assert settings.base_iri == "http://localhost:9000/"
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.shapes == (ROOT / "shapes", ROOT / "ontology")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load({"HUB_MLFLOW_URI": "", "HUB_STORE": ""}).store == "embedded"


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("4096", 4096), ("16MiB", 16 * 2**20), ("8 GiB", 8 * 2**30), ("1kib", 1024), ("2MB", 2_000_000), ("7B", 7)]
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert load({"HUB_BODY_BYTES": text}).body_bytes == size
    assert SIZE.parse(show_size(size)) == size


def test_a_remote_store_has_the_layout_of_fuseki_unless_told_otherwise() -> None:
    settings = load({"HUB_STORE": "http://localhost:3030/kg/", "HUB_STORE_QUERY_URL": "http://replica:3030/kg/query"})
    assert settings.store_query_url == "http://replica:3030/kg/query"
    assert settings.store_update_url == "http://localhost:3030/kg/update"
    assert settings.store_graph_url == "http://localhost:3030/kg/data"
    assert settings.system_store == "http://localhost:3030/system"
    assert settings.workers == (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"HUB_PROT": "1"}, ["HUB_PROT", "HUB_PORT"]),
        ({"HUB_XYZZY": "1"}, ["HUB_XYZZY", "HUB_STORE", "HUB_DATA"]),
        ({"HUB_PORT": "http"}, ["HUB_PORT", "'http'", "1 to 65535"]),
        ({"HUB_PORT": "0"}, ["HUB_PORT", "1 to 65535"]),
        ({"HUB_QUERY_SECONDS": "nan"}, ["HUB_QUERY_SECONDS", "seconds"]),
        ({"HUB_QUERY_SECONDS": "-1"}, ["HUB_QUERY_SECONDS", "seconds"]),
        ({"HUB_BODY_BYTES": "16XiB"}, ["HUB_BODY_BYTES", "MiB"]),
        ({"HUB_BASE_IRI": "http://hub.example"}, ["HUB_BASE_IRI", "ends with /"]),
        ({"HUB_BASE_IRI": "http://hub.example/#/"}, ["HUB_BASE_IRI"]),
        ({"HUB_BASE_IRI": "http://hub example/"}, ["HUB_BASE_IRI"]),
        ({"HUB_STORE": "ftp://host/kg"}, ["HUB_STORE", "embedded"]),
        ({"HUB_STORE": "http://host:port/kg"}, ["HUB_STORE", "embedded"]),
        ({"HUB_ANONYMOUS_ROLE": "admin"}, ["HUB_ANONYMOUS_ROLE", "none, reader, contributor"]),
        ({"HUB_REGISTRATION": "maybe"}, ["HUB_REGISTRATION", "open, invite, closed"]),
        ({"HUB_SHAPES": "no-such-folder"}, ["HUB_SHAPES", "folders"]),
        ({"HUB_CORS_ORIGINS": "https://a.example/path"}, ["HUB_CORS_ORIGINS", "origin"]),
        ({"HUB_OUTBOUND_ALLOW": "a b"}, ["HUB_OUTBOUND_ALLOW", "host"]),
        ({"HUB_OUTBOUND_ALLOW": "10.0.0.0/99"}, ["HUB_OUTBOUND_ALLOW", "network"]),
        ({"HUB_TRUE_CONNECTOR_CA": "no-such-file"}, ["HUB_TRUE_CONNECTOR_CA", "existing file"]),
        ({"HUB_STORE_USER": "a\x07b"}, ["HUB_STORE_USER", "printable"]),
        ({"HUB_WORKERS": "2"}, ["HUB_WORKERS", "HUB_STORE"]),
        ({"HUB_ANONYMOUS_ROLE": "contributor", "HUB_HOST": "192.0.2.1"}, ["HUB_ANONYMOUS_ROLE", "HUB_HOST", "127.0.0.1"]),
    ],
)
def test_a_bad_setting_stops_with_its_name_and_what_is_allowed(environ: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        load(environ)
    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize("value", ["hub.example", "hub.example:8080", "10.0.0.0/8", "[::1]:80", "127.0.0.1"])
def test_hosts_ports_and_networks_may_be_allowed(value: str) -> None:
    assert load({"HUB_OUTBOUND_ALLOW": value}).outbound_allow == (value,)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_anonymous_writers_are_for_loopback(host: str) -> None:
    assert load({"HUB_HOST": host, "HUB_ANONYMOUS_ROLE": "contributor"}).loopback


def test_a_bad_settings_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    for text, word in (("port = ", "cannot be read"), ("prot = 1", "Did you mean HUB_PORT"), ("port = true", "port in")):
        file.write_text(text)
        with pytest.raises(SettingsError, match=word) as refused:
            load({}, file)
        assert "hub.toml" in str(refused.value)


SECRET = "correct horse battery staple"


def test_secrets_are_never_shown() -> None:
    names = [row for row in table() if row.secret]
    assert len(names) == 5
    settings = load({row.variable: SECRET for row in names})
    assert SECRET not in repr(settings)
    assert [value for row, value in current(settings) if row.secret] == ["(set)"] * 5
    assert [value for row, value in current(load({})) if row.secret] == [""] * 5
    with pytest.raises(SettingsError) as refused:
        load({"HUB_STORE_PASSWORD": SECRET + "\n"})
    assert SECRET not in str(refused.value)
    with pytest.raises(SettingsError) as refused:
        load({"HUB_MLFLOW_TOKENN": SECRET})
    assert SECRET not in str(refused.value)


def test_what_is_shown_is_read_back_as_the_same() -> None:
    settings = load({"HUB_STORE": "http://localhost:3030/kg", "HUB_CORS_ORIGINS": "https://a.example,https://b.example"})
    shown = {row.variable: value for row, value in current(settings) if not row.secret}
    assert load(shown) == settings


def test_rows_have_help_and_defaults_that_their_kind_allows() -> None:
    for row in table():
        assert row.help[0].isupper() or row.help[0] == "`", row.variable
        assert row.help.endswith("."), row.variable
        default = next(each.default for each in fields(Settings) if each.name == row.attribute)
        if default not in ("", None, (), 0):
            row.kind.parse(show(default, row.kind))


def test_every_check_holds_for_settings_made_in_code_too() -> None:
    settings = Settings(store="http://localhost:3030/kg", workers=4)
    with pytest.raises(SettingsError):
        replace(settings, store="embedded", system_store="embedded")


def test_the_nearest_name_is_near() -> None:
    assert nearest("titel", ["title", "description"]) == "title"
    assert nearest("zzz", ["title"]) is None


def test_nothing_else_reads_the_environment() -> None:
    """Only the entry points look at it: the command line for the settings, and the figures for the folder that `run` gives them."""
    readers = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "server").rglob("*.py") if re.search(r"os\.(environ|getenv)", path.read_text("utf-8"))
    }
    assert readers <= {"server/cli/__init__.py", "server/cli/run.py", "server/metrics.py", "server/store/child.py", "server/store/childproc.py"}
