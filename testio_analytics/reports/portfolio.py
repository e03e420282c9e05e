"""One account in one row, to be put beside others: the figures by which somebody sees which customer needs a call.

Each share stands with the counts that it is made of, so that the row of several accounts is summed, never averaged.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.coverage import coverage_over_time, coverage_total
from testio_analytics.reports.doubts import nothing_read, with_doubts
from testio_analytics.reports.facts import dated_tests, unread_tests
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.reports.shares import with_share
from testio_analytics.reports.totals import bugs_total, story_coverage_total
from testio_analytics.reports.triage import rate_counts, triage_total

TRIAGE_RATES = ("auto_acceptance", "review")
SUMS = (
    *("active_features", "never_executed", "never_executed_highest", "recent_covered", "recent_covered_highest"),
    *("tests", "tests_read", "bugs", "bugs_highest"),
    *(f"{rate}_{part}" for rate in TRIAGE_RATES for part in ("bugs", "bugs_highest", "of")),
    *("stories", "covered", "covered_highest"),
)
"""The counts that add up over accounts."""

SHARES: Mapping[str, tuple[str, str]] = {
    "recent_share": ("recent_covered", "active_features"),
    "recent_share_highest": ("recent_covered_highest", "active_features"),
    "bugs_per_test": ("bugs", "tests_read"),
    **{rate: (f"{rate}_bugs", f"{rate}_of") for rate in TRIAGE_RATES},
    **{f"{rate}_highest": (f"{rate}_bugs_highest", f"{rate}_of") for rate in TRIAGE_RATES},
    "story_share": ("covered", "stories"),
    "story_share_highest": ("covered_highest", "stories"),
}
"""The counts that each share and rate is made of."""


@documented
def portfolio(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the account in one row: coverage, tests, bugs, triage, stories, the change since the last quarter, doubts."""
    instant = mirror.instant(as_of)
    covered, bugs = coverage_total(mirror, as_of=instant), bugs_total(mirror, as_of=instant)
    triage, stories = triage_total(mirror, as_of=instant), story_coverage_total(mirror, as_of=instant)
    row = {name: covered[name] for name in SUMS[:5]} | _executed_tests(mirror, instant)
    row |= {"bugs": bugs["bugs"], "bugs_highest": bugs["bugs_highest"]}
    for rate in TRIAGE_RATES:
        counts = rate_counts(mirror, rate, as_of=instant)
        names = [f"{rate}_{part}" for part in ("bugs", "bugs_highest", "of")]
        row |= dict(zip(names, (counts["least"], counts["most"], counts["of"]), strict=True))
    row |= {name: stories[name] for name in ("stories", "covered", "covered_highest")}
    found = with_shares(pd.DataFrame(row))
    # Whether there is a rate at all, and its interval, is a matter of the triage report.
    of_triage = [f"{rate}{end}" for rate in TRIAGE_RATES for end in ("", "_highest", "_low", "_high", "_band")]
    found = found.assign(**{name: triage[name] for name in of_triage})
    before = _at_last_quarter(mirror, instant)
    found = found.assign(
        recent_share_before=pd.Series([before], dtype="Float64"),
        report_date=pd.Series([None if nothing_read(mirror, "products") else instant], dtype="datetime64[us, UTC]"),
    )
    found["recent_share_change"] = 100 * (found["recent_share"] - found["recent_share_before"])
    return with_doubts(found, mirror, "portfolio")[column_names("portfolio")]


def _executed_tests(mirror: Mirror, instant: pd.Timestamp) -> dict[str, pd.Series[int]]:
    """Return how many tests were executed, and of how many of them the bugs were read; empty where none was read."""
    tests = dated_tests(mirror, as_of=instant)
    own = tests["product_id"].isin(mirror.active("products")["id"])
    executed = tests[own & (tests["group"] == "executed")]["test_id"]
    read = ~executed.isin(unread_tests(mirror, "bugs"))
    counts = (pd.NA, pd.NA) if nothing_read(mirror, "tests") else (len(executed), int(read.sum()))
    return {name: pd.Series([n], dtype="Int64") for name, n in zip(("tests", "tests_read"), counts, strict=True)}


def with_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the shares and rates of rows of counts, whatever they were summed over."""
    for name, (part, whole) in SHARES.items():
        rows = with_share(rows, part, whole, name)
    return rows


def _at_last_quarter(mirror: Mirror, instant: pd.Timestamp) -> float | None:
    """Return the share of recently tested features at the end of the last quarter that was over; None where unknown."""
    ended = pd.Timestamp(instant.year, 3 * ((instant.month - 1) // 3) + 1, 1, tz="UTC")
    rows = coverage_over_time(mirror, as_of=instant)
    then = rows[(rows["until"] == ended) & ~rows["is_partial"].astype(bool)]
    return None if then.empty or pd.isna(then["share"].iloc[0]) else float(then["share"].iloc[0])
