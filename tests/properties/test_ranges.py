"""The truth lies within every range: an account is drawn whole, then parts of it are hidden as the API may hide them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import testio_analytics as ta
from strategies import Account, ago, opened
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror

FEATURES = (1, 2, 3)
RATES = ("active_acceptance", "auto_acceptance", "overall_acceptance", "rejection", "review")
DAYS = st.sampled_from([5, 20, 100, 250, 400])


@st.composite
def truths(draw: st.DrawFn) -> Account:
    """Draw one product with three features, a story each, and up to four tests of which everything is known."""
    account = Account().product(1).synced(1)
    for feature in FEATURES:
        account.feature(feature)
        account.add("user_stories", id=feature, product_id=1, feature_id=feature, feature_link="id")
    for test in range(1, draw(st.integers(1, 4)) + 1):
        account.test(test, draw(st.sampled_from(["locked", "archived", "waiting"])), ago(draw(DAYS)))
        for feature in draw(st.lists(st.sampled_from(FEATURES), unique=True)):
            _draw_scope(draw, account, test, feature)
        for stream in ("bugs", "results"):
            account.add("test_reads", test_id=test, stream=stream, product_id=1, is_complete=1, run_id=1)
    return account


def _draw_scope(draw: st.DrawFn, account: Account, test: int, feature: int) -> None:
    copy = 10 * test + feature
    title = draw(st.sampled_from([f"Feature {feature}", "Old name"]))
    account.add("test_features", id=copy, test_id=test, product_id=1, feature_id=feature, title=title)
    if draw(st.booleans()):
        result = {"test_feature_id": copy, "user_story_id": feature, "test_id": test, "product_id": 1}
        status = draw(st.sampled_from(["passed", "failed", "blocked", "not_tested"]))
        account.add("test_user_stories", **result, execution_status=status, tested_by_count=1, bugs_found=0)
    if draw(st.booleans()):
        status = draw(st.sampled_from(["accepted", "accepted", "rejected", "forwarded"]))
        place = {"test_id": test, "test_feature_id": copy, "feature_id": feature, "feature_link": "test_feature"}
        accepted = draw(st.sampled_from([0, 1])) if status == "accepted" else None
        account.add("bugs", id=copy, product_id=1, **place, severity="low", status=status, auto_accepted=accepted)


def _rows(account: Account, table: str, test: int) -> list[dict[str, Any]]:
    return [row for row in account.rows.get(table, []) if row["test_id"] == test]


def _drop(account: Account, table: str, test: int, key: str = "test_id") -> None:
    account.rows[table] = [row for row in account.rows.get(table, []) if row[key] != test]


def _hide_features(account: Account, test: int) -> None:
    _drop(account, "test_features", test)
    _of_test(account, test)["not_said"] = "features"
    _unlink(account, test)


def _hide_feature_ids(account: Account, test: int) -> None:
    for row in _rows(account, "test_features", test):
        row["feature_id"] = None
    _unlink(account, test)


def _unlink(account: Account, test: int) -> None:
    for bug in _rows(account, "bugs", test):
        bug.update(feature_id=None, feature_link="none")


def _hide_links(account: Account, test: int) -> None:
    for bug in _rows(account, "bugs", test):
        bug.update(feature_id=None, feature_link="none", test_feature_id=None)


def _hide_bug_statuses(account: Account, test: int) -> None:
    for bug in _rows(account, "bugs", test):
        bug["status"] = None


def _hide_acceptance(account: Account, test: int) -> None:
    for bug in _rows(account, "bugs", test):
        bug.update(auto_accepted=None, not_said="auto_accepted")


def _hide_status(account: Account, test: int) -> None:
    _of_test(account, test)["status"] = "paused"
    for row in _rows(account, "test_reads", test):
        row["status"] = "paused"


def _hide_dates(account: Account, test: int) -> None:
    _of_test(account, test)["end_at"] = None


def _hide_bugs(account: Account, test: int) -> None:
    _drop(account, "bugs", test)
    _unread(account, test, "bugs")


def _hide_results(account: Account, test: int) -> None:
    _drop(account, "test_user_stories", test)
    _unread(account, test, "results")


def _unread(account: Account, test: int, stream: str) -> None:
    reads = account.rows["test_reads"]
    account.rows["test_reads"] = [row for row in reads if (row["test_id"], row["stream"]) != (test, stream)]


def _hide_test(account: Account, test: int) -> None:
    for table in ("test_features", "bugs", "test_user_stories", "test_reads"):
        _drop(account, table, test)
    _drop(account, "tests", test, "id")
    account.gap(1, "tests", f"row {test}")


def _of_test(account: Account, test: int) -> dict[str, Any]:
    return next(row for row in account.rows["tests"] if row["id"] == test)


OF_BUGS_ALONE: tuple[Callable[[Account, int], None], ...] = (_hide_bug_statuses, _hide_acceptance, _hide_links)
WAYS = (
    *OF_BUGS_ALONE,
    *(_hide_features, _hide_feature_ids, _hide_status, _hide_dates, _hide_bugs, _hide_results, _hide_test),
)


@st.composite
def hidden(draw: st.DrawFn) -> tuple[Account, Account, bool]:
    """Draw a whole account, what is left of it, and whether all of its bugs are there."""
    truth = draw(truths())
    left, ways = deepcopy(truth), set()
    for test in [row["id"] for row in truth.rows["tests"]]:
        way = draw(st.one_of(st.none(), st.sampled_from(WAYS)))
        if way is not None:
            way(left, test)
            ways.add(way)
    return truth, left, ways.isdisjoint({_hide_bugs, _hide_test})


def _mirror(account: Account) -> Mirror:
    with opened(account) as connection:
        return load_mirror(connection)


def _pairs(
    truth: Mirror, left: Mirror, report: str, key: str | None
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    frames = [getattr(ta, report)(mirror) for mirror in (truth, left)]
    if key is not None:
        frames = [frame.sort_values(key) for frame in frames]
    known, shown = (frame.to_dict("records") for frame in frames)
    assert len(known) == len(shown)
    yield from zip(known, shown, strict=True)


RANGES = {
    "coverage_total": (None, ("ever_covered", "recent_covered", "never_executed", "changed_since_tested")),
    "coverage_by_product": ("product_id", ("ever_covered", "recent_covered", "never_executed", "changed_since_tested")),
    "evidence_by_product": ("product_id", ("exercised",)),
    "story_coverage_by_product": ("product_id", ("covered",)),
    "story_coverage_by_feature": ("feature_id", ("covered",)),
    "bugs_by_product": ("product_id", ("bugs",)),
    "bugs_per_feature": ("feature_id", ("bugs",)),
}


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of an account with every table
@settings(max_examples=settings().max_examples // 2)  # each is two accounts with eleven reports
@given(hidden())
def test_the_truth_lies_within_every_range(accounts: tuple[Account, Account, bool]) -> None:
    """The least and the most are bounds, in each report; an empty end promises nothing; rows in no doubt are true."""
    truth, left = (_mirror(account) for account in accounts[:2])
    for report, (key, names) in RANGES.items():
        for known, shown in _pairs(truth, left, report, key):
            for name in names:
                least, most = shown[name], shown[f"{name}_highest"]
                assert pd.isna(least) or pd.isna(known[name]) or least <= known[name], (report, name)
                assert pd.isna(most) or pd.isna(known[name]) or known[name] <= most, (report, name)
    (now, then) = (ta.coverage_over_time(mirror).iloc[-1] for mirror in (left, truth))
    assert now["covered"] <= then["covered"] <= now["covered_highest"]
    if accounts[2]:
        _assert_rates(truth, left)
    _assert_rows(truth, left)


def _assert_rates(truth: Mirror, left: Mirror) -> None:
    """Rates are of the bugs that were read; what these do not say makes ranges, and a band holds for all of one."""
    for known, shown in _pairs(truth, left, "triage", "product_id"):
        assert known["total"] == shown["total"]
        for rate in RATES:
            if pd.notna(shown[rate]) and pd.notna(known[rate]):
                assert shown[rate] <= known[rate] <= shown[f"{rate}_highest"], rate
            if f"{rate}_band" in shown and shown[f"{rate}_band"] != "unknown":
                assert shown[f"{rate}_band"] == known[f"{rate}_band"], rate


def _assert_rows(truth: Mirror, left: Mirror) -> None:
    """No feature is called untested that was tested, and a row that calls itself complete has the result it has."""
    for known, shown in _pairs(truth, left, "feature_catalog", "feature_id"):
        if shown["state"] in ("untested", "planned"):
            assert known["state"] in ("untested", "planned")
    for known, shown in _pairs(truth, left, "feature_results", "feature_id"):
        assert not shown["is_complete"] or shown["result"] == known["result"]
    for known, shown in _pairs(truth, left, "story_coverage", "story_id"):
        assert not shown["is_complete"] or shown["state"] == known["state"]
        assert shown["may_differ"] or shown["state"] == known["state"]
