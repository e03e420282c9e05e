"""The demo account as it stood a month earlier, made from today's: what a month in the life of the company changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from testio_analytics.concurrency import gc_paused
from testio_analytics.demo.account import clock
from testio_analytics.demo.account.build import DEMO_NOW
from testio_analytics.demo.account.findings import MATURE_AFTER
from testio_analytics.demo.account.history import LOCKED_FOR
from testio_analytics.demo.account.model import Account, Bug, Cycle, Feature, Payload

EARLIER = DEMO_NOW - timedelta(days=30)
"""When the earlier account stood."""

ORDERED_BEFORE = timedelta(days=14)
"""A test is ordered at most this long before its start, and its draft is not there before."""

UNREADABLE_EARLIER = 707034
"""The test of product 70415 that could not be read then and can be read today: no change of the account."""


class Planted(NamedTuple):
    """One change of the month that is written down here: what changed and how (as the report `changes` says it), and the row.

    `earlier` is what the row had then, where it differs from today.
    """

    what: str
    kind: str
    id: int
    earlier: Any = None


PLANTED = (
    Planted("feature", "added", 310064),
    Planted("feature", "added", 310412),
    Planted("feature", "added", 310431),
    Planted("feature", "renamed", 310361, "Life vest check"),
    Planted("feature", "renamed", 310419, "Department costs"),
    Planted("feature", "renamed", 310450, "Claims form"),
    Planted("feature", "rewritten", 310060, "Check that the cabins with wide doors can be found and booked."),
    Planted("feature", "rewritten", 310432, "Covers the paper level warning on the main deck only."),
    Planted("feature", "moved", 310071, [25618]),
    Planted("feature", "moved", 310422, [70801]),
    Planted("story", "removed", 9_900_001, (310010, "As a guest, I can book a kennel by telephone")),
    Planted("story", "added", 920_236),
    Planted("story", "renamed", 920_231, "As a guest, I can ask for a seat at the window by telephone"),
    Planted("test", "cancelled", 644263, "initialized"),
    Planted("bug", "severity changed", 2902364, "low"),
)
"""What a month changed by the will of people, a row each.

Tests and bugs changed by themselves: `account_at` tells from their times what had happened by then.
"""

FIXED_WITHIN = timedelta(days=60)
"""Some bugs of tests that ended at most this long before are fixed since."""


def account_at(account: Account, instant: datetime) -> Account:
    """Return the account as it stood at an instant, weeks before its own; the account itself is not changed."""
    with gc_paused():
        earlier = account.copy()
        earlier.now = instant
        _add_deleted_features(earlier)
        for product in earlier.products:
            product.cycles = [cycle for cycle in product.cycles if _was_there(cycle, instant)]
            for cycle in product.cycles:
                _turn_back(cycle, instant)
        for planted in PLANTED:
            _take_back(earlier, planted)
    return earlier


def _add_deleted_features(account: Account) -> None:
    """Put the features into the catalogue that only tests still name today."""
    for product in account.products:
        known = {feature.payload["id"] for feature in product.features}
        for copy in (copy for cycle in product.cycles for copy in cycle.payload.get("features") or []):
            if copy.get("feature_id") and copy["feature_id"] not in known:
                known.add(copy["feature_id"])
                texts = {name: copy.get(name) for name in ("title", "description", "howtofind")}
                account.add_feature(product.id, {"id": copy["feature_id"], **texts, "user_stories": []})


def _time(payload: Payload, name: str) -> datetime | None:
    text = payload.get(name)
    return clock.parsed(text) if text else None


def _was_there(cycle: Cycle, instant: datetime) -> bool:
    """Say whether a test was ordered by then; of the drafts without times, those with an even id were."""
    start = _time(cycle.payload, "start_at")
    return cycle.payload["id"] % 2 == 0 if start is None else start - instant <= ORDERED_BEFORE


def _turn_back(cycle: Cycle, instant: datetime) -> None:
    payload = cycle.payload
    start, end = _time(payload, "start_at"), _time(payload, "end_at")
    if start is None or end is None or payload["status"] in {"cancelled", "initialized"}:
        return
    if start > instant:
        _plan(cycle, start)
        return
    if end > instant:
        payload["status"] = "running"
    elif cycle.bugs and payload["status"] == "archived" and instant - end < LOCKED_FOR:
        payload["status"] = "locked"
    cycle.executions = [run for run in cycle.executions if clock.parsed(run.payload["executed_at"]) <= instant]
    cycle.bugs = [bug for bug in cycle.bugs if (_time(bug.payload, "reported_at") or end) <= instant]
    for bug in cycle.bugs:
        _turn_back_bug(bug, end, instant)


def _plan(cycle: Cycle, start: datetime) -> None:
    """Let a test stand before its start: ordered, and of some the review is done."""
    cycle.bugs, cycle.executions = [], []
    cycle.payload["status"] = ("waiting", "customer_finalized", "initialized")[start.day % 3]
    if cycle.payload["status"] != "waiting":
        cycle.payload.update(review_status="not_finalized", reviews=[])


def _turn_back_bug(bug: Bug, end: datetime, instant: datetime) -> None:
    payload = bug.payload
    exported = _time(payload, "exported_at")
    if exported and exported > instant:
        _unexport(bug)
    if payload.get("fixed") and instant - end < FIXED_WITHIN and payload["id"] % 2:
        payload["fixed"] = None
    is_fresh = instant - end < MATURE_AFTER
    if (
        is_fresh
        and payload.get("status") in {"accepted", "rejected"}
        and (payload["auto_accepted"] or payload["id"] % 4)
    ):
        _untriage(bug)


def _untriage(bug: Bug) -> None:
    payload = bug.payload
    if payload["status"] == "rejected":  # the reason is the last comment
        payload["comments"] = payload["comments"][:-1]
    payload.update(status="forwarded", auto_accepted=False, fixed=None)
    _unexport(bug)


def _unexport(bug: Bug) -> None:
    bug.export_status = "not_exported"
    bug.payload.update(exported_at=None, external_idx=None)


def _take_back(account: Account, planted: Planted) -> None:
    """Undo one planted change."""
    match planted.what, planted.kind:
        case "feature", "added":
            account.drop_feature(planted.id)
        case "feature", "renamed":
            account.rename_feature(planted.id, planted.earlier)
        case "feature", "rewritten":
            account.feature(planted.id).payload["description"] = planted.earlier
        case "feature", "moved":
            account.feature(planted.id).section_ids = planted.earlier
        case "story", "removed":
            feature_id, path = planted.earlier
            story = {"id": planted.id, "path": path, "title": path, "feature_id": feature_id}
            account.feature(feature_id).payload["user_stories"].append(story)
        case "story", "added":
            stories = _with_story(account, planted.id).payload["user_stories"]
            stories[:] = [story for story in stories if story["id"] != planted.id]
        case "story", "renamed":
            stories = _with_story(account, planted.id).payload["user_stories"]
            changed = next(story for story in stories if story["id"] == planted.id)
            changed.update(path=planted.earlier, title=planted.earlier)
        case "test", _:
            account.cycle(planted.id).payload["status"] = planted.earlier
        case "bug", _:
            _bug(account, planted.id).payload["severity"] = planted.earlier


def _with_story(account: Account, story_id: int) -> Feature:
    rows = (row for product in account.products for row in product.features)
    return next(row for row in rows if story_id in [story["id"] for story in row.payload.get("user_stories") or []])


def _bug(account: Account, bug_id: int) -> Bug:
    cycles = (cycle for product in account.products for cycle in product.cycles)
    return next(bug for cycle in cycles for bug in cycle.bugs if bug.payload["id"] == bug_id)
