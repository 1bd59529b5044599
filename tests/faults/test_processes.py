"""Two hubs over one Fuseki, each with a data folder of its own: what one writes holds for both, and neither needs the other."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from tests.faults.conftest import empty
from tests.support.load import Load, create, created, listed, until
from tests.support.server import RunningHub, running_hub

WRITERS = 50
RUN = "0123456789abcdef0123456789abcdef"
OTHERS_SECONDS = 1.0  # within which another process's write is in a list
REVOKED_SECONDS = 2.0  # within which another process no longer takes a token
Pair = tuple[RunningHub, RunningHub]


@pytest.fixture(scope="module")
def settings(fuseki_url: str) -> dict[str, str]:
    return empty(fuseki_url)


@pytest.fixture(scope="module")
def pair(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_hub(tmp_path_factory.mktemp("a"), **settings) as a, running_hub(tmp_path_factory.mktemp("b"), **settings) as b:
        yield a, b


@pytest.fixture(scope="module")
def administrator(pair: Pair) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair[0].printed('administrator token')}"}


def test_of_fifty_writers_on_one_revision_one_wins(pair: Pair) -> None:
    path = f"/api/models/{created(pair[0], 'contended')}"

    def write(number: int) -> urllib3.BaseHTTPResponse:
        body = {"title": "contended", "version": str(number)}
        return pair[number % 2].request("PUT", path, json=body, headers={"If-Match": '"1-json"'})

    with ThreadPoolExecutor(WRITERS) as threads:
        answers = list(threads.map(write, range(WRITERS)))
    assert Counter(answer.status for answer in answers) == {200: 1, 412: WRITERS - 1}
    winner = next(answer.json() for answer in answers if answer.status == 200)
    for hub in pair:
        assert hub.request("GET", path).json() == winner
        assert [each["revision"] for each in hub.request("GET", f"{path}/history").json()["items"]] == [2, 1]


def test_a_unique_value_is_given_once(pair: Pair) -> None:
    def write(number: int) -> int:
        return create(pair[number % 2], f"run {number}", "runs", mlflow_run_id=RUN).status

    with ThreadPoolExecutor(WRITERS) as threads:
        statuses = Counter(threads.map(write, range(WRITERS)))
    assert statuses == {201: 1, 409: WRITERS - 1}
    for hub in pair:
        until(lambda hub=hub: hub.request("GET", f"/api/runs?mlflow_run_id={RUN}").json()["total"] == 1)  # type: ignore[misc]


def test_a_write_is_in_its_own_list_at_once_and_soon_in_the_other(pair: Pair) -> None:
    taken = []
    for number in range(11):
        mine, other = pair[number % 2], pair[1 - number % 2]
        title = f"seen {number}"
        created(mine, title)
        assert title in listed(mine), "not in its own list"
        taken.append(until(lambda other=other, title=title: title in listed(other)))  # type: ignore[misc]
    assert statistics.median(taken) < OTHERS_SECONDS, taken


def test_a_token_holds_and_ends_for_both(pair: Pair, administrator: dict[str, str]) -> None:
    a, b = pair
    made = a.request("POST", "/api/tokens", json={"name": "for both"}, headers=administrator).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert b.request("GET", "/api/me", headers=bearer).status == 200
    assert a.request("DELETE", f"/api/tokens/{made['id']}", headers=administrator).status == 204
    assert a.request("GET", "/api/me", headers=bearer).status == 401
    assert until(lambda: b.request("GET", "/api/me", headers=bearer).status == 401) < REVOKED_SECONDS + 0.5  # what the last request took


def test_each_goes_on_without_the_other_and_from_nothing(pair: Pair, settings: dict[str, str], tmp_path: Path) -> None:
    """The last test with both: one is killed while it writes; the other and a new one, with an empty folder, have all that it acknowledged."""
    a, b = pair
    with Load(a, writers=1) as load:
        load.wait(10)
        a.kill()
    created(b, "without the other")
    with running_hub(tmp_path, **settings) as fresh:
        for hub in (b, fresh):
            assert "without the other" in listed(hub)
            assert load.acknowledged <= listed(hub, "id")
