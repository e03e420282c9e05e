"""Which reports there are, and one of them made from a database: for the terminal, for pipes, and for the manual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import getdoc, signature
from pathlib import Path

import pandas as pd

from testio_analytics.catalog import feature_catalog, removed_features, unlinked_stories, untested_features
from testio_analytics.completeness import completeness
from testio_analytics.coverage import account_gaps, coverage_by_product, coverage_by_section, coverage_total
from testio_analytics.errors import UnknownValueError
from testio_analytics.executed import unknown_statuses, unlinked_test_features
from testio_analytics.exports import csv_text, json_text
from testio_analytics.frames import Mirror, load_mirror
from testio_analytics.terminal import text_table
from testio_analytics.trend import coverage_over_time

REPORTS: dict[str, Callable[..., pd.DataFrame]] = {
    "untested_features": untested_features,
    "feature_catalog": feature_catalog,
    "coverage_total": coverage_total,
    "coverage_by_product": coverage_by_product,
    "coverage_by_section": coverage_by_section,
    "coverage_over_time": coverage_over_time,
    "completeness": completeness,
    "removed_features": removed_features,
    "unlinked_stories": unlinked_stories,
    "unlinked_test_features": unlinked_test_features,
    "unknown_statuses": unknown_statuses,
}
"""Every report by its name, which is also its name in Python."""

SHARES = frozenset(
    {"share", "low", "high", "ever_share", "ever_low", "ever_high", "recent_share", "recent_low", "recent_high"}
)
"""Columns that hold fractions, shown as per cent in the terminal."""

_IN_TERMINAL: dict[str, tuple[str, ...]] = {
    "untested_features": ("state", "product", "sections", "feature", "reason", "executed_tests", "stories"),
    "feature_catalog": ("product", "sections", "feature", "state", "last_tested_at", "executed_tests", "stories"),
    "coverage_total": ("product", "active_features", "untested", "planned", "stale", "unknown", "tested", "ever_share"),
    "coverage_by_product": (
        *("product", "active_features", "untested", "planned", "stale", "unknown", "tested"),
        *("ever_share", "recent_share"),
    ),
    "coverage_by_section": (
        *("product", "section", "active_features", "untested", "planned", "stale", "unknown", "tested"),
        *("ever_share", "recent_share"),
    ),
    "completeness": ("product", "stream", "state", "expected", "stored", "missing", "rejected", "last_complete", "gap"),
}
"""The columns that a terminal has room for; pipes get all of them."""


def descriptions() -> dict[str, str]:
    """Return what each report shows, by its name: the first sentence of its docstring."""
    return {name: (getdoc(function) or "").split("\n", 1)[0] for name, function in REPORTS.items()}


def make(
    name: str, db: Path, *, product_id: int | Sequence[int] | None = None, as_of: str | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Return one report of a database, and a sentence for everything that puts its figures in doubt.

    A name may be written with hyphens.

    Raises:
        UnknownValueError: there is no such report, product or date.
        StoreError: the database cannot be used.
    """
    function = REPORTS.get(name.replace("-", "_"))
    if function is None:
        raise UnknownValueError("The report", name, REPORTS)
    mirror = load_mirror(db, product_id=product_id)
    options = {"as_of": as_of} if "as_of" in signature(function).parameters else {}
    return function(mirror, **options), doubts(mirror)


def doubts(mirror: Mirror) -> list[str]:
    """Return a sentence for everything that puts figures in doubt; empty when all was read."""
    return [f"{gap}." for gap in account_gaps(mirror)]


def formatted(frame: pd.DataFrame, form: str, *, name: str, width: int | None) -> str:
    """Return a report as ``table``, ``csv`` or ``json`` text; a table shows what a terminal has room for."""
    if form == "csv":
        return csv_text(frame)
    if form == "json":
        return json_text(frame)
    shown = frame[list(_IN_TERMINAL.get(name.replace("-", "_"), frame.columns))]
    return text_table(shown, width=width, shares=SHARES & set(shown.columns))
