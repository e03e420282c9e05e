"""What the history costs: the size of the file, the time of a sync, and the time to rebuild an earlier state.

100 syncs, a day apart, of an account of 50 products in which 1 % of the rows of each kind change every day. The size is held
against a new file of the last state, and the values that changed; the time of a sync against that of the same sync without
writing history, on a copy of the same file, alternating. Run it by hand::

    python tests/benchmarks/history.py [--days 100]

The exit code is 1 when a figure is over its limit.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from syncing import NOW, query, sync_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.generate import generate_account
from testio_analytics.frames.loaders import load_mirror, load_row_changes
from testio_analytics.mirror import history
from testio_analytics.mirror.schema import ALL_TABLES

CHANGED = 0.01
PAIRED_EVERY = 4
MOST_TIMES_VALUES, MOST_SYNC_GROWTH, MOST_TIMES_LOADING = 1.5, 0.05, 2.0
WORDS = "the cart keeps what was chosen after a new login and shows its price with tax in every language".split()

State = dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]


def change(account: Account, rng: random.Random, day: int) -> None:
    """Change one row of a hundred of each kind; the bugs are those of tests that were opened again for this day."""
    features = [feature for product in account.products for feature in product.features]
    for feature in rng.sample(features, round(CHANGED * len(features))):
        feature.payload["description"] = " ".join(rng.choices(WORDS, k=15))
    stories = [story for feature in features for story in feature.payload["user_stories"]]
    for story in rng.sample(stories, round(CHANGED * len(stories))):
        story["title"] = " ".join(rng.choices(WORDS, k=6))
    cycles = [cycle for product in account.products for cycle in product.cycles]
    for cycle in cycles:
        cycle.payload["status"] = "archived"
    for cycle in rng.sample(cycles, round(CHANGED * len(cycles))):
        cycle.payload["status"] = "locked"
        for bug in cycle.bugs:
            bug.payload["status"] = ("accepted", "rejected", "forwarded")[day % 3]


def contents(db: Path) -> State:
    """Return what the API said of each row, by table and key."""
    found = State()
    for table in ALL_TABLES:
        if table.is_mirrored:
            names = [name for name in table.content_columns if name != "raw_data"]
            rows = query(db, f"select {', '.join(table.key)}, removed_at, {', '.join(names)} from {table.name}")
            found[table.name] = {row[: len(table.key)]: row[len(table.key) :] for row in rows}
    return found


def changed_bytes(before: State, after: State) -> tuple[int, int]:
    """Return how many rows differ, and the bytes of their old and new values as text."""
    rows = size = 0
    for name, now in after.items():
        for key, values in now.items():
            known = before[name].get(key, (None,) * len(values))
            pairs = [(old, new) for old, new in zip(known, values, strict=True) if old != new]
            rows += bool(pairs)
            size += sum(len(str(value).encode()) for pair in pairs for value in pair if value is not None)
    return rows, size


@contextmanager
def no_history() -> Iterator[None]:
    """Let syncs write no history."""
    with (
        patch.object(history, "keep", lambda *_: None),
        patch.object(history, "kept_ledger", lambda *_, **__: nullcontext()),
        patch.object(history, "note_reads", lambda *_: None),
    ):
        yield


def seconds(do: Callable[[], object]) -> float:
    """Return the processor time of a call in this process."""
    before = time.process_time()
    do()
    return time.process_time() - before


def timed_pair(account: Account, db: Path, day: int) -> tuple[float, float]:
    """Sync the file with history and a copy of it without, in an order that alternates; return the seconds of each."""
    copy, now = db.with_name("copy.db"), NOW + timedelta(days=day)
    whole_size(db)
    shutil.copyfile(db, copy)

    def without() -> float:
        with no_history():
            return seconds(lambda: sync_account(account, copy, now=now))

    if day % (2 * PAIRED_EVERY) == 1:
        first = without()
        return seconds(lambda: sync_account(account, db, now=now)), first
    return seconds(lambda: sync_account(account, db, now=now)), without()


def whole_size(db: Path) -> int:
    """Return the bytes of the file, with its log written back."""
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    return db.stat().st_size


def main(days: int) -> int:
    """Print each figure beside its limit, and return the exit code."""
    account, rng = generate_account(seed=1, products=50, features=1_500, tests=500, bugs=4_000), random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        db = Path(name) / "kept.db"
        pairs, rows, values = list[tuple[float, float]](), 0, 0
        for day in range(days):
            before = contents(db) if day else State()
            if day:
                change(account, rng, day)
            if day % PAIRED_EVERY == 1:
                pairs.append(timed_pair(account, db, day))
            else:
                sync_account(account, db, now=NOW + timedelta(days=day))
            if day:
                more = changed_bytes(before, contents(db))
                rows, values = rows + more[0], values + more[1]
        entries = len(load_row_changes(db))
        sync_account(account, db, now=NOW + timedelta(days=days))
        after_the_last = len(load_row_changes(db))
        sync_account(account, db, now=NOW + timedelta(days=days))
        settled = len(load_row_changes(db)) - after_the_last
        return report(account, db, pairs, rows, values, entries, settled, days)


def report(
    account: Account,
    db: Path,
    pairs: list[tuple[float, float]],
    rows: int,
    values: int,
    entries: int,
    settled: int,
    days: int,
) -> int:
    """Print each figure beside its limit, and return the exit code."""
    fresh = db.with_name("fresh.db")
    sync_account(account, fresh, now=NOW + timedelta(days=days))
    size, once = whole_size(db), whole_size(fresh)
    tight, tight_once = (packed_size(path) for path in (db, fresh))
    select = (
        "select name, sum(pgsize) from dbstat where name in ('row_changes', 'stream_reads', 'packed_runs') group by 1"
    )
    parts = dict(query(db, select))
    limit = once + MOST_TIMES_VALUES * values
    growth = median(kept / without for kept, without in pairs) - 1
    total = sum(kept for kept, _ in pairs) / sum(without for _, without in pairs) - 1
    load_mirror(db)
    now = min(seconds(lambda: load_mirror(db)) for _ in range(5))
    past = max(min(seconds(partial(load_mirror, db, as_of=run)) for _ in range(3)) for run in (1, days // 2, days))
    print(f"{days} syncs, {rows:,} rows changed, {values:,} bytes of values, {entries:,} entries of history")
    print(f"of these {parts}; both written anew {tight:,} and {tight_once:,}")
    print(
        f"file {size:,} bytes, limit {limit:,.0f} (a new file {once:,}): {(size - once) / max(values, 1):.2f} times the values, limit {MOST_TIMES_VALUES}"
    )
    print(f"sync {growth:+.1%} (median of {len(pairs)} pairs; sum {total:+.1%}), limit {MOST_SYNC_GROWTH:+.1%}")
    print(
        f"oldest, middle or last state {past:.3f} s, present {now:.3f} s: {past / now:.2f} times, limit {MOST_TIMES_LOADING}"
    )
    print(f"entries of a sync without a change: {settled}, limit 0")
    is_fine = size <= limit and growth < MOST_SYNC_GROWTH and past < MOST_TIMES_LOADING * now and settled == 0
    return 0 if is_fine else 1


def packed_size(db: Path) -> int:
    """Return the bytes of the file written anew, without free space."""
    packed = db.with_suffix(".packed")
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("vacuum into ?", [str(packed)])
    return packed.stat().st_size


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=100)
    sys.exit(main(parser.parse_args().days))
