"""What a mirror keeps of the payloads, read with plain SQL and JSON: what checks a figure must not come through its code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

EXECUTED = {"running", "locked", "archived", "completed"}
"""Written down again, by hand, from the definitions."""


@cache
def payloads(db: Path, table: str) -> list[dict[str, Any]]:
    """Return the payloads of the rows that are there, each with the id of its product as ``of_product``.

    The results of stories come with the test that was asked for as ``of_test``.
    """
    owner = "id" if table == "products" else "product_id"
    test = "test_id" if table == "test_user_stories" else "null"
    with closing(sqlite3.connect(db)) as connection:
        select = f"select {owner}, {test}, raw_data from {table} where removed_at is null"
        rows = connection.execute(select).fetchall()
    return [{**json.loads(text), "of_product": key, "of_test": test_id} for key, test_id, text in rows]


def last_run(db: Path) -> datetime:
    """Return when the last run ended."""
    with closing(sqlite3.connect(db)) as connection:
        return datetime.fromisoformat(connection.execute("select max(finished_at) from sync_runs").fetchone()[0])


@cache
def dated_tests(db: Path) -> dict[int, tuple[dict[str, Any], datetime]]:
    """Return the tests by id, each with the time that it belongs to, at most the end of the last run; those later are out.

    A planned test may be later all the same: its bugs, where it has any, count.
    """
    now, found = last_run(db), {}
    for test in payloads(db, "tests"):
        start, end = (_time(test.get(name)) for name in ("start_at", "end_at"))
        at, is_running = end or start, test.get("status") == "running" and (start or now) <= now
        if at is None or (test.get("status") in EXECUTED and at > now and not is_running):
            continue
        found[int(test["id"])] = (test, min(at, now))
    return found


def executed_tests(db: Path) -> dict[int, tuple[dict[str, Any], datetime]]:
    """Return those of them that were executed."""
    return {key: pair for key, pair in dated_tests(db).items() if pair[0].get("status") in EXECUTED}


def test_of(bug: dict[str, Any], db: Path) -> int | None:
    """Return the test of a bug: the one that it names, else the one that lists its test feature."""
    named = (bug.get("test") or {}).get("id")
    return named if named is not None else _tests_of_features(db).get((bug.get("test_feature") or {}).get("id"))


test_of.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it for its name


@cache
def _tests_of_features(db: Path) -> dict[int | None, int]:
    return {row["id"]: int(test["id"]) for test in payloads(db, "tests") for row in test.get("features") or []}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
