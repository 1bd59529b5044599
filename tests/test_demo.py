"""The demonstration goes through the main job on the real MLflow, and fails where an answer is not as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.__main__ import said, tour
from demo.calls import Calls, Unexpected
from demo.processes import NotStarted, hub
from tests.support.mlflow import Tracking


def test_the_tour_goes_through_and_prints_each_call_and_answer(tracking: Tracking, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hub(tmp_path, HUB_MLFLOW_URI=tracking.url) as url:
        tour(Calls(url), tracking.trained)
    printed = capsys.readouterr().out
    for call in ("POST {}/api/users/register", "POST {}/api/ml_models/add_model", "GET {}/api/ml_models/generate_semantics/", "POST {}/sparql"):
        assert call.format(url) in printed
    assert printed.count("→ 20") == 12


def test_an_answer_that_is_not_as_it_should_be_is_an_error(tmp_path: Path) -> None:
    with hub(tmp_path) as url, pytest.raises(Unexpected, match="answered 404 and not 200"):
        Calls(url).json("Nothing", "GET", "/nothing", 200)


def test_a_server_that_does_not_start_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(NotStarted, match="HUB_NOTHING"), hub(tmp_path, HUB_NOTHING="x"):
        pass
    assert "HUB_NOTHING" in said(tmp_path / "server.log") and said(tmp_path / "other.log") == ""
