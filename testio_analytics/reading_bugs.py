"""Read the bugs of one product, several tests at a time; a test that the server cannot serve costs only itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from testio_analytics.client import Client
from testio_analytics.computing import Computer
from testio_analytics.differences import Gap, StreamRead, TestReads
from testio_analytics.due import Known
from testio_analytics.reading import GAP_ERRORS, gap_of, unlisted_gap
from testio_analytics.rows_of_bugs import BugRows, bug_rows
from testio_analytics.running import gather

BATCH = 15
"""Tests asked for at once: more of them end in timeouts (testio-api 11.2)."""


async def read_bugs(api: Client, compute: Computer, product_id: int, due: Sequence[int], known: Known) -> StreamRead:
    """Read the bugs of the tests that are due; what fails is asked for in halves, down to the single test."""
    found, gaps, failed = BugRows(), list(unlisted_gap("bugs", product_id, known)), set[int]()

    async def batch(tests: Sequence[int]) -> None:
        try:
            bugs = await api.bugs(tests, is_last_try=len(tests) == 1)
        except GAP_ERRORS as error:
            if len(tests) == 1:
                failed.update(tests)
                gaps.append(gap_of("bugs", f"bugs of test {tests[0]}", error, product_id))
                return
            half = len(tests) // 2
            await batch(tests[:half])
            await batch(tests[half:])
            return
        found.extend(await compute(bug_rows, product_id, bugs, asked=tests, scope=known.scope, secrets=api.secrets))

    await gather(*(batch(due[start : start + BATCH]) for start in range(0, len(due), BATCH)))
    gaps.extend(_strangers(found.strangers - {*known.statuses}, product_id))
    statuses = {test_id: known.statuses[test_id] for test_id in due}
    # A bug without test can only be missed when every test was asked for.
    reads = TestReads(statuses, frozenset(failed | found.unsound), covers_all=len(due) == len(known.statuses))
    return StreamRead("bugs", found.rows, tuple(sorted(gaps, key=lambda gap: gap.where)), None if gaps else 0, reads)


def _strangers(tests: Iterable[int], product_id: int) -> Iterable[Gap]:
    """Name the tests whose bugs came although nobody knows those tests: their bugs are not stored."""
    for test_id in sorted(tests):
        reason = f"the API answered with bugs of test {test_id}, which it does not list; they are not stored"
        yield Gap("bugs", f"bugs of unlisted test {test_id}", reason, 0, product_id)
