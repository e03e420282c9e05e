"""Many accounts over real ports: each into its own file, none at the cost of another."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import command, serving
from small_account import small_account
from syncing import TOKEN
from testio_analytics.accounts import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.fleet.accounts import account_states, account_table, gravest
from testio_analytics.fleet.sync import sync_accounts

TOKENS = {"NORTH_TOKEN": TOKEN, "SOUTH_TOKEN": TOKEN, "WRONG_TOKEN": "another"}


def titles(db: Path) -> set[str]:
    """Return the names of the products in a file, without what any account has."""
    with sqlite3.connect(db) as connection:
        found = {name for (name,) in connection.execute("SELECT name FROM products")}
    connection.close()
    return found


@pytest.fixture
def accounts_file(tmp_path: Path) -> Iterator[Path]:
    """Write three accounts: two whose ids collide, and one whose token is refused."""
    north, south = small_account(), small_account()
    for product in south.products:
        product.payload["name"] = f"South {product.id}"
    path = tmp_path / "accounts.toml"
    with serving(north) as one, serving(south) as other:
        entries = (("north", "NORTH_TOKEN", one), ("south", "SOUTH_TOKEN", other), ("lost", "WRONG_TOKEN", one))
        form = '[{0}]\ntoken_env = "{1}"\ndb = "{0}.db"\nbase_url = "{2}"\n'
        path.write_text("".join(form.format(*entry) for entry in entries))
        yield path


def test_one_failure_costs_no_other_account(accounts_file: Path) -> None:
    """Two accounts with the same ids are whole in their own files; the third is told by name; the gravest code wins."""
    variables = {**TOKENS, "TESTIO_ACCOUNTS": str(accounts_file)}
    done = command("sync", "--all-accounts", "--json", variables=variables, cwd=accounts_file.parent)
    found = json.loads(done.stdout)

    assert done.returncode == 1
    assert found["outcome"] == "failed"
    assert {name: one["outcome"] for name, one in found["accounts"].items()} == {
        "north": "complete",
        "south": "complete",
        "lost": "failed",
    }
    assert "WRONG_TOKEN" in found["accounts"]["lost"]["error"] and "another" not in done.stdout + done.stderr
    assert titles(accounts_file.with_name("north.db")) == {"Product 1", "Product 2"}
    assert titles(accounts_file.with_name("south.db")) == {"South 1", "South 2"}

    shown = command("show", "feature_catalog", "--account", "south", "--format", "csv", variables=variables)
    assert "South 1" in shown.stdout and "Product 1" not in shown.stdout
    listed = command("accounts", "--json", variables=variables)
    states = json.loads(listed.stdout)["accounts"]
    assert {name: state["next"] for name, state in states.items()} == {
        "north": "report --account north",
        "south": "report --account south",
        "lost": "status --account lost",
    }
    status = command("status", "--all-accounts", variables=variables)
    assert status.returncode == 3 and "lost   The last sync failed" in status.stdout
    mixed = command("show", "triage", "--account", "south", "--db", "north.db", variables=variables)
    assert mixed.returncode == 2 and "--db is not used" in mixed.stderr


class Counting:
    """Counts how many requests are under way at once."""

    highest = under_way = 0

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold each request a moment, so that those of several accounts can meet at all."""
        Counting.under_way += 1
        Counting.highest = max(Counting.highest, Counting.under_way)
        await asyncio.sleep(0.005)
        try:
            await self.app(scope, receive, send)
        finally:
            Counting.under_way -= 1


def test_accounts_of_one_host_share_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many accounts are read, the host never has more requests under way than one account would send."""
    app = create_app(small_account(tests=6), token=TOKEN, faults=Faults())
    app.add_middleware(Counting)
    monkeypatch.setenv("A_TOKEN", TOKEN)
    with serving(app) as address:
        four = [Account(name, tmp_path / f"{name}.db", "A_TOKEN", address) for name in "abcd"]
        syncs = asyncio.run(sync_accounts(four, concurrency=3))
        states = account_states(four)

    assert [one.outcome for one in syncs] == ["complete"] * 4
    assert 1 < Counting.highest <= 3
    assert account_table(states)["gaps"].tolist() == [0] * 4
    assert gravest([0, 4, 3]) == 3 and gravest([]) == 0
