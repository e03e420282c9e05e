"""Build a product's sections, features and stories from its blueprint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from testio_analytics.demo.account import wording
from testio_analytics.demo.account.areas import Area, Coverage
from testio_analytics.demo.account.model import Feature, Payload, Product
from testio_analytics.demo.account.products import Blueprint


@dataclass
class Ids:
    """The counters that give out ids; one set for a whole account, because ids are unique across products."""

    feature: Iterator[int] = field(default_factory=lambda: count(310_001))
    story: Iterator[int] = field(default_factory=lambda: count(920_001))
    version: Iterator[int] = field(default_factory=lambda: count(5_512_001))
    test_feature: Iterator[int] = field(default_factory=lambda: count(3_307_001))
    bug: Iterator[int] = field(default_factory=lambda: count(2_900_001))
    execution: Iterator[int] = field(default_factory=lambda: count(441_001))
    device: Iterator[int] = field(default_factory=lambda: count(7_700_001))
    comment: Iterator[int] = field(default_factory=lambda: count(6_100_001))
    attachment: Iterator[int] = field(default_factory=lambda: count(8_200_001))
    environment: Iterator[int] = field(default_factory=lambda: count(5_501))
    template: Iterator[int] = field(default_factory=lambda: count(3_101))
    requirement: Iterator[int] = field(default_factory=lambda: count(40_001))


@dataclass
class Topic:
    """One feature while tests are made up: its area, how tests cover it, and its expected bugs per test."""

    feature: Feature
    area: Area
    coverage: Coverage
    rate: float = 0.0

    @property
    def id(self) -> int:
        """The catalogue id of the feature."""
        value: int = self.feature.payload["id"]
        return value

    @property
    def title(self) -> str:
        """The present title of the feature."""
        value: str = self.feature.payload["title"]
        return value

    @property
    def stories(self) -> list[Payload]:
        """The stories of the feature."""
        value: list[Payload] = self.feature.payload["user_stories"]
        return value


def build_product(blueprint: Blueprint, ids: Ids, rng: Random) -> tuple[Product, list[Topic]]:
    """Return the product with its catalogue, and one topic per feature; the retired ones have a history only."""
    topics = [
        Topic(
            Feature(
                _feature_payload(title, area, ids, rng), [blueprint.section_of(area), *blueprint.shared.get(title, ())]
            ),
            area,
            coverage,
        )
        for area in blueprint.areas
        for title, coverage in area.titles
    ]
    _write_stories(blueprint, topics, ids, rng)
    product = Product(
        id=blueprint.id,
        payload=blueprint.payload,
        is_sectioned=blueprint.is_sectioned,
        section_ids=list(blueprint.section_ids),
        features=[topic.feature for topic in topics if topic.coverage != "retired"],
    )
    return product, topics


def _feature_payload(title: str, area: Area, ids: Ids, rng: Random) -> Payload:
    description, directions = rng.choice(wording.DESCRIPTIONS), rng.choice(wording.DIRECTIONS)
    return {
        "id": next(ids.feature),
        "title": title,
        "description": description and wording.filled(description, title, area.name),
        "howtofind": directions and wording.filled(directions, title, area.name),
        "user_stories": [],
    }


def _write_stories(blueprint: Blueprint, topics: list[Topic], ids: Ids, rng: Random) -> None:
    first_section = blueprint.section_ids[:1]
    listed = [topic for topic in topics if topic.coverage != "retired"]
    # The first section's own count must be exact, so features shared into it from elsewhere count with it.
    first = [topic for topic in listed if {*first_section} & {*topic.feature.section_ids}]
    first.sort(key=lambda topic: topic.feature.section_ids[0] not in first_section)
    rest = [topic for topic in listed if topic not in first]
    for group, total in ((first, blueprint.stories), (rest, blueprint.other_stories)):
        for topic, number in zip(group, story_numbers(len(group), total, rng), strict=True):
            topic.feature.payload["user_stories"] = _stories(topic, number, ids, rng)


def story_numbers(features: int, total: int, rng: Random) -> list[int]:
    """Return how many stories each feature gets: uneven, some none, together exactly `total`.

    No feature gets more than there are sentences.
    """
    limit = len(wording.STORY_WISHES)
    if not 0 <= total <= features * limit:
        raise ValueError(f"{features} features cannot have {total} stories.")
    weights = [rng.choice((0.0, 0.5, 1.0, 1.0, 1.5, 2.0)) for _ in range(features)]
    numbers = [0] * features
    scale = total / sum(weights) if sum(weights) else 0.0
    for place, weight in enumerate(weights):
        numbers[place] = min(int(weight * scale), limit)
    _top_up(numbers, weights, total - sum(numbers), limit)
    return numbers


def _top_up(numbers: list[int], weights: list[float], missing: int, limit: int) -> None:
    # Rounding left a few stories over; they go to features that have some already, as long as those can take more.
    order = sorted(range(len(numbers)), key=lambda place: -weights[place])
    while missing:
        for place in order:
            if missing and numbers[place] < limit:
                numbers[place] += 1
                missing -= 1


def _stories(topic: Topic, number: int, ids: Ids, rng: Random) -> list[Payload]:
    role, title, area = topic.area.role, topic.title, topic.area.name
    sentences = wording.story_sentences(rng, role=role, title=title, area=area, count=number)
    return [
        {"id": next(ids.story), "path": sentence, "title": sentence, "feature_id": topic.id} for sentence in sentences
    ]


def embedded_section(product_payload: Any, section_id: int | None) -> Payload | None:
    """Return the section object that a test of this section embeds; None for no section."""
    known = [*(product_payload.get("sections") or []), *(product_payload.get("sections_with_default") or [])]
    for row in known:
        if row["id"] == section_id:
            return {"test_templates": {"total": 20, "count": 0}, **row}
    return None
