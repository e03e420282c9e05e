"""The odd shapes of bugs (testio-api.md, 8.2 to 8.7), placed into the demo account one by one."""

from __future__ import annotations

from collections.abc import Callable

from testio_analytics.demo.account import clock
from testio_analytics.demo.account.catalogue import Ids
from testio_analytics.demo.account.model import Account, Bug, Cycle, Payload
from testio_analytics.demo.account.planted import PROSE_WITH_LOGIN

UNKNOWN_SEVERITY = "cosmetic"
UNKNOWN_BUG_STATUS = "under_discussion"

Change = Callable[[Bug], None]


def apply(account: Account, ids: Ids) -> None:
    """Change one ordinary bug after the other, in place."""
    ordinary = [
        (cycle, bug)
        for product in account.products[:2]
        for cycle in product.cycles
        for bug in cycle.bugs
        if cycle.payload["status"] == "archived" and bug.payload["severity"] not in {"critical", "custom"}
    ]
    spread = ordinary[5::9]
    for (_, bug), change in zip(spread, CHANGES, strict=False):
        change(bug)
    _embed_environments(spread[len(CHANGES) : len(CHANGES) + 4])
    _moved_test_feature(spread[len(CHANGES) + 4][1], ids)
    _three_devices(spread[len(CHANGES) + 5][1], ids)
    _nested_test_features(account)


def _set(**values: object) -> Change:
    return lambda bug: bug.payload.update(values)


def _drop(*keys: str) -> Change:
    def change(bug: Bug) -> None:
        for key in keys:
            del bug.payload[key]

    return change


def _steps_as_text(bug: Bug) -> None:
    # The official sample shows one string, live data had arrays.
    bug.payload["steps"] = "\n".join(bug.payload["steps"] or [])


def _not_attributable(bug: Bug) -> None:
    bug.payload["test_feature"], bug.test_feature_id, bug.story_ids = None, None, []


def _known_to_detail_only(bug: Bug) -> None:
    # Only the detail's bug_ids still say where it belongs (testio-api.md, 8.5, third way).
    bug.payload["test_feature"] = None


def _without_feature_id(bug: Bug) -> None:
    bug.payload["test_feature"] = {"id": bug.payload["test_feature"]["id"]}


def _one_id_three_names(bug: Bug) -> None:
    # All three carry the test-feature id: bug.feature.id is not a catalogue id (testio-api.md, 8.5).
    test_feature_id = bug.payload["test_feature"]["id"]
    bug.payload["feature"] = {"id": test_feature_id}
    bug.payload["app_section"] = {"id": test_feature_id, "title": "Area", "description": None, "location": None}
    bug.payload["test_feature"] = {"id": test_feature_id}


def _old_device_key(bug: Bug) -> None:
    for report in bug.payload["devices"]:
        report["devices"] = report.pop("device")


def _spare_device(bug: Bug) -> None:
    for report in bug.payload["devices"]:
        report.update(category=None, vendor=None, operating_system_version=None, device=None, browsers=None)


def _utc_time(bug: Bug) -> None:
    bug.payload["reported_at"] = clock.zulu_text(clock.parsed(bug.payload["reported_at"]))


def _login_in_comment(bug: Bug) -> None:
    author = {"name": "Maren Sollund"}
    row = {"id": 1, "body": PROSE_WITH_LOGIN, "author": author, "created_at": bug.payload["reported_at"]}
    bug.payload["comments"] = [row]


def _rejected(comments: list[Payload] | None) -> Change:
    return _set(status="rejected", auto_accepted=False, comments=comments)


CHANGES: tuple[Change, ...] = (
    _set(status="accepted", auto_accepted=None),
    _drop("auto_accepted"),
    _set(known=None),
    _drop("known"),
    _drop("fixed"),
    _set(known=True, status="rejected", auto_accepted=False),
    _set(status=None, auto_accepted=None),
    _drop("status"),
    _set(status=UNKNOWN_BUG_STATUS, auto_accepted=False),
    _set(severity=UNKNOWN_SEVERITY),
    _set(severity=UNKNOWN_SEVERITY),
    _set(severity=None),
    _set(severity="spelling"),
    _steps_as_text,
    _steps_as_text,
    _set(steps=None),
    _set(language=None, location=None, expected_result=None, actual_result=None),
    _set(author=None),
    _set(reported_at=None),
    _utc_time,
    _not_attributable,
    _not_attributable,
    _not_attributable,
    _known_to_detail_only,
    _known_to_detail_only,
    _without_feature_id,
    _one_id_three_names,
    _old_device_key,
    _spare_device,
    _set(devices=None),
    _set(devices=[]),
    _drop("attachments"),
    _drop("comments"),
    _set(comments=None),
    _rejected(None),
    _rejected([]),
    _login_in_comment,
    _login_in_comment,
    _set(actual_result=PROSE_WITH_LOGIN),
    _set(steps=["Open the start page", PROSE_WITH_LOGIN]),
    _set(reproductions=[{"id": 5, "device": "Orchard Pad", "positive": True, "author": {"name": "salt_gull"}}]),
    _set(product={"id": 18559, "name": "Skerry Lines Platform", "sections": []}, section={"id": 19013, "name": "Web"}),
    _set(test=None),
)


def _embed_environments(rows: list[tuple[Cycle, Bug]]) -> None:
    for cycle, bug in rows:
        bug.payload["test_environment"] = cycle.payload["test_environment"]


def _moved_test_feature(bug: Bug, ids: Ids) -> None:
    # The test's feature list was edited after the report: only test_feature.feature_id still helps.
    bug.payload["test_feature"] = {**bug.payload["test_feature"], "id": next(ids.test_feature)}
    bug.test_feature_id, bug.story_ids = None, []


def _three_devices(bug: Bug, ids: Ids) -> None:
    first = bug.payload["devices"][0]
    bug.payload["devices"] = [{**first, "id": next(ids.device)} for _ in range(3)]


def _nested_test_features(account: Account) -> None:
    # One reader of the real API found the catalogue id one level deeper (testio-api.md, 8.5).
    for cycle in account.products[3].cycles[:3]:
        for bug in cycle.bugs:
            link = bug.payload["test_feature"]
            bug.payload["test_feature"] = {"id": link["id"], "feature": {"id": link["feature_id"]}}
