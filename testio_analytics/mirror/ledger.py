"""The completeness ledger: runs, the state of each stream, gaps, and rejected rows."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlite_utils import Database

from testio_analytics.mirror import migrations, packed, schema
from testio_analytics.mirror.diff import ChangeSet, Counts, Gap


def record(db: Database, changes: ChangeSet, *, run_id: int, now: datetime) -> None:
    """Note what one read of one stream left: its state, its gaps and its rejected rows. The caller holds a transaction."""
    stamp, stream = now.isoformat(), changes.read.stream
    owner = schema.ACCOUNT if changes.product_id is None else changes.product_id
    known = list(db.query("select * from stream_states where product_id = ? and stream = ?", [owner, stream]))
    complete = (known[0]["last_complete_run_id"], known[0]["last_complete_at"]) if known else (None, None)
    if changes.is_complete:
        complete = (run_id, stamp)
    missing, stored = changes.read.missing, _count_active(db, stream, changes.product_id)
    # Where only some tests were read, the rows of the others are as sound as they were when those were read.
    came = changes.counts.total if changes.read.tests is None else stored
    db.table("stream_states").upsert(
        {
            "product_id": owner,
            "stream": stream,
            "is_complete": int(changes.is_complete),
            "last_run_id": run_id,
            "last_read_at": stamp,
            "last_complete_run_id": complete[0],
            "last_complete_at": complete[1],
            "rows_expected": None if missing is None else came + _rejected_own(changes) + missing,
            "rows_stored": stored,
            "rows_rejected": changes.counts.rejected,
        },
        pk=("product_id", "stream"),
    )
    _record_gaps(db, changes, run_id, stamp)
    _record_rejections(db, changes, run_id, stamp)
    _record_tests(db, changes, run_id, stamp)
    _record_offers(db, changes, run_id, stamp)


def _rejected_own(changes: ChangeSet) -> int:
    return sum(rejection.table == schema.MAIN_TABLE[changes.read.stream].name for rejection in changes.rejections)


def _count_active(db: Database, stream: str, product_id: int | None) -> int:
    owner = "id" if stream == "products" else "product_id"
    table = schema.MAIN_TABLE[stream].name
    statement = f"select count(*) from {table} where removed_at is null"
    if product_id is None:
        return int(db.execute(statement).fetchone()[0])
    return int(db.execute(f"{statement} and {owner} = ?", [product_id]).fetchone()[0])


def _record_gaps(db: Database, changes: ChangeSet, run_id: int, stamp: str) -> None:
    scope = [changes.product_id, changes.read.stream]
    open_gaps = {
        row["where"]: row
        for row in db.query("select * from sync_gaps where product_id is ? and stream = ? and closed_at is null", scope)
    }
    for gap in {gap.where: gap for gap in changes.gaps}.values():
        known = open_gaps.pop(gap.where, None)
        if known:
            db.execute(
                "update sync_gaps set last_run_id = ?, reason = ?, attempts = attempts + ? where id = ?",
                [run_id, gap.reason, gap.attempts, known["id"]],
            )
        else:
            run = {"run_id": run_id, "last_run_id": run_id, "opened_at": stamp, "closed_at": None}
            db.table("sync_gaps").insert(asdict(gap) | {"product_id": changes.product_id} | run)
    for row in open_gaps.values():
        db.execute("update sync_gaps set closed_at = ? where id = ?", [stamp, row["id"]])


def _record_rejections(db: Database, changes: ChangeSet, run_id: int, stamp: str) -> None:
    scope = [changes.product_id, changes.read.stream]
    listed = {
        row["fingerprint"]: row["id"]
        for row in db.query(
            "select id, fingerprint from rejected_rows where product_id is ? and stream = ? and closed_at is null",
            scope,
        )
    }
    for rejection in {item.fingerprint: item for item in changes.rejections}.values():
        if listed.pop(rejection.fingerprint, None) is None:
            row = asdict(rejection) | {"stream": rejection.stream, "fingerprint": rejection.fingerprint}
            run = {"run_id": run_id, "product_id": changes.product_id, "first_seen": stamp, "closed_at": None}
            db.table("rejected_rows").insert(row | run)
    # A stream that could only be read in part says nothing of the bad rows in the other part.
    if not changes.read.gaps:
        for row_id in listed.values():
            db.execute("update rejected_rows set closed_at = ? where id = ?", [stamp, row_id])


def _record_tests(db: Database, changes: ChangeSet, run_id: int, stamp: str) -> None:
    """Note which tests were read, so that those which can no longer change are not read again."""
    if changes.read.tests is None:
        return
    db.table("test_reads").upsert_all(
        [
            {
                "test_id": test_id,
                "stream": changes.read.stream,
                "product_id": changes.product_id,
                "status": status,
                "is_complete": int(test_id not in changes.unsettled),
                "run_id": run_id,
                "read_at": stamp,
            }
            for test_id, status in changes.read.tests.statuses.items()
        ],
        pk=("test_id", "stream"),
    )


def _record_offers(db: Database, changes: ChangeSet, run_id: int, stamp: str) -> None:
    """Note what the API was found to offer: by the first run that found it, until another one finds otherwise."""
    if changes.product_id is None:
        return
    known = offers(db, changes.product_id)
    for endpoint, is_offered in changes.read.offers.items():
        if known.get(endpoint) != is_offered:
            finding = {"product_id": changes.product_id, "endpoint": endpoint, "is_offered": int(is_offered)}
            table = db.table("endpoint_findings")
            table.upsert(finding | {"run_id": run_id, "found_at": stamp}, pk=("product_id", "endpoint"))


def offers(db: Database, product_id: int) -> dict[str, bool]:
    """Return which lists the API was found to offer for a product, and which not."""
    found = db.query("select endpoint, is_offered from endpoint_findings where product_id = ?", [product_id])
    return {row["endpoint"]: bool(row["is_offered"]) for row in found}


def let_go_of_unasked(db: Database, asked: Collection[int], now: datetime) -> None:
    """Close the gaps of products that are not stored and that nobody asked for this time.

    Such a product does not exist, or not for this token; it was asked for by its id once, and nothing waits for it. The
    caller holds a transaction.
    """
    others = "not in (select id from products union select value from json_each(?))"
    close = f"update sync_gaps set closed_at = ? where closed_at is null and product_id {others}"
    db.execute(close, [now.isoformat(), json.dumps([*asked])])
    forget = f"delete from stream_states where product_id != {schema.ACCOUNT:d} and product_id {others}"
    db.execute(forget, [json.dumps([*asked])])


def begin_run(
    db: Database,
    *,
    now: datetime,
    mode: str,
    streams: Sequence[str],
    products: Sequence[int] | None,
    version: str,
) -> int:
    """Write the row of a new run and return its number. Runs that died without a word are called interrupted."""
    with db.atomic():
        db.execute("update sync_runs set outcome = 'interrupted' where outcome = 'running'")
        table = db.table("sync_runs")
        table.insert(
            {
                "started_at": now.isoformat(),
                "outcome": "running",
                "mode": mode,
                "streams": json.dumps(list(streams)),
                "products": None if products is None else json.dumps(list(products)),
                "package_version": version,
                "schema_version": migrations.HEAD,
                "owner": f"process {os.getpid()}",
                "has_history": 1,
            }
        )
        return int(str(table.last_pk))


def end_run(
    db: Database,
    run_id: int,
    *,
    now: datetime,
    outcome: str,
    requests: int,
    counts: Mapping[str, Counts],
    unknown_fields: Mapping[str, int],
    error: str | None = None,
) -> None:
    """Complete the row of a run, and pack its history."""
    with db.atomic():
        packed.pack(db, run_id)
        db.table("sync_runs").update(
            run_id,
            {
                "finished_at": now.isoformat(),
                "outcome": outcome,
                "requests": requests,
                "counts": json.dumps({stream: asdict(count) for stream, count in counts.items()}),
                "unknown_fields": json.dumps(dict(sorted(unknown_fields.items()))),
                "error": error,
            },
        )


def open_gaps(db: Database, product_ids: Iterable[int] | None = None) -> list[Gap]:
    """Return the gaps that no run has closed yet, of the given products or of the whole account."""
    rows = db.query("select * from sync_gaps where closed_at is null order by product_id, stream, id")
    wanted = None if product_ids is None else {*product_ids, None}
    return [
        Gap(row["stream"], row["where"], row["reason"], row["attempts"], row["product_id"])
        for row in rows
        if wanted is None or row["product_id"] in wanted
    ]
