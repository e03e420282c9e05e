"""When a sync saw a bug change: between which two reads of its test, as far as the history of the mirror says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.facts import once

Row: TypeAlias = dict[str, Any]
FIELDS = ("status", "fixed")
UTC_TIME = "datetime64[us, UTC]"


def seen_changes(mirror: Mirror, is_reached: Callable[[Mapping[str, Any]], bool]) -> pd.DataFrame:
    """Return for each active bug of which something holds now between which times it came to hold, by the id of the bug.

    `is_reached` is asked of its ``status`` and its ``fixed``. Columns: after (the last read of its test that showed that it
    did not hold; empty where there is none), by (the first that showed that it did). What a run read counts as of its end.
    """
    changes, reads, begin = _changes(mirror, "bugs"), _reads(mirror), _begin(mirror)
    bugs = mirror.active("bugs")
    columns = (bugs[name].tolist() for name in ("id", "test_id", "first_seen", "last_synced", *FIELDS))
    found: dict[int, tuple[Any, Any]] = {}
    for key, test_id, first_seen, last_synced, *values in zip(*columns, strict=True):
        row = _plain(dict(zip(FIELDS, values, strict=True)))
        if not is_reached(row):
            continue
        of_bug = changes.get(str(key), [])
        found[key] = pd.NaT, last_synced if not of_bug else max(first_seen, begin or first_seen)
        for run, before in of_bug:  # the newest first
            row |= _plain(before)
            if not is_reached(row):
                read = None if pd.isna(test_id) else reads.get((test_id, run))
                found[key] = (pd.NaT if read is None else mirror.runs.until(read)), mirror.runs.until(run)
                break
    times = (pd.Series([pair[end] for pair in found.values()], [*found], dtype=UTC_TIME) for end in (0, 1))
    return pd.DataFrame(dict(zip(("after", "by"), times, strict=True))).rename_axis("bug_id")


def _plain(row: Mapping[str, Any]) -> Row:
    """Return the two fields with true, false or None, whether they come from a table or from the history."""
    known = {name: None if pd.isna(row[name]) else row[name] for name in FIELDS if name in row}
    return {name: bool(value) if name == "fixed" and value is not None else value for name, value in known.items()}


def _begin(mirror: Mirror) -> pd.Timestamp | None:
    return None if mirror.runs.recorded is None else mirror.runs.until(mirror.runs.recorded)


@once
def _changes(mirror: Mirror, table: str) -> dict[str, list[tuple[int, Row]]]:
    """Return what the rows of a table were before each run that changed them, by key, the newest first."""
    found = defaultdict[str, list[tuple[int, Row]]](list)
    rows = mirror.row_changes[mirror.row_changes["table"] == table]
    for run, changed in reversed([*zip(rows["run_id"].tolist(), rows["changed"].tolist(), strict=True)]):
        for key, before in (json.loads(changed) if isinstance(changed, str) else {}).items():
            found[key].append((run, before))
    return found


@once
def _reads(mirror: Mirror) -> dict[tuple[int, int], int]:
    """Return for a test and a run that read its bugs the run that read all of them before, where there is one."""
    changes, reads = _changes(mirror, "test_reads"), mirror.test_reads[mirror.test_reads["stream"] == "bugs"]
    columns = (reads[name].tolist() for name in ("test_id", "run_id", "is_complete"))
    return dict(
        pair
        for test_id, run, is_complete in zip(*columns, strict=True)
        for pair in _earlier(test_id, {"run_id": run, "is_complete": is_complete}, changes.get(f"{test_id},bugs", []))
    )


def _earlier(test_id: int, row: Row, changes: list[tuple[int, Row]]) -> Iterator[tuple[tuple[int, int], int]]:
    for run, before in changes:  # the newest first
        row |= before
        if row["is_complete"] and row["run_id"] < run:
            yield (test_id, run), row["run_id"]
