"""Nobody writes without credentials, but the one person at the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from server.http.auth import anonymous_role
from server.services.callers import Role
from tests.support.settings import make_settings


def role(tmp_path: Path, *, setting: str = "contributor", host: str = "localhost:5000", address: str = "127.0.0.1", **headers: str) -> Role:
    """Ask for the role of nobody, sending a request from an address to a host name."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = EnvironBuilder(
        path="/api/models", method="POST", headers={**named, "Host": host}, environ_overrides={"REMOTE_ADDR": address}
    ).get_environ()
    return anonymous_role(make_settings(tmp_path, anonymous_role=setting), Request(environ))


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "LOCALHOST:5000", "127.0.0.1", "127.0.0.1:5000", "[::1]", "[::1]:5000"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_at_the_machine_itself_nobody_may_contribute(tmp_path: Path, host: str, address: str) -> None:
    assert role(tmp_path, host=host, address=address) is Role.contributor


@pytest.mark.parametrize(
    "host", ["example.org", "localhost.example.org", "192.0.2.1:5000", "hub.test", "[::1", "[::2]", "", "127.0.0.1.nip.io", "localhost@example.org"]
)
def test_to_another_name_nobody_only_reads(tmp_path: Path, host: str) -> None:
    assert role(tmp_path, host=host) is Role.reader


def test_from_another_address_nobody_only_reads(tmp_path: Path) -> None:
    assert role(tmp_path, address="192.0.2.1") is Role.reader


@pytest.mark.parametrize("header", ["Forwarded", "X_Forwarded_For", "X_Forwarded_Host", "X_Real_IP", "Via"])
def test_through_a_proxy_nobody_only_reads(tmp_path: Path, header: str) -> None:
    assert role(tmp_path, **{header: "192.0.2.1"}) is Role.reader


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://localhost.example.org", "http://[::1", "file://"])
def test_from_a_foreign_page_nobody_only_reads(tmp_path: Path, origin: str) -> None:
    assert role(tmp_path, Origin=origin) is Role.reader


@pytest.mark.parametrize("origin", ["http://localhost:8082", "http://127.0.0.1:3000", "http://localhost:5000"])
def test_from_a_page_of_this_machine_nobody_may_contribute(tmp_path: Path, origin: str) -> None:
    assert role(tmp_path, Origin=origin) is Role.contributor


@pytest.mark.parametrize("setting", ["none", "reader"])
def test_otherwise_the_setting_decides(tmp_path: Path, setting: str) -> None:
    assert role(tmp_path, setting=setting) is role(tmp_path, setting=setting, host="example.org", address="192.0.2.1") is Role[setting]
