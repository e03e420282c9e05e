"""The order of work of a sync, and nothing else.

Account → products (with sections) → per product: features (with sections and stories) and tests (with test
features), then the bugs and results of the tests that may have new ones, fetched completely, then written in one
transaction. What cannot be read becomes a gap by name; everything else is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from testio_analytics import errors
from testio_analytics.api.client import Client
from testio_analytics.concurrency import gather, run, run_in_thread
from testio_analytics.config import resolve_api, resolve_db_path
from testio_analytics.mirror import database, diff, ledger, rows, schema, store
from testio_analytics.mirror.diff import ChangeSet, Counts, Gap, StreamRead
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.streams.bugs import link_by_results, read_bugs
from testio_analytics.mirror.streams.features import read_features
from testio_analytics.mirror.streams.products import product_rows
from testio_analytics.mirror.streams.results import bugs_named, current_rows, read_executions, read_results
from testio_analytics.mirror.streams.tests import due_tests, known_tests, read_tests
from testio_analytics.mirror.worker import RowWorker

Clock = Callable[[], datetime]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SyncResult:
    """What a sync did.

    Attributes:
        run_id: number of the run in ``sync_runs``; None for a dry run.
        outcome: ``complete``, or ``incomplete`` where `gaps` is not empty.
        streams: counts per stream.
        gaps: what could not be read.
        requests: requests sent, retries included.
        seconds: how long it took.
    """

    run_id: int | None
    outcome: str
    streams: dict[str, Counts]
    gaps: tuple[Gap, ...]
    requests: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the result as the plain object that ``--json`` prints."""
        return {
            "run_id": self.run_id,
            "outcome": self.outcome,
            "streams": {stream: asdict(counts) for stream, counts in self.streams.items()},
            "gaps": [
                {"product_id": gap.product_id, "stream": gap.stream, "where": gap.where, "reason": gap.reason}
                for gap in self.gaps
            ],
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class FeatureCounts(Counts):
    """What the feature sync of one product did, and what it could not read."""

    gaps: tuple[Gap, ...] = ()


def sync(
    db: str | Path | None = None,
    *,
    product_ids: Sequence[int] | None = None,
    streams: Sequence[str] | None = None,
    full: bool = False,
    dry_run: bool = False,
    client: Client | None = None,
    clock: Clock | None = None,
    progress: bool = True,
) -> SyncResult:
    """Mirror the account into the database and return what was done; the plain form of `sync_async`."""
    with progress_bar(shown=progress) as advance:
        return run(
            sync_async(
                db,
                product_ids=product_ids,
                streams=streams,
                full=full,
                dry_run=dry_run,
                client=client,
                clock=clock,
                progress=advance,
            )
        )


async def sync_async(
    db: str | Path | None = None,
    *,
    product_ids: Sequence[int] | None = None,
    streams: Sequence[str] | None = None,
    full: bool = False,
    dry_run: bool = False,
    client: Client | None = None,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> SyncResult:
    """Mirror the account into the database and return what was done.

    Args:
        db: path of the database; default as in `config`.
        product_ids: only these products.
        streams: only these streams; ``products`` is always read, because everything belongs to a product. By default
            all but ``executions``.
        full: also mark rows as removed where more than half of a product's rows are gone, and read the bugs and results
            of every test again, of those that can no longer change as well.
        dry_run: fetch and compare, write nothing.
        client: an open client; by default one is made from the environment.
        clock: where the time of the run comes from.
        progress: called with the number of products done and of all products.

    Raises:
        ApiError: nothing could be read (wrong token, no server).
        StoreError: the database cannot be used, or another sync is writing to it.
        UnknownValueError: there is no such stream.
    """
    wanted = checked_streams(streams)
    path, started = resolve_db_path(db), time.monotonic()
    async with _client_or_own(client) as api, RowWorker() as worker:
        asked = _Asked(wanted, product_ids, full)
        before, tally = api.requests, _Tally({stream: Counts() for stream in ("products", *wanted)})
        with _ledger(path, dry_run, asked, api, tally, clock or _utc_now) as target:
            await _sync_account(_Job(asked, api, worker, tally, target), progress or _no_progress)
        return SyncResult(
            target.run_id,
            tally.outcome,
            tally.streams,
            tuple(tally.gaps),
            api.requests - before,
            time.monotonic() - started,
        )


async def sync_features(
    db: str | Path | None, client: Client, product_id: int, *, clock: Clock | None = None
) -> FeatureCounts:
    """Read the features of one product and return `created`, `updated`, `unchanged`, `removed`, `rejected`, `total`.

    What could not be read is in `gaps`; it is stored in ``sync_gaps`` as well.
    """
    result = await sync_async(db, product_ids=[product_id], streams=["features"], client=client, clock=clock)
    return FeatureCounts(**asdict(result.streams["features"]), gaps=result.gaps)


def checked_streams(streams: Sequence[str] | None) -> tuple[str, ...]:
    """Return the streams to read beside the products, in reading order; for None all that need no asking.

    Raises:
        UnknownValueError: there is no such stream.
    """
    known = schema.STREAMS + schema.ON_REQUEST
    for stream in streams or ():
        if stream not in known:
            raise errors.UnknownValueError("The stream", stream, known)
    wanted = schema.STREAMS if streams is None else streams
    return tuple(stream for stream in known if stream != "products" and stream in wanted)


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@asynccontextmanager
async def _client_or_own(client: Client | None) -> AsyncIterator[Client]:
    if client is not None:
        yield client
        return
    async with Client(resolve_api()) as own:
        yield own


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Progress | None]:
    """Yield a function that moves a progress bar over the products, in a terminal or in a notebook."""
    if not shown:
        yield None
        return
    from tqdm.auto import tqdm  # widgets are imported only where a bar is drawn

    with tqdm(desc="Products", unit="product", leave=False) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            bar.refresh()

        yield advance


@dataclass(frozen=True)
class _Asked:
    """What a sync is asked for: streams beside the products, products (None for all), and what `full` confirms."""

    streams: tuple[str, ...]
    product_ids: Sequence[int] | None
    full: bool


@dataclass
class _Tally:
    """What a run has done so far."""

    streams: dict[str, Counts]
    gaps: list[Gap] = field(default_factory=list)
    unknown_fields: Counter[str] = field(default_factory=Counter)

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
class _Target:
    """Where a sync writes.

    Attributes:
        db: the connection that writes.
        beside: one that reads while `db` is written to; the same as `db` for a dry run.
        run_id: the number of the run; None for a dry run.
        clock: where the time of a write comes from.
        turn: one product is written at a time.
    """

    db: Database
    beside: Database
    run_id: int | None
    clock: Clock
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class _Job:
    """One sync: what it is asked for, what it reads with, and where its rows and counts go."""

    asked: _Asked
    api: Client
    worker: RowWorker
    tally: _Tally
    target: _Target


@contextmanager
def _ledger(path: Path, dry_run: bool, asked: _Asked, api: Client, tally: _Tally, clock: Clock) -> Iterator[_Target]:
    """Open the database, hold the lock, and see that the run's row says how it ended, whatever happens."""
    if dry_run:
        with database.open_copy(path) as db:
            yield _Target(db, db, None, clock)
        return
    with database.writing(path), database.open_store(path) as db:
        run_id = ledger.begin_run(
            db,
            now=clock(),
            mode="full" if asked.full else "normal",
            streams=("products", *asked.streams),
            products=asked.product_ids,
            version=version("testio-analytics"),
        )
        before, outcome, error = api.requests, "interrupted", None
        try:
            with database.open_beside(path) as beside:
                yield _Target(db, beside, run_id, clock)
            outcome = tally.outcome
        except errors.TestioError as failed:
            outcome, error = "failed", str(failed)
            failed.run_id, failed.requests = run_id, api.requests - before
            raise
        finally:
            ledger.end_run(
                db,
                run_id,
                now=clock(),
                outcome=outcome,
                requests=api.requests - before,
                counts=tally.streams,
                unknown_fields=tally.unknown_fields,
                error=error,
            )


async def _sync_account(job: _Job, progress: Progress) -> None:
    """Read and write product after product, several at a time, and at the end the list of products as such."""
    found, products = Rows(), dict[int, tuple[Any, Rows]]()
    for payload in await _products(job):
        rows = product_rows(payload, secrets=job.api.secrets)
        found.extend(rows)
        for row in rows.of(schema.PRODUCTS):
            products.setdefault(row["id"], (payload, rows))
    done = count(1)
    at_once = asyncio.Semaphore(job.api.concurrency)  # bounds what is held in memory, not the requests

    async def one(product_id: int, payload: Any, rows: Rows) -> None:
        async with at_once:
            reads = await _read_product(job, product_id, payload, rows)
            await _store(job, reads, product_id)
        found.by_table["products"].update(reads[0].rows.by_table["products"])  # as it was when it was read last
        progress(next(done), len(products))

    progress(0, len(products))
    await gather(*(one(product_id, *parts) for product_id, parts in products.items()))
    if job.asked.product_ids is None:
        await _store(job, [_of_account(found)], None)


async def _products(job: _Job) -> list[Any]:
    if job.asked.product_ids is None:
        return await job.api.products()
    return await gather(*(job.api.product(product_id) for product_id in dict.fromkeys(job.asked.product_ids)))


async def _store(job: _Job, reads: Sequence[StreamRead], product_id: int | None) -> None:
    """Write the difference between what was read and what is stored, in one transaction, and count it."""
    target = job.target

    def write() -> list[ChangeSet]:
        changes = [diff.plan(target.db, read, product_id=product_id, full=job.asked.full) for read in reads]
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


def _of_account(found: Rows) -> StreamRead:
    """Return the list of products as such: which there are, and which could not be read."""
    own = Rows(rejections=[rejected for rejected in found.rejections if rejected.table == "products"])
    own.by_table["products"] = found.by_table["products"]
    return StreamRead("products", own)


async def _read_product(job: _Job, product_id: int, payload: Any, product: Rows) -> list[StreamRead]:
    """Read the wanted streams of one product, and return them after what the product says of itself."""
    features, tests = await gather(
        read_features(job.api, job.worker, payload) if "features" in job.asked.streams else _nothing(),
        _read_tests(job, product_id),
    )
    if features is None:
        return [_of_product(product), *tests]
    read, again = features
    if again is not payload:  # it was sectioned after all
        product = product_rows(again, secrets=job.api.secrets)
    return [_of_product(product), read, *tests]


async def _read_tests(job: _Job, product_id: int) -> list[StreamRead]:
    """Read the tests of one product, then what came of those that may have changed."""
    api, worker, streams, db = job.api, job.worker, job.asked.streams, job.target.beside
    tests = await read_tests(db, api, worker, product_id) if "tests" in streams else None
    known = known_tests(db, product_id, tests)

    def due(stream: str) -> list[int]:
        return due_tests(db, stream, known, full=job.asked.full)

    bugs, results = await gather(
        read_bugs(api, worker, due("bugs"), known) if "bugs" in streams else _nothing(),
        read_results(api, worker, due("results"), known) if "results" in streams else _nothing(),
    )
    if bugs is not None:
        named = current_rows(db, schema.TEST_FEATURE_RESULTS, "feature_id, bug_ids", product_id, results)
        link_by_results(bugs.rows, bugs_named(named))
    executions = None
    if "executions" in streams:
        columns = "test_id, user_story_id, user_story_version_id"
        versions = current_rows(db, schema.TEST_USER_STORIES, columns, product_id, results)
        executions = await read_executions(api, due("executions"), known, versions)
    return [read for read in (tests, bugs, results, executions) if read is not None]


async def _nothing() -> None:
    return None


def _no_progress(done: int, total: int) -> None:
    """Show nothing."""
