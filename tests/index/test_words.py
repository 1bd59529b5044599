"""Nothing that is typed into a search box is syntax."""

from __future__ import annotations

import random

import pytest

from server.errors import Malformed
from server.index.index import Index
from server.index.rows import IndexRow, Search
from server.index.words import LONGEST_QUERY, MOST_WORDS, expression
from tests.index.samples import eq, found, row

HOSTILE = [
    '"', '""', '"""', '" OR "', "'", "''); DROP TABLE things; --", "a AND", "NOT", "OR", "NEAR(a b, 2)", "a NEAR b",
    "w3:iris", "{w1 w2}: x", "-iris", "+iris", "^iris", "iris*", "*", "**", "iris**", "*iris", '"iris', 'iris"',
    '"iris" *', '"iris forest"*', "(", ")", "((((", "a\x00b", "\x00", "\x00*", "\\", "\\u0022", "%", "_", "?", "?1",
    ":x", "@x", "$x", "🙂", "🙂*", "iris 🙂", "\u202eiris", "שלום עולם", "مرحبا", "機械学習", "学習*", "ﬁle", "Ｉｒｉｓ", "é",
    "e\u0301", "\ud800", "a\ud800b", "\uffff", "\U0010ffff", "iris\niris\tiris", "ß", "İ", "\u0e2a\u0e27",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_hostile_queries_are_only_words(index: Index, query: str) -> None:
    index.apply([row(1, text={3: "iris forest", 1: query})], 1, 0)
    assert index.page("models", Search(q=query)).total in {0, 1}
    assert index.page("models", Search(q=f'iris "{query}"')).total in {0, 1}
    assert index.counts() == {"models": 1}


def test_random_queries_never_fail(index: Index) -> None:
    index.apply([row(number) for number in range(50)], 1, 0)
    chance = random.Random(4)
    alphabet = "\"*()^:+-{} \x00\\'aiANDORNOTé機🙂\u202e"
    for _ in range(2_000):
        query = "".join(chance.choices(alphabet, k=chance.randint(1, 30)))
        index.page("models", Search(q=query))


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(Malformed, match="longer than 1000 characters"):
        expression("x" * (LONGEST_QUERY + 1))
    with pytest.raises(Malformed, match="more than 64 words"):
        expression("a " * (MOST_WORDS + 1))
    assert expression("a " * MOST_WORDS)


def test_a_megabyte_of_text_is_bounded(index: Index) -> None:
    index.apply([row(1, text={1: "word " * 200_000 + "needle", 3: "x" * 1_000_000})], 1, 0)
    assert found(index, Search(q="word")) == [1]
    assert found(index, Search(q="needle")) == []


@pytest.mark.parametrize(
    ("text", "query", "hit"),
    [
        ("Random forest on iris", "FOREST iris", True),
        ("Random forest on iris", "forest wind", False),
        ("Random forest on iris", '"random forest"', True),
        ("Random forest on iris", '"forest random"', False),
        ("Random forest on iris", "fore", False),
        ("Random forest on iris", "fore*", True),
        ("Random forest on iris", '"random fore"*', True),
        ("Épicéa", "epicea", True),
        ("epicea", "ÉPICÉA", True),
        ("e\u0301picea", "épicea", True),
        ("RandomForestClassifier", "forest", True),
        ("RandomForestClassifier", "randomforestclassifier", True),
        ("sklearn.ensemble.RandomForestClassifier", "ensemble random", True),
        ("HTTPServer", "server", True),
        ("random_forest", "forest", True),
        ("learning_rate", "learning_rate", True),
        ("機械学習モデル", "学習", True),
        ("機械学習モデル", "学械", False),
        ("機械学習モデル", "機械 モデル", True),
        ("데이터를 학습한다", "데이터", True),
        ("Ｉｒｉｓ", "iris", True),
        ("שלום עולם", "עולם", True),
        ("a\x00needle", "needle", True),
        ("iris 🙂", "iris 🙂", True),
        ("iris 🙂", "🙂", False),
    ],
)
def test_what_finds_what(index: Index, text: str, query: str, hit: bool) -> None:
    index.apply([row(1, text={1: text})], 1, 0)
    assert found(index, Search(q=query)) == ([1] if hit else [])


def test_an_empty_box_is_no_condition_and_one_without_words_finds_nothing(index: Index) -> None:
    index.apply([row(1)], 1, 0)
    assert index.page("models", Search(q="  ")).total == 1
    assert index.page("models", Search(q="!?")).total == 0


def test_titles_weigh_more_than_keywords_and_those_more_than_descriptions(index: Index) -> None:
    filler = "one two three four"
    texts = {1: {3: filler, 2: "wind", 1: filler}, 2: {3: filler, 2: filler, 1: "wind"}, 3: {3: "wind", 2: filler, 1: filler}}
    others = [row(number, text={3: filler, 2: filler, 1: filler}) for number in range(10, 20)]
    index.apply([*others, *(row(number, text=text) for number, text in texts.items())], 1, 0)
    assert found(index, Search(q="wind")) == [3, 1, 2]


def test_text_follows_changes(index: Index) -> None:
    index.apply([row(1, 1, text={1: "wind"})], 1, 0)
    index.apply([row(1, 2, text={1: "sun"})], 2, 1)
    assert found(index, Search(q="wind")) == [] and found(index, Search(q="sun")) == [1]
    index.apply([row(1, 3, text={})], 3, 2)
    assert found(index, Search(q="sun")) == []
    index.apply([row(1, 4, text={2: "sun"})], 4, 3)
    index.apply([IndexRow("models", row(1).id, row(1).iri, 5, 2, deleted=True)], 5, 4)
    assert found(index, Search(q="sun")) == []


def test_common_words_rank_those_with_the_word_in_the_title(index: Index) -> None:
    index.apply([row(number, text={3: "wind" if number in {7, 8} else "x", 1: "wind"}) for number in range(700)], 1, 0)
    hits = found(index, Search(q="wind", limit=100))
    assert set(hits[:2]) == {7, 8} and sorted(hits) == list(range(700))
    nowhere = found(index, Search(q="wind -x", limit=1000))
    assert len(nowhere) == 698


def test_common_words_in_one_column_are_all_found(index: Index) -> None:
    index.apply([row(number, text={2: "wind"}) for number in range(600)] + [row(number, text={1: "sun"}) for number in range(1000, 1600)], 1, 0)
    assert sorted(found(index, Search(q="wind", limit=70))) == list(range(600))
    assert sorted(found(index, Search(q="sun", limit=1000))) == list(range(1000, 1600))
    index.apply([row(3000, 2, text={2: "sun", 1: "wind"}, open="rare")], 2, 1)
    assert found(index, Search(q="sun wind")) == [3000]
    assert found(index, Search(q="sun", filters=(eq("open", "rare"),))) == [3000]
