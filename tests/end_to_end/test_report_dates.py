"""Report dates: as of when a report speaks, what was not read since, what lies in its future, and plans that lapsed.

Every sync goes over a real port, with a clock of its own; the reports are asked by the command.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import testio_analytics as ta
from serving import command, serving
from small_account import locked_test, small_account
from syncing import NOW, TOKEN
from testio_analytics.api.client import Client, Waits
from testio_analytics.cli import cli
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.faults import Faults
from testio_analytics.errors import AuthenticationError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.sync import SyncResult, sync_async

JANUARY, FEBRUARY = NOW - timedelta(days=160), NOW - timedelta(days=130)


def read(
    account: Account, db: Path, now: datetime, products: Sequence[int] | None = None, faults: Faults | None = None
) -> SyncResult:
    """Sync over a real port, under a clock that stands at `now`."""
    with serving(account, faults) as address:

        async def go() -> SyncResult:
            async with Client(ApiSettings(address, TOKEN), waits=Waits(0, 0, 0), concurrency=1) as client:
                return await sync_async(db, client=client, product_ids=products, clock=lambda: now)

        return ta.run(go())


def shown(report: str, db: Path, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    """Return the exit code of `show`, its rows, and what it said besides."""
    done = CliRunner().invoke(cli, ["show", report, "--db", str(db), "--format", "json", *options])
    assert done.exit_code in (0, 3), done.output
    return done.exit_code, json.loads(done.stdout), done.stderr


def by_product(frame: pd.DataFrame, column: str) -> dict[Any, list[Any]]:
    """Return the values of a column by product."""
    return frame.groupby("product_id")[column].agg(list).to_dict()


def untested_in_january(db: Path) -> Account:
    """Sync an account in January whose product 2 has no test; return it with the tests of February."""
    account = small_account()
    tests, account.products[1].cycles = account.products[1].cycles, []
    read(account, db, JANUARY)
    for number, test in enumerate(tests):
        test.payload["end_at"] = (FEBRUARY + timedelta(days=number)).isoformat()
    account.products[1].cycles = tests
    return account


# -- what was not read since ---------------------------------------------------------------------------------------


def test_a_product_that_was_last_read_in_january_is_in_doubt_in_june(db_path: Path) -> None:
    """What was tested since is not called untested; the product that was read is not in doubt."""
    account = untested_in_january(db_path)
    read(account, db_path, NOW, products=[1])

    code, rows, said = shown("coverage_by_product", db_path)
    first, second = (row for row in rows if row["product_id"] in (1, 2))
    assert code == 3
    assert first["is_complete"] and first["untested"] == 1
    assert not second["is_complete"] and (second["untested"], second["unknown"]) == (0, 4)
    assert second["gap"] == "The features and tests of this product were last read on 21 January 2026, 06:00 UTC"
    assert "The features and tests of Product 2 were last read on 21 January 2026" in said
    assert shown("coverage_by_product", db_path, "--product", "1")[0] == 0
    assert command("status", "--db", str(db_path)).returncode == 3
    mirror = ta.load_mirror(db_path)
    assert mirror.as_of == NOW
    # As of the day on which product 2 was read, everything is known.
    then = ta.coverage_by_product(mirror, as_of=JANUARY)
    assert then["is_complete"].all() and then["untested"].tolist() == [4, 4]
    ledger = ta.completeness(mirror).set_index(["product_id", "stream"])["state"]
    assert [*ledger[2]] == ["complete", *["older"] * 4] and {*ledger[1]} == {"complete"}


def test_a_run_that_failed_after_one_product_makes_the_others_older(db_path: Path) -> None:
    """Its reads count as of its end, and what it did not reach is in doubt since the run before."""
    account = untested_in_january(db_path)
    with pytest.raises(AuthenticationError):
        read(account, db_path, NOW, faults=Faults(revoked_after=9))
    mirror = ta.load_mirror(db_path)

    assert (mirror.as_of, mirror.run_id) == (pd.Timestamp(NOW), 2)
    states = by_product(ta.coverage_by_product(mirror), "is_complete")
    assert states == {1: [True], 2: [False]}
    assert by_product(ta.coverage_by_product(mirror), "unknown") == {1: [0], 2: [4]}


def test_a_failed_run_that_read_nothing_changes_no_date(db_path: Path) -> None:
    """The report is as of the run before, and nothing is in doubt by it."""
    account = small_account()
    read(account, db_path, JANUARY)
    with pytest.raises(AuthenticationError):
        read(account, db_path, NOW, faults=Faults(revoked_after=1))

    assert ta.load_mirror(db_path).as_of == JANUARY
    assert shown("coverage_total", db_path, "--as-of", JANUARY.isoformat())[0] == 0


def test_a_report_date_after_the_last_sync_is_in_doubt_everywhere(db_path: Path) -> None:
    """What happened since is not known; of the day of the sync itself nobody can know more."""
    read(small_account(), db_path, NOW)

    for report in ("coverage_total", "triage", "next_tests"):
        code, rows, said = shown(report, db_path, "--as-of", "2031-01-01")
        assert code == 3 and rows and not any(row["is_complete"] for row in rows), report
        assert "were last read on 30 June 2026, 06:00 UTC" in said
    code, rows, _ = shown("coverage_total", db_path, "--as-of", "2026-06-30")
    assert code == 0 and rows[0]["is_complete"] and rows[0]["untested"] == 2


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("2020-01-01", "Nothing is known of the time before 27 June 2026"),
        (
            "2026-06-29",
            "Features, texts and statuses are those of 30 June 2026, 06:00 UTC: how they were before was not",
        ),
    ],
)
def test_a_report_date_before_anything_was_recorded_is_in_doubt(date: str, reason: str, db_path: Path) -> None:
    """After the oldest test, the past is told by the dates of the tests; what the catalogue was before is not known."""
    read(small_account(), db_path, NOW)
    found, rows, said = shown("coverage_by_product", db_path, "--as-of", date)

    assert found == 3 and not any(row["is_complete"] for row in rows)
    assert reason in said


# -- clocks --------------------------------------------------------------------------------------------------------


def test_one_sync_under_a_wrong_clock_does_not_date_the_reports_after_it(db_path: Path) -> None:
    """The contradiction is said, in doubt as long as only two runs are there to compare, and as a note afterwards."""
    account, wrong = small_account(), NOW + timedelta(days=1_646)
    read(account, db_path, wrong)
    read(account, db_path, NOW)
    clock = "Sync run 1 ended on 1 January 2031, 06:00 UTC by a clock that other runs contradict"

    assert ta.load_mirror(db_path).as_of == NOW
    code, rows, said = shown("coverage_total", db_path)
    assert code == 3 and clock in said and rows[0]["tested"] == 6

    read(account, db_path, NOW + timedelta(hours=1))
    assert shown("coverage_total", db_path)[0] == 0
    status = command("status", "--db", str(db_path))
    assert status.returncode == 0 and clock in status.stdout


def test_what_only_the_run_with_the_wrong_clock_read_has_no_date(db_path: Path) -> None:
    """Between the runs before and after it, nothing tells when it was."""
    account = small_account()
    read(account, db_path, NOW + timedelta(days=1_646))
    for hours in (0, 1):
        read(account, db_path, NOW + timedelta(hours=hours), products=[1])
    found = ta.coverage_by_product(ta.load_mirror(db_path)).set_index("product_id")

    assert found["is_complete"].tolist() == [True, False]
    assert "not known when" in str(found.loc[2, "gap"])


def test_a_last_run_whose_clock_fell_back_does_not_date_the_report(db_path: Path) -> None:
    """Two runs before it agree; its reads count as of the last of those."""
    account = small_account()
    for now in (NOW, NOW + timedelta(hours=1), NOW - timedelta(days=2_000)):
        read(account, db_path, now)
    mirror = ta.load_mirror(db_path)

    assert mirror.as_of == NOW + timedelta(hours=1)
    assert ta.coverage_total(mirror).iloc[0]["tested"] == 6
    assert "by a clock that other runs contradict" in ta.coverage_total(mirror).iloc[0]["gap"]


# -- figures made of nothing -----------------------------------------------------------------------------------------


def test_a_mirror_that_was_never_read_has_no_zeros(db_path: Path) -> None:
    """Nothing is known, which is not 0."""
    with pytest.raises(AuthenticationError), serving(small_account()) as address:
        ta.run(_refused(address, db_path))
    code, rows, said = shown("coverage_total", db_path)

    assert code == 3 and "never read" in said
    figures = {name: value for name, value in rows[0].items() if name not in ("product", "is_complete", "gap")}
    assert len(figures) > 10 and {*figures.values()} == {None}


async def _refused(address: str, db: Path) -> None:
    async with Client(ApiSettings(address, "wrong"), waits=Waits(0, 0, 0)) as client:
        await sync_async(db, client=client, clock=lambda: NOW)


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00+00:00", "9999-12-31T00:00:00+00:00"])
def test_an_impossible_end_makes_no_age_and_no_years_of_trend(end: str, db_path: Path) -> None:
    """The test is named, its feature may be recent or not, and no figure is made of the mistake."""
    account = small_account()
    odd = locked_test(1, 4, end_at=end, start_at=(NOW - timedelta(days=400)).isoformat())
    account.products[0].cycles.append(odd)
    read(account, db_path, NOW)
    mirror = ta.load_mirror(db_path)

    code, rows, said = shown("coverage_total", db_path)
    assert code == 3 and "1 executed test of Product 1 (Test 1004) has no date that is possible" in said
    assert (rows[0]["recent_covered"], rows[0]["recent_covered_highest"]) == (6, 7)
    weeks = ta.trends_by_week(mirror)
    assert len(weeks) < 60 and not weeks["is_complete"].any()
    catalog = ta.feature_catalog(mirror).set_index("feature_id")
    assert (catalog.loc[101, "state"], catalog.loc[101, "days_since_tested"]) == ("stale", 400)
    assert shown("coverage_by_product", db_path, "--product", "2")[0] == 0


# -- plans, the future, and what is not over --------------------------------------------------------------------------


def _planned(number: int, days_ago: int) -> Any:
    end = NOW - timedelta(days=days_ago)
    times: dict[str, Any] = {"start_at": (end - timedelta(days=1)).isoformat(), "end_at": end.isoformat()}
    cycle = locked_test(1, number, status="waiting", **times)
    cycle.bugs.clear()
    return cycle


def test_a_plan_that_should_have_ended_long_ago_has_lapsed(db_path: Path) -> None:
    """Its feature is untested and proposed for the next test, and the test is listed apart."""
    account = small_account(tests=0)
    account.products[0].cycles = [_planned(1, 30), _planned(2, 31), _planned(3, -5)]
    read(account, db_path, NOW)
    _, rows, _ = shown("untested_features", db_path, "--product", "1")
    found = {row["feature_id"]: row for row in rows}

    assert {key: row["state"] for key, row in found.items()} == {
        101: "untested",
        102: "planned",
        103: "untested",
        104: "planned",
    }
    assert found[103]["reason"] == "Never tested; the scheduled test “Test 1002” of 30 May 2026 lapsed"
    assert [row["test_id"] for row in shown("lapsed_tests", db_path)[1]] == [1002]
    mirror = ta.load_mirror(db_path, product_id=1)
    assert {*ta.packed_tests(mirror)["feature_id"]} == {101, 103}
    assert 103 in ta.packed_tests(mirror, lapsed_after=30)["feature_id"].tolist()
    assert 103 not in ta.packed_tests(mirror, lapsed_after=60)["feature_id"].tolist()
    assert ta.coverage_total(mirror, lapsed_after=60).iloc[0]["planned"] == 3


def _with_reports(account: Account) -> Account:
    """Let each bug be reported an hour before its test ended."""
    for product in account.products:
        for cycle in product.cycles:
            for bug in cycle.bugs:
                bug.payload["reported_at"] = (
                    datetime.fromisoformat(cycle.payload["end_at"]) - timedelta(hours=1)
                ).isoformat()
    return account


def test_nothing_of_the_future_is_in_a_report_of_the_past(db_path: Path) -> None:
    """Neither bugs that were reported later, nor tests of unknown status that began later."""
    account = _with_reports(small_account())
    later: dict[str, Any] = {
        "start_at": (NOW - timedelta(hours=2)).isoformat(),
        "end_at": (NOW - timedelta(hours=1)).isoformat(),
    }
    account.products[0].cycles += [
        locked_test(1, 4, status="paused", **later),
        locked_test(1, 8, status="waiting", end_at=(NOW + timedelta(days=3)).isoformat()),
    ]
    read(_with_reports(account), db_path, NOW)
    mirror = ta.load_mirror(db_path)

    assert shown("triage_total", db_path, "--as-of", "2020-01-01")[1][0]["total"] == 0
    assert ta.triage_total(mirror, as_of=NOW - timedelta(days=2)).iloc[0]["total"] == 4
    assert ta.triage_total(mirror).iloc[0]["total"] == 8
    then = ta.feature_catalog(mirror, as_of=NOW - timedelta(days=2)).set_index("feature_id")["state"]
    assert then[101] != "unknown" and ta.feature_catalog(mirror).set_index("feature_id")["state"][101] == "unknown"
    assert max(ta.triage_by_month(mirror)["month"]) == "2026-06"


def test_a_test_that_still_runs_past_its_planned_end_is_not_mature(db_path: Path) -> None:
    """Its bugs can still change: they count as recent, in triage and in trends."""
    account = small_account(tests=1)
    end = (NOW - timedelta(days=90)).isoformat()
    account.products[0].cycles = [
        locked_test(1, 1, status="running", start_at=(NOW - timedelta(days=95)).isoformat(), end_at=end)
    ]
    read(account, db_path, NOW)
    _, rows, _ = shown("triage", db_path, "--product", "1")

    assert (rows[0]["total"], rows[0]["immature"], rows[0]["is_provisional"]) == (1, 1, True)
    trend = ta.trends(ta.load_mirror(db_path, product_id=1))
    assert trend["is_provisional"].tolist()[0] and trend["tests"].tolist()[0] == 1


def test_coverage_over_time_says_what_coverage_said_at_each_date(db_path: Path) -> None:
    """The series begins at the oldest executed test, whatever it covered, and a running test counts from its start on."""
    account = small_account()
    for number, days in ((5, 500), (6, 250), (7, 40)):
        dates: dict[str, Any] = {
            "start_at": (NOW - timedelta(days=days)).isoformat(),
            "end_at": (NOW - timedelta(days=days - 1)).isoformat(),
        }
        account.products[0].cycles.append(locked_test(1, number, **dates))
    running: dict[str, Any] = {
        "start_at": (NOW - timedelta(days=50)).isoformat(),
        "end_at": (NOW + timedelta(days=50)).isoformat(),
    }
    account.products[1].cycles.append(locked_test(2, 8, status="running", **running))
    account.products[0].cycles[3].payload["features"][0]["feature_id"] = None  # the oldest test covers nothing known
    read(_with_reports(account), db_path, NOW)
    mirror: Mirror = ta.load_mirror(db_path)
    found = ta.coverage_over_time(mirror)

    assert found["until"].iloc[0] == pd.Timestamp("2025-09-01", tz="UTC")
    for row in found.to_dict("records"):
        total = ta.coverage_total(mirror, as_of=row["until"]).iloc[0]
        assert (row["covered"], row["covered_highest"]) == (total["recent_covered"], total["recent_covered_highest"])
    assert found["covered"].iloc[-2] > found["covered"].iloc[-3]  # the running one


def test_the_first_of_a_month_is_compared_with_the_month_before(db_path: Path) -> None:
    """At 00:00 a month has just ended: its own end is no past to compare it with."""
    account = small_account()
    account.products[0].cycles.append(
        locked_test(1, 4, start_at="2026-05-02T00:00:00+00:00", end_at="2026-05-03T00:00:00+00:00")
    )
    read(_with_reports(account), db_path, datetime.fromisoformat("2026-07-01T00:00:00+00:00"))
    notes = " ".join(ta.overview(ta.load_mirror(db_path)).figures["Never tested"].notes)

    assert "−6 since the end of May" in notes  # noqa: RUF001  # the typographic minus
