"""Whether the tables of an index file agree with each other."""

from __future__ import annotations

import apsw

from server.index import schema

_AGREE = {
    "The kept totals differ from the things.": """
        SELECT name FROM kinds WHERE total <> (SELECT count(*) FROM things WHERE things.kind = kinds.kind)""",
    "The kept counts differ from the terms.": """
        SELECT field, value, n FROM counts EXCEPT SELECT field, value, count(*) FROM terms GROUP BY field, value""",
    "Terms are not counted.": """
        SELECT field, value, count(*) FROM terms GROUP BY field, value EXCEPT SELECT field, value, n FROM counts""",
    "Entries are neither sorted nor terms.": """
        SELECT thing, field, value FROM entries EXCEPT SELECT thing, field, value FROM sorts EXCEPT SELECT thing, field, value FROM terms""",
    "Sorted values are no entries.": "SELECT thing, field, value FROM sorts EXCEPT SELECT thing, field, value FROM entries",
    "Terms are no entries.": "SELECT thing, field, value FROM terms EXCEPT SELECT thing, field, value FROM entries",
    "Entries are of things that are gone.": "SELECT thing FROM entries EXCEPT SELECT thing FROM things",
    "Terms are filed under another time than their thing's.": """
        SELECT t.thing FROM terms t JOIN fields f USING (field) LEFT JOIN fields m ON m.kind = f.kind AND m.role = 'sort' AND m.key = 'modified'
        LEFT JOIN sorts s ON s.field = m.field AND s.value = t.modified AND s.thing = t.thing WHERE s.thing IS NULL""",
}


def problems(db: apsw.Connection) -> list[str]:
    """Say what does not agree."""
    found = [str(row[0]) for row in db.execute("PRAGMA quick_check") if row[0] != "ok"]
    found += [message for message, sql in _AGREE.items() if db.execute(f"{sql} LIMIT 1").fetchone()]
    for kind in [row[0] for row in db.execute("SELECT kind FROM kinds").fetchall() if isinstance(row[0], int)]:
        found += _text(db, schema.text_table(kind), kind)
    return found


def _text(db: apsw.Connection, table: str, kind: int) -> list[str]:
    try:
        db.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")  # noqa: S608 (the name is a number of ours)
    except apsw.CorruptError:
        return [f"The full text in {table} is damaged."]
    texts = db.execute(f"SELECT rowid FROM {table} EXCEPT SELECT thing FROM things WHERE kind = ? AND text <> x''", (kind,))  # noqa: S608
    return [f"The full text in {table} differs from the things."] if texts.fetchone() else []
