"""The demo account of a month ago: the same company, younger, with every planted change of its catalogue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from testio_analytics.demo.account.build import DEMO_NOW, demo_account
from testio_analytics.demo.account.clock import parsed
from testio_analytics.demo.account.earlier import account_at, planted
from testio_analytics.demo.account.model import Account

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


def test_today_is_not_changed_and_the_same_comes_out_each_time(today: Account, earlier: Account) -> None:
    """The account given stays as it is, and every copy of it gives the same past."""
    assert today == demo_account()
    assert account_at(demo_account(), THEN) == earlier


def test_catalogue_differs_by_what_is_planted(today: Account, earlier: Account) -> None:
    """Created features are not there yet, deleted ones still are, and the others differ as the table says."""
    kinds, now, then = planted(today), _titles(today), _titles(earlier)
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
