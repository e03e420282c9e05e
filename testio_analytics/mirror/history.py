"""What each run changed: the values before, written beside every change, so that the state after any run can be rebuilt.

The caller holds the transaction in which the change itself is written. How a state is rebuilt stands in `frames.past`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from testio_analytics.mirror import packed, schema
from testio_analytics.mirror.diff import Change, ChangeSet
from testio_analytics.mirror.rows import Row

Key = tuple[Any, ...]

KEPT_COLUMNS = ("last_synced", "removed_at")
"""Bookkeeping whose values before are kept, beside what the API said."""

UNKEPT_COLUMNS = ("raw_data", "content_hash")
"""What no earlier state holds: the payload, and the hash of it."""

OF_RUNS: Mapping[str, frozenset[str]] = {
    "stream_states": frozenset({"last_run_id", "last_read_at", "last_complete_run_id", "last_complete_at"}),
    "test_reads": frozenset({"read_at"}),
}
"""Columns of the ledger whose earlier values follow from ``stream_reads``."""

LEDGER = ("stream_states", "sync_gaps", "rejected_rows", "test_reads", "endpoint_findings")
"""Tables of the ledger whose history is kept; the others only grow."""


@dataclass(frozen=True)
class Write:
    """One transaction of a run: whose rows it writes (`schema.ACCOUNT` for the list of products), and when."""

    run_id: int
    product_id: int
    at: str


def key_text(key: Key) -> str:
    """Return the key of a row as the history names it."""
    return ",".join(map(str, key))


def keep(db: Database, write: Write, change: Change) -> None:
    """Note what a change of one table will do to its rows, before it is carried out."""
    key_of = change.table.key
    keys = {tuple(row[name] for name in key_of): row for row in change.write}
    known = {key for key, row in keys.items() if row["first_seen"] is not None}
    changed: dict[str, Row] = {}
    for key, stored in _stored(db, change.table, known).items():
        changed[key_text(key)] = _values_before(change.table, stored, keys[key])
    for key, stored in _stored(db, change.table, {*change.removed}).items():
        if stored["removed_at"] is None:  # not gone already, with the test or product that it belonged to
            changed[key_text(key)] = {"removed_at": None}
    record(db, write, change.table.name, [key for key in keys if key not in known], changed)


def _stored(db: Database, table: schema.Table, keys: set[Key]) -> dict[Key, Row]:
    if not keys:
        return {}
    names = [name for name in table.column_names if name not in UNKEPT_COLUMNS]
    select = f"select {', '.join(names)} from {table.name} where {table.key[0]} in (select value from json_each(?))"
    found = db.query(select, [json.dumps([*{key[0] for key in keys}])])
    rows = {tuple(row[name] for name in table.key): row for row in found}
    return {key: row for key, row in rows.items() if key in keys}


def _values_before(table: schema.Table, stored: Row, row: Row) -> Row:
    """Return what the stored row holds of the columns that change: short, since there is one for each change."""
    said = (name for name in table.content_columns if name not in UNKEPT_COLUMNS and stored[name] != row[name])
    before = {name: stored[name] for name in said}
    if stored["removed_at"] is not None:
        before["removed_at"] = stored["removed_at"]
    if stored["last_synced"] != stored["first_seen"]:
        before["last_synced"] = stored["last_synced"]
    return before


def keep_removal(db: Database, write: Write, table: schema.Table, condition: str, values: Sequence[Any]) -> None:
    """Note that the rows of a table which meet a condition will be marked as removed."""
    rows = db.execute(f"select {', '.join(table.key)} from {table.name} where {condition}", values)
    record(db, write, table.name, [], {key_text(row): {"removed_at": None} for row in rows})


def keep_deletion(db: Database, write: Write, table: schema.Table, condition: str, values: Sequence[Any]) -> None:
    """Note that the rows of a table of the ledger which meet a condition will be deleted."""
    rows = db.query(f"select * from {table.name} where {condition}", values)
    record(db, write, table.name, [], {key_text(tuple(row[name] for name in table.key)): row for row in rows})


def record(db: Database, write: Write, table: str, created: Sequence[Key], changed: Mapping[str, Row]) -> None:
    """Write one entry of the history; nothing where nothing changed."""
    if not created and not changed:
        return
    keys = [key[0] if len(key) == 1 else key_text(key) for key in created]
    row = [write.run_id, write.product_id, table, _json(keys) if keys else None, _json(changed) if changed else None]
    db.execute("insert into row_changes (run_id, product_id, [table], created, changed) values (?, ?, ?, ?, ?)", row)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# -- the ledger -------------------------------------------------------------------------------------------------------


@contextmanager
def kept_ledger(db: Database, write: Write, *, whole: Sequence[str] = ()) -> Iterator[None]:
    """Note what the block changes in the ledger: of the product, or in these tables as a whole."""
    before = {name: _ledger_rows(db, name, write, bool(whole)) for name in whole or LEDGER}
    yield
    for name, rows in before.items():
        now = _ledger_rows(db, name, write, bool(whole))
        changed = {key_text(key): row for key, row in rows.items() if key not in now}
        for key, row in now.items():
            if key in rows and rows[key] != row and (differing := _differing(name, rows[key], row)):
                changed[key_text(key)] = differing
        record(db, write, name, [key for key in now if key not in rows], changed)


def _differing(name: str, before: Row, now: Row) -> Row:
    of_runs = OF_RUNS.get(name, frozenset())
    return {column: value for column, value in before.items() if column not in of_runs and now[column] != value}


def _ledger_rows(db: Database, name: str, write: Write, whole: bool) -> dict[Key, Row]:
    table = schema.TABLES[name]
    columns = ", ".join(f"[{column}]" for column in table.column_names if column not in UNKEPT_COLUMNS)
    select, values = f"select {columns} from {name}", list[int | None]()
    if not whole:
        is_account = write.product_id == schema.ACCOUNT and name in {"sync_gaps", "rejected_rows"}
        select, values = f"{select} where product_id is ?", [None if is_account else write.product_id]
    return {tuple(row[part] for part in table.key): row for row in db.query(select, values)}


def note_reads(db: Database, write: Write, plans: Sequence[ChangeSet]) -> None:
    """Note which streams were read, completely or not."""
    complete = [one.read.stream for one in plans if one.is_complete]
    incomplete = [one.read.stream for one in plans if not one.is_complete]
    row = [write.run_id, write.product_id, write.at, ",".join(complete) or None, ",".join(incomplete) or None]
    columns = "run_id, product_id, read_at, complete, incomplete"
    db.execute(f"insert into stream_reads ({columns}) values (?, ?, ?, ?, ?)", row)


# -- how much of it is kept -------------------------------------------------------------------------------------------

_LAST_BEFORE = """
    select max(id) from sync_runs where has_history and finished_at < :since
    and id < (select min(id) from sync_runs where finished_at between :since and :now)
