"""The demo account: a fictional ferry company, its nine products and two years of tests, the same on every machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from testio_analytics.concurrency import gc_paused
from testio_analytics.demo.account import oddities
from testio_analytics.demo.account.catalogue import Ids, build_product
from testio_analytics.demo.account.findings import Habits
from testio_analytics.demo.account.history import write_history
from testio_analytics.demo.account.model import Account, Product
from testio_analytics.demo.account.oddities import DEMO_POISONED_TEST
from testio_analytics.demo.account.planted import PLANTED_SECRETS
from testio_analytics.demo.account.products import Blueprint, PhotoSection, blueprints
from testio_analytics.demo.account.schedule import build_schedule

__all__ = ["DEMO_NOW", "DEMO_POISONED_TEST", "EARLIER", "PLANTED_SECRETS", "PhotoSection", "demo_account"]

DEMO_NOW = datetime(2026, 6, 30, 6, 0, tzinfo=UTC)
"""The instant at which the demo account stands still."""

EARLIER = DEMO_NOW - timedelta(days=30)
"""The instant of the account before it (see `earlier`)."""

SEED = 20260630
STORIES_SINCE = DEMO_NOW - timedelta(days=420)
"""Before this instant the company put no stories into its tests."""


def demo_account(photo_section: PhotoSection = "real") -> Account:
    """Return a new copy of the demo account.

    `photo_section` says whether section 25543 of product 24959 is one that the customer made (``"real"``: it is in
    ``sections``) or the implicit one (``"default"``: only in ``sections_with_default``); the sources do not say
    (testio-api.md, 16).
    """
    ids = Ids()
    with gc_paused():
        account = Account(DEMO_NOW, [_product(blueprint, ids) for blueprint in blueprints(photo_section)])
        oddities.apply(account, ids)
    return account


def _product(blueprint: Blueprint, ids: Ids) -> Product:
    rng = Random(f"{SEED}/{blueprint.id}")
    product, topics = build_product(blueprint, ids, rng)
    slots = build_schedule(blueprint, topics, rng, DEMO_NOW) if topics else []
    habits = Habits(blueprint.timer, blueprint.refused, STORIES_SINCE)
    write_history(product, blueprint, topics, slots, habits, ids, rng, DEMO_NOW)
    return product
