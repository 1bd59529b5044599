"""A page costs about the same whatever the number of things; generous bounds, because others use the machine too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from server.index.index import Index
from server.index.rows import Search
from tests.index.samples import LICENSES, eq, row

FEW, MANY = 1_000, 20_000


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Index]]:
    folder: Path = tmp_path_factory.mktemp("speed")
    found = {}
    for size in (FEW, MANY):
        found[size] = Index(folder / str(size))
        found[size].rebuild((row(number, text={3: f"title{number % (size // 20)} iris"}) for number in range(size)), 1, "store")
    yield found
    for index in found.values():
        index.close()


def _typical(call: Callable[[], object]) -> float:
    times = []
    for _ in range(60):
        begun = time.thread_time()  # of this thread alone: what else runs on the machine does not count
        call()
        times.append(time.thread_time() - begun)
    return statistics.median(times)


@pytest.mark.parametrize(
    "search",
    [
        Search(),
        Search(sort=(("title", False),)),
        Search(filters=(eq("license", LICENSES[0]),)),
        Search(filters=(eq("keywords", "iris"),)),
        Search(q="title7"),
        Search(q="iris"),
    ],
    ids=str,
)
def test_a_page_does_not_grow_with_the_catalogue(indexes: dict[int, Index], search: Search) -> None:
    few, many = (_typical(lambda size=size: indexes[size].page("models", search)) for size in (FEW, MANY))  # type: ignore[misc]
    assert many < 3 * few + 0.0005, f"{few * 1000:.3f} ms for {FEW}, {many * 1000:.3f} ms for {MANY}"


def test_kept_facets_do_not_grow_either(indexes: dict[int, Index]) -> None:
    few, many = (_typical(lambda size=size: indexes[size].facets("models", ["license", "keywords"], Search())) for size in (FEW, MANY))  # type: ignore[misc]
    assert many < 3 * few + 0.0005


def test_a_row_is_applied_quickly(indexes: dict[int, Index]) -> None:
    index, numbers = indexes[MANY], count(1)

    def write() -> None:
        at = next(numbers)
        index.apply([row(at * 37 % MANY, at + 1, title=f"changed {at}")], at + 1, at)

    assert _typical(write) < 0.002


def test_many_rows_are_applied_quickly(tmp_path: Path) -> None:
    index = Index(tmp_path)
    rows = [row(number) for number in range(5_000)]
    begun = time.thread_time()
    index.apply(rows, 1, 0)
    assert 5_000 / (time.thread_time() - begun) > 2_500
    index.close()
