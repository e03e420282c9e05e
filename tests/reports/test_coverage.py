"""Feature coverage: every rule of the definitions, and every figure against plain SQL."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from strategies import NOW, Account, a_third, accounts, ago, opened
from testio_analytics.errors import UnknownValueError
from testio_analytics.frames import loaders as frames
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.answers import coverage_summary
from testio_analytics.reports.coverage import coverage_by_product, coverage_by_section, coverage_total
from testio_analytics.reports.facts import status_group
from testio_analytics.reports.features import (
    STATES,
    feature_catalog,
    untested_features,
)
from testio_analytics.reports.glossary import definitions
from testio_analytics.reports.leftovers import (
    removed_features,
    unknown_statuses,
    unlinked_stories,
    unlinked_test_features,
)

REPORTS = (
    *(feature_catalog, untested_features, removed_features, unlinked_stories, unknown_statuses),
    *(unlinked_test_features, coverage_by_product, coverage_by_section, coverage_total),
)


def mirror_of(account: Account) -> Mirror:
    """Read an account as the reports do."""
    with opened(account) as connection:
        return load_mirror(connection)


def one(account: Account, **options: Any) -> pd.Series[Any]:
    """Return the catalogue row of feature 1."""
    catalog = feature_catalog(mirror_of(account), **options)
    return catalog[catalog["feature_id"] == 1].iloc[0]


def harbour() -> Account:
    """Return an account with one product and one feature, everything fully synced."""
    return Account().product(1).feature(1, title="Seat map").synced(1)


# -- definitions.md 2: which tests count ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "group"),
    [
        ("running", "executed"),
        ("locked", "executed"),
        ("archived", "executed"),
        ("completed", "executed"),
        ("initialized", "planned"),
        ("customer_finalized", "planned"),
        ("waiting", "planned"),
        ("cancelled", "neither"),
        ("review_successful", "unknown"),  # a review status is no status
        ("Archived", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_each_status_counts_as_defined(status: str | None, group: str) -> None:
    """Every row of the status table, and what is in no row of it."""
    assert status_group(status) == group


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("running", "tested"),
        ("locked", "tested"),
        ("archived", "tested"),
        ("completed", "tested"),
        ("initialized", "planned"),
        ("customer_finalized", "planned"),
        ("waiting", "planned"),
        ("cancelled", "untested"),
        ("paused", "unknown"),
        (None, "unknown"),
    ],
)
def test_status_alone_decides_the_state_of_a_feature(status: str | None, state: str) -> None:
    """One test of each status, ended yesterday, with the feature in scope."""
    assert one(harbour().test(1, status, ago(1)).covers(1, 1))["state"] == state


@pytest.mark.parametrize(
    ("status", "start_at", "end_at", "state", "last_tested_at"),
    [
        ("archived", None, ago(180), "tested", ago(180)),  # 180 days are inside, to the microsecond
        ("archived", None, ago(180, microseconds=1), "stale", ago(180, microseconds=1)),
        ("archived", None, ago(180, microseconds=-1), "tested", ago(180, microseconds=-1)),
        ("archived", None, ago(0), "tested", ago(0)),
        ("archived", ago(3), ago(0, microseconds=-1), "untested", None),  # had not ended by then
        ("locked", ago(3), ago(-5), "untested", None),
        ("completed", None, ago(-5), "untested", None),
        ("running", ago(1), ago(-1), "tested", ago(0)),  # in progress: up to the instant of the report
        ("running", None, ago(-1), "tested", ago(0)),
        ("running", ago(-1), ago(-2), "untested", None),  # by then it had not begun
        ("running", ago(9), ago(5), "tested", ago(5)),  # overdue
        ("archived", ago(200), None, "stale", ago(200)),  # without end: at its start
        ("archived", ago(20), None, "tested", ago(20)),
        ("running", ago(20), None, "tested", ago(20)),
        ("archived", None, None, "stale", None),  # covered, at an unknown date
        ("waiting", ago(9), ago(8), "planned", None),  # overdue, and still tested nothing
        ("waiting", ago(-1), ago(-2), "planned", None),
        ("cancelled", ago(9), ago(8), "untested", None),
        ("paused", ago(900), ago(800), "unknown", None),
        ("paused", ago(-1), ago(-2), "unknown", None),
    ],
)
def test_dates_decide_as_defined(
    status: str, start_at: str | None, end_at: str | None, state: str, last_tested_at: str | None
) -> None:
    """A test belongs to its end, else its start; after the instant of the report only a running one counts."""
    row = one(harbour().test(1, status, end_at, start_at=start_at).covers(1, 1))

    assert row["state"] == state
    assert (
        pd.isna(row["last_tested_at"])
        if last_tested_at is None
        else row["last_tested_at"] == pd.Timestamp(last_tested_at)
    )


# -- definitions.md 3: states and their precedence ------------------------------------------------------------------

RECENT, OLD = ("archived", ago(10)), ("archived", ago(300))
PLAN, STRANGE, OFF = ("waiting", ago(-3)), ("paused", ago(3)), ("cancelled", ago(3))


@pytest.mark.parametrize("has_gap", [False, True], ids=["complete", "gap"])
@pytest.mark.parametrize(
    ("tests", "state", "state_under_gap"),
    [
        ([], "untested", "unknown"),
        ([OFF], "untested", "unknown"),
        ([PLAN], "planned", "unknown"),
        ([STRANGE], "unknown", "unknown"),
        ([PLAN, STRANGE], "unknown", "unknown"),
        ([OLD], "stale", "stale"),
        ([OLD, PLAN], "stale", "stale"),
        ([OLD, STRANGE], "stale", "stale"),
        ([RECENT], "tested", "tested"),
        ([RECENT, OLD], "tested", "tested"),
        ([OLD, RECENT, PLAN, STRANGE, OFF], "tested", "tested"),
    ],
)
def test_first_matching_state_wins(
    tests: list[tuple[str, str]], state: str, state_under_gap: str, has_gap: bool
) -> None:
    """Tested, stale, unknown, planned, untested: in this order."""
    account = harbour()
    for number, (status, end_at) in enumerate(tests, start=1):
        account.test(number, status, end_at).covers(number, 1)
    if has_gap:
        account.gap(1, "tests")

    assert one(account)["state"] == (state_under_gap if has_gap else state)


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (Account().product(1).feature(1).synced(1, streams=("features",)), "The tests of this product were never read"),
        (
            Account().product(1).feature(1).synced(1, streams=("features",)).synced(1, is_complete=0),
            "The tests of this product were not fully synced",
        ),
        (
            harbour().gap(1, "tests", "row 57 of the test list (after test 3)"),
            "The tests of this product were not fully synced (row 57 of the test list, after test 3)",
        ),
        (harbour().gap(None, "tests", "everything"), "The tests of this product were not fully synced (everything)"),
        (
            harbour().test(1, "paused", ago(1), title="Spring").covers(1, 1),
            "In scope of “Spring”, whose status “paused” is not known",
        ),
    ],
    ids=["never read", "incomplete", "gap", "gap of the account", "unknown status"],
)
def test_unknown_says_why(account: Account, reason: str) -> None:
    """Each way of not knowing is named."""
    row = one(account)

    assert row["state"] == "unknown"
    assert row["reason"] == reason


@pytest.mark.parametrize(
    "account",
    [
        harbour().gap(1, "tests", closed_at=ago()),
        harbour().gap(1, "features"),
        harbour().product(2).synced(2).gap(2, "tests"),
        harbour().gap(None, "products"),
    ],
    ids=["closed", "other stream", "other product", "list of products"],
)
def test_gaps_elsewhere_leave_the_state_alone(account: Account) -> None:
    """Only an open gap in the tests of its own product makes a feature unknown."""
    assert one(account)["state"] == "untested"


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (("archived", ago(204), {}), "Last tested 204 days ago"),
        (("archived", ago(1, hours=3), {}), "Last tested 1 day ago"),
        (("archived", ago(0, hours=3), {}), "Last tested less than a day ago"),
        (("archived", ago(180, hours=1), {}), "Last tested more than 180 days ago"),
        (("archived", None, {}), "Tested in “Spring”, at an unknown date"),
        (("running", ago(-1), {}), "Being tested now in “Spring”"),
        (("waiting", ago(-9), {"start_at": ago(-3)}), "In scope of “Spring”, starts 3 Jul 2026"),
        (("initialized", None, {}), "In scope of “Spring”, not started (status initialized)"),
        (("locked", ago(-3), {}), "In scope of “Spring”, which had not ended by 30 June 2026, 06:00 UTC"),
        (("cancelled", ago(3), {}), "Never tested"),
    ],
)
def test_reason_is_a_sentence_with_names_and_dates(test: tuple[str, str | None, dict[str, Any]], reason: str) -> None:
    """A reader needs no other column to understand the state."""
    status, end_at, more = test
    assert one(harbour().test(1, status, end_at, title="Spring", **more).covers(1, 1))["reason"] == reason


def test_reason_names_the_next_planned_test_and_counts_the_others() -> None:
    """Of several planned tests the one that starts first is named."""
    account = harbour().test(1, "waiting", start_at=ago(-9), title="Later").covers(1, 1)
    account.test(2, "waiting", start_at=ago(-2), title="Sooner").covers(2, 1)
    account.test(3, "initialized", title="Draft").covers(3, 1)

    assert one(account)["reason"] == "In scope of “Sooner”, starts 2 Jul 2026, and of 2 more scheduled tests"


def test_reason_of_a_stale_feature_says_that_newer_tests_may_be_missing() -> None:
    """Under a gap, "stale" may be out of date itself."""
    account = harbour().test(1, "archived", ago(300)).covers(1, 1).gap(1, "tests")

    assert one(account)["reason"] == "Last tested 300 days ago; newer tests may be missing"


# -- what counts, and once ------------------------------------------------------------------------------------------


def test_a_feature_twice_in_one_test_counts_once() -> None:
    """Tests are counted, not test features."""
    row = one(harbour().test(1, "archived", ago(1)).covers(1, 1, 1, 1).test(2, "waiting").covers(2, 1, 1))

    assert (row["executed_tests"], row["executed_tests_in_window"], row["planned_tests"]) == (1, 1, 1)


def test_removed_things_cover_nothing() -> None:
    """A removed test, a removed test feature: neither counts any more."""
    account = harbour().test(1, "archived", ago(1), removed_at=ago()).covers(1, 1)
    account.test(2, "archived", ago(1)).covers(2, 1, removed_at=ago())

    assert one(account)["state"] == "untested"


def test_removed_features_leave_the_population_and_are_listed_apart() -> None:
    """They are in no count, and in `removed_features` with their history."""
    account = harbour().feature(2, removed_at=ago(3)).test(1, "archived", ago(9)).covers(1, 2)
    mirror = mirror_of(account)

    assert feature_catalog(mirror)["feature_id"].tolist() == [1]
    gone = removed_features(mirror).iloc[0]
    assert (gone["feature_id"], gone["executed_tests"], gone["last_tested_at"]) == (2, 1, pd.Timestamp(ago(9)))


def test_window_counts_both_ends_and_leaves_the_total_alone() -> None:
    """A test exactly `window` days old is inside."""
    account = (
        harbour().test(1, "archived", ago(30)).covers(1, 1).test(2, "archived", ago(30, microseconds=1)).covers(2, 1)
    )
    row = one(account, window=30)

    assert (row["executed_tests"], row["executed_tests_in_window"]) == (2, 1)


def test_newest_test_is_the_one_that_ended_last_and_of_equals_the_higher_id() -> None:
    """Not the one with the highest id; one without date is older than any with one."""
    account = harbour().test(9, "archived", ago(50)).covers(9, 1).test(10, "archived").covers(10, 1)
    account.test(2, "locked", ago(20)).covers(2, 1).test(3, "locked", ago(20), title="Newest").covers(3, 1)
    row = one(account)

    assert (row["last_test_id"], row["last_test"], row["days_since_tested"]) == (3, "Newest", 20)


@pytest.mark.parametrize(
    ("now", "then", "changed"),
    [
        ({"description": "New"}, {"description": "Old"}, True),
        ({"howtofind": "Menu"}, {"howtofind": None}, True),
        ({"description": None}, {"description": ""}, False),
        ({"description": "Same", "howtofind": "Menu"}, {"description": "Same", "howtofind": "Menu"}, False),
        ({}, {"title": "Seats"}, True),
    ],
)
def test_change_is_told_by_the_newest_snapshot(now: dict[str, Any], then: dict[str, Any], changed: bool) -> None:
    """Title, description and directions of the newest executed test against those of today."""
    account = Account().product(1).feature(1, title="Seat map", **now).synced(1)
    account.test(1, "archived", ago(90)).covers(1, 1, title="Old name").test(2, "archived", ago(9))
    account.covers(2, 1, **({"title": "Seat map"} | then))

    assert one(account)["changed_since_tested"] == changed


def test_change_is_unknown_when_never_tested() -> None:
    """No snapshot, no claim."""
    row = one(harbour())
    assert pd.isna(row["changed_since_tested"]) and pd.isna(row["changed_words"])


def test_the_words_that_changed_are_named_by_text() -> None:
    """Each text that differs, then and now; a text that only reads otherwise is none of them."""
    account = Account().product(1).feature(1, title="Seat map", description="Pick <b>one</b>", howtofind="Menu, Seats")
    account.synced(1).test(1, "archived", ago(9))
    account.covers(1, 1, title="Seat plan", description="Pick  <B>one</B>\r\n", howtofind="Menu")

    assert one(account)["changed_words"] == 'title: "plan" → "map"; directions: "Menu" → "Menu, Seats"'


def changed_counts(account: Account) -> tuple[Any, Any]:
    """Return how many features of product 1 changed since tested, at least and at most."""
    row = coverage_by_product(mirror_of(account)).iloc[0]
    return row["changed_since_tested"], row["changed_since_tested_highest"]


def three_features() -> Account:
    """Return an account whose feature 1 changed since its test, whose feature 2 did not, and whose third has no test."""
    account = Account().product(1).feature(1).feature(2).feature(3).synced(1).test(1, "archived", ago(9))
    return account.covers(1, 1, title="Old name").covers(1, 2, title="Feature 2")


def test_features_that_changed_since_tested_are_counted() -> None:
    """One of three; a feature that was never tested has not changed since."""
    assert changed_counts(three_features()) == (1, 1)


@pytest.mark.parametrize(
    ("hide", "expected"),
    [
        (lambda account: account.test(2, "paused", ago(5)).covers(2, 1), (0, 1)),
        (lambda account: account.test(2, "paused", ago(5)).covers(2, 2), (1, 2)),
        (lambda account: account.test(2, "paused", ago(90)).covers(2, 1), (1, 1)),
        (lambda account: account.test(2, "archived", None).covers(2, 1, title="Feature 1"), (0, 1)),
        (lambda account: account.test(2, "archived", ago(5), not_said="features"), (None, 3)),
        (lambda account: account.gap(1, "tests"), (None, 3)),
        (lambda account: account.gap(1, "features"), (0, 2)),
    ],
)
def test_what_a_gap_may_hide_makes_the_count_of_changes_a_range(
    hide: Callable[[Account], Account], expected: tuple[Any, Any]
) -> None:
    """A newer test that is not known may have seen another text; an older one changes nothing; nothing known is no 0."""
    least, most = changed_counts(hide(three_features()))

    assert (None if pd.isna(least) else least, most) == expected


def test_stories_not_found_in_an_incomplete_catalogue_are_unknown_not_none() -> None:
    """0 stories only where the catalogue is fully synced."""
    assert one(harbour())["stories"] == 0
    assert pd.isna(one(harbour().gap(1, "features", "user stories"))["stories"])


def test_sections_are_named_in_a_stable_order_and_active_only() -> None:
    """A feature in three sections, one of which is gone."""
    account = harbour()
    for number, (name, removed) in enumerate([("Web", None), ("App", None), ("Old", ago(1)), (None, None)], start=10):
        account.add("sections", id=number, product_id=1, name=name, removed_at=removed)
        account.add("feature_sections", feature_id=1, section_id=number, product_id=1)

    assert one(account)["sections"] == "App, Section 13, Web"


# -- order, counts, words -------------------------------------------------------------------------------------------


def test_untested_features_come_in_order_of_alarm() -> None:
    """State, then product, then the longest untested first, then title."""
    account = Account().product(1, "Beta").product(2, "Alpha").synced(1, 2)
    for number, (product, title, days) in enumerate(
        [(1, "b", None), (1, "a", None), (2, "z", None), (1, "c", 200), (1, "d", 300), (2, "e", 190), (1, "f", 3)],
        start=1,
    ):
        account.feature(number, product, title=title)
        if days:
            account.test(number, "archived", ago(days), product_id=product).covers(number, number, product_id=product)
    rows = untested_features(mirror_of(account))

    assert rows["feature"].tolist() == ["z", "a", "b", "e", "d", "c"]
    assert rows["state"].astype(str).tolist() == ["untested"] * 3 + ["stale"] * 3
    assert list(rows["state"].cat.categories) == list(STATES)


def test_a_feature_in_two_sections_counts_in_both_and_once_in_total() -> None:
    """The rows of sections may add up to more than there is; products and total never do."""
    account = harbour().feature(2).add("sections", id=11, product_id=1, name="Default", is_default=1)
    for section in (12, 13):
        account.add("sections", id=section, product_id=1, name=f"S{section}")
        account.add("feature_sections", feature_id=1, section_id=section, product_id=1)
    mirror = mirror_of(account)
    by_section = coverage_by_section(mirror)

    assert by_section["section"].tolist() == ["(no section)", "S12", "S13"]
    assert by_section["active_features"].tolist() == [1, 1, 1]
    assert coverage_by_product(mirror)["active_features"].tolist() == [2]
    assert coverage_total(mirror)["active_features"].tolist() == [2]


def test_counts_without_any_knowledge_are_empty_not_zero() -> None:
    """Features never read: no counts. Tests never read: no covered count, but the range."""
    account = Account().product(1, "A").product(2, "B").feature(1, 2).synced(2, streams=("features",))
    found = coverage_by_product(mirror_of(account)).set_index("product")

    unknown = found.isna()
    for name in ("active_features", "untested", "ever_covered", "ever_share"):
        assert unknown.loc["A", name], name
    for name in ("ever_covered", "ever_share", "recent_share", "never_executed"):
        assert unknown.loc["B", name], name
    for name in ("active_features", "unknown", "ever_covered_highest", "never_executed_highest"):
        assert found.loc["B", name] == 1, name


def test_a_product_without_features_has_zero_and_no_share() -> None:
    """Completely read and empty: 0 features, and a share of nothing is unknown."""
    row = coverage_by_product(mirror_of(Account().product(1).synced(1))).iloc[0]

    assert (row["active_features"], row["ever_covered"]) == (0, 0)
    assert row[["ever_share", "recent_share"]].isna().all()
    assert bool(row["is_complete"])


def test_recent_coverage_has_a_range_for_what_newer_tests_might_add() -> None:
    """Under a gap a stale feature might have been tested recently; elsewhere not."""
    account = harbour().feature(2).feature(3).synced(1)
    account.test(1, "archived", ago(300)).covers(1, 1, 2).test(2, "paused", ago(5)).covers(2, 2).test(
        3, "paused", ago(400)
    )
    account.covers(3, 1)
    row = coverage_by_product(mirror_of(account)).iloc[0]
    assert (row["recent_covered"], row["recent_covered_highest"]) == (0, 1)

    row = coverage_by_product(mirror_of(account.gap(1, "tests"))).iloc[0]
    assert (row["recent_covered"], row["recent_covered_highest"], row["stale"], row["unknown"]) == (0, 3, 2, 1)


WHEN = "as of 30 June 2026, 06:00 UTC"
SUMMARIES = [
    (Account(), "Nothing has been read yet: no sync has stored anything in this database."),
    (Account().product(1).synced(1), f"There are no active features {WHEN}."),
    (
        Account().product(1).synced(streams=()),
        "No active feature is known. The number of active features itself is not certain: the features of "
        "Harbour were never read.",
    ),
    (harbour(), f"1 of 1 active feature (100 %) was never tested {WHEN}."),
    (
        harbour().test(1, "archived", ago(300)).covers(1, 1),
        f"The only active feature was tested at least once {WHEN}.",
    ),
    (
        harbour().feature(2).test(1, "archived", ago(300)).covers(1, 1, 2),
        f"All 2 active features were tested at least once {WHEN}.",
    ),
    (
        harbour().gap(1, "tests"),
        f"The status of the only active feature is unknown {WHEN}, because the tests of Harbour were not fully synced.",
    ),
    (
        harbour().feature(2).gap(1, "tests").test(1, "archived", ago(3)).covers(1, 2),
        f"0 of 2 active features (0 %) were never tested {WHEN}; 1 has unknown status, "
        "because the tests of Harbour were not fully synced.",
    ),
    (
        harbour().product(2, "Ferry").feature(2, 2).feature(3, 2).synced(2).gap(2, "tests"),
        f"1 of 3 active features (33 %) was never tested {WHEN}; 2 more have unknown "
        "status, because the tests of Ferry were not fully synced.",
    ),
    (
        harbour().feature(2).test(1, "paused").covers(1, 2).test(2, "paused").covers(2, 2),
        f"1 of 2 active features (50 %) was never tested {WHEN}; 1 more has unknown "
        "status, because 2 tests have the status “paused”, which is not known.",
    ),
    (
        harbour().feature(2).feature(3).test(1, "waiting").covers(1, 2).test(2, "archived", ago(3)).covers(2, 3),
        f"2 of 3 active features (67 %) were never tested {WHEN}: 1 untested and 1 scheduled.",
    ),
]


@pytest.mark.parametrize(("account", "sentence"), SUMMARIES)
def test_summary_is_one_true_sentence(account: Account, sentence: str) -> None:
    """None, one, many; complete and not; nothing at all."""
    assert coverage_summary(mirror_of(account)).sentence == sentence


def test_summary_names_every_gap() -> None:
    """Gaps of products, of the account, and of products that are not stored."""
    account = harbour().gap(1, "tests", "page 2").gap(7, "features", "all features").gap(None, "products", "page 9")
    summary = coverage_summary(mirror_of(account))

    assert summary.doubts == (
        "The products of the account were not fully synced (page 9)",
        "The tests of Harbour were not fully synced (page 2)",
        "The features of Product 7 were not fully synced (all features)",
    )
    assert summary.population_doubts == (summary.doubts[0], summary.doubts[2])
    assert coverage_total(mirror_of(account))["is_complete"].tolist() == [False]


def test_unknown_statuses_and_unlinked_test_features_are_listed() -> None:
    """Nothing that could not be counted is dropped without a word."""
    account = harbour().feature(2, removed_at=ago(1)).test(1, "paused", ago(4), title="Spring").test(2, None, ago(2))
    account.covers(1, 1, 2, 77).covers(2, None)
    mirror = mirror_of(account)

    assert unknown_statuses(mirror)[["status", "tests", "examples"]].values.tolist() == [
        ["(no status)", 1, "Test 2"],
        ["paused", 1, "Spring"],
    ]
    found = unlinked_test_features(mirror)
    assert found["test_id"].tolist() == [2, 1, 1]
    assert found["reason"].tolist() == ["names no feature", "removed from the catalogue", "not in the catalogue"]
    assert found["test_features"].tolist() == [1, 2, 2]


def test_unlinked_stories_are_listed_with_the_reason() -> None:
    """Stories that are not linked to a feature."""
    account = harbour().add("user_stories", id=5, product_id=1, feature_link="ambiguous", path="As a guest, I can pay")

    assert unlinked_stories(mirror_of(account))[["story_id", "story", "feature_link"]].values.tolist() == [
        [5, "As a guest, I can pay", "ambiguous"]
    ]


def test_definitions_carry_the_thresholds_that_were_used() -> None:
    """Each definition stands with the numbers filled in."""
    found = dict(definitions(stale_after=90))

    assert found["Tested"] == "An executed test of the last 90 days covers the feature."
    assert {
        "Active feature",
        "Executed test",
        "Scheduled test",
        "Unknown status",
        "Report date",
        "Complete",
        "At most",
    } <= {*found}
    shown = {state.capitalize() for state in STATES} - {"Planned"} | {"Scheduled, not yet tested"}
    assert shown <= {*found}
    assert not [text for text in found.values() if "{" in text or not text.endswith(".")]


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf"), True, "180", None, 10**9])
@pytest.mark.parametrize("option", ["stale_after", "window"])
def test_impossible_numbers_of_days_are_refused(option: str, days: Any) -> None:
    """A threshold is a number above 0."""
    with pytest.raises(UnknownValueError, match=f"{option} is .* a number of days above 0"):
        feature_catalog(mirror_of(harbour()), **{option: days})


@pytest.mark.parametrize("as_of", ["", "yesterday", "2026-13-01", "30.06.2026", pd.NaT, 20260630, "0001-01-01"])
def test_impossible_instants_are_refused(as_of: Any) -> None:
    """What is no date is named in the error."""
    with pytest.raises(UnknownValueError, match="a date like 2026-06-30"):
        feature_catalog(mirror_of(harbour()), as_of=as_of)


@pytest.mark.parametrize(
    ("as_of", "days"),
    [
        (None, 10),
        ("2026-06-30", 10),  # the end of that day
        ("2026-06-21", 1),
        (NOW.date(), 10),
        (NOW - timedelta(days=3), 7),
        ("2026-06-25T06:00:00Z", 5),
        ("2026-06-25T08:00:00+02:00", 5),
        ("2026-06-25T06:00:00", 5),
        (pd.Timestamp("2026-06-25T06:00:00"), 5),
    ],
)
def test_as_of_takes_dates_and_instants(as_of: Any, days: int) -> None:
    """Offsets are honoured, none means UTC, and a plain date means its end."""
    row = one(harbour().test(1, "archived", ago(10)).covers(1, 1), as_of=as_of)

    assert row["days_since_tested"] == days


# -- rules that hold for every account ------------------------------------------------------------------------------


def dtypes_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns with the names of their dtypes."""
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


