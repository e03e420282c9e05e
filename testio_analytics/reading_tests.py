"""Read the exploratory tests of one product, page by page; a row that breaks its page costs only itself."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from testio_analytics import differences, errors, rows, tables
from testio_analytics.client import Client
from testio_analytics.computing import Computer
from testio_analytics.differences import Gap, StreamRead
from testio_analytics.reading import GAP_ERRORS, gap_of
from testio_analytics.rows import Rows
from testio_analytics.running import gather

MOST_CHECKED = 50
"""Tests that are looked up one by one because they no longer come with the list."""


async def read_tests(db: Database, api: Client, compute: Computer, product_id: int) -> StreamRead:
    """Read all tests of one product; rows that cannot be served become gaps.

    A stored test that is no longer listed is looked up on its own before anything is concluded: the list shifts while
    it is read, and a row that breaks its page may still be readable alone.
    """
    try:
        listed = await api.tests(product_id)
    except GAP_ERRORS as error:
        return StreamRead("tests", Rows(), (gap_of("tests", "all tests", error, product_id),), None)
    gaps = [Gap("tests", str(hole), hole.reason, hole.attempts, product_id) for hole in listed.holes]
    if not listed.is_settled:
        reason = "the list kept changing while it was read, twice; a test may have slipped through. Sync again"
        gaps.append(Gap("tests", "order of the test list", reason, 0, product_id))
    found = await compute(rows.test_rows, product_id, listed.rows, secrets=api.secrets)
    unlisted, stored = differences.vanished_ids(db, tables.TESTS, found, product_id=product_id)
    if len(unlisted) <= min(MOST_CHECKED, stored * differences.MOST_REMOVED):
        details = await gather(*(_look_up(api, test_id, product_id, gaps) for test_id in unlisted))
        found.extend(rows.test_rows(product_id, [test for test in details if test is not None], secrets=api.secrets))
    counts = [hole.count for hole in listed.holes]
    missing = None if None in counts or not listed.is_settled else sum(count or 0 for count in counts)
    return StreamRead("tests", found, tuple(gaps), missing)


async def _look_up(api: Client, test_id: int, product_id: int, gaps: list[Gap]) -> Any:
    try:
        return await api.test(test_id)
    except errors.NotFoundError:
        return None
    except GAP_ERRORS as error:
        gaps.append(gap_of("tests", f"test {test_id}, which is stored but no longer listed", error, product_id))
        return None
