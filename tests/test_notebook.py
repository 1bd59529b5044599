"""The notebook of the documentation runs as it is, in a kernel of its own, against a running hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import nbformat
import pytest
from nbclient import NotebookClient

from server.values import ROOT
from tests.faults.conftest import empty
from tests.support.server import RunningHub, running_hub


@pytest.fixture
def hub(store_kind: str, store_url: str | None, tmp_path: Path) -> Iterator[RunningHub]:
    settings = {name: value for name, value in empty(store_url).items() if name != "HUB_BASE_IRI"} if store_url else {}  # IRIs lead to this hub
    with running_hub(tmp_path, arguments=["--sample"], **settings) as running:
        yield running


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output["text"] for output in cell.get("outputs", ()) if output["output_type"] == "stream" and output["name"] == "stdout")


def test_the_notebook_finds_what_the_sample_catalogue_has(hub: RunningHub) -> None:
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook is kept without what it printed"
    with mock.patch.dict(os.environ, {"HUB_URL": hub.url, "PYTHONWARNINGS": ""}):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    models, queries, best, thing, lineage, runs = [printed(cell) for cell in notebook.cells if cell.cell_type == "code"][1:]
    total = hub.request("GET", "/api/models?limit=1").json()["total"]
    assert len(models.splitlines()) >= total > 0
    assert "models-by-metric - Models by the value of a metric" in queries and "lineage - " in queries
    values = [float(line.rpartition(" ")[2]) for line in best.splitlines()]
    assert values and values == sorted(values)
    assert int(thing.split()[0]) > 5 and lineage.strip()
    assert runs == f"{hub.request('GET', '/api/runs?limit=1').json()['total']} runs\n"
