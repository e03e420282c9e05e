"""Write what a read changed, in transactions of one product; the network is never awaited inside one.

This file, the ledger's, the history's, the redaction's and the migrations' are the only ones that write SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from testio_analytics.mirror import history, ledger, schema
from testio_analytics.mirror.diff import Change, ChangeSet
from testio_analytics.mirror.history import Write


def save(db: Database, plans: Sequence[ChangeSet], *, run_id: int, now: datetime) -> None:
    """Carry out plans, rows, history and ledger alike, in one transaction: all of it is stored, or nothing."""
    product_id = plans[0].product_id
    write = Write(run_id, schema.ACCOUNT if product_id is None else product_id, now.isoformat())
    with db.atomic():
        with history.kept_ledger(db, write):
            for planned in plans:
                for change in planned.changes:
                    history.keep(db, write, change)
                    _carry_out(db, write, change)
                ledger.record(db, planned, run_id=run_id, now=now)
        history.note_reads(db, write, plans)


def let_go_of_unasked(db: Database, asked: Collection[int], *, run_id: int, now: datetime) -> None:
    """Close the gaps of products that are not stored and that nobody asked for this time (see the ledger)."""
    write = Write(run_id, schema.ACCOUNT, now.isoformat())
    with db.atomic(), history.kept_ledger(db, write, whole=("sync_gaps", "stream_states")):
        ledger.let_go_of_unasked(db, asked, now)


def _carry_out(db: Database, write: Write, change: Change) -> None:
    if change.write:
        # As lists under a list of names, which the library takes at half the price of dictionaries.
        content = change.table.content_of
        names = [*change.table.content_columns, "content_hash", "first_seen", "last_synced", "removed_at"]
        rows = (
            [*content(row), row["content_hash"], row["first_seen"] or write.at, write.at, None] for row in change.write
        )
        key = change.table.key
        db.table(change.table.name).upsert_all([names, *rows], pk=key if len(key) > 1 else key[0])
    _mark_removed(db, change.table, change.removed, write.at)
    if change.table in (schema.PRODUCTS, schema.TESTS):
        owner = "product_id" if change.table is schema.PRODUCTS else "test_id"
        for (key,) in change.removed:
            _remove_all_of(db, write, owner, key)


def _mark_removed(db: Database, table: schema.Table, keys: Sequence[tuple[Any, ...]], stamp: str) -> None:
    condition = " and ".join(f"{name} = ?" for name in table.key)
    for key in keys:
        db.execute(f"update {table.name} set removed_at = ? where {condition}", [stamp, *key])


def _remove_all_of(db: Database, write: Write, owner: str, key: int) -> None:
    """Mark what belonged to a removed product or test: it is gone with it, and read anew should it come back."""
    condition = f"{owner} = ? and removed_at is null"
    for table in schema.ALL_TABLES:
        if table.is_mirrored and owner in table.column_names:
            history.keep_removal(db, write, table, condition, [key])
            db.execute(f"update {table.name} set removed_at = ? where {condition}", [write.at, key])
    if write.product_id == schema.ACCOUNT:  # else it is seen with the rest of the product's ledger
        history.keep_deletion(db, write, schema.TEST_READS, f"{owner} = ?", [key])
    db.execute(f"delete from test_reads where {owner} = ?", [key])
