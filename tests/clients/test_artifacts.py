"""Files of runs and models, and what they say of the environment."""

from __future__ import annotations

import pytest

from server.clients.artifacts import Artifact, conda, requirements, walk
from server.clients.http import Outbound
from server.clients.mlflow import MLflow
from server.errors import Forbidden, NotFound, UpstreamUnavailable
from tests.support.recorded import said
from tests.support.standin import Said, standing_in


def test_packages_are_named_with_their_versions_and_without_addresses() -> None:
    text = b"""mlflow==3.17.2
scikit-learn[extra] === 1.9.1 ; python_version > "3.8"  # comment
numpy>=2
--find-links https://me:secret@host/simple
git+https://token@host/x.git
./local/wheel.whl
private @ file:///home/alice/x
# nothing
"""
    assert requirements(text) == ("mlflow 3.17.2", "scikit-learn 1.9.1", "numpy", "private")
    assert requirements(b"\xff\xfe=\x00") == () and len(requirements(b"a\n" * 5000)) == 500


def test_a_list_for_conda_is_read_alike() -> None:
    text = b"name: e\nchannels: [conda-forge]\ndependencies:\n- python=3.11.7\n- pip<=24\n- pip: [mlflow==3.17.2, 'x @ https://u:p@h', 7]\n- 3\n"
    assert conda(text) == ("python 3.11.7", "pip", "mlflow 3.17.2", "x")
    for nothing in (b"a: [", b"- list", b"dependencies: x", b"", b"[" * 5000):
        assert conda(nothing) == ()


def test_folders_are_looked_into_but_not_without_an_end() -> None:
    tree = {"": [Artifact("b", folder=True), Artifact("a.txt", 3)], "b": [Artifact("b/c", 1), Artifact("b", folder=True)]}
    asked: list[str] = []
    assert walk(lambda folder: asked.append(folder) or tree[folder]) == (Artifact("a.txt", 3), Artifact("b/c", 1))  # type: ignore[func-returns-value]
    assert asked == ["", "b"]
    assert len(walk(lambda folder: [Artifact(f"{folder}/{each}", folder=each % 2 == 0) for each in range(300)])) == 1000
    deep = walk(lambda folder: [Artifact(f"{folder}/x", folder=True), Artifact(f"{folder}/file")])
    assert 1 < len(deep) <= 50
    assert Artifact.read({"path": "x", "file_size": -1}) == Artifact("x") and Artifact.read({"path": "x", "is_dir": True}).folder


def test_packages_are_looked_up_in_one_file_and_then_in_the_other() -> None:
    def answers(path: str) -> Said:
        return Said(b"dependencies: [python=3.9]") if "conda.yaml" in path else said({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)

    with standing_in(answers) as server:
        assert MLflow(server.url).environment("mlflow-artifacts:/1/run/artifacts/model") == ("python 3.9",)
        assert MLflow(server.url).environment("s3://bucket/model") == () and len(server.paths) == 2


def test_a_name_that_no_filter_can_hold_is_read_by_its_newest_versions() -> None:
    registered = {"registered_model": {"name": "x", "latest_versions": [{"name": "x", "version": "3"}]}}
    with standing_in(lambda path: said(registered)) as server:
        assert [each.version for each in MLflow(server.url).model_versions("both ' and \"")] == ["3"]


def test_a_view_for_somebody_shows_what_they_may_see_and_never_the_hub_s_credentials() -> None:
    with standing_in(lambda path: Said(b"{}", 403)) as server:
        theirs = MLflow(server.url, token="hubs").acting_for("Basic dTpw")
        with pytest.raises(Forbidden, match="does not let you read run 1"):
            theirs.within(5).run("1")
        with pytest.raises(UpstreamUnavailable, match="refuses the hub's credentials"):
            MLflow(server.url, token="hubs").run("1")
    assert [each["Authorization"] for each in server.headers] == ["Basic dTpw", "Bearer hubs"]


def test_a_name_that_cannot_be_one_is_not_there() -> None:
    with (
        standing_in(lambda path: said({"error_code": "INVALID_PARAMETER_VALUE"}, 400)) as server,
        pytest.raises(NotFound, match="no name or id there"),
    ):
        MLflow(server.url).registered_model('a/b"c')


def test_what_is_posted_is_sent_as_json_and_never_led_elsewhere() -> None:
    with standing_in(lambda path: Said(b"{}")) as server:
        assert Outbound("Thing", server.url).post("x", {"a": "é"}).status == 200
        assert server.bodies == ['{"a":"é"}'.encode()] and server.headers[0]["Content-Type"] == "application/json"
    with (
        standing_in(lambda path: Said(b"", 302, {"Location": "/y"})) as server,
        pytest.raises(UpstreamUnavailable, match="redirects what is posted"),
    ):
        Outbound("Thing", server.url).post("x", {})
