"""Writing rows into an index file: only what differs from what is there is touched."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import apsw

from server.errors import StoreUnavailable
from server.index import schema
from server.index.rows import NEWEST, IndexRow
from server.index.values import MISSING, Stored, sortable, stored
from server.index.words import searchable

Entry = tuple[int, Stored]

_SLOTS = 256  # neighbouring numbers for things whose ids hash alike
_FIND = "SELECT thing, kind, id, sequence, text FROM things WHERE thing BETWEEN ? AND ?"
_PUT = (
    "INSERT INTO things (thing, kind, id, iri, sequence, revision, text, item) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (thing) DO UPDATE SET"
    " iri = excluded.iri, sequence = excluded.sequence, revision = excluded.revision, text = excluded.text, item = excluded.item"
)
_COUNT = "INSERT INTO counts (field, value, n) VALUES (?1, ?2, ?3) ON CONFLICT (field, value) DO UPDATE SET n = n + ?3"


class Names:
    """Number kinds and the keys of each kind, remembering what one file has."""

    def __init__(self, db: apsw.Connection) -> None:
        """Read the numbers of a file."""
        self._db = db
        self.kinds: dict[str, int] = {}
        self._fields: dict[tuple[int, str, str], int] = {}
        self._roles: dict[int, str] = {}

    def forget(self) -> None:
        """Forget what an undone transaction may have numbered."""
        self.kinds.clear()
        self._fields.clear()
        self._roles.clear()

    def kind(self, name: str) -> int:
        """Number a kind, with a full-text table for it where it is new."""
        if name not in self.kinds:
            found = self._db.execute("SELECT kind FROM kinds WHERE name = ?", (name,)).get
            if found is None:
                found = self._db.execute("INSERT INTO kinds (name) VALUES (?) RETURNING kind", (name,)).get
                schema.create_text(self._db, found)
            self.kinds[name] = found
        return self.kinds[name]

    def field(self, kind: int, role: str, key: str) -> int:
        """Number a key of a kind as a `sort` or a `term`."""
        field = self._fields.get((kind, role, key))
        if field is None:
            row = (kind, role, key)
            field = self._db.execute("SELECT field FROM fields WHERE kind = ? AND role = ? AND key = ?", row).get
            if field is None:
                field = self._db.execute("INSERT INTO fields (kind, role, key) VALUES (?, ?, ?) RETURNING field", row).get
            self._fields[row] = field
        return field

    def role(self, field: int) -> str:
        """Tell whether a field is a `sort` or a `term`."""
        if field not in self._roles:
            self._roles[field] = self._db.execute("SELECT role FROM fields WHERE field = ?", (field,)).get
        return self._roles[field]


class Batch:
    """Gather what a number of rows changes, and write it table by table in key order."""

    def __init__(self, db: apsw.Connection, names: Names) -> None:
        """Write into one file, within a transaction that the caller holds."""
        self._db = db
        self._names = names
        self._totals: Counter[int] = Counter()
        self._counts: Counter[Entry] = Counter()
        self._out: dict[str, list[tuple[Stored, ...]]] = {"sorts": [], "terms": [], "entries": []}
        self._in: dict[str, list[tuple[Stored, ...]]] = {"sorts": [], "terms": [], "entries": []}
        self._text: dict[int, list[tuple[int, bool, tuple[str, ...] | None]]] = {}

    def write(self, rows: Iterable[IndexRow]) -> None:
        """Write the rows; one that is older than what is there is passed over."""
        latest: dict[tuple[str, str], IndexRow] = {}
        for row in rows:
            known = latest.get((row.kind, row.id))
            if known is None or known.sequence <= row.sequence:
                latest[row.kind, row.id] = row
        for row in latest.values():
            self._row(row)
        self._flush()

    def _row(self, row: IndexRow) -> None:
        kind = self._names.kind(row.kind)
        thing, sequence, digest = self._find(kind, row)
        if sequence is not None and row.sequence < sequence:
            return
        entries = {} if sequence is None else self._entries(thing)
        if row.deleted:
            if sequence is not None:
                self._db.execute("DELETE FROM things WHERE thing = ?", (thing,))
                self._totals[kind] -= 1
                self._change(kind, thing, entries, {})
                self._retext(kind, thing, digest, b"", row.text)
            return
        fresh = _digest(row.text)
        self._db.execute(_PUT, (thing, kind, row.id, row.iri, row.sequence, row.revision, fresh, row.item))
        self._totals[kind] += sequence is None
        self._change(kind, thing, entries, self._described(kind, row))
        self._retext(kind, thing, digest, fresh, row.text)

    def _find(self, kind: int, row: IndexRow) -> tuple[int, int | None, bytes]:
        first = _slot(row)
        taken = set()
        for thing, of, known, sequence, text in self._db.execute(_FIND, (first, first + _SLOTS - 1)):
            if of == kind and known == row.id:
                return thing, sequence, text
            taken.add(thing)
        free = next((thing for thing in range(first, first + _SLOTS) if thing not in taken), None)
        if free is None:
            raise StoreUnavailable("Too many things have ids that hash alike; the search index has no number for another one.")
        return free, None, b""

    def _entries(self, thing: int) -> dict[Entry, str]:
        found = self._db.execute("SELECT field, value FROM entries WHERE thing = ?", (thing,))
        return {(field, value): self._names.role(field) for field, value in found}

    def _described(self, kind: int, row: IndexRow) -> dict[Entry, str]:
        entries = {(self._names.field(kind, "sort", key), sortable(value)): "sort" for key, value in row.sorts.items()}
        for key, value in row.terms:
            kept = stored(value)
            if kept is not None:
                entries[self._names.field(kind, "term", key), kept] = "term"
        return entries

    def _change(self, kind: int, thing: int, old: Mapping[Entry, str], new: Mapping[Entry, str]) -> None:
        newest = self._names.field(kind, "sort", NEWEST)
        before, after = _value(old, newest), _value(new, newest)
        self._side(self._out, -1, (before, thing), old, new, before != after)
        self._side(self._in, 1, (after, thing), new, old, before != after)

    def _side(
        self,
        tables: dict[str, list[tuple[Stored, ...]]],
        by: int,
        tail: tuple[Stored, int],
        these: Mapping[Entry, str],
        those: Mapping[Entry, str],
        moved: bool,
    ) -> None:
        for entry, role in these.items():
            kept = entry in those
            if not kept:
                tables["entries"].append((tail[1], *entry))
            if role == "term" and (moved or not kept):
                tables["terms"].append(entry + tail)
                self._counts[entry] += by
            elif not kept:
                tables["sorts"].append((*entry, tail[1]))

    def _retext(self, kind: int, thing: int, old: bytes, new: bytes, text: Mapping[int, str]) -> None:
        if old != new:
            columns = tuple(searchable(text.get(weight, "")) for weight in (1, 2, 3)) if new else None
            self._text.setdefault(kind, []).append((thing, bool(old), columns))

    def _flush(self) -> None:
        self._many("DELETE FROM sorts WHERE field = ? AND value = ? AND thing = ?", self._out["sorts"])
        self._many("DELETE FROM terms WHERE field = ? AND value = ? AND modified = ? AND thing = ?", self._out["terms"])
        self._many("DELETE FROM entries WHERE thing = ? AND field = ? AND value = ?", self._out["entries"])
        self._many("INSERT INTO sorts VALUES (?, ?, ?)", self._in["sorts"])
        self._many("INSERT INTO terms VALUES (?, ?, ?, ?)", self._in["terms"])
        self._many("INSERT INTO entries VALUES (?, ?, ?)", self._in["entries"])
        moved = [(*entry, by) for entry, by in self._counts.items() if by]
        self._many(_COUNT, moved)
        self._many("DELETE FROM counts WHERE field = ? AND value = ? AND n = 0", [row[:2] for row in moved if row[2] < 0])
        self._many("UPDATE kinds SET total = total + ? WHERE kind = ?", [(by, kind) for kind, by in self._totals.items() if by])
        for kind, texts in self._text.items():
            self._write_text(schema.text_table(kind), texts)

    def _write_text(self, table: str, texts: list[tuple[int, bool, tuple[str, ...] | None]]) -> None:
        # FTS5 keeps a batch in memory as long as row ids rise, and takes one row's removal and return at the same place.
        for thing, known, columns in sorted(texts, key=lambda text: text[0]):
            if known:
                self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", (thing,))  # noqa: S608 (the name is a number of ours)
            if columns is not None:
                self._db.execute(f"INSERT INTO {table} (rowid, w1, w2, w3) VALUES (?, ?, ?, ?)", (thing, *columns))  # noqa: S608

    def _many(self, sql: str, rows: Sequence[tuple[Stored, ...]]) -> None:
        if rows:
            self._db.executemany(sql, _in_order(rows))


def _slot(row: IndexRow) -> int:
    # The number follows from kind and id, so that cursors outlive a rebuild and hold on another machine's index.
    return int.from_bytes(blake2b(json.dumps([row.kind, row.id]).encode(), digest_size=5).digest(), "big") * _SLOTS


def _digest(text: Mapping[int, str]) -> bytes:
    if not any(text.values()):
        return b""
    parts = "\x00".join(text.get(weight, "") for weight in (1, 2, 3))
    return blake2b(parts.encode("utf-8", "replace"), digest_size=8).digest()


def _value(entries: Mapping[Entry, str], field: int) -> Stored:
    return next((value for (of, value), _ in entries.items() if of == field), MISSING)


def _in_order(rows: Sequence[tuple[Stored, ...]]) -> Sequence[tuple[Stored, ...]]:
    try:
        return sorted(rows)
    except TypeError:  # one key has both numbers and texts
        return sorted(rows, key=lambda row: [(isinstance(value, bytes), isinstance(value, str), value) for value in row])
