"""What was not read is no 0 and no pass: in every report, for the product as well as for the whole account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from strategies import Account, ago, opened
from syncing import sync_account
from testio_analytics.demo.generate import generate_account
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.backtest import backtest_sentence, backtest_summary


def _mirror(account: Account, **options: Any) -> Mirror:
    with opened(account) as connection:
        return load_mirror(connection, **options)


def _read(account: Account, *test_ids: int, streams: tuple[str, ...] = ("bugs", "results")) -> Account:
    for test_id in test_ids:
        for stream in streams:
            account.add("test_reads", test_id=test_id, stream=stream, product_id=1, is_complete=1, run_id=1)
    return account


def _bug(account: Account, number: int, test_id: int, feature_id: int | None, **values: Any) -> None:
    known = {
        "id": number,
        "product_id": 1,
        "severity": "low",
        "status": "accepted",
        "auto_accepted": 0,
        "feature_link": "bug",
    }
    account.add("bugs", **(known | {"test_id": test_id, "feature_id": feature_id} | values))


def _row(frame: pd.DataFrame) -> dict[str, Any]:
    assert len(frame) == 1
    return {str(name): value for name, value in frame.iloc[0].items()}


def test_what_was_read_of_a_planned_test_says_nothing_of_what_it_found(tmp_path: Path) -> None:
    """Only the list of tests was read again since it ran: its bugs and results are not known."""
    account, db = generate_account(seed=4, products=1, features=8, tests=6, bugs=40), tmp_path / "m.db"
    cycle = max(account.products[0].cycles, key=lambda cycle: len(cycle.bugs))
    status, bugs = cycle.payload["status"], list(cycle.bugs)
    cycle.payload["status"], cycle.bugs[:] = "waiting", []
    sync_account(account, db)
    cycle.payload["status"], cycle.bugs[:] = status, bugs
    sync_account(account, db, streams=["features", "tests"])
    mirror = ta.load_mirror(db)

    results = ta.feature_results(mirror)
    mine = results[results["test_id"] == cycle.payload["id"]]
    assert len(mine) and {*mine["result"].astype(str)} == {"unknown"} and not mine["is_complete"].any()
    assert any("bugs of 1 executed test" in doubt for doubt in ta.overview(mirror).doubts)
    sync_account(account, db)
    assert ta.feature_results(ta.load_mirror(db))["is_complete"].all()


def _half_read() -> Account:
    """Return six features; the tests of the sixth have unread bugs, all others one bug in each test."""
    account = Account().product(1)
    for feature in range(1, 7):
        account.feature(feature)
        for number in range(2):
            test = feature * 10 + number
            account.test(test, "archived", ago(40)).covers(test, feature)
            if feature < 6:
                _bug(account, test, test, feature)
                _read(account, test)
    return account.synced(1)


def test_the_account_is_as_doubtful_as_its_products() -> None:
    """Totals, sentences and figures name the unread tests that the rows of the products name."""
    mirror = _mirror(_half_read())
    words = "The bugs of 2 executed tests of Harbour were not read"

    for frame in (ta.trends(mirror), ta.triage_by_month(mirror), ta.triage_total(mirror)):
        assert not frame["is_complete"].any() and frame["gap"].str.contains("bugs of 2 executed tests").all()
    assert words in ta.bugs_answer(mirror).doubts and ta.bugs_answer(mirror).sentence.startswith("At least 10")
    assert ta.triage_answer(mirror).sentence.startswith("Of the bugs that were read")
    assert words in ta.plan_answer(mirror).doubts and words in ta.overview(mirror).doubts
    assert ta.overview(mirror).figures["Valid bugs last month"].value == "at least 10"


def test_a_test_whose_bugs_were_not_read_is_not_one_that_found_nothing() -> None:
    """Rates, their prior and the backtest rest on the tests that were read."""
    mirror = _mirror(_half_read())
    report = ta.bugs_per_feature(mirror).set_index("feature_id")
    assert (report["tests"] == 2).all() and report["tests_read"].tolist() == [2, 2, 2, 2, 2, 0]
    assert report.loc[[1, 2, 3, 4, 5], "bugs_per_test"].eq(1.0).all()
    assert report.loc[[1, 2, 3, 4, 5], "prior_mean"].eq(1.0).all()
    assert report.loc[6, ["bugs_per_test", "shrunk", "rank", "signal"]].isna().all()
    assert _row(ta.trends(mirror).query("tests > 0"))["bugs_per_test"] == 1.0
    assert 6 not in {*ta.exposures(mirror)["feature_id"]}
    plan = _row(ta.next_tests(mirror).query("feature_id == 6"))
    assert plan["part_own"] == pytest.approx(0, abs=1e-9) and "in no test that was read" not in str(plan["tie"])


def test_features_that_were_never_read_are_not_none() -> None:
    """Their number, their stories and how many are covered stay empty; a partial read is named."""
    account = _read(Account().product(1).test(1, "archived", ago(5)).covers(1, 1, 2), 1)
    mirror = _mirror(account.synced(1, streams=("tests", "bugs", "results")))
    stories, evidence = _row(ta.story_coverage_by_product(mirror)), _row(ta.evidence_by_product(mirror))
    trend = ta.trends_by_product(mirror).iloc[-1]
    for row in (stories, evidence, trend):
        assert not row["is_complete"] and "features" in row["gap"]
    assert all(pd.isna(stories[name]) for name in ("stories", "covered", "unknown", "share"))
    assert all(pd.isna(evidence[name]) for name in ("active_features", "in_scope", "exercised", "share"))
    assert all(pd.isna(trend[name]) for name in ("features_covered", "ever_covered", "active_features"))

    untested = _row(ta.evidence_by_product(_mirror(Account().product(1).feature(1).synced(1, streams=("features",)))))
    assert untested["active_features"] == 1 and pd.isna(untested["in_scope"])


def test_a_test_of_unknown_status_makes_a_range() -> None:
    """What only such a test has in scope is neither untouched nor never in scope."""
    account = Account().product(1).feature(1).test(1, "paused", ago(5)).covers(1, 1).synced(1)
    account.add("user_stories", id=10, product_id=1, feature_id=1, feature_link="id")
    mirror = _mirror(_read(account, 1))
    result = _row(ta.feature_results(mirror))
    assert result["result"] == "unknown" and "unknown status" in result["gap"] and not result["is_complete"]
    assert _row(ta.story_coverage(mirror))["state"] == "unknown"
    stories, evidence = _row(ta.story_coverage_by_product(mirror)), _row(ta.evidence_by_product(mirror))
    assert (stories["unknown"], stories["covered_highest"]) == (1, 1) and pd.isna(stories["covered"])
    assert evidence["exercised_highest"] == 1 and pd.isna(evidence["exercised"])


@pytest.mark.parametrize("status", [None, "odd"])
def test_a_result_that_is_not_said_or_not_known_is_unknown(status: str | None) -> None:
    """An API without metrics says nothing; that is no "not run" and no "no findings"."""
    account = Account().product(1).feature(1).test(1, "archived", ago(5)).covers(1, 1).synced(1)
    account.add("user_stories", id=10, product_id=1, feature_id=1, feature_link="id")
    result = {"test_feature_id": 1, "user_story_id": 10, "test_id": 1, "product_id": 1, "execution_status": status}
    mirror = _mirror(_read(account.add("test_user_stories", **result), 1))

    assert _row(ta.story_coverage(mirror))["state"] == "unknown"
    found = _row(ta.feature_results(mirror))
    assert found["result"] == "unknown" and not found["is_complete"]
    assert _row(ta.evidence_by_product(mirror))["exercised_highest"] == 1


def test_a_story_of_no_known_feature_may_have_been_run_by_any_unread_test() -> None:
    """It is not called "never in scope" while results are missing."""
    account = Account().product(1).feature(1).test(1, "archived", ago(5)).covers(1, 1).synced(1)
    account.add("user_stories", id=10, product_id=1, feature_id=None, feature_link="none")
    assert _row(ta.story_coverage(_mirror(_read(account, 1, streams=("bugs",)))))["state"] == "unknown"
    assert _row(ta.story_coverage(_mirror(_read(account, 1, streams=("results",)))))["state"] == "never in scope"


def test_known_bugs_alone_are_neither_a_pass_nor_no_findings() -> None:
    """The customer knew them, so they are no issues; and they are there."""
    account = Account().product(1).feature(1).test(1, "archived", ago(5)).covers(1, 1).synced(1)
    _bug(account, 1, 1, 1, known=1, severity="critical")
    result = {"test_feature_id": 1, "user_story_id": 10, "test_id": 1, "product_id": 1, "execution_status": "passed"}
    found = _row(ta.feature_results(_mirror(_read(account.add("test_user_stories", **result), 1))))
    assert (found["result"], found["bugs"], found["stories_passed"]) == ("known bugs", 1, 1)


def test_bugs_of_tests_that_had_not_ended_then_are_not_counted_then() -> None:
    """An earlier instant knows the earlier tests alone, in every report of bugs."""
    account = Account().product(1).feature(1).synced(1)
    account.test(1, "archived", ago(200)).test(2, "archived", ago(5)).covers(1, 1).covers(2, 1)
    for number, test_id in enumerate((1, 1, 2, 2, 2)):
        _bug(account, number + 1, test_id, 1, status="accepted" if test_id == 1 else "rejected")
    mirror, then = _mirror(_read(account, 1, 2)), "2026-01-31"

    assert _row(ta.triage(mirror, as_of=then))["total"] == 2 == _row(ta.bugs_by_product(mirror, as_of=then))["total"]
    assert ta.triage_by_month(mirror, as_of=then)["month"].tolist() == ["2025-12"]
    assert _row(ta.triage(mirror))["total"] == 5


def test_some_products_of_a_mirror_add_up_to_themselves() -> None:
    """What touches their features from other products is in no total of theirs."""
    account = Account().product(1).product(2, "Other").feature(1)
    account.test(1, "archived", ago(5)).test(2, "archived", ago(5), product_id=2).covers(1, 1).covers(
        2, 1, product_id=2
    )
    _bug(account, 1, 1, 1)
    _bug(account, 2, 2, 1, product_id=2)
    mirror = _mirror(_read(account.synced(1, 2), 1, 2), product_id=1)

    assert ta.triage_by_product_and_month(mirror)["total"].tolist() == [1]
    assert _row(ta.triage_total(mirror))["total"] == 1
    for frame in (ta.trends(mirror), ta.trends_by_product(mirror)):
        assert frame[["tests", "bugs"]].sum().tolist() == [1, 1]


def test_too_few_features_are_not_called_as_expected() -> None:
    """Nothing is compared below five tested features, and the sentence does not say that it was."""
    account = Account().product(1).synced(1)
    for feature in range(1, 5):
        account.feature(feature).test(feature, "archived", ago(5)).covers(feature, feature)
    for number in range(50):
        _bug(account, number + 1, 1, 1)
    mirror = _mirror(_read(account, 1, 2, 3, 4))
    assert ta.bugs_per_feature(mirror)["signal"].isna().all()
    assert "no product has enough tested features" in ta.bugs_answer(mirror).sentence


def test_one_month_alone_gives_the_backtest_no_certainty() -> None:
    """Months are drawn anew, and one says nothing of others."""
    rows = [(place, 10.0, float(5 + place % 3), float(3 + place % 4), 2.0, 2.0, 1.0) for place in range(8)]
    columns = ["cycle", "bugs", "what to test next", "most bugs first", "oldest first", "section mean", "random"]
    cycles = pd.DataFrame(rows, columns=columns).assign(top=4, counted="by severity")
    some = backtest_summary(cycles).iloc[1]
    assert some["lead_low"] < some["lead"] < some["lead_high"]
    alone = backtest_summary(cycles.head(1))
    assert alone["lead_low"].isna().all() and "one month is too few" in backtest_sentence(alone)


def test_the_last_day_of_a_month_ends_it() -> None:
    """A plain date is the end of that day."""
    account = _read(Account().product(1).feature(1).test(1, "archived", ago(40)).covers(1, 1).synced(1), 1)
    assert not ta.trends(_mirror(account), as_of="2026-05-31").iloc[-1]["is_partial"]


def test_no_bugs_is_said_only_of_a_month_that_was_read() -> None:
    """A month whose only test has unread bugs is unknown."""
    account = Account().product(1).feature(1).synced(1)
    account.test(1, "archived", ago(70)).test(2, "archived", ago(40)).covers(1, 1).covers(2, 1)
    _bug(account, 1, 1, 1)
    assert ta.overview(_mirror(_read(account, 1))).figures["Bugs triaged manually"].value == "unknown"
    assert ta.overview(_mirror(_read(account, 2))).figures["Bugs triaged manually"].value == "no bugs"


def test_an_account_without_products_has_no_bugs_once_that_is_read() -> None:
    """Never read is said of what was never read, not of what is empty."""
    assert ta.bugs_answer(_mirror(Account().synced())).sentence == "There are no bugs."
    assert "never read" in ta.bugs_answer(_mirror(Account())).sentence
