"""Two hubs over one Fuseki, each with a data folder of its own: what one writes holds for both, and neither needs the other."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from tests.support.server import RunningHub, running_hub
from tests.support.stores import emptied_store

WRITERS = 50
OTHERS_SECONDS = 1.0  # within which another process's write is in a list
REVOKED_SECONDS = 2.0  # within which another process no longer takes a token
Pair = tuple[RunningHub, RunningHub]


@pytest.fixture(scope="module")
def settings(fuseki_url: str) -> dict[str, str]:
    for name in ("kg", "system"):
        with emptied_store(f"{fuseki_url}/{name}"):
            pass
    return {"HUB_STORE": f"{fuseki_url}/kg", "HUB_BASE_IRI": "http://hub.test/", "HUB_WORKERS": "1", "HUB_ANONYMOUS_ROLE": "contributor"}


@pytest.fixture(scope="module")
def pair(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_hub(tmp_path_factory.mktemp("a"), **settings) as a, running_hub(tmp_path_factory.mktemp("b"), **settings) as b:
        yield a, b


@pytest.fixture(scope="module")
def administrator(pair: Pair) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair[0].printed('administrator token')}"}


def create(hub: RunningHub, title: str, collection: str = "models", **members: object) -> urllib3.BaseHTTPResponse:
    return hub.request("POST", f"/api/{collection}", json={"title": title, **members})


def listed(hub: RunningHub, title: str) -> bool:
    return any(item["title"] == title for item in hub.request("GET", "/api/models?limit=100&sort=-modified&fields=title").json()["items"])


def seconds_until(true: Callable[[], bool], most: float = 20.0) -> float:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + most, "it does not come"
        time.sleep(0.02)
    return time.monotonic() - begun


def test_of_fifty_writers_on_one_revision_one_wins(pair: Pair) -> None:
    path = f"/api/models/{create(pair[0], 'contended').json()['id']}"

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
        return create(pair[number % 2], f"run {number}", "runs", mlflow_run_id="0123456789abcdef0123456789abcdef").status

    with ThreadPoolExecutor(WRITERS) as threads:
        statuses = Counter(threads.map(write, range(WRITERS)))
    assert statuses == {201: 1, 409: WRITERS - 1}
    for hub in pair:
        seconds_until(lambda hub=hub: hub.request("GET", "/api/runs?mlflow_run_id=0123456789abcdef0123456789abcdef").json()["total"] == 1)  # type: ignore[misc]


def test_a_write_is_in_its_own_list_at_once_and_soon_in_the_other(pair: Pair) -> None:
    taken = []
    for number in range(11):
        mine, other = pair[number % 2], pair[1 - number % 2]
        assert create(mine, f"seen {number}").status == 201
        assert listed(mine, f"seen {number}"), "not in its own list"
        taken.append(seconds_until(lambda other=other, number=number: listed(other, f"seen {number}")))  # type: ignore[misc]
    assert statistics.median(taken) < OTHERS_SECONDS, taken


def test_a_token_holds_and_ends_for_both(pair: Pair, administrator: dict[str, str]) -> None:
    a, b = pair
    made = a.request("POST", "/api/tokens", json={"name": "for both"}, headers=administrator).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert b.request("GET", "/api/me", headers=bearer).status == 200
    assert a.request("DELETE", f"/api/tokens/{made['id']}", headers=administrator).status == 204
    assert a.request("GET", "/api/me", headers=bearer).status == 401
    assert seconds_until(lambda: b.request("GET", "/api/me", headers=bearer).status == 401) < REVOKED_SECONDS + 0.5  # what the last request took


def test_each_goes_on_without_the_other_and_from_nothing(pair: Pair, settings: dict[str, str], tmp_path: Path) -> None:
    """The last test with both: one is killed while it writes; the other and a new one, with an empty folder, have all that it acknowledged."""
    a, b = pair
    acknowledged: list[str] = []

    def write() -> None:
        try:
            while True:
                if (answer := create(a, f"last words {len(acknowledged)}")).status == 201:
                    acknowledged.append(answer.json()["id"])
        except urllib3.exceptions.HTTPError:
            return

    with ThreadPoolExecutor(1) as threads:
        threads.submit(write)
        seconds_until(lambda: len(acknowledged) > 10)
        a.kill()
    assert create(b, "without the other").status == 201
    with running_hub(tmp_path, **settings) as fresh:
        for hub in (b, fresh):
            assert listed(hub, "without the other")
            found = {item["id"] for item in hub.request("GET", "/api/models?limit=1000&fields=id").json()["items"]}
            assert set(acknowledged) <= found
