"""The real MLflow server of the test session, with the model of the demonstration logged in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.processes import QUIET, mlflow_server
from demo.training import Trained
from server.values import ROOT


@dataclass(frozen=True)
class Tracking:
    """A running tracking server and what was logged there."""

    url: str
    trained: Trained


@pytest.fixture(scope="session")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    """Run one tracking server for the session; the training runs in a process of its own, for it brings its own threads and warnings."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield Tracking(url, _trained(url))


def _trained(url: str) -> Trained:
    script = "import sys, json, dataclasses; from demo.training import train; print(json.dumps(dataclasses.asdict(train(sys.argv[1]))))"
    ran = subprocess.run([sys.executable, "-c", script, url], cwd=ROOT, env=os.environ | QUIET, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    return Trained(**json.loads(ran.stdout.splitlines()[-1]))