"""


def let_go(db: Database, *, keep: timedelta, now: datetime) -> int:
    """Delete the history of what is longer ago than `keep`, and return how many runs can no longer be rebuilt.

    The state at the instant that is so long ago stays. A run whose clock stood behind that of an earlier run is as young
    as that one, and an end that lies ahead of now says nothing.
    """
    times = {"since": (now - keep).isoformat(), "now": now.isoformat()}
    (last,) = db.execute(_LAST_BEFORE, times).fetchone()
    if last is None:
        return 0
    with db.atomic():
        packed.unpack(db, until=last)
        db.execute("delete from row_changes where run_id <= ?", [last])
        db.execute("delete from stream_reads where id in (select value from json_each(?))", [_superseded(db, last)])
        return db.execute("update sync_runs set has_history = 0 where has_history and id < ?", [last]).rowcount


def _superseded(db: Database, last: int) -> str:
    """Return the reads up to a run that say nothing of the state after it: later ones read the same streams."""
    seen, gone = set[tuple[int, str, bool]](), list[int]()
    for row in db.query("select * from stream_reads where run_id <= ? order by run_id desc, id desc", [last]):
        complete = {(row["product_id"], stream, True) for stream in streams_of(row["complete"])}
        every = complete | {
            (row["product_id"], stream, False) for stream in streams_of(row["complete"], row["incomplete"])
        }
        if every <= seen:
            gone.append(row["id"])
        seen |= every
    return json.dumps(gone)


def streams_of(*texts: str | None) -> list[str]:
    """Return the streams that a row of ``stream_reads`` names."""
    return [stream for text in texts if text for stream in text.split(",")]
