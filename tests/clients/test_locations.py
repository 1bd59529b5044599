"""Every form in which MLflow says where a model lies."""

from __future__ import annotations

from typing import Any

import pytest

from server.clients.locations import Location
from server.errors import Malformed

RUN, MODEL = "2c8c2fc3fefe4c56a29ac325c0bac39c", "m-0f3e5c3d7a9b4a0d8e6b1c2d3e4f5a6b"
FORMS: dict[str, dict[str, Any]] = {
    f"mlflow-artifacts:/208444466607110357/{RUN}/artifacts/knnmodel": {"experiment": "208444466607110357", "run": RUN, "name": "knnmodel"},
    f"mlflow-artifacts:/1/{RUN}/artifacts/models/knn.v1.2/": {"experiment": "1", "run": RUN, "name": "models/knn.v1.2"},
    f"mlflow-artifacts:/1/{RUN}/artifacts/two words": {"experiment": "1", "run": RUN, "name": "two words"},
    f"mlflow-artifacts:/1/models/{MODEL}/artifacts": {"experiment": "1", "model": MODEL},
    f"mlflow-artifacts:/1/models/{MODEL}/artifacts/": {"experiment": "1", "model": MODEL},
    f"mlflow-artifacts:/1/models/{MODEL}/artifacts/data": {"experiment": "1", "model": MODEL, "name": "data"},
    f"runs:/{RUN}/model": {"run": RUN, "name": "model"},
    f"runs:/{RUN}/a/b": {"run": RUN, "name": "a/b"},
    f"models:/{MODEL}": {"model": MODEL},
    "models:/iris classifier/12": {"name": "iris classifier", "version": "12"},
    "models:/iris/latest": {"name": "iris", "stage": "latest"},
    "models:/iris/Production": {"name": "iris", "stage": "Production"},
    "models:/iris@champion": {"name": "iris", "alias": "champion"},
    "s3://bucket/path/to/model": {},
    "https://models.example.org/iris.zip": {},
    "dbfs:/models/iris": {},
}


@pytest.mark.parametrize(("text", "members"), FORMS.items(), ids=FORMS)
def test_each_form_is_understood(text: str, members: dict[str, Any]) -> None:
    location = Location.parse(text)
    assert location == Location(text, **members)
    assert location.opaque == (members == {})


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "model", "/etc/passwd", "mlflow-artifacts:/abc", f"mlflow-artifacts:/1/{RUN}", f"mlflow-artifacts:/1/{RUN}/artifacts",
        f"mlflow-artifacts:/1/{RUN}/artifacts/", f"mlflow-artifacts:/x/{RUN}/artifacts/m", f"mlflow-artifacts:/1/{RUN}/artifacts/../../x",
        f"mlflow-artifacts:/1/{RUN}/artifacts/a/..",
        f"mlflow-artifacts:/1/{RUN}/artifacts/%2e%2e/x", f"mlflow-artifacts:/1/{RUN}/artifacts/a%2F..%2Fb",
        f"mlflow-artifacts:/1/{RUN}/artifacts/a\\..\\b", f"mlflow-artifacts:/1/../{RUN}/artifacts/m",
        f"runs:/{RUN}", "runs:/../model", "models:/",
        "models:/iris",        "models:/iris/next", "models:/iris@", "models:/m-123", "s3://bucket/../other", "s3://bucket/two words",
        "javascript:alert(1)",
        f"mlflow-artifacts:/1/{RUN}/artifacts/m\n", f"mlflow-artifacts:/1/{RUN}/artifacts/m\0", "mlflow-artifacts:/１/run/artifacts/m",
    ],
)  # fmt: skip
def test_what_is_no_location_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(Malformed, match="mlflow-artifacts:/<experiment>/<run>/artifacts/<name>") as error:
        Location.parse(text, "/path")
    assert [fault.pointer for fault in error.value.faults] == ["/path"]
