"""The demo account a month earlier: today's is not touched, every planted change is found, and the past is a plausible one."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncing import query
from testio_analytics.demo.account import clock
from testio_analytics.demo.account.build import DEMO_NOW, demo_account
from testio_analytics.demo.account.earlier import EARLIER, PLANTED, UNREADABLE_EARLIER, account_at
from testio_analytics.demo.account.model import Account, Cycle
from testio_analytics.demo.server.faults import Faults, parse_faults
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.mirror.reported import last_reported
from testio_analytics.reports.changes import Changes, what_changed


@pytest.fixture(scope="module", name="earlier")
def _earlier() -> Account:
    return account_at(demo_account(), EARLIER)


@pytest.fixture(scope="module", name="month")
def _month(demo_db_path: Path) -> Changes:
    return what_changed(load_mirror(demo_db_path, as_of="1"), load_mirror(demo_db_path))


def cycles(account: Account) -> list[Cycle]:
    """Return all tests."""
    return [cycle for product in account.products for cycle in product.cycles]


def test_it_is_the_same_every_time_and_leaves_the_account_as_it_was(earlier: Account) -> None:
    """A copy is turned back, and turned back again it is equal."""
    today = demo_account()
    assert account_at(today, EARLIER) == earlier
    assert today == demo_account()


def test_nothing_of_it_lies_after_its_instant(earlier: Account) -> None:
    """What has a status of work done has started, and what was reported, run, exported or said was so by then."""
    for cycle in cycles(earlier):
        payload = cycle.payload
        if payload["status"] in {"running", "locked", "archived", "completed"}:
            assert clock.parsed(payload["start_at"]) <= EARLIER
        if payload["status"] in {"waiting", "initialized", "customer_finalized"}:
            assert not cycle.bugs
            assert not cycle.executions
        times = [bug.payload[name] for bug in cycle.bugs for name in ("reported_at", "exported_at")]
        times += [run.payload["executed_at"] for run in cycle.executions]
        times += [note["created_at"] for bug in cycle.bugs for note in bug.payload.get("comments") or []]
        assert all(clock.parsed(time) <= EARLIER for time in times if time)


def test_a_test_that_spanned_the_instant_was_running() -> None:
    """Half-way through a test, it runs, with what had been found by then."""
    today = demo_account()
    ended = today.cycle(156556)
    start, end = (clock.parsed(ended.payload[name]) for name in ("start_at", "end_at"))
    then = account_at(today, start + (end - start) / 2).cycle(156556)
    assert (ended.payload["status"], then.payload["status"]) == ("locked", "running")
    assert 0 < len(then.bugs) < len(ended.bugs)


def test_no_test_names_a_feature_before_it_was_there(earlier: Account) -> None:
    """The features that are new since are in no test of the earlier account."""
    added = {planted.id for planted in PLANTED if (planted.what, planted.kind) == ("feature", "added")}
    named = {row.get("feature_id") for cycle in cycles(earlier) for row in cycle.payload["features"] or []}
    assert added
    assert not added & named


def test_every_planted_change_is_named_and_of_its_kind_no_other(month: Changes) -> None:
    """The changes of the catalogue, and the rows changed by hand, are those of the table; deleted features stand apart."""
    # A story's text is told as rewritten: it has no name beside it.
    kinds = {("story", "renamed"): ("story", "rewritten")}
    expected = {(*kinds.get((row.what, row.kind), (row.what, row.kind)), row.id) for row in PLANTED}
    of_kind = {(what, kind) for what, kind, _ in expected}
    found = {(row.what, row.kind, row.id) for row in month.found if (row.what, row.kind) in of_kind}
    assert found == expected


def test_a_month_shows_what_the_work_of_a_month_changes(month: Changes) -> None:
    """Tests were ordered, began and ended; bugs were reported, triaged, fixed and exported; time made features stale."""
    assert set(month.counts) >= {
        ("bug", "new critical"),
        ("bug", "reported"),
        ("bug", "triaged"),
        ("bug", "fixed"),
        ("bug", "exported"),
        ("story", "failed"),
        ("story", "passed"),
        ("feature", "newly tested"),
        ("feature", "newly stale"),
        ("feature", "removed"),
        ("test", "ordered"),
        ("test", "started"),
        ("test", "ended"),
    }


def test_the_test_that_can_be_read_now_is_a_change_of_completeness(month: Changes, earlier: Account) -> None:
    """It is told as data that became readable, not as a test of the month."""
    product = next(p for p in earlier.products if earlier.cycle(UNREADABLE_EARLIER) in p.cycles)
    readable = {(row.name, row.product_id) for row in month.found if row.kind == "became readable"}
    assert ("tests", product.id) in readable
    assert UNREADABLE_EARLIER not in {row.id for row in month.found if row.what == "test"}


def test_people_were_told_of_the_earlier_run(demo_db_path: Path) -> None:
    """What changed is counted from the first run, a month before the second."""
    assert last_reported(demo_db_path, before_run=2) == 1
    started = query(demo_db_path, "select started_at from sync_runs order by id")
    assert [row[0] for row in started] == [EARLIER.isoformat(), DEMO_NOW.isoformat()]


def test_the_server_can_be_asked_for_the_earlier_account() -> None:
    """By the switch `earlier`, which stands among the faults."""
    assert parse_faults(["earlier"]) == Faults(is_earlier=True)
