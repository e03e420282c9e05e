"""Credentials cut out of rows: of those just read, before they are compared, and of those stored before it was known.

What a credential is, and where one is cut out, is said in `api.credentials`.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache

from sqlite_utils import Database

from testio_analytics.api.credentials import REMOVED, Credentials, recalled
from testio_analytics.api.values import as_json
from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import StreamRead
from testio_analytics.mirror.packed import packed, unpacked
from testio_analytics.mirror.rows import Rejection, Row, Rows, content_hash

LEDGER_TEXTS: Mapping[str, tuple[str, ...]] = {
    "sync_runs": ("error",),
    "sync_gaps": ("where", "reason"),
    "rejected_rows": ("row_id", "reason", "raw_data"),
    "row_changes": ("changed",),
}
"""Columns of the ledger that repeat what the API said."""

BATCH = 1000
_QUOTED = re.compile(r"""\((['"]).{8,40}\1\)""")


# -- what was just read -----------------------------------------------------------------------------------------------


def learn(db: Database, known: Credentials, reads: Sequence[StreamRead]) -> None:
    """Know the credentials that the answers held, and those that an earlier run cut out of the same texts."""
    for read in reads:
        known.add(read.rows.credentials)
    for read in reads:
        for name, rows in read.rows.by_table.items():
            for key, raw_data in _stored_cut(db, schema.TABLES[name], rows):
                stored, came = json.loads(raw_data), json.loads(rows[key]["raw_data"])
                if known.cut_within(came) != stored:  # what is known does not explain it
                    known.add(recalled(stored, came))


def _stored_cut(
    db: Database, table: schema.Table, rows: Mapping[tuple[object, ...], Row]
) -> Iterator[tuple[tuple[object, ...], str]]:
    """Return key and payload of the stored rows of these keys out of which something was cut."""
    keys = json.dumps([key[0] for key in rows])
    select = f"""
        select {", ".join(table.key)}, raw_data from {table.name}
        where {table.key[0]} in (select value from json_each(?)) and instr(raw_data, ?)
    """
    for *key, raw_data in db.execute(select, [keys, REMOVED]):
        if tuple(key) in rows:
            yield tuple(key), raw_data


def cut_read(read: StreamRead, known: Credentials) -> StreamRead:
    """Return the read without known credentials in its rows, rejections and gaps."""
    gaps = (replace(gap, where=known.cut(gap.where), reason=known.cut(gap.reason)) for gap in read.gaps)
    return replace(read, rows=cut_rows(read.rows, known), gaps=tuple(gaps))


def cut_rows(rows: Rows, known: Credentials) -> Rows:
    """Return the rows and rejections without known credentials; what holds none is the same object."""
    cut = Rows(rejections=[_cut_rejection(rejected, known) for rejected in rows.rejections], unknown=rows.unknown)
    for name, found in rows.by_table.items():
        table = schema.TABLES[name]
        cut.by_table[name] = {key: cut_row(table, row, known) for key, row in found.items()}
    return cut


def cut_row(table: schema.Table, row: Row, known: Credentials) -> Row:
    """Return a row without known credentials, and with the hash of what is left."""
    if not known.may_be_in(row["raw_data"]):
        return row
    texts = {name: known.cut(row[name]) for name in _texts(table) if isinstance(row[name], str)}
    parts = {name: _cut_json(row[name], known) for name in _json(table) if row[name] is not None}
    cut = row | texts | parts
    return cut | {"content_hash": content_hash(table, cut)} if cut != row else row


def _cut_rejection(rejected: Rejection, known: Credentials) -> Rejection:
    row_id = None if rejected.row_id is None else known.cut(rejected.row_id)
    raw_data = _cut_json(rejected.raw_data, known) if known.may_be_in(rejected.raw_data) else rejected.raw_data
    reason = known.cut(rejected.reason)
    if raw_data != rejected.raw_data:  # what is quoted of it may end in the middle of a credential
        reason = _QUOTED.sub(f"({REMOVED})", reason)
    return replace(rejected, row_id=row_id, reason=reason, raw_data=raw_data)


def _cut_json(raw_data: str, known: Credentials) -> str:
    return as_json(known.cut_within(json.loads(raw_data)))


@cache
def _texts(table: schema.Table) -> tuple[str, ...]:
    """Return the columns whose text comes from the API as it is."""
    return tuple(c.name for c in table.columns if c.kind == "text" and c.name in table.content_set)


@cache
def _json(table: schema.Table) -> tuple[str, ...]:
    """Return the columns that hold JSON from the API, the payload among them."""
    return tuple(c.name for c in table.columns if c.kind == "json")


# -- what is stored ---------------------------------------------------------------------------------------------------


def cut_stored(db: Database, known: Credentials) -> int:
    """Cut the known credentials out of all that is stored, wipe what held them, and return how many rows that changed.

    A product that was written before the credential of another one was read, and rows of earlier runs, may quote it.
    """
    with db.atomic():
        changed = sum(_cut_table(db, table, known) for table in schema.ALL_TABLES if table.is_mirrored)
        changed += sum(_cut_ledger(db, name, columns, known) for name, columns in LEDGER_TEXTS.items())
        changed += sum([_cut_packed(db, run_id, text, known) for run_id, text in _packed_changes(db)])
    if changed:
        for name in schema.FULL_TEXT:
            db.table(name).rebuild_fts()  # what is deleted from an index leaves its words behind
        _wipe(db)
    return changed


def _wipe(db: Database) -> None:
    """Write the file anew, so that no free space of it and no write-ahead log holds what rows held before."""
    with suppress(sqlite3.OperationalError):  # a full disk, or a reader: then only what was overwritten is gone
        db.execute("vacuum")
        db.execute("pragma wal_checkpoint(truncate)")


def _cut_table(db: Database, table: schema.Table, known: Credentials) -> int:
    columns = (*table.content_columns, "content_hash")
    texts = (*_texts(table), *_json(table), "content_hash")
    changed = 0
    for rowid in _suspects(db, table.name, ("raw_data",), known):
        (stored,) = db.query(f"select {', '.join(columns)} from {table.name} where rowid = ?", [rowid])
        cut = cut_row(table, stored, known)
        if cut is not stored:
            _update(db, table.name, texts, cut, rowid)
            changed += 1
    return changed


def _cut_ledger(db: Database, name: str, columns: Sequence[str], known: Credentials) -> int:
    changed = 0
    for rowid in _suspects(db, name, columns, known):
        (stored,) = db.query(f"select * from {name} where rowid = ?", [rowid])
        is_json = {column.name: column.kind == "json" for column in schema.TABLES[name].columns}
        cut = {
            column: _cut_json(stored[column], known) if is_json[column] else known.cut(stored[column])
            for column in columns
            if isinstance(stored[column], str)
        }
        if name == "rejected_rows":
            rejected = _cut_rejection(Rejection(stored["table"], *(stored[column] for column in columns)), known)
            cut |= {column: getattr(rejected, column) for column in (*columns, "fingerprint")}
        if cut.items() <= stored.items():
            continue
        _update(db, name, tuple(cut), cut, rowid)
        changed += 1
    return changed


def _packed_changes(db: Database) -> list[tuple[int, str]]:
    return db.execute("select run_id, changes from packed_runs where changes is not null").fetchall()


def _cut_packed(db: Database, run_id: int, text: str, known: Credentials) -> int:
    """Cut credentials out of what a packed run changed, and return how many rows of the file that changed."""
    entries = unpacked(text)
    cut = [
        [*kept, _cut_json(changed, known) if changed and known.may_be_in(changed) else changed]
        for *kept, changed in entries
    ]
    if cut == entries:
        return 0
    db.execute("update packed_runs set changes = ? where run_id = ?", [packed(cut), run_id])
    return 1


def _suspects(db: Database, table: str, columns: Sequence[str], known: Credentials) -> list[int]:
    """Return the row ids whose texts are worth a look."""
    texts = " || char(10) || ".join(f"coalesce([{column}], '')" for column in columns)
    found, cursor = [], db.execute(f"select rowid, {texts} from {table}")
    while rows := cursor.fetchmany(BATCH):
        found += [rowid for rowid, text in rows if known.may_be_in(text)]
    return found


def _update(db: Database, table: str, columns: Sequence[str], row: Row, rowid: int) -> None:
    settings = ", ".join(f"[{column}] = ?" for column in columns)
    db.execute(f"update {table} set {settings} where rowid = ?", [*(row[column] for column in columns), rowid])
