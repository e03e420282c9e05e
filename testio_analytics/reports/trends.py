"""Tests, bugs and coverage over time, by ISO week, month, quarter or year."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubts import never_synced_products, nothing_read, with_doubts, with_row_doubts
from testio_analytics.reports.facts import (
    dated_tests,
    distinct,
    feature_scope,
    located_bugs,
    once,
    product_rows,
    unread_tests,
)
from testio_analytics.reports.feature_times import active_then, feature_times
from testio_analytics.reports.periods import period_names
from testio_analytics.reports.registry import documented

By = Literal["month", "week", "quarter", "year"]
COLUMNS = (
    *("start", "label", "is_partial", "tests", "bugs", "critical", "bugs_per_test", "features_covered"),
    *("first_covered", "ever_covered", "active_features", "is_provisional"),
)
KEYS = ["product_id", "start"]
OF_BUGS = ("bugs", "critical", "bugs_per_test")
OF_FEATURES = ("features_covered", "first_covered", "ever_covered", "active_features")
ALL = 0
"""Stands for the product where all are counted together."""


@documented
def trends(mirror: Mirror, *, as_of: AsOf = None, by: By = "month", matures_after: float = 10) -> pd.DataFrame:
    """Return what happened in each month, week, quarter or year, all products together, oldest first.

    Bins without tests are in.

    A test belongs to the bin in which it ended, a bug to that of its test. Tests without any date are in no bin.

    Raises:
        UnknownValueError: `as_of`, `by` or `matures_after` is none.
    """
    together = {name: rows.assign(product_id=ALL) for name, rows in events(mirror, as_of=as_of).items()}
    found = _bins(together, mirror.instant(as_of), by, matures_after).drop(columns="product_id")
    if nothing_read(mirror, "bugs"):
        found.loc[:, list(OF_BUGS)] = pd.NA  # in place, so that the dtypes stay
    return with_doubts(found, mirror, "trends")


@documented
def trends_by_week(mirror: Mirror, *, as_of: AsOf = None, matures_after: float = 10) -> pd.DataFrame:
    """Return what happened in each ISO week, all products together, oldest first."""
    return trends(mirror, as_of=as_of, by="week", matures_after=matures_after)


@documented
def trends_by_product(
    mirror: Mirror, *, as_of: AsOf = None, by: By = "month", matures_after: float = 10
) -> pd.DataFrame:
    """Return the same for each active product, by name and id, then oldest first; each begins with its own first test."""
    products = product_rows(mirror)
    found = _bins(events(mirror, as_of=as_of), mirror.instant(as_of), by, matures_after)
    found = products.merge(found, on="product_id", how="inner", validate="one_to_many")
    for stream, names in (("bugs", OF_BUGS), ("features", OF_FEATURES)):
        unread = found["product_id"].isin(never_synced_products(mirror, stream))
        found[list(names)] = found[list(names)].mask(unread)
    return with_row_doubts(found, mirror, "trends_by_product")


@once
def events(mirror: Mirror, *, as_of: AsOf = None) -> dict[str, pd.DataFrame]:
    """Return what happened when, each with product_id and at: executed tests, their valid bugs, features in their scope.

    The features come with the times in which they were in the catalogue, removed ones included. A mirror of some products holds what touches their features, from other products
    as well: that is left out.
    """
    features = feature_times(mirror)
    tests, scope, bugs = (rows(mirror, as_of=as_of) for rows in (dated_tests, feature_scope, located_bugs))
    tests, scope, bugs = (rows[(rows["group"] == "executed") & rows["at"].notna()] for rows in (tests, scope, bugs))
    own = product_rows(mirror)["product_id"]
    unread = unread_tests(mirror, "bugs")
    bugs = bugs[bugs["is_valid"].astype(bool) & bugs["product_id"].isin(own)]
    return {
        "tests": tests[tests["product_id"].isin(own)][["product_id", "test_id", "at", "is_running"]].assign(
            is_read=lambda rows: ~rows["test_id"].isin(unread)
        ),
        "scope": scope[["feature_id", "at"]].merge(
            features[["product_id", "feature_id"]].drop_duplicates(), on="feature_id", how="inner"
        ),
        "bugs": bugs[["product_id", "bug_id", "test_id", "severity", "at"]].assign(
            is_read=~bugs["test_id"].isin(unread)
        ),
        "features": features,
    }


def _bins(happened: dict[str, pd.DataFrame], instant: pd.Timestamp, by: By, matures_after: float) -> pd.DataFrame:
    """Return the bins of each product, from its first test to the instant, oldest first.

    Columns: product_id, and those of `trends` without is_complete and gap.
    """
    if by not in get_args(By):
        raise UnknownValueError("by", by, get_args(By))
    mature_before = instant - checked_days("matures_after", matures_after)
    binned = {name: rows.assign(start=_start(rows["at"], by)) for name, rows in happened.items() if "at" in rows}
    tests, scope, bugs = (binned[name] for name in ("tests", "scope", "bugs"))
    found = _every_bin(pd.concat([tests[KEYS], scope[KEYS]]), instant, by)
    counts = {
        "tests": distinct(tests, "test_id", KEYS),
        "bugs": distinct(bugs, "bug_id", KEYS),
        "critical": distinct(bugs[bugs["severity"] == "critical"], "bug_id", KEYS),
        # A test whose bugs were not read is not one that found nothing.
        "tests_read": distinct(tests[tests["is_read"]], "test_id", KEYS),
        "bugs_read": distinct(bugs[bugs["is_read"]], "bug_id", KEYS),
        "immature": distinct(tests[(tests["at"] > mature_before) | tests["is_running"]], "test_id", KEYS),
    }
    for name, values in counts.items():
        found = found.join(values.rename(name), on=KEYS)
    found[list(counts)] = found[list(counts)].fillna(0).astype("Int64")
    end = _next(found["start"], by) - pd.Timedelta(microseconds=1)
    features = _features_of_bins(found[KEYS].assign(end=end.where(end < instant, instant)), happened["features"], scope)
    found = found.join(features, on=KEYS)
    found[list(OF_FEATURES)] = found[list(OF_FEATURES)].fillna(0).astype("Int64")
    tests_read = found["tests_read"].mask(found["tests_read"] == 0)
    found["bugs_per_test"] = (found["bugs_read"] / tests_read).astype("Float64")
    found["label"] = _labels(found["start"], by)
    # A plain date is the last microsecond of its day: the last day of a month ends it.
    found["is_partial"] = (_next(found["start"], by) > instant + pd.Timedelta(microseconds=1)).astype("boolean")
    found["is_provisional"] = (found["immature"] > 0).astype("boolean")
    return found[["product_id", *COLUMNS]]


def _features_of_bins(bins: pd.DataFrame, times: pd.DataFrame, scope: pd.DataFrame) -> pd.DataFrame:
    """Return `OF_FEATURES` of each bin, for the features that were in the catalogue at its end.

    Those that were always there are counted at once; the others, which are few, are looked up in each bin.
    """
    is_steady = times["since"].isna() & times["until"].isna()
    steady, scope = times[is_steady], scope.sort_values("at").drop_duplicates([*KEYS, "feature_id"])
    first = scope.drop_duplicates(["product_id", "feature_id"])
    of_steady = {"features_covered": scope, "first_covered": first}
    counts = bins[KEYS].join(distinct(steady, "feature_id", "product_id").rename("active_features"), on="product_id")
    for name, rows in of_steady.items():
        rows = rows[rows["feature_id"].isin(steady["feature_id"])]
        counts = counts.join(distinct(rows, "feature_id", KEYS).rename(name), on=KEYS)
    counts["ever_covered"] = counts["first_covered"].fillna(0).groupby(counts["product_id"]).cumsum()
    others = times[~is_steady].merge(bins, on="product_id")
    others = others[active_then(others, others["end"])]
    others = others.merge(scope[[*KEYS, "feature_id"]].assign(features_covered=1), on=[*KEYS, "feature_id"], how="left")
    firsts = first[["product_id", "feature_id", "start"]].rename(columns={"start": "first"})
    others = others.merge(firsts, on=["product_id", "feature_id"], how="left").assign(active_features=1)
    others["first_covered"], others["ever_covered"] = (
        others["first"] == others["start"],
        others["first"] <= others["start"],
    )
    more = others.groupby(KEYS)[list(OF_FEATURES)].sum()
    return counts.set_index(KEYS)[list(OF_FEATURES)].fillna(0).astype("Int64").add(more, fill_value=0)


def _every_bin(rows: pd.DataFrame, instant: pd.Timestamp, by: By) -> pd.DataFrame:
    """Return the starts of all bins of each product, from its first one to the instant. Columns: product_id, start."""
    now = _start(pd.Series([instant], dtype="datetime64[us, UTC]"), by)
    firsts = rows.groupby("product_id")["start"].min()
    if firsts.empty:
        return rows.head(0)
    step = {"month": "MS", "quarter": "QS", "year": "YS", "week": "7D"}[by]
    every: pd.Series[Any] = pd.Series(pd.date_range(firsts.min(), max(firsts.min(), now[0]), freq=step))
    grid = firsts.rename("first").reset_index().merge(every.rename("start"), how="cross")
    grid["start"] = grid["start"].astype("datetime64[us, UTC]")
    return grid[grid["start"] >= grid["first"]][KEYS].reset_index(drop=True)


def _start(at: pd.Series[pd.Timestamp], by: By) -> pd.Series[pd.Timestamp]:
    day = at.dt.normalize()
    if by in ("quarter", "year"):
        # Taken from the calendar without its time zone, which periods do not have; the times are UTC.
        first = day.dt.tz_localize(None).dt.to_period(by[0].upper()).dt.start_time
        return first.dt.tz_localize("UTC").astype("datetime64[us, UTC]")
    back = day.dt.day - 1 if by == "month" else day.dt.day_of_week
    start: pd.Series[pd.Timestamp] = day - pd.to_timedelta(back, unit="D")
    return start.astype("datetime64[us, UTC]")


def _next(starts: pd.Series[pd.Timestamp], by: By) -> pd.Series[pd.Timestamp]:
    if by == "week":
        return starts + pd.Timedelta(days=7)
    return starts + pd.DateOffset(months={"month": 1, "quarter": 3, "year": 12}[by])


def _labels(starts: pd.Series[pd.Timestamp], by: By) -> pd.Series[str]:
    return starts.dt.strftime("%G-W%V").astype("str") if by == "week" else period_names(starts, by)
