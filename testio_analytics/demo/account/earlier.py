"""The demo account as it was at an earlier instant, so that there is something to compare today with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from testio_analytics.demo.account.clock import parsed
from testio_analytics.demo.account.history import LOCKED_FOR
from testio_analytics.demo.account.model import Account, Bug, Cycle, Feature, Product

ORDERED_AHEAD = timedelta(days=14)
"""How long before its start a test is ordered."""

UNDECIDED_FOR = timedelta(days=10)
"""How long after a test every second of its bugs waited for the customer."""

NEW_FEATURES, RENAMED, REWRITTEN, MOVED = 5, 4, 3, 2
"""How many features were created, renamed, described anew and moved since."""

DELETED_STORIES = ("The offer of last summer", "The paper timetable")
"""What the stories were called that were deleted since."""

OF_PRODUCT = 18559
"""The product in which all of these are, but for the new features."""

STORY_IDS = 9_900_001
"""The first id of the stories that were deleted since."""


def account_at(account: Account, instant: datetime) -> Account:
    """Return a copy of the account as it was then: the same company, a few weeks younger.

    Tests that began later were ordered at most, those that were under way were running; bugs reported later are not
    there, those reported shortly before were not decided yet, and what was exported later was not. The catalogue lacks
    what was created since and has what was deleted since (see `planted`).
    """
    earlier = account.copy()
    earlier.now = instant
    for product in earlier.products:
        _with_deleted_features(product)
        product.cycles = [cycle for cycle in product.cycles if _set_back(cycle, instant)]
    _with_old_catalogue(earlier, planted(account))
    return earlier


def _with_deleted_features(product: Product) -> None:
    """Add the features that only tests still name to the catalogue."""
    known = {feature.payload["id"] for feature in product.features}
    for copy in (copy for cycle in product.cycles for copy in cycle.payload.get("features") or []):
        if copy.get("feature_id") and copy["feature_id"] not in known:
            known.add(copy["feature_id"])
            texts = {name: copy.get(name) for name in ("title", "description", "howtofind")}
            payload = {"id": copy["feature_id"], **texts, "user_stories": []}
            product.features.append(Feature(payload, product.section_ids[:1]))


# -- tests and bugs -----------------------------------------------------------------------------------------------------


def _set_back(cycle: Cycle, instant: datetime) -> bool:
    """Make a test what it was at the instant, and return whether it was there at all."""
    payload = cycle.payload
    if not payload.get("start_at"):
        return True  # a draft
    start, end = (parsed(payload[name]) if payload.get(name) else None for name in ("start_at", "end_at"))
    if start is not None and start > instant:
        payload |= {"status": "customer_finalized", "review_status": "not_finalized", "reviews": []}
        cycle.bugs, cycle.executions = [], []
        return start - instant <= ORDERED_AHEAD
    cycle.bugs = [bug for bug in cycle.bugs if not _is_later(bug.payload.get("reported_at"), instant)]
    cycle.executions = [run for run in cycle.executions if not _is_later(run.payload.get("executed_at"), instant)]
    if end is not None and end > instant:
        payload["status"] = "running"
    elif end is not None and payload["status"] in {"locked", "archived"}:
        payload["status"] = "locked" if cycle.bugs and instant - end < LOCKED_FOR else "archived"
    for bug in cycle.bugs:
        _decide_later(bug, is_fresh=end is None or instant - end < UNDECIDED_FOR, instant=instant)
    return True


def _decide_later(bug: Bug, *, is_fresh: bool, instant: datetime) -> None:
    """Take back what was decided about a bug after the instant: by its id, so that it is the same each time."""
    if is_fresh and bug.payload["id"] % 2:
        bug.payload |= {"status": "forwarded", "auto_accepted": False}
        bug.payload |= {"exported_at": None, "external_idx": None, "fixed": None}
        bug.export_status = "not_exported"
    elif _is_later(bug.payload.get("exported_at"), instant):
        bug.payload |= {"exported_at": None, "external_idx": None}
        bug.export_status = "not_exported"


def _is_later(text: str | None, instant: datetime) -> bool:
    return bool(text) and parsed(str(text)) > instant


# -- the catalogue ------------------------------------------------------------------------------------------------------


def planted(account: Account) -> dict[str, list[int]]:
    """Return the ids of what changed in the catalogue since then, by kind, in the account of today.

    Kinds: created, renamed, rewritten, moved (features), and deleted stories.
    """
    product = account.product(OF_PRODUCT)
    named = {key for one in account.products for cycle in one.cycles for key in _named(cycle)}
    rows = [feature.payload for one in account.products for feature in one.features if _is_sound(feature)]
    created = [row["id"] for row in rows if row["id"] not in named][-NEW_FEATURES:]
    old = [feature for feature in product.features if _is_sound(feature) and feature.payload["id"] not in created]
    described = [feature for feature in old if feature.payload.get("description")]
    single = [feature for feature in old if len(feature.section_ids) == 1]
    picked = {
        "renamed": old[10 : 10 + RENAMED],
        "rewritten": described[40 : 40 + REWRITTEN],
        "moved": single[80 : 80 + MOVED],
    }
    kinds = {kind: [feature.payload["id"] for feature in features] for kind, features in picked.items()}
    return {
        "created": created,
        **kinds,
        "deleted stories": [STORY_IDS + number for number in range(len(DELETED_STORIES))],
    }


def _with_old_catalogue(earlier: Account, kinds: dict[str, list[int]]) -> None:
    for product in earlier.products:
        product.features = [one for one in product.features if one.payload.get("id") not in kinds["created"]]
    product = earlier.product(OF_PRODUCT)
    for feature in _of(product, kinds["renamed"]):
        feature.payload["title"] = f"{feature.payload['title']} (trial)"
    for feature in _of(product, kinds["rewritten"]):
        feature.payload["description"] = "To be described."
    for feature in _of(product, kinds["moved"]):
        others = [section for section in product.section_ids if section not in feature.section_ids]
        feature.section_ids = others[:1]
    stories = zip(kinds["deleted stories"], DELETED_STORIES, strict=True)
    for (story_id, title), feature in zip(stories, _of(product, kinds["renamed"]), strict=False):
        story = {"id": story_id, "path": f"I can still see {title.lower()}", "title": title}
        feature.payload["user_stories"].append(story | {"feature_id": feature.payload["id"]})


def _is_sound(feature: Feature) -> bool:
    payload: Any = feature.payload
    return isinstance(payload, dict) and isinstance(payload.get("id"), int) and bool(payload.get("title"))


def _named(cycle: Cycle) -> Iterator[int]:
    for copy in cycle.payload.get("features") or []:
        if copy.get("feature_id"):
            yield copy["feature_id"]


def _of(product: Product, ids: list[int]) -> list[Feature]:
    return [feature for feature in product.features if feature.payload.get("id") in ids]
