"""The sync of an account: what it is asked for, the row of its run in the ledger, and what it did."""

from __future__ import annotations

import operator
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from testio_analytics import errors
from testio_analytics.api.client import Client
from testio_analytics.api.credentials import Credentials
from testio_analytics.concurrency import run
from testio_analytics.config import resolve_api, resolve_db_path
from testio_analytics.mirror import database, history, ledger, redaction, schema
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
        runs_let_go: runs whose state can no longer be rebuilt, because their history was not to be kept.
    """

    run_id: int | None
    outcome: str
    streams: dict[str, Counts]
    gaps: tuple[Gap, ...]
    requests: int
    seconds: float
    runs_let_go: int = 0

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
    product_ids: int | Sequence[int] | None = None,
    streams: Sequence[str] | None = None,
    full: bool = False,
    dry_run: bool = False,
    keep_history: timedelta | None = None,
    client: Client | None = None,
    clock: Clock | None = None,
    progress: bool = True,
) -> SyncResult:
    """Mirror the account into the database and return what was done; the plain form of `sync_async`."""
    with progress_bar(shown=progress) as seen:
        return run(
            sync_async(
                db,
                product_ids=product_ids,
                streams=streams,
                full=full,
                dry_run=dry_run,
                keep_history=keep_history,
                client=client,
                clock=clock,
                progress=seen,
            )
        )


async def sync_async(
    db: str | Path | None = None,
    *,
    product_ids: int | Sequence[int] | None = None,
    streams: Sequence[str] | None = None,
    full: bool = False,
    dry_run: bool = False,
    keep_history: timedelta | None = None,
    client: Client | None = None,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> SyncResult:
    """Mirror the account into the database and return what was done.

    Args:
        db: path of the database; default as in `config`.
        product_ids: only these products, or only this one.
        streams: only these streams; ``products`` is always read, because everything belongs to a product. By default
            all but ``executions``.
        full: also mark rows as removed where more than half of a product's rows are gone, and read the bugs and results
            of every test again, of those that can no longer change as well.
        dry_run: fetch and compare, write nothing.
        keep_history: delete the history of runs that ended longer ago than that, when this run has come to its end; by
            default all of it is kept.
        client: an open client; by default one is made from the environment.
        clock: where the time of the run comes from.
        progress: filled in while the sync runs, and shown at each step.

    Raises:
        ApiError: nothing could be read (wrong token, no server).
        StoreError: the database cannot be used, or another sync is writing to it.
        UnknownValueError: there is no such stream, or what is given for a product is no id.
    """
    wanted, ids = checked_streams(streams), checked_ids(product_ids)
    path, started = resolve_db_path(db), time.monotonic()
    async with _client_or_own(client) as api, RowWorker() as worker:
        asked = Asked(wanted, ids, full, keep_history)
        before, tally = api.requests, Tally({stream: Counts() for stream in ("products", *wanted)})
        seen = progress or Progress()
        with _ledger(path, dry_run, asked, api, tally, clock or _utc_now) as target, _counted(api, seen):
            seen.run_id = target.run_id
            await sync_account(Job(asked, api, worker, tally, target), seen)
        return SyncResult(
            target.run_id,
            tally.outcome,
            tally.streams,
            tuple(tally.gaps),
            api.requests - before,
            time.monotonic() - started,
            tally.runs_let_go,
        )


async def sync_features(
    db: str | Path | None, client: Client, product_id: int, *, clock: Clock | None = None
) -> FeatureCounts:
    """Read the features of one product and return `created`, `updated`, `unchanged`, `removed`, `rejected`, `total`.

    What could not be read is in `gaps`; it is stored in ``sync_gaps`` as well.
    """
    result = await sync_async(db, product_ids=[product_id], streams=["features"], client=client, clock=clock)
    return FeatureCounts(**asdict(result.streams["features"]), gaps=result.gaps)


def checked_ids(product_ids: int | Sequence[int] | None) -> Sequence[int] | None:
    """Return the ids of the products to read, None for all.

    Raises:
        UnknownValueError: one of them is no id: before anything is read, nobody knows a product by its name.
    """
    if product_ids is None:
        return None
    asked = [product_ids] if isinstance(product_ids, (int, str)) else [*product_ids]
    for value in asked:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise errors.UnknownValueError("product_ids", value, ["ids of products, such as 21362"])
    return [operator.index(value) for value in asked]


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
def _counted(api: Client, progress: Progress) -> Iterator[None]:
    """Count the requests of a client as they are sent."""
    before = api.requests

    def sent() -> None:
        progress.requests = api.requests - before
        progress.show(progress)

    api.on_sent = sent
    try:
        yield
    finally:
        api.on_sent = None


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Progress]:
    """Yield a progress that draws a bar over the products, with the requests beside, in a terminal or in a notebook."""
    if not shown:
        yield Progress()
        return
    from tqdm.auto import tqdm  # widgets are imported only where a bar is drawn

    # It is told of every request, and draws ten times a second at most.
    with tqdm(desc="Products", unit="product", leave=False, miniters=0) as bar:

        def show(progress: Progress) -> None:
            bar.total = progress.products or None
            bar.set_postfix_str(f"{progress.requests:,} requests", refresh=False)
            bar.update(progress.finished - bar.n)

        yield Progress(show)


@contextmanager
def _ledger(path: Path, dry_run: bool, asked: Asked, api: Client, tally: Tally, clock: Clock) -> Iterator[Target]:
    """Open the database, hold the lock, and see that the run's row says how it ended, whatever happens."""
    known = Credentials(tokens=api.secrets)
    if dry_run:
        with database.open_copy(path) as db:
            yield Target(db, db, None, clock, known=known)
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
                yield Target(db, beside, run_id, clock, known=known)
            outcome = tally.outcome
        except sqlite3.OperationalError as failed:
            outcome, error = "failed", str(file_error(path, failed))
            raise
        except errors.TestioError as failed:
            outcome, error = "failed", str(failed)
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
            redaction.cut_stored(db, known)  # only now are all known, also where the run broke off
        if asked.keep_history is not None:
            tally.runs_let_go = history.let_go(db, keep=asked.keep_history, now=clock())
