"""Bugs, results and executions as rows: where each belongs, and what cannot be stored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile import IDS, JSON, SCALARS
from testio_analytics.mirror import schema
from testio_analytics.mirror.streams.bugs import bug_rows, link_by_results
from testio_analytics.mirror.streams.results import bugs_named, execution_rows, has_plain_stories, result_rows

SCOPE = {10: (1, 100), 11: (1, None), 20: (2, 200)}


def _one(asked: tuple[int, ...] = (1, 2), **bug: Any) -> dict[str, Any]:
    found = bug_rows(5, [{"id": 7, "test": {"id": 1}} | bug], asked=asked, scope=SCOPE)
    (row,) = found.rows.of(schema.BUGS)
    return row


@pytest.mark.parametrize(
    ("bug", "feature", "link"),
    [
        ({"test_feature": {"id": 10}}, 100, "test_feature"),
        ({"test_feature": {"id": 10, "feature_id": 999}}, 100, "test_feature"),  # the test's own list wins
        ({"test_feature": {"id": 11, "feature_id": 300}}, 300, "bug"),
        ({"test_feature": {"id": 99, "feature_id": 300}}, 300, "bug"),
        ({"test_feature": {"id": 99, "feature": {"id": 300}}}, 300, "bug"),
        ({"test_feature": {"id": 20}}, None, "none"),  # of another test
        ({"test_feature": None, "feature": {"id": 100}}, None, "none"),  # may be the id of a test feature
        ({}, None, "none"),
    ],
)
def test_the_feature_is_resolved_in_order(bug: dict[str, Any], feature: int | None, link: str) -> None:
    """testio-api 8.5: by the test's list, then by the bug itself, never by ``bug.feature.id``."""
    row = _one(**bug)
    assert (row["feature_id"], row["feature_link"]) == (feature, link)


def test_results_name_what_the_bug_does_not() -> None:
    """The third way: the bug ids of the test's results; where two features claim a bug, neither gets it."""
    found = bug_rows(5, [{"id": n, "test": {"id": 1}} for n in (7, 8, 9)], asked=[1], scope=SCOPE)
    results = [{"feature_id": 100, "bug_ids": "[7,8]"}, {"feature_id": 200, "bug_ids": "[8]"}]
    before = found.rows.of(schema.BUGS)[0]["content_hash"]
    link_by_results(found.rows, bugs_named(results))
    rows = found.rows.of(schema.BUGS)
    assert [(row["feature_id"], row["feature_link"]) for row in rows] == [
        (100, "results"),
        (None, "none"),
        (None, "none"),
    ]
    assert rows[0]["content_hash"] != before


def test_a_bug_without_test_belongs_to_that_of_its_test_feature() -> None:
    """And is kept without one where that is not known either."""
    assert _one(test=None, test_feature={"id": 20})["test_id"] == 2
    assert _one(test=None)["test_id"] is None


def test_bugs_of_other_tests_are_left_to_those() -> None:
    """They come again when their test is asked for."""
    found = bug_rows(5, [{"id": 7, "test": {"id": 3}}], asked=[1], scope=SCOPE)
    assert not found.rows.of(schema.BUGS) and found.unasked == {3}


@pytest.mark.parametrize(
    ("devices", "rows", "is_sound"),
    [
        (None, 0, True),
        ([], 0, True),
        ([{"operating_system": {"name": "iOS"}}, {"operating_system": {"name": "iOS"}}, {}], 3, True),
        ("Phone", 0, False),
        ([{"id": 1}, "Phone"], 1, False),
    ],
)
def test_devices_are_rows_of_their_own(devices: Any, rows: int, is_sound: bool) -> None:
    """What is none is rejected alone, and the test counts as not fully synced."""
    found = bug_rows(5, [{"id": 7, "test": {"id": 1}, "devices": devices}], asked=[1, 2], scope=SCOPE)
    assert len(found.rows.of(schema.BUG_DEVICES)) == rows
    assert len(found.rows.of(schema.BUGS)) == 1
    assert found.unsound == (set() if is_sound else {1})