@cache
def dtypes_when_empty() -> dict[str, dict[str, str]]:
    """Return the columns and dtypes of each report on an empty database."""
    mirror = mirror_of(Account())
    return {report.__name__: dtypes_of(report(mirror)) for report in REPORTS}


@a_third
@given(accounts())
def test_reports_of_any_account_have_the_same_columns_and_dtypes(account: Account) -> None:
    """Empty, small or odd: the shape never changes, and the input is left as it is."""
    mirror = mirror_of(account)
    before = {name: frame.copy() for name, frame in vars(mirror).items() if isinstance(frame, pd.DataFrame)}
    for report in REPORTS:
        assert dtypes_of(report(mirror)) == dtypes_when_empty()[report.__name__], report.__name__
    coverage_summary(mirror)

    for name, frame in before.items():
        assert_frame_equal(getattr(mirror, name), frame)


@a_third
@given(accounts())
def test_states_partition_the_active_features(account: Account) -> None:
    """Each active feature once, and the parts add up to the whole, by product and in total."""
    mirror = mirror_of(account)
    catalog, total = feature_catalog(mirror), coverage_total(mirror).iloc[0]
    by_product = coverage_by_product(mirror)

    assert catalog["feature_id"].is_unique
    assert catalog["state"].notna().all()
    if catalog.empty and pd.isna(total["active_features"]):  # never read: nothing is counted
        assert total["gap"] and by_product["active_features"].fillna(0).sum() == 0
        return
    assert total["active_features"] == len(catalog) == sum(total[state] for state in STATES)
    for name in (
        "active_features",
        *STATES,
        "never_executed_highest",
        "ever_covered_highest",
        "recent_covered_highest",
    ):
        assert by_product[name].sum() == total[name], name
    summary = coverage_summary(mirror)
    assert summary.never_executed + summary.ever_covered + summary.unknown == summary.active_features == len(catalog)
    assert len(untested_features(mirror)) == summary.active_features - summary.tested


