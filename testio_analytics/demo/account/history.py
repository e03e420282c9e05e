"""Write the tests of a product: payloads, environments and templates, then what was found."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from testio_analytics.demo.account import clock, planted, wording
from testio_analytics.demo.account.catalogue import Ids, Topic, embedded_section
from testio_analytics.demo.account.findings import Habits, add_findings, exposure
from testio_analytics.demo.account.model import Cycle, Payload, Product, Template
from testio_analytics.demo.account.products import Blueprint
from testio_analytics.demo.account.schedule import Slot

LOCKED_FOR = timedelta(days=35)
"""A test with bugs is archived about five weeks after its end (testio-api.md, 7.9: four to six)."""

SEASONS = ("winter", "spring", "summer", "autumn")
"""A test prepares for the season that the month after next belongs to."""

FUNCTIONAL: dict[str, tuple[bool, bool, bool]] = {"rapid": (False, False, True), "usability": (True, False, False)}
"""Low, high and critical functional bugs in scope, by testing type; all of them elsewhere."""


def write_history(
    product: Product,
    blueprint: Blueprint,
    topics: list[Topic],
    slots: list[Slot],
    habits: Habits,
    ids: Ids,
    rng: Random,
    now: datetime,
) -> None:
    """Fill the product's environments, templates and tests; the bug rate of each topic is set on the way."""
    product.environments = [
        planted.environment(next(ids.environment), title, f"{host}-{product.id}")
        for title, host in (("Preview", "preview"), ("Production", "www"))
    ]
    product.templates = _templates(product, ids)
    set_rates(topics, slots, blueprint.workload.bugs, rng, now)
    for slot, test_id in zip(slots, test_ids(len(slots), blueprint.workload.test_ids, rng), strict=True):
        cycle = Cycle(_test_payload(product, slot, test_id, habits, ids, rng))
        if slot.phase in {"ended", "running"}:
            add_findings(cycle, slot, habits, ids, rng, now)
        _settle(cycle, slot, now)
        product.cycles.append(cycle)


def set_rates(topics: list[Topic], slots: list[Slot], bugs: float, rng: Random, now: datetime) -> None:
    """Give each topic a bug rate (gamma-distributed around its area's), scaled so that `bugs` are expected in total."""
    for topic in topics:
        topic.rate = topic.area.bugs * rng.gammavariate(0.9, 1.0 / 0.9)
    expected = sum(topic.rate * exposure(slot, now) for slot in slots if _has_begun(slot) for topic in slot.topics)
    for topic in topics:
        topic.rate *= bugs / expected if expected else 0.0


def _has_begun(slot: Slot) -> bool:
    return slot.phase in {"ended", "running"}


def test_ids(number: int, between: tuple[int, int], rng: Random) -> list[int]:
    """Return ids that rise with the start, but not strictly (testio-api.md, 1: not chronologically ordered)."""
    chosen = sorted(rng.sample(range(*between), number)) if number else []
    for place in range(0, number - 2, 5):
        chosen[place], chosen[place + 2] = chosen[place + 2], chosen[place]
    return chosen


test_ids.__test__ = False  # type: ignore[attr-defined]


def _test_payload(product: Product, slot: Slot, test_id: int, habits: Habits, ids: Ids, rng: Random) -> Payload:
    title = _title(slot, rng)
    goal = wording.filled(rng.choice(wording.GOALS), slot.topics[0].title, slot.area.name)
    instructions = rng.choice(wording.INSTRUCTIONS)
    low, high, critical = FUNCTIONAL.get(slot.kind, (True, True, True))
    creator, submitter = rng.choices(wording.CUSTOMER_USERS, (5, 3, 2, 1), k=2)
    return {
        "id": test_id,
        "title": title,
        "test_title": title,
        "status": "initialized",
        "review_status": "not_finalized",
        "testing_type": slot.kind,
        "goal": f"<p>{goal}</p>",
        "goal_text": goal,
        "out_of_scope": None,
        "out_of_scope_text": None,
        "instructions": instructions and f"<p>{instructions}</p>",
        "instructions_text": instructions,
        "start_at": clock.local_text(slot.start),
        "end_at": clock.local_text(slot.end),
        "report_language": "de" if rng.random() < 0.1 else "en",
        "demo": False,
        "enable_low": low,
        "enable_high": high,
        "enable_critical": critical,
        "allowed_bug_types": ["default"] if slot.kind == "rapid" else ["default", "content", "visual"],
        "allow_device_clouds_test_scenario": False,
        "product": product.payload,
        "section": embedded_section(product.payload, slot.section_id) if product.is_sectioned else None,
        "features": [_test_feature(topic, slot, habits, ids, rng) for topic in slot.topics],
        "test_environment": product.environments[rng.random() < 0.3],
        "requirements": _requirements(ids, rng),
        "attachments": [],
        "reviews": [],
        "created_by": creator,
        "submitted_by": submitter,
    }


