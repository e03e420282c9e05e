"""Tests, bugs and coverage over time, by ISO week or by month."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import located_bugs
from testio_analytics.reports.completeness import (
    active,
    never_synced_products,
    product_names,
    report_instant,
    unread_tests,
)
from testio_analytics.reports.coverage import ALL_PRODUCTS, account_gaps, reading_gaps, with_gaps
from testio_analytics.reports.executed import dated_tests, feature_scope

By = Literal["month", "week"]
COLUMNS = (
    *("start", "label", "is_partial", "tests", "bugs", "critical", "bugs_per_test", "features_covered"),
    *("first_covered", "ever_covered", "active_features", "is_provisional"),
)


def trends(mirror: Mirror, *, as_of: AsOf = None, by: By = "month", matures_after: float = 10) -> pd.DataFrame:
    """Return what happened in each month or week, all products together, oldest first; bins without tests are in.

    A test belongs to the bin in which it ended, a bug to that of its test. Tests without any date are in no bin.

    Columns:
        start: first instant of the bin (UTC; weeks begin on Monday). label: like "2026-06" or "2026-W26" (ISO 8601).
        is_partial: whether the bin is not over at the instant of the report.
        tests: distinct executed tests. bugs: distinct valid bugs of those; critical: the critical ones of them.
        bugs_per_test: bugs per test, over the tests whose bugs were read; empty without such tests.
        features_covered: distinct active features that these tests cover. first_covered: those that no test before did.
        ever_covered: the sum of first_covered so far; active_features: how many of today there are to cover.
        is_provisional: whether a test of the bin ended less than `matures_after` days before the report.
        is_complete, gap: whether everything was read. Counts under a gap are the least they can be; bugs are empty where
            those of no product were ever read.

    Raises:
        UnknownValueError: `as_of`, `by` or `matures_after` is none.
    """
    found = _bins(mirror, report_instant(mirror, as_of), by, matures_after)
    gaps = "; ".join(account_gaps(mirror, ("features", "tests", "bugs"))) or None
    if {int(key) for key in active(mirror.products)["id"]} <= never_synced_products(mirror, "bugs"):
        found[["bugs", "critical", "bugs_per_test"]] = pd.NA
    found["is_complete"] = pd.Series(gaps is None, index=found.index, dtype="boolean")
    found["gap"] = pd.Series(gaps, index=found.index, dtype="str")
    return found


def trends_by_week(mirror: Mirror, *, as_of: AsOf = None, matures_after: float = 10) -> pd.DataFrame:
    """Return what happened in each ISO week, all products together, oldest first. Columns: those of `trends`."""
    return trends(mirror, as_of=as_of, by="week", matures_after=matures_after)


def trends_by_product(
    mirror: Mirror, *, as_of: AsOf = None, by: By = "month", matures_after: float = 10
) -> pd.DataFrame:
    """Return the same for each active product, by name and id, then oldest first.

    Columns: product_id, product, then those of `trends`. Each product begins with its own first test.
    """
    instant, names = report_instant(mirror, as_of), product_names(mirror)
    unread, unlisted = never_synced_products(mirror, "bugs"), never_synced_products(mirror, "features")
    parts = []
    for key in sorted((int(key) for key in active(mirror.products)["id"]), key=lambda key: (names[key], key)):
        rows = _bins(mirror, instant, by, matures_after, product_id=key)
        if key in unread:
            rows[["bugs", "critical", "bugs_per_test"]] = pd.NA
        if key in unlisted:
            rows[["features_covered", "first_covered", "ever_covered", "active_features"]] = pd.NA
        rows.insert(0, "product_id", pd.Series(key, index=rows.index, dtype="Int64"))
        rows.insert(1, "product", pd.Series(names[key], index=rows.index, dtype="str"))
        parts.append(rows)
    if not parts:
        rows = _bins(mirror, instant, by, matures_after)
        rows.insert(0, "product_id", pd.Series(dtype="Int64"))
        rows.insert(1, "product", pd.Series([ALL_PRODUCTS] * len(rows), dtype="str"))
        parts = [rows]
    return with_gaps(pd.concat(parts, ignore_index=True), reading_gaps(mirror, "features", "bugs"))


def _bins(
    mirror: Mirror, instant: pd.Timestamp, by: By, matures_after: float, product_id: int | None = None
) -> pd.DataFrame:
    tests = dated_tests(mirror, as_of=instant)
    tests = tests[(tests["group"] == "executed") & tests["at"].notna()]
    scope = feature_scope(mirror, as_of=instant)
    scope = scope[(scope["group"] == "executed") & scope["at"].notna()]
    bugs = located_bugs(mirror, as_of=instant)
    bugs = bugs[(bugs["group"] == "executed") & bugs["is_valid"].astype(bool) & bugs["at"].notna()]
    features = active(mirror.features)
    # A mirror of some products holds what touches their features, from other products as well.
    own = [product_id] if product_id is not None else [*active(mirror.products)["id"]]
    tests, bugs, features = (rows[rows["product_id"].isin(own)] for rows in (tests, bugs, features))
    scope = scope[scope["feature_id"].isin(features["id"])]
    first = scope.drop_duplicates("feature_id")  # the scope is ordered by instant
    starts = _starts(pd.concat([tests["at"], scope["at"]]), instant, by)
    found = pd.DataFrame({"start": starts})
    binned = {name: _start(rows["at"], by) for name, rows in {"t": tests, "s": scope, "b": bugs, "f": first}.items()}
    counts = {
        "tests": tests.groupby(binned["t"])["test_id"].nunique(),
        "bugs": bugs.groupby(binned["b"])["bug_id"].nunique(),
        "critical": bugs[bugs["severity"] == "critical"].groupby(binned["b"])["bug_id"].nunique(),
        "features_covered": scope.groupby(binned["s"])["feature_id"].nunique(),
        "first_covered": first.groupby(binned["f"])["feature_id"].nunique(),
    }
    for name, values in counts.items():
        found[name] = found["start"].map(values).fillna(0).astype("Int64")
    found["ever_covered"] = found["first_covered"].cumsum()
    found["active_features"] = pd.Series(features["id"].nunique(), index=found.index, dtype="Int64")
    # A test whose bugs were not read is not one that found nothing.
    unread = unread_tests(mirror, "bugs")
    read, of_read = (rows[~rows["test_id"].isin(unread)] for rows in (tests, bugs))
    asked = found["start"].map(read.groupby(_start(read["at"], by))["test_id"].nunique()).astype("Float64")
    told = (
        found["start"].map(of_read.groupby(_start(of_read["at"], by))["bug_id"].nunique()).fillna(0).astype("Float64")
    )
    found["bugs_per_test"] = (told / asked).astype("Float64")
    found["label"] = _labels(found["start"], by)
    # A plain date is the last microsecond of its day: the last day of a month ends it.
    found["is_partial"] = (_next(found["start"], by) > instant + pd.Timedelta(microseconds=1)).astype("boolean")
    mature_before = instant - checked_days("matures_after", matures_after)
    young = {*_start(tests[tests["at"] > mature_before]["at"], by)}
    found["is_provisional"] = found["start"].isin(young).astype("boolean")
    return found[list(COLUMNS)]


def _starts(at: pd.Series[pd.Timestamp], instant: pd.Timestamp, by: By) -> pd.Series[pd.Timestamp]:
    """Return the starts of all bins from the first test to the instant of the report."""
    if by not in ("month", "week"):
        raise UnknownValueError("by", by, ["month", "week"])
    if at.empty:
        return at.astype("datetime64[us, UTC]")
    ends = pd.Series([at.min(), instant], dtype="datetime64[us, UTC]")
    first, last = _start(ends, by)
    every = pd.date_range(first, max(first, last), freq="MS" if by == "month" else "7D")
    starts: pd.Series[pd.Timestamp] = pd.Series(every)
    return starts.astype("datetime64[us, UTC]")


def _start(at: pd.Series[pd.Timestamp], by: By) -> pd.Series[pd.Timestamp]:
    day = at.dt.normalize()
    back = day.dt.day - 1 if by == "month" else day.dt.day_of_week
    start: pd.Series[pd.Timestamp] = day - pd.to_timedelta(back, unit="D")
    return start.astype("datetime64[us, UTC]")


def _next(starts: pd.Series[pd.Timestamp], by: By) -> pd.Series[pd.Timestamp]:
    return starts + (pd.DateOffset(months=1) if by == "month" else pd.Timedelta(days=7))


def _labels(starts: pd.Series[pd.Timestamp], by: By) -> pd.Series[str]:
    return starts.dt.strftime("%Y-%m" if by == "month" else "%G-W%V").astype("str")
