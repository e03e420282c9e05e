"""Which reports there are, and one of them made from a database: for the terminal, for pipes, and for the manual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import getdoc, signature
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.bugs import (
    bugs_by_device,
    bugs_by_product,
    bugs_per_feature,
    unattributed_bugs,
    unknown_bug_values,
)
from testio_analytics.catalog import feature_catalog, removed_features, unlinked_stories, untested_features
from testio_analytics.completeness import completeness
from testio_analytics.coverage import account_gaps, coverage_by_product, coverage_by_section, coverage_total
from testio_analytics.errors import UnknownValueError
from testio_analytics.executed import unknown_statuses, unlinked_test_features
from testio_analytics.exports import csv_text, json_text
from testio_analytics.frames import Mirror, load_mirror
from testio_analytics.impact import ImpactSource
from testio_analytics.planning import next_tests, packed_tests
from testio_analytics.results import evidence_by_product, feature_results, unknown_story_statuses
from testio_analytics.stories import (
    story_coverage,
    story_coverage_by_feature,
    story_coverage_by_product,
    story_coverage_by_section,
)
from testio_analytics.terminal import text_table
from testio_analytics.trend import coverage_over_time
from testio_analytics.trends import trends, trends_by_product, trends_by_week
from testio_analytics.triage import triage, triage_by_month, triage_by_product_and_month, triage_total

REPORTS: dict[str, Callable[..., pd.DataFrame]] = {
    "untested_features": untested_features,
    "feature_catalog": feature_catalog,
    "coverage_total": coverage_total,
    "coverage_by_product": coverage_by_product,
    "coverage_by_section": coverage_by_section,
    "coverage_over_time": coverage_over_time,
    "bugs_per_feature": bugs_per_feature,
    "bugs_by_product": bugs_by_product,
    "bugs_by_device": bugs_by_device,
    "feature_results": feature_results,
    "evidence_by_product": evidence_by_product,
    "story_coverage": story_coverage,
    "story_coverage_by_product": story_coverage_by_product,
    "story_coverage_by_section": story_coverage_by_section,
    "story_coverage_by_feature": story_coverage_by_feature,
    "triage": triage,
    "triage_by_month": triage_by_month,
    "triage_by_product_and_month": triage_by_product_and_month,
    "triage_total": triage_total,
    "trends": trends,
    "trends_by_week": trends_by_week,
    "trends_by_product": trends_by_product,
    "next_tests": next_tests,
    "packed_tests": packed_tests,
    "completeness": completeness,
    "removed_features": removed_features,
    "unlinked_stories": unlinked_stories,
    "unlinked_test_features": unlinked_test_features,
    "unknown_statuses": unknown_statuses,
    "unattributed_bugs": unattributed_bugs,
    "unknown_bug_values": unknown_bug_values,
    "unknown_story_statuses": unknown_story_statuses,
}
"""Every report by its name, which is also its name in Python."""

_RATES = ("active_acceptance", "auto_acceptance", "overall_acceptance", "rejection", "review")
SHARES = frozenset(
    {
        *("share", "low", "high", "ever_share", "ever_low", "ever_high", "recent_share", "recent_low", "recent_high"),
        *("passed_share", "passed_low", "passed_high"),
        *(f"{rate}{part}" for rate in _RATES for part in ("", "_low", "_high")),
    }
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
    "bugs_per_feature": (
        *(
            "rank",
            "product",
            "feature",
            "tests",
            "bugs",
            "critical",
            "bugs_per_test",
            "shrunk",
            "shrunk_low",
            "shrunk_high",
        ),
        "signal",
    ),
    "bugs_by_product": ("product", "total", "bugs", "critical", "high", "low", "known", "rejected", "not_attributable"),
    "bugs_by_device": ("product", "value", "bugs", "critical", "split_bugs", "product_bugs"),
    "feature_results": ("product", "feature", "result", "worst_severity", "bugs", "at", "api_status", "differs"),
    "evidence_by_product": ("product", "active_features", "in_scope", "exercised", "share", "low", "high"),
    "story_coverage": ("state", "product", "feature", "story", "at", "is_old_version"),
    "story_coverage_by_product": (
        *("product", "stories", "failed", "blocked", "passed", "in_scope_not_run", "never_in_scope", "unknown"),
        *("covered", "share"),
    ),
    "story_coverage_by_section": (
        "product",
        "section",
        "stories",
        "failed",
        "passed",
        "never_in_scope",
        "covered",
        "share",
    ),
    "story_coverage_by_feature": (
        "product",
        "feature",
        "stories",
        "failed",
        "passed",
        "never_in_scope",
        "covered",
        "share",
    ),
    "triage": ("product", "total", "open", *_RATES, "verdict", "is_provisional"),
    "triage_by_month": ("month", "total", "open", *_RATES, "verdict", "is_provisional"),
    "triage_by_product_and_month": ("product", "month", "total", "open", *_RATES, "is_provisional"),
    "triage_total": ("product", "total", "open", *_RATES, "verdict", "is_provisional"),
    "trends": ("label", "is_partial", "tests", "bugs", "critical", "bugs_per_test", "ever_covered", "is_provisional"),
    "trends_by_week": ("label", "is_partial", "tests", "bugs", "critical", "bugs_per_test", "ever_covered"),
    "trends_by_product": ("product", "label", "tests", "bugs", "critical", "bugs_per_test", "ever_covered"),
    "next_tests": ("rank", "rank_best", "rank_worst", "product", "feature", "risk", "likelihood", "impact", "why"),
    "packed_tests": ("proposed_test", "product", "sections", "feature", "rank", "risk", "why"),
    "completeness": ("product", "stream", "state", "expected", "stored", "missing", "rejected", "last_complete", "gap"),
}
"""The columns that a terminal has room for; pipes get all of them."""


def descriptions() -> dict[str, str]:
    """Return what each report shows, by its name: the first sentence of its docstring."""
    return {name: (getdoc(function) or "").split("\n", 1)[0] for name, function in REPORTS.items()}


def make(
    name: str,
    db: Path,
    *,
    product_id: int | Sequence[int] | None = None,
    as_of: str | None = None,
    impact: ImpactSource = None,
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
    return function(mirror, **options_of(function, as_of=as_of, impact=impact)), doubts(mirror, streams_of(function))


def options_of(report: Callable[..., pd.DataFrame], **options: Any) -> dict[str, Any]:
    """Return those of the options that the report knows."""
    return {name: value for name, value in options.items() if name in signature(report).parameters}


def streams_of(report: Callable[..., pd.DataFrame]) -> tuple[str, ...]:
    """Return the streams that a report rests on."""
    if report is completeness:
        return READ_STREAMS
    room = report.__module__.rpartition(".")[2]
    return {
        **dict.fromkeys(("bugs", "triage", "trends"), ("features", "tests", "bugs")),
        **dict.fromkeys(("stories",), ("features", "tests", "results")),
        **dict.fromkeys(("results", "planning"), READ_STREAMS),
    }.get(room, ("features", "tests"))


READ_STREAMS = ("features", "tests", "bugs", "results")


def doubts(mirror: Mirror, streams: Sequence[str] = READ_STREAMS) -> list[str]:
    """Return a sentence for everything that puts figures from these streams in doubt; empty when all was read."""
    return [f"{gap}." for gap in account_gaps(mirror, streams)]


def formatted(frame: pd.DataFrame, form: str, *, name: str, width: int | None) -> str:
    """Return a report as ``table``, ``csv`` or ``json`` text; a table shows what a terminal has room for."""
    if form == "csv":
        return csv_text(frame)
    if form == "json":
        return json_text(frame)
    shown = frame[list(_IN_TERMINAL.get(name.replace("-", "_"), frame.columns))]
    # Severities are called low and high as well: those are counts.
    shares = {column for column in SHARES & {*shown.columns} if shown[column].dtype == "Float64"}
    return text_table(shown, width=width, shares=shares)
