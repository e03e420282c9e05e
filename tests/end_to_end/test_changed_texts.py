"""Features and stories whose text changed after their newest test, from a served account to what the commands print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving import command, serving
from small_account import small_account
from testio_analytics.demo.account.model import Account

pytestmark = pytest.mark.slow


def _with_story(account: Account) -> Account:
    """Let test 1001 have run the story of its feature 102."""
    (copy,) = account.product(1).cycles[0].payload["features"]
    story = {"id": 1020, "path": "Story 102", "title": "Story 102", "feature_id": 102, "user_story_version_id": 5}
    result = {"execution_status": "passed", "tested_by_count": 1, "bugs_found": 0}
    copy["user_stories"] = [story | result]
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
        assert {row["changed_since_tested"] for row in _show(db, "feature_catalog")} == {None, False}
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
    (total,) = _show(db, "coverage_by_product")
    assert (total["changed_since_tested"], total["changed_since_tested_highest"]) == (1, 1)
    whys = {row["feature_id"]: row["why"] for row in _show(db, "next_tests")}
    assert f"changed since tested ({words})" in whys[102]
    assert not any("changed since tested" in why for key, why in whys.items() if key != 102)
    stories = {row["story_id"]: (row["is_old_version"], row["changed_words"]) for row in _show(db, "story_coverage")}
    assert stories[1020] == (True, 'added "by ferry"')
