"""What to test next: parts, ranks, packing, weights of the user's own, and the backtest of the ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import testio_analytics as ta
from generated import account_of
from strategies import Account, ago, opened
from syncing import sync_account
from testio_analytics.demo.truth import exposures_of, generated_exposures
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.backtest import OURS, RANKINGS, backtest, backtest_sentence, backtest_summary, exposures
from testio_analytics.reports.next_tests import WEIGHTS, against, aged, weighted


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


def test_risk_is_likelihood_times_impact_of_the_parts_shown() -> None:
    """Every figure can be recomputed from the row it stands in."""
    report = ta.next_tests(_mirror(_account()))
    for row in _by_feature(report).values():
        parts = {name: 0.5 if pd.isna(row[f"part_{name}"]) else row[f"part_{name}"] for name in WEIGHTS}
        likelihood = sum(WEIGHTS[name] * part for name, part in parts.items()) / sum(WEIGHTS.values())
        halves = [0.5 if pd.isna(row[name]) else row[name] for name in ("part_severity", "part_stories")]
        assert row["likelihood"] == pytest.approx(likelihood)
        assert row["impact"] == pytest.approx(sum(halves) / 2)
        assert row["risk"] == pytest.approx(likelihood * sum(halves) / 2)
        assert row["rank_best"] <= row["rank"] <= row["rank_worst"]
    assert report["rank"].tolist() == [1, 2, 2, 4, 4, 6]  # what is equal shares its rank
    assert report["risk"].is_monotonic_decreasing
    rows = _by_feature(report)
    assert report.iloc[0]["feature_id"] == 5  # bugs, and an open failure
    assert rows[3]["part_age"] == 1 and "bugs per test" in rows[3]["flags"]
    assert rows[2]["part_age"] < rows[1]["part_age"] < 1
    assert rows[6]["part_changed"] == 1 and rows[1]["part_changed"] == 0


def test_features_of_equal_risk_share_their_rank_and_its_range() -> None:
    """They do not differ, so no place is made up for each of them."""
    account = Account().product(1)
    for feature in range(1, 5):
        account.feature(feature)
    report = ta.next_tests(_mirror(account.synced(1)))

    assert report["feature_id"].tolist() == [1, 2, 3, 4]
    assert {(row["rank"], row["rank_best"], row["rank_worst"]) for row in _by_feature(report).values()} == {(1, 1, 4)}


def test_a_feature_without_stories_is_not_called_harmless() -> None:
    """Nobody wrote stories for it: that part is missing, and the feature with the most bugs still comes first."""
    account = _account()
    for feature in (1, 2, 3, 4, 6):
        account.add("user_stories", id=feature, product_id=1, feature_id=feature, feature_link="id")
    report = ta.next_tests(_mirror(account))
    first = report.iloc[0]

    assert first["feature_id"] == 5
    assert pd.isna(first["part_stories"]) and "stories" in first["flags"]


def test_a_reason_says_never_tested_scheduled_or_the_two_largest_parts() -> None:
    """Each part counts with its weight; a feature without a single strong reason is one of combined moderate risk."""
    account = _account().feature(7, title="Feature 7").test(4, "archived", ago(30)).covers(4, 7, title="Feature 7")
    for stream in ("bugs", "results"):
        account.add("test_reads", test_id=4, stream=stream, product_id=1, is_complete=1, run_id=1)
    why = {key: row["why"] for key, row in _by_feature(ta.next_tests(_mirror(account))).items()}

    assert why[3] == "never tested" and why[4] == "scheduled, not yet tested"
    assert why[7] == "combined moderate risk: bugs per test, time since tested"
    by_age = {"bugs": 0.1, "age": 0.7, "changed": 0.1, "failures": 0.1}
    report = ta.next_tests(_mirror(account), weights=by_age).set_index("feature_id")
    assert report.loc[7, "why"] == "combined moderate risk: time since tested, bugs per test"


def test_proposed_tests_hold_k_features_and_none_that_is_planned() -> None:
    """A feature that a planned test covers already is not ordered twice."""
    report = ta.next_tests(_mirror(_account()), k=2)
    assert report["proposed_test"].value_counts().max() == 2
    planned = report[report["feature_id"] == 4].iloc[0]
    assert planned["planned_test"] == "Test 3" and pd.isna(planned["proposed_test"])
    packed = ta.packed_tests(_mirror(_account()), k=2)
    assert packed["feature_id"].is_unique and 4 not in {*packed["feature_id"]}
    assert packed.groupby("proposed_test")["product_id"].nunique().eq(1).all()


def test_a_proposed_test_begins_with_the_highest_risk_and_has_one_section() -> None:
    """A feature of two sections fits into a test of either; no test mixes sections or products."""
    account = Account().product(1, "A").product(2, "B").synced(1, 2)
    sections = {1: (11, 12), 2: (11,), 3: (12,), 4: (11,), 5: (), 6: ()}
    for feature, own in sections.items():
        account.feature(feature, product_id=2 if feature == 6 else 1)
        for section in own:
            account.add("feature_sections", feature_id=feature, section_id=section, product_id=1)
    for section in (11, 12):
        account.add("sections", id=section, product_id=1, name="Web", is_default=0)
    weights = pd.DataFrame({"feature_id": [1, 2, 3, 4, 5, 6], "impact": [1.0, 0.5, 0.8, 0.6, 0.4, 0.9]})
    report = ta.next_tests(_mirror(account), impact=weights, k=3)

    tests = report.dropna(subset=["proposed_test"]).groupby("proposed_test")["feature_id"].agg(list)
    # 1 is in both sections, 3 only in the second: the first test is one of that section.
    assert tests.tolist() == [[1, 3], [6], [4, 2]]


def test_own_weights_take_the_place_of_the_impact(tmp_path: Path) -> None:
    """A CSV file enters the ranking; its source, date and owners are said; unknown ids are listed."""
    path = tmp_path / "weights.csv"
    path.write_text(
        "\ufefffeature_id;impact;owner;note\n2;1.0;Maren;pays the bills\n5;0;Ole;\n77;0.5;;\n", encoding="utf-8"
    )
    mirror = _mirror(_account())
    report = ta.next_tests(mirror, impact=path).set_index("feature_id")

    assert report.loc[2, "impact"] == 1 and report.loc[5, "risk"] == 0
    assert report.loc[5, "rank"] == 6
    assert ta.unknown_impact_ids(mirror, path) == [77]
    found = ta.read_impact(path)
    assert found is not None
    assert "3 features from weights.csv" in found.sentence and "Maren and Ole" in found.sentence
    frame = pd.DataFrame({"feature_id": [2, 5], "impact": [1.0, 0.0]})
    again = ta.next_tests(mirror, impact=frame).set_index("feature_id")
    assert again["risk"].loc[[2, 5]].tolist() == report["risk"].loc[[2, 5]].tolist()


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


@pytest.mark.parametrize(
    "options", [{"k": 0}, {"half_age": 0}, {"weights": {"bugs": 1}}, {"weights": dict.fromkeys(WEIGHTS, 0)}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    """Before anything is computed."""
    with pytest.raises(UnknownValueError):
        ta.next_tests(_mirror(_account()), **options)  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 50), min_size=1, max_size=20), st.floats(0.01, 20))
def test_parts_are_between_0_and_1_and_keep_the_order(values: list[float], average: float) -> None:
    """The average is 0.5, and more is never less."""
    numbers = np.sort(np.array(values))
    part = against(numbers, average)
    assert ((part >= 0) & (part <= 1)).all() and (np.diff(part) >= 0).all()
    assert against(np.array([average]), average)[0] == pytest.approx(0.5)
    assert aged(np.array([90.0]), 90)[0] == pytest.approx(0.5)
    mixed = weighted({"a": part, "b": np.full(len(part), np.nan)}, {"a": 1, "b": 1})
    assert np.allclose(mixed, (part + 0.5) / 2)


def test_an_empty_account_has_an_empty_plan() -> None:
    """With the same columns."""
    report = ta.next_tests(_mirror(Account()))
    assert report.empty and "proposed_test" in report
    assert ta.plan_answer(_mirror(Account().synced())).sentence.startswith("There is no feature")
    assert ta.plan_answer(_mirror(Account())).sentence.startswith("No active feature is known")


# -- the backtest ---------------------------------------------------------------------------------------------------


def _rows(*rows: tuple[int, int, int, int]) -> pd.DataFrame:
    """Return exposures from (test, feature, day of the end, bugs); each test lasts half a day."""
    frame = pd.DataFrame(rows, columns=["test_id", "feature_id", "day", "bugs"])
    at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(frame["day"], unit="D")
    frame = frame.assign(account=0, product_id=1, at=at.astype("datetime64[us, UTC]"))
    frame["start"] = (frame["at"] - pd.Timedelta(hours=12)).astype("datetime64[us, UTC]")
    return frame.astype({"bugs": "Int64"})


def test_backtest_of_a_small_example_by_hand() -> None:
    """Feature 1 had all bugs before; the test after has three bugs in it and one in a feature never seen."""
    found = backtest(_rows((1, 1, 1, 5), (1, 2, 1, 0), (2, 1, 9, 3), (2, 2, 9, 0), (2, 3, 9, 1)), k=1, warm_up=1)
    row = found.iloc[0]
    assert len(found) == 1 and (row["features"], row["bugs"]) == (3, 4)
    assert row["most bugs first"] == 3
    assert row["oldest first"] == 1  # never tested is the oldest
    assert row["random"] == pytest.approx(4 / 3)
    assert row[OURS] == 1  # fewer than five features: all have the average rate, and age decides


def test_a_test_that_began_before_another_ended_knows_nothing_of_it() -> None:
    """What overlaps is not the past."""
    rows = _rows((1, 1, 1, 5), (1, 2, 1, 0), (2, 1, 2, 0), (2, 2, 2, 7))
    rows.loc[rows["test_id"] == 2, "start"] = rows["start"].min()
    assert backtest(rows, k=1, warm_up=1).empty


@given(st.integers(0, 10**6))
def test_no_look_ahead(seed: int) -> None:
    """Whatever comes later changes nothing of what was found before."""
    rng = np.random.default_rng(seed)
    rows = [
        (test, int(feature), test, int(rng.poisson(1.0)))
        for test in range(1, 13)
        for feature in rng.choice(8, size=5, replace=False)
    ]
    whole = backtest(_rows(*rows), k=2, warm_up=2)
    until = 8
    part = backtest(_rows(*(row for row in rows if row[0] <= until)), k=2, warm_up=2)
    earlier = whole[whole["test_id"] <= until].reset_index(drop=True)
    pd.testing.assert_frame_equal(earlier, part)
    for name in RANKINGS:
        assert ((whole[name] >= 0) & (whole[name] <= whole["bugs"])).all()


def test_our_ranking_finds_more_on_accounts_of_known_truth() -> None:
    """Over twenty generated accounts, against oldest first, most bugs first, and random, with its interval."""
    summary = backtest_summary(backtest(generated_exposures(20)))
    print(backtest_sentence(summary))
    rivals = summary[summary["ranking"] != OURS]
    assert (rivals["lead_low"] > 0).all(), summary.to_string()
    assert (summary["low"] <= summary["found"]).all() and (summary["found"] <= summary["high"]).all()
    again = backtest_summary(backtest(generated_exposures(20)))
    pd.testing.assert_frame_equal(summary, again)


def test_exposures_of_the_mirror_are_those_of_the_payloads(tmp_path: Path) -> None:
    """The way over the database gives what the payloads say, for an account without odd rows."""
    from testio_analytics.demo.generate import generate_account

    account = generate_account(seed=5, products=2, features=16, tests=14, bugs=90)
    sync_account(account, tmp_path / "mirror.db", streams=["features", "tests", "bugs"])
    found = exposures(ta.load_mirror(tmp_path / "mirror.db"))
    pd.testing.assert_frame_equal(found, exposures_of(account), check_dtype=False)


def test_without_past_tests_the_verdict_says_so(tmp_path: Path) -> None:
    """Nothing to ask is no zero."""
    sync_account(account_of("small"), tmp_path / "mirror.db")
    empty = backtest_summary(backtest(exposures(ta.load_mirror(tmp_path / "mirror.db")), warm_up=500))
    assert empty["found"].isna().all()
    assert backtest_sentence(empty).startswith("There is no past test to use")
