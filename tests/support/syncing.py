"""How the tests sync: against the demo account in the same process, without waiting between tries."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from testio_analytics.api.client import Client, Waits
from testio_analytics.concurrency import run
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.middleware import RequestLog
from testio_analytics.mirror.schema import ALL_TABLES
from testio_analytics.mirror.sync import SyncResult, sync_async

TOKEN = "planted-token-17cd"
NOW = datetime(2026, 6, 30, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Synced:
    """What a sync returned, and what the server was asked."""

    result: SyncResult
    log: RequestLog


def sync_account(
    account: Account,
    db: Path,
    *,
    faults: Faults | None = None,
    product_ids: Sequence[int] | None = None,
    streams: Sequence[str] | None = None,
    full: bool = False,
    dry_run: bool = False,
    concurrency: int = 10,
    now: datetime = NOW,
) -> Synced:
    """Sync the account once, through the real client and an in-process server."""
    app = create_app(account, token=TOKEN, faults=faults or Faults())

    async def go() -> SyncResult:
        transport = httpx.ASGITransport(app=app)
        settings = ApiSettings("http://testserver/customer/v2", TOKEN)
        async with Client(settings, transport=transport, waits=Waits(0, 0, 0), concurrency=concurrency) as client:
            return await sync_async(
                db,
                client=client,
                product_ids=product_ids,
                streams=streams,
                full=full,
                dry_run=dry_run,
                clock=lambda: now,
            )

    return Synced(run(go()), app.state.log)


def query(db: Path, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a query on the file."""
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(statement, parameters).fetchall()


def mirror_digest(db: Path) -> dict[str, str]:
    """Return a digest of the whole content of each mirrored table of the file, every column included."""
    digests = {}
    there = {name for (name,) in query(db, "select name from sqlite_master")}  # an older schema has fewer
    for table in ALL_TABLES:
        if table.is_mirrored and table.name in there:
            rows = query(db, f"select * from {table.name} order by {', '.join(table.key)}")
            digests[table.name] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return digests


def content(db: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what the API said, table by table, without the times of this or that run."""
    found = {}
    for table in ALL_TABLES:
        if table.is_mirrored:
            columns = ", ".join(f'"{name}"' for name in (*table.content_columns, "content_hash"))
            found[table.name] = query(db, f"select {columns} from {table.name} where removed_at is null order by 1, 2")
    return found
