"""The large accounts of the benchmark: what they hold is a multiple of the account that they are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from copies import SHIFT, copy_rows
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, TABLES
from testio_analytics.reports.coverage import coverage_total
from testio_analytics.reports.triage import triage_total


@pytest.fixture(scope="module")
def mirrors(demo_db_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Mirror, Mirror]:
    """Return the mirror of the demo account, and that of two copies of it."""
    target = tmp_path_factory.mktemp("copies") / "twice.db"
    copy_rows(demo_db_path, target, 2)
    return load_mirror(demo_db_path), load_mirror(target)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_holds_its_rows_twice(name: str, mirrors: tuple[Mirror, Mirror]) -> None:
    """Only what belongs to the account as a whole stands there once."""
    once, twice = (getattr(mirror, name) for mirror in mirrors)
    shared = 0 if TABLES[name].is_mirrored else (once.get("product_id", pd.Series()).fillna(ACCOUNT) == ACCOUNT).sum()
    if name in ("sync_runs", "row_changes", "stream_reads", "packed_runs", "reported"):
        shared = len(once)

    assert len(twice) == 2 * len(once) - shared
    assert (twice[TABLES[name].key[0]] >= SHIFT).sum() == len(once) - shared


@pytest.mark.parametrize("report", [coverage_total, triage_total])
def test_counts_double(report: Callable[[Mirror], pd.DataFrame], mirrors: tuple[Mirror, Mirror]) -> None:
    """Every link of a copy leads to the same row of that copy."""
    once, twice = (report(mirror).select_dtypes("Int64").iloc[0] for mirror in mirrors)

    assert once["total" if report is triage_total else "active_features"] > 0
    assert twice.tolist() == [2 * value for value in once]
