"""How much of the history is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from syncing import NOW
from testio_analytics.mirror import history, ledger
from testio_analytics.mirror.database import open_store


@pytest.mark.parametrize(
    ("days", "gone"),
    [
        pytest.param([-900, -800, -700, 0], 2, id="the state of 400 days ago stays"),
        pytest.param([-100, -50, 0], 0, id="nothing is so old"),
        pytest.param([-800, 9_000, -700, 0], 2, id="a clock that stood ahead keeps nothing"),
        pytest.param([-800, -10, -5_000, 0], 0, id="a clock that stood behind lets nothing young go"),
    ],
)
def test_runs_let_go(db_path: Path, days: list[int], gone: int) -> None:
    """Of runs that ended so many days from now, with 400 days to be kept."""
    with open_store(db_path) as db:
        for number in days:
            at = NOW + timedelta(days=number)
            run = ledger.begin_run(db, now=at, mode="normal", streams=(), products=None, version="1")
            ledger.end_run(db, run, now=at, outcome="complete", requests=0, counts={}, unknown_fields={})

        assert history.let_go(db, keep=timedelta(days=400), now=NOW) == gone
        kept = [row["id"] for row in db.query("select id from sync_runs where has_history")]
        assert kept == [*range(gone + 1, len(days) + 1)]
        assert history.let_go(db, keep=timedelta(days=400), now=NOW) == 0
