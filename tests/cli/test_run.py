"""`run`: starting, serving from several processes, stopping gracefully, and refusing to start."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
import urllib3

from server.values import ROOT
from tests.support.server import clean_environment, running_hub, start_hub
from tests.support.stores import FUSEKI, emptied_store


@pytest.fixture
def where(store_kind: str, store_url: str | None) -> dict[str, str]:
    """Give the settings of the store: two processes over a fresh Fuseki, or the embedded one."""
    if store_kind != FUSEKI:
        return {}
    for name in ("kg", "system"):
        with emptied_store(f"{store_url}/{name}"):
            pass
    return {"HUB_STORE": f"{store_url}/kg", "HUB_WORKERS": "2"}


def test_running_requests_end_before_the_hub_does(where: dict[str, str], tmp_path: Path) -> None:
    """Writers and a stream go on until the signal; everything acknowledged is there after the next start, and nothing else."""
    acknowledged: list[str] = []
    refused = threading.Event()
    with running_hub(tmp_path, HUB_ANONYMOUS_ROLE="contributor", HUB_BASE_IRI="http://hub.test/", **where) as hub:
        stream = hub.request("GET", "/api/changes", headers={"Accept": "text/event-stream"}, preload_content=False)
        assert stream.status == 200

        def write() -> None:
            while not refused.is_set():
                try:
                    answer = hub.request("POST", "/api/models", json={"title": "load"})
                except urllib3.exceptions.HTTPError:
                    refused.set()
                    return
                if answer.status == 201:
                    acknowledged.append(answer.json()["id"])

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(1)
        started = time.monotonic()
        assert hub.terminate() == 0
        assert time.monotonic() - started < 15, "the stream held up the stop"
        for writer in writers:
            writer.join(30)
    assert len(acknowledged) > 4
    with running_hub(tmp_path, HUB_BASE_IRI="http://hub.test/", **where) as hub:
        listed = hub.request("GET", "/api/models?limit=1000&fields=id").json()
        assert {item["id"] for item in listed["items"]} >= set(acknowledged)
        assert listed["total"] - len(acknowledged) <= 4, "more than what was under way when the hub stopped"
        assert "administrator" not in hub.output.partition("listens on")[2].rpartition("listens on")[2]


def test_figures_are_those_of_all_processes(where: dict[str, str], tmp_path: Path) -> None:
    with running_hub(tmp_path, **where) as hub:
        for _ in range(30):
            assert hub.request("GET", "/health", headers={"Connection": "close"}).status == 200
        text = hub.request("GET", "/metrics").data.decode()
        assert re.search(r'^hub_request_seconds_count\{method="GET",route="/health",status="200"\} 30\.0$', text, re.MULTILINE), text
        assert "hub_store_seconds_count" in text and "hub_shacl_seconds_count" in text
        lines = [json.loads(line) for line in hub.output.splitlines() if line.startswith("{")]
        assert [line["status"] for line in lines if line.get("route") == "/health"] == [200] * 30
        assert all(line["request"] and line["ms"] >= 0 for line in lines if line["logger"] == "server.access")


def test_a_running_hub_is_backed_up(where: dict[str, str], tmp_path: Path) -> None:
    with running_hub(tmp_path / "data", **where) as hub:
        env = clean_environment(HUB_DATA=str(tmp_path / "data"), HUB_PORT=str(hub.port), **where)
        made = subprocess.run(
            [sys.executable, "-m", "server", "backup", str(tmp_path / "hub.zip")], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
        )
        assert made.returncode == 0, made.stderr
        assert (tmp_path / "hub.zip").stat().st_mode & 0o777 == 0o600
        with zipfile.ZipFile(tmp_path / "hub.zip") as archive:
            assert json.loads(archive.read("manifest.json"))["base_iri"] == f"http://localhost:{hub.port}/"
        assert hub.request("GET", "/backup").status == 401
        assert hub.request("GET", "/backup", headers={"X-Operator-Key": "guess"}).status == 401
        token = hub.printed("administrator token")
        assert hub.request("GET", "/backup", headers={"Authorization": f"Bearer {token}"}).headers["Content-Type"] == "application/zip"


def test_no_credentials_are_logged(where: dict[str, str], tmp_path: Path) -> None:
    with running_hub(tmp_path, HUB_LOG_LEVEL="DEBUG", **where) as hub:
        secrets = [hub.printed("administrator token"), hub.printed("administrator password")]
        hub.request("GET", "/api/me", headers={"Authorization": f"Bearer {secrets[0]}"})
        hub.request("GET", f"/api/me?token={secrets[0]}", headers={"Authorization": "Bearer wrong-secret"})
        hub.request("POST", "/api/tokens", json={"name": "x", "password": secrets[1]}, headers={"Authorization": f"Bearer {secrets[0]}"})
        logged = "".join(line for line in hub.output.splitlines() if line.startswith("{"))
        assert "/api/me" in logged
        assert [secret for secret in (*secrets, "wrong-secret") if secret in logged] == []


def test_a_stop_while_starting_is_heard(where: dict[str, str], tmp_path: Path) -> None:
    """Once the port answers, one process serves and the others may still be loading; none of them may hold up the stop."""
    for attempt in range(3):
        hub = start_hub(tmp_path, HUB_BASE_IRI="http://hub.test/", **where)
        try:
            hub.wait("/health")
            started = time.monotonic()
            hub.terminate()
            assert time.monotonic() - started < 15, attempt
        finally:
            hub.kill()


def ended(tmp_path: Path, **env: str) -> str:
    hub = start_hub(tmp_path, **env)
    try:
        assert hub.process.wait(60) == 1, hub.output
    finally:
        hub.kill()
    return hub.output


def test_a_hub_that_cannot_start_says_why_and_ends(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output = ended(tmp_path / "port", HUB_PORT=str(taken.getsockname()[1]))
    assert re.fullmatch(r"Error: Nothing can listen on 127\.0\.0\.1:\d+ \(Address already in use\); set HUB_HOST and HUB_PORT\.\n", output)
    shapes = tmp_path / "shapes"
    shapes.mkdir()
    (shapes / "broken.ttl").write_text("this is no Turtle")
    output = ended(tmp_path / "shapes-data", HUB_SHAPES=str(shapes))
    assert "broken.ttl" in output and "Traceback" not in output
    output = ended(tmp_path / "store", HUB_STORE="http://127.0.0.1:9/kg", HUB_WORKERS="2")
    assert output.count("Error: ") == 1 and "store" in output and "Traceback" not in output


def test_two_hubs_do_not_share_an_embedded_store(tmp_path: Path) -> None:
    with running_hub(tmp_path):
        assert "open in process" in ended(tmp_path)
