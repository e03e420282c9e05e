"""Three generated accounts of different shape, with every trap that makes joins count twice."""

from __future__ import annotations

from copy import deepcopy

from testio_analytics.demo.account.model import Account, Bug
from testio_analytics.demo.generate import generate_account

SHAPES: dict[str, dict[str, int | float]] = {
    "small": {"seed": 11, "products": 1, "features": 12, "tests": 9, "bugs": 60},
    "many products": {"seed": 12, "products": 5, "features": 40, "tests": 45, "bugs": 260, "never_tested": 0.3},
    "few features, many bugs": {"seed": 13, "products": 2, "features": 10, "tests": 40, "bugs": 700},
}


def account_of(shape: str) -> Account:
    """Return the account of that shape, with the traps placed into its first product."""
    account = generate_account(**SHAPES[shape])  # type: ignore[arg-type]
    product = account.products[0]
    cycles = [cycle for cycle in product.cycles if len(cycle.bugs) > 4]
    first, second, third = cycles[:3]
    _three_devices(first.bugs[0])
    first.bugs[1].payload["test_feature"] = None  # leads nowhere
    first.bugs[1].test_feature_id, first.bugs[1].story_ids = None, []
    first.bugs[2].payload["severity"] = "cosmetic"
    first.bugs[3].payload["status"] = "under_discussion"
    # One feature twice in one test, and a test feature that is linked to no feature.
    twice = deepcopy(second.payload["features"][0])
    twice["id"] = 9_000_001
    without = {**deepcopy(twice), "id": 9_000_002, "feature_id": None}
    second.payload["features"] += [twice, without]
    second.bugs[0].payload["test_feature"] = {"id": 9_000_002}
    # A cancelled test with bugs, and one that is planned.
    third.payload["status"] = "cancelled"
    planned = deepcopy(cycles[-1].payload)
    planned["id"], planned["status"] = 9_100_001, "waiting"
    for number, row in enumerate(planned["features"]):
        row["id"] = 9_200_000 + number
    account.add_test(product.id, planned)
    # A feature that was removed, and had bugs.
    gone = next(
        bug.payload["test_feature"]["feature_id"] for bug in cycles[-1].bugs if bug.payload["test_feature"] is not None
    )
    account.drop_feature(gone)
    return account


def _three_devices(bug: Bug) -> None:
    one = {"id": 1, "operating_system": {"name": "iOS"}, "device": {"name": "Orchard Pad"}, "browsers": None}
    other = {"id": 3, "operating_system": {"name": "Android"}, "device": {"name": "Robot 9"}, "browsers": []}
    bug.payload["devices"] = [one, {**one, "id": 2}, other]
