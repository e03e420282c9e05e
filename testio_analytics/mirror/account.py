"""The order in which an account is read and written.

Account → products (with sections) → per product: features (with sections and stories) and tests (with test
features), then the bugs and results of the tests that may have new ones, fetched completely, then written in one
transaction. What cannot be read becomes a gap by name; everything else is stored.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from testio_analytics.api.client import Client
from testio_analytics.api.credentials import Credentials
from testio_analytics.concurrency import gather, run_in_thread
from testio_analytics.mirror import diff, redaction, rows, schema, store
from testio_analytics.mirror.diff import ChangeSet, Counts, Gap, StreamRead
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.selection import Selection, all_products, products_by_id
from testio_analytics.mirror.streams.bugs import link_by_results, read_bugs, with_gone, with_named, with_vanished
from testio_analytics.mirror.streams.features import read_features
from testio_analytics.mirror.streams.offers import found_before
from testio_analytics.mirror.streams.products import product_rows
from testio_analytics.mirror.streams.results import bugs_named, current_rows, read_executions, read_results
from testio_analytics.mirror.streams.tests import due_tests, known_tests, read_tests, tests_without
from testio_analytics.mirror.worker import RowWorker

Clock = Callable[[], datetime]


@dataclass
class Progress:
    """How far a sync has come: filled in while it runs, and shown at each step.

    Attributes:
        show: called at each step, which is each request and each product.
        run_id: number of the run, None as long as it has none.
        products, finished: all products to read, and those that were read and stored.
        requests: requests sent, retries included.
    """

    show: Callable[[Progress], object] = lambda _: None
    run_id: int | None = None
    products: int = 0
    finished: int = 0
    requests: int = 0


@dataclass(frozen=True)
class Asked:
    """What a sync is asked for: streams beside the products, products (None for all), and what `full` confirms.

    With `keep_history`, the history of runs that ended longer ago than that is deleted.
    """

    streams: tuple[str, ...]
    product_ids: Sequence[int] | None
    full: bool
    keep_history: timedelta | None = None


@dataclass
class Tally:
    """What a run has done so far."""

    streams: dict[str, Counts]
    gaps: list[Gap] = field(default_factory=list)
    unknown_fields: Counter[str] = field(default_factory=Counter)
    runs_let_go: int = 0

    @property
    def outcome(self) -> str:
        """How the run ends if nothing else happens."""
        return "incomplete" if self.gaps else "complete"

    def add(self, changes: ChangeSet) -> None:
        """Count what was carried out. The account's own read repeats the products, so it brings no counts."""
        self.gaps.extend(changes.gaps)
        counts = changes.counts
        if changes.product_id is None:
            counts = Counts(removed=counts.removed, rejected=counts.rejected)
        self.streams[changes.read.stream] += counts
        self.unknown_fields += rows.unknown_fields(changes.read.rows)


@dataclass(frozen=True)
class Target:
    """Where a sync writes.

    Attributes:
        db: the connection that writes.
        beside: one that reads while `db` is written to; the same as `db` for a dry run.
        run_id: the number of the run; None for a dry run.
        clock: where the time of a write comes from.
        turn: one product is written at a time.
        known: the credentials met so far, which no text may quote.
    """

    db: Database
    beside: Database
    run_id: int | None
    clock: Clock
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    known: Credentials = field(default_factory=Credentials)


@dataclass(frozen=True)
class Job:
    """One sync: what it is asked for, what it reads with, and where its rows and counts go."""

    asked: Asked
    api: Client
    worker: RowWorker
    tally: Tally
    target: Target


async def sync_account(job: Job, progress: Progress) -> None:
    """Read and write product after product, several at a time, and at the end the list of products as such."""
    found, products = Rows(), dict[int, tuple[Any, Rows]]()
    selected = await _selected(job)
    for payload in selected.payloads:
        rows = product_rows(payload)
        found.extend(rows)
        for row in rows.of(schema.PRODUCTS):
            products.setdefault(row["id"], (payload, rows))
    progress.products = len(products)
    at_once = asyncio.Semaphore(job.api.concurrency)  # bounds what is held in memory, not the requests

    async def one(product_id: int, payload: Any, rows: Rows) -> None:
        async with at_once:
            reads = await _read_product(job, product_id, payload, rows)
            await _store(job, reads, product_id)
        found.by_table["products"].update(reads[0].rows.by_table["products"])  # as it was when it was read last
        progress.finished += 1
        progress.show(progress)

    progress.show(progress)
    await gather(*(one(product_id, *parts) for product_id, parts in products.items()))
    if job.asked.product_ids is None:
        await _store(job, [_of_account(found, selected.gaps)], None)
    else:
        await _store_unread(job, selected)
    if job.target.run_id is not None:
        asked, target = job.asked.product_ids or (), job.target
        store.let_go_of_unasked(target.db, asked, run_id=job.target.run_id, now=target.clock())


