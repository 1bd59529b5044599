"""What `docker compose up` starts. No container engine runs where the tests do, so the files are read, not run."""

from __future__ import annotations

import re

import yaml

from server.settings import PREFIX, table
from server.values import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
SERVICES = yaml.safe_load(TEXT)["services"]


def test_hub_fuseki_and_mlflow_have_volumes_and_health_checks() -> None:
    assert set(SERVICES) == {"hub", "fuseki", "mlflow"}
    assert all(service["volumes"] for service in SERVICES.values())
    for name, folder in (("hub", ROOT), ("fuseki", ROOT / "fuseki")):
        assert SERVICES[name]["build"] in (".", "fuseki") and "HEALTHCHECK" in (folder / "Dockerfile").read_text("utf-8")
    assert "healthcheck" in SERVICES["mlflow"]


def test_no_secret_has_a_default() -> None:
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name or "TOKEN" in name:
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{name} would start without being set"


def test_only_the_hub_is_published_and_on_this_machine_alone() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["hub"]
    assert SERVICES["hub"]["ports"] == ["${HUB_PUBLISH:-127.0.0.1:5000}:5000"]


def test_every_variable_of_the_hub_is_a_setting() -> None:
    known = {row.variable for row in table()}
    assert {name for name in SERVICES["hub"]["environment"] if name.startswith(PREFIX)} <= known


def test_images_do_not_run_as_root() -> None:
    for path in (ROOT / "Dockerfile", ROOT / "fuseki" / "Dockerfile"):
        assert re.search(r"^USER (?!root)", path.read_text("utf-8"), re.MULTILINE)
