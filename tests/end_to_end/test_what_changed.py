"""A week of changes, and three gaps, as the command and the pages tell them; from a real port."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from serving import command, serving
from small_account import feature_payload, locked_test, small_account
from syncing import NOW, sync_account
from testio_analytics.demo.server.faults import Faults


def test_the_command_tells_changes_from_gaps(tmp_path: Path) -> None:
    """Two syncs from a real port: every change is named, none beside, a section that fails is a gap, and the exit code is 3."""
    account, db = small_account(), str(tmp_path / "m.db")
    with serving(account) as address:
        assert command("sync", "--db", db, address=address).returncode == 0
    first, second = account.product(1).cycles[:2]
    first.bugs[0].payload["status"] = "rejected"
    second.bugs[0].payload |= {"severity": "critical", "exported_at": NOW.isoformat()}
    account.rename_feature(101, "Renamed")
    account.product(1).features.remove(account.feature(104))
    account.add_feature(1, feature_payload(190))
    account.product(1).cycles.append(locked_test(1, 1, id=1400, status="waiting", end_at="2030-01-01T00:00:00Z"))
    account.product(1).cycles[-1].bugs.clear()
    account.product(1).cycles[-1].payload["features"][0]["id"] = 14000
    with serving(account, Faults(failing_sections=frozenset({201}))) as address:
        assert command("sync", "--db", db, address=address).returncode == 3

    shown = command("changes", "--db", db, "--format", "csv")

    assert shown.returncode == 3
    rows = [row for row in csv.DictReader(io.StringIO(shown.stdout)) if row["what"] != "figure"]
    assert {(row["what"], row["kind"], row["id"]) for row in rows} == {
        ("bug", "triaged", "10010"),
        ("bug", "severity changed", "10020"),
        ("bug", "exported", "10020"),
        ("test", "ordered", "1400"),
        ("feature", "added", "190"),
        ("feature", "removed", "104"),
        ("feature", "renamed", "101"),
        ("data set", "not known any more", ""),
    }
    assert "From run 1 (" in shown.stderr
    assert "The features of Product 2 were not fully synced" in shown.stderr


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a file of three runs, of which each renamed a feature."""
    account, db = small_account(), tmp_path_factory.mktemp("runs") / "m.db"
    for day in range(3):
        account.rename_feature(101, f"Title {day}")
        sync_account(account, db, now=NOW.replace(hour=day + 6))
    return str(db)


def test_any_two_runs_can_be_named(three_runs: str) -> None:
    """By number, and with a form for programs; a run that is not there lists those that are."""
    shown = command("changes", "--db", three_runs, "--from", "1", "--to", "2", "--format", "json")

    renamed = [row for row in json.loads(shown.stdout) if row["what"] == "feature"]
    assert [(row["before"], row["after"]) for row in renamed] == [("Title 0", "Title 1")]
    assert shown.returncode == 0

    refused = command("changes", "--db", three_runs, "--from", "9")
    assert refused.returncode == 2
    assert "1, 2, 3" in refused.stderr


def test_a_product_that_is_new_can_be_asked_for(tmp_path: Path) -> None:
    """At the earlier state nobody knew it: the command says that it is new, and lists what it holds."""
    account, db = small_account(), tmp_path / "m.db"
    product = account.products.pop()
    sync_account(account, db)
    account.products.append(product)
    sync_account(account, db, now=NOW.replace(hour=7))

    shown = command("changes", "--db", str(db), "--product", "2", "--format", "csv")

    assert shown.returncode == 0
    assert "Product 2 is new since then." in shown.stderr
    rows = [row for row in csv.DictReader(io.StringIO(shown.stdout)) if row["what"] == "feature"]
    assert [(row["kind"], row["id"]) for row in rows] == [("added", str(key)) for key in range(201, 205)]


def test_without_an_earlier_run_the_command_says_so(three_runs: str) -> None:
    """The first run has nothing to be compared with."""
    shown = command("changes", "--db", three_runs, "--to", "1")

    assert shown.stdout == ""
    assert "no earlier state" in shown.stderr
