"""Triage outcomes of bugs and their rates, by product, by month, quarter and year."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal, cast, get_args

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.coverage import ALL_PRODUCTS
from testio_analytics.reports.doubts import never_synced_products, nothing_read, with_doubts, with_row_doubts
from testio_analytics.reports.facts import BUCKETS, NO_VALUE, located_bugs, product_rows
from testio_analytics.reports.periods import period_names
from testio_analytics.reports.rate_intervals import clustered_wilson
from testio_analytics.reports.registry import documented
from testio_analytics.reports.shares import with_share
from testio_analytics.text import listed

By = Literal["product", "month", "product_month", "quarter", "product_quarter", "year", "product_year"]
Step = Literal["month", "quarter", "year"]
Band = Literal["ok", "warning", "critical", "unknown"]

BANDS: Mapping[str, tuple[float, float]] = {
    "rejection": (0.20, 0.35),
    "auto_acceptance": (0.20, 0.40),
    "active_acceptance": (0.35, 0.20),
    "review": (0.80, 0.60),
}
"""Warning and critical bounds of each rate; where the second is the lower one, low is bad."""

ACCEPTED = ("active_accepted", "auto_accepted", "accepted_unclear")
RATES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "active_acceptance": (("active_accepted",), BUCKETS),
    "auto_acceptance": (("auto_accepted",), ACCEPTED),
    "overall_acceptance": (ACCEPTED, BUCKETS),
    "rejection": (("rejected",), BUCKETS),
    "review": (("active_accepted", "rejected"), BUCKETS),
}
"""The triage outcomes that are counted, and out of which, for each rate."""

BY_WHOM = ("active_acceptance", "auto_acceptance", "review")
"""The rates that change with whether a person or the timer accepted a bug."""

OF_TIMER = ("active_acceptance", "auto_acceptance")
"""Those that there are none of in an account that never says it."""

UNSAID = "unsaid"
"""Counts the bugs of bucket "other" that do not say their status: each of them may count in any rate."""

COUNTED = ("total", *BUCKETS, UNSAID, "immature")
STEPS = get_args(Step)
BAND_NAMES = ("ok", "warning", "critical", "unknown")


@documented
def triage(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    by: By = "product",
    matures_after: float = 10,
    bands: Mapping[str, tuple[float, float]] = BANDS,
) -> pd.DataFrame:
    """Return the triage outcomes of the bugs, one row per product, per month, quarter or year, or per product and one.

    All active bugs count, of whatever severity; a bug belongs to the month (UTC) in which its test ended, and to no
    month where that is not known. Order: product by name, then month; months oldest first, the row without month last.
    Quarters, like 2026-Q2, and years stand in the column month as well.

    Raises:
        UnknownValueError: `as_of`, `by` or `matures_after` is none, or a band is of no rate.
    """
    if by not in get_args(By):
        raise UnknownValueError("by", by, get_args(By))
    for name in bands:
        if name not in RATES:
            raise UnknownValueError("bands", name, RATES)
    bugs = _dated(mirror, as_of, matures_after)
    step = by.removeprefix("product_")
    if step in STEPS:
        bugs["month"] = period_names(bugs["at"], cast("Step", step))
        by = "product_month" if by.startswith("product_") else "month"
    keys = {"product": ["product_id"], "month": ["month"], "product_month": ["product_id", "month"]}[by]
    counts = _counts(bugs, keys)
    found = _measured(mirror, _with_all_products(mirror, counts) if by == "product" else counts, bands)
    if by == "month":
        found = with_doubts(found, mirror, "triage_by_month")
        return found.sort_values("month", na_position="last", ignore_index=True)
    found.insert(1, "product", mirror.named(found["product_id"]))
    found = with_row_doubts(found, mirror, "triage" if by == "product" else "triage_by_product_and_month")
    order = ["product", "product_id", *keys[1:]]
    return found.sort_values(order, na_position="last", ignore_index=True)


@documented
def triage_by_month(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    by: Step = "month",
    matures_after: float = 10,
    bands: Mapping[str, tuple[float, float]] = BANDS,
) -> pd.DataFrame:
    """Return the triage outcomes of the bugs of each month's (quarter's, year's) tests, all products together, oldest first."""
    if by not in STEPS:
        raise UnknownValueError("by", by, STEPS)
    return triage(mirror, as_of=as_of, by=by, matures_after=matures_after, bands=bands)


