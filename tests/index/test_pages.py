"""Pages, filters, sorts and facets agree with a model that looks at every thing."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from server.errors import Malformed
from server.index import conditions, plans, searching
from server.index.cursors import After, Ranking, encode
from server.index.index import Index
from server.index.rows import Filter, IndexRow, Scalar, Search
from server.index.values import MISSING, Stored, ceiling, sortable, stored
from tests.index.samples import LICENSES, WORDS, eq, found, gone, numbers, row


class Model:
    """Answers searches by looking at every row."""

    def __init__(self, rows: dict[int, IndexRow]) -> None:
        self.rows = rows

    def matches(self, search: Search) -> set[int]:
        ranges = {one.key for one in search.filters if one.op in {"gte", "lte"}}
        groups = [[one for one in search.filters if one.key == key and one.op in {"gte", "lte"}] for key in ranges]
        groups += [[one] for one in search.filters if one.op not in {"gte", "lte"}]
        return {number for number, row in self.rows.items() if all(self._meets(row, group) for group in groups) and self._says(row, search.q)}

    def ordered(self, search: Search, listed: Sequence[int]) -> bool:
        """Tell whether things are listed in the order asked for, ties aside."""
        return all(self._compare(search, one, other) <= 0 for one, other in pairwise(listed))

    def facet(self, search: Search, key: str) -> Counter[Scalar]:
        return Counter(value for number in self.matches(search) for value in {v for k, v in self.rows[number].terms if k == key})

    def _compare(self, search: Search, one: int, other: int) -> int:
        for key, descending in search.sort or (("modified", True),):
            a, b = sortable(self.rows[one].sorts[key]), sortable(self.rows[other].sorts[key])
            if a != b:
                return (1 if _less(b, a) else -1) * (-1 if descending else 1)
        return 0

    def _meets(self, row: IndexRow, group: Sequence[Filter]) -> bool:
        one = group[0]
        terms = {stored(value) for key, value in row.terms if key == one.key}
        values = terms if one.key not in row.sorts else {sortable(row.sorts[one.key])} - {MISSING}
        keep: Callable[[Scalar], object] = sortable if one.key in row.sorts else stored
        if one.op == "exists":
            return bool(values) is one.values[0]
        if one.op == "eq":
            return bool(values & {keep(value) for value in one.values})
        return any(all(self._within(value, bound, keep) for bound in group) for value in values)

    @staticmethod
    def _within(value: Stored | None, bound: Filter, keep: Callable[[Scalar], object]) -> bool:
        limit = keep(bound.values[0])
        assert isinstance(limit, str | int | float) and value is not None
        if isinstance(value, str) is not isinstance(limit, str):
            return False
        return not _less(value, limit) if bound.op == "gte" else not _less(ceiling(limit), value)

    @staticmethod
    def _says(row: IndexRow, q: str | None) -> bool:
        return q is None or any(q.lower() in text.lower().split() for text in row.text.values())


def _less(one: Stored, other: Stored) -> bool:
    ranks = [(isinstance(value, bytes), isinstance(value, str), value) for value in (one, other)]
    return ranks[0] < ranks[1]


def _any_filter(chance: random.Random) -> Filter:
    return chance.choice(
        [
            eq("license", chance.choice(LICENSES)),
            eq("keywords", *chance.sample(WORDS, chance.randint(1, 3))),
            eq("open", chance.random() < 0.5),
            eq("epochs", chance.randint(1, 20)),
            eq("accuracy", round(chance.random(), 2)),
            Filter("epochs", chance.choice(["gte", "lte"]), (chance.randint(1, 20),)),
            Filter("keywords", chance.choice(["gte", "lte"]), (chance.choice(WORDS),)),
            Filter("accuracy", chance.choice(["gte", "lte"]), (round(chance.random(), 2),)),
            Filter("modified", chance.choice(["gte", "lte"]), (f"2026-{chance.randint(1, 12):02}",)),
            Filter("accuracy", "exists", (chance.random() < 0.5,)),
            Filter("keywords", "exists", (chance.random() < 0.5,)),
            Filter("nothing", "exists", (False,)),
        ]
    )


def _any_search(chance: random.Random) -> Search:
    keys = chance.sample(["title", "modified", "accuracy"], chance.randint(0, 3))
    return Search(
        q=chance.choice([None, None, "wind", "iris"]),
        filters=tuple(_any_filter(chance) for _ in range(chance.choice([0, 0, 1, 1, 2, 3]))),
        sort=tuple((key, chance.random() < 0.5) for key in keys),
        limit=chance.choice([1, 3, 10, 200]),
    )


@pytest.mark.parametrize("small", [0, 20, 1000])
def test_any_search_finds_what_a_scan_finds_in_order(index: Index, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(plans, "_SMALL", small)  # so that every way of carrying out a search is taken
    monkeypatch.setattr(conditions, "_PROBE_COST", small)
    monkeypatch.setattr(searching, "_RANKED", 30)
    monkeypatch.setattr(searching, "_BEST", 15)
    rows = {number: row(number, accuracy=number % 4 or None) if number % 3 == 0 else row(number) for number in range(120)}
    model = Model(rows)
    index.apply([*rows.values(), row(1, kind="datasets")], 1, 0)
    chance = random.Random(small)
    for _ in range(250):
        search = _any_search(chance)
        listed = found(index, search)
        assert sorted(listed) == sorted(model.matches(search)), search
        assert index.page("models", search).total == len(listed), search
        if search.q is None or search.sort:
            assert model.ordered(search, listed), search
        for key, facet in index.facets("models", ["keywords", "epochs", "open"], search).items():
            assert dict(facet.values) == model.facet(search, key), (search, key)
            assert not facet.approximate
            assert [n for _, n in facet.values] == sorted((n for _, n in facet.values), reverse=True)


def test_a_page_is_the_newest_first_and_others_follow(index: Index) -> None:
    index.apply([row(number, modified=f"2026-01-01T00:00:{number:02}Z") for number in range(10)], 1, 0)
    page = index.page("models", Search(limit=4))
    assert numbers(page.items) == [9, 8, 7, 6] and page.total == 10 and page.next and not page.approximate
    page = index.page("models", Search(limit=6, cursor=page.next))
    assert numbers(page.items) == [5, 4, 3, 2, 1, 0] and page.next is None
    assert index.page("models", Search(limit=0)).items == [] and index.page("models", Search(limit=0)).total == 10
    assert index.page("unknown", Search()).total == 0 and index.page("unknown", Search()).next is None


def test_both_bounds_of_a_key_are_one_range(index: Index) -> None:
    index.apply([row(1, keywords=("a", "z")), row(2, keywords=("m",))], 1, 0)
    assert found(index, Search(filters=(Filter("keywords", "gte", ("b",)), Filter("keywords", "lte", ("y",))))) == [2]


def test_numbers_and_instants_compare_by_value(index: Index) -> None:
    index.apply([row(1, epochs=9), row(2, epochs=10), row(3, epochs=-1.5), row(4, epochs="text")], 1, 0)
    assert sorted(found(index, Search(filters=(Filter("epochs", "gte", (9,)),)))) == [1, 2]
    assert sorted(found(index, Search(filters=(Filter("epochs", "lte", (9.5,)),)))) == [1, 3]
    assert found(index, Search(filters=(Filter("epochs", "gte", ("a",)),))) == [4]
    assert found(index, Search(filters=(eq("epochs", 9.0),))) == [1]
    assert found(index, Search(filters=(eq("epochs", math.nan),))) == []
    assert found(index, Search(filters=(Filter("epochs", "gte", (math.nan,)),))) == []
    index.apply([row(number, 2, modified=f"2026-0{number}-01T00:00:00Z") for number in (1, 2, 3, 4)], 2, 1)
    assert found(index, Search(filters=(Filter("modified", "gte", ("2026-02-01T01:00:00+01:00",)), Filter("modified", "lte", ("2026-03",))))) == [
        3,
        2,
    ]


def test_bad_filters_and_sorts_are_refused(index: Index) -> None:
    index.apply([row(1)], 1, 0)
    for search in (
        Search(sort=(("unknown", False),)),
        Search(filters=(Filter("license", "exists", ("yes",)),)),
        Search(filters=(Filter("epochs", "gte", (1, 2)),)),
    ):
        with pytest.raises(Malformed):
            index.page("models", search)
    assert index.page("models", Search(filters=(Filter("license", "eq", ()),))).total == 0


@pytest.mark.parametrize("value", ["'", '"', "{}", "$name", "?s", "\\u0022", "a\x00b", "x" * 1_000_000, "\u202e", "http://a b", "\ud800", "%", "0"])
def test_hostile_values_are_only_values(index: Index, value: str) -> None:
    index.apply([row(1, title=value, license=value, keywords=(value,)), row(2)], 1, 0)
    assert found(index, Search(filters=(eq("license", value),))) == [1]
    assert found(index, Search(filters=(eq(value, value),))) == []
    assert sorted(found(index, Search(sort=(("title", False),), limit=1))) == [1, 2]
    assert index.page(value, Search()).total == 0
    assert index.facets("models", [value], Search()) == {value: index.facets("models", ["unknown"], Search())["unknown"]}


def test_cursors_hold_for_their_search_alone(index: Index) -> None:
    index.apply([row(number) for number in range(10)] + [row(number, kind="datasets") for number in range(10)], 1, 0)
    search = Search(sort=(("title", False),), limit=3)
    cursor = index.page("models", search).next
    ranked = index.page("models", Search(q="iris OR wind*", limit=1)).next or index.page("models", Search(q="iris", limit=1)).next
    assert cursor and ranked
    others = [
        replace(search, sort=()),
        replace(search, q="x"),
        replace(search, filters=(eq("open", True),)),
        replace(search, sort=(("title", True),)),
    ]
    for other in others:
        with pytest.raises(Malformed, match="another search"):
            index.page("models", replace(other, cursor=cursor))
    with pytest.raises(Malformed, match="another search"):
        index.page("datasets", replace(search, cursor=cursor))
    assert len(index.page("models", replace(search, cursor=cursor, limit=2)).items) == 2
    for broken in ("", "x", "é", "🙂", cursor[:-3], cursor + "AAAA", "A" * 5000, cursor[:12], cursor[:12] + ranked[12:], ranked[:12] + cursor[12:]):
        with pytest.raises(Malformed):
            index.page("models", replace(search, cursor=broken))


def test_cursors_of_another_form_are_refused(index: Index) -> None:
    index.apply([row(number) for number in range(10)], 1, 0)
    for search in (Search(), Search(q="iris"), Search(q="iris", sort=(("title", True),))):
        forged: list[After | Ranking] = [After((), 1), After((1, 2, 3), 1), Ranking(())] if search.q is None or search.sort else [After(("x",), 1)]
        for place in forged:
            with pytest.raises(Malformed, match="changed on its way"):
                index.page("models", replace(search, cursor=encode("models", search, place)))


def test_random_cursors_are_refused_and_never_fail_otherwise(index: Index) -> None:
    index.apply([row(number) for number in range(30)], 1, 0)
    chance = random.Random(7)
    for search in (Search(limit=2), Search(q="iris", limit=2)):
        cursor = index.page("models", search).next
        assert cursor
        for _ in range(500):
            at = chance.randrange(len(cursor))
            broken = cursor[:at] + chance.choice("ABCxyz019-_") + cursor[at + 1 :]
            try:
                index.page("models", replace(search, cursor=broken))
            except Malformed as error:
                assert "begin without a cursor" in error.detail


def test_counts_are_extrapolated_when_there_is_too_much_to_count(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_COUNTED", 100)
    monkeypatch.setattr(plans, "_DISTINCT", 100)
    monkeypatch.setattr(searching, "_FACETED", 100)
    index.apply(
        [row(number, license=LICENSES[0], open=number % 2 == 0, keywords=("a", "b", "last" if number == 0 else "c")) for number in range(400)], 1, 0
    )
    both = Search(filters=(eq("license", LICENSES[0]), eq("open", True)), limit=1000)
    page = index.page("models", both)
    assert page.approximate and 100 <= page.total <= 300 and len(page.items) == 200
    facet = index.facets("models", ["keywords"], both)["keywords"]
    assert facet.approximate and all(100 <= n <= 300 for value, n in facet.values if value in {"a", "b"})
    wide = index.page("models", Search(filters=(Filter("keywords", "gte", ("a",)),)))
    assert wide.approximate and wide.total == 1200
    index.apply([row(1000, 2, license="L", open=True, modified="2020-01-01T00:00:00Z")], 2, 1)
    index.apply([row(number, 3, license="L", open=False) for number in range(2000, 2300)], 3, 2)
    page = index.page("models", Search(filters=(eq("license", "L"), eq("open", True))))
    assert (numbers(page.items), page.total, page.approximate) == ([1000], 1, False)
    assert index.page("models", Search(filters=(Filter("accuracy", "exists", (False,)), eq("license", "none")))).total == 0
    absent = index.page("models", Search(filters=(Filter("accuracy", "exists", (False,)),)))
    assert absent.approximate and absent.total > 0


def test_what_is_deleted_is_nowhere(index: Index) -> None:
    index.apply([row(number) for number in range(5)], 1, 0)
    index.apply([gone(number, 2) for number in range(4)], 2, 1)
    index.apply([gone(99, 3), IndexRow("empty", "x", "iri", 3, 1, deleted=True)], 3, 2)
    assert index.counts() == {"models": 1}
    assert found(index, Search()) == [4] and found(index, Search(q=row(1).text[3])) == []
    assert sum(n for _, n in index.facets("models", ["license"], Search())["license"].values) == 1
    index.apply([row(1, 4)], 4, 3)
    assert sorted(found(index, Search())) == [1, 4]


def test_facets_are_limited_to_the_most_frequent(index: Index) -> None:
    index.apply([row(number, keywords=[f"k{n}" for n in range(number + 1)]) for number in range(20)], 1, 0)
    facet = index.facets("models", ["keywords", "accuracy"], Search(), size=3)
    assert facet["keywords"].values == [("k0", 20), ("k1", 19), ("k2", 18)]
    assert facet["accuracy"].values == []
    assert index.facets("models", ["keywords"], Search(filters=(eq("keywords", "k18"),)), size=1)["keywords"].values == [("k0", 2)]
    assert index.facets("unknown", ["keywords"], Search())["keywords"].values == []
