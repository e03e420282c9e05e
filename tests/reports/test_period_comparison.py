"""One period beside another, counted again over the payloads: in the demo account and in two generated ones."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import testio_analytics as ta
from generated import account_of
from payloads import dated_tests, executed_tests, last_run, payloads, test_of
from shared_demo import generated_mirror
from syncing import sync_account
from testio_analytics.errors import UnknownValueError
from testio_analytics.reports.rate_intervals import clustered_wilson, difference_interval, overdispersion


@pytest.fixture(scope="module", params=["demo", "small", "many products"])
def db(request: pytest.FixtureRequest, faultless_db_path: Path) -> Path:
    """Return the file of the demo account, and of two generated ones."""
    return faultless_db_path if request.param == "demo" else generated_mirror(request.param)


def name_of(at: datetime, kind: str) -> str:
    """Return the period of a time by its name."""
    return {"month": f"{at:%Y-%m}", "quarter": f"{at.year}-Q{(at.month + 2) // 3}", "year": f"{at.year}"}[kind]


def counted(db: Path, period: str, product_id: int | None = None) -> dict[str, tuple[float, float | None]]:
    """Return the figures of a period, straight from the payloads: each with k and, for rates, n."""
    kind = "quarter" if "Q" in period else "month" if "-" in period else "year"
    is_own = {product["id"] for product in payloads(db, "products")} if product_id is None else {product_id}
    executed = {key: at for key, (test, at) in executed_tests(db).items() if test["of_product"] in is_own}
    tests = {key for key, at in executed.items() if name_of(at, kind) == period}
    every = {
        key
        for key, (test, at) in dated_tests(db).items()
        if test["of_product"] in is_own and name_of(at, kind) == period
    }
    bugs = [bug for bug in payloads(db, "bugs") if test_of(bug, db) in every]
    valid = [bug for bug in bugs if test_of(bug, db) in tests and bug.get("status") not in ("rejected", None)]
    accepted = [bug for bug in bugs if bug.get("status") == "accepted"]
    by_timer = sum(bug.get("auto_accepted") is True for bug in accepted)
    rejected = sum(bug.get("status") == "rejected" for bug in bugs)
    return {
        "Executed tests": (len(tests), None),
        "Valid bugs": (len(valid), None),
        "Critical bugs": (sum(bug.get("severity") == "critical" for bug in valid), None),
        "Valid bugs per test": (len(valid), len(tests)),
        "Auto-acceptance": (by_timer, len(accepted)),
        "All bugs": (len(bugs), None),
        "Overall acceptance": (len(accepted), len(bugs)),
        "Rejection": (rejected, len(bugs)),
    }


def covered(db: Path, product_id: int | None = None) -> dict[str, tuple[set[int], set[int]]]:
    """Return for each quarter which features of today tests covered in it, and which for the first time."""
    features = {row["id"] for row in payloads(db, "features") if product_id is None or row["of_product"] == product_id}
    found: dict[str, tuple[set[int], set[int]]] = {}
    seen: set[int] = set()
    for test, at in sorted(executed_tests(db).values(), key=lambda pair: pair[1]):
        scope = {row.get("feature_id") for row in test.get("features") or []} & features
        all_of, first = found.setdefault(name_of(at, "quarter"), (set(), set()))
        all_of |= scope
        first |= scope - seen
        seen |= scope
    return found


def periods(db: Path) -> list[tuple[str, str]]:
    """Return two quarters and two years with tests, the later one first."""
    times = sorted(at for _, at in executed_tests(db).values())
    found = []
    for kind in ("quarter", "year"):
        names = list(dict.fromkeys(name_of(at, kind) for at in times))
        found += [(names[-1], names[-2])] if len(names) > 1 else []
    return found


def check(rows: pd.DataFrame, side: str, figures: dict[str, tuple[float, float | None]]) -> None:
    """Compare the figures of one side of a comparison."""
    frame = rows.set_index("figure")
    for name, (k, n) in figures.items():
        row = frame.loc[name]
        if n is None:
            assert row[side] == row[f"{side}_highest"] == k, name
        elif n:
            assert (row[f"{side}_k"], row[f"{side}_n"]) == (k, n), name
            assert row[side] == pytest.approx(k / n)
        else:
            assert pd.isna(row[side])


def test_figures_are_those_of_the_payloads(db: Path) -> None:
    """Tests, bugs and triage of quarters and years, all together and of each product."""
    mirror = ta.load_mirror(db)
    pairs = periods(db)
    assert len(pairs) > 1
    for now, then in pairs:
        rows = ta.compare_periods(mirror, period=now, against=then)
        assert {*rows["period"]} == {now} and {*rows["against"]} == {then}
        check(rows, "now", _known(rows, counted(db, now)))
        check(rows, "then", _known(rows, counted(db, then)))
    now, then = pairs[0]
    parts = ta.compare_periods_by_product(mirror, period=now, against=then)
    for product_id, rows in parts.groupby("product_id"):
        check(rows, "now", _known(rows, counted(db, now, int(str(product_id)))))
        check(rows, "then", _known(rows, counted(db, then, int(str(product_id)))))


def _known(rows: pd.DataFrame, figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without those that are ranges, because bugs do not say their status or who accepted them."""
    frame = rows.set_index("figure")
    ranged = {
        name
        for name in figures
        for side in ("now", "then")
        if not pd.isna(frame[side][name]) and frame[side][name] != frame[f"{side}_highest"][name]
    }
    assert not ranged & {"Executed tests", "Valid bugs", "Critical bugs", "Valid bugs per test"}
    return {name: pair for name, pair in figures.items() if name not in ranged}


