"""When each feature was in the catalogue, as far as the history of the mirror says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.history import streams_of
from testio_analytics.reports.facts import once

COLUMNS = ("product_id", "feature_id", "since", "until")


@once
def feature_times(mirror: Mirror) -> pd.DataFrame:
    """Return from when until when each feature of the active products was in the catalogue, one row per such time.

    Features that were removed are in it; one that came back has several rows. `since` is empty where a feature was there
    when the history began, or when its product's features were first read without a gap: it may be older. `until` is
    empty while it is there. What a run found counts as of its end.

    Columns: product_id, feature_id, since, until; by feature and time.
    """
    features = mirror.features[mirror.features["product_id"].isin(mirror.active("products")["id"])]
    changes = _changes(mirror)
    rows = [
        (product_id, feature_id, *time)
        for product_id, feature_id, removed in zip(
            features["product_id"].tolist(), features["id"].tolist(), features["removed_at"], strict=True
        )
        for time in _times(changes.get(feature_id, []), removed)
    ]
    dtypes = dict(zip(COLUMNS, ["Int64", "Int64", *["datetime64[us, UTC]"] * 2], strict=True))
    return pd.DataFrame(rows, columns=[*COLUMNS]).astype(dtypes)


def active_then(times: pd.DataFrame, instant: Any) -> pd.Series[bool]:
    """Return which rows of `feature_times` hold at an instant, or at one instant per row."""
    holds: pd.Series[bool] = (times["since"].isna() | (times["since"] <= instant)) & ~(times["until"] <= instant)
    return holds


def _times(
    changes: list[tuple[pd.Timestamp | None, bool]], removed_at: pd.Timestamp
) -> Iterator[tuple[pd.Timestamp | None, pd.Timestamp | None]]:
    """Return the times of one feature: `changes` say when it came (True) and went, the oldest first."""
    since: pd.Timestamp | None = None
    is_there = True
    for at, came in changes:
        if came:
            since, is_there = at, True
        elif is_there:
            yield since, at
            is_there = False
    if is_there:
        # Removed, and no change says so: that was before the history began.
        yield since, None if pd.isna(removed_at) else removed_at


def _changes(mirror: Mirror) -> dict[int, list[tuple[pd.Timestamp | None, bool]]]:
    found = defaultdict[int, list[tuple[pd.Timestamp | None, bool]]](list)
    reads = _reads(mirror)
    rows = mirror.row_changes[mirror.row_changes["table"] == "features"]
    columns = (rows[name].tolist() for name in ("run_id", "product_id", "created", "changed"))
    for run, product_id, created, changed in zip(*columns, strict=True):
        at = mirror.runs.until(run)
        before = [is_whole for number, is_whole in reads[product_id] if number < run]
        is_new = bool(before) and before[-1]  # what comes after a read with a gap may have been there before
        for key in json.loads(created) if isinstance(created, str) else ():
            found[int(key)].append((at if is_new else None, True))
        for key, values in json.loads(changed).items() if isinstance(changed, str) else ():
            if "removed_at" in values:
                found[int(key)].append((at, values["removed_at"] is not None))
    return found


def _reads(mirror: Mirror) -> dict[int, list[tuple[int, bool]]]:
    """Return the runs that read the features of each product, the oldest first, and whether they read all of them."""
    found = defaultdict[int, list[tuple[int, bool]]](list)
    columns = (mirror.stream_reads[name].tolist() for name in ("product_id", "run_id", "complete", "incomplete"))
    for product_id, run, *streams in zip(*columns, strict=True):
        whole, with_gaps = (streams_of(text if isinstance(text, str) else None) for text in streams)
        if "features" in (*whole, *with_gaps):
            found[product_id].append((run, "features" in whole))
    return found
