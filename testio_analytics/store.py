"""The only file that writes SQL: open and lock the mirror, compare, upsert, remove, keep the ledger.

Everything is written in transactions of one product. The network is never awaited inside one.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlite_utils import Database

from testio_analytics import errors, migrations, tables
from testio_analytics.rows import Rejection, Row, Rows

BUSY_SECONDS = 10
MOST_REMOVED = 0.5
"""The share of a product's rows that one sync may mark as removed; more is held back as a gap until ``--full``."""


@dataclass(frozen=True)
class Counts:
    """What a read did to the rows of one stream. `total` counts the rows that came and could be stored."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: int = 0
    total: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


@dataclass(frozen=True)
class Gap:
    """Something that could not be read: where, why, and the requests spent on it."""

    stream: str
    where: str
    reason: str
    attempts: int = 0
    product_id: int | None = None


@dataclass(frozen=True)
class StreamRead:
    """What one read of one stream of one product brought.

    `rows` holds the tables of the stream; `gaps` what is missing from them; `missing` the number of rows known to
    be missing, None where it cannot be told.
    """

    stream: str
    rows: Rows
    gaps: tuple[Gap, ...] = ()
    missing: int | None = 0


@dataclass(frozen=True)
class Change:
    """How the rows of one table differ from the stored ones: what to write, and the keys to mark as removed."""

    table: tables.Table
    write: tuple[Row, ...]
    removed: tuple[tuple[Any, ...], ...]
    counts: Counts
    conflicts: tuple[Rejection, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What one read of one stream of one product will do to the database.

    `product_id` is None for the account. `counts` are those of the stream's own table, which bears its name.
    """

    product_id: int | None
    read: StreamRead
    changes: tuple[Change, ...]
    rejections: tuple[Rejection, ...]
    gaps: tuple[Gap, ...]
    counts: Counts

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the stream is missing."""
        return not self.gaps


@contextmanager
def open_store(path: Path) -> Iterator[Database]:
    """Open the database for writing, creating it or bringing it to the current schema where needed.

    Raises:
        StoreError: the file cannot be opened or is no database.
        SchemaVersionError: it was written by a newer version of this package.
    """
    db = _connect(path)
    try:
        version = migrations.version_of(db)
        if version != migrations.HEAD:
            if version > migrations.HEAD:
                migrations.check_version(version, path=path)
            if version > 0:
                migrations.back_up(path)
            migrations.migrate(db)
        yield db
    finally:
        db.close()


def _connect(path: Path) -> Database:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    except (OSError, sqlite3.Error) as error:
        raise errors.StoreError(f"The database {path} cannot be opened: {error}. Is the folder writable?") from error
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma foreign_keys = on")
    except sqlite3.Error as error:
        connection.close()
        raise errors.StoreError(
            f"{path} cannot be used as a database: {error}. Name another file with --db or TESTIO_DB_PATH."
        ) from error
    return Database(connection)


@contextmanager
def open_copy(path: Path) -> Iterator[Database]:
    """Open a copy in memory of the database, empty where there is none: for comparing without writing."""
    db = Database(memory=True)
    try:
        if path.is_file():
            with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as source:
                source.backup(db.conn)
            source.close()
        migrations.migrate(db)
        yield db
    except sqlite3.Error as error:
        raise errors.StoreError(f"{path} cannot be read as a database: {error}.") from error
    finally:
        db.close()


@contextmanager
def open_for_migration(path: Path) -> Iterator[Database]:
    """Open an existing database as it is, whatever its schema version.

    Raises:
        DatabaseMissingError: there is no such file.
    """
    if not path.is_file():
        raise errors.DatabaseMissingError(f"There is no database at {path}. `testio-analytics sync` makes one.")
    db = _connect(path)
    try:
        yield db
    finally:
        db.close()


def migrate_file(path: Path, to: int | None = None) -> list[str]:
    """Bring a database to a schema version after a backup (the newest by default) and return what to tell.

    Raises:
        DatabaseMissingError: there is no such file.
        LockedError: a sync is writing to it.
        UnknownValueError: there is no such version.
        SchemaVersionError: the file is newer than this package.
    """
    with open_for_migration(path) as db:
        version, to = migrations.version_of(db), migrations.HEAD if to is None else to
        if version > migrations.HEAD:
            migrations.check_version(version, path=path)
        if to not in {0, *migrations.VERSIONS}:
            raise errors.UnknownValueError("The schema version", to, [0, *migrations.VERSIONS])
        done = []
        if to != version:
            with writing(path):
                copy = migrations.back_up(path)
                done = [*migrations.migrate(db, to), f"the file as it was: {copy}"]
        return [*done, *_versions(path, to)]


def _versions(path: Path, version: int) -> list[str]:
    lines = [f"{path} has schema version {version}; this package needs {migrations.HEAD}."]
    for number, text in migrations.VERSIONS.items():
        lines.append(f"  {number}  {'in the file' if number <= version else 'not there  '}  {text}")
    return lines


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the right to write to the database. The system lets go of it when the process dies, however it dies.

    Raises:
        LockedError: another process holds it; the message names it and says since when.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise errors.LockedError(
            f"Another sync is writing to {path}{_owner(path)}. Wait until it is done, or stop it; nothing was changed."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _owner(path: Path) -> str:
    """Say which run holds the lock, as far as its ledger row is written yet."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return ""
    try:
        found = connection.execute(
            "select id, owner, started_at from sync_runs where outcome = 'running' order by id desc limit 1"
        ).fetchone()
    except sqlite3.Error:
        return ""  # the other process has not made its tables yet
    finally:
        connection.close()
    return f" (run {found[0]}, {found[1]}, since {found[2]})" if found else ""


