"""Commands run in this process, over a fresh store of either kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.cli import main
from tests.support.settings import free_port
from tests.support.stores import FUSEKI, emptied_store

Command = Callable[..., Result]


@pytest.fixture
def environment(store_kind: str, store_url: str | None, tmp_path: Path) -> dict[str, str]:
    """Give the settings of a hub on a fresh store."""
    env = {"HUB_DATA": str(tmp_path / "data"), "HUB_PORT": str(free_port()), "HUB_BASE_IRI": "http://hub.test/"}
    if store_kind == FUSEKI:
        for name in ("kg", "system"):
            with emptied_store(f"{store_url}/{name}"):
                env["HUB_STORE"] = f"{store_url}/kg"
    return env


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Give a function that runs one command and expects an exit code."""

    def run(*arguments: str, code: int = 0, input: str | None = None, **env: str) -> Result:
        result = CliRunner().invoke(main, list(arguments), env=environment | env, input=input)
        assert result.exit_code == code, result.output
        return result

    return run
