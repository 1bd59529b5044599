"""Answering searches: pages in the order asked for, pages of best hits, and facets."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from server.errors import Malformed
from server.index.conditions import Condition
from server.index.cursors import After, Ranking, decode, encode
from server.index.plans import Plan, matching, ordered, probing, sort_field
from server.index.rows import NEWEST, Facet, Page, Search
from server.index.values import clean, shown

_RANKED = 500  # hits that are ranked; of more, those with the words in the title are, so that a common word costs no more than a rare one
_BEST = 200  # hits that are listed by rank; the rest follows in a fixed order
_FACETED = 10_000  # found things whose values are counted; beyond, counts are extrapolated


def page(db: apsw.Connection, kind: str, search: Search, known: Plan | None, best: Sequence[int]) -> Page:
    """Answer one page of a planned search; `best` are its best hits where it is full text without a sort."""
    place = decode(kind, search)
    if known is None:
        return Page([], 0)
    if search.limit < 1:
        return Page([], known.total, None, known.approximate)
    text = None if search.sort else known.text
    if place is not None and isinstance(place, Ranking) is (text is None):
        raise Malformed("The cursor was changed on its way; begin without a cursor.")
    following: After | Ranking | None
    if text is not None:
        things, following = _ranked(db, known, text, place if isinstance(place, Ranking) else Ranking(tuple(best)), search)
    else:
        things, following = _sorted(db, known, search, place if isinstance(place, After) else None)
    items = [item for (item,) in db.executemany("SELECT item FROM things WHERE thing = ?", [(thing,) for thing in things])]
    return Page(items, known.total, encode(kind, search, following) if following else None, known.approximate)


def best(db: apsw.Connection, known: Plan) -> tuple[int, ...]:
    """List the things that answer a full-text search best."""
    text = known.text
    if text is None or text.size is None:
        return ()
    match = str(text.values[0])
    tries = ("{w3}", "{w2 w3}", "{w1 w2 w3}") if text.size > _RANKED else ("{w1 w2 w3}",)
    return next((found for columns in tries if (found := _by_rank(db, known, text, f"{columns} : ({match})"))), ())


def _by_rank(db: apsw.Connection, known: Plan, text: Condition, match: str) -> tuple[int, ...]:
    probes, values = probing([other for other in known.conditions if other is not text], f"{text.table}.rowid", _RANKED)
    hits = f"SELECT rowid, rank FROM {text.table} WHERE {text.table} MATCH ? AND {probes} LIMIT {_RANKED}"  # noqa: S608 (nothing is a caller's)
    return tuple(row[0] for row in db.execute(f"SELECT rowid FROM ({hits}) ORDER BY rank, rowid LIMIT {_BEST}", (match, *values)))  # noqa: S608


def facet(db: apsw.Connection, kind: str, key: str, known: Plan | None, size: int) -> Facet:
    """Count the values of one key among the things that a planned search finds."""
    find = "SELECT field FROM fields JOIN kinds USING (kind) WHERE name = ? AND role = 'term' AND key = ?"
    field = db.execute(find, (clean(kind), clean(key))).get
    if known is None or field is None:
        return Facet([])
    if not known.conditions:
        rows = db.execute("SELECT value, n FROM counts WHERE field = ? ORDER BY n DESC, value LIMIT ?", (field, size))
        return Facet([(shown(value), n) for value, n in rows])
    found, values = matching(known)
    counted = f"SELECT e.value, count(*) AS n FROM ({found} LIMIT {_FACETED}) m CROSS JOIN entries e ON e.thing = m.thing AND e.field = ?"  # noqa: S608
    rows = db.execute(f"{counted} GROUP BY e.value ORDER BY n DESC, e.value LIMIT ?", (*values, field, size))
    scale = max(1.0, known.total / _FACETED)
    return Facet([(shown(value), round(n * scale)) for value, n in rows], known.approximate or scale > 1)


def _sorted(db: apsw.Connection, known: Plan, search: Search, after: After | None) -> tuple[list[int], After | None]:
    order = []
    for key, descending in search.sort or ((NEWEST, True),):
        field = sort_field(db, known.kind, key)
        if field is None:
            raise Malformed(f"Nothing of this kind can be sorted by {key}.")
        order.append((field, descending))
    if after is not None and len(after.values) != len(order):
        raise Malformed("The cursor was changed on its way; begin without a cursor.")
    rows = ordered(db, known, order, after, search.limit + 1)
    things = [int(row[-1]) for row in rows[: search.limit]]
    return things, After(rows[search.limit - 1][:-1], things[-1]) if len(rows) > search.limit else None


def _ranked(db: apsw.Connection, known: Plan, text: Condition, place: Ranking, search: Search) -> tuple[list[int], Ranking | None]:
    things = list(place.best[place.shown : place.shown + search.limit])
    listed = place.shown + len(things)
    if listed < len(place.best):
        return things, Ranking(place.best, listed)
    if search.cursor is None and known.total <= len(place.best):
        return things, None
    wanted = search.limit - len(things)
    rest = _rest(db, known, text, place, wanted + 1)
    after = rest[:wanted][-1] if rest[:wanted] else place.after
    return [*things, *rest[:wanted]], Ranking(place.best, listed, after) if len(rest) > wanted else None


def _rest(db: apsw.Connection, known: Plan, text: Condition, place: Ranking, limit: int) -> list[int]:
    probes, values = probing([other for other in known.conditions if other is not text], f"{text.table}.rowid", text.size or 0)
    sql = f"SELECT rowid FROM {text.table} WHERE {text.table} MATCH ? AND rowid > ? AND {probes} ORDER BY rowid LIMIT ?"  # noqa: S608
    listed = set(place.best)
    rows = db.execute(sql, (*text.values, place.after, *values, limit + len(listed)))
    return [row[0] for row in rows if row[0] not in listed][:limit]
