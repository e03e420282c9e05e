"""The figures of one period: tests, bugs, triage and coverage, of one product or of all together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.coverage import covered_then
from testio_analytics.reports.doubts import never_synced_products, nothing_read
from testio_analytics.reports.facts import once
from testio_analytics.reports.periods import Kind, Period
from testio_analytics.reports.registry import REPORTS
from testio_analytics.reports.shares import share
from testio_analytics.reports.trends import events, trends, trends_by_product
from testio_analytics.reports.triage import RATES, triage_by_month, triage_by_product_and_month
from testio_analytics.text import percent_range

DAYS, TESTS, PER_TEST = "Days", "Executed tests", "Valid bugs per test"
RATE_LABELS = {name: name.replace("_", " ").replace("auto ", "auto-").capitalize() for name in RATES}
ON_TRENDS, ON_TRIAGE, ON_COVERAGE = (
    REPORTS[name].streams for name in ("trends", "triage_by_month", "coverage_over_time")
)
FIGURES: Mapping[str, tuple[str, ...]] = {
    DAYS: (),
    TESTS: ON_COVERAGE,
    "All bugs": ON_TRIAGE,
    "Valid bugs": ON_TRENDS,
    "Critical bugs": ON_TRENDS,
    PER_TEST: ON_TRENDS,
    **dict.fromkeys(RATE_LABELS.values(), ON_TRIAGE),
    "Features covered": ON_COVERAGE,
    "Features newly covered": ON_COVERAGE,
    "Recently tested at end": ON_COVERAGE,
}
"""The figures in their order, each with the streams that it rests on."""

OF_BUGS = ("All bugs", "Valid bugs", "Critical bugs", PER_TEST, *RATE_LABELS.values())
OF_CATALOGUE = ("Features covered", "Features newly covered", "Recently tested at end")
OF_STREAM = {"bugs": OF_BUGS, "features": OF_CATALOGUE, "tests": (TESTS, *OF_BUGS, *OF_CATALOGUE)}


@dataclass(frozen=True)
class Figure:
    """A figure of one period.

    Attributes:
        least: the least that it can be; None where nothing is known.
        most: the most that it can be.
        low: the lower end of its 95 % interval, None without one.
        high: the upper end.
        k: what a rate counts.
        n: out of how many; None for a count.
        is_share: whether k are some of the n.
    """

    least: float | None = None
    most: float | None = None
    low: float | None = None
    high: float | None = None
    k: int | None = None
    n: int | None = None
    is_share: bool = False

    @property
    def words(self) -> str:
        """How it reads, like "31 % of 154", and "4.58 in 83" of a rate per test."""
        if self.least is None or self.most is None:
            return "unknown"
        if self.n is None:
            return f"{self.least:,.0f}"
        if self.is_share:
            return f"{percent_range(self.least, self.most)} of {self.n:,}"
        return f"{self.least:,.2f} in {self.n:,}"


@dataclass(frozen=True)
class Scope:
    """Whose figures, as of when, and with which thresholds: the product, or all of them where it is None."""

    mirror: Mirror
    product_id: int | None
    as_of: AsOf
    stale_after: float
    matures_after: float

    def of_product(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the product."""
        return rows if self.product_id is None else rows[rows["product_id"] == self.product_id]

    def is_unread(self, stream: str) -> bool:
        """Return whether nothing is known of a stream."""
        if self.product_id is None:
            return nothing_read(self.mirror, stream)
        return self.product_id in never_synced_products(self.mirror, stream)


def figures_of(scope: Scope, period: Period) -> tuple[dict[str, Figure], bool]:
    """Return the figures of a period by name, and whether a test of it is so new that they can still change."""
    trend, outcomes = _rows(scope, period)
    bugs = bugs_of_tests(scope, period)
    features = _features(scope, period)
    covered, may_be = (int(features[name].sum()) for name in ("is_covered", "may_be_covered"))
    found: dict[str, Figure] = {
        DAYS: _count((period.last(scope.mirror.instant(scope.as_of)) + pd.Timedelta(1, "us") - period.start).days),
        TESTS: _count(trend.get("tests", 0)),
        "All bugs": _count(outcomes.get("total", 0)),
        "Valid bugs": _count(trend.get("bugs", 0)),
        "Critical bugs": _count(trend.get("critical", 0)),
        PER_TEST: _per_test(int(bugs.sum()), len(bugs)),
        **{label: _rate(outcomes, name) for name, label in RATE_LABELS.items()},
        "Features covered": _share(trend.get("features_covered", 0), None, len(features)),
        "Features newly covered": _count(trend.get("first_covered", 0)),
        "Recently tested at end": _share(covered, may_be, len(features)),
    }
    since = scope.mirror.runs.known_since
    for stream, names in OF_STREAM.items():
        if scope.is_unread(stream) or since is None or period.end <= since:
            found |= dict.fromkeys(names, Figure())
    return found, bool(trend.get("is_provisional", False) or outcomes.get("is_provisional", False))


