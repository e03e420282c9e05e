"""What to test next: parts, ranks, packing, weights of the user's own, and the backtest of the ranking."""

from __future__ import annotations

from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import testio_analytics as ta
from generated import account_of
from strategies import Account, ago, opened
from syncing import sync_account
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports import next_tests
from testio_analytics.reports.backtest import OURS, RANKINGS, backtest, backtest_sentence, backtest_summary
from testio_analytics.reports.past_tests import exposures, groups_of

PARTS = [f"part_{name}" for name in next_tests.PARTS]


def _account() -> Account:
    """Return six features: tested long ago, yesterday, never, planned, with bugs, changed."""
    account = Account().product(1)
    for feature in range(1, 7):
        account.feature(feature, title=f"Feature {feature}")
    account.test(1, "archived", ago(300)).covers(1, 1, 5, title="Feature 1")
    account.test(2, "archived", ago(1)).covers(2, 2, 5, 6, title="old name")
    account.test(3, "waiting", ago(-3)).covers(3, 4)
    for bug in range(1, 5):
        account.add(
            "bugs",
            id=bug,
            product_id=1,
            test_id=2,
            feature_id=5,
            feature_link="bug",
            severity="high",
            status="accepted",
        )
    for test in (1, 2, 3):
        for stream in ("bugs", "results"):
            account.add("test_reads", test_id=test, stream=stream, product_id=1, is_complete=1, run_id=1)
    return account.synced(1)


def _by_feature(report: pd.DataFrame) -> dict[int, dict[str, Any]]:
    return {row["feature_id"]: {str(name): value for name, value in row.items()} for row in report.to_dict("records")}


def _mirror(account: Account) -> Mirror:
    with opened(account) as connection:
        return load_mirror(connection)


def test_the_parts_add_up_and_order_the_list() -> None:
    """Every figure can be recomputed from the row it stands in, to the last digit."""
    report = ta.next_tests(_mirror(_account()))
    for row in _by_feature(report).values():
        assert reduce(add, (row[name] for name in PARTS)) == row["expected_bugs"]
        assert row["expected_weighted"] == pytest.approx(row["expected_bugs"] * row["severity_weight"])
        assert row["expected_low"] <= row["expected_bugs"] <= row["expected_high"] + 1
    assert report["rank"].is_monotonic_increasing
    first = report.iloc[0]
    assert first["feature_id"] == 5 and first["part_own"] > 0 and "4 bugs in 2 tests" in first["why"]
    assert "changed since tested" in _by_feature(report)[6]["why"]


