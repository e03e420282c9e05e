"""Accounts of any size with known truth: for load tests, and to check statistics against the rates behind the data."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from testio_analytics.concurrency import gc_paused
from testio_analytics.demo.account.areas import Area
from testio_analytics.demo.account.build import DEMO_NOW
from testio_analytics.demo.account.catalogue import Ids, Topic, build_product
from testio_analytics.demo.account.findings import Habits
from testio_analytics.demo.account.history import write_history
from testio_analytics.demo.account.model import Account, Product
from testio_analytics.demo.account.products import Blueprint, Workload, default_section, product_payload, section
from testio_analytics.demo.account.schedule import build_schedule

FULL_KINDS: dict[str, int] = {"coverage": 1, "focused": 1}
"""Testing types that expose every feature to its full bug rate, so that the known rate is the true one."""

SETTLED_FOR = timedelta(days=40)
"""All generated tests have ended at least this long ago: their results are final."""

THINGS = (
    "list", "form", "search", "filter", "export", "import", "calendar", "overview", "editor", "preview", "report",
    "upload", "settings page", "confirmation", "reminder", "history", "map", "chart", "label", "archive",
)  # fmt: skip
SUBJECTS = (
    "Berth", "Cargo", "Crew", "Deck", "Engine", "Ferry", "Galley", "Harbour", "Invoice", "Journey", "Key", "Lantern",
    "Mooring", "Night", "Order", "Pilot", "Quay", "Route", "Sailing", "Ticket", "Usher", "Voucher", "Weather", "Yard",
)  # fmt: skip


def generate_account(
    *,
    seed: int,
    products: int = 3,
    features: int = 60,
    tests: int = 90,
    bugs: int = 700,
    stories_per_feature: float = 2.0,
    sectioned_every: int = 3,
    never_tested: float = 0.1,
    refused: float = 0.17,
    timer: float = 0.2,
    now: datetime = DEMO_NOW,
) -> Account:
    """Return an account with that many products, features, tests and (expected) bugs; equal seeds give equal accounts.

    All tests have ended and are settled. Bugs are Poisson-distributed: each time a test covers a feature, the number
    of its valid (not rejected) bugs has the mean ``account.bug_rates[feature_id]``, independent of everything else.
    The rates themselves are gamma-distributed around one rate per area.

    Every n-th product (`sectioned_every`; 0 for none) has two sections that share some features; the share
    `never_tested` of all features is in no test; `refused` and `timer` are the probabilities that a triaged bug was
    rejected by the customer and accepted automatically.

    Raises:
        ValueError: a number that does not go together with the others.
    """
    if products < 1 or features < products or tests < 0 or not 0 <= never_tested < 1:
        raise ValueError("There must be at least one product, and one feature for each of them.")
    rng, ids = Random(f"generate/{seed}"), Ids()
    account = Account(now, [])
    with gc_paused():
        for number in range(products):
            share = _Share(number, products)
            blueprint = Blueprint(
                *_frame(number, is_sectioned=bool(sectioned_every) and number % sectioned_every == 0),
                areas=_areas(share.of(features), never_tested, rng),
                stories=int(share.of(features) * stories_per_feature),
                workload=_workload(number, share.of(tests), share.of(bugs), rng),
                refused=refused,
                timer=timer,
            )
            account.products.append(_product(_shared(blueprint), ids, rng, account))
    return account


class _Share:
    """One product's part of a total: the parts are whole numbers and add up to it."""

    def __init__(self, number: int, products: int) -> None:
        self.number, self.products = number, products

    def of(self, total: int) -> int:
        return total * (self.number + 1) // self.products - total * self.number // self.products


def _frame(number: int, *, is_sectioned: bool) -> tuple[dict[str, Any], tuple[int, ...], bool]:
    # The payload, the sections with an address, and whether the server treats the product as sectioned.
    product_id, first = 80_000 + number, 90_000 + number * 10
    sections = [section(first + 1, "Web"), section(first + 2, "Mobile")] if is_sectioned else []
    everything = [default_section(first), *sections]
    payload = product_payload(
        *(product_id, f"Generated product {number + 1}", None, first),
        sections=sections,
        sections_with_default=everything,
    )
    section_ids = (first + 1, first + 2, first) if is_sectioned else (first,)
    return payload, section_ids, is_sectioned


def _workload(number: int, tests: int, bugs: int, rng: Random) -> Workload:
    first_id = 1_000_000 + number * 100_000
    return Workload(tests, bugs=bugs, growth=rng.choice((0.7, 1.0, 1.6)), test_ids=(first_id, first_id + 100_000))


def _areas(features: int, never_tested: float, rng: Random) -> tuple[Area, ...]:
    names = _titles(features, rng)
    coverages = ["never" if rng.random() < never_tested else "normal" for _ in names]
    coverages[0] = "normal"  # a test needs something to look at
    titles = list(zip(names, coverages, strict=True))
    size = 10
    return tuple(
        Area(f"Area {start // size + 1}", "user", tuple(titles[start : start + size]), bugs=rng.uniform(0.5, 2.0))  # type: ignore[arg-type]
        for start in range(0, features, size)
    )


def _titles(number: int, rng: Random) -> list[str]:
    plain = [f"{subject} {thing}" for subject in SUBJECTS for thing in THINGS]
    rng.shuffle(plain)
    rounds = -(-number // len(plain))
    return [title if turn == 0 else f"{title} {turn + 1}" for turn in range(rounds) for title in plain][:number]


def _shared(blueprint: Blueprint) -> Blueprint:
    """Put every second area into the second section, and share every tenth feature with it."""
    if not blueprint.is_sectioned:
        return blueprint
    second = blueprint.section_ids[1]
    areas = tuple(replace(area, section=second) if n % 2 else area for n, area in enumerate(blueprint.areas))
    shared = {area.titles[0][0]: (second,) for area in areas if area.section is None}
    at_home = sum(len(area.titles) for area in areas if area.section is None)
    total = sum(len(area.titles) for area in areas)
    stories = blueprint.stories * at_home // total
    return replace(blueprint, areas=areas, shared=shared, stories=stories, other_stories=blueprint.stories - stories)


def _product(blueprint: Blueprint, ids: Ids, rng: Random, account: Account) -> Product:
    product, topics = build_product(blueprint, ids, rng)
    slots = build_schedule(blueprint, topics, rng, account.now - SETTLED_FOR, FULL_KINDS)
    habits = Habits(blueprint.timer, blueprint.refused)
    write_history(product, blueprint, topics, slots, habits, ids, rng, account.now)
    account.bug_rates.update(_true_rates(topics, habits))
    return product


def _true_rates(topics: list[Topic], habits: Habits) -> dict[int, float]:
    # Thinning a Poisson number leaves a Poisson number: rejected bugs just drop out of the rate.
    return {topic.id: topic.rate * (1.0 - habits.rejected_share) for topic in topics}
