"""A week with a change of every kind and three gaps: all are named, none beside, and the gaps as gaps."""

from __future__ import annotations

from pathlib import Path

from planted_week import BY_TIME, GAPS, PLANTED, sync_week
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.changes import what_changed


def test_every_change_of_the_week_is_named_and_none_beside(tmp_path: Path) -> None:
    """From the file of both runs: the changes are the planted ones, with their cause, and the gaps are changes of completeness."""
    sync_week(tmp_path / "week.db")

    week = what_changed(load_mirror(tmp_path / "week.db", as_of="1"), load_mirror(tmp_path / "week.db"))

    events = [row for row in week.found if row.what not in {"figure", "data set"}]
    assert len(events) == len(PLANTED) >= 25
    assert {(row.what, row.kind, row.id) for row in events} == PLANTED
    assert {row.id for row in events if row.cause == "time"} == BY_TIME
    assert {(row.name, row.product_id, row.kind) for row in week.found if row.what == "data set"} >= GAPS
