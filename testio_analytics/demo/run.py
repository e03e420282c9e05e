"""The main job on the demo account: sync it in this process, run the notebooks, write the pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from testio_analytics.api.client import Client, Waits
from testio_analytics.concurrency import run
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.build import DEMO_NOW, DEMO_POISONED_TEST, EARLIER, demo_account
from testio_analytics.demo.account.earlier import account_at
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.display.folders import check_ours, made_in, move_together
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.mirror.database import connect_read_only, writing
from testio_analytics.mirror.reported import remember
from testio_analytics.mirror.sync import SyncResult, sync_async
from testio_analytics.pages.build import check_pages, make_pages, page_names
from testio_analytics.reports.answers import coverage_summary

TOKEN = "demo"
DATABASE = "demo.db"
UNREADABLE_THEN = 700680
"""A test of Back Office that the server could not serve at the first sync, and can since."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    `is_as_planned` says that the one test which cannot be read, on purpose, is the only thing missing.
    """

    db: Path
    pages: list[Path]
    sync: SyncResult
    summary: str
    is_as_planned: bool

    @property
    def answer(self) -> Path:
        """The page to open first."""
        return next(page for page in self.pages if "overview" in page.name)


def run_demo(output: Path) -> DemoResult:
    """Sync the demo account into a new database in the folder, and write all pages beside it.

    The database and the pages of an earlier demo are replaced, all of them or none; other files are not touched.

    Raises:
        ReportError: a file of the same name was not made by the demo, or the folder cannot be written to.
        LockedError: a sync is writing to the database of an earlier demo.
    """
    db = output / DATABASE
    with made_in(output) as folder:
        check_ours([db], _is_of_demo, made_by="the demo")
        check_pages(output, page_names())
        result = sync_demo(folder / DATABASE)
        pages = make_pages(folder / DATABASE, folder / "pages")
        summary = coverage_summary(load_mirror(folder / DATABASE)).sentence
        with _free(db):
            moved = move_together({folder / DATABASE: db, **{page: output / page.name for page in pages}})
    is_as_planned = len(result.gaps) == 1 and result.outcome == "incomplete"
    return DemoResult(db, moved[1:], result, summary, is_as_planned)


def _is_of_demo(db: Path) -> bool:
    """Say whether a file is a database into which nothing but the demo was synced: its clock stands still."""
    try:
        with closing(connect_read_only(db)) as connection:
            started = {row[0] for row in connection.execute("select started_at from sync_runs")}
    except (OSError, sqlite3.Error):
        return False
    return bool(started) and started <= {instant.isoformat() for instant in (EARLIER, DEMO_NOW)}


@contextmanager
def _free(db: Path) -> Iterator[None]:
    """Hold the right to replace a database, with all that was written to it in the one file."""
    if not db.exists():
        yield
        return
    with writing(db):
        with closing(sqlite3.connect(db)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        yield


def sync_demo(db: Path) -> SyncResult:
    """Sync the demo account twice, with the one test that its server cannot serve.

    The first time is a month earlier, as it was then; another test could not be read that time. People were told of
    that state, so that the pages say what changed since.
    """
    today = demo_account()
    then = run(_sync(account_at(today, EARLIER), db, EARLIER, unreadable={DEMO_POISONED_TEST, UNREADABLE_THEN}))
    if then.run_id is not None:
        remember(db, kind="report", run_id=then.run_id, now=EARLIER)
    return run(_sync(today, db, DEMO_NOW, unreadable={DEMO_POISONED_TEST}))


async def _sync(account: Account, db: Path, now: datetime, *, unreadable: Collection[int]) -> SyncResult:
    app = create_app(account, token=TOKEN, faults=Faults(poisoned_tests=frozenset(unreadable)))
    transport = httpx.ASGITransport(app=app)
    settings = ApiSettings("http://testserver/customer/v2", TOKEN)
    async with Client(settings, transport=transport, waits=Waits(0, 0, 0)) as client:
        return await sync_async(db, client=client, clock=lambda: now)