def bugs_of_tests(scope: Scope, period: Period) -> npt.NDArray[np.float64]:
    """Return the valid bugs of each executed test of a period whose bugs were read."""
    found = scope.of_product(_tests_with_bugs(scope.mirror, period=period, as_of=scope.as_of))
    return found["bugs"].to_numpy(dtype=np.float64)


@once
def _tests_with_bugs(mirror: Mirror, *, period: Period, as_of: AsOf) -> pd.DataFrame:
    """Return those tests of all products, made once for a period. Columns: product_id, bugs."""
    happened = events(mirror, as_of=as_of)
    tests, bugs = (rows[period.holds(rows["at"]) & rows["is_read"]] for rows in (happened["tests"], happened["bugs"]))
    counts = bugs.groupby(["product_id", "test_id"]).size().rename("bugs").reset_index()
    found = tests[["product_id", "test_id"]].merge(counts, on=["product_id", "test_id"], how="left")
    return found.assign(bugs=found["bugs"].fillna(0))[["product_id", "bugs"]]


@once
def _by_periods(
    mirror: Mirror, *, by: Kind, is_by_product: bool, as_of: AsOf, matures_after: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trends and triage outcomes of all periods of a kind, made once for all products and both periods."""
    reports = (trends_by_product, triage_by_product_and_month) if is_by_product else (trends, triage_by_month)
    trend, outcomes = (report(mirror, as_of=as_of, by=by, matures_after=matures_after) for report in reports)
    return trend, outcomes


def _rows(scope: Scope, period: Period) -> Iterator[dict[Any, Any]]:
    """Yield what trends and triage say of a period; nothing where nothing happened in it."""
    for records in _records(
        scope.mirror,
        period=period,
        is_by_product=scope.product_id is not None,
        as_of=scope.as_of,
        matures_after=scope.matures_after,
    ):
        yield records.get(scope.product_id, {})


@once
def _records(
    mirror: Mirror, *, period: Period, is_by_product: bool, as_of: AsOf, matures_after: float
) -> tuple[dict[int | None, dict[Any, Any]], ...]:
    """Return those rows of all products by product, under None where all are together; made once for a period."""
    frames = _by_periods(mirror, by=period.kind, is_by_product=is_by_product, as_of=as_of, matures_after=matures_after)
    records = (
        frame[frame[name] == period.name].to_dict("records")
        for frame, name in zip(frames, ("label", "month"), strict=True)
    )
    return tuple({int(row["product_id"]) if is_by_product else None: row for row in rows} for rows in records)


def _features(scope: Scope, period: Period) -> pd.DataFrame:
    until = period.last(scope.mirror.instant(scope.as_of))
    return scope.of_product(covered_then(scope.mirror, until, as_of=scope.as_of, stale_after=scope.stale_after))


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _count(value: Any) -> Figure:
    return Figure(_number(value), _number(value))


def _share(part: Any, most: Any, whole: int) -> Figure:
    if pd.isna(part) or not whole:
        return Figure()
    highest = part if most is None else most
    return Figure(share(part, whole), share(highest, whole), k=int(part), n=whole, is_share=True)


def _per_test(bugs: int, tests: int) -> Figure:
    return Figure(bugs / tests, bugs / tests, k=bugs, n=tests) if tests else Figure()


def _rate(outcomes: Mapping[Any, Any], name: str) -> Figure:
    """Return a triage rate; nothing where it can be anything, or there is no bug."""
    least, most, low, high = (_number(outcomes.get(f"{name}{end}")) for end in ("", "_highest", "_low", "_high"))
    if least is None:
        return Figure()
    k, n = (int(sum(outcomes[part] for part in parts)) for parts in RATES[name])
    return Figure(least, most, low, high, k, n, is_share=True)
