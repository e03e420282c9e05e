"""Figures of few bugs, from a server on a real port to what the command shows: their intervals, and who ranks higher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import testio_analytics as ta
from serving import command, serving
from small_account import small_account
from testio_analytics.demo.account.model import Account, Bug

pytestmark = pytest.mark.slow


def _account() -> Account:
    """Return seven features with one test each; in product 1 one bug in all, in product 2 ten bugs in each of four tests.

    In two of those tests every bug was rejected, in the two others none.
    """
    account = small_account(tests=7, features=7)
    for cycle in account.products[0].cycles[1:]:
        cycle.bugs.clear()
    for number, cycle in enumerate(account.products[1].cycles):
        bug = cycle.bugs.pop()
        for place in range(10 if number < 4 else 0):
            status = "rejected" if number < 2 else "accepted"
            cycle.bugs.append(
                Bug(bug.payload | {"id": bug.payload["id"] * 100 + place, "status": status}, bug.test_feature_id)
            )
    return account


def _shown(report: str, db: Path) -> list[dict[str, Any]]:
    shown = command("show", report, "--db", str(db), "--format", "json")
    assert shown.returncode == 0, shown.stderr
    rows: list[dict[str, Any]] = json.loads(shown.stdout)
    return rows


def test_intervals_and_ranks_of_an_account_as_it_is_shown(tmp_path: Path) -> None:
    """The test is the unit of a rate; complete counts have no interval; chance alone makes no rank."""
    db = tmp_path / "mirror.db"
    with serving(_account()) as address:
        assert command("sync", "--db", str(db), address=address).returncode == 0

    triage = {row["product_id"]: row for row in _shown("triage", db)}[2]
    assert (triage["total"], triage["rejected"], triage["rejection"]) == (40, 20, 0.5)
    # Forty independent bugs would give 35 to 65 %; four tests that were all or nothing say next to nothing.
    assert triage["rejection_low"] < 0.12 and triage["rejection_high"] > 0.88

    features = [row for row in _shown("bugs_per_feature", db) if row["product_id"] == 1]
    assert len(features) == 7 and sum(row["bugs"] for row in features) == 1
    assert all(row["is_pooled"] for row in features)
    assert len({row["rank"] for row in features}) == 1

    mirror = ta.load_mirror(db)
    counts = [ta.coverage_total(mirror), ta.coverage_over_time(mirror), ta.story_coverage_by_product(mirror)]
    counts += [ta.evidence_by_product(mirror)]
    assert not [name for report in counts for name in report.columns if name.endswith(("low", "high"))]
    assert "interval" not in ta.coverage_summary(mirror).sentence + ta.stories_answer(mirror).sentence
