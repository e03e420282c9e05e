"""Compare a mirror with an honest read of the same account: the rows, else the figures of every report.

What an honest read finds is kept, since many histories begin with the same account.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

import testio_analytics as ta
from syncing import content, sync_account
from testio_analytics.demo.account.model import Account
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.database import open_store
from testio_analytics.reports.columns import COLUMNS
from testio_analytics.reports.doubts import doubts_of

REPORTS = (
    "feature_catalog",
    "coverage_total",
    "coverage_by_product",
    "bugs_per_feature",
    "bugs_by_product",
    "feature_results",
    "story_coverage_by_product",
    "triage",
    "triage_total",
    "trends",
)
TIMES_OF_SYNCS = ("first_seen", "changed_since_tested", "last_confirmed", "is_complete", "gap")
"""Columns that tell of the syncs themselves, which differ, rather than of the account."""
MOST_KEPT = 200

Figures = dict[Any, list[dict[str, str]]]


@dataclass(eq=False)
class Read:
    """What a mirror says: its rows, and of each report that is asked for its figures."""

    path: Path
    rows: dict[str, list[tuple[object, ...]]]
    _figures: dict[str, Figures] = field(default_factory=dict)

    @cached_property
    def mirror(self) -> Mirror:
        """Return all tables."""
        return load_mirror(self.path)

    def figures(self, report: str) -> Figures:
        """Return the rows of a report by product, None for those of all together."""
        if report not in self._figures:
            self._figures[report] = figures(self.mirror, report)
        return self._figures[report]


_kept: dict[str, Read] = {}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="testio-truths-")


@cache
def _empty_mirror() -> Path:
    path = Path(_folder().name) / "empty.db"
    with open_store(path):
        pass
    return path


def begin(db: Path) -> None:
    """Make an empty mirror where there is none: a copy costs less than all the steps to the newest schema."""
    if not db.exists():
        shutil.copy(_empty_mirror(), db)


def honest_read(truth: Account, now: datetime) -> Read:
    """Return what a mirror of this account says that an honest source gave."""
    key = sha256(repr((now, truth.products)).encode()).hexdigest()
    if key not in _kept:
        path = Path(_folder().name) / f"{key}.db"
        begin(path)
        sync_account(truth, path, now=now)
        _kept[key] = Read(path, content(path))
        if len(_kept) > MOST_KEPT:
            _kept.pop(next(iter(_kept))).path.unlink()
    return _kept[key]


def assert_true_or_in_doubt(db: Path, truths: Sequence[Account], now: datetime) -> None:
    """Compare the mirror with an honest read of the account, before or after this sync: the rows, else the figures."""
    honest = [honest_read(truth, now) for truth in truths]
    found = Read(db, content(db))
    if found.rows in [one.rows for one in honest]:
        return  # the same rows give the same figures
    stored = {row[0] for one in (found, *honest) for row in one.rows["products"]}
    for report in REPORTS:
        doubted = {doubt.product_id for doubt in doubts_of(found.mirror, report)}
        if None in doubted or doubted >= stored:
            continue
        told, true = found.figures(report), [one.figures(report) for one in honest]
        for product_id in set(told).union(*true):
            if product_id in doubted or (product_id is None and doubted):
                continue
            rows = told.get(product_id, [])
            assert any(_agree(rows, one.get(product_id, [])) for one in true), f"{report} of product {product_id}"


def figures(mirror: Mirror, report: str) -> Figures:
    """Return the rows of a report by product, None for those of all together, without what tells of the syncs."""
    frame: pd.DataFrame = getattr(ta, report)(mirror)
    kept = frame[[name for name in frame.columns if name not in TIMES_OF_SYNCS]].astype("object")
    owners = frame["product_id"].tolist() if "product_id" in frame else [None] * len(frame)
    rows = defaultdict[Any, list[dict[str, str]]](list)
    for owner, row in zip(owners, kept.to_dict("records"), strict=True):
        rows[owner].append(placed({str(name): "" if pd.isna(value) else str(value) for name, value in row.items()}))
    return dict(rows)


def placed(row: dict[str, str]) -> dict[str, str]:
    """Return the row with the bugs of features outside the catalogue as one count.

    A first read finds no trace of a feature that was removed; a mirror that has seen it says that it was.
    """
    if not {"to_removed_feature", "not_in_catalogue"} <= set(row):
        return row
    counts = [row.pop(name) for name in ("to_removed_feature", "not_in_catalogue")]
    return row | {"not_in_catalogue": "" if "" in counts else str(sum(map(int, counts)))}


def _agree(found: list[dict[str, str]], true: list[dict[str, str]]) -> bool:
    """Return whether rows are the same, or say of a count that it is unknown."""
    return len(found) == len(true) and all(
        value == other[name] or (value == "" and COLUMNS[name].reads_unknown)
        for one, other in zip(found, true, strict=True)
        for name, value in one.items()
    )
