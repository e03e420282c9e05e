"""Decide which test took place when, and which features it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from testio_analytics.demo.account.areas import Area
from testio_analytics.demo.account.catalogue import Topic
from testio_analytics.demo.account.products import Blueprint, Workload

Phase = Literal["ended", "running", "planned", "draft", "cancelled"]

YEARS_OF_HISTORY = timedelta(days=730)
STALE_AGE = timedelta(days=200)
"""Topics of the coverage `stale` are in no test that ended later than this before now; the reports' limit is 180 days."""

DURATIONS: dict[str, int] = {"coverage": 28, "focused": 24, "rapid": 2, "usability": 24, "external": 24, "custom": 24}
"""Default duration of each testing type in hours (testio-api.md, 7.9)."""

RETIRED_FOR = timedelta(days=280)
"""Topics of the coverage `retired` were deleted from the catalogue about that long before now."""

KIND_WEIGHTS: dict[str, int] = {"coverage": 34, "focused": 38, "rapid": 16, "usability": 6, "external": 5, "custom": 1}
FEATURE_RANGES: dict[str, tuple[int, int]] = {
    "coverage": (4, 9),
    "focused": (2, 4),
    "rapid": (1, 3),
    "usability": (1, 3),
    "external": (2, 4),
    "custom": (1, 2),
}


@dataclass
class Slot:
    """One test before it is written: when, of which kind, in which section, about which topics."""

    phase: Phase
    kind: str
    start: datetime
    end: datetime
    area: Area
    section_id: int
    topics: list[Topic]


def build_schedule(
    blueprint: Blueprint, topics: list[Topic], rng: Random, now: datetime, kinds: dict[str, int] | None = None
) -> list[Slot]:
    """Return the product's tests, earliest start first."""
    popularity = {topic.id: rng.lognormvariate(0.0, 0.7) for topic in topics}
    least_age = [(topic, age) for topic in topics if (age := _least_age(topic)) is not None]
    picker = TestPicker(blueprint, least_age, popularity, rng, now, kinds or KIND_WEIGHTS)
    slots = [picker.slot(phase, *times) for phase, times in _times(blueprint.workload, rng, now)]
    _cover_planned(slots, topics)
    _cover_stale(slots, topics, rng, now)
    _cover_poisoned(slots, topics, now)
    return sorted(slots, key=lambda slot: slot.start)


def _times(load: Workload, rng: Random, now: datetime) -> list[tuple[Phase, tuple[datetime, str]]]:
    ahead: tuple[tuple[Phase, int], ...] = (("planned", load.planned), ("draft", load.drafts))
    times: list[tuple[Phase, tuple[datetime, str]]] = [
        ("ended", (_past(now, load.growth, rng), "")) for _ in range(load.tests)
    ]
    times += [("running", (now - timedelta(hours=9 + 2 * n), "coverage")) for n in range(load.running)]
    times += [("cancelled", (_past(now, 1.0, rng), "")) for _ in range(load.cancelled)]
    for phase, number in ahead:
        times += [(phase, (_future(now, rng), "")) for _ in range(number)]
    return times


def _past(now: datetime, growth: float, rng: Random) -> datetime:
    # The share of tests up to the fraction t of the two years is t ** growth, so the pace goes with t ** (growth - 1).
    age = YEARS_OF_HISTORY * (1.0 - rng.random() ** (1.0 / growth))
    return _office_hour(now - timedelta(hours=30) - age, rng)


def _future(now: datetime, rng: Random) -> datetime:
    return _office_hour(now + timedelta(days=rng.randint(3, 20)), rng)


def _office_hour(moment: datetime, rng: Random) -> datetime:
    # Always before the given moment: what has ended must have ended by now.
    day = moment - timedelta(days=1)
    day -= timedelta(days=max(0, day.weekday() - 4))
    return day.replace(hour=rng.randint(7, 15), minute=rng.choice((0, 0, 30)), second=0, microsecond=0)


