"""Quarters side by side, devices asked for and the way from story to key: as people ask for them, over a real port."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import testio_analytics as ta
from serving import command, serving
from small_account import locked_test, small_account
from syncing import NOW, sync_account
from testio_analytics.demo.account.model import Account
from testio_analytics.mirror.database import migrate_file

IPHONE = {"id": 1, "category": {"name": "Smartphones"}, "operating_system": {"name": "iOS"}, "devices": []}


def account() -> Account:
    """Return the small account with a test of the quarter before, the devices that tests ask for, and exported bugs."""
    found = small_account(tests=2)
    product = found.products[0]
    product.cycles.append(locked_test(1, 3, end_at=(NOW - timedelta(days=100)).isoformat()))
    story = product.features[1].payload["user_stories"][0]
    asked: list[Any] = [[IPHONE], [], None]
    for cycle, requirements in zip(product.cycles, asked, strict=True):
        cycle.payload["requirements"] = requirements
        cycle.bugs[0].payload |= {
            "devices": [
                {"id": 1, "operating_system": {"name": "iOS"}},
                {"id": 2, "operating_system": {"name": "Android"}},
            ],
            "external_idx": f"KEY-{cycle.payload['id']}",
            "exported_at": NOW.isoformat(),
        }
    product.cycles[0].payload["features"][0]["user_stories"] = [story]
    product.cycles[0].bugs[0].story_ids = [story["id"]]
    return found


def rows_of(db: Path, *words: str) -> list[dict[str, str]]:
    """Return what the command shows, by column."""
    shown = command("show", *words, "--db", str(db), "--format", "csv", cwd=db.parent)
    assert shown.returncode in (0, 3), shown.stderr
    return [*csv.DictReader(StringIO(shown.stdout.lstrip("\ufeff")))]


def test_one_quarter_is_shown_against_another(tmp_path: Path) -> None:
    """With names, and without; each figure with its difference."""
    db = tmp_path / "m.db"
    with serving(account()) as address:
        assert command("sync", "--db", str(db), address=address, cwd=tmp_path).returncode == 0
    rows = {row["figure"]: row for row in rows_of(db, "compare_periods", "--period", "2026-Q2", "--against", "2026-Q1")}

    assert (rows["Executed tests"]["after"], rows["Executed tests"]["before"]) == ("4", "1")
    assert float(rows["Executed tests"]["change"]) == 3 and rows["Executed tests"]["beyond"] == ""
    assert (rows["Valid bugs per test"]["now_k"], rows["Valid bugs per test"]["now_n"]) == ("4", "4")
    refused = command("show", "trends", "--period", "2026-Q2", "--db", str(db), cwd=tmp_path)
    assert refused.returncode == 2 and "does not use period; these do: compare_periods" in refused.stderr


def test_devices_that_tests_ask_for_stand_beside_those_with_bugs(tmp_path: Path) -> None:
    """One asks for a system, one for none, of one it is not said: three rows, and bugs on two systems in both."""
    db = tmp_path / "m.db"
    sync_account(account(), db)
    frame = ta.coverage_by_device(ta.load_mirror(db, product_id=1)).set_index("value")

    assert frame["tests"].to_dict() == {"iOS": 1, "Android": 0, "(any)": 1, "(not said)": 1}
    assert frame["bugs"].to_dict() == {"iOS": 3, "Android": 3, "(any)": 0, "(not said)": 0}
    assert frame["bugs_asked"].to_dict() == {"iOS": 1, "Android": 0, "(any)": 0, "(not said)": 0}
    assert {*frame["product_bugs"]} == {3} and {*frame["product_tests"]} == {3}


def test_a_file_of_before_has_them_as_soon_as_it_is_brought_up(tmp_path: Path) -> None:
    """The payloads that it holds say what tests ask for and which bugs a story has: the same as after a sync."""
    db = tmp_path / "m.db"
    sync_account(account(), db)
    reports = (ta.coverage_by_device, ta.traceability)
    before = [report(ta.load_mirror(db)).to_csv() for report in reports]
    migrate_file(db, 8)
    with closing(sqlite3.connect(db)) as connection:
        assert not connection.execute("select 1 from sqlite_master where name = 'test_requirements'").fetchall()
        connection.execute("update tests set not_said = null")
        connection.commit()
    migrate_file(db)

    assert [report(ta.load_mirror(db)).to_csv() for report in reports] == before


def test_a_requirement_that_changes_is_a_change(tmp_path: Path) -> None:
    """It stands in the history, and the state of before can be seen again."""
    db, changing = tmp_path / "m.db", account()
    sync_account(changing, db)
    changing.products[0].cycles[0].payload["requirements"] = [{**IPHONE, "operating_system": {"name": "Android"}}]
    sync_account(changing, db, now=NOW + timedelta(days=1))
    told = ta.load_history(db, table="test_requirements")
    told = told[told["change"] == "updated"]

    assert told[["row", "field", "old", "new"]].values.tolist() == [["1001,1", "operating_system", "iOS", "Android"]]
    systems = [
        ta.coverage_by_device(ta.load_mirror(db, product_id=1, as_of=run)).set_index("value")["tests"].get("Android", 0)
        for run in (1, 2)
    ]
    assert systems == [0, 1]


def test_each_key_of_a_story_leads_into_the_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several keys in one cell are several links."""
    monkeypatch.setenv("TESTIO_TRACKER_URL", "https://tracker.invalid/browse/{key}")
    db, several = tmp_path / "m.db", account()
    sync_account(several, db)
    frame = ta.traceability(ta.load_mirror(db)).head(1).assign(external_idx="KEY-1, <b>, KEY-2")
    shown = ta.table("traceability", frame)._repr_html_()

    assert (
        'href="https://tracker.invalid/browse/KEY-1"' in shown
        and 'href="https://tracker.invalid/browse/KEY-2"' in shown
    )
    assert 'href="https://tracker.invalid/browse/%3Cb%3E"' in shown and "<b>" not in shown
