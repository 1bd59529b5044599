"""The calls that the README of the CORDS service prints work as printed, with the real curl against a hub process.

Its address was blanked out there; the Basic header still holds one. The last call announces 224 bytes and sends fewer, as printed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.server import RunningHub, running_hub

REGISTER = """curl -X POST http://localhost:5000/api/users/register \\
-H "Content-Type: application/json" \\
-H "User-Agent: PostmanRuntime/7.39.0" \\
-H "Accept: */*" \\
-H "Cache-Control: no-cache" \\
-H "Host: localhost:5000" \\
-H "Accept-Encoding: gzip, deflate, br" \\
-d '{
"email": "tharindu.prf@gmail.com",
"password": "password123",
"first_name": "Tharindu",
"last_name": "Ranathunga",
"role": "ML Engineer"
}'"""
TOKEN = """curl -X POST http://localhost:5000/api/users/get-auth-token \\
-H 'Authorization: Basic dGhhcmluZHUucHJmQGdtYWlsLmNvbTpwYXNzd29yZDEyMw==' \\
-H 'User-Agent: PostmanRuntime/7.39.0' \\
-H 'Accept: */*' \\
-H 'Cache-Control: no-cache' \\
-H 'Host: localhost:5000' \\
-H 'Accept-Encoding: gzip, deflate, br' \\
-H 'Connection: keep-alive' \\
-H 'Content-Length: 0'"""
ADD = """curl -X POST http://localhost:5000/api/ml_models/add_model \\
-H 'Content-Type: application/json' \\
-H 'Authorization: Bearer LNUDU7YPEeYPcXPXqZPF8jDEiFrVnFmwLTbwYwzxrF8' \\
-H 'User-Agent: PostmanRuntime/7.39.0' \\
-H 'Accept: */*' \\
-H 'Cache-Control: no-cache' \\
-H 'Host: localhost:5000' \\
-H 'Accept-Encoding: gzip, deflate, br' \\
-H 'Connection: keep-alive' \\
-H 'Content-Length: 224' \\
-d '{
"name": "Test Model 1",
"version": "1.0",
"description": "This model is a test model",
"ml_flow_model_path": "mlflow-artifacts:/208444466607110357/2c8c2fc3fefe4c56a29ac325c0bac39c/artifacts/knnmodel"
}'"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("printed")) as running:
        yield running


def ran(hub: RunningHub, call: str) -> tuple[int, dict[str, str]]:
    """Run a printed call against the hub's own port and give status and body."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    told = call.replace("localhost:5000", f"localhost:{hub.port}").replace("curl ", "curl -sS -m 30 -w '\\n%{http_code}' ", 1)
    done = subprocess.run(["bash", "-c", told], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_registering_logging_in_and_adding_a_model_work_as_printed(hub: RunningHub) -> None:
    assert ran(hub, REGISTER)[0] == 201
    status, answer = ran(hub, TOKEN)
    assert status == 200
    add = ADD.replace("LNUDU7YPEeYPcXPXqZPF8jDEiFrVnFmwLTbwYwzxrF8", answer["token"])
    status, model = ran(hub, add)
    assert status == 201 and model["name"] == "Test Model 1"
    assert ran(hub, ADD)[0] == 401


def test_a_body_that_is_longer_than_announced_is_refused_and_not_waited_for(hub: RunningHub) -> None:
    status, answer = ran(hub, REGISTER.replace("-d ", "-H 'Content-Length: 20' -d "))
    assert status == 400 and "_schema" in answer["messages"]["json"]  # type: ignore[index]
    assert hub.request("GET", "/health").status == 200
