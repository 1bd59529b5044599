"""The tables of the index file."""

from __future__ import annotations

import apsw

from server.index.words import TOKENIZER

VERSION = 1
"""Counts changes to the tables and to how values are kept; a file of another version is rebuilt."""

# A page of a list is a range of `sorts`, a page of one facet value in the default order a range of `terms`; `entries` holds both
# by thing, to check further filters and to find what to take away when a thing changes. `value` has no declared type, so that
# SQLite keeps and compares values as they are.
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE kinds (kind INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, total INTEGER NOT NULL DEFAULT 0);
CREATE TABLE fields (field INTEGER PRIMARY KEY, kind INTEGER NOT NULL, role TEXT NOT NULL, key TEXT NOT NULL, UNIQUE (kind, role, key));
CREATE TABLE things (
  thing INTEGER PRIMARY KEY, kind INTEGER NOT NULL, id TEXT NOT NULL, iri TEXT NOT NULL,
  sequence INTEGER NOT NULL, revision INTEGER NOT NULL, text BLOB NOT NULL, item BLOB NOT NULL
);
CREATE TABLE sorts (field INTEGER, value, thing INTEGER, PRIMARY KEY (field, value, thing)) WITHOUT ROWID;
CREATE TABLE terms (field INTEGER, value, modified, thing INTEGER, PRIMARY KEY (field, value, modified, thing)) WITHOUT ROWID;
CREATE TABLE entries (thing INTEGER, field INTEGER, value, PRIMARY KEY (thing, field, value)) WITHOUT ROWID;
CREATE TABLE counts (field INTEGER, value, n INTEGER NOT NULL, PRIMARY KEY (field, value)) WITHOUT ROWID;
CREATE INDEX counts_by_n ON counts (field, n DESC, value);
"""

_WEIGHTS = "bm25(1.0, 4.0, 10.0)"


def create(db: apsw.Connection) -> None:
    """Lay out an empty index at position 0 that belongs to no store yet."""
    db.execute(_TABLES)
    db.executemany("INSERT INTO meta VALUES (?, ?)", [("version", VERSION), ("position", 0), ("identity", "")])


def create_text(db: apsw.Connection, kind: int) -> None:
    """Add the full-text table of a kind: three columns by weight, without a second copy of the text."""
    table = text_table(kind)
    db.execute(f"CREATE VIRTUAL TABLE {table} USING fts5(w1, w2, w3, content='', contentless_delete=1, tokenize=\"{TOKENIZER}\")")
    db.execute(f"INSERT INTO {table}({table}, rank) VALUES ('rank', ?)", (_WEIGHTS,))  # noqa: S608 (the name is a number of ours)


def text_table(kind: int) -> str:
    """Name the full-text table of a kind."""
    return f"text_{kind:d}"
