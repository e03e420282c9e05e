"""The manager's page: five figures with their change, and what to test next."""

from __future__ import annotations

import pytest

import testio_analytics as ta
from strategies import Account, ago, opened
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.overview import Overview


def _overview(account: Account, **options: str) -> Overview:
    with opened(account) as connection:
        return ta.overview(load_mirror(connection), **options)  # type: ignore[arg-type]


def _account() -> Account:
    """Return four features: one tested in April and May, one since June began, two never; with stories and bugs."""
    account = Account().product(1)
    for feature in range(1, 5):
        account.feature(feature)
        story = {"id": feature * 10, "product_id": 1, "feature_id": feature, "feature_link": "id"}
        account.add("user_stories", **story)
    account.test(1, "archived", ago(70)).covers(1, 1)  # 21 April
    account.test(2, "archived", ago(40)).covers(2, 1)  # 21 May
    account.test(3, "archived", ago(20)).covers(3, 2)  # 10 June
    statuses = {1: ["accepted"], 2: ["accepted", "rejected", "forwarded", "forwarded"], 3: ["forwarded"]}
    for test, found in statuses.items():
        for number, status in enumerate(found):
            bug = {"id": test * 10 + number, "product_id": 1, "test_id": test, "status": status, "severity": "low"}
            account.add("bugs", **bug, auto_accepted=0, feature_id=(test + 1) // 2, feature_link="bug")
        result = {"test_feature_id": test, "user_story_id": 10 * ((test + 1) // 2), "execution_status": "passed"}
        account.add("test_user_stories", **result, test_id=test, product_id=1, bugs_found=0, tested_by_count=1)
        for stream in ("bugs", "results"):
            account.add("test_reads", test_id=test, stream=stream, product_id=1, is_complete=1, run_id=1)
    return account.synced(1)


def test_figures_and_their_changes_by_hand() -> None:
    """Counts with share; changes since the end of May, and of May against April."""
    figures = _overview(_account()).figures

    assert {name: figure.value for name, figure in figures.items()} == {
        "Recently tested": "2 of 4",
        "Never tested": "2 of 4",
        "Stories with a result": "2 of 4",
        "Valid bugs last month": "3",
        "Bugs triaged manually": "2 of 4",
    }
    changes = {name: figure.notes[-1] for name, figure in figures.items()}
    assert changes == {
        # Too little is known of the half year before May's end to say how much was recently tested then.
        "Recently tested": "50 %",
        "Never tested": "−1 since the end of May",  # noqa: RUF001  # the typographic minus
        "Stories with a result": "+1 since the end of May",
        "Valid bugs last month": "+2 against April 2026",
        "Bugs triaged manually": "−50 points against April 2026",  # noqa: RUF001
    }


def test_a_recent_month_is_provisional() -> None:
    """At the start of June bugs of May's tests may still be accepted automatically."""
    figures = _overview(_account(), as_of="2026-05-31T12:00:00+00:00").figures
    assert figures["Valid bugs last month"].notes == ("in 1 test of April 2026",)
    account = _account()
    account.rows["tests"][1]["end_at"] = "2026-05-29T06:00:00+00:00"
    figures = _overview(account, as_of="2026-06-01").figures
    assert "provisional" in " ".join(figures["Valid bugs last month"].notes)
    assert "provisional" in " ".join(figures["Bugs triaged manually"].notes)


def test_of_an_account_that_was_never_read_every_figure_is_unknown() -> None:
    """There is no number to show, and no past to compare it with."""
    assert {figure.value for figure in _overview(Account()).figures.values()} == {"unknown"}


@pytest.mark.parametrize("streams", [("features",), ("features", "tests")])
def test_what_was_never_read_is_unknown(streams: tuple[str, ...]) -> None:
    """No bugs read are not no bugs, and no tests read are not none executed."""
    account = Account().product(1).feature(1)
    if "tests" in streams:
        account.test(1, "archived", ago(40)).covers(1, 1)
    found = _overview(account.synced(1, streams=streams))

    assert found.figures["Valid bugs last month"].value == "unknown"
    assert found.figures["Bugs triaged manually"].value == "unknown"
    assert (found.figures["Recently tested"].value == "unknown") == ("tests" not in streams)
    assert any("never read" in doubt for doubt in found.doubts)


def test_the_next_features_are_those_of_what_to_test_next() -> None:
    """In its order, without what is scheduled; those that nothing tells apart share a row."""
    account = _account().product(2, "Ferry")
    for feature in range(5, 30):
        account.feature(feature)
    account.feature(40, product_id=2).feature(41, product_id=2)
    account.test(4, "waiting", ago(-3)).covers(4, 5)
    account.test(5, "archived", ago(300)).covers(5, 6)
    with opened(account.synced(1, 2)) as connection:
        mirror = load_mirror(connection)
        found, ranking = ta.overview(mirror).next_features, ta.next_tests(mirror)

    rows = [tuple(row) for row in found[["state", "product", "active_features", "examples"]].itertuples(index=False)]
    assert ("untested", "Harbour", 25, "Feature 3, Feature 4, Feature 7 and 22 more") in rows
    assert ("untested", "Ferry", 2, "Feature 40 and Feature 41") in rows
    free = ranking[ranking["planned_test"].isna()]
    assert [*dict.fromkeys(found["rank"])] == [*dict.fromkeys(free["rank"])]
    assert (found.dtypes["active_features"], found.dtypes["rank"]) == ("Int64", "Int64")


def test_no_more_than_ten_rows_are_named_and_none_where_nothing_is() -> None:
    """Eleven products with an untested feature each give ten rows; an empty account none, with the same columns."""
    account = Account()
    for product in range(1, 12):
        account.product(product).feature(product, product_id=product)
    full = _overview(account.synced(*range(1, 12))).next_features
    empty = _overview(Account()).next_features

    assert len(full) == 10
    assert empty.empty
    assert list(empty.columns) == list(full.columns)
