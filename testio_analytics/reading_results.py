"""Read what came of the features and stories of each test, and, when asked for, the single runs of the stories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from testio_analytics.client import Client
from testio_analytics.computing import Computer
from testio_analytics.differences import Gap, StreamRead, TestReads
from testio_analytics.due import Known
from testio_analytics.reading import GAP_ERRORS, gap_of, unlisted_gap
from testio_analytics.rows import Rows
from testio_analytics.rows_of_results import execution_rows, has_plain_stories, result_rows
from testio_analytics.running import gather


async def read_results(api: Client, compute: Computer, product_id: int, due: Sequence[int], known: Known) -> StreamRead:
    """Read the detail of each test that is due."""
    found, gaps, unsound = Rows(), list(unlisted_gap("results", product_id, known)), set[int]()
    plain: set[int] = set()

    async def one(test_id: int) -> None:
        try:
            detail = await api.test(test_id, with_results=True)
        except GAP_ERRORS as error:
            unsound.add(test_id)
            gaps.append(gap_of("results", f"results of test {test_id}", error, product_id))
            return
        result = await compute(result_rows, product_id, test_id, detail, secrets=api.secrets)
        if has_plain_stories(detail):
            plain.add(test_id)
        if result.rejections or test_id in plain:
            unsound.add(test_id)
        found.extend(result)

    await gather(*(one(test_id) for test_id in due))
    if plain:
        reason = f"{len(plain)} tests name their stories as plain sentences, so nothing is said of the results of those"
        gaps.append(Gap("results", "results of user stories", f"{reason}; the API is older than them", 0, product_id))
    reads = TestReads({test_id: known.statuses[test_id] for test_id in due}, frozenset(unsound))
    return StreamRead("results", found, tuple(sorted(gaps, key=lambda gap: gap.where)), None if gaps else 0, reads)


async def read_executions(
    api: Client, product_id: int, due: Sequence[int], known: Known, versions: Sequence[Mapping[str, Any]]
) -> StreamRead:
    """Read the runs of every story of the tests that are due, one version of a story at a time.

    `versions` are rows of ``test_user_stories``. The API counts what it has, so that a row too few is noticed.
    """
    found, gaps, unsound = Rows(), list(unlisted_gap("executions", product_id, known)), set[int]()
    asked: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for row in versions:
        if row["test_id"] in known.statuses and row["user_story_version_id"] is not None:
            asked[row["test_id"]][row["user_story_version_id"]] = row["user_story_id"]

    async def one(test_id: int, version_id: int, story_id: int) -> None:
        where = f"executions of story {story_id} in test {test_id}"
        try:
            runs, total = await api.executions(version_id)
        except GAP_ERRORS as error:
            unsound.add(test_id)
            gaps.append(gap_of("executions", where, error, product_id))
            return
        result = execution_rows(product_id, story_id, version_id, test_id, runs, secrets=api.secrets)
        if total is not None and total != len({row["id"] for row in runs if isinstance(row, Mapping) and "id" in row}):
            unsound.add(test_id)
            gaps.append(Gap("executions", where, f"the API counts {total} and listed {len(runs)}", 1, product_id))
        if result.rejections:
            unsound.add(test_id)
        found.extend(result)

    wanted = {*due}
    pairs = [(test, *item) for test, stories in asked.items() if test in wanted for item in stories.items()]
    await gather(*(one(*pair) for pair in pairs))
    reads = TestReads({test_id: known.statuses[test_id] for test_id in due}, frozenset(unsound))
    return StreamRead("executions", found, tuple(sorted(gaps, key=lambda gap: gap.where)), None if gaps else 0, reads)