def test_coverage_is_that_of_the_payloads(db: Path) -> None:
    """Of the features of today, where nothing was added or removed since: covered, and for the first time."""
    mirror = ta.load_mirror(db)
    now, then = periods(db)[0]
    of = covered(db)
    frame = ta.compare_periods(mirror, period=now, against=then).set_index("figure")
    active = len(payloads(db, "features"))
    for side, period in (("now", now), ("then", then)):
        all_of, first = of[period]
        assert (frame[f"{side}_k"]["Features covered"], frame[f"{side}_n"]["Features covered"]) == (len(all_of), active)
        assert frame[side]["Features newly covered"] == len(first)
    year, quarter = now.split("-Q")
    end = min(last_run(db), datetime(int(year) + int(quarter) // 4, int(quarter) % 4 * 3 + 1, 1, tzinfo=UTC))
    recent = {
        row.get("feature_id")
        for test, at in executed_tests(db).values()
        if at <= end and end - at <= timedelta(days=180)
        for row in test.get("features") or []
    } & {row["id"] for row in payloads(db, "features")}
    assert frame["now_k"]["Recently tested at end"] == len(recent)


def test_a_change_is_more_than_chance_where_its_interval_leaves_out_zero(db: Path) -> None:
    """The interval of a difference is made of those of both rates, which have the test as their unit."""
    mirror = ta.load_mirror(db)
    now, then = periods(db)[0]
    frame = ta.compare_periods(mirror, period=now, against=then, matures_after=0.001).set_index("figure")
    row = frame.loc["Rejection"]
    for side, period in (("now", now), ("then", then)):
        tests = {key for key, (_, at) in dated_tests(db).items() if name_of(at, "quarter") == period}
        bugs = [bug for bug in payloads(db, "bugs") if test_of(bug, db) in tests]
        n = Counter(test_of(bug, db) for bug in bugs)
        k = Counter(test_of(bug, db) for bug in bugs if bug.get("status") == "rejected")
        ends = clustered_wilson([k[key] for key in n], [*n.values()], [0] * len(n), 1)
        if row[side] == row[f"{side}_highest"]:
            assert (row[f"{side}_low"], row[f"{side}_high"]) == pytest.approx(tuple(float(end[0]) for end in ends))
    rates = frame[frame["change_low"].notna()]
    assert {*rates.index} >= {"Rejection", "Valid bugs per test"}
    for _, one in rates.iterrows():
        assert one["change_low"] <= one["change"] <= one["change_highest"] <= one["change_high"]
        if not one["is_provisional"]:
            assert one["beyond"] == (one["change_low"] > 0 or one["change_high"] < 0)
    assert frame[frame["change_low"].isna()]["beyond"].isna().all()


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """His own example (table II, row a): 56 of 70 and 48 of 80 differ by 0.0524 to 0.3339."""
    sides = []
    for k, n in ((56, 70), (48, 80)):
        p, z = k / n, 1.959963984540054
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        sides.append((p, p, (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)))

    assert difference_interval(*sides) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_overdispersion_is_pearsons() -> None:
    """Two groups, by hand; never below 1, and not known of single tests."""
    assert overdispersion([np.array([0.0, 4.0]), np.array([1.0, 1.0, 4.0])]) == pytest.approx((8 / 2 + 6 / 2) / 3)
    assert overdispersion([np.array([2.0, 2.0])]) == 1
    assert np.isnan(overdispersion([np.array([3.0]), np.array([])]))


@pytest.mark.parametrize(
    ("as_of", "period", "against"),
    [("2026-03-30", "2025-Q4", "2025-Q3"), ("2026-03-31", "2026-Q1", "2025-Q4"), ("2026-01-15", "2025-Q4", "2025-Q3")],
)
def test_without_names_it_is_the_last_whole_quarter_against_the_one_before(
    demo_db_path: Path, as_of: str, period: str, against: str
) -> None:
    """Its last day ends it."""
    row = ta.compare_periods(ta.load_mirror(demo_db_path), as_of=as_of).iloc[0]

    assert (row["period"], row["against"]) == (period, against)


def test_a_period_before_anything_is_known_has_no_figures(demo_db_path: Path) -> None:
    """Neither 0 tests nor 0 bugs; and one that is known in part says so, as does one that is not over."""
    mirror = ta.load_mirror(demo_db_path)
    frame = ta.compare_periods(mirror, period="2024", against="2023").set_index("figure")
    assert frame["then"].drop("Days").isna().all() and (frame["before"].drop("Days") == "unknown").all()
    assert frame["change"].drop("Days").isna().all()
    assert frame["note"]["Days"] == "nothing is known before 29 Jun 2024; nothing is known of 2023"
    now = ta.compare_periods(mirror, period="2026-Q2").set_index("figure")
    assert now["note"]["Days"] == "2026-Q2 is not over"
    assert now["is_provisional"]["Rejection"] and pd.isna(now["beyond"]["Rejection"])
    assert "results of 2026-Q2 not final" in now["note"]["Rejection"]
    assert "catalogue of 2026-Q1: that of 31 May 2026" in now["note"]["Features covered"]
    assert not now["is_complete"]["Executed tests"] and now["is_complete"]["Days"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"period": "2026-Q5"}, "a quarter like 2026-Q2"),
        ({"period": "2026-13"}, "a month like 2026-06"),
        ({"period": "next year"}, "a year like 2026"),
        ({"period": "2027"}, "a year that had begun by 30 June 2026"),
        ({"period": "2026-Q1", "against": "2025"}, "a quarter like 2025-Q4"),
        ({"period": "\uff12\uff10\uff12\uff16"}, "a year like 2026"),
    ],
)
def test_what_is_no_period_is_refused(demo_db_path: Path, options: dict[str, Any], said: str) -> None:
    """The message says what there is."""
    with pytest.raises(UnknownValueError, match=said):
        ta.compare_periods(ta.load_mirror(demo_db_path), **options)


def test_bugs_that_were_never_read_are_unknown(tmp_path: Path) -> None:
    """Of the whole account: tests and coverage are known, no figure of bugs is."""
    path = tmp_path / "mirror.db"
    sync_account(account_of("small"), path, streams=["products", "features", "tests"])
    now, then = periods(path)[0]
    frame = ta.compare_periods(ta.load_mirror(path), period=now, against=then).set_index("figure")

    assert frame["now"]["Executed tests"] > 0 and frame["now"].loc["All bugs":"Review"].isna().all()
    assert "never" in json.dumps(frame["gap"]["Rejection"]) and frame["now_k"]["Features covered"] > 0
