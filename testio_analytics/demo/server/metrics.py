"""The execution metrics of a test's detail answer, computed by the documented rules (testio-api.md, 7.6 and 7.8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from testio_analytics.demo.account.model import Bug, Cycle, Execution, Payload

COUNTED = frozenset({"passed", "failed", "blocked"})
"""Execution statuses that count; pending and cancelled ones are as good as non-existent (testio-api.md, 7.8)."""


def with_metrics(cycle: Cycle) -> Payload:
    """Return the test's payload with ``analytics`` and the metrics of its features and stories added."""
    runs = [run for run in cycle.executions if run.payload["status"] in COUNTED]
    rows = cycle.payload.get("features")
    measured = [_measured_feature(row, cycle.bugs, runs) for row in rows] if isinstance(rows, list) else []
    shown = {"features": measured} if isinstance(rows, list) else {}
    return {**cycle.payload, **shown, "analytics": analytics(measured, cycle.bugs, runs)}


def status_of(statuses: Iterable[str], has_bug: bool) -> str:
    """Return the status of a story from those of its runs, or of a test feature from those of its stories.

    A bug or ``failed`` comes before ``blocked``, that before ``passed``, that before ``not_tested``, so that a feature
    without stories is only ``not_tested`` or ``failed`` (testio-api.md, 7.8).
    """
    found = {"failed"} if has_bug else set(statuses)
    return next((status for status in ("failed", "blocked", "passed") if status in found), "not_tested")


def _measured_feature(row: Any, bugs: list[Bug], runs: list[Execution]) -> Any:
    if not isinstance(row, dict):
        return row
    mine = [bug for bug in bugs if bug.test_feature_id is not None and bug.test_feature_id == row.get("id")]
    stories = row.get("user_stories")
    measured = [_measured_story(story, mine, runs) for story in stories or [] if isinstance(story, dict)]
    versions = {story.get("user_story_version_id") for story in measured}
    testers = {run.payload["executed_by"] for run in runs if run.version_id in versions}
    return {
        **row,
        "user_stories": stories if stories is None else measured,
        "execution_status": status_of((story["execution_status"] for story in measured), bool(mine)),
        "tester_count": len(testers | _authors(mine)),
        "bugs_found": len(mine),
        "bug_ids": [bug.payload["id"] for bug in mine],
    }


def _measured_story(story: Payload, bugs: list[Bug], runs: list[Execution]) -> Payload:
    mine = [run for run in runs if run.version_id == story.get("user_story_version_id")]
    linked = [bug for bug in bugs if story["id"] in bug.story_ids]
    return {
        **story,
        "execution_status": status_of((run.payload["status"] for run in mine), bool(linked)),
        "tested_by_count": len({run.payload["executed_by"] for run in mine}),
        "bugs_found": len(linked),
        "bug_ids": [bug.payload["id"] for bug in linked],
    }


def _authors(bugs: list[Bug]) -> set[str]:
    return {author["name"] for bug in bugs if (author := bug.payload.get("author"))}


def analytics(features: list[Any], bugs: list[Bug], runs: list[Execution]) -> Payload:
    """Return the ``analytics`` object of a test from its measured features."""
    rows = [row for row in features if isinstance(row, dict)]
    stories = [story for row in rows for story in row["user_stories"] or []]
    run_versions = {run.version_id for run in runs}
    tested_stories = [story for story in stories if story.get("user_story_version_id") in run_versions]
    tested = [row for row in rows if row["bugs_found"] or _has_tested_story(row, run_versions)]
    by_feature = Counter(row["execution_status"] for row in tested)
    by_story = Counter(story["execution_status"] for story in tested_stories)
    return {
        "testers_count": len({run.payload["executed_by"] for run in runs} | _authors(bugs)),
        "devices_count": len(set(_devices(bugs, runs))),
        "total_features": len(rows),
        "tested_features": len(tested),
        "passed_features": by_feature["passed"],
        "failed_features": by_feature["failed"],
        "total_user_stories": len(stories),
        "tested_user_stories": len(tested_stories),
        "passed_user_stories": by_story["passed"],
        "failed_user_stories": by_story["failed"],
        "blocked_user_stories": by_story["blocked"],
        "total_bugs": len(bugs),
    }


def _has_tested_story(row: Payload, run_versions: set[int]) -> bool:
    return any(story.get("user_story_version_id") in run_versions for story in row["user_stories"] or [])


def _devices(bugs: list[Bug], runs: list[Execution]) -> Iterable[int]:
    for bug in bugs:
        yield from (report["id"] for report in bug.payload.get("devices") or [])
    for run in runs:
        yield from (report["id"] for report in run.payload["device_reports"])
