"""A bug's life: what the API says of its times, and between which two reads a sync saw it change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from payloads import payloads
from small_account import locked_test, small_account
from syncing import NOW, sync_account
from testio_analytics.demo.account.model import Account, Bug

DAY = timedelta(days=1)


def bug_of(account: Account, test: int = 1, product: int = 0) -> dict[str, Any]:
    """Return the payload of the bug of a test."""
    return account.products[product].cycles[test - 1].bugs[0].payload


def read(account: Account, db: Path, day: int) -> datetime:
    """Sync, so many days after `NOW`, and return when that was."""
    sync_account(account, db, now=NOW + day * DAY)
    return NOW + day * DAY


def life(db: Path, **options: Any) -> pd.DataFrame:
    """Return the report by bug."""
    return ta.bug_life(ta.load_mirror(db), **options).set_index("bug_id")


def test_a_change_lies_between_the_two_reads_that_saw_it(tmp_path: Path) -> None:
    """Neither when it was triaged nor when it was fixed is guessed: only what two reads show."""
    db, account = tmp_path / "m.db", small_account(tests=2)
    bug, decided = bug_of(account), bug_of(account, 2)
    bug |= {"status": "forwarded", "fixed": None, "reported_at": (NOW - 3 * DAY).isoformat()}
    decided |= {"reported_at": (NOW - 9 * DAY).isoformat()}
    first = read(account, db, 0)
    second = read(account, db, 2)
    bug |= {"status": "accepted", "exported_at": (NOW + 2.5 * DAY).isoformat(), "external_idx": "K-1"}
    third = read(account, db, 5)
    bug |= {"fixed": True, "title": "Another title"}
    fourth = read(account, db, 9)
    rows = life(db)
    row = rows.loc[bug["id"]]

    assert (row["triaged_after"], row["triaged_by"]) == (second, third)
    assert (row["fixed_after"], row["fixed_by"]) == (third, fourth)
    assert (row["days_to_triage"], row["days_to_triage_highest"], row["days_to_export"]) == (5, 8, 5)
    assert (row["days_to_fix"], row["days_to_fix_highest"], row["stage"]) == (8, 12, "fixed")
    # It was decided before the first read: after its report is all that is known.
    row = rows.loc[decided["id"]]
    assert (row["triaged_after"], row["triaged_by"]) == (NOW - 9 * DAY, first)
    assert (row["days_to_triage"], row["days_to_triage_highest"], row["stage"]) == (0, 9, "triaged")
    assert pd.isna(row["fixed_by"]) and pd.isna(row["days_to_export"])
    # What is known as of an earlier day is what was known on that day.
    assert life(db, as_of=3).loc[bug["id"], "stage"] == "exported"
    assert life(db, as_of=1).loc[bug["id"], "stage"] == "reported"


def test_a_decision_that_was_taken_back_counts_from_the_last_one(tmp_path: Path) -> None:
    """Open again, and accepted once more; one that is open now has no time."""
    db, account = tmp_path / "m.db", small_account(tests=2)
    for day, status in enumerate(("forwarded", "rejected", "forwarded", "accepted")):
        bug_of(account)["status"], bug_of(account, 2)["status"] = status, "question" if day else "accepted"
        read(account, db, day)
    rows = life(db)

    assert tuple(rows.loc[bug_of(account)["id"], ["triaged_after", "triaged_by"]]) == (NOW + 2 * DAY, NOW + 3 * DAY)
    assert rows.loc[bug_of(account, 2)["id"], ["triaged_after", "triaged_by"]].isna().all()


def test_a_run_that_did_not_read_the_test_shows_nothing(tmp_path: Path) -> None:
    """Of an archived test bugs are read once: what a complete run in between did not look at, it does not show."""
    db, account = tmp_path / "m.db", small_account(tests=1)
    bug_of(account)["status"] = "forwarded"
    account.products[0].cycles[0].payload["status"] = "archived"
    first = read(account, db, 0)
    read(account, db, 1)
    bug_of(account)["status"] = "accepted"
    sync_account(account, db, now=NOW + 4 * DAY, full=True)

    assert tuple(life(db).loc[bug_of(account)["id"], ["triaged_after", "triaged_by"]]) == (first, NOW + 4 * DAY)


def test_found_again_is_the_same_key_after_export_or_fix(tmp_path: Path) -> None:
    """One product, one key, and the earlier bug was exported or fixed before; titles say nothing."""
    db, account = tmp_path / "m.db", small_account(tests=1)
    first = bug_of(account)
    first |= {"title": "Twice", "external_idx": "K-1", "exported_at": (NOW - 2 * DAY).isoformat(), "fixed": False}
    first |= {"reported_at": (NOW - 4 * DAY).isoformat()}
    bug_of(account, product=1).update(external_idx="K-1", title="Twice", known=True)
    read(account, db, 0)
    first["fixed"] = True
    read(account, db, 10)
    reports = {"before export": -3, "after export": -1, "perhaps after fix": 5, "after fix": 11}
    cycle = locked_test(1, 2)
    cycle.bugs = []
    for number, (name, days) in enumerate(reports.items(), 1):
        more = {
            "id": 900 + number,
            "title": name,
            "external_idx": " K-1",
            "reported_at": (NOW + days * DAY).isoformat(),
        }
        cycle.bugs.append(Bug({**locked_test(1, 2).bugs[0].payload, **more}, cycle.payload["features"][0]["id"]))
    account.products[0].cycles.append(cycle)
    read(account, db, 12)
    rows = life(db).reset_index().set_index("bug")

    for name in reports:
        assert (None if pd.isna(rows["again"][name]) else rows["again"][name]) == (None if "before" in name else name)
    found = rows[rows["again"].notna() & (rows["again"] != "known before")]
    assert {*found["again_bug_id"]} == {first["id"]} and {*found["again_bug"]} == {"Twice"}
    other = rows.loc["Twice"].set_index("product_id")
    assert pd.isna(other["again"][1]) and other["again"][2] == "known before" and pd.isna(other["again_bug_id"][2])


def test_the_demo_account_as_of_each_of_its_runs_side_by_side(demo_db_path: Path) -> None:
    """What was open after the first run and is decided now changed between the two; all else is as old as its report."""
    mirror = ta.load_mirror(demo_db_path)
    runs = mirror.runs.ends
    before = ta.load_mirror(demo_db_path, as_of=1).active("bugs").set_index("id")["status"]
    rows, now = life(demo_db_path), mirror.active("bugs").set_index("id")
    decided = rows[rows["status"].isin(["accepted", "rejected"])]

    assert {*rows.index[rows["triaged_by"].notna()]} == {*decided.index} and len(decided) > 1000
    was_open = [key for key in decided.index if key in before.index and before[key] not in ("accepted", "rejected")]
    assert was_open and (decided.loc[was_open, "triaged_after"] == runs[1]).all()
    assert (decided.loc[was_open, "triaged_by"] == runs[2]).all()
    others = decided.drop(was_open)
    same = others["triaged_after"].fillna(pd.Timestamp(0, tz="UTC")) == others["reported_at"].fillna(
        pd.Timestamp(0, tz="UTC")
    )
    assert same.all()
    early = others.index.isin(before.index) & (others["reported_at"] < runs[1])
    assert (others["triaged_by"][early] == runs[1]).all()
    said = {bug["id"]: bug for bug in payloads(demo_db_path, "bugs")}
    exported = {key for key, bug in said.items() if bug.get("exported_at")}
    assert {*rows.index[rows["exported_at"].notna()]} == exported & {*rows.index}
    for key in sorted(exported & {*rows.index})[:50]:
        assert rows["exported_at"][key] == datetime.fromisoformat(said[key]["exported_at"]).astimezone(UTC)
    assert {*rows.index[rows["stage"] == "fixed"]} == {key for key in rows.index if said[key].get("fixed") is True}
    assert {*rows.index[rows["again"] == "known before"]} == {*now.index[now["known"].fillna(False)]} & {*rows.index}


@pytest.mark.parametrize("column", ["days_to_triage", "days_to_fix"])
def test_a_range_has_its_ends_in_order(demo_db_path: Path, column: str) -> None:
    """Never below 0, and the least is not above the most."""
    rows = life(demo_db_path)
    both = rows[[column, f"{column}_highest"]].dropna()

    assert len(both) and (both[column] >= 0).all() and (both[column] <= both[f"{column}_highest"]).all()
