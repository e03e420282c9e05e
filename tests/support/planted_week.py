"""A small account in two states a week apart: changes of every kind and three gaps, and the list of both.

Product 1 has the changes, product 5 a feature that moves; each of the products 2, 3 and 4 has one gap and no change.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from small_account import feature_payload, locked_test, small_product
from syncing import NOW, sync_account
from testio_analytics.demo.account.model import Account, Bug, Cycle, Execution
from testio_analytics.demo.server.faults import Faults

WEEK_BEFORE = NOW - timedelta(days=7)

PLANTED = frozenset(
    {
        ("feature", "added", 190),
        ("feature", "removed", 104),
        ("feature", "renamed", 101),
        ("feature", "rewritten", 102),
        ("feature", "moved", 502),
        ("feature", "newly stale", 106),
        ("feature", "newly stale", 109),
        ("feature", "newly tested", 107),
        ("feature", "newly scheduled", 108),
        ("feature", "newly untested", 110),
        ("story", "added", 1051),
        ("story", "removed", 1052),
        ("story", "rewritten", 1030),
        ("story", "failed", 1110),
        ("story", "passed", 1120),
        ("test", "ordered", 1208),
        ("test", "started", 1209),
        ("test", "ended", 1207),
        ("test", "cancelled", 1210),
        ("test", "cancelled", 1301),
        ("bug", "reported", 12051),
        ("bug", "new critical", 12052),
        ("bug", "triaged", 12053),
        ("bug", "triaged", 12054),
        ("bug", "fixed", 12055),
        ("bug", "exported", 12056),
        ("bug", "severity changed", 12057),
    }
)
"""What changed: what, how, and the id of the row."""

BY_TIME = frozenset({106})
"""The features whose state changed because time passed; all other changes are events."""

GAPS = frozenset(
    {("features", 2, "not known any more"), ("tests", 3, "became readable"), ("bugs", 4, "not known any more")}
)
"""What can be read differently: the stream, the product, and how."""

FAULTS_BEFORE = Faults(poisoned_tests=frozenset({3001}))
FAULTS_NOW = Faults(failing_sections=frozenset({202}), bugs_limit=20)
"""A section fails, and of one test with more bugs than an answer holds not all can be read."""


def sync_week(db: Path) -> None:
    """Sync both states into one file, in two runs."""
    sync_account(account_before(), db, faults=FAULTS_BEFORE, now=WEEK_BEFORE)
    sync_account(account_now(), db, faults=FAULTS_NOW, now=NOW)


def account_before() -> Account:
    """Return the account a week ago."""
    account = Account(WEEK_BEFORE, [small_product(1, [], 0, 14)])
    account.products += [small_product(2, [201, 202], 0, 2), small_product(3, [], 1, 2)]
    account.products += [small_product(4, [], 0, 2), small_product(5, [501, 502], 0, 2)]
    account.product(2).features[0].section_ids, account.product(2).features[1].section_ids = [201], [202]
    account.feature(502).section_ids = [501]
    stories = account.feature(105).payload["user_stories"]
    stories.append({**stories[0], "id": 1052, "path": "Story 1052", "title": "Story 1052"})
    account.product(1).cycles = [
        _test(1106, "archived", 183, 106),
        _test(1300, "archived", 200, 109),
        _test(1301, "running", -1, 109),
        _test(1205, "locked", 10, 113),
        _runs(_test(1207, "running", 1, 111, 112), {1110: "passed", 1120: "failed"}),
        _test(1209, "waiting", -1, 107),
        _test(1210, "waiting", -20, 110),
    ]
    account.cycle(1205).bugs = [
        _bug(12053),
        _bug(12054),
        *(_bug(bug, status="accepted") for bug in (12055, 12056, 12057)),
    ]
    many = locked_test(4, 10, 2)
    many.bugs = [Bug(many.bugs[0].payload | {"id": 40000 + n}, many.bugs[0].test_feature_id) for n in range(20)]
    account.product(4).cycles = [many]
    return account


def account_now() -> Account:
    """Return the account a week later."""
    account = account_before()
    account.now = NOW
    _change_catalogue(account)
    for test_id, status in ((1301, "cancelled"), (1210, "cancelled"), (1209, "running"), (1207, "locked")):
        account.cycle(test_id).payload["status"] = status
    _runs(account.cycle(1207), {1110: "failed", 1120: "passed"})
    account.product(1).cycles.append(_test(1208, "waiting", -20, 108))
    _change_bugs(account)
    return account


def _change_catalogue(account: Account) -> None:
    account.add_feature(1, feature_payload(190))
    account.drop_feature(104)
    account.rename_feature(101, "Another title")
    account.feature(102).payload["description"] = "Another description"
    account.feature(502).section_ids = [502]
    account.feature(103).payload["user_stories"][0].update(path="Another sentence", title="Another sentence")
    account.feature(105).payload["user_stories"][1].update(id=1051, path="Story 1051", title="Story 1051")


def _change_bugs(account: Account) -> None:
    bugs = {bug.payload["id"]: bug.payload for bug in account.cycle(1205).bugs}
    bugs[12053]["status"], bugs[12054]["status"] = "accepted", "rejected"
    bugs[12055]["fixed"] = True
    bugs[12056]["exported_at"] = NOW.isoformat()
    bugs[12057]["severity"] = "high"
    account.cycle(1205).bugs += [_bug(12051), _bug(12052, severity="critical")]
    more = account.product(4).cycles[0].bugs
    more += [Bug(more[0].payload | {"id": 41000 + n}, more[0].test_feature_id) for n in range(3)]


def _day(days_ago: float) -> datetime:
    return NOW - timedelta(days=days_ago)


def _test(test_id: int, status: str, ended: float, *feature_ids: int) -> Cycle:
    """Return a test of product 1 that ended so many days before `NOW`, and has no bugs."""
    cycle = locked_test(1, 1, id=test_id, title=f"Test {test_id}", test_title=f"Test {test_id}", status=status)
    long = 12 if status == "running" else 1
    cycle.payload.update(start_at=_day(ended + long).isoformat(), end_at=_day(ended).isoformat())
    (copy,) = cycle.payload["features"]
    cycle.payload["features"] = [_copy(copy, test_id, place, number) for place, number in enumerate(feature_ids)]
    cycle.bugs = []
    return cycle


def _copy(copy: dict[str, Any], test_id: int, place: int, feature_id: int) -> dict[str, Any]:
    catalogue = feature_payload(feature_id)
    texts = {name: catalogue[name] for name in ("title", "description", "howtofind")}
    return copy | texts | {"id": 10 * test_id + place, "feature_id": feature_id, "user_stories": []}


def _runs(cycle: Cycle, statuses: dict[int, str]) -> Cycle:
    """Give each story of a test one execution of this status."""
    cycle.executions = []
    for row, (story_id, status) in zip(cycle.payload["features"], statuses.items(), strict=True):
        (story,) = feature_payload(row["feature_id"])["user_stories"]
        row["user_stories"] = [story | {"user_story_version_id": 10 * story_id}]
        payload = {
            "id": 100 * story_id,
            "status": status,
            "comment": None,
            "executed_by": "quiet_heron",
            "executed_at": _day(8).isoformat(),
            "device_reports": [],
            "test_cycle": {"id": cycle.payload["id"], "title": cycle.payload["title"], "test_environment": None},
        }
        cycle.executions.append(Execution(payload, story_id, 10 * story_id))
    return cycle


def _bug(bug_id: int, **changes: Any) -> Bug:
    payload = locked_test(1, 205).bugs[0].payload
    fields = {"id": bug_id, "title": f"Bug {bug_id}", "severity": "low", "status": "forwarded", "fixed": False}
    feature = {"id": 12050, "feature_id": 113}
    return Bug({**payload, **fields, "exported_at": None, "test_feature": feature, **changes}, 12050)
