"""The state after any run, rebuilt from the history, is the state that was there after that run."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from histories import Past, Step, assert_same, frames, steps, sync_step
from small_account import small_account
from syncing import query
from testio_analytics.frames.history import load_history
from testio_analytics.frames.loaders import load_mirror, load_row_changes
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ALL_TABLES

a_third = settings(max_examples=settings().max_examples // 3)
"""An example is several syncs, and each of these tests takes as long as the first."""

histories = st.lists(steps(), min_size=2, max_size=6)


@contextmanager
def a_folder() -> Iterator[Path]:
    """Give a folder of its own for one example."""
    folder = Path(tempfile.mkdtemp(prefix="testio-history-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@given(histories)
def test_state_after_any_run_is_rebuilt(history: list[Step]) -> None:
    """Over changes of all kinds, gaps, syncs of parts, syncs that die, removals and rows that come back."""
    with a_folder() as folder:
        db, past, then = folder / "testio.db", Past(small_account(tests=4)), dict[int, Mirror]()
        of_one = dict[int, Mirror]()
        for number, step in enumerate(history):
            sync_step(past, step, db, number)
            found = load_mirror(db)
            last = int(found.sync_runs["id"].max())
            then[last] = found
            if 1 in found.products["id"].tolist():
                of_one[last] = load_mirror(db, product_id=1)
        note(str(query(db, "select id, outcome, counts from sync_runs")))
        for run, mirror in then.items():
            event(f"{len(query(db, 'select 1 from row_changes where run_id > ?', [run])) > 0} changes to undo")
            assert_same(load_mirror(db, as_of=run), mirror)
            assert_same(then[max(then)].at(run), mirror)
        for run, mirror in of_one.items():
            assert_same(load_mirror(db, product_id=1, as_of=run), mirror)


def without_history(mirror: Mirror) -> dict[str, pd.DataFrame]:
    """Return every table of a mirror without what pruning takes away."""
    found = frames(mirror)
    for name in ("row_changes", "stream_reads", "packed_runs"):
        del found[name]
    return found | {"sync_runs": found["sync_runs"].drop(columns="has_history")}


@a_third
@given(st.lists(st.tuples(steps(), st.sampled_from([None, None, 1, 2, 3])), min_size=3, max_size=7))
def test_history_that_is_kept_is_whole(history: list[tuple[Step, int | None]]) -> None:
    """Whatever was let go at whatever runs: each younger state is as it was, and no older one is made up."""
    with a_folder() as folder:
        db, past, then, recorded = folder / "testio.db", Past(small_account(tests=3)), dict[int, Mirror](), 1
        for number, (step, keep) in enumerate(history):
            sync_step(past, replace(step, keep_days=keep), db, number)
            (run, outcome) = query(db, "select id, outcome from sync_runs order by id desc limit 1")[0]
            if keep is not None and outcome in ("complete", "incomplete"):
                recorded = max([recorded, *(one for one in range(1, run) if one < run - keep)])
            then[run] = load_mirror(db)
        newest = load_mirror(db)
        event(f"{recorded - 1} runs let go")
        for run, mirror in then.items():
            if run < recorded:
                assert newest.runs.state_at(run) is None
                continue
            rebuilt, expected = without_history(load_mirror(db, as_of=run)), without_history(mirror)
            for name, frame in rebuilt.items():
                assert_frame_equal(frame, expected[name], obj=name)
        assert newest.runs.recorded == recorded
        with closing(sqlite3.connect(db)) as connection:
            assert not connection.execute("select 1 from row_changes where run_id < ?", [recorded]).fetchall()


def contents(db: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rows of each mirrored table, by the text of their keys."""
    found = dict[str, dict[str, dict[str, Any]]]()
    for table in (one for one in ALL_TABLES if one.is_mirrored):
        names = [name for name in table.content_columns if name != "raw_data"] + ["removed_at"]
        rows = query(db, f"select {', '.join(names)} from {table.name}")
        by_name = (dict(zip(names, row, strict=True)) for row in rows)
        found[table.name] = {",".join(str(row[name]) for name in table.key): row for row in by_name}
    return found


Told = set[tuple[Any, ...]]


def compared(
    run: int, before: dict[str, dict[str, dict[str, Any]]], after: dict[str, dict[str, dict[str, Any]]]
) -> Told:
    """Return what differs between two states of the tables, by looking at every value."""
    told = Told()
    for table, rows in after.items():
        for key, row in rows.items():
            known = before.get(table, {}).get(key)
            if known is None:
                told.add((run, table, key, "created", None, None, None))
                continue
            is_gone = row["removed_at"] is not None
            if is_gone != (known["removed_at"] is not None):
                told.add((run, table, key, "removed" if is_gone else "came back", None, None, None))
            for name in row.keys() - {"removed_at"}:
                if row[name] != known[name]:
                    texts = (None if value is None else str(value) for value in (known[name], row[name]))
                    told.add((run, table, key, "updated", name, *texts))
    return told


def in_all(history: pd.DataFrame) -> Told:
    """Return what the changes of each run come to: of several of one value, from the first to the last."""
    found = dict[tuple[Any, ...], tuple[Any, Any]]()
    whole = dict[tuple[Any, ...], list[str]]()
    rows = history.astype(object).where(history.notna(), None)
    for run, _, _, table, key, change, name, old, new in rows.itertuples(index=False):
        if change == "updated":
            first, _ = found.get((run, table, key, name), (old, new))
            found[run, table, key, name] = (first, new)
        else:
            whole.setdefault((run, table, key), []).append(change)
    told = Told()
    for place, changes in whole.items():
        if "created" in changes:
            told.add((*place, "created", None, None, None))
        elif len(changes) % 2:  # removed and back within one run is no change
            told.add((*place, changes[-1], None, None, None))
    for (*at, name), (old, new) in found.items():
        if old != new and "created" not in whole.get(tuple(at), []):
            told.add((*at, "updated", name, old, new))
    return told


@a_third
@given(histories)
def test_history_tells_what_a_comparison_of_the_tables_finds(history: list[Step]) -> None:
    """For every run: each created, removed and revived row and each changed value, with what it was and became."""
    with a_folder() as folder:
        db, past = folder / "testio.db", Past(small_account(tests=3))
        before, expected = dict[str, dict[str, dict[str, Any]]](), Told()
        for number, step in enumerate(history):
            sync_step(past, step, db, number)
            (run,) = query(db, "select max(id) from sync_runs")[0]
            after = contents(db)
            expected |= compared(run, before, after)
            before = after
        found = load_history(db)
        assert in_all(found) == expected
        assert found["run_id"].is_monotonic_increasing
        known = {1, 2} & {*query_ids(db)}
        parts = [load_history(db, table=table, product_id=[*known]) for table in before] if known else []
        assert sum(map(len, parts)) == int(found["product_id"].isin(known).sum())


def query_ids(db: Path) -> list[int]:
    """Return the ids of the products."""
    return [key for (key,) in query(db, "select id from products")]


@given(steps())
def test_unchanged_account_adds_nothing_to_the_history(step: Step) -> None:
    """The second of two whole syncs of the same account writes its own run, and when what was read.

    That is so of tests that can still change as well: the run that read each of them last is part of the state.
    """
    with a_folder() as folder:
        db, past = folder / "testio.db", Past(small_account(tests=3))
        sync_step(past, Step(step.edits), db, 0)
        sync_step(past, Step(full=True), db, 1)
        before = load_row_changes(db)
        sync_step(past, Step(), db, 2)
        added = load_row_changes(db).iloc[len(before) :]
        assert not before.empty
        assert {*added["table"]} <= {"test_reads"}
