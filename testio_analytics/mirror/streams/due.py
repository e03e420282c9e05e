"""Which tests must have their bugs, results or executions read now.

A test that can no longer change is read once in that state; every other one each time (testio-api 7.9 and 18.1, 7).
Nothing here writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import StreamRead
from testio_analytics.mirror.rows import Scope

IMMUTABLE = ("archived", "cancelled")
"""The statuses in which nothing of a test changes any more."""


@dataclass(frozen=True)
class Known:
    """What is known of a product's tests when their bugs and results are to be read.

    `statuses` holds every test with its status; `scope` its test features with test and catalogue feature; `is_listed`
    whether the list of tests was ever read, so that "no tests" means that there are none.
    """

    statuses: dict[int, str | None]
    scope: Scope
    is_listed: bool


def known_tests(db: Database, product_id: int, read: StreamRead | None) -> Known:
    """Return the tests of a product: as they were read just now, and those stored before that did not come again."""
    statuses: dict[int, str | None] = {}
    scope: dict[int, tuple[int, int | None]] = {}
    if read is not None:
        statuses |= {row["id"]: row["status"] for row in read.rows.of(schema.TESTS)}
        scope |= {row["id"]: (row["test_id"], row["feature_id"]) for row in read.rows.of(schema.TEST_FEATURES)}
    if read is None or read.gaps or read.rows.rejections:  # otherwise what did not come is gone
        for row in _active(db, "id, status", "tests", product_id):
            statuses.setdefault(row["id"], row["status"])
        for row in _active(db, "id, test_id, feature_id", "test_features", product_id):
            scope.setdefault(row["id"], (row["test_id"], row["feature_id"]))
    listed = "select 1 from stream_states where product_id = ? and stream = 'tests'"
    return Known(statuses, scope, read is not None or bool(list(db.query(listed, [product_id]))))


def due_tests(db: Database, product_id: int, stream: str, known: Known, *, full: bool = False) -> list[int]:
    """Return the tests to read for a stream, oldest id first; all of them where `full`."""
    if full:
        return sorted(known.statuses)
    select = "select test_id, status from test_reads where product_id = ? and stream = ? and is_complete = 1"
    done = {row["test_id"]: row["status"] for row in db.query(select, [product_id, stream])}
    again = _newly_attributable(db, product_id) if stream == "bugs" else set()
    return sorted(
        test_id
        for test_id, status in known.statuses.items()
        if status not in IMMUTABLE or done.get(test_id) != status or test_id not in done or test_id in again
    )


def _newly_attributable(db: Database, product_id: int) -> set[int]:
    """Return the tests with a bug that named no feature when it was read, while results that came later may name it."""
    select = """
        select distinct b.test_id from bugs b
        join test_reads r on r.test_id = b.test_id and r.stream = 'results'
        join test_reads s on s.test_id = b.test_id and s.stream = 'bugs'
        where b.product_id = ? and b.feature_link = 'none' and b.removed_at is null and r.run_id > s.run_id
    """
    return {row["test_id"] for row in db.query(select, [product_id])}


def stored_results(db: Database, product_id: int, without: Iterable[int]) -> list[dict[str, Any]]:
    """Return the stored results of features, except those of the given tests."""
    select = """
        select test_feature_id, test_id, feature_id, bug_ids from test_feature_results
        where product_id = ? and removed_at is null and test_id not in (select value from json_each(?))
    """
    return list(db.query(select, [product_id, json.dumps(list(without))]))


def stored_versions(db: Database, product_id: int, without: Iterable[int]) -> list[dict[str, Any]]:
    """Return the stored versions of stories in tests, except those of the given tests."""
    select = """
        select test_id, user_story_id, user_story_version_id from test_user_stories
        where product_id = ? and removed_at is null and test_id not in (select value from json_each(?))
    """
    return list(db.query(select, [product_id, json.dumps(list(without))]))


def _active(db: Database, columns: str, table: str, product_id: int) -> Iterable[dict[str, Any]]:
    # Only names of our own are in the text.
    return db.query(f"select {columns} from {table} where product_id = ? and removed_at is null", [product_id])  # noqa: S608
