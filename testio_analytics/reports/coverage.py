"""Feature coverage in counts: how much of the catalogue was tested at any time, recently, and month by month.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubts import (
    missing_of,
    never_synced_products,
    nothing_read,
    with_doubts,
    with_row_doubts,
)
from testio_analytics.reports.facts import (
    LAPSED_AFTER,
    dated_tests,
    described_features,
    feature_scope,
    labels,
    memberships,
    once,
    product_rows,
    silent_tests,
)
from testio_analytics.reports.feature_times import active_then, feature_times
from testio_analytics.reports.features import STATES, features_with_state
from testio_analytics.reports.registry import documented
from testio_analytics.reports.shares import share, with_share

COVERED_THEN = ("is_covered", "may_be_covered")
NO_SECTION = "(no section)"
ALL_PRODUCTS = "All products"
MONTHS = 24
_COUNTED = (*STATES, "may_be_recent", "changed", "changed_highest")


@documented
def coverage_by_product(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    stale_after: float = 180,
    window: float = 180,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return how much of each active product's catalogue is covered, one row per product, by name and id.

    Counts without "highest" are the least they can be. Where every feature of a row is unknown, its counts (but those
    per state) and shares are empty: nothing is known, which is not 0.
    """
    states = features_with_state(mirror, as_of=as_of, stale_after=stale_after, window=window, lapsed_after=lapsed_after)
    counts = _counts(states, ["product_id"])
    found = product_rows(mirror).merge(counts, on="product_id", how="left", validate="one_to_one")
    return with_row_doubts(_measured(_zero_where_read(mirror, found)), mirror, "coverage_by_product")


