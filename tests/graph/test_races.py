"""Many writers at once, on both stores: one winner a revision, no number twice, no condition that holds only nearly."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from pyoxigraph import Literal, Triple

from server.errors import AlreadyExists, DoesNotConform, HubError, InUse, RevisionMismatch
from server.graph.changes import DELETE, Change, Reference, Unique, now
from server.graph.history import History
from server.graph.vocabulary import DCT
from server.store.base import Store
from tests.graph.changes import NAMES, TOY_CLASS, create, document, revised, titled


@pytest.fixture
def history(store: Store) -> History:
    """Begin a change log."""
    begun = History(store, NAMES)
    begun.prepare()
    return begun


def race(writes: Sequence[Callable[[], object]]) -> list[object]:
    """Run all at once, each in a thread of its own; return what each returned or raised."""
    outcomes: list[object] = [None] * len(writes)
    start = threading.Barrier(len(writes))

    def run(place: int) -> None:
        start.wait()
        try:
            outcomes[place] = writes[place]()
        except HubError as error:
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(writes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def commit(history: History, change: Change, *, bulk: bool = False) -> Callable[[], int]:
    """Write one change, by a connection that other writers share."""
    writer = History(history.store, NAMES)
    return lambda: (writer.commit_new if bulk else writer.commit)([change], None, now())


def kinds(outcomes: Sequence[object]) -> Counter[str]:
    return Counter(type(each).__name__ for each in outcomes)


def whole(history: History, last: int) -> None:
    """Assert that the log is gapless to its end and each change in it is the head of its document or before it."""
    assert history.last() == last
    entries = history.changes(1, last + 5)
    assert [each.sequence for each in entries] == list(range(1, last + 1))
    for name in {each.document for each in entries}:
        revisions = history.revisions(name)
        assert [each.revision for each in revisions] == list(range(len(revisions), 0, -1))
        head = history.head(name)
        assert head is not None and head.revision == len(revisions)
        assert (head.action == DELETE) == (not history.store.graph(name))


def test_fifty_writers_on_one_revision_have_one_winner(history: History) -> None:
    first = create(1, titled(1, "one"))
    history.commit([first], None, now())
    changes = [revised(first, titled(1, f"by {number}")) for number in range(50)]
    outcomes = race([commit(history, change) for change in changes])
    assert kinds(outcomes) == {"int": 1, "RevisionMismatch": 49}
    assert all(each.members["current"] == 2 for each in outcomes if isinstance(each, RevisionMismatch))
    winner = next(place for place, each in enumerate(outcomes) if each == 2)
    assert frozenset(history.store.graph(document(first))) == changes[winner].after
    whole(history, 2)


def test_numbers_have_no_gap_under_sixteen_writers(history: History) -> None:
    changes = [create(number, titled(number, "x")) for number in range(1, 65)]

    def several(mine: Sequence[Change], bulk: bool) -> Callable[[], list[int]]:
        return lambda: [commit(history, each, bulk=bulk)() for each in mine]

    outcomes = race([several(changes[place::16], place % 2 == 0) for place in range(16)])
    numbers = sorted(number for each in outcomes if isinstance(each, list) for number in each)
    assert numbers == list(range(1, 65)), kinds(outcomes)
    whole(history, 64)


@pytest.mark.parametrize("bulk", [False, True])
def test_one_id_is_created_once(history: History, bulk: bool) -> None:
    outcomes = race([commit(history, create(1, titled(1, f"by {number}")), bulk=bulk or number % 2 == 0) for number in range(12)])
    assert kinds(outcomes) == {"int": 1, "AlreadyExists": 11}
    whole(history, 1)


def test_a_unique_value_is_given_once(history: History) -> None:
    unique = Unique(TOY_CLASS, DCT.identifier, Literal("A"), "serial")
    changes = [create(number, Triple(create(number).thing, DCT.identifier, Literal("A")), unique=(unique,)) for number in range(1, 13)]
    outcomes = race([commit(history, change, bulk=change.id.endswith("2")) for change in changes])
    assert kinds(outcomes) == {"int": 1, "AlreadyExists": 11}
    whole(history, 1)


def test_a_deletion_and_a_new_reference_do_not_both_win(history: History) -> None:
    last = 0
    for round_ in range(6):
        target, referring = create(100 + round_, titled(100 + round_, "target")), 200 + round_
        history.commit([target], None, now())
        reference = Reference(target.thing, document(target), TOY_CLASS)
        link = Triple(create(referring).thing, DCT.relation, target.thing)
        outcomes = race(
            [
                commit(history, dataclasses.replace(revised(target), action=DELETE, guard_referrers=True)),
                commit(history, create(referring, link, references=(reference,)), bulk=round_ % 2 == 0),
            ]
        )
        assert sorted(kinds(outcomes)) in (["DoesNotConform", "int"], ["InUse", "int"])
        assert isinstance(outcomes[0], InUse) or isinstance(outcomes[1], DoesNotConform)
        last += 2
    whole(history, last)


def test_two_streams_take_different_numbers(history: History) -> None:
    streams = [[create(1000 * place + number, titled(1000 * place + number, "x")) for number in range(40)] for place in range(1, 5)]
    outcomes = race([(lambda mine=mine: History(history.store, NAMES).commit_new(mine, None, now())) for mine in streams])  # type: ignore[misc]
    assert sorted(each for each in outcomes if isinstance(each, int)) == [1, 41, 81, 121], kinds(outcomes)
    whole(history, 160)


def test_a_stream_that_conflicts_leaves_nothing(history: History) -> None:
    history.commit([create(7, titled(7, "first"))], None, now())
    with pytest.raises(AlreadyExists):
        history.commit_new([create(number, titled(number, "x")) for number in range(5, 9)], None, now())
    whole(history, 1)
    assert all(history.head(document(create(number))) is None for number in (5, 6, 8))