def test_the_words_of_a_device_in_both_spellings() -> None:
    """An older description writes ``devices`` for ``device``; browsers are joined."""
    device = {
        "category": {"name": "Phones"},
        "operating_system_version": {"name": "17.4"},
        "devices": {"name": "Phone X"},
        "browsers": [{"name": "Safari"}, {"name": "Chrome"}],
    }
    found = bug_rows(5, [{"id": 7, "test": {"id": 1}, "devices": [device]}], asked=[1], scope=SCOPE)
    (row,) = found.rows.of(schema.BUG_DEVICES)
    assert (row["category"], row["os_version"], row["device"], row["browsers"]) == (
        "Phones",
        "17.4",
        "Phone X",
        "Safari, Chrome",
    )


def test_a_bad_bug_is_rejected_alone() -> None:
    """Its test is read again next time; without a test, all that were asked for are."""
    found = bug_rows(5, [{"id": None, "test": {"id": 1}}, {"id": 8, "test": {"id": 2}}], asked=[1, 2], scope=SCOPE)
    assert [row["id"] for row in found.rows.of(schema.BUGS)] == [8]
    assert found.rows.rejections[0].reason == "id is missing" and found.unsound == {1}
    assert bug_rows(5, [{"id": None}], asked=[1, 2], scope=SCOPE).unsound == {1, 2}


BUGS = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"id": IDS},
        optional={
            **dict.fromkeys(("title", "severity", "status", "auto_accepted", "known", "reported_at"), SCALARS),
            "test": st.one_of(st.none(), st.fixed_dictionaries({"id": IDS})),
            "test_feature": st.one_of(st.none(), JSON, st.fixed_dictionaries({"id": IDS, "feature_id": IDS})),
            "devices": st.one_of(JSON, st.lists(JSON, max_size=3)),
        },
    ),
)


@given(st.lists(BUGS, max_size=4))
def test_whatever_comes_is_a_row_a_rejection_or_of_another_test(bugs: list[Any]) -> None:
    """Nothing is lost without a word, and nothing crashes."""
    found = bug_rows(5, bugs, asked=[1, 2, 3], scope=SCOPE)
    rejected = [rejection for rejection in found.rows.rejections if rejection.table == "bugs"]
    assert len(found.rows.of(schema.BUGS)) + len(rejected) <= len(bugs)
    assert len(found.rows.of(schema.BUGS)) + len(rejected) > 0 or not bugs or found.unasked
    assert all(row["feature_link"] == "none" or row["feature_id"] for row in found.rows.of(schema.BUGS))


def test_results_of_features_and_stories() -> None:
    """One row per test feature, one per story in it; what has no id is rejected alone."""
    story = {
        "id": 9,
        "path": "As a passenger …",
        "execution_status": "failed",
        "user_story_version_id": 4,
        "feature_id": 100,
    }
    feature = {
        "id": 10,
        "feature_id": 100,
        "execution_status": "failed",
        "bug_ids": [3, "4", None],
        "user_stories": [story, {}],
    }
    rows = result_rows(5, 1, {"features": [feature, {"feature_id": 3}]})
    (result,) = rows.of(schema.TEST_FEATURE_RESULTS)
    (told,) = rows.of(schema.TEST_USER_STORIES)
    assert (result["execution_status"], result["bug_ids"], result["test_id"]) == ("failed", "[3,4]", 1)
    assert (told["user_story_id"], told["execution_status"], told["user_story_version_id"]) == (9, "failed", 4)
    assert [rejection.reason for rejection in rows.rejections] == ["in test 1: id is missing"] * 2
    assert has_plain_stories({"features": [{"user_stories": ["As a passenger …"]}]})
    assert not has_plain_stories({"features": [feature]})


@given(JSON)
def test_details_of_any_shape_do_not_crash(features: Any) -> None:
    """Whatever stands where the features should be."""
    rows = result_rows(5, 1, {"features": features})
    assert all(row["test_id"] == 1 for row in rows.of(schema.TEST_FEATURE_RESULTS))


def test_executions_belong_to_the_story_that_was_asked_for() -> None:
    """The rows do not name it; the devices of a run are joined."""
    reports = [{"operating_system": {"name": "iOS"}}, {"operating_system": {"name": "Android"}}]
    runs = [
        {"id": 3, "status": "passed", "executed_at": "2026-06-01T10:00:00Z", "device_reports": reports},
        {"id": None},
    ]
    rows = execution_rows(5, 9, 4, 1, runs)
    (row,) = rows.of(schema.EXECUTIONS)
    assert (row["user_story_id"], row["user_story_version_id"], row["test_id"]) == (9, 4, 1)
    assert row["operating_system"] == "iOS, Android"
    assert len(rows.rejections) == 1
