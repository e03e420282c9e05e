"""Read what came of the features and stories of each test, and, when asked for, the single runs of the stories.

Read: Details of tests to rows: what came of each feature and each story, and the single runs of the stories.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.api.sections import as_id
from testio_analytics.concurrency import gather
from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import Gap, StreamRead, TestReads
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.streams.bugs import device
from testio_analytics.mirror.streams.due import Known
from testio_analytics.mirror.streams.gaps import GAP_ERRORS, gap_of, unlisted_gap
from testio_analytics.mirror.worker import RowWorker


def result_rows(product_id: int, test_id: int, detail: Any, *, secrets: Collection[str] = ()) -> Rows:
    """Return ``test_feature_results`` and ``test_user_stories`` from the detail of one test."""
    rows = Rows()
    features = payloads.scrub(detail.get("features"), secrets=secrets)
    if not isinstance(features, list | None):
        reason = f"the features of test {test_id} are not a list but {payloads.shown(features)}"
        rows.reject(schema.TEST_FEATURE_RESULTS, features, reason)
        return rows
    for raw in features or []:
        _add_feature(rows, product_id, test_id, raw)
    return rows


def _add_feature(rows: Rows, product_id: int, test_id: int, raw: Any) -> None:
    feature = payloads.read(payloads.FeatureResult, raw)
    if isinstance(feature, str):
        rows.reject(schema.TEST_FEATURE_RESULTS, raw, f"in test {test_id}: {feature}")
        return
    stories, bug_ids = raw.get("user_stories"), raw.get("bug_ids")
    # The stories are rows of their own, and the texts stand in ``test_features``.
    own = {key: value for key, value in raw.items() if key not in {"user_stories", "description", "howtofind"}}
    rows.add(
        schema.TEST_FEATURE_RESULTS,
        own,
        **feature.model_dump(exclude={"id"}),
        test_feature_id=feature.id,
        test_id=test_id,
        product_id=product_id,
        bug_ids=payloads.as_json([found for found in map(as_id, bug_ids) if found])
        if isinstance(bug_ids, list)
        else None,
    )
    if not isinstance(stories, list | None):
        reason = f"the stories of test feature {feature.id} are not a list but {payloads.shown(stories)}"
        rows.reject(schema.TEST_USER_STORIES, stories, reason)
        return
    for story in stories or []:
        _add_story(rows, product_id, test_id, feature.id, story)


def _add_story(rows: Rows, product_id: int, test_id: int, test_feature_id: int, raw: Any) -> None:
    if isinstance(raw, str):  # see `has_plain_stories`: one gap says it for all
        return
    story = payloads.read(payloads.StoryResult, raw)
    if isinstance(story, str):
        rows.reject(schema.TEST_USER_STORIES, raw, f"in test {test_id}: {story}")
        return
    rows.add(
        schema.TEST_USER_STORIES,
        raw,
        **story.model_dump(exclude={"id", "path", "title"}),
        test_feature_id=test_feature_id,
        user_story_id=story.id,
        test_id=test_id,
        product_id=product_id,
        title=story.title if story.path is None else story.path,
    )


def has_plain_stories(detail: Any) -> bool:
    """Return whether a test names stories as plain sentences: an API of before 2026 says nothing of their results."""
    features = detail.get("features")
    return any(
        isinstance(story, str)
        for feature in (features if isinstance(features, list) else [])
        if isinstance(feature, Mapping) and isinstance(feature.get("user_stories"), list)
        for story in feature["user_stories"]
    )


def bugs_named(results: Iterable[Mapping[str, Any]]) -> dict[int, int | None]:
    """Return bug id → catalogue feature as the results name them: rows of ``test_feature_results``.

    A bug that two features claim is in it with None: nothing tells which of them is right.
    """
    named: dict[int, int | None] = {}
    for row in results:
        for bug_id in json.loads(row["bug_ids"] or "[]"):
            feature_id = row["feature_id"]
            named[bug_id] = feature_id if named.get(bug_id, feature_id) == feature_id else None
    return named


def execution_rows(
    product_id: int, story_id: int, version_id: int, test_id: int, runs: Iterable[Any], *, secrets: Collection[str] = ()
) -> Rows:
    """Return ``executions`` of one version of one story. The rows themselves do not say whose they are."""
    rows = Rows()
    for raw in payloads.scrub(list(runs), secrets=secrets):
        run = payloads.read(payloads.Execution, raw)
        if isinstance(run, str):
            rows.reject(schema.EXECUTIONS, raw, f"of story {story_id} in test {test_id}: {run}")
            continue
        cycle, reports = raw.get("test_cycle"), raw.get("device_reports")
        rows.add(
            schema.EXECUTIONS,
            raw,
            **run.model_dump(),
            product_id=product_id,
            user_story_id=story_id,
            user_story_version_id=version_id,
            test_id=(as_id(cycle.get("id")) if isinstance(cycle, Mapping) else None) or test_id,
            **_devices(reports if isinstance(reports, list) else []),
        )
    return rows


def _devices(reports: list[Any]) -> dict[str, str | None]:
    """Return the words of all device reports of one run, each joined with a comma."""
    found = [device(report) for report in reports if isinstance(report, Mapping)]
    parts = ("category", "operating_system", "os_version", "device", "browsers")
    return {name: ", ".join(dict.fromkeys(word for one in found if (word := one[name]))) or None for name in parts}


async def read_results(
    api: Client, compute: RowWorker, product_id: int, due: Sequence[int], known: Known
) -> StreamRead:
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