@dataclass
class TestPicker:
    """Chooses kind, area, section and topics of a test.

    `least_age` says for each topic that is picked at all how long ago a test of it must have ended.
    """

    blueprint: Blueprint
    least_age: list[tuple[Topic, timedelta]]
    popularity: dict[int, float]
    rng: Random
    now: datetime
    kinds: dict[str, int]

    def slot(self, phase: Phase, start: datetime, kind: str) -> Slot:
        """Return a test that begins at `start`."""
        kind = kind or self.rng.choices(tuple(self.kinds), tuple(self.kinds.values()))[0]
        end = start + timedelta(hours=DURATIONS[kind])
        age = self.now - end
        allowed = [topic for topic, least in self.least_age if age > least]
        area = self._area(allowed)
        section_id = self._section(area, allowed)
        in_section = [topic for topic in allowed if section_id in topic.feature.section_ids]
        return Slot(phase, kind, start, end, area, section_id, self._topics(kind, area, in_section))

    def _area(self, allowed: list[Topic]) -> Area:
        areas = list({topic.area.name: topic.area for topic in allowed}.values())
        return self.rng.choices(areas, [area.attention for area in areas])[0]

    def _section(self, area: Area, allowed: list[Topic]) -> int:
        own = self.blueprint.section_of(area)
        mine = [topic.feature.section_ids for topic in allowed if topic.area is area]
        others = [section for sections in mine for section in sections if section != own]
        return self.rng.choice(others if others and self.rng.random() < 0.12 else [own])

    def _topics(self, kind: str, area: Area, in_section: list[Topic]) -> list[Topic]:
        number = self.rng.randint(*FEATURE_RANGES[kind])
        own = [topic for topic in in_section if topic.area is area]
        other = [topic for topic in in_section if topic.area is not area and topic.area.attention > 0]
        chosen = self._sample(own, number)
        if kind == "coverage" and len(chosen) < number:
            chosen += self._sample(other, min(2, number - len(chosen)))
        return chosen

    def _sample(self, pool: list[Topic], number: int) -> list[Topic]:
        # Weighted sampling without replacement (Efraimidis and Spirakis 2006): keep the largest u ** (1 / weight).
        keys = {topic.id: self.rng.random() ** (1.0 / self.popularity[topic.id]) for topic in pool}
        return sorted(pool, key=lambda topic: -keys[topic.id])[:number]


def _least_age(topic: Topic) -> timedelta | None:
    ages = {"stale": STALE_AGE, "retired": RETIRED_FOR}
    if topic.coverage in ages:
        return ages[topic.coverage]
    if topic.coverage != "normal" or topic.area.attention <= 0:
        return None
    return timedelta(days=topic.area.quiet_days) if topic.area.quiet_days else -YEARS_OF_HISTORY


def _cover_planned(slots: list[Slot], topics: list[Topic]) -> None:
    # Each area with planned topics takes over one of the planned tests.
    free = [slot for slot in slots if slot.phase == "planned"]
    planned = [topic for topic in topics if topic.coverage == "planned"]
    for slot, name in zip(free, sorted({topic.area.name for topic in planned}), strict=False):
        mine = [topic for topic in planned if topic.area.name == name]
        slot.area, slot.section_id = mine[0].area, mine[0].feature.section_ids[0]
        same = [
            topic for topic in slot.topics if topic.area is slot.area and slot.section_id in topic.feature.section_ids
        ]
        slot.topics = mine + same[:2]


def _cover_stale(slots: list[Slot], topics: list[Topic], rng: Random, now: datetime) -> None:
    seen = {topic.id for slot in slots if slot.phase == "ended" for topic in slot.topics}
    for topic in topics:
        if topic.coverage == "stale" and topic.id not in seen:
            candidates = [slot for slot in slots if _can_take(slot, topic, now)]
            rng.choice([slot for slot in candidates if slot.area is topic.area] or candidates).topics.append(topic)


def _can_take(slot: Slot, topic: Topic, now: datetime) -> bool:
    is_old = slot.phase == "ended" and now - slot.end > STALE_AGE
    return is_old and slot.section_id in topic.feature.section_ids


def _cover_poisoned(slots: list[Slot], topics: list[Topic], now: datetime) -> None:
    # One recent test of their own: nothing else shows that anybody looked at these features.
    covered = [topic for topic in topics if topic.coverage == "poisoned"]
    if covered:
        slot = max((slot for slot in slots if _is_settled_and_recent(slot, now)), key=lambda slot: slot.end)
        slot.area, slot.section_id = covered[0].area, covered[0].feature.section_ids[0]
        slot.kind, slot.topics = "coverage", covered


def _is_settled_and_recent(slot: Slot, now: datetime) -> bool:
    return slot.phase == "ended" and timedelta(days=45) < now - slot.end < timedelta(days=120)