# -- comparing: what a read will change -----------------------------------------------------------------------------


def plan(db: Database, read: StreamRead, *, product_id: int | None, full: bool = False) -> Plan:
    """Decide what to write and what to mark as removed. Reads only.

    Rows are marked as removed only after a read without gaps and rejections, and not when more than half of a table's
    rows of the product would go at once: that is a gap until `full` confirms it.
    """
    stream_tables = [table for table in tables.ALL_TABLES if table.stream == read.stream]
    if product_id is None:  # the account lists products; everything else belongs to one of them
        stream_tables = [tables.PRODUCTS]
    found = [_compare(db, table, read.rows, product_id) for table in stream_tables]
    changes = [change for change, _ in found]
    rejections = [*read.rows.rejections, *(conflict for change in changes for conflict in change.conflicts)]
    gaps = [*read.gaps, *_rejection_gaps(read.stream, rejections, product_id)]
    if gaps:
        changes = [replace(change, removed=()) for change in changes]
    elif not full and (
        held := [_held_back(change, stored, product_id) for change, stored in found if _is_landslide(change, stored)]
    ):
        gaps = held
        changes = [replace(change, removed=()) for change in changes]
    own = next(change for change in changes if change.table.name == read.stream)
    counts = replace(own.counts, removed=len(own.removed), rejected=len(rejections))
    return Plan(product_id, read, tuple(changes), tuple(rejections), tuple(gaps), counts)


def _is_landslide(change: Change, stored: int) -> bool:
    return len(change.removed) > MOST_REMOVED * stored


def _held_back(change: Change, stored: int, product_id: int | None) -> Gap:
    reason = (
        f"{len(change.removed)} of {stored} stored rows no longer came; more than half at once may be a fault of the "
        "source, so none is marked as removed until a sync with --full confirms it"
    )
    return Gap(change.table.stream or "", f"removal of {change.table.name}", reason, 0, product_id)


def _rejection_gaps(stream: str, rejections: Sequence[Rejection], product_id: int | None) -> list[Gap]:
    """Name the rows that came and could not be stored, one gap per table: they are missing as much as unread ones."""
    by_table: dict[str, list[Rejection]] = {}
    for rejection in rejections:
        by_table.setdefault(rejection.table, []).append(rejection)
    return [
        Gap(
            stream,
            f"rejected rows of {table}",
            f"{len(rejected)} came but could not be stored: {'; '.join(dict.fromkeys(item.reason for item in rejected[:3]))}"
            "; see the table rejected_rows",
            0,
            product_id,
        )
        for table, rejected in by_table.items()
    ]


