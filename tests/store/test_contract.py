"""Every engine that the project knows keeps the contract, and what is unfit is found out and named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.store.base import Store
from server.store.checks import ADVISED, REQUIRED, Check, CheckResult, fit, run_checks
from server.store.checks_common import Unfit
from server.store.checks_writing import one_writer_wins
from server.store.remote import RemoteStore
from tests.support.fuseki import FUSEKI_SECONDS
from tests.support.oxigraph import running_oxigraph
from tests.support.stores import EMBEDDED, FUSEKI, fresh_store

OXIGRAPH = "oxigraph"

# What an engine is known not to protect from, so that the hub has to; an entry that is no longer true fails here too.
KNOWN = {
    EMBEDDED: {"union_has_no_duplicates", "load_stays_inside"},
    FUSEKI: {"decimals_of_any_spelling_go", "load_stays_inside"},
    OXIGRAPH: {"union_has_no_duplicates", "service_stays_inside", "load_stays_inside"},
}


@pytest.fixture(scope="module")
def oxigraph_url() -> Iterator[str]:
    with running_oxigraph() as server:
        yield server.url


@pytest.fixture(params=[EMBEDDED, FUSEKI, OXIGRAPH])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Store]]:
    kind: str = request.param
    if kind == OXIGRAPH:
        url = request.getfixturevalue("oxigraph_url")
        store = RemoteStore(f"{url}/query", f"{url}/update", f"{url}/store")
        store.update("DROP ALL")
        yield kind, store
        store.close()
    else:
        with fresh_store(kind, "kg", tmp_path, request.getfixturevalue("fuseki_url") if kind == FUSEKI else None) as fresh:
            yield kind, fresh


@pytest.mark.parametrize("check", REQUIRED, ids=lambda check: check.__name__)
@pytest.mark.timeout(FUSEKI_SECONDS)
def test_keeps(engine: tuple[str, Store], check: Check) -> None:
    check(engine[1])


@pytest.mark.parametrize("check", ADVISED, ids=lambda check: check.__name__)
def test_protects_or_is_known_not_to(engine: tuple[str, Store], check: Check) -> None:
    kind, store = engine
    try:
        check(store)
    except Unfit:
        assert check.__name__ in KNOWN[kind]
    else:
        assert check.__name__ not in KNOWN[kind]


def names(results: list[CheckResult]) -> set[str]:
    return {result.name for result in results if result.required and not result.passed}


def test_a_run_tells_about_every_check_and_leaves_the_dataset_empty() -> None:
    with running_oxigraph() as server:
        store = server.store()
        results = list(run_checks(store))
        assert len({result.name for result in results}) == len(results) == 1 + len(REQUIRED) + len(ADVISED)
        assert fit(results)
        assert all(result.promise.endswith(".") and bool(result.detail) != result.passed for result in results)
        assert list(store.dump()) == []
        store.close()


def test_a_dataset_with_statements_is_not_touched(store: Store) -> None:
    store.update("INSERT DATA { GRAPH <urn:g> { <urn:s> <urn:p> 1 } }")
    results = list(run_checks(store))
    assert names(results) == {"dataset-is-empty"}
    assert not fit(results)
    assert len(list(store.dump())) == 1


def test_a_server_without_the_union_is_unfit() -> None:
    with running_oxigraph(union=False) as server:
        store = server.store()
        results = list(run_checks(store))
        assert "default-graph-is-the-union" in names(results)
        assert not fit(results)
        store.close()


def test_a_replica_that_does_not_follow_is_unfit() -> None:
    with running_oxigraph() as primary, running_oxigraph() as replica:
        store = RemoteStore(f"{replica.url}/query", f"{primary.url}/update", f"{primary.url}/store")
        assert "own-writes-are-seen" in names(list(run_checks(store)))
        store.close()


def test_a_server_where_two_writers_win_is_unfit(tmp_path: Path) -> None:
    """Oxigraph on a folder lets writers work on the same state, and does not see that they change the same statements."""
    with running_oxigraph(tmp_path) as server:
        store = server.store()
        for _ in range(20):
            store.update("DROP ALL")
            try:
                one_writer_wins(store)
            except Unfit as unfit:
                assert "writers won" in str(unfit)
                break
        else:
            pytest.fail("two writers never won: this engine may have become fit, and the documentation has to say so")
        store.close()


class OneByOne:
    """A real store behind something that sends the operations of a request one by one, as some gateways do."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def update(self, sparql: str) -> None:
        for operation in sparql.split(" ;\n" if " ;\n" in sparql else " ; "):
            self.store.update(operation)


def test_a_store_that_splits_requests_is_unfit(tmp_path: Path) -> None:
    with fresh_store(EMBEDDED, "kg", tmp_path, None) as store:
        found = names(list(run_checks(OneByOne(store))))  # type: ignore[arg-type]  # passes everything on
    assert {"requests-are-whole", "readers-see-no-half-request"} <= found


def test_a_store_that_is_down_is_unfit() -> None:
    store = RemoteStore.at("http://127.0.0.1:9/kg")
    results = list(run_checks(store))
    assert [result.name for result in results] == ["dataset-is-empty"]
    assert "cannot be reached" in results[0].detail
    store.close()
