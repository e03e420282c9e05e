"""Credentials of a served account: no strong one reaches the file, and an ordinary word that is one changes no figure."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import testio_analytics as ta
from serving import command, serving
from small_account import small_account
from testio_analytics.demo.account.model import Account

pytestmark = pytest.mark.slow
STRONG = {"password": "Xk9#mPq2vL", "username": "qa.lead@acme.example", "access": "gate 4, then door code 5518"}
WEAK = {"username": "features", "password": "password", "access": "archived"}


def _told(account: Account, environment: dict[str, Any], text: str) -> Account:
    """Put the environment into the tests of product 2, and the text into the features of both and all tests' copies."""
    for cycle in account.product(2).cycles:
        cycle.payload["test_environment"] = {"id": 9, "title": "Staging", **environment}
    for product in account.products:
        copies = [copy for cycle in product.cycles for copy in cycle.payload["features"]]
        for said in [*(feature.payload for feature in product.features), *copies]:
            said["title"], said["howtofind"] = "Forgot password", text
        for cycle in product.cycles:
            for bug in cycle.bugs:
                bug.payload["severity"] = "critical"
                bug.payload["title"] = text
    return account


def _sync(db: Path, address: str) -> dict[str, Any]:
    done = command("sync", "--db", str(db), "--json", address=address)
    assert done.returncode == 0, done.stderr
    assert not [value for value in STRONG.values() if value in done.stdout + done.stderr]
    return dict(json.loads(done.stdout)["streams"])


def _states(db: Path) -> list[tuple[Any, ...]]:
    found = ta.feature_catalog(ta.load_mirror(db))
    return list(zip(found["feature"], found["state"], found["changed_since_tested"].astype(str), strict=True))


def test_strong_credentials_are_in_no_byte_of_the_file_and_weak_ones_change_nothing(tmp_path: Path) -> None:
    """Texts quote a credential that becomes known only later: every byte of it goes, and stays away.

    In the same run ordinary words become credentials: nothing that merely holds one of them is changed.
    """
    text = "Use {username} with {password}; {access}; pw: password".format(**STRONG)
    account, db = _told(small_account(), {}, text), tmp_path / "m.db"
    with serving(account) as address:
        _sync(db, address)
        before = _states(db)
        assert all(value.encode() in db.read_bytes() for value in STRONG.values())

        _told(account, {"username": [*STRONG.values()], **{k: v for k, v in WEAK.items() if k != "username"}}, text)
        counts = _sync(db, address)
        again = _sync(db, address)

    content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert [name for name, value in STRONG.items() if value.encode() in content] == []
    assert counts["features"]["total"] == 8
    assert ("Forgot password", "tested", "False") in before
    assert {stream: count["updated"] for stream, count in again.items()} == dict.fromkeys(again, 0)
    assert _states(db) == before  # titles, states, "changed since tested"
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("select distinct howtofind, title from features").fetchall() == [
            ("Use [removed] with [removed]; [removed]; pw: [removed]", "Forgot password")
        ]
        assert connection.execute("select distinct severity from bugs").fetchall() == [("critical",)]
        assert connection.execute("select distinct status from tests").fetchall() == [("locked",)]
