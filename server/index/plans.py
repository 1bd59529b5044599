"""How a search is carried out: its conditions, how many things meet them, and the statements that list those things in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from server.index.conditions import Condition, Parameters, conditions
from server.index.cursors import After
from server.index.rows import NEWEST, Search
from server.index.values import Stored, clean

Order = Sequence[tuple[int, bool]]
"""Fields to sort by, and whether descending."""

_SMALL = 1_000  # up to so many things are gathered and sorted; more of them are dense enough to be met while walking in order
_COUNTED = 20_000  # things that are looked at to count several conditions together; beyond, the total is extrapolated

_DISTINCT = 200_000  # values that are told apart by thing to count one condition exactly


@dataclass(frozen=True)
class Plan:
    """A search within one kind, at one state of the index."""

    kind: int
    size: int
    newest: int
    conditions: tuple[Condition, ...]
    total: int
    approximate: bool = False

    @property
    def text(self) -> Condition | None:
        """Find the full-text condition."""
        return next((condition for condition in self.conditions if condition.text), None)


def plan(db: apsw.Connection, name: str, search: Search) -> Plan | None:
    """Plan a search; None where no thing of that kind meets it."""
    kind, size = db.execute("SELECT kind, total FROM kinds WHERE name = ?", (clean(name),)).fetchone() or (0, 0)
    met = conditions(db, kind, search) if size else None
    if met is None:
        return None
    newest = sort_field(db, kind, NEWEST) or 0
    draft = Plan(kind, size, newest, tuple(met), size)
    if not met:
        return draft
    total, approximate = _total(db, draft)
    return Plan(kind, size, newest, tuple(met), total, approximate) if total else None


def sort_field(db: apsw.Connection, kind: int, key: str) -> int | None:
    """Find the number of a sort key."""
    field: int | None = db.execute("SELECT field FROM fields WHERE kind = ? AND role = 'sort' AND key = ?", (kind, clean(key))).get
    return field


def matching(plan: Plan, most: int = _COUNTED) -> tuple[str, Parameters]:
    """Select the things that a search finds among the first so many that meet its rarest condition."""
    source, known, rest, size = _source(plan)
    probes, values = probing(rest, "s.thing", size)
    return f"SELECT s.thing FROM ({source} LIMIT {most}) s WHERE {probes}", (*known, *values)  # noqa: S608 (no part is a caller's)


def probing(conditions: Sequence[Condition], thing: str, times: float) -> tuple[str, Parameters]:
    """Test one thing for all of some conditions."""
    clauses = [condition.probe(thing, times) for condition in conditions]
    return " AND ".join(clauses) or "1", tuple(value for condition in conditions for value in condition.parameters)


def ordered(db: apsw.Connection, plan: Plan, order: Order, after: After | None, limit: int) -> list[tuple[Stored, ...]]:
    """List sort values and number of the things that follow a place in an order."""
    tables, known, clauses, values, keys, rest, times = _lead(plan, order, limit)
    for at, (field, _) in enumerate(order[1:], 1):
        tables += f" CROSS JOIN entries k{at}"
        clauses.append(f"k{at}.thing = s.thing AND k{at}.field = ?")
        values.append(field)
        keys.append(f"k{at}.value")
    if after is not None:
        clause, bounds = _following(keys, order, after)
        clauses.append(clause)
        values += bounds
    probes, tested = probing(rest, "s.thing", times)
    directions = [desc for _, desc in order] + [order[0][1]]
    sort = ", ".join(f"{key} {'DESC' if desc else 'ASC'}" for key, desc in zip([*keys, "s.thing"], directions, strict=True))
    sql = f"SELECT {', '.join(keys)}, s.thing FROM {tables} WHERE {' AND '.join([*clauses, probes])} ORDER BY {sort} LIMIT ?"  # noqa: S608
    return list(db.execute(sql, (*known, *values, *tested, limit)))


def _lead(plan: Plan, order: Order, limit: int) -> tuple[str, Parameters, list[str], list[Stored], list[str], Sequence[Condition], float]:
    """Choose what is walked: the range of one facet value, the range of the first sort key, or the few things that are found."""
    walked = limit * plan.size / max(plan.total, 1)
    one = next((condition for condition in plan.conditions if condition.single), None)
    few = plan.conditions and plan.total <= _SMALL
    if one and [field for field, _ in order] == [plan.newest] and (len(plan.conditions) == 1 or not few):
        rest: Sequence[Condition] = [condition for condition in plan.conditions if condition is not one]
        return "terms s", (), ["s.field = ?", one.clause.format("s")], list(one.parameters), ["s.modified"], rest, walked
    if not few:
        return "sorts s", (), ["s.field = ?"], [order[0][0]], ["s.value"], plan.conditions, walked
    source, known, rest, size = _source(plan)
    return f"({source}) s CROSS JOIN entries k0", known, ["k0.thing = s.thing AND k0.field = ?"], [order[0][0]], ["k0.value"], rest, size


def _source(plan: Plan) -> tuple[str, Parameters, Sequence[Condition], int]:
    first = plan.conditions[0] if plan.conditions else None
    if first is None or first.size is None:
        return "SELECT thing FROM sorts d WHERE d.field = ?", (plan.newest,), plan.conditions, plan.size
    return first.source, first.parameters, plan.conditions[1:], first.size


def _following(keys: Sequence[str], order: Order, after: After) -> tuple[str, list[Stored]]:
    """Compare with the last thing of the page before: lexicographically, each key in its own direction."""
    columns = [*keys, "s.thing"]
    last: list[Stored] = [*after.values, after.thing]
    signs = ["<" if desc else ">" for _, desc in order] + ["<" if order[0][1] else ">"]
    if len(keys) == 1:
        return f"({', '.join(columns)}) {signs[0]} (?, ?)", last
    steps, values = [], [last[0]]
    for at, column in enumerate(columns):
        steps.append("(" + " AND ".join([*(f"{same} = ?" for same in columns[:at]), f"{column} {signs[at]} ?"]) + ")")
        values += last[: at + 1]
    return f"{columns[0]} {signs[0]}= ? AND ({' OR '.join(steps)})", values  # the first comparison is what the index can seek


def _total(db: apsw.Connection, plan: Plan) -> tuple[int, bool]:
    first, *rest = plan.conditions
    if not rest and first.size is not None and (first.single or first.text or first.table == "sorts"):
        return first.size, False
    if not rest and first.size is not None:
        # A thing may meet it with several values; telling them apart costs too much where there are very many.
        return (_count(db, plan, first.size), False) if first.size <= _DISTINCT else (first.size, True)
    walked = plan.size if first.size is None else first.size
    found = _count(db, plan, _COUNTED)
    if walked <= _COUNTED:
        return found, False
    if not found:  # there may still be one: only an exact count can say that there is none
        return _count(db, plan, walked), False
    return round(found * walked / _COUNTED), True


def _count(db: apsw.Connection, plan: Plan, most: int) -> int:
    sql, values = matching(plan, most)
    found: int = db.execute(f"SELECT count(*) FROM ({sql})", values).get  # noqa: S608
    return found
