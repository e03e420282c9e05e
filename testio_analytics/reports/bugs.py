"""Bugs by feature, product and device, per test and adjusted for small numbers.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from testio_analytics.api.vocabulary import SEVERITIES
from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.doubts import never_synced_products, products_in_doubt, with_row_doubts
from testio_analytics.reports.facts import (
    BUCKETS,
    PLACES,
    described_features,
    distinct,
    feature_scope,
    located_bugs,
    looked_up,
    once,
    product_rows,
    stray_bugs,
    unread_tests,
)
from testio_analytics.reports.posterior import Exposures
from testio_analytics.reports.rate_intervals import poisson_interval
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.reports.shrinkage import FEWEST, shrunk_rates

OTHER_SEVERITY = "severity_other"
SEVERITY_WEIGHTS: Mapping[str, float] = {
    "critical": 5,
    "high": 3,
    "low": 1,
    "visual": 1,
    "content": 1,
    "suggestion": 1,
    "custom": 0,
}
DEVICE_PARTS = ("category", "vendor", "operating_system", "os_version", "device", "browsers")
NO_DEVICE = "(no device named)"
SIGNALS = ("above", "as expected", "below")

CATALOGUE_PLACES = ("to_feature", "to_removed_feature", "not_in_catalogue")
PLACE_COLUMNS = (*CATALOGUE_PLACES, "not_attributable")
COUNTS = ("bugs", "known", *BUCKETS, *SEVERITIES, OTHER_SEVERITY)
FEATURE_COLUMNS = column_names("bugs_per_feature")


# -- bugs of features -----------------------------------------------------------------------------------------------


@documented
@once
def bugs_per_feature(mirror: Mirror, *, as_of: AsOf = None, window: float | None = None) -> pd.DataFrame:
    """Return how many bugs each active feature has for the tests that covered it, one row per feature, the most first.

    A bug whose feature its test does not name (the list was edited) counts for the feature; that test does not.

    Raises:
        UnknownValueError: `as_of` is no date or time, or `window` is not above 0.
    """
    instant = mirror.instant(as_of)
    since = None if window is None else instant - checked_days("window", window)
    scope, bugs = (_executed(rows(mirror, as_of=instant), since) for rows in (feature_scope, located_bugs))
    bugs = bugs[bugs["where"] == "feature"]
    read, read_bugs = (rows[~rows["test_id"].isin(unread_tests(mirror, "bugs"))] for rows in (scope, bugs))
    counts = _counts(bugs, ["feature_id"])
    stray, located = stray_bugs(mirror, as_of=instant), located_bugs(mirror, as_of=instant)
    # A test of unknown status may have been executed, and then its bugs count as well.
    perhaps = located[(located["group"] == "unknown") & located["may_be_valid"].astype(bool)]
    if since is not None:
        stray = stray[stray["test_id"].isna() | stray["test_id"].isin(scope["test_id"])]
    found = described_features(mirror).merge(counts, on="feature_id", how="left", validate="one_to_one")
    valid = read_bugs[read_bugs["is_valid"].astype(bool)]
    for name, rows, what in (
        ("tests", scope, "test_id"),
        ("tests_read", read, "test_id"),
        ("bugs_read", valid, "bug_id"),
        ("stray", pd.concat([stray, perhaps]), "bug_id"),
    ):
        found[name] = looked_up(found["feature_id"], distinct(rows, what, "feature_id"))
    found = _filled(found, [*COUNTS, "unsaid", "tests", "tests_read", "bugs_read", "stray"])
    found["bugs_highest"] = _most(mirror, found)
    unread = found["product_id"].isin(never_synced_products(mirror, "bugs"))
    found[list(COUNTS)] = found[list(COUNTS)].mask(unread)
    found = with_row_doubts(found.join(_rates(found, _exposures(found, read, valid))), mirror, "bugs_per_feature")
    figures = pd.Series(comparable(found["shrunk"].to_numpy(dtype=float, na_value=np.nan)), index=found.index)
    found["rank"] = figures.where(found["tests_read"] > 0).rank(ascending=False, method="min").astype("Int64")
    order = ["rank", "bugs", "product", "feature", "feature_id"]
    found = found.sort_values(order, ascending=[True, False, True, True, True], na_position="last", ignore_index=True)
    return found[FEATURE_COLUMNS]


def _most(mirror: Mirror, found: pd.DataFrame) -> pd.Series[Any]:
    """Return the most bugs that each feature can have; nothing where tests or their bugs are not fully read."""
    is_open = found["product_id"].isin(products_in_doubt(mirror, "tests", "bugs")) | (
        found["tests"] > found["tests_read"]
    )
    return (found["bugs"] + found["unsaid"] + found["stray"]).mask(is_open)


def _executed(rows: pd.DataFrame, since: pd.Timestamp | None) -> pd.DataFrame:
    rows = rows[rows["group"] == "executed"]
    return rows if since is None else rows[rows["at"] >= since]


def _counts(bugs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return distinct bugs by group: valid ones, known ones, one column per bucket and one per severity of the valid."""
    valid = bugs["is_valid"].astype(bool)
    severity = bugs["severity"].where(bugs["severity"].isin(SEVERITIES), OTHER_SEVERITY)
    flags: dict[str, Any] = {"unsaid": bugs["may_be_valid"].astype(bool) & ~valid}
    flags |= {"bugs": valid, "known": valid & bugs["is_known"].astype(bool)}
    flags |= {bucket: bugs["bucket"] == bucket for bucket in BUCKETS}
    flags |= {name: valid & (severity == name) for name in (*SEVERITIES, OTHER_SEVERITY)}
    marked = pd.DataFrame({**{name: bugs[name] for name in by}, **flags})
    sums = marked.groupby(list(by), dropna=False, observed=True)[list(flags)].sum()
    return sums.astype("Int64").reset_index()


