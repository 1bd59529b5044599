"""What the hub builds on, as checks that any store can be put through: the contract of `Store` as code.

The tests run them on every engine that the project knows; `python -m server check-store URL…` runs them on any other. A check
that is required says that the hub must not use this server; one that is advised names a protection that the operator has to give
in another way. The dataset has to be empty, and is empty again afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from server.errors import HubError
from server.store import checks_reading, checks_strangers, checks_writing
from server.store.base import Store
from server.store.checks_common import Unfit

Check = Callable[[Store], None]


@dataclass(frozen=True)
class CheckResult:
    """What came of one check: its promise in one sentence, whether the store keeps it, and what was seen if not."""

    name: str
    promise: str
    required: bool
    passed: bool
    detail: str
    seconds: float


REQUIRED: tuple[Check, ...] = (
    checks_reading.terms_survive,
    checks_reading.numbers_and_times_keep_their_value,
    checks_reading.default_graph_is_the_union,
    checks_reading.unknown_graphs_are_empty,
    checks_reading.exact_numbers_are_found,
    checks_reading.graphs_are_read_whole,
    checks_writing.own_writes_are_seen,
    checks_writing.requests_are_whole,
    checks_writing.readers_see_no_half_request,
    checks_writing.one_writer_wins,
    checks_writing.unique_values_have_one_owner,
    checks_writing.deletion_finds_canonical_values,
    checks_writing.big_updates_are_taken,
    checks_writing.loads_are_whole,
    checks_writing.dump_and_restore_agree,
    checks_strangers.wrong_text_is_refused,
    checks_strangers.answers_come_in_every_type,
    checks_strangers.datasets_of_the_protocol_hold,
    checks_strangers.long_answers_are_ended,
    checks_strangers.slow_queries_are_ended,
)
ADVISED: tuple[Check, ...] = (
    checks_reading.union_has_no_duplicates,
    checks_writing.decimals_of_any_spelling_go,
    checks_strangers.service_stays_inside,
    checks_strangers.load_stays_inside,
)


def run_checks(store: Store) -> Iterator[CheckResult]:
    """Run every check on an empty dataset, one after another, and tell what came of each as soon as it is known."""
    first = _run(store, checks_reading.dataset_is_empty, True)
    yield first
    if not first.passed:
        return  # what others keep in there must not be touched
    for required, checks in ((True, REQUIRED), (False, ADVISED)):
        for check in checks:
            yield _run(store, check, required)
            store.update("DROP ALL")


def fit(results: list[CheckResult]) -> bool:
    """Tell whether the hub may use the store."""
    return all(result.passed for result in results if result.required)


def _run(store: Store, check: Check, required: bool) -> CheckResult:
    started = time.monotonic()
    try:
        check(store)
        problem = ""
    except (Unfit, HubError, ValueError) as error:
        problem = str(error) or type(error).__name__
    name = check.__name__.replace("_", "-")
    return CheckResult(name, (check.__doc__ or "").strip(), required, not problem, problem, time.monotonic() - started)
