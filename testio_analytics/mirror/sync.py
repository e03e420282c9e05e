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
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from testio_analytics import errors
from testio_analytics.api.client import Client
from testio_analytics.concurrency import gather, gc_paused, run, run_in_thread
from testio_analytics.config import resolve_api, resolve_db_path
from testio_analytics.mirror import database, diff, ledger, rows, schema, store
from testio_analytics.mirror.diff import ChangeSet, Counts, Gap, StreamRead
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.streams import due
from testio_analytics.mirror.streams.bugs import link_by_results, read_bugs
from testio_analytics.mirror.streams.features import read_features
from testio_analytics.mirror.streams.products import product_rows
from testio_analytics.mirror.streams.results import bugs_named, read_executions, read_results
from testio_analytics.mirror.streams.tests import read_tests
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


@dataclass
class _Tally:
    """What a run has done so far."""

    streams: dict[str, Counts]
    gaps: list[Gap] = field(default_factory=list)
    unknown_fields: Counter[str] = field(default_factory=Counter)

    def add(self, plan: ChangeSet) -> None:
        """Count a plan that was carried out. The account's own read repeats the products, so it brings no counts."""
        self.gaps.extend(plan.gaps)
        counts = (
            plan.counts
            if plan.product_id is not None
            else Counts(removed=plan.counts.removed, rejected=plan.counts.rejected)
        )
        self.streams[plan.read.stream] += counts
        self.unknown_fields += rows.unknown_fields(plan.read.rows)


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
    path, clock = resolve_db_path(db), clock or _utc_now
    started = time.monotonic()
    async with _client_or_own(client) as api, RowWorker() as compute:
        requests_before = api.requests
        tally = _Tally({stream: Counts() for stream in ("products", *wanted)})
        with _ledger(path, dry_run, clock, full, wanted, product_ids, api, tally) as (store_db, beside, run_id):
            await _sync_account(
                store_db, beside, run_id, api, compute, tally, wanted, product_ids, full, clock, progress
            )
        return SyncResult(
            run_id,
            "incomplete" if tally.gaps else "complete",
            tally.streams,
            tuple(tally.gaps),
            api.requests - requests_before,
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


@contextmanager
def _ledger(
    path: Path,
    dry_run: bool,
    clock: Clock,
    full: bool,
    wanted: Sequence[str],
    product_ids: Sequence[int] | None,
    api: Client,
    tally: _Tally,
) -> Iterator[tuple[Database, Database, int | None]]:
    """Open the database, hold the lock, and see that the run's row says how it ended, whatever happens.

    Yields the database to write to, the same one to read from while that is written to, and the number of the run.
    """
    if dry_run:
        with database.open_copy(path) as db:
            yield db, db, None
        return
    with database.writing(path), database.open_store(path) as db:
        run_id = ledger.begin_run(
            db,
            now=clock(),
            mode="full" if full else "normal",
            streams=("products", *wanted),
            products=product_ids,
            version=version("testio-analytics"),
        )
        before, outcome, error = api.requests, "interrupted", None
        try:
            with database.open_beside(path) as beside:
                yield db, beside, run_id
            outcome = "incomplete" if tally.gaps else "complete"
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


async def _sync_account(
    db: Database,
    beside: Database,
    run_id: int | None,
    api: Client,
    compute: RowWorker,
    tally: _Tally,
    wanted: Sequence[str],
    product_ids: Sequence[int] | None,
    full: bool,
    clock: Clock,
    progress: Progress | None,
) -> None:
    products = await _products(api, product_ids)
    found = Rows()
    usable: dict[int, tuple[Any, Rows]] = {}
    for payload in products:
        product = product_rows(payload, secrets=api.secrets)
        found.extend(product)
        for row in product.of(schema.PRODUCTS):
            usable.setdefault(row["id"], (payload, product))
    done = 0
    at_once = asyncio.Semaphore(api.concurrency)  # bounds what is held in memory, not the requests
    one_writer = asyncio.Lock()

    async def one(product_id: int, payload: Any, product: Rows) -> None:
        nonlocal done
        async with at_once:
            reads = await _read_product(beside, api, compute, payload, product, wanted, full)
            await _finish(reads, product_id)
        found.by_table["products"].update(reads[0].rows.by_table["products"])  # as it was when it was read last
        done += 1
        if progress:
            progress(done, len(usable))

    async def _finish(reads: Sequence[StreamRead], product_id: int | None) -> None:
        async with one_writer:
            plans = await run_in_thread(lambda: _write(db, reads, product_id, full, run_id, clock()))
        for plan in plans:
            tally.add(plan)

    if progress:
        progress(0, len(usable))
    await gather(*(one(product_id, *parts) for product_id, parts in usable.items()))
    if product_ids is None:
        await _finish([_of_account(found)], None)


def _write(
    db: Database, reads: Sequence[StreamRead], product_id: int | None, full: bool, run_id: int | None, now: datetime
) -> list[ChangeSet]:
    """Compare what was read with what is stored, and write the difference in one transaction."""
    with gc_paused():
        plans = [diff.plan(db, read, product_id=product_id, full=full) for read in reads]
        if run_id is not None:
            store.save(db, plans, run_id=run_id, now=now)
    return plans


def _of_product(product: Rows) -> StreamRead:
    """Return what one product's own payload says: its row and its sections."""
    own = Rows(product.by_table, [rejected for rejected in product.rejections if rejected.table != "products"])
    return StreamRead("products", own)


def _of_account(found: Rows) -> StreamRead:
    """Return the list of products as such: which there are, and which could not be read."""
    own = Rows(rejections=[rejected for rejected in found.rejections if rejected.table == "products"])
    own.by_table["products"] = found.by_table["products"]
    return StreamRead("products", own)


async def _products(api: Client, product_ids: Sequence[int] | None) -> list[Any]:
    if product_ids is None:
        return await api.products()
    return await gather(*(api.product(product_id) for product_id in dict.fromkeys(product_ids)))


async def _read_product(
    db: Database, api: Client, compute: RowWorker, payload: Any, product: Rows, wanted: Sequence[str], full: bool
) -> list[StreamRead]:
    """Read the wanted streams of one product, and return them after what the product says of itself."""
    product_id = int(payload["id"])
    features, tests = await gather(
        read_features(api, compute, payload) if "features" in wanted else _nothing(),
        _read_tests(db, api, compute, product_id, wanted, full),
    )
    if features is not None and features[1] is not payload:  # it was sectioned after all
        product = product_rows(features[1], secrets=api.secrets)
    return [_of_product(product), *([] if features is None else [features[0]]), *tests]


async def _read_tests(
    db: Database, api: Client, compute: RowWorker, product_id: int, wanted: Sequence[str], full: bool
) -> list[StreamRead]:
    """Read the tests of one product, then what came of those that may have changed."""
    tests = await read_tests(db, api, compute, product_id) if "tests" in wanted else None
    known = due.known_tests(db, product_id, tests)

    def tests_for(stream: str) -> list[int]:
        return due.due_tests(db, product_id, stream, known, full=full)

    bugs, results = await gather(
        read_bugs(api, compute, product_id, tests_for("bugs"), known) if "bugs" in wanted else _nothing(),
        read_results(api, compute, product_id, tests_for("results"), known) if "results" in wanted else _nothing(),
    )
    if bugs is not None:
        link_by_results(bugs.rows, bugs_named(_results_of(db, product_id, results)))
    executions = None
    if "executions" in wanted:
        versions = _versions_of(db, product_id, results)
        executions = await read_executions(api, product_id, tests_for("executions"), known, versions)
    return [read for read in (tests, bugs, results, executions) if read is not None]


def _results_of(db: Database, product_id: int, read: StreamRead | None) -> list[Any]:
    """Return the results of features as they are now: those just read, and the stored ones of other tests."""
    return [*_rows_of(read, schema.TEST_FEATURE_RESULTS), *due.stored_results(db, product_id, _tests_of(read))]


def _versions_of(db: Database, product_id: int, read: StreamRead | None) -> list[Any]:
    """Return the versions of stories in tests, likewise."""
    return [*_rows_of(read, schema.TEST_USER_STORIES), *due.stored_versions(db, product_id, _tests_of(read))]


def _rows_of(read: StreamRead | None, table: schema.Table) -> list[Any]:
    return [] if read is None else read.rows.of(table)


def _tests_of(read: StreamRead | None) -> set[int]:
    return set() if read is None or read.tests is None else {*read.tests.statuses} - read.tests.unsound


async def _nothing() -> None:
    return None
