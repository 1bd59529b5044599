"""What the tests of the ontologies share: the ontologies themselves, the published facts about the originals, and Java where it must be there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from server.graph.ontology import FOLDER, Ontologies

PROJECT = FOLDER.parent
SHARED = PROJECT.parent / "shared"


@pytest.fixture(scope="session")
def ontologies() -> Ontologies:
    return Ontologies.load()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of reference material, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the reference material lies beside a development checkout only")
    return SHARED


@pytest.fixture(scope="session")
def java() -> str:
    """Give the Java that the reasoner runs on; where everything must be tested its absence fails."""
    if found := shutil.which("java"):
        return found
    if os.environ.get("CI"):
        pytest.fail("the reasoner's tests need Java")
    pytest.skip("no Java on this machine")
