"""What changed between two states: real changes, what only time did, and what could merely be read, or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from small_account import feature_payload, locked_test, small_account
from syncing import NOW, sync_account
from testio_analytics.demo.account.model import Account, Product
from testio_analytics.demo.server.faults import Faults
from testio_analytics.display.report_tables import since_last_report, table
from testio_analytics.errors import ReportError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.mirror.reported import remember
from testio_analytics.reports.changes import Changes, changes_since, what_changed
from testio_analytics.reports.changes_figures import Value, is_beyond
from testio_analytics.reports.gate import gate
from testio_analytics.reports.since import since_last

SECTION_FAILS = Faults(failing_sections=frozenset({201}))
WEEK = timedelta(days=7)


def compared(
    folder: Path,
    change: Callable[[Account], Any] = lambda account: None,
    *,
    account: Account | None = None,
    before: Faults | None = None,
    after: Faults | None = None,
    later: timedelta = WEEK,
    products: list[int] | None = None,
) -> Changes:
    """Sync, change the account, sync again, and compare; `products` are those that the first sync reads."""
    account = account or small_account()
    sync_account(account, folder / "m.db", faults=before, product_ids=products)
    change(account)
    sync_account(account, folder / "m.db", faults=after, now=NOW + later)
    return changes_since(load_mirror(folder / "m.db"))


def found(changes: Changes) -> set[tuple[str, str, int | None]]:
    """Return what changed, figures aside: what, kind and id (for data sets, the product)."""
    rows = (change for change in changes.found if change.what != "figure")
    return {(one.what, one.kind, one.product_id if one.what == "data set" else one.id) for one in rows}


# -- completeness is no change --------------------------------------------------------------------------------------


def test_what_merely_became_readable_is_not_new(tmp_path: Path) -> None:
    """Features behind a gap before are not called added, also where one of them really is."""
    changes = compared(tmp_path, lambda a: a.add_feature(2, feature_payload(290), [201]), before=SECTION_FAILS)

    assert ("data set", "became readable", 2) in found(changes)
    assert not changes.counts
    assert changes.table["note"].str.contains("1 feature known now; whether new is not known").any()
    assert any("As of 30 June 2026, 06:00 UTC: the features of Product 2" in gap for gap in changes.gaps)


def test_what_cannot_be_read_any_more_is_not_gone(tmp_path: Path) -> None:
    """A section that fails takes no feature away."""
    changes = compared(tmp_path, after=SECTION_FAILS)

    assert found(changes) == {("data set", "not known any more", 2)}
    assert changes.sentence.endswith("; 1 data set not known any more.")


def test_a_change_beside_a_gap_is_told_with_its_doubt(tmp_path: Path) -> None:
    """What is under the same stream as a gap of either side is a change, and its row says what is in doubt."""
    account = small_account()
    account.product(2).features[0].section_ids = [202]
    changes = compared(tmp_path, lambda a: a.rename_feature(201, "Renamed"), account=account, after=SECTION_FAILS)
    row = changes.table[changes.table["kind"] == "renamed"].iloc[0]

    assert row["id"] == 201
    assert not row["is_complete"]
    assert "not fully synced" in row["gap"]


def test_a_test_that_became_readable_was_not_ordered(tmp_path: Path) -> None:
    """Nor are its bugs reported, nor the features newly tested that it covers."""
    hidden = Faults(poisoned_tests=frozenset({1001}), poisoned_detail=True)
    changes = compared(tmp_path, before=hidden)

    assert not changes.counts
    notes = " ".join(changes.table["note"].dropna())
    assert "1 test known now" in notes


def test_a_product_never_read_before_is_no_wave_of_changes(tmp_path: Path) -> None:
    """First only one product was asked for, then all: the other one became known."""
    changes = compared(tmp_path, products=[1])

    assert not changes.counts
    assert "known now: Product 2" in " ".join(changes.table["note"].dropna())


def test_a_new_product_is_one_change(tmp_path: Path) -> None:
    """Where all products were known before, one more is new, with all that it holds."""
    account = small_account()
    product: Product = account.products.pop()
    changes = compared(tmp_path, lambda a: a.products.append(product), account=account)

    assert found(changes) == {("product", "added", 2)}
    assert "with 4 features, 4 stories and 3 tests" in changes.lines[0]


def test_of_a_new_product_that_was_asked_for_every_row_is_listed(tmp_path: Path) -> None:
    """It was not there before, so that all of it is added; the sentence says that the product is new."""
    account = small_account()
    product: Product = account.products.pop()
    compared(tmp_path, lambda a: a.products.append(product), account=account)
    mirror = load_mirror(tmp_path / "m.db", product_id=2)
    changes = changes_since(mirror)

    assert changes.sentence.endswith("Product 2 is new since then.")
    assert found(changes) == {
        ("product", "added", 2),
        *(("section", "added", key) for key in (20, 201, 202)),
        *(("feature", "added", key) for key in range(201, 205)),
        *(("story", "added", key) for key in range(2010, 2050, 10)),
        *(("test", "ended", key) for key in range(2001, 2004)),
        *(("bug", "reported", key) for key in range(20010, 20040, 10)),
    }
    figures = {one.name: one.change for one in changes.found if one.what == "figure"}
    assert (figures["Active features"], figures["Stories"], figures["Valid bugs"]) == (4, 4, 3)
    assert gate(mirror, ["untested does not grow"], before=mirror.at(1)).holds is False


def test_rows_of_a_product_that_became_known_are_not_added(tmp_path: Path) -> None:
    """It was not asked for before: nothing of it is called new, no figure has grown, and no rule about growth is judged."""
    for products in (2, None):
        folder = tmp_path / str(products)
        folder.mkdir()
        compared(folder, products=[1])
        mirror = load_mirror(folder / "m.db", product_id=products)
        changes = changes_since(mirror)

        assert not changes.counts
        assert {(one.before, one.change) for one in changes.found if one.what == "figure"} == {("unknown", None)}
        assert changes.gaps == ("As of 30 June 2026, 06:00 UTC: the details of Product 2 were never asked for",)
        verdicts = gate(mirror, ["untested does not grow", "new untested == 0"], before=mirror.at(1)).verdicts
        assert [one.holds for one in verdicts] == [None, None]
        if products:
            assert changes.sentence.endswith("Whether Product 2 is new since then is not known.")
            states = [(one.name, one.before, one.note) for one in changes.found if one.what == "data set"]
            assert ("tests", "never read", "3 tests known now; whether new is not known") in states
            assert not any(before == after for _, before, after in [(o.name, o.before, o.after) for o in changes.found])


# -- time and events ------------------------------------------------------------------------------------------------


def test_what_only_time_did_is_told_from_events(tmp_path: Path) -> None:
    """Half a year later the tested features are stale, and a scheduled test lapsed; a cancelled one is an event."""
    account = small_account()
    account.product(1).cycles.append(locked_test(1, 3, status="waiting", end_at=NOW.isoformat(), id=1400))
    account.product(2).cycles.append(locked_test(2, 3, status="waiting", end_at="2026-12-30T00:00:00Z", id=2400))
    for product, feature_id in ((1, 101), (2, 201)):
        scheduled = account.product(product).cycles[-1]
        scheduled.bugs.clear()
        scheduled.payload["features"][0] |= {"id": 10 * scheduled.payload["id"], "feature_id": feature_id}

    def cancel(account: Account) -> None:
        account.product(2).cycles[-1].payload["status"] = "cancelled"

    changes = compared(tmp_path, cancel, account=account, later=timedelta(days=200))
    causes = {(one.kind, one.id): one.cause for one in changes.found if one.what in ("feature", "test")}

    assert causes[("newly stale", 102)] == "time"
    assert causes[("lapsed", 1400)] == causes[("newly untested", 101)] == "time"
    assert causes[("cancelled", 2400)] == causes[("newly untested", 201)] == "event"
    assert any(
        line.startswith("Scheduled test lapsed: Test 1003") and "by time alone" in line for line in changes.lines
    )


# -- rows, ids and figures ------------------------------------------------------------------------------------------


def test_removed_rows_come_back(tmp_path: Path) -> None:
    """A feature that was removed and is there again is back, not added; its story is part of that."""
    account = small_account()
    sync_account(account, tmp_path / "m.db", now=NOW - WEEK)
    feature = account.product(1).features.pop()
    changes = compared(tmp_path, lambda a: a.product(1).features.append(feature), account=account)

    assert found(changes) == {("feature", "back", 104)}


def test_large_ids_are_not_confused(tmp_path: Path) -> None:
    """Two features whose ids are one float are two."""
    account = small_account()
    for key in (2**60, 2**60 + 1):
        account.add_feature(1, feature_payload(key) | {"user_stories": []})
    changes = compared(tmp_path, lambda a: a.rename_feature(2**60 + 1, "Renamed"), account=account)

    assert found(changes) == {("feature", "renamed", 2**60 + 1)}
    assert changes.table["id"].dropna().tolist() == [2**60 + 1]


def test_the_same_state_has_not_changed(tmp_path: Path) -> None:
    """Nor has an account that was merely read once more."""
    changes = compared(tmp_path, later=timedelta(hours=1))

    assert changes.is_empty
    assert changes.lines == ()
    assert changes.sentence == "Nothing changed since 30 June 2026, 06:00 UTC."


@pytest.mark.parametrize(
    ("then", "now", "is_more"),
    [
        (Value(0.5, 0.5, 0.4, 0.6), Value(0.55, 0.55, 0.45, 0.65), False),
        (Value(0.1, 0.1, 0.08, 0.12), Value(0.5, 0.5, 0.45, 0.55), True),
        (Value(0.1, 0.5, 0.08, 0.55), Value(0.5, 0.5, 0.45, 0.55), False),  # a range: it may not have changed at all
        (Value(5, 5), Value(9, 9), None),
    ],
)
def test_a_rate_changed_by_more_than_its_interval(then: Value, now: Value, is_more: bool | None) -> None:
    """Counts have no interval; a rate that is a range is judged by the least that it may have changed."""
    assert is_beyond(then, now) is is_more


def test_figures_are_ranges_where_a_gap_could_change_them(tmp_path: Path) -> None:
    """The tests of a product cannot be read any more: no figure of coverage is said to have changed by a number."""
    gone = Faults(refusals={"/products/1/exploratory_tests": 500})
    changes = compared(tmp_path, lambda a: a.add_feature(1, feature_payload(190)), after=gone)
    figures = {one.name: one for one in changes.found if one.what == "figure"}

    assert figures["Active features"].change == figures["Active features"].change_highest == 1
    untested = figures["Untested"]
    assert untested.change is not None
    assert untested.change_highest is not None
    assert untested.change < untested.change_highest
    assert since_last(load_mirror(tmp_path / "m.db"), report="untested_features").sentence.startswith(
        "Because of data gaps, it is not known whether more or fewer features are untested than on"
    )


# -- the state to compare with --------------------------------------------------------------------------------------


def test_the_last_report_is_what_a_state_is_compared_with(tmp_path: Path) -> None:
    """Without a report it is the run before; an earlier state that was not recorded is refused."""
    account, db = small_account(), tmp_path / "m.db"
    for day in range(3):
        account.rename_feature(101, f"Title {day}")
        sync_account(account, db, now=NOW + timedelta(days=day))

    assert changes_since(load_mirror(db)).since == NOW + timedelta(days=1)
    remember(db, kind="report", run_id=1)
    remember(db, kind="report", run_id=2, products=[2])
    remember(db, kind="notify", run_id=2, state="sending")
    assert changes_since(load_mirror(db)).since == NOW
    assert changes_since(load_mirror(db, product_id=2)).since == NOW + timedelta(days=1)
    assert changes_since(load_mirror(db), as_of=2, since=1).until == NOW + timedelta(days=1)
    assert changes_since(load_mirror(db), as_of=1).sentence == "There is no earlier report to compare with."
    with pytest.raises(ReportError, match="history begins with run 1"):
        changes_since(load_mirror(db), since=3)


def test_a_page_of_an_earlier_run_says_the_same_later(tmp_path: Path) -> None:
    """The line below the answer, and the marked table, as of a run are the same bytes after further syncs and reports."""
    account, db = small_account(), tmp_path / "m.db"
    sync_account(account, db)
    account.add_feature(1, feature_payload(190))
    sync_account(account, db, now=NOW + WEEK)

    def page() -> tuple[str, str]:
        mirror = load_mirror(db)
        since = since_last_report(mirror, as_of=2, report="untested_features")
        return since.html, table("untested_features", mirror, as_of=2, since=since).html

    first = page()
    remember(db, kind="report", run_id=2)
    account.drop_feature(101)
    account.rename_feature(190, "Renamed")
    sync_account(account, db, now=NOW + 2 * WEEK)

    assert page() == first
    assert "1 feature more is untested than on 30 Jun 2026: 1 feature added." in first[0]
    assert first[1].count("<small>new · ") == 1


def test_two_files_can_be_compared(tmp_path: Path) -> None:
    """States of two files of one account are compared as two states of one file are."""
    account = small_account()
    sync_account(account, tmp_path / "a.db")
    account.rename_feature(101, "Renamed")
    sync_account(account, tmp_path / "b.db", now=NOW + WEEK)
    changes = what_changed(load_mirror(tmp_path / "a.db"), load_mirror(tmp_path / "b.db"))

    assert found(changes) == {("feature", "renamed", 101)}