@a_third
@given(accounts())
def test_a_gap_never_yields_untested_or_planned(account: Account) -> None:
    """Where tests may be missing, nobody is told that there are none."""
    complete = {
        row["product_id"]
        for row in account.rows.get("stream_states", [])
        if row["stream"] == "tests" and row["is_complete"]
    }
    with_gap = {
        row["product_id"]
        for row in account.rows.get("sync_gaps", [])
        if row["stream"] == "tests" and not row["closed_at"]
    }
    catalog = feature_catalog(mirror_of(account))
    doubtful = catalog[~catalog["product_id"].isin(complete - with_gap) | (None in with_gap)]

    assert not doubtful["state"].isin(["untested", "planned"]).any()


@a_third
@given(accounts(), st.randoms(use_true_random=False))
def test_a_new_executed_test_never_lowers_coverage(account: Account, chance: random.Random) -> None:
    """One more test, ended just now, that covers some feature."""
    before = coverage_total(mirror_of(account)).iloc[0].fillna(0)
    features = account.rows.get("features", [])
    if not features:
        return
    feature = chance.choice(features)
    product = feature["product_id"]
    account.test(9_000, "archived", ago(), product_id=product).covers(9_000, feature["id"], product_id=product)
    after = coverage_total(mirror_of(account)).iloc[0].fillna(0)

    for name in ("tested", "ever_covered_highest", "recent_covered_highest"):
        assert after[name] >= before[name], name
    assert after["tested"] + after["stale"] >= before["tested"] + before["stale"]
    assert after["untested"] <= before["untested"]


