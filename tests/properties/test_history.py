"""The state after any run, rebuilt from the history, is the state that was there after that run."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
from hypothesis import event, given, note
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from histories import Past, Step, assert_same, frames, steps, sync_step
from small_account import small_account
from syncing import query
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror

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
    for name in ("row_changes", "stream_reads"):
        del found[name]
    return found | {"sync_runs": found["sync_runs"].drop(columns="has_history")}


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


@given(steps())
def test_unchanged_account_adds_nothing_to_the_history(step: Step) -> None:
    """The second of two whole syncs of the same account writes its own run, and when what was read."""
    with a_folder() as folder:
        db, past = folder / "testio.db", Past(small_account(tests=3))
        sync_step(past, Step(step.edits), db, 0)
        sync_step(past, Step(full=True), db, 1)
        before = query(db, "select count(*), max(id) from row_changes")
        sync_step(past, Step(), db, 2)
        assert query(db, "select count(*), max(id) from row_changes") == before
