"""Write what a read changed, in transactions of one product; the network is never awaited inside one.

This file, the ledger's, the redaction's and the migrations' are the only ones that write SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from testio_analytics.mirror import ledger, schema
from testio_analytics.mirror.diff import Change, ChangeSet


def save(db: Database, plans: Sequence[ChangeSet], *, run_id: int, now: datetime) -> None:
    """Carry out plans, rows and ledger alike, in one transaction: all of it is stored, or nothing."""
    with db.atomic():
        for planned in plans:
            for change in planned.changes:
                _write(db, change, now)
            ledger.record(db, planned, run_id=run_id, now=now)


def _write(db: Database, change: Change, now: datetime) -> None:
    stamp = now.isoformat()
    if change.write:
        # As lists under a list of names, which the library takes at half the price of dictionaries.
        content = change.table.content_of
        names = [*change.table.content_columns, "content_hash", "first_seen", "last_synced", "removed_at"]
        rows = ([*content(row), row["content_hash"], row["first_seen"] or stamp, stamp, None] for row in change.write)
        key = change.table.key
        db.table(change.table.name).upsert_all([names, *rows], pk=key if len(key) > 1 else key[0])
    _mark_removed(db, change.table, change.removed, stamp)
    if change.table in (schema.PRODUCTS, schema.TESTS):
        owner = "product_id" if change.table is schema.PRODUCTS else "test_id"
        for (key,) in change.removed:
            _remove_all_of(db, owner, key, stamp)


def _mark_removed(db: Database, table: schema.Table, keys: Sequence[tuple[Any, ...]], stamp: str) -> None:
    condition = " and ".join(f"{name} = ?" for name in table.key)
    for key in keys:
        db.execute(f"update {table.name} set removed_at = ? where {condition}", [stamp, *key])


def _remove_all_of(db: Database, owner: str, key: int, stamp: str) -> None:
    """Mark what belonged to a removed product or test: it is gone with it, and read anew should it come back."""
    for table in schema.ALL_TABLES:
        if table.is_mirrored and owner in table.column_names:
            db.execute(f"update {table.name} set removed_at = ? where {owner} = ? and removed_at is null", [stamp, key])
    db.execute(f"delete from test_reads where {owner} = ?", [key])
