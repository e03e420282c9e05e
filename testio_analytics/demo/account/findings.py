"""What testers found: the bugs and executions of one test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from random import Random
from typing import Any

from testio_analytics.demo.account import clock, planted, wording
from testio_analytics.demo.account.catalogue import Ids, Topic
from testio_analytics.demo.account.model import Bug, Cycle, Execution, Payload
from testio_analytics.demo.account.schedule import Slot

SEVERITIES: dict[str, dict[str, int]] = {
    "coverage": {"critical": 4, "high": 19, "low": 34, "visual": 19, "content": 15, "suggestion": 7, "custom": 2},
    "focused": {"critical": 7, "high": 34, "low": 40, "visual": 10, "content": 7, "suggestion": 1, "custom": 1},
    "rapid": {"critical": 1},
    "usability": {"suggestion": 60, "custom": 25, "low": 15},
}
EXPOSURE: dict[str, float] = {"rapid": 0.3, "usability": 0.6}
"""Bugs per feature of a testing type, relative to a broad test; 1 for all others."""

MATURE_AFTER = timedelta(days=10)
"""Bugs that nobody triaged are accepted automatically after about this long (testio-api.md, 8.4)."""

UNDECIDED_FOR_LONG = 0.03
QUESTION_SHARE = 0.01


@dataclass(frozen=True)
class Habits:
    """How a customer triages bugs, and how much its stories are used."""

    timer: float
    refused: float
    stories_since: datetime | None = None

    @property
    def rejected_share(self) -> float:
        """The probability that a bug of a settled test was rejected."""
        return (1.0 - UNDECIDED_FOR_LONG - QUESTION_SHARE) * self.refused


def poisson(mean: float, rng: Random) -> int:
    """Return a Poisson number (Knuth 1969, multiplication of uniforms; fine for small means)."""
    limit, product, number = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        number += 1
    return number


def exposure(slot: Slot, now: datetime) -> float:
    """Return by how much a test multiplies the bug rate of its features: 1 for an ended broad or focused test."""
    done = min(1.0, max(0.0, (now - slot.start) / (slot.end - slot.start)))
    return EXPOSURE.get(slot.kind, 1.0) * done


@dataclass(frozen=True)
class TestRun:
    """One test while it is being filled: who takes part, and the sources of ids and chance."""

    cycle: Cycle
    slot: Slot
    habits: Habits
    team: list[str]
    ids: Ids
    rng: Random
    now: datetime

    def tester(self) -> str:
        """Return the screen name of one of the testers."""
        return self.rng.choice(self.team)

    def time_within(self) -> datetime:
        """Return some instant between the start of the test and its end, or now while it runs."""
        return self.slot.start + (min(self.slot.end, self.now) - self.slot.start) * self.rng.random()


def add_findings(cycle: Cycle, slot: Slot, habits: Habits, ids: Ids, rng: Random, now: datetime) -> None:
    """Fill the bugs and executions of a test that has started."""
    run = TestRun(cycle, slot, habits, rng.sample(wording.TESTERS, rng.randint(4, 9)), ids, rng, now)
    factor = exposure(slot, now)
    for topic, row in zip(slot.topics, cycle.payload["features"], strict=True):
        found = [_bug(run, topic, row) for _ in range(poisson(topic.rate * factor, rng))]
        cycle.bugs += found
        cycle.executions += _executions(run, row, len(found))


def _bug(run: TestRun, topic: Topic, row: Payload) -> Bug:
    severity = _weighted(SEVERITIES.get(run.slot.kind, SEVERITIES["focused"]), run.rng)
    decision, reported = _decision(run), run.time_within()
    payload: Payload = {
        "id": next(run.ids.bug),
        "severity": severity,
        **decision,
        **(_form(run, topic, row) if severity == "custom" else _report(run, topic, severity)),
        "known": run.rng.random() < 0.05,
        "fixed": run.rng.choice((None, None, None, True)) if decision["status"] == "accepted" else None,
        "language": "de" if run.rng.random() < 0.1 else "en",
        "location": f"https://www.skerry.invalid/{topic.id}",
        "author": {"name": run.tester()},
        "reported_at": clock.local_text(reported, milliseconds=True),
        "exported_at": None,
        "external_idx": None,
        "test": {"id": run.cycle.payload["id"], "title": run.cycle.payload["title"]},
        "test_feature": {"id": row["id"], "feature_id": topic.id},
        "comments": _comments(run, decision["status"], reported),
    }
    stories = [story["id"] for story in row["user_stories"]]
    linked = run.rng.sample(stories, 1) if stories and run.rng.random() < 0.4 else []
    bug = Bug(payload, test_feature_id=row["id"], story_ids=linked)
    _export(bug, reported, run.rng)
    return bug


def _decision(run: TestRun) -> dict[str, Any]:
    if run.now - run.slot.end < MATURE_AFTER:
        status = run.rng.choices(("forwarded", "accepted", "rejected", "question"), (74, 16, 8, 2))[0]
        return {"status": status, "auto_accepted": False}
    chance = run.rng.random()
    if chance < UNDECIDED_FOR_LONG + QUESTION_SHARE:
        return {"status": "forwarded" if chance < UNDECIDED_FOR_LONG else "question", "auto_accepted": False}
    if run.rng.random() < run.habits.refused:
        return {"status": "rejected", "auto_accepted": False}
    by_timer = run.rng.random() < run.habits.timer / (1.0 - run.habits.refused)
    return {"status": "accepted", "auto_accepted": by_timer}


def _report(run: TestRun, topic: Topic, severity: str) -> Payload:
    rng = run.rng
    symptom = wording.filled(rng.choice(wording.SYMPTOMS[severity]), topic.title, topic.area.name)
    return {
        "title": symptom + rng.choice(wording.CIRCUMSTANCES),
        "expected_result": rng.choice(wording.EXPECTED),
        "actual_result": rng.choice(wording.ACTUAL),
        "steps": _steps(topic, rng),
        "devices": [device_report(run) for _ in range(rng.choices((1, 2, 3), (80, 15, 5))[0])],
        "attachments": _screenshots(run),
    }


def _form(run: TestRun, topic: Topic, row: Payload) -> Payload:
    # A form of the customer's own (severity custom): no steps, no devices, but a report (testio-api.md, 8.2).
    rating = str(run.rng.randint(1, 5))
    answer = {"key": "q1", "name": "Rating", "type": "number", "value": rating, "position": 1}
    remark = {"key": "q2", "name": "Why", "type": "text", "value": f"About {row['title']}", "position": 2}
    title = wording.filled(run.rng.choice(wording.SYMPTOMS["custom"]), topic.title, topic.area.name)
    return {
        "title": title,
        "expected_result": None,
        "actual_result": None,
        "steps": None,
        "devices": None,
        "attachments": None,
        "report": {"title": "Survey", "custom_report_configuration_id": 12, "content": {"data": [answer, remark]}},
    }


def _steps(topic: Topic, rng: Random) -> list[str]:
    places = sorted(rng.sample(range(len(wording.STEPS)), rng.randint(2, 4)))
    return [wording.filled(wording.STEPS[place], topic.title, topic.area.name) for place in places]


def device_report(run: TestRun) -> Payload:
    """Return one device report with an id of its own."""
    return {"id": next(run.ids.device), **wording.hardware(run.rng.randrange(1000))}


def _screenshots(run: TestRun) -> list[Payload] | None:
    if run.rng.random() < 0.4:
        return [planted.attachment(next(run.ids.attachment), "screenshot.png", "image/png")]
    return run.rng.choice((None, []))


def _comments(run: TestRun, status: str, reported: datetime) -> list[Payload]:
    rng = run.rng
    bodies = [rng.choice(wording.REMARKS) for _ in range(rng.choice((0, 0, 1)))]
    if status == "rejected":
        reasons = tuple(text for _, _, text in wording.REJECT_REASONS)
        bodies.append(rng.choice(reasons if rng.random() < 0.85 else wording.FREE_REJECTIONS))
    return [
        {
            "id": next(run.ids.comment),
            "body": body,
            "author": {"name": run.tester()},
            "created_at": clock.local_text(reported + timedelta(hours=3 * (number + 1))),
        }
        for number, body in enumerate(bodies)
    ]


def _export(bug: Bug, reported: datetime, rng: Random) -> None:
    if bug.payload["status"] == "accepted" and rng.random() < 0.3:
        bug.export_status = rng.choices(("exported", "export_requested"), (9, 1))[0]
    if bug.export_status == "exported":
        bug.payload["exported_at"] = clock.zulu_text(reported + timedelta(days=2))
        bug.payload["external_idx"] = f"SKER-{bug.payload['id'] % 100_000}"


def _executions(run: TestRun, row: Payload, bugs: int) -> list[Execution]:
    weights = (80, 4 + 5 * bugs, 5, 3, 2)
    executions = []
    for story in row["user_stories"]:
        for _ in range(run.rng.choices((0, 1, 2, 3), (25, 45, 22, 8))[0]):
            status = run.rng.choices(("passed", "failed", "blocked", "pending", "cancelled"), weights)[0]
            executions.append(Execution(_execution(run, status), story["id"], story["user_story_version_id"]))
    return executions


def _execution(run: TestRun, status: str) -> Payload:
    is_done = status in {"passed", "failed", "blocked"}
    remarks = {"passed": "Works as described.", "failed": "Does not work as described.", "blocked": "Could not start."}
    environment = run.cycle.payload["test_environment"]
    return {
        "id": next(run.ids.execution),
        "status": status,
        "comment": remarks.get(status),
        "executed_by": run.tester() if is_done else None,
        "executed_at": clock.zulu_text(run.time_within(), milliseconds=True),
        "device_reports": [device_report(run)] if is_done else [],
        "test_cycle": {
            "id": run.cycle.payload["id"],
            "title": run.cycle.payload["title"],
            "test_environment": {"id": environment["id"], "title": environment["title"]},
        },
    }


def _weighted(weights: dict[str, int], rng: Random) -> str:
    return rng.choices(tuple(weights), tuple(weights.values()))[0]