def _compare(db: Database, table: tables.Table, rows: Rows, product_id: int | None) -> tuple[Change, int]:
    """Compare rows with the stored ones of the product (of the account for None), and count those stored now.

    A row whose id is stored under another product that still has it is a conflict: the API says an id is unique, so
    neither of the two may silently replace the other.
    """
    incoming = rows.by_table[table.name]
    stored = _stored(db, table, incoming, product_id)
    write, conflicts = [], []
    created = updated = unchanged = 0
    for key, row in incoming.items():
        known = stored.get(key)
        if known is None:
            created += 1
        elif known["product_id"] != row.get("product_id") and known["removed_at"] is None:
            conflicts.append(_conflict(table, row, known["product_id"]))
            continue
        elif known["content_hash"] == row["content_hash"] and known["removed_at"] is None:
            unchanged += 1
            continue
        else:
            updated += 1
        write.append(row | {"first_seen": known["first_seen"] if known else None})
    active = {
        key for key, known in stored.items() if known["removed_at"] is None and _is_of(table, key, known, product_id)
    }
    counts = Counts(created, updated, unchanged, 0, 0, created + updated + unchanged)
    gone = tuple(sorted(active - incoming.keys()))
    return Change(table, tuple(write), gone, counts, tuple(conflicts)), len(active)


def _is_of(table: tables.Table, key: tuple[Any, ...], known: Row, product_id: int | None) -> bool:
    if product_id is None:
        return True
    return bool(key[0] == product_id if table is tables.PRODUCTS else known["product_id"] == product_id)


def _stored(
    db: Database, table: tables.Table, incoming: Mapping[tuple[Any, ...], Row], product_id: int | None
) -> dict[tuple[Any, ...], Row]:
    """Return the bookkeeping of the stored rows of the product, and of those stored elsewhere under an incoming key."""
    has_owner = "product_id" in table.column_names
    owner = "product_id" if has_owner else "null as product_id"
    select = f"select {', '.join(table.key)}, {owner}, content_hash, first_seen, removed_at from {table.name}"
    if product_id is None:
        found = list(db.query(select))
    elif not has_owner:
        found = list(db.query(f"{select} where {table.key[0]} = ?", [product_id]))
    else:
        keys = json.dumps([key[0] for key in incoming])
        found = list(
            db.query(
                f"{select} where product_id = ? or {table.key[0]} in (select value from json_each(?))",
                [product_id, keys],
            )
        )
    return {tuple(row[name] for name in table.key): row for row in found}


def _conflict(table: tables.Table, row: Row, owner: int) -> Rejection:
    name = " ".join(str(row[part]) for part in table.key)
    reason = f"{table.name} {name} is already stored for product {owner}, which still has it"
    return Rejection(table.name, name, reason, row["raw_data"])


def vanished_ids(db: Database, table: tables.Table, rows: Rows, *, product_id: int) -> tuple[list[int], int]:
    """Return the ids that are stored and active but did not come this time, and how many are stored."""
    change, stored = _compare(db, table, rows, product_id)
    return [key[0] for key in change.removed], stored


# -- writing ---------------------------------------------------------------------------------------------------------


def save(db: Database, plans: Sequence[Plan], *, run_id: int, now: datetime) -> None:
    """Carry out plans, rows and ledger alike, in one transaction: all of it is stored, or nothing."""
    with db.atomic():
        for planned in plans:
            for change in planned.changes:
                _write(db, change, now)
            _record(db, planned, run_id, now)


def _write(db: Database, change: Change, now: datetime) -> None:
    stamp = now.isoformat()
    if change.write:
        rows = [
            {name: row.get(name) for name in change.table.column_names}
            | {"first_seen": row["first_seen"] or stamp, "last_synced": stamp, "removed_at": None}
            for row in change.write
        ]
        key = change.table.key
        db.table(change.table.name).upsert_all(rows, pk=key if len(key) > 1 else key[0])
    _mark_removed(db, change.table, change.removed, stamp)
    if change.table is tables.PRODUCTS:
        for (product_id,) in change.removed:
            _remove_all_of(db, product_id, stamp)


def _mark_removed(db: Database, table: tables.Table, keys: Sequence[tuple[Any, ...]], stamp: str) -> None:
    condition = " and ".join(f"{name} = ?" for name in table.key)
    for key in keys:
        db.execute(f"update {table.name} set removed_at = ? where {condition}", [stamp, *key])


