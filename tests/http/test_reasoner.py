"""The reasoner over HTTP: for curators, with what it looked at."""

from __future__ import annotations

import shutil

import pytest
from flask.testing import FlaskClient


@pytest.mark.skipif(shutil.which("java") is None, reason="HermiT needs Java")
def test_a_curator_asks_whether_a_thing_can_be_true(client: FlaskClient, curator: dict[str, str]) -> None:
    made = client.post("/api/toys", json={"title": "ball"}).headers["Location"]
    assert client.get(f"{made}/reasoning").status_code == 401
    answer = client.get(f"{made}/reasoning", headers=curator)
    assert answer.json == {"consistent": True, "contradictions": [], "considered": [made], "truncated": False}
