"""How many requests an honest account costs: first sync and second, beside what they cost before lists were read twice.

50 products, copies of those of the demo account with shifted ids, and 50 generated ones. Counts depend on nothing but the
code. Run it by hand::

    python tests/benchmarks/sync_requests.py

The exit code is 1 when a sync needs more requests than it may.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from renumbered import ids_of, renumbered
from syncing import sync_account
from testio_analytics.demo.account.build import demo_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.generate import generate_account

PRODUCTS, SHIFT = 50, 10**9
BEFORE = {"copies of the demo": (3_470, 830), "generated, all archived": (2_635, 285)}
"""Requests of a first and a second sync when the end of a list was a page that is not full."""

MOST_MORE = 1.08
MOST_AGAIN = 1_113 / 2
"""The most requests of a first sync, as a share of those before; and of a second one, half of what the largest took."""


def copied_account() -> Account:
    """Return so many products of the demo account, each copy with ids of its own."""
    base = demo_account()
    ids, products = ids_of(base), list(base.products)
    for copy in range(1, -(-PRODUCTS // len(products))):
        products += renumbered(base, {one: one + copy * SHIFT for one in ids}).products
    return Account(base.now, products[:PRODUCTS])


def main() -> int:
    """Print the requests of each account and sync by kind, and return the exit code."""
    accounts = {
        "copies of the demo": copied_account(),
        "generated, all archived": generate_account(seed=1, products=50, features=3_000, tests=2_200, bugs=28_000),
    }
    is_fine = True
    for name, account in accounts.items():
        with tempfile.TemporaryDirectory() as folder:
            for which, before in zip(("first", "second"), BEFORE[name], strict=True):
                synced = sync_account(account, Path(folder) / "m.db")
                kinds = Counter(re.sub(r"\d+", "N", path.partition("?")[0]) for path in synced.log.queries)
                requests = synced.result.requests
                print(f"{name}, {which} sync: {synced.result.outcome}, {requests} requests, before {before} "
                      f"({requests / before - 1:+.1%})", *(f"{number:>7} {kind}" for kind, number in kinds.items()), sep="\n")  # fmt: skip
                is_fine &= requests <= (before * MOST_MORE if which == "first" else MOST_AGAIN)
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
