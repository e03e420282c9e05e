"""The demo account of a month ago: the same company, younger, with every planted change of its catalogue."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from syncing import query
from testio_analytics.demo.account.build import DEMO_NOW, demo_account
from testio_analytics.demo.account.clock import parsed
from testio_analytics.demo.account.earlier import account_at, planted
from testio_analytics.demo.account.model import Account
from testio_analytics.mirror.reported import reported

THEN = DEMO_NOW - timedelta(days=30)


@pytest.fixture(scope="module")
def today() -> Account:
    """The account of today."""
    return demo_account()


@pytest.fixture(scope="module")
def earlier(today: Account) -> Account:
    """The account a month before."""
    return account_at(today, THEN)


def _titles(account: Account) -> dict[int, str]:
    return {row.payload["id"]: row.payload["title"] for product in account.products for row in product.features}


def _stories(account: Account) -> dict[int, str | None]:
    features = (row.payload for product in account.products for row in product.features)
    return {story["id"]: story.get("title") for payload in features for story in payload.get("user_stories") or []}


def test_today_is_not_changed_and_the_same_comes_out_each_time(today: Account, earlier: Account) -> None:
    """The account given stays as it is, and every copy of it gives the same past."""
    assert today == demo_account()
    assert account_at(demo_account(), THEN) == earlier


def test_catalogue_differs_by_what_is_planted(today: Account, earlier: Account) -> None:
    """Created features are not there yet, deleted ones still are, and the others differ as the table says."""
    kinds, now, then = planted(today), _titles(today), _titles(earlier)
    sizes = {"created": 5, "renamed": 4, "rewritten": 3, "moved": 2, "deleted stories": 2}
    assert {kind: len(ids) for kind, ids in kinds.items()} == sizes
    stories = _stories(earlier).items() - _stories(today).items()
    assert {key for key, _ in stories} == {*kinds["deleted stories"]} and len({title for _, title in stories}) == 2
    assert {key for key in now if key not in then} == {*kinds["created"]}
    assert len({key for key in then if key not in now}) == 8, "the features that only tests of today still name"
    assert {key for key in now if key in then and now[key] != then[key]} == {*kinds["renamed"]}
    for key in kinds["rewritten"]:
        assert today.feature(key).payload["description"] != earlier.feature(key).payload["description"]
    for key in kinds["moved"]:
        assert set(today.feature(key).section_ids).isdisjoint(earlier.feature(key).section_ids)


def test_nothing_is_known_of_later_tests_and_bugs(earlier: Account) -> None:
    """What begins later is ordered at most, and has no bugs; no bug or run is of a later time."""
    for cycle in (cycle for product in earlier.products for cycle in product.cycles):
        if cycle.payload["start_at"] and parsed(cycle.payload["start_at"]) > THEN:
            assert (cycle.payload["status"], cycle.bugs, cycle.executions) == ("customer_finalized", [], [])
        times = [bug.payload.get("reported_at") for bug in cycle.bugs]
        times += [bug.payload.get("exported_at") for bug in cycle.bugs]
        times += [run.payload.get("executed_at") for run in cycle.executions]
        assert all(parsed(text) <= THEN for text in times if text)


def test_what_begins_later_is_there_only_where_it_was_ordered(today: Account, earlier: Account) -> None:
    """Two weeks ahead, and never without a reason: some are there, and some are not."""
    there = {cycle.payload["id"] for product in earlier.products for cycle in product.cycles}
    starts = {
        cycle.payload["id"]: parsed(cycle.payload["start_at"])
        for product in today.products
        for cycle in product.cycles
        if cycle.payload["start_at"]
    }
    later = {key for key, start in starts.items() if start > THEN}
    assert later & there == {key for key in later if starts[key] <= THEN + timedelta(days=14)}
    assert later & there and later - there


def test_fresh_bugs_waited_for_a_decision(today: Account, earlier: Account) -> None:
    """Every second bug of a test that had just ended was open and not exported; the others are as they are today."""
    decided = {
        bug.payload["id"]: bug.payload.get("status") for one in today.products for c in one.cycles for bug in c.bugs
    }
    waiting = 0
    for cycle in (cycle for product in earlier.products for cycle in product.cycles if cycle.bugs):
        is_fresh = THEN - parsed(cycle.payload["end_at"]) < timedelta(days=10)
        for bug in (bug.payload for bug in cycle.bugs):
            if is_fresh and bug["id"] % 2:
                assert (bug["status"], bug["exported_at"]) == ("forwarded", None)
                waiting += decided[bug["id"]] != "forwarded"
            else:
                assert bug.get("status") == decided[bug["id"]]
    assert waiting > 10


def test_people_were_told_of_the_first_state(demo_db_path: Path) -> None:
    """So the pages of the demo say what changed since."""
    assert [(note["run_id"], note["kind"]) for note in reported(demo_db_path)] == [(1, "report")]
    assert query(demo_db_path, "select run_id from packed_runs order by 1") == [(1,), (2,)]
