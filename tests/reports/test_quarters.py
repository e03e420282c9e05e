"""Quarters, counted again over the base frames: in the demo account and in a generated one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import testio_analytics as ta
from shared_demo import generated_mirror
from testio_analytics.api.vocabulary import EXECUTED
from testio_analytics.errors import UnknownValueError
from testio_analytics.reports.periods import quarters


@pytest.fixture(scope="module", params=["demo", "many products"])
def mirror(request: pytest.FixtureRequest, demo_db_path: Path) -> ta.Mirror:
    """Return the mirror of the demo account and of a generated one."""
    if request.param == "demo":
        return ta.load_mirror(demo_db_path)
    return ta.load_mirror(generated_mirror(request.param))


def quarter_of(at: pd.Timestamp) -> str:
    """Return the quarter of a time in UTC."""
    return f"{at.year}-Q{(at.month + 2) // 3}"


def ended(mirror: ta.Mirror) -> dict[int, str]:
    """Return the quarter of each test that is there, by id: that of its end, at most the report date, else of its start."""
    assert mirror.as_of is not None
    tests = mirror.active("tests")
    rows = zip(tests["id"], tests["status"], tests["start_at"], tests["end_at"], strict=True)
    found = {}
    for key, status, start, end in rows:
        at = start if pd.isna(end) else end
        if at > mirror.as_of and status == "running" and not start > mirror.as_of:
            at = mirror.as_of
        if not pd.isna(at) and at <= mirror.as_of:
            found[int(key)] = quarter_of(at)
    return found


def test_tests_and_bugs_of_quarters(mirror: ta.Mirror) -> None:
    """Executed tests and their valid bugs stand in the quarter in which the test ended."""
    quarter, tests, bugs = ended(mirror), mirror.active("tests"), mirror.active("bugs")
    executed = {int(key) for key in tests[tests["status"].isin(EXECUTED)]["id"]} & {*quarter}
    valid = bugs[(bugs["status"] != "rejected") & bugs["status"].notna() & bugs["test_id"].isin(executed)]
    found = ta.trends(mirror, by="quarter").set_index("label")

    assert found["tests"].sum() == len(executed) > 0
    for label, row in found.iterrows():
        assert row["tests"] == sum(quarter[key] == label for key in executed)
        assert row["bugs"] == sum(quarter[int(key)] == label for key in valid["test_id"])
        assert quarter_of(row["start"]) == label
    parts = ta.trends_by_product(mirror, by="quarter").groupby("label")[["tests", "bugs", "critical"]].sum()
    assert (parts == found.loc[parts.index, ["tests", "bugs", "critical"]]).all().all()


def test_a_quarter_is_its_three_months(mirror: ta.Mirror) -> None:
    """Counts are the sums of the months', in trends and in triage, and the last quarter is not over."""
    months, found = ta.trends(mirror), ta.trends(mirror, by="quarter").set_index("label")
    sums = months.groupby(quarters(months["start"]))[["tests", "bugs", "critical", "first_covered"]].sum()
    assert (sums == found.loc[sums.index, [*sums.columns]]).all().all()
    last = months.groupby(quarters(months["start"]))[["ever_covered", "active_features"]].last()
    assert (last == found.loc[last.index, [*last.columns]]).all().all()

    for report in (ta.triage_by_month, ta.triage_by_product_and_month):
        month, whole = report(mirror), report(mirror, by="quarter")
        names = month["month"].map(lambda name: quarter_of(pd.Timestamp(name)) if isinstance(name, str) else name)
        keys = [key for key in ("product_id",) if key in month]
        grouped = month.assign(month=names).groupby([*keys, "month"], dropna=False)[["total", "rejected", "open"]].sum()
        assert (grouped == whole.set_index([*keys, "month"]).loc[grouped.index, [*grouped.columns]]).all().all()
        assert len(grouped) == len(whole)


@pytest.mark.parametrize(("as_of", "is_partial"), [("2026-03-30", True), ("2026-03-31", False), ("2026-04-01", True)])
def test_a_quarter_is_over_on_its_last_day(demo_db_path: Path, as_of: str, is_partial: bool) -> None:
    """Its last day ends it, and the day after begins another one."""
    last = ta.trends(ta.load_mirror(demo_db_path), by="quarter", as_of=as_of).iloc[-1]

    assert (last["label"], bool(last["is_partial"])) == ("2026-Q2" if as_of > "2026-04" else "2026-Q1", is_partial)


def test_a_time_that_is_not_known_is_in_no_quarter() -> None:
    """Empty, and not the word for a missing number."""
    times = pd.Series(pd.to_datetime(["2025-12-31 23:59:59.999999Z", "NaT", "2026-01-01 00:00Z"], format="ISO8601"))

    assert quarters(times).fillna("").tolist() == ["2025-Q4", "", "2026-Q1"]


def test_an_unknown_period_is_refused(demo_db_path: Path) -> None:
    """The message names those that there are."""
    mirror = ta.load_mirror(demo_db_path)
    for report in (ta.trends, ta.triage, ta.triage_by_month, ta.triage_by_product_and_month):
        with pytest.raises(UnknownValueError, match="quarter"):
            report(mirror, by="decade")  # type: ignore[arg-type]