def _filled(found: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return found.assign(**{name: found[name].fillna(0).astype("Int64") for name in names})


def _exposures(found: pd.DataFrame, scope: pd.DataFrame, bugs: pd.DataFrame) -> dict[Hashable, Exposures]:
    """Return what each test found in each feature, by product; the features are named by their rows in `found`."""
    keys = ["feature_id", "test_id"]
    counts = distinct(bugs, "bug_id", keys).rename("bugs").reset_index()
    tested = found[found["tests_read"] > 0][["feature_id", "product_id"]].rename_axis("row").reset_index()
    # A bug of a test that does not name the feature is one of its counts as well.
    pairs = scope[keys].merge(counts, on=keys, how="outer").merge(tested, on="feature_id")
    pairs["bugs"] = pairs["bugs"].fillna(0)
    kinds = {"row": "int64", "test_id": "int64", "bugs": "float64"}
    groups = pairs.astype(kinds).groupby("product_id")[[*kinds]]
    return {key: Exposures(*(rows[name].to_numpy() for name in kinds)) for key, rows in groups}


def _rates(found: pd.DataFrame, exposures: Mapping[Hashable, Exposures]) -> pd.DataFrame:
    """Return raw and shrunk bugs per test of each feature, shrunk within its product."""
    names = ["bugs_per_test", "raw_low", "raw_high", "shrunk", "shrunk_low", "shrunk_high", "prior_mean"]
    rates = pd.DataFrame(np.nan, index=found.index, columns=names)
    pooled = pd.Series(pd.NA, index=found.index, dtype="boolean")
    compared = pd.Series(False, index=found.index)
    tested = found[found["bugs"].notna() & (found["tests_read"] > 0)]
    for product, rows in tested.groupby("product_id"):
        compared.loc[rows.index] = len(rows) >= FEWEST
        bugs, tests = (rows[name].to_numpy(dtype=float) for name in ("bugs_read", "tests_read"))
        single = exposures[product]
        single = replace(single, feature=rows.index.get_indexer(pd.Index(single.feature)))
        shrunk = shrunk_rates(bugs, tests, exposures=single)
        low, high = poisson_interval(bugs, tests, effect=1 + shrunk.rate * shrunk.overdispersion)
        mean = np.full(len(rows), shrunk.prior_mean)
        rates.loc[rows.index] = np.column_stack((bugs / tests, low, high, shrunk.rate, shrunk.low, shrunk.high, mean))
        pooled.loc[rows.index] = shrunk.is_pooled
    low, high, mean = (comparable(rates[name]) for name in ("shrunk_low", "shrunk_high", "prior_mean"))
    signal = np.select([low > mean, high < mean], ["above", "below"], default="as expected")
    signals = pd.Series(pd.Categorical(signal, categories=list(SIGNALS)), index=found.index).where(compared)
    rates = rates.astype("Float64")
    return rates.mask(rates.isna()).assign(is_pooled=pooled, signal=signals)


# -- bugs of products and devices -----------------------------------------------------------------------------------


@documented
def bugs_by_product(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the bugs of each active product, one row each, by name and id.

    Whether the feature of a bug is in the catalogue is empty where the product's features are not fully synced; all other
    counts rest on bugs and tests alone.
    """
    bugs = located_bugs(mirror, as_of=as_of)
    places = pd.crosstab(bugs["product_id"], bugs["where"].astype(str)).reindex(columns=list(PLACES), fill_value=0)
    places = places.rename(columns=dict(zip(PLACES, PLACE_COLUMNS, strict=True)))
    found = product_rows(mirror).merge(_counts(bugs, ["product_id"]), on="product_id", how="left")
    found = found.merge(places.reset_index(), on="product_id", how="left")
    found = _filled(found, [*COUNTS, "unsaid", *PLACE_COLUMNS])
    found["bugs_highest"] = (found["bugs"] + found["unsaid"]).mask(
        found["product_id"].isin(products_in_doubt(mirror, "tests", "bugs"))
    )
    found["total"] = found[list(BUCKETS)].sum(axis=1).astype("Int64")
    unread = found["product_id"].isin(never_synced_products(mirror, "bugs"))
    numbers = ["total", *COUNTS, "bugs_highest", *PLACE_COLUMNS]
    found[numbers] = found[numbers].mask(unread)
    has_gap = found["product_id"].isin(products_in_doubt(mirror, "features"))
    found[list(CATALOGUE_PLACES)] = found[list(CATALOGUE_PLACES)].mask(has_gap)
    return with_row_doubts(found, mirror, "bugs_by_product")[column_names("bugs_by_product")]


@documented
def bugs_by_device(mirror: Mirror, *, as_of: AsOf = None, by: str = "operating_system") -> pd.DataFrame:
    """Return on which devices the valid bugs were seen, one row per product and value, the most bugs first.

    The devices are those of the bug's own report. A bug seen on two devices of the same value counts once; one seen on
    two values counts in both rows, so the counts of a product may add up to more than its bugs. `split_bugs` shares
    such a bug out evenly and adds up to them exactly.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        by: ``category``, ``vendor``, ``operating_system``, ``os_version`` (with its system), ``device``, ``browsers``.

    Raises:
        UnknownValueError: devices have no such part.
    """
    if by not in DEVICE_PARTS:
        raise UnknownValueError("by", by, DEVICE_PARTS)
    bugs = located_bugs(mirror, as_of=as_of)
    bugs = bugs[bugs["is_valid"].astype(bool)][["bug_id", "product_id", "severity"]]
    devices = mirror.active("bug_devices")
    value = devices[by]
    if by == "os_version":
        value = (devices["operating_system"].fillna("") + " " + value).str.strip()
    pairs = pd.DataFrame({"bug_id": devices["bug_id"], "value": value.astype("str")}).dropna().drop_duplicates()
    found = bugs.merge(pairs, on="bug_id", how="left", validate="one_to_many")
    found["value"] = found["value"].fillna(NO_DEVICE)
    found["split_bugs"] = 1.0 / found.groupby("bug_id")["value"].transform("size")
    found["critical"] = found["severity"] == "critical"
    grouped = found.groupby(["product_id", "value"])
    sums = grouped.agg(bugs=("bug_id", "nunique"), critical=("critical", "sum"), split_bugs=("split_bugs", "sum"))
    sums = sums.reset_index().astype({"bugs": "Int64", "critical": "Int64", "split_bugs": "Float64", "value": "str"})
    rows = product_rows(mirror).merge(sums, on="product_id", how="inner", validate="one_to_many")
    totals = bugs.groupby("product_id")["bug_id"].nunique()
    rows["product_bugs"] = rows["product_id"].map(totals).astype("Int64")
    order = ["product", "product_id", "bugs", "value"]
    rows = rows.sort_values(order, ascending=[True, True, False, True], ignore_index=True)
    return with_row_doubts(rows, mirror, "bugs_by_device")


def severity_score(severities: pd.Series[str], weights: Mapping[str, float] = SEVERITY_WEIGHTS) -> float:
    """Return the sum of the weights of these severities.

    Raises:
        UnknownValueError: a severity has no weight.
    """
    for severity in severities.dropna().unique():
        if severity not in weights:
            raise UnknownValueError("The severity", severity, weights)
    return float(sum(weights[severity] for severity in severities.dropna()))