def _title(slot: Slot, rng: Random) -> str:
    patterns = wording.QUICK_MISSIONS if slot.kind == "rapid" else wording.WEB_MISSIONS
    title = wording.filled(rng.choice(patterns), slot.topics[0].title, slot.area.name)
    year, week, _ = slot.start.isocalendar()
    facts = {
        "{week}": str(week),
        "{release}": f"{year - 2020}.{week // 2}",
        "{season}": SEASONS[(slot.start.month + 2) // 3 % 4],
        "{month}": f"{slot.start:%B}",
    }
    for mark, text in facts.items():
        title = title.replace(mark, text)
    return title


def _test_feature(topic: Topic, slot: Slot, habits: Habits, ids: Ids, rng: Random) -> Payload:
    payload = topic.feature.payload
    uses_stories = habits.stories_since is None or slot.start >= habits.stories_since
    is_quick = slot.kind == "rapid"
    return {
        "id": next(ids.test_feature),
        "feature_id": payload["id"],
        "title": payload["title"],
        "description": payload["description"],
        "howtofind": payload["howtofind"],
        "enable_default": True,
        "enable_content": False if is_quick else rng.choice((True, True, None)),
        "enable_visual": False if is_quick else rng.choice((True, True, None)),
        "user_stories": _versions(topic, ids) if uses_stories and rng.random() < 0.75 else [],
    }


def _versions(topic: Topic, ids: Ids) -> list[Payload]:
    return [{**story, "user_story_version_id": next(ids.version)} for story in topic.stories]


def _requirements(ids: Ids, rng: Random) -> list[Payload]:
    report = wording.hardware(rng.randrange(1000))
    return [
        {
            "id": next(ids.requirement),
            "category": report["category"],
            "operating_system": report["operating_system"],
            "min_operating_system_version": report["operating_system_version"],
            "max_operating_system_version": None,
            "vendor": rng.choice((None, report["vendor"])),
            "devices": [],
            "browsers": report["browsers"],
            "input_devices": None,
            "browser_based": True,
            "gaming": False,
        }
    ]


def _settle(cycle: Cycle, slot: Slot, now: datetime) -> None:
    """Give the test the status that its times and bugs lead to (testio-api.md, 7.9)."""
    payload = cycle.payload
    payload["status"] = _status(cycle, slot, now)
    if slot.phase in {"ended", "running"} or payload["status"] == "waiting":
        payload["review_status"] = "review_successful"
        payload["reviews"] = [_review(slot)]
    if slot.phase == "draft":
        payload.update(start_at=None, end_at=None, submitted_by=None)


def _status(cycle: Cycle, slot: Slot, now: datetime) -> str:
    if slot.phase == "running":
        return "running"
    if slot.phase == "ended":
        return "locked" if cycle.bugs and now - slot.end < LOCKED_FOR else "archived"
    if slot.phase == "planned":
        return ("waiting", "customer_finalized", "initialized")[slot.start.day % 3]
    return "cancelled" if slot.phase == "cancelled" else "initialized"


def _review(slot: Slot) -> Payload:
    return {
        "status": "successful",
        "instruction_comment": None,
        "test_environment_comment": None,
        "feature_comment": "Clear enough for the testers.",
        "bug_type_comment": None,
        "reviewed_at": clock.local_text(slot.start - timedelta(hours=5)),
    }


def _templates(product: Product, ids: Ids) -> list[Template]:
    rows = [*(product.payload.get("sections") or []), *(product.payload.get("sections_with_default") or [])]
    counts = {row["id"]: row.get("test_templates", {}).get("count", 0) for row in rows}
    return [
        Template(_template(product, number, ids), section_id)
        for section_id, total in counts.items()
        for number in range(total)
    ]


def _template(product: Product, number: int, ids: Ids) -> Payload:
    # The official form has the kind as text; live rows carried a whole scenario with an environment inside.
    kind = ("coverage", "focused", "rapid")[number % 3]
    scenario: Any = kind
    if number % 2:
        scenario = {"type": kind, "title": f"{kind} run", "test_environment": product.environments[0]}
    hours = {"coverage": 28, "focused": 24, "rapid": 2}[kind]
    return {
        "id": next(ids.template),
        "title": f"{kind.capitalize()} test, set-up {number + 1}",
        "min_test_duration": 2,
        "max_test_duration": 48,
        "default_test_duration": hours,
        "test_scenario_template": scenario,
    }