def test_features_that_nothing_tells_apart_are_one_group() -> None:
    """They share a rank and a sentence, and the order among them goes over the sections in turn."""
    account = _account().product(2, "Kiosk").synced(1, 2)
    for section in (21, 22):
        account.add("sections", id=section, product_id=2, name=f"Area {section}", is_default=0)
    for feature in range(21, 27):
        account.feature(feature, product_id=2)
        account.add("feature_sections", feature_id=feature, section_id=21 + feature // 25, product_id=2)
    mirror = _mirror(account)
    report = ta.next_tests(mirror)
    group = report[report["product_id"] == 2]

    assert group["rank"].nunique() == 1 and (group["alike"] == 6).all()
    assert {*group["tie"]} == {"6 features of Kiosk, never tested, nothing tells them apart"}
    assert group["sections"].tolist()[:4] == ["Area 21", "Area 22", "Area 21", "Area 22"]
    packed = ta.packed_tests(mirror, k=2)
    tests = packed[packed["product_id"] == 2].groupby("proposed_test")["sections"].agg(set)
    assert [len(sections) for sections in tests] == [2, 2, 1]  # then only features of one are left


def test_without_a_test_that_was_read_no_figure_is_made_up() -> None:
    """All features are alike then; weights of the user still order them."""
    account = Account().product(1)
    for feature in range(1, 5):
        account.feature(feature)
    mirror = _mirror(account.synced(1))
    report = ta.next_tests(mirror)
    assert report["expected_weighted"].isna().all() and report["expected_bugs"].isna().all()
    assert report["feature_id"].tolist() == [1, 2, 3, 4] and (report["rank"] == 1).all()
    assert "no test of any feature was read" in report["why"].iloc[0]
    weights = pd.DataFrame({"feature_id": [1, 2, 3, 4], "impact": [0.1, 0.2, 1.0, 0.0]})
    assert ta.next_tests(mirror, impact=weights)["feature_id"].tolist() == [3, 2, 1, 4]


def test_a_scheduled_feature_counts_as_tested_a_moment_ago_and_is_not_proposed() -> None:
    """It has none of what time, changed texts and failures add; no proposed test holds it."""
    report = ta.next_tests(_mirror(_account()), k=2)
    planned = report[report["feature_id"] == 4].iloc[0]
    assert planned["planned_test"] == "Test 3" and pd.isna(planned["proposed_test"])
    assert planned[["part_age", "part_changed", "part_failures"]].eq(0).all()
    free = report[report["feature_id"] == 3].iloc[0]
    assert free["part_age"] > 0 and planned["expected_bugs"] < free["expected_bugs"]


def test_each_proposed_test_finds_most_of_what_is_left_in_one_product() -> None:
    """Its features, their sum, and what it finds more than the one after it."""
    account = _account().product(2, "B").synced(1, 2)
    for feature in range(11, 14):
        account.feature(feature, product_id=2)
    mirror = _mirror(account)
    report, packed = ta.next_tests(mirror, k=2), ta.packed_tests(mirror, k=2)
    assert report["proposed_test"].value_counts().max() == 2
    assert packed.groupby("proposed_test")["product_id"].nunique().eq(1).all() and packed["feature_id"].is_unique
    free = report[report["planned_test"].isna()]
    best = free.groupby("product_id")["expected_weighted"].apply(lambda values: values.nlargest(2).sum()).max()
    rows = packed.drop_duplicates("proposed_test").sort_values("proposed_test")
    finds, gains = (rows[name].to_numpy(dtype=float) for name in ("test_expected", "test_gain"))
    assert finds[0] == pytest.approx(best)
    assert gains[0] == pytest.approx(finds[0] - finds[1])
    sums = packed.groupby("proposed_test")["expected_weighted"].sum()
    assert sums.to_numpy(dtype=float) == pytest.approx(finds)


def test_own_weights_multiply_the_figure(tmp_path: Path) -> None:
    """A CSV file enters the list; its source, date and owners are said; unknown ids are listed."""
    path = tmp_path / "weights.csv"
    path.write_text(
        "\ufefffeature_id;impact;owner;note\n2;0.5;Maren;pays the bills\n5;0;Ole;\n77;0.5;;\n", encoding="utf-8"
    )
    mirror = _mirror(_account())
    plain, report = (_by_feature(ta.next_tests(mirror, impact=one)) for one in (None, path))

    assert report[2]["expected_weighted"] == plain[2]["expected_weighted"] * 0.5 and report[5]["expected_weighted"] == 0
    assert report[5]["rank"] == 6 and report[3]["expected_weighted"] == plain[3]["expected_weighted"]
    assert all(report[key]["expected_bugs"] == plain[key]["expected_bugs"] for key in plain)
    assert ta.unknown_impact_ids(mirror, path) == [77]
    found = ta.read_impact(path)
    assert found is not None
    assert "3 features from weights.csv" in found.sentence and "Maren and Ole" in found.sentence
    frame = pd.DataFrame({"feature_id": [2, 5], "impact": [0.5, 0.0]})
    again = _by_feature(ta.next_tests(mirror, impact=frame))
    assert all(again[key]["expected_weighted"] == report[key]["expected_weighted"] for key in (2, 5))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,impact\n1,1\n", "feature_id and impact"),
        ("feature_id,impact\nx,1\n", "line 2: feature_id is 'x'"),
        ("feature_id,impact\n1,2\n", "line 2: impact is '2'"),
        ("feature_id,impact\n1,nan\n", "impact is 'nan'"),
        ("feature_id,impact\n1,0.5\n1,0.6\n", "feature 1 came before"),
        ("feature_id,impact\n1\n", "impact is None"),
        ("", "it needs feature_id"),
    ],
)
def test_wrong_weights_are_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    """The message names the line and the value."""
    path = tmp_path / "weights.csv"
    path.write_text(text)
    with pytest.raises(ReportError, match=said):
        ta.read_impact(path)
    with pytest.raises(ReportError, match="cannot be read"):
        ta.read_impact(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("options", [{"k": 0}, {"half_age": 0}, {"half_age": float("nan")}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    """Before anything is computed."""
    with pytest.raises(UnknownValueError):
        ta.next_tests(_mirror(_account()), **options)  # type: ignore[arg-type]


def test_an_empty_account_has_an_empty_plan() -> None:
    """With the same columns."""
    report = ta.next_tests(_mirror(Account()))
    assert report.empty and "proposed_test" in report
    assert ta.plan_answer(_mirror(Account().synced())).sentence.startswith("There is no feature")
    assert ta.plan_answer(_mirror(Account())).sentence.startswith("No active feature is known")


# -- the backtest ---------------------------------------------------------------------------------------------------


def _months(bugs: dict[tuple[int, int], int], features: int = 6, months: int = 5) -> Account:
    """Return an account with one test of all features a month, oldest first; `bugs` by month and feature."""
    account = Account().product(1)
    for feature in range(1, features + 1):
        account.feature(feature)
    number = 0
    for month in range(months):
        test = month + 1
        account.test(test, "archived", ago(30 * (months - month))).covers(test, *range(1, features + 1))
        for stream in ("bugs", "results"):
            account.add("test_reads", test_id=test, stream=stream, product_id=1, is_complete=1, run_id=1)
        for feature in range(1, features + 1):
            for _ in range(bugs.get((month, feature), 0)):
                number += 1
                own = {"feature_id": feature, "feature_link": "bug", "severity": "high", "status": "accepted"}
                account.add("bugs", id=number, product_id=1, test_id=test, **own)
    return account.synced(1)


def test_backtest_of_a_small_example_by_hand() -> None:
    """The first feature had all bugs and keeps them: whoever counts bugs finds them; who goes by age finds a sixth."""
    mirror = _mirror(_months({(month, 1): 3 for month in range(5)}))
    found = backtest(mirror, tops=(1, 6), warm_up=2)
    assert len(found) and {*found["top"]} == {1}  # six of six features are no choice
    assert (found["features"] == 6).all() and found["bugs"].tolist() == [3.0, 9.0] * (len(found) // 2)
    assert found[OURS].equals(found["bugs"]) and found["most bugs first"].equals(found["bugs"])
    assert found["oldest first"].to_numpy(dtype=float) == pytest.approx(found["bugs"].to_numpy(dtype=float) / 6)
    assert found["random"].to_numpy(dtype=float) == pytest.approx(found["bugs"].to_numpy(dtype=float) / 6)
    sentence = backtest_sentence(backtest_summary(found))
    assert "more than “oldest first” (+83.3 points" in sentence
    assert "not distinguishable from “most bugs first” (+0.0 points" in sentence


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6))
def test_no_look_ahead(seed: int) -> None:
    """Whatever is found later changes nothing of what was found before."""
    rng = np.random.default_rng(seed)
    bugs = {(month, feature): int(rng.poisson(1.0)) for month in range(6) for feature in range(1, 7)}
    later = {key: count + (3 if key[0] == 5 else 0) for key, count in bugs.items()}
    whole, other = (backtest(_mirror(_months(rows, months=6)), tops=(2,), warm_up=1) for rows in (bugs, later))
    last = max([*whole["cycle"], *other["cycle"]], default="")
    earlier, same = (rows[rows["cycle"] < last].reset_index(drop=True) for rows in (whole, other))
    pd.testing.assert_frame_equal(earlier, same)
    for name in RANKINGS:
        assert ((whole[name] >= 0) & (whole[name] <= whole["bugs"])).all()


def test_without_past_tests_the_verdict_says_so(tmp_path: Path) -> None:
    """Nothing to ask is no zero."""
    sync_account(account_of("small"), tmp_path / "mirror.db")
    empty = backtest_summary(backtest(ta.load_mirror(tmp_path / "mirror.db"), warm_up=500))
    assert empty["found"].isna().all()
    assert backtest_sentence(empty).startswith("Whether this list finds more than simple ones cannot be said")


# -- what the model is given ----------------------------------------------------------------------------------------


def test_a_feature_of_several_sections_counts_for_the_largest_and_a_title_for_its_most_shared_word() -> None:
    """Words of more than half of the features tell nothing apart, nor does one that no other feature has."""
    account = Account().product(1)
    titles = ["Pay by card", "Pay by bank", "Card limits", "Pay page", "Seat map", "Pay back"]
    for number, title in enumerate(titles, 1):
        account.feature(number, title=title)
    for section, members in ((11, (1, 2)), (12, (1, 3, 4))):
        account.add("sections", id=section, product_id=1, name=f"S{section}", is_default=0)
        for feature in members:
            account.add("feature_sections", feature_id=feature, section_id=section, product_id=1)
    mirror = _mirror(account.synced(1))
    features = ta.feature_catalog(mirror).sort_values("feature_id", ignore_index=True)
    groups = groups_of(mirror, features)
    assert groups["section"].tolist() == [0, 1, 0, 0, 2, 2]
    assert groups["words"].tolist() == [0, 0, 1, 2, 2, 2]  # "by" comes before "card", "pay" is in four of six


def test_exposures_say_how_a_feature_stood_before_each_test() -> None:
    """Days since the test before, whether its text differs, whether a story failed in it; the first has no test before."""
    account = Account().product(1).feature(1, title="New")
    account.test(1, "archived", ago(90)).covers(1, 1, title="Old")
    account.test(2, "archived", ago(30)).covers(2, 1, title="New")
    for test in (1, 2):
        account.add("test_reads", test_id=test, stream="bugs", product_id=1, is_complete=1, run_id=1)
    rows = exposures(_mirror(account.synced(1)))
    assert rows["test_id"].tolist() == [1, 2] and pd.isna(rows["days"].iloc[0])
    assert rows["days"].iloc[1] == pytest.approx(60, abs=0.1)
    assert rows["changed"].tolist() == [False, True] and not rows["failed_before"].any()
