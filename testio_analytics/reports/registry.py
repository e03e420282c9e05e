"""Which reports there are, and one of them made from a database: for the terminal, for pipes, and for the manual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import getdoc, signature
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import (
    bugs_by_device,
    bugs_by_product,
    bugs_per_feature,
    unattributed_bugs,
    unknown_bug_values,
)
from testio_analytics.reports.completeness import completeness
from testio_analytics.reports.coverage import account_gaps, coverage_by_product, coverage_by_section, coverage_total
from testio_analytics.reports.coverage_over_time import coverage_over_time
from testio_analytics.reports.executed import unknown_statuses, unlinked_test_features
from testio_analytics.reports.features import feature_catalog, removed_features, unlinked_stories, untested_features
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.next_tests import next_tests, packed_tests
from testio_analytics.reports.results import evidence_by_product, feature_results, unknown_story_statuses
from testio_analytics.reports.stories import (
    story_coverage,
    story_coverage_by_feature,
    story_coverage_by_product,
    story_coverage_by_section,
)
from testio_analytics.reports.trends import trends, trends_by_product, trends_by_week
from testio_analytics.reports.triage import triage, triage_by_month, triage_by_product_and_month, triage_total

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
