"""Read the exploratory tests of one product, page by page; a row that breaks its page costs only itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlite_utils import Database

from testio_analytics import errors
from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.concurrency import gather
from testio_analytics.mirror import diff, schema
from testio_analytics.mirror.diff import Gap, StreamRead
from testio_analytics.mirror.rows import Rows, id_in
from testio_analytics.mirror.streams.gaps import GAP_ERRORS, gap_of
from testio_analytics.mirror.worker import RowWorker

MOST_CHECKED = 50
"""Tests that are looked up one by one because they no longer come with the list."""


async def read_tests(db: Database, api: Client, compute: RowWorker, product_id: int) -> StreamRead:
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
    found = await compute(test_rows, product_id, listed.rows, secrets=api.secrets)
    unlisted, stored = diff.vanished_ids(db, schema.TESTS, found, product_id=product_id)
    if len(unlisted) <= min(MOST_CHECKED, stored * diff.MOST_REMOVED):
        details = await gather(*(_look_up(api, test_id, product_id, gaps) for test_id in unlisted))
        found.extend(test_rows(product_id, [test for test in details if test is not None], secrets=api.secrets))
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


def test_rows(product_id: int, tests: Iterable[Any], *, secrets: Collection[str] = ()) -> Rows:
    """Return ``tests`` and ``test_features`` of one product; a test that comes twice is one row."""
    rows = Rows()
    for payload in tests:
        _add_test(rows, product_id, payloads.scrub(payload, secrets=secrets))
    return rows


test_rows.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it for its name


def _add_test(rows: Rows, product_id: int, raw: Any) -> None:
    test = payloads.read(payloads.ExploratoryTest, raw)
    if isinstance(test, str):
        rows.reject(schema.TESTS, raw, test)
        return
    if (test.id,) in rows.by_table[schema.TESTS.name]:
        return
    environment = test.test_environment if isinstance(test.test_environment, Mapping) else {}
    rows.add(
        schema.TESTS,
        raw,
        **test.model_dump(exclude={"test_title", "section", "test_environment", "features", "title"}),
        title=test.test_title if test.title is None else test.title,
        product_id=product_id,
        section_id=id_in(test.section),
        environment_id=id_in(environment),
        environment_title=payloads.text_of(environment.get("title")),
    )
    if not isinstance(test.features, list | None):
        reason = f"the features of test {test.id} are not a list but {payloads.shown(test.features)}"
        rows.reject(schema.TEST_FEATURES, test.features, reason)
        return
    for entry in test.features or []:
        _add_test_feature(rows, product_id, test.id, entry)


def _add_test_feature(rows: Rows, product_id: int, test_id: int, raw: Any) -> None:
    feature = payloads.read(payloads.TestFeature, raw)
    if isinstance(feature, str):
        rows.reject(schema.TEST_FEATURES, raw, f"in test {test_id}: {feature}")
        return
    known = rows.by_table[schema.TEST_FEATURES.name].get((feature.id,))
    if known is not None and known["test_id"] != test_id:
        rows.reject(schema.TEST_FEATURES, raw, f"in test {test_id}: its id already came with test {known['test_id']}")
        return
    rows.add(schema.TEST_FEATURES, raw, test_id=test_id, product_id=product_id, **feature.model_dump())
