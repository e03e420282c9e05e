"""Bugs by kind of test, devices asked for and seen, and the way from story to key, counted again over the payloads."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from payloads import dated_tests, executed_tests, payloads, test_of
from shared_demo import generated_mirror
from testio_analytics.errors import UnknownValueError

FIELDS = {"testing_type": "testing_type", "environment": "test_environment", "language": "report_language"}


@pytest.fixture(scope="module", params=["demo", "small", "many products"])
def db(request: pytest.FixtureRequest, faultless_db_path: Path) -> Path:
    """Return the file of the demo account, and of two generated ones."""
    return faultless_db_path if request.param == "demo" else generated_mirror(request.param)


@pytest.fixture(scope="module")
def mirror(db: Path) -> ta.Mirror:
    """Return its tables."""
    return ta.load_mirror(db)


def valid_bugs(db: Path) -> list[dict[str, Any]]:
    """Return the bugs of whatever test that were not rejected, as the payloads say; those of later tests are out."""
    known = {int(test["id"]) for test in payloads(db, "tests")}
    late = known - {*dated_tests(db)}
    undated = {int(t["id"]) for t in payloads(db, "tests") if not t.get("end_at") and not t.get("start_at")}
    return [
        bug
        for bug in payloads(db, "bugs")
        if bug.get("status") not in ("rejected", None) and test_of(bug, db) not in late - undated
    ]


def value_of(test: dict[str, Any] | None, by: str) -> str:
    """Return what a test says of its kind, environment or language."""
    if test is None:
        return "(no test named)"
    found = test.get(FIELDS[by])
    if by == "environment":
        found = (found or {}).get("title")
    if by == "testing_type" and found is None and by in test:
        return "(test-case run)"
    return found or "(not said)"


@pytest.mark.parametrize("by", FIELDS)
def test_bugs_by_test_kind(db: Path, mirror: ta.Mirror, by: str) -> None:
    """Each bug and each test stands in one row, and the rows of a product add up to its valid bugs."""
    tests = {int(test["id"]): test for test in payloads(db, "tests")}
    bugs, ran = defaultdict[Any, set[int]](set), defaultdict[Any, set[int]](set)
    of_executed = defaultdict[Any, int](int)
    for bug in valid_bugs(db):
        key = bug["of_product"], value_of(tests.get(test_of(bug, db) or 0), by)
        bugs[key].add(bug["id"])
        of_executed[key] += test_of(bug, db) in executed_tests(db)
    for test_id, (test, _) in executed_tests(db).items():
        ran[test["of_product"], value_of(test, by)].add(test_id)
    frame = ta.bugs_by_test_kind(mirror, by=by)  # type: ignore[arg-type]

    rows = frame.set_index(["product_id", "value"])
    assert {*rows.index} == {*bugs, *ran}
    for place, row in rows.iterrows():
        assert (row["bugs"], row["tests"]) == (len(bugs[place]), len(ran[place])), place
        if ran[place]:
            assert row["bugs_per_test"] == pytest.approx(of_executed[place] / len(ran[place]))
            assert pd.isna(row["raw_low"]) or row["raw_low"] <= row["bugs_per_test"] <= row["raw_high"]
        else:
            assert pd.isna(row["bugs_per_test"])
    totals = ta.bugs_by_product(mirror).set_index("product_id")["bugs"]
    sums = frame.groupby("product_id")["bugs"].sum()
    assert (sums == totals[sums.index]).all() and totals.sum() == sums.sum() > 0


def asked_for(test: dict[str, Any], part: str) -> set[str]:
    """Return the values that a test asks for."""
    requirements = test.get("requirements")
    if requirements is None:
        return {"(not said)"}
    found = {"(any)"} if not requirements else set()
    for one in requirements:
        if not any(one.get(name) for name in ("category", "vendor", "operating_system", "devices", "browsers")):
            found.add("(not said)")
        else:
            found |= names(one.get({"device": "devices"}.get(part, part))) or {"(any)"}
    return found


def names(value: Any) -> set[str]:
    """Return the names of one object or of several."""
    rows = value if isinstance(value, list) else [value] if value else []
    return {row["name"] for row in rows}


@pytest.mark.parametrize("part", ["operating_system", "category", "browsers", "vendor", "device"])
def test_coverage_by_device(db: Path, mirror: ta.Mirror, part: str) -> None:
    """What tests ask for, and on what bugs were seen; a bug that was seen on two values counts in both rows."""
    tests, bugs, asked = (defaultdict[Any, set[int]](set) for _ in range(3))
    ran = {key: test for key, (test, _) in executed_tests(db).items()}
    for key, test in ran.items():
        for value in asked_for(test, part):
            tests[test["of_product"], value].add(key)
    for bug in valid_bugs(db):
        seen = {name for one in bug.get("devices") or [] for name in names(one.get(part))} or {"(no device named)"}
        for value in seen:
            bugs[bug["of_product"], value].add(bug["id"])
            if value in asked_for(ran.get(test_of(bug, db) or 0, {"requirements": []}), part):
                asked[bug["of_product"], value].add(bug["id"])
    frame = ta.coverage_by_device(mirror, by=part).set_index(["product_id", "value"])

    assert {*frame.index} == {*tests, *bugs}
    for place, row in frame.iterrows():
        counts = (len(tests[place]), len(bugs[place]), len(asked[place]))
        assert (row["tests"], row["bugs"], row["bugs_asked"]) == counts, place
    seen_on = ta.bugs_by_device(mirror, by=part)
    if part in ("operating_system", "category", "vendor"):
        of_bugs = seen_on.set_index(["product_id", "value"])["bugs"]
        assert (frame["bugs"].loc[of_bugs.index] == of_bugs).all()


@pytest.mark.parametrize(("report", "by"), [("bugs_by_test_kind", "device"), ("coverage_by_device", "os_version")])
def test_an_unknown_slice_is_refused(mirror: ta.Mirror, report: str, by: str) -> None:
    """The message names those that there are."""
    with pytest.raises(UnknownValueError, match=r"must be one of: .*(language|browsers)"):
        getattr(ta, report)(mirror, by=by)


def test_traceability(db: Path, mirror: ta.Mirror) -> None:
    """Every active story, with every executed test whose results list it: the result, its bugs and their keys."""
    ran, bugs = executed_tests(db), {bug["id"]: bug for bug in valid_bugs(db)}
    results = defaultdict[Any, list[dict[str, Any]]](list)
    for result in payloads(db, "test_user_stories"):
        if result["of_test"] in ran:
            results[result["id"], result["of_test"]].append(result)
    stories = {row["id"] for row in payloads(db, "user_stories")}
    listed = {story for story, _ in results}
    frame = ta.traceability(mirror)

    pairs = frame[frame["test_id"].notna()].set_index(["story_id", "test_id"])
    assert {*pairs.index} == {pair for pair in results if pair[0] in stories} and pairs.index.is_unique
    without = frame[frame["test_id"].isna()]
    assert {*without["story_id"]} == stories - listed and without["story_id"].is_unique and len(without)
    assert without[["test", "status", "bugs", "external_idx", "is_newest"]].isna().all().all()
    order = ["failed", "blocked", "passed", "not_tested"]
    for pair, row in pairs.iterrows():
        said = [one["execution_status"] for one in results[pair]]
        by_bug_alone = any(
            s == "failed" and one["tested_by_count"] == 0 for s, one in zip(said, results[pair], strict=True)
        )
        if not by_bug_alone and {*said} <= {*order}:
            assert row["status"] == min(said, key=order.index)
        named = {key for one in results[pair] for key in one.get("bug_ids") or []}
        keys = [bugs[key]["external_idx"] for key in sorted(named & {*bugs}) if bugs[key].get("external_idx")]
        if named:
            assert row["bugs"] == len(named & {*bugs})
        assert (None if pd.isna(row["external_idx"]) else row["external_idx"].split(", ")) == (keys or None)
    newest = pairs[pairs["is_newest"].astype(bool)]
    assert newest.index.get_level_values("story_id").is_unique
    states = ta.story_coverage(mirror).set_index("story_id")["test_id"].dropna()
    assert {*zip(states.index, states, strict=True)} == {*newest.index}


def test_rows_of_a_story_stand_together_the_newest_test_first(mirror: ta.Mirror) -> None:
    """By product, feature and story; a story without test has one row."""
    frame = ta.traceability(mirror)
    story, at = frame["story_id"], frame["at"]
    is_same = story == story.shift()
    assert (~is_same.fillna(False)).sum() == story.nunique()
    assert not (is_same & (at > at.shift())).any() and not (is_same & frame["test_id"].isna()).any()
    assert frame["product"].is_monotonic_increasing