async def _store_unread(job: Job, selected: Selection) -> None:
    """Note the products that could not be read by their id, and mark those that are gone."""
    for gap in selected.gaps:
        await _store(job, [StreamRead("products", Rows(), (gap,), None)], gap.product_id)
    for product_id in selected.gone:
        await _store(job, [StreamRead("products", Rows())], product_id, is_confirmed=True)


async def _selected(job: Job) -> Selection:
    asked, db = job.asked, job.target.beside
    if asked.product_ids is None:
        return await all_products(job.api, db, full=asked.full)
    return await products_by_id(job.api, db, asked.product_ids)


async def _store(job: Job, reads: Sequence[StreamRead], product_id: int | None, *, is_confirmed: bool = False) -> None:
    """Write the difference between what was read and what is stored, in one transaction, and count it.

    With `is_confirmed`, what did not come is known to be gone, however much it is.
    """
    target, full = job.target, job.asked.full or is_confirmed

    def write() -> list[ChangeSet]:
        redaction.learn(target.db, target.known, reads)
        clean = [redaction.cut_read(read, target.known) for read in reads]
        changes = [diff.change_set(target.db, read, product_id=product_id, full=full) for read in clean]
        if target.run_id is not None:
            store.save(target.db, changes, run_id=target.run_id, now=target.clock())
        return changes

    async with target.turn:
        for changes in await run_in_thread(write):
            job.tally.add(changes)


def _of_product(product: Rows) -> StreamRead:
    """Return what one product's own payload says: its row and its sections."""
    own = Rows(product.by_table, [rejected for rejected in product.rejections if rejected.table != "products"])
    return StreamRead("products", own)


def _of_account(found: Rows, gaps: Sequence[Gap]) -> StreamRead:
    """Return the list of products as such: which there are, and which could not be read."""
    own = Rows(rejections=[rejected for rejected in found.rejections if rejected.table == "products"])
    own.by_table["products"] = found.by_table["products"]
    return StreamRead("products", own, tuple(gaps), None if gaps else 0)


async def _read_product(job: Job, product_id: int, payload: Any, product: Rows) -> list[StreamRead]:
    """Read the wanted streams of one product, and return them after what the product says of itself."""
    features, tests = await gather(
        _read_features(job, product_id, payload) if "features" in job.asked.streams else _nothing(),
        _read_tests(job, product_id),
    )
    if features is None:
        return [_of_product(product), *tests]
    read, again = features
    if again is not payload:  # it was sectioned after all
        product = product_rows(again)
    return [_of_product(product), read, *tests]


async def _read_features(job: Job, product_id: int, payload: Any) -> tuple[StreamRead, Any]:
    before = found_before(job.target.beside, product_id, full=job.asked.full)
    return await read_features(job.api, job.worker, payload, before)


async def _read_tests(job: Job, product_id: int) -> list[StreamRead]:
    """Read the tests of one product, then what came of those that may have changed."""
    api, worker, streams, db = job.api, job.worker, job.asked.streams, job.target.beside
    full = job.asked.full
    tests = await read_tests(db, api, worker, product_id, full=full) if "tests" in streams else None
    known = known_tests(db, product_id, tests)

    def due(stream: str) -> list[int]:
        return due_tests(db, stream, known, full=full)

    bugs, results = await gather(
        read_bugs(api, worker, due("bugs"), known) if "bugs" in streams else _nothing(),
        read_results(api, worker, due("results"), known) if "results" in streams else _nothing(),
    )
    if bugs is not None:
        if results is not None:
            bugs = with_gone(await with_named(api, worker, bugs, results, known), results, known)
        named = current_rows(db, schema.TEST_FEATURE_RESULTS, "feature_id, bug_ids", product_id, results)
        bugs = await with_vanished(db, api, bugs, known, full=full)
        link_by_results(bugs.rows, bugs_named(named))
    executions = None
    if "executions" in streams:
        columns = "test_id, user_story_id, user_story_version_id"
        versions = current_rows(db, schema.TEST_USER_STORIES, columns, product_id, results)
        without = tests_without(db, "results", known, results)
        executions = await read_executions(api, due("executions"), known, versions, without)
    return [read for read in (tests, bugs, results, executions) if read is not None]


async def _nothing() -> None:
    return None