def _remove_all_of(db: Database, product_id: int, stamp: str) -> None:
    """Mark what belonged to a removed product: it is gone with it."""
    for table in tables.ALL_TABLES:
        if table.is_mirrored and "product_id" in table.column_names:
            statement = f"update {table.name} set removed_at = ? where product_id = ? and removed_at is null"
            db.execute(statement, [stamp, product_id])


# -- the ledger ------------------------------------------------------------------------------------------------------


def _record(db: Database, planned: Plan, run_id: int, now: datetime) -> None:
    stamp, stream = now.isoformat(), planned.read.stream
    owner = tables.ACCOUNT if planned.product_id is None else planned.product_id
    known = next(
        iter(db.query("select * from stream_states where product_id = ? and stream = ?", [owner, stream])),
        None,
    )
    before = known or {"last_complete_run_id": None, "last_complete_at": None}
    complete = (run_id, stamp) if planned.is_complete else (before["last_complete_run_id"], before["last_complete_at"])
    missing = planned.read.missing
    db.table("stream_states").upsert(
        {
            "product_id": owner,
            "stream": stream,
            "is_complete": int(planned.is_complete),
            "last_run_id": run_id,
            "last_read_at": stamp,
            "last_complete_run_id": complete[0],
            "last_complete_at": complete[1],
            "rows_expected": None if missing is None else planned.counts.total + _rejected_own(planned) + missing,
            "rows_stored": _count_active(db, stream, planned.product_id),
            "rows_rejected": planned.counts.rejected,
        },
        pk=("product_id", "stream"),
    )
    _record_gaps(db, planned, run_id, stamp)
    _record_rejections(db, planned, run_id, stamp)


def _rejected_own(planned: Plan) -> int:
    return sum(rejection.table == planned.read.stream for rejection in planned.rejections)


def _count_active(db: Database, stream: str, product_id: int | None) -> int:
    owner = "id" if stream == "products" else "product_id"
    statement = f"select count(*) from {stream} where removed_at is null and (? is null or {owner} = ?)"
    return int(db.execute(statement, [product_id, product_id]).fetchone()[0])


def _record_gaps(db: Database, planned: Plan, run_id: int, stamp: str) -> None:
    scope = [planned.product_id, planned.read.stream]
    open_gaps = {
        row["where"]: row
        for row in db.query("select * from sync_gaps where product_id is ? and stream = ? and closed_at is null", scope)
    }
    for gap in {gap.where: gap for gap in planned.gaps}.values():
        known = open_gaps.pop(gap.where, None)
        if known:
            db.execute(
                "update sync_gaps set last_run_id = ?, reason = ?, attempts = attempts + ? where id = ?",
                [run_id, gap.reason, gap.attempts, known["id"]],
            )
            continue
        db.table("sync_gaps").insert(
            {
                "run_id": run_id,
                "last_run_id": run_id,
                "product_id": planned.product_id,
                "stream": gap.stream,
                "where": gap.where,
                "reason": gap.reason,
                "attempts": gap.attempts,
                "opened_at": stamp,
                "closed_at": None,
            }
        )
    for row in open_gaps.values():
        db.execute("update sync_gaps set closed_at = ? where id = ?", [stamp, row["id"]])


def _record_rejections(db: Database, planned: Plan, run_id: int, stamp: str) -> None:
    scope = [planned.product_id, planned.read.stream]
    listed = {
        row["fingerprint"]: row["id"]
        for row in db.query(
            "select id, fingerprint from rejected_rows where product_id is ? and stream = ? and closed_at is null",
            scope,
        )
    }
    for rejection in {item.fingerprint: item for item in planned.rejections}.values():
        if listed.pop(rejection.fingerprint, None) is not None:
            continue
        db.table("rejected_rows").insert(
            {
                "run_id": run_id,
                "product_id": planned.product_id,
                "stream": rejection.stream,
                "table": rejection.table,
                "row_id": rejection.row_id,
                "reason": rejection.reason,
                "fingerprint": rejection.fingerprint,
                "first_seen": stamp,
                "closed_at": None,
                "raw_data": rejection.raw_data,
            }
        )
    # A stream that could only be read in part says nothing of the bad rows in the other part.
    if not planned.read.gaps:
        for row_id in listed.values():
            db.execute("update rejected_rows set closed_at = ? where id = ?", [stamp, row_id])


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
    """Complete the row of a run."""
    with db.atomic():
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
