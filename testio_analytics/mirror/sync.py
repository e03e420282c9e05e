"""The sync of an account: what it is asked for, the row of its run in the ledger, and what it did."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from testio_analytics import errors
from testio_analytics.api.client import Client
from testio_analytics.concurrency import run
from testio_analytics.config import resolve_api, resolve_db_path
from testio_analytics.mirror import database, ledger, schema
from testio_analytics.mirror.account import Asked, Clock, Job, Progress, Tally, Target, sync_account
from testio_analytics.mirror.diff import Counts, Gap
from testio_analytics.mirror.file_errors import file_error
from testio_analytics.mirror.worker import RowWorker


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
        asked = Asked(wanted, product_ids, full)
        before, tally = api.requests, Tally({stream: Counts() for stream in ("products", *wanted)})
        with _ledger(path, dry_run, asked, api, tally, clock or _utc_now) as target:
            await sync_account(Job(asked, api, worker, tally, target), progress or _no_progress)
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


@contextmanager
def _ledger(path: Path, dry_run: bool, asked: Asked, api: Client, tally: Tally, clock: Clock) -> Iterator[Target]:
    """Open the database, hold the lock, and see that the run's row says how it ended, whatever happens."""
    if dry_run:
        with database.open_copy(path) as db:
            yield Target(db, db, None, clock)
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
                yield Target(db, beside, run_id, clock)
            outcome = tally.outcome
        except sqlite3.OperationalError as failed:
            outcome, error = "failed", str(file_error(path, failed))
            raise
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


def _no_progress(done: int, total: int) -> None:
    """Show nothing."""
