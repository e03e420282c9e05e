"""Features and stories whose text changed after their newest test, from a served account to what the commands print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import testio_analytics as ta
from serving import command, serving
from small_account import small_account
from testio_analytics.demo.account.model import Account, Execution

pytestmark = pytest.mark.slow


def _with_story(account: Account) -> Account:
    """Let one tester of test 1001 have run the story of its feature 102."""
    (cycle, *_), story = account.product(1).cycles, {"id": 1020, "path": "Story 102", "title": "Story 102"}
    (copy,) = cycle.payload["features"]
    copy["user_stories"] = [story | {"feature_id": 102, "user_story_version_id": 5}]
    run = {"id": 1, "status": "passed", "executed_by": "one", "executed_at": cycle.payload["end_at"]}
    of_test = {"device_reports": [], "test_cycle": {"id": 1001, "title": "Test 1001", "test_environment": None}}
    cycle.executions.append(Execution(run | {"comment": None} | of_test, 1020, 5))
    return account


def _changed(account: Account) -> Account:
    """Change feature 102 and its story; spell feature 103 in another way; leave 104 as it is."""
    _, changed, respelled, _ = (feature.payload for feature in account.product(1).features)
    changed["title"], changed["howtofind"] = "Feature 102, new", "<i>Menu</i>"
    changed["user_stories"][0]["path"] = changed["user_stories"][0]["title"] = "Story 102 by ferry"
    respelled["description"] = "About&nbsp;feature\r\n 103 "
    return account


def _show(db: Path, report: str) -> list[dict[str, Any]]:
    done = command("show", report, "--db", str(db), "--product", "1", "--format", "json")
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_what_changed_since_the_test_is_flagged_with_its_words(tmp_path: Path) -> None:
    """In the catalogue, in the counts of coverage, among the stories, and in the reasons for the next test."""
    account, db = _with_story(small_account()), tmp_path / "m.db"
    with serving(account) as address:
        assert command("sync", "--db", str(db), address=address).returncode == 0
        assert not ta.feature_catalog(ta.load_mirror(db))["changed_since_tested"].fillna(False).any()
        _changed(account)
        assert command("sync", "--db", str(db), address=address).returncode == 0

    words = 'title: "102" → "102, new"; directions: added "<i>Menu</i>"'
    catalog = {row["feature_id"]: row for row in _show(db, "feature_catalog")}
    assert {key: (row["changed_since_tested"], row["changed_words"]) for key, row in catalog.items()} == {
        101: (None, None),
        102: (True, words),
        103: (False, None),
        104: (False, None),
    }
    mirror = ta.load_mirror(db, product_id=1)
    total = ta.coverage_by_product(mirror).iloc[0]
    assert (total["changed_since_tested"], total["changed_since_tested_highest"]) == (1, 1)
    whys = ta.next_tests(mirror).set_index("feature_id")["why"]
    assert f"changed since tested ({words})" in whys[102]
    assert not whys.drop(102).str.contains("changed since tested").any()
    stories = ta.story_coverage(mirror).set_index("story_id")
    assert stories["is_old_version"].fillna(False).tolist() == (stories.index == 1020).tolist()
    assert stories.loc[1020, "changed_words"] == 'added "by ferry"'
