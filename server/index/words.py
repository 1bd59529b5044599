"""Full text: how texts become words, and how what people type into a search box becomes a query that cannot go wrong."""

from __future__ import annotations

import re
import unicodedata

from server.errors import Malformed
from server.index.values import clean

LONGEST_TEXT = 64 * 1024
"""Characters of each column that are searched."""

LONGEST_QUERY = 1000
"""Characters that a search box may send."""

MOST_WORDS = 64
"""Words and phrases that one search may have."""

TOKENIZER = "unicode61 remove_diacritics 2"

# Scripts that are written without spaces between words: every character becomes a word, and a query a phrase of them.
_UNSPACED = re.compile(
    "([\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"  # Han, kana, bopomofo
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])"  # Hangul, whose particles follow without a space; rarer Han
)
_JOINT = re.compile("[a-z0-9][A-Z]|[A-Z][A-Z][a-z]")
_WORD = re.compile(r"\w+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PIECE = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')


def searchable(text: str) -> str:
    """Prepare a text for its column; names such as RandomForestClassifier are also found by their parts."""
    words = _spaced(text[:LONGEST_TEXT])
    if not _JOINT.search(words):
        return words
    return " ".join([words, *(_HUMP.sub(" ", word) for word in _WORD.findall(words) if _JOINT.search(word))])


def expression(query: str) -> str | None:
    """Turn a search box into an FTS5 query in which every word is quoted; None where no word is left.

    All words have to occur. "Several words" in quotes are a phrase, and a * behind a word or phrase finds what begins with it.
    """
    if len(query) > LONGEST_QUERY:
        raise Malformed(f"The search text is longer than {LONGEST_QUERY} characters; shorten it.")
    terms = [term for match in _PIECE.finditer(query) if (term := _term(*match.groups(default="")))]
    if len(terms) > MOST_WORDS:
        raise Malformed(f"The search text has more than {MOST_WORDS} words; leave some out.")
    return " ".join(terms) or None


def _term(phrase: str, star: str, word: str) -> str:
    text = _spaced(phrase or word).replace('"', " ")
    if not any(letter.isalnum() for letter in text):
        return ""
    return f'"{text}" *' if star or word.endswith("*") else f'"{text}"'


def _spaced(text: str) -> str:
    if text.isascii():
        return text.replace("\x00", " ")
    return _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", clean(text)))
