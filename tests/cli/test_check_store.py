"""`check-store` on a third engine, which the hub was not made for."""

from __future__ import annotations

from click.testing import CliRunner

from server.cli import main
from tests.support.oxigraph import running_oxigraph


def check(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["check-store", *arguments])
    return result.exit_code, result.output


def test_a_fit_server_is_told_fit() -> None:
    with running_oxigraph() as server:
        code, output = check(f"{server.url}/query", f"{server.url}/update", f"{server.url}/store")
    assert "This server is fit to be the hub's store." in output, output
    assert code == 0 and "FAILS" not in output


def test_an_unfit_server_is_told_so_with_what_was_seen() -> None:
    with running_oxigraph() as server:
        code, output = check("--user", "somebody", "--password-stdin", f"{server.url}/no-such-layout")
    assert code == 1
    assert "FAILS" in output and "seen: " in output and "not fit" in output


def test_one_url_or_three() -> None:
    assert check("http://127.0.0.1:1/a", "http://127.0.0.1:1/b")[0] == 2
