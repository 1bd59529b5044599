"""Values are kept so that SQLite compares them rightly, and come back as they were."""

from __future__ import annotations

import math

import pytest

from server.index.values import LONGEST, MISSING, ceiling, clean, shown, sortable, stored


@pytest.mark.parametrize(
    "value", ["MIT", "", "2026", "2026-02-30", "0026-01-01", True, False, 0, 1, -5, 2**63 - 1, 0.5, -1e300, math.inf, "x\u202ey", "🙂"]
)
def test_a_term_comes_back_as_it_was(value: str | float | bool) -> None:
    kept = stored(value)
    assert kept is not None
    assert shown(kept) == value and type(shown(kept)) is type(value)


@pytest.mark.parametrize(
    ("instant", "canonical"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.500Z", "2026-01-01T00:00:00.5Z"),
        ("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"),
        ("2026-99-99T00:00:00+01:00", "2026-99-99T00:00:00+01:00"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
    ],
)
def test_points_in_time_are_kept_in_utc(instant: str, canonical: str) -> None:
    kept = stored(instant)
    assert kept is not None
    assert shown(kept) == canonical


def test_points_in_time_sort_by_time() -> None:
    in_order = ["2025-12-31T23:59:59Z", "2026-01-01T00:30:00+00:30", "2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00.01Z", "2026-01-01T00:00:01Z"]
    assert sorted(in_order, key=lambda value: str(sortable(value))) == in_order
    assert stored(in_order[1]) == "2026-01-01T00:00:00.000000Z" == sortable(in_order[1])


def test_titles_sort_without_case_and_accents() -> None:
    titles = ["zebra", "Éclair", "eagle", "ÄHRE", "Straße", "STRASSE b", "apple"]
    assert sorted(titles, key=lambda value: str(sortable(value))) == ["ÄHRE", "apple", "eagle", "Éclair", "Straße", "STRASSE b", "zebra"]
    assert sortable("x" * 10_000) == "x" * LONGEST
    assert len(str(sortable("é" * 10_000))) == LONGEST


def test_what_is_missing_or_no_number_is_lowest() -> None:
    assert sortable(None) == MISSING == sortable(math.nan)
    assert sortable(True) == 1
    assert stored(math.nan) is None


def test_numbers_beyond_sqlite_stay_comparable() -> None:
    assert stored(2**70) == float(2**70)
    assert stored(10**400) == math.inf and stored(-(10**400)) == -math.inf


def test_long_terms_stay_apart() -> None:
    one, other = stored("x" * 1_000_000), stored("x" * 1_000_000 + "y")
    assert one != other and len(str(one)) < 400
    assert stored("x" * 1_000_000) == one


def test_upper_bounds_take_in_the_day_they_name() -> None:
    for bound in ("2026", "2026-01", "2026-01-01"):
        assert str(ceiling(bound)) >= "2026-01-01T23:59:59.000000Z"
    assert ceiling("abc") == "abc" and ceiling(5) == 5


def test_text_that_sqlite_cannot_hold_is_replaced() -> None:
    assert clean("a\x00b") == "a b"
    assert clean("a\ud800\x00é") == "a? é"
