"""Coverage over time: today's catalogue, looked at from the end of each month."""

from __future__ import annotations

from copy import deepcopy

import pandas as pd
from hypothesis import given

from strategies import Account, a_third, accounts, ago, opened
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.coverage import coverage_over_time, coverage_total


def mirror_of(account: Account) -> Mirror:
    """Read an account as the reports do."""
    with opened(account) as connection:
        return load_mirror(connection)


def test_each_month_end_counts_the_tests_of_the_days_before() -> None:
    """A feature is covered from its test on, for the span, and not before."""
    account = Account().product(1).feature(1).feature(2).synced(1)
    account.test(1, "archived", "2025-12-15T00:00:00+00:00").covers(1, 1)
    account.test(2, "archived", "2026-04-10T00:00:00+00:00").covers(2, 2)
    found = coverage_over_time(mirror_of(account), stale_after=60)

    months = [str(until.date()) for until in found["until"]]
    assert months == ["2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01", "2026-06-30"]
    assert found["covered"].tolist() == [0, 0, 1, 1, 0]
    assert found["active_features"].tolist() == [2] * 5
    assert found["is_partial"].tolist() == [False] * 4 + [True]


def test_months_before_the_first_known_span_are_left_out() -> None:
    """Coverage that only seems low because nothing is known of the tests before is not shown."""
    account = Account().product(1).feature(1).synced(1).test(1, "archived", ago(20)).covers(1, 1)

    assert len(coverage_over_time(mirror_of(account))) == 1


@a_third
@given(accounts())
def test_each_point_is_the_coverage_of_the_report_of_that_date(account: Account) -> None:
    """The series and the report of the catalogue of that date say the same, range included, for any account."""
    mirror = mirror_of(account)
    names = {"active_features": "active_features", "covered": "tested", "covered_highest": "recent_covered_highest"}
    for point in coverage_over_time(mirror, stale_after=60, months=3).to_dict("records"):
        then = mirror_of(_before_removals(account, point["until"]))
        total = coverage_total(then, as_of=point["until"], stale_after=60).iloc[0]
        for name, other in names.items():
            assert (pd.isna(point[name]) and pd.isna(total[other])) or point[name] == total[other], name


def _before_removals(account: Account, instant: pd.Timestamp) -> Account:
    """Return the account with the features that were removed later still in its catalogue."""
    earlier = deepcopy(account)
    for row in earlier.rows.get("features", []):
        if row.get("removed_at") is not None and pd.Timestamp(row["removed_at"]) > instant:
            row["removed_at"] = None
    return earlier


def test_a_running_test_covers_from_its_start_on() -> None:
    """Today and in the months before, as in the report of each of those dates."""
    account = Account().product(1).feature(1).feature(2).synced(1)
    account.test(1, "archived", ago(300)).covers(1, 1)
    account.test(2, "running", ago(-9), start_at=ago(45)).covers(2, 2)

    assert coverage_over_time(mirror_of(account), months=3)["covered"].tolist() == [0, 0, 1, 1]


def test_the_series_begins_with_the_oldest_test_whatever_it_covered() -> None:
    """Also where its features are removed by now."""
    account = Account().product(1).feature(1).feature(2, removed_at=ago(3)).synced(1)
    account.test(1, "archived", ago(300)).covers(1, 2).test(2, "archived", ago(20)).covers(2, 1)

    assert len(coverage_over_time(mirror_of(account))) == 4  # the ends of March, April and May, and the report date


def test_an_account_without_features_has_one_row_without_share() -> None:
    """No features, no share."""
    found = coverage_over_time(mirror_of(Account().synced()))

    assert found["active_features"].tolist() == [0]
    assert found["share"].isna().all()
    assert found["until"].dtype == "datetime64[us, UTC]"


def test_of_an_account_that_was_never_read_nothing_is_counted() -> None:
    """Nothing known is not 0."""
    found = coverage_over_time(mirror_of(Account()))

    assert found[["active_features", "covered", "covered_highest", "share"]].isna().all(axis=None)