@documented
def coverage_by_section(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    stale_after: float = 180,
    window: float = 180,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return how much of each section's catalogue is covered, one row per section, by product, section name and id.

    A feature that belongs to two sections counts in both, so the rows of a product may add up to more than its
    features. Features without section stand under "(no section)" with an empty id. The implicit default section has a
    row only where it has features.
    """
    states = features_with_state(mirror, as_of=as_of, stale_after=stale_after, window=window, lapsed_after=lapsed_after)
    spread = states.merge(memberships(mirror), on="feature_id", how="left", validate="one_to_many")
    counts = _counts(spread, ["product_id", "section_id"])
    found = _section_rows(mirror).merge(counts, on=["product_id", "section_id"], how="outer", validate="one_to_one")
    found["section"] = found["section"].fillna(NO_SECTION)
    found.insert(1, "product", mirror.named(found["product_id"]))
    is_listed = (found["is_default"] == False).fillna(False) | found["untested"].notna()  # noqa: E712
    found = found[is_listed].drop(columns="is_default")
    found = with_row_doubts(_measured(_zero_where_read(mirror, found)), mirror, "coverage_by_section")
    return found.sort_values(["product", "product_id", "section", "section_id"], ignore_index=True)


@documented
def coverage_total(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    stale_after: float = 180,
    window: float = 180,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return how much of the whole catalogue is covered, in one row; each feature counts once.

    Where no catalogue was ever read, nothing is known, and the row is empty.
    """
    states = features_with_state(mirror, as_of=as_of, stale_after=stale_after, window=window, lapsed_after=lapsed_after)
    sums = _flags(states)[list(_COUNTED)].sum().astype("Int64")
    found = pd.DataFrame({"product": pd.Series([ALL_PRODUCTS], dtype="str")})
    found = found.assign(**{name: sums[[name]].array for name in _COUNTED})
    if states.empty and nothing_read(mirror, "features"):
        found[list(_COUNTED)] = found[list(_COUNTED)].mask(found[list(_COUNTED)].notna())
    found = _measured(found)
    return with_doubts(found, mirror, "coverage_total")


@documented
def coverage_over_time(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, months: int = MONTHS
) -> pd.DataFrame:
    """Return how many of the features active then an executed test had covered recently, month by month, oldest first.

    One row for each of the last `months` month ends, from the first on that the oldest executed test leaves
    `stale_after` days behind it, and one for `as_of` itself. Earlier months would look worse than they were only
    because nothing is known of the tests before. Each row has the figures of `coverage_total` as of its end, for the
    catalogue of that time; before the history begins that is the first catalogue which was recorded. Tests that the API
    no longer lists are not in it.

    Raises:
        UnknownValueError: `as_of` is no date or time, or a number of days is not above 0.
    """
    instant, span = mirror.instant(as_of), checked_days("stale_after", stale_after)
    is_known = not (mirror.active("features").empty and nothing_read(mirror, "features"))
    first = _oldest_executed(mirror, instant)
    rows: list[tuple[object, ...]] = []
    for until in _instants(instant, months):
        if until < instant and not first + span <= until:
            continue
        then = covered_then(mirror, until, as_of=instant, stale_after=stale_after)
        counts = (len(then), *(int(then[name].sum()) for name in COVERED_THEN)) if is_known else (None, None, None)
        rows.append((until, until == instant, *counts, share(counts[1], counts[0])))
    return _frame(rows)


@once
def covered_then(mirror: Mirror, until: pd.Timestamp, *, as_of: AsOf = None, stale_after: float = 180) -> pd.DataFrame:
    """Return the features that were active at an instant, and whether a test of the days before it covered each.

    Columns: product_id, feature_id, is_covered, may_be_covered (that, or a gap may hide it).
    """
    instant, span = mirror.instant(as_of), checked_days("stale_after", stale_after)
    times = feature_times(mirror)
    features = described_features(mirror) if until == instant else times[active_then(times, until)]
    scope = feature_scope(mirror, as_of=instant)
    scope = scope[scope["feature_id"].isin(times["feature_id"])]
    covered, undated = _covered_by(scope[scope["group"] == "executed"], until, span)
    silent = silent_tests(mirror, as_of=instant)[["product_id", "at", "start_at"]]
    silent = silent.merge(times[["product_id", "feature_id"]].drop_duplicates(), on="product_id")
    perhaps = pd.concat([scope[scope["group"] == "unknown"], silent])
    perhaps = perhaps if until == instant else perhaps[~(perhaps["start_at"] > until)]
    hidden = _ids(perhaps[~(perhaps["at"] < until - span)])
    gaps = [key for key, since in _old_since(mirror).items() if since is None or since < until]
    then = features[["product_id", "feature_id"]]
    is_covered = then["feature_id"].isin([*covered])
    may_be = is_covered | then["feature_id"].isin([*undated, *hidden]) | then["product_id"].isin(gaps)
    return then.assign(is_covered=is_covered, may_be_covered=may_be)


def _oldest_executed(mirror: Mirror, instant: pd.Timestamp) -> pd.Timestamp:
    """Return the instant of the oldest executed test, whatever it covered; NaT where there is none."""
    tests = dated_tests(mirror, as_of=instant)
    own = tests["product_id"].isin(mirror.active("products")["id"])
    oldest: pd.Timestamp = tests[own & (tests["group"] == "executed")]["at"].min()
    return oldest


def _old_since(mirror: Mirror) -> dict[int, pd.Timestamp | None]:
    """Return the products whose tests are not fully synced, with up to when they are known; None where for no time."""
    found = missing_of(mirror, "tests").items()
    return {key: one.since if one.kind == "older than the report" else None for key, one in found}


def _instants(instant: pd.Timestamp, months: int) -> list[pd.Timestamp]:
    this_month = pd.Timestamp(year=instant.year, month=instant.month, day=1, tz="UTC")
    ends = [this_month - pd.DateOffset(months=back) for back in range(months - 1, -1, -1)]
    return [*(end for end in ends if end < instant), instant]


def _covered_by(executed: pd.DataFrame, until: pd.Timestamp, span: pd.Timedelta) -> tuple[set[int], set[int]]:
    """Return the features that executed tests cover as of `until`: recently, and at a date that is not known.

    A test that is running now was so from its start on.
    """
    is_running = executed["is_running"] & ~(executed["start_at"] > until)
    at = executed["end_at"].fillna(executed["start_at"])
    at = at.mask(is_running & (at > until), until)
    return _ids(executed[(at <= until) & (at >= until - span)]), _ids(executed[~executed["is_dated"] & ~(at > until)])


def _ids(features: pd.DataFrame) -> set[int]:
    return {*features["feature_id"].tolist()}


def _frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    names = ["until", "is_partial", "active_features", "covered", "covered_highest", "share"]
    dtypes = ["datetime64[us, UTC]", "boolean", "Int64", "Int64", "Int64", "Float64"]
    return pd.DataFrame(rows, columns=names).astype(dict(zip(names, dtypes, strict=True)))


def _counts(states: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return how many features of each group are in each state; rows without section are a group of their own."""
    sums = _flags(states).groupby(list(by), dropna=False, observed=True)[list(_COUNTED)].sum()
    return sums.astype("Int64").reset_index()


def _flags(states: pd.DataFrame) -> pd.DataFrame:
    changed, may_be = states["changed_since_tested"].fillna(False).astype(bool), states["may_be_changed"].astype(bool)
    of_state = {state: states["state"] == state for state in STATES}
    return states.assign(**of_state, changed=changed & ~may_be, changed_highest=changed | may_be)


def _zero_where_read(mirror: Mirror, found: pd.DataFrame) -> pd.DataFrame:
    """Fill the counts of products without features with 0, but leave them empty where they were never read."""
    unread = found["product_id"].isin([*never_synced_products(mirror, "features")])
    filled = found.copy()
    for name in _COUNTED:
        filled[name] = found[name].where(found[name].notna() | unread, 0)
    return filled


def _measured(found: pd.DataFrame) -> pd.DataFrame:
    """Add population, totals and shares to the counts per state."""
    maybe_recent = found["may_be_recent"]
    names = [name for name in found.columns if name not in _COUNTED]
    measured = found[names].assign(active_features=found[list(STATES)].sum(axis=1, skipna=False))
    measured = measured.join(found[list(STATES)])
    # Where not one feature could be states, "0 covered" would be a number made of nothing.
    is_known = ~((measured["active_features"] > 0) & (found["unknown"] == measured["active_features"]))
    covered, never = found["tested"] + found["stale"], found["untested"] + found["planned"]
    measured["never_executed"] = never.where(is_known)
    measured["never_executed_highest"] = never + found["unknown"]
    measured["ever_covered"] = covered.where(is_known)
    measured["ever_covered_highest"] = covered + found["unknown"]
    measured = with_share(measured, "ever_covered", "active_features", "ever_share")
    measured["recent_covered"] = found["tested"].where(is_known)
    measured["recent_covered_highest"] = found["tested"] + maybe_recent
    measured = with_share(measured, "recent_covered", "active_features", "recent_share")
    may_be_any = (found["changed_highest"] == measured["active_features"]) & (measured["active_features"] > 0)
    measured["changed_since_tested"] = found["changed"].mask(may_be_any & (found["changed"] == 0))
    return measured.assign(changed_since_tested_highest=found["changed_highest"])


def _section_rows(mirror: Mirror) -> pd.DataFrame:
    sections = mirror.active("sections")
    sections = sections[sections["product_id"].isin(mirror.active("products")["id"])]
    return pd.DataFrame(
        {
            "product_id": sections["product_id"],
            "section_id": sections["id"],
            "section": labels(sections["name"], "Section", sections["id"]),
            "is_default": sections["is_default"],
        }
    )
