"""The state after any run, rebuilt from the history, is the state that was there after that run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from hypothesis import event, given, note
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from histories import Past, Step, steps, sync_step
from small_account import small_account
from syncing import query
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ALL_TABLES

histories = st.lists(steps(), min_size=2, max_size=6)


def frames(mirror: Mirror) -> dict[str, pd.DataFrame]:
    """Return every table of a mirror, with what is looked up in the whole account."""
    found = {table.name: getattr(mirror, table.name) for table in ALL_TABLES}
    return found | {"catalogue": mirror.catalogue, "account_products": mirror.account_products}


@contextmanager
def a_folder() -> Iterator[Path]:
    """Give a folder of its own for one example."""
    folder = Path(tempfile.mkdtemp(prefix="testio-history-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def assert_same(rebuilt: Mirror, then: Mirror) -> None:
    """Check that two mirrors hold the same, in every table and in what is known of the runs."""
    expected = frames(then)
    for name, frame in frames(rebuilt).items():
        assert_frame_equal(frame, expected[name], obj=name)
    assert (rebuilt.runs, rebuilt.as_of, rebuilt.run_id) == (then.runs, then.as_of, then.run_id)
    assert rebuilt.says_auto_accepted == then.says_auto_accepted


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
