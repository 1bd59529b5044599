"""What a search requires of a thing, as SQL: a source that lists the things that meet it, or a probe of one thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw

from server.errors import Malformed
from server.index import schema
from server.index.rows import Filter, Search
from server.index.values import MISSING, Stored, ceiling, clean, sortable, stored
from server.index.words import expression

Parameters = tuple[Stored, ...]

_PROBE_COST = 150  # how many ids full text lists in the time in which it looks one up


@dataclass(frozen=True)
class Condition:
    """One requirement: `field` and a comparison of its values, or full text where `table` is a text table.

    `size` is how many things at most meet it, None where that is not known without the other conditions (an absent value).
    """

    table: str
    field: int
    clause: str
    values: Parameters
    size: int | None = None
    single: bool = False

    @property
    def text(self) -> bool:
        """Tell full text from values."""
        return self.field == 0

    @property
    def source(self) -> str:
        """Select the things that meet it, the newest first where one value is asked for."""
        if self.text:
            return f"SELECT rowid AS thing FROM {self.table} WHERE {self.table} MATCH ?"  # noqa: S608 (no part of it is a caller's)
        if self.single:
            return f"SELECT thing FROM terms d WHERE d.field = ? AND {self.clause.format('d')} ORDER BY d.modified DESC, d.thing DESC"  # noqa: S608
        distinct = "DISTINCT " if self.table == "terms" else ""  # a thing has one value to sort by
        return f"SELECT {distinct}thing FROM {self.table} d WHERE d.field = ? AND {self.clause.format('d')}"  # noqa: S608

    def probe(self, thing: str, times: float) -> str:
        """Test one thing, in the way that is cheaper when about so many things are tested."""
        if self.text:
            listed = f"SELECT rowid FROM {self.table} WHERE {self.table} MATCH ?"  # noqa: S608
            if times * _PROBE_COST < (self.size or 0):
                return f"EXISTS ({listed} AND rowid = {thing})"
            return f"+{thing} IN ({listed})"  # the plus keeps the list from deciding the order
        found = f"EXISTS (SELECT 1 FROM entries e WHERE e.thing = {thing} AND e.field = ? AND {self.clause.format('e')})"  # noqa: S608
        return found if self.size is not None else f"NOT {found}"

    @property
    def parameters(self) -> Parameters:
        """Give the parameters of source and probe."""
        return self.values if self.text else (self.field, *self.values)


def conditions(db: apsw.Connection, kind: int, search: Search) -> list[Condition] | None:
    """Read a search's conditions, the one that fewest things meet first; None where nothing can meet them."""
    found: list[Condition | None] = [_filter(db, kind, group) for group in _grouped(search.filters)]
    if search.q is not None and search.q.strip():
        found.append(_text(db, kind, search.q))
    met = [condition for condition in found if condition is not _ALWAYS]
    if any(condition is None or condition.size == 0 for condition in met):
        return None
    return sorted((condition for condition in met if condition is not None), key=lambda condition: (condition.size is None, condition.size))


_ALWAYS = Condition("", -1, "", ())


def _grouped(filters: Iterable[Filter]) -> list[list[Filter]]:
    # Both bounds on a key are one range: one of its values has to lie within.
    groups: dict[tuple[object, ...], list[Filter]] = {}
    for at, one in enumerate(filters):
        groups.setdefault((one.key,) if one.op in {"gte", "lte"} else (one.key, at), []).append(one)
    return list(groups.values())


def _filter(db: apsw.Connection, kind: int, group: Sequence[Filter]) -> Condition | None:
    first = group[0]
    found = db.execute("SELECT field, role FROM fields WHERE kind = ? AND key = ? ORDER BY role DESC", (kind, clean(first.key))).fetchone()
    if first.op == "exists":
        return _exists(db, found, first)
    if found is None or not all(one.values for one in group):
        return None
    field, role = found
    clause, values = _equal(role, first) if first.op == "eq" else _range(role, group)
    if role == "term" and first.op == "eq":
        size = db.execute(f"SELECT sum(n) FROM counts c WHERE c.field = ? AND {clause.format('c')}", (field, *values)).get or 0  # noqa: S608
        return Condition("terms", field, clause, values, size, single=len(values) == 1)
    return _sized(db, Condition(f"{role}s", field, clause, values))


def _sized(db: apsw.Connection, condition: Condition) -> Condition:
    counted = f"SELECT count(*) FROM {condition.table} d WHERE d.field = ? AND {condition.clause.format('d')}"  # noqa: S608
    size = db.execute(counted, condition.parameters).get
    return Condition(condition.table, condition.field, condition.clause, condition.values, size)


def _exists(db: apsw.Connection, found: tuple[int, str] | None, one: Filter) -> Condition | None:
    if len(one.values) != 1 or not isinstance(one.values[0], bool):
        raise Malformed(f"The filter {one.key}.exists takes true or false.")
    if found is None:
        return None if one.values[0] else _ALWAYS
    condition = Condition(f"{found[1]}s", found[0], "{0}.value > ?", (MISSING,))
    return _sized(db, condition) if one.values[0] else condition


def _equal(role: str, one: Filter) -> tuple[str, Parameters]:
    kept = (sortable(value) if role == "sort" else stored(value) for value in one.values)
    values = tuple(dict.fromkeys(value for value in kept if value is not None))
    return f"{{0}}.value IN ({', '.join('?' * len(values))})" if len(values) != 1 else "{0}.value = ?", values


def _range(role: str, group: Sequence[Filter]) -> tuple[str, Parameters]:
    clauses, values = [], []
    for one in group:
        if len(one.values) != 1:
            raise Malformed(f"The filter {one.key}.{one.op} takes one value.")
        bound = sortable(one.values[0]) if role == "sort" else stored(one.values[0])
        # A bound holds among values of its own sort: every number is below every text for SQLite.
        least, beyond = ("''", "x''") if isinstance(bound, str) else ("?", "''")
        if bound is None:
            return "0", ()
        if one.op == "gte":
            clauses.append(f"{{0}}.value >= ? AND {{0}}.value < {beyond}")
            values.append(bound)
        else:
            clauses.append(f"{{0}}.value <= ? AND {{0}}.value {'>' if least == '?' else '>='} {least}")
            values += [ceiling(bound), MISSING] if least == "?" else [ceiling(bound)]
    return " AND ".join(clauses), tuple(values)


def _text(db: apsw.Connection, kind: int, query: str) -> Condition | None:
    match = expression(query)
    if match is None:
        return None
    table = schema.text_table(kind)
    size = db.execute(f"SELECT count(*) FROM {table} WHERE {table} MATCH ?", (match,)).get  # noqa: S608
    return Condition(table, 0, "", (match,), size)
