"""The definitions that the figures follow, drawn from the docstrings of the functions that compute them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.instants import checked_days
from testio_analytics.reports.bugs import bug_bucket, bugs_per_feature
from testio_analytics.reports.completeness import report_instant, stream_doubts
from testio_analytics.reports.coverage import coverage_by_product
from testio_analytics.reports.executed import feature_scope, status_group
from testio_analytics.reports.features import feature_catalog, feature_states
from testio_analytics.reports.next_tests import next_tests
from testio_analytics.reports.results import evidence_by_product, feature_results, story_results
from testio_analytics.reports.stories import story_coverage, story_coverage_by_product
from testio_analytics.reports.triage import triage

DEFINING: Mapping[str, tuple[Callable[..., Any], ...]] = {
    "coverage": (feature_catalog, status_group, feature_scope, feature_states, coverage_by_product),
    "bugs": (bug_bucket, bugs_per_feature),
    "results": (feature_results, evidence_by_product),
    "stories": (story_results, story_coverage, story_coverage_by_product),
    "triage": (triage,),
    "planning": (next_tests,),
    "data": (report_instant, stream_doubts),
}
"""The functions whose docstrings define terms, by subject, in the order in which the terms are printed."""

_TERM = re.compile(r"^    (?P<term>[a-z][a-z ,-]*): (?P<meaning>\S.*)$")


def definitions(
    *subjects: str, stale_after: float = 180, matures_after: float = 10, half_age: float = 90
) -> list[tuple[str, str]]:
    """Return each term of the reports with its meaning, the thresholds used filled in.

    Args:
        *subjects: ``coverage``, ``bugs``, ``results``, ``stories``, ``triage``, ``planning``, ``data``; all by default.
        stale_after: see `feature_catalog`.
        matures_after: see `triage`.
        half_age: see `next_tests`.

    Raises:
        ReportError: Python runs without docstrings (-OO), so there is nothing to print.
        UnknownValueError: a threshold is not above 0, or there is no such subject.
    """
    values = {"stale_after": stale_after, "matures_after": matures_after, "half_age": half_age}
    shown = {name: f"{checked_days(name, value).total_seconds() / 86_400:g}" for name, value in values.items()}
    for subject in subjects:
        if subject not in DEFINING:
            raise UnknownValueError("The subject", subject, DEFINING)
    return [
        (term.capitalize(), meaning.format_map(shown))
        for subject, functions in DEFINING.items()
        if not subjects or subject in subjects
        for function in functions
        for term, meaning in _defined_by(function)
    ]


def _defined_by(function: Callable[..., Any]) -> list[tuple[str, str]]:
    """Return the terms under "Definitions:" in a docstring; deeper indented lines continue a meaning."""
    text = inspect.getdoc(function)
    if text is None:
        raise ReportError("The definitions are in the docstrings, and Python runs without them. Run it without -OO.")
    found: list[tuple[str, str]] = []
    for line in text.partition("Definitions:\n")[2].splitlines():
        if match := _TERM.match(line):
            found.append((match["term"], match["meaning"]))
        elif line.startswith("        ") and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            break
    return found