@documented
def triage_by_product_and_month(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    by: Step = "month",
    matures_after: float = 10,
    bands: Mapping[str, tuple[float, float]] = BANDS,
) -> pd.DataFrame:
    """Return the triage outcomes of the bugs of each product and month (quarter, year), by product, then oldest first."""
    if by not in STEPS:
        raise UnknownValueError("by", by, STEPS)
    return triage(
        mirror,
        as_of=as_of,
        by=cast("By", f"product_{by}"),
        matures_after=matures_after,
        bands=bands,
    )


@documented
def triage_total(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    matures_after: float = 10,
    bands: Mapping[str, tuple[float, float]] = BANDS,
) -> pd.DataFrame:
    """Return the triage outcomes of all bugs, in one row."""
    found = _total(mirror, as_of, matures_after)
    return with_doubts(_measured(mirror, found, bands), mirror, "triage_total")


def rate_counts(mirror: Mirror, name: str, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the counts that a triage rate of all bugs is made of, in one row, so that they can be summed over accounts.

    Columns (Int64): least, most (bugs that count in it), of. They are empty where the bugs were never read.
    """
    least, most, of = _ends(_total(mirror, as_of, 10), name)
    return pd.DataFrame({"least": least, "most": most, "of": of})


def _total(mirror: Mirror, as_of: AsOf, matures_after: float) -> pd.DataFrame:
    """Return the bugs by triage outcome, with the interval of each rate, in one row."""
    bugs = _dated(mirror, as_of, matures_after).assign(product=ALL_PRODUCTS)
    found = _counts(bugs, ["product"])
    if found.empty:
        # No bugs at all: 0 where they were read, empty where they never were.
        nothing = pd.NA if nothing_read(mirror, "bugs") or never_synced_products(mirror, "bugs") else 0
        empty = {name: pd.Series([nothing], dtype="Int64") for name in COUNTED}
        found = pd.DataFrame({"product": [ALL_PRODUCTS], **empty}).join(found.drop(columns=["product", *empty]))
    return found.astype({"product": "str"})


def band(rate: float | None, bounds: tuple[float, float]) -> Band:
    """Return in which band a rate lies: at a bound it has passed it. Without rate it is unknown, never ok."""
    if rate is None or pd.isna(rate):
        return "unknown"
    rate, warning, critical = comparable([rate, *bounds])
    passed = (rate >= warning, rate >= critical) if critical >= warning else (rate <= warning, rate <= critical)
    return "critical" if passed[1] else "warning" if passed[0] else "ok"


def _dated(mirror: Mirror, as_of: AsOf, matures_after: float) -> pd.DataFrame:
    instant = mirror.instant(as_of)
    bugs = located_bugs(mirror, as_of=instant)
    # A mirror of some products holds what touches their features, from other products as well.
    bugs = bugs[bugs["product_id"].isin(mirror.active("products")["id"])]
    mature_before = instant - checked_days("matures_after", matures_after)
    return bugs.assign(
        # A test that is still running, also past its planned end, can still change its results.
        immature=((bugs["at"] > mature_before).fillna(False) | bugs["is_running"]).astype("Int64"),
    )


def _counts(bugs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the bugs of each group by triage outcome, and the interval of each rate, with the test as the unit.

    Bugs that name no test stand together for one. The interval reaches from the lower end of the least that the rate can
    be to the upper end of the most.
    """
    flags: dict[str, Any] = {bucket: (bugs["bucket"] == bucket).astype("Int64") for bucket in BUCKETS}
    flags[UNSAID] = (bugs["status"] == NO_VALUE).astype("Int64")
    marked = bugs[[*keys, "test_id", "immature"]].assign(total=1, **flags).astype({"total": "Int64"})
    numbers = [*COUNTED]
    tests = marked.groupby([*keys, "test_id"], dropna=False)[numbers].sum().reset_index()
    groups = tests.groupby(keys, dropna=False)
    found = groups[numbers].sum().reset_index()
    for name in RATES:
        least, most, of = (ends.to_numpy(dtype=float) for ends in _ends(tests, name))
        group = groups.ngroup().to_numpy()
        low, high = (clustered_wilson(hits, of, group, len(found))[end] for end, hits in enumerate((least, most)))
        found[f"{name}_low"], found[f"{name}_high"] = (pd.Series(bound).astype("Float64") for bound in (low, high))
    return found


def _with_all_products(mirror: Mirror, found: pd.DataFrame) -> pd.DataFrame:
    """Add the active products without bugs: with 0 where their bugs were read, and empty where they never were."""
    numbers = [*COUNTED]
    rows = product_rows(mirror)[["product_id"]].merge(found, on="product_id", how="left", validate="one_to_one")
    unread = rows["product_id"].isin(never_synced_products(mirror, "bugs"))
    rows[numbers] = rows[numbers].where(rows[numbers].notna(), 0).mask(unread)
    return rows.astype(dict.fromkeys(numbers, "Int64"))


def _measured(mirror: Mirror, found: pd.DataFrame, bands: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    bounds = found[[f"{name}_{end}" for name in RATES for end in ("low", "high")]]
    found = found.drop(columns=[*bounds])
    for name in RATES:
        rates = _rate(mirror, found, name)
        names = [f"{name}_low", f"{name}_high"]
        found = found.join(rates).join(bounds[names].mask(rates[name].isna(), axis=0))
        if name in bands:
            pairs = zip(rates[name], rates[f"{name}_highest"], strict=True)
            names = [_one_band(least, most, bands[name]) for least, most in pairs]
            found[f"{name}_band"] = pd.Series(pd.Categorical(names, categories=list(BAND_NAMES)), index=found.index)
    found = found.drop(columns=UNSAID)
    verdicts = [_verdict(row, bands) for row in found.to_dict("records")]
    found["verdict"] = pd.Series(verdicts, index=found.index, dtype="str")
    return found.assign(is_provisional=(found["immature"] > 0).astype("boolean"))


def _rate(mirror: Mirror, found: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the least and the most that a rate can be; nothing where it may be any."""
    least, most, of = _ends(found, name)
    is_any = (least == 0) & (most == of)
    if not mirror.says_auto_accepted and name in OF_TIMER:
        is_any |= found["accepted_unclear"] > 0
    ends = pd.DataFrame({"least": least, "most": most, "of": of}).mask(is_any)
    return with_share(with_share(ends, "least", "of", name), "most", "of", f"{name}_highest").drop(columns=[*ends])


def _ends(found: pd.DataFrame, name: str) -> tuple[pd.Series[int], pd.Series[int], pd.Series[int]]:
    """Return how many bugs count in a rate, at least and at most, and out of how many.

    A bug without status may count in it or not; so may one that was accepted by nobody knows whom.
    """
    parts, whole = RATES[name]
    least, of = (found[list(names)].sum(axis=1, skipna=False) for names in (parts, whole))
    most = least + found[UNSAID] + (found["accepted_unclear"] if name in BY_WHOM else 0)
    return least, most, of + (found[UNSAID] if whole is ACCEPTED else 0)


def _one_band(least: float | None, most: float | None, bounds: tuple[float, float]) -> Band:
    """Return the band that a rate lies in whatever it is between its ends; unknown where that is not one band."""
    found = band(least, bounds)
    return found if found == band(most, bounds) else "unknown"


def _verdict(row: Mapping[Hashable, Any], bands: Mapping[str, tuple[float, float]]) -> str:
    """Return which rates are in which band, like "critical: auto acceptance; warning: review"."""
    rates: dict[str, list[str]] = {name: [] for name in BAND_NAMES}
    for rate in (rate for rate in RATES if rate in bands):
        rates[row[f"{rate}_band"]].append(rate.replace("_", " "))
    outside = [f"{name}: {listed(rates[name], most=9)}" for name in ("critical", "warning") if rates[name]]
    return "; ".join(outside) or ("ok" if rates["ok"] else "unknown")
