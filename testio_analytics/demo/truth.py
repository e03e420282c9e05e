"""Generated accounts as what the backtest asks of them, straight from their payloads: no sync, no database."""

from __future__ import annotations

from typing import Any

import pandas as pd

from testio_analytics.demo.account import clock
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.generate import generate_account
from testio_analytics.reports.backtest import EXPOSURE_COLUMNS

SHAPES: tuple[dict[str, Any], ...] = (
    {"products": 1, "features": 40, "tests": 60, "bugs": 500},
    {"products": 2, "features": 120, "tests": 120, "bugs": 800},
    {"products": 3, "features": 60, "tests": 90, "bugs": 1200, "never_tested": 0.3},
    {"products": 1, "features": 25, "tests": 90, "bugs": 250},
)
"""Accounts of different shape: few and many features, few and many bugs, much and little never tested."""


def generated_exposures(accounts: int = 8, *, seed: int = 1) -> pd.DataFrame:
    """Return the exposures of that many generated accounts, each with rates of its own; equal seeds give equal ones."""
    parts = [
        exposures_of(generate_account(seed=seed + number, **SHAPES[number % len(SHAPES)]), number)
        for number in range(accounts)
    ]
    return pd.concat(parts, ignore_index=True)


def exposures_of(account: Account, number: int = 0) -> pd.DataFrame:
    """Return what each test of an account found in each of its features (columns of `backtest.exposures`)."""
    rows = []
    for product in account.products:
        for cycle in product.cycles:
            found: dict[int, int] = {row["feature_id"]: 0 for row in cycle.payload["features"] if row["feature_id"]}
            for bug in cycle.bugs:
                if bug.payload["status"] != "rejected" and bug.payload["test_feature"]:
                    found[bug.payload["test_feature"]["feature_id"]] += 1
            start, end = (clock.parsed(cycle.payload[name]) for name in ("start_at", "end_at"))
            rows += [(number, product.id, cycle.payload["id"], key, start, end, bugs) for key, bugs in found.items()]
    frame = pd.DataFrame(rows, columns=list(EXPOSURE_COLUMNS))
    whole = dict.fromkeys(("account", "product_id", "test_id", "feature_id", "bugs"), "Int64")
    for name in ("start", "at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    frame = frame.astype(whole)
    return frame.sort_values(["product_id", "at", "test_id", "feature_id"], ignore_index=True)