@a_third
@given(accounts(), st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(account: Account, chance: random.Random) -> None:
    """The same rows in another order give the same reports."""
    mirror = mirror_of(account)
    shuffled: dict[str, Any] = {
        name: frame.sample(frac=1, random_state=chance.randrange(10**6)).reset_index(drop=True)
        for name, frame in vars(mirror).items()
        if isinstance(frame, pd.DataFrame)
    }
    other = replace(mirror, **shuffled)
    for report in REPORTS:
        assert_frame_equal(report(mirror), report(other))
    assert coverage_summary(mirror).sentence == coverage_summary(other).sentence


@a_third
@given(accounts(), st.data())
def test_a_feature_has_the_same_state_whichever_products_are_asked_for(account: Account, data: st.DataObject) -> None:
    """Filtering picks rows; it never changes one."""
    ids = [row["id"] for row in account.rows.get("products", [])]
    if not ids:
        return
    chosen = data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
    with opened(account) as connection:
        every, some = load_mirror(connection), load_mirror(connection, product_id=chosen)
    for report in (feature_catalog, coverage_by_product, coverage_by_section):
        rows = report(every)
        assert_frame_equal(report(some), rows[rows["product_id"].isin(chosen)].reset_index(drop=True))


@a_third
@given(accounts())
def test_range_holds_whatever_the_missing_tests_say(account: Account) -> None:
    """Had the gaps hidden a recent test of every feature, coverage would be the highest, and not more."""
    total = coverage_total(mirror_of(account)).iloc[0].fillna(0)
    catalog = feature_catalog(mirror_of(account))
    doubtful = catalog[catalog["state"] == "unknown"]
    pairs = [(int(row["feature_id"]), int(row["product_id"])) for _, row in doubtful.iterrows()]
    for number, (feature, product) in enumerate(pairs):
        account.test(9_000 + number, "archived", ago(), product_id=product)
        account.covers(9_000 + number, feature, product_id=product)
    after = coverage_total(mirror_of(account)).iloc[0].fillna(0)

    assert after["unknown"] == 0
    assert after["tested"] + after["stale"] == total["ever_covered_highest"]


# -- every figure against plain SQL, written from the definitions ---------------------------------------------------

FACTS = """
WITH alive AS (
    SELECT f.id, f.product_id FROM features f JOIN products p ON p.id = f.product_id
    WHERE f.removed_at IS NULL AND p.removed_at IS NULL
), placed AS (
    SELECT id, status, start_at, coalesce(end_at, start_at) AS at FROM tests WHERE removed_at IS NULL
), executed AS (
    SELECT id, CASE WHEN at > :as_of THEN :as_of ELSE at END AS at FROM placed
    WHERE status IN ('running', 'locked', 'archived', 'completed')
      AND (at IS NULL OR at <= :as_of OR (status = 'running' AND (start_at IS NULL OR start_at <= :as_of)))
), planned AS (
    SELECT id FROM placed WHERE status IN ('initialized', 'customer_finalized', 'waiting')
      AND (at IS NULL OR at >= :lapsed)
), unknown_status AS (
    SELECT id FROM placed WHERE status IS NULL OR status NOT IN ('running', 'locked', 'archived', 'completed',
        'initialized', 'customer_finalized', 'waiting', 'cancelled')
), link AS (
    SELECT DISTINCT test_id, feature_id FROM test_features WHERE removed_at IS NULL AND feature_id IS NOT NULL
), holes AS (
    SELECT p.id AS product_id FROM products p
    WHERE NOT EXISTS (SELECT 1 FROM stream_states s
                      WHERE s.product_id = p.id AND s.stream = 'tests' AND s.is_complete = 1)
       OR EXISTS (SELECT 1 FROM sync_gaps g WHERE g.closed_at IS NULL AND g.stream = 'tests'
                  AND (g.product_id = p.id OR g.product_id IS NULL))
), facts AS (
    SELECT a.id, a.product_id,
        (SELECT count(*) FROM link JOIN executed e ON e.id = link.test_id WHERE feature_id = a.id) AS executed,
        (SELECT count(*) FROM link JOIN executed e ON e.id = link.test_id
         WHERE feature_id = a.id AND e.at >= :window) AS in_window,
        (SELECT max(e.at) FROM link JOIN executed e ON e.id = link.test_id WHERE feature_id = a.id) AS last_at,
        (SELECT count(*) FROM link JOIN planned p ON p.id = link.test_id WHERE feature_id = a.id) AS planned,
        (SELECT count(*) FROM link JOIN unknown_status s ON s.id = link.test_id WHERE feature_id = a.id) AS unknown_status,
        (SELECT count(*) FROM user_stories u WHERE u.feature_id = a.id AND u.removed_at IS NULL) AS stories,
        a.product_id IN (SELECT product_id FROM holes) AS hole
    FROM alive a
), judged AS (
    SELECT *, CASE WHEN last_at >= :oldest THEN 'tested' WHEN executed > 0 THEN 'stale'
                   WHEN hole OR unknown_status > 0 THEN 'unknown' WHEN planned > 0 THEN 'planned' ELSE 'untested' END AS state
    FROM facts
)
"""
BY_STATE = ", ".join(f"coalesce(sum(state = '{state}'), 0)" for state in STATES)


def asked(connection: sqlite3.Connection, select: str, stale_after: int, window: int) -> list[tuple[Any, ...]]:
    """Ask the database on top of the facts."""
    values = {"as_of": ago(), "oldest": ago(stale_after), "window": ago(window), "lapsed": ago(30)}
    return connection.execute(FACTS + select, values).fetchall()


def rows_of(frame: pd.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return the rows of a frame as plain values, None for missing ones."""
    plain = frame[columns].astype(object)
    return [tuple(row) for row in plain.where(plain.notna(), None).itertuples(index=False, name=None)]


@a_third
@given(accounts(), st.sampled_from([180, 90]), st.sampled_from([180, 30]))
def test_every_figure_equals_plain_sql(account: Account, stale_after: int, window: int) -> None:
    """Features, products, sections and totals, each computed a second time by the database itself."""
    options: dict[str, Any] = {"stale_after": stale_after, "window": window}
    with opened(account) as connection:
        mirror = frames.load_mirror(connection)
        by_feature = asked(
            connection,
            "SELECT id, state, executed, in_window, planned, last_at FROM judged ORDER BY id",
            stale_after,
            window,
        )
        by_product = asked(
            connection,
            f"SELECT product_id, count(*), {BY_STATE} FROM judged GROUP BY product_id ORDER BY product_id",
            stale_after,
            window,
        )
        by_section = asked(
            connection,
            f"""SELECT product_id, section_id, count(*), {BY_STATE} FROM judged LEFT JOIN (
                    SELECT m.feature_id, m.section_id FROM feature_sections m JOIN sections s ON s.id = m.section_id
                    WHERE m.removed_at IS NULL AND s.removed_at IS NULL) ON feature_id = judged.id
                GROUP BY product_id, section_id ORDER BY product_id, section_id""",
            stale_after,
            window,
        )
        stories = asked(connection, "SELECT id, stories FROM judged ORDER BY id", stale_after, window)
    catalog = feature_catalog(mirror, **options).sort_values("feature_id")
    columns = ["feature_id", "state", "executed_tests", "executed_tests_in_window", "planned_tests", "last_tested_at"]
    expected = [(*row[:-1], row[-1] and pd.Timestamp(row[-1])) for row in by_feature]
    assert rows_of(catalog, columns) == expected
    assert [(key, count) for key, count in rows_of(catalog, ["feature_id", "stories"]) if count is not None] == [
        row for row in stories if not pd.isna(catalog.set_index("feature_id").loc[row[0], "stories"])
    ]

    products = coverage_by_product(mirror, **options).sort_values("product_id")
    products = products[products["active_features"] > 0]
    assert rows_of(products, ["product_id", "active_features", *STATES]) == by_product

    sections = coverage_by_section(mirror, **options).sort_values(["product_id", "section_id"], na_position="first")
    sections = sections[sections["active_features"] > 0]
    assert rows_of(sections, ["product_id", "section_id", "active_features", *STATES]) == by_section

    for frame in (products, sections, coverage_total(mirror, **options)):
        check_shares(frame)


def check_shares(frame: pd.DataFrame) -> None:
    """The totals and shares follow from the counts per state, or are empty where there is nothing to divide."""
    for _, row in frame.iterrows():
        if pd.isna(row["active_features"]):  # no catalogue was ever read
            assert row[["ever_covered", "never_executed", "ever_share", "recent_share"]].isna().all()
            continue
        if row["active_features"] == 0 or row["unknown"] == row["active_features"]:
            assert row[["ever_share", "recent_share"]].isna().all()
            continue
        assert row["ever_covered"] == row["tested"] + row["stale"]
        assert row["never_executed"] == row["untested"] + row["planned"]
        assert row["never_executed_highest"] == row["never_executed"] + row["unknown"]
        assert row["ever_share"] == pytest.approx((row["tested"] + row["stale"]) / row["active_features"])
        assert row["recent_share"] == pytest.approx(row["tested"] / row["active_features"])
        assert (
            row["recent_covered"]
            <= row["recent_covered_highest"]
            <= row["ever_covered_highest"]
            <= row["active_features"]
        )
