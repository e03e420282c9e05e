"""What came of the features and stories of each test, and, when asked for, the single runs of the stories."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlite_utils import Database

from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.api.scrubbing import scrub
from testio_analytics.api.values import as_id, as_json, id_in, list_in
from testio_analytics.concurrency import gather
from testio_analytics.errors import NotFoundError
from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import StreamRead
from testio_analytics.mirror.requirements import add_story_bugs
from testio_analytics.mirror.rows import Row, Rows
from testio_analytics.mirror.streams.bugs import device
from testio_analytics.mirror.streams.tests import Known
from testio_analytics.mirror.worker import RowWorker
from testio_analytics.text import counted


async def read_results(api: Client, worker: RowWorker, due: Sequence[int], known: Known) -> StreamRead:
    """Read the detail of each test that is due; one that names fewer features than the list did is not whole."""
    found, gaps, unsound, plain, gone = Rows(), known.gaps("results"), set[int](), set[int](), set[int]()
    features = defaultdict[int, set[int]](set)
    for test_feature_id, (test_id, _) in known.scope.items():
        features[test_id].add(test_feature_id)

    async def detail_of(test_id: int) -> Any:
        try:
            return await api.test(test_id, with_results=True)
        except NotFoundError as error:
            if error.status == 404:  # 403 is a matter of rights
                gone.add(test_id)
            raise

    async def one(test_id: int) -> None:
        detail = await gaps.answer(f"results of test {test_id}", detail_of(test_id))
        if detail is None:
            unsound.add(test_id)
            return
        result = await worker(result_rows, known.product_id, test_id, detail)
        if has_plain_stories(detail):
            plain.add(test_id)
        named = {row["test_feature_id"] for row in result.of(schema.TEST_FEATURE_RESULTS)}
        if unnamed := features[test_id] - named:
            said = f"the list of tests names {len(features[test_id])} features of it, its detail {len(unnamed)} fewer"
            gaps.note(f"results of test {test_id}", said, 1)
        if result.rejections or unnamed or test_id in plain:
            unsound.add(test_id)
        found.extend(result)

    await gather(*(one(test_id) for test_id in due))
    if plain:
        reason = f"{len(plain)} tests name their stories as plain sentences, so nothing is said of the results of those"
        gaps.note("results of user stories", f"{reason}; the API is older than them")
    reads = replace(known.reads(due, unsound), gone=frozenset(gone))
    return StreamRead("results", found, gaps.in_order, gaps.missing, reads)


async def read_executions(
    api: Client,
    due: Sequence[int],
    known: Known,
    versions: Iterable[Mapping[str, Any]],
    without_results: Collection[int] = (),
) -> StreamRead:
    """Read the runs of every story of the tests that are due, one version of a story at a time.

    `versions` are rows of ``test_user_stories``; which there are is not known of tests `without_results`. The API
    counts what it has, so that a row too few is noticed.
    """
    found, gaps, unsound = Rows(), known.gaps("executions"), {*due} & {*without_results}
    if unsound:
        reason = (
            "their results were not read, so it is not known which stories they had. Sync the stream results as well"
        )
        gaps.note(f"executions of {counted(len(unsound), 'test')} without results", reason)

    async def one(test_id: int, version_id: int, story_id: int) -> None:
        where = f"executions of story {story_id} in test {test_id}"
        listed = await gaps.answer(where, api.executions(version_id))
        if listed is None:
            unsound.add(test_id)
            return
        result = execution_rows(known.product_id, story_id, version_id, test_id, listed.rows)
        distinct = len({row["id"] for row in listed.rows if isinstance(row, Mapping) and "id" in row})
        doubt = listed.doubt
        if listed.total is not None and listed.total != distinct:
            doubt = f"the API counts {listed.total} and listed {len(listed.rows)}"
        elif found.by_table[schema.EXECUTIONS.name].keys() & result.by_table[schema.EXECUTIONS.name].keys():
            doubt = "the API answered with runs that it had listed for another story or test before"
        if doubt:
            gaps.note(where, doubt, 1)
        if doubt or result.rejections:
            unsound.add(test_id)
        found.extend(result)

    wanted = {*due} & known.statuses.keys()
    asked = {
        (row["test_id"], row["user_story_version_id"]): row["user_story_id"]
        for row in versions
        if row["test_id"] in wanted and row["user_story_version_id"] is not None
    }
    await gather(*(one(*version, story_id) for version, story_id in asked.items()))
    return StreamRead("executions", found, gaps.in_order, gaps.missing, known.reads(due, unsound))


def current_rows(
    db: Database, table: schema.Table, columns: str, product_id: int, read: StreamRead | None
) -> Iterable[Row]:
    """Return the rows of a product as they are now: those just read, and the stored ones of other tests.

    The stored ones have the given columns only.
    """
    replaced = set() if read is None or read.tests is None else {*read.tests.statuses} - read.tests.unsound
    select = f"""
        select {columns} from {table.name}
        where product_id = ? and removed_at is null and test_id not in (select value from json_each(?))
    """  # noqa: S608  # only names of our own
    yield from [] if read is None else read.rows.of(table)
    yield from db.query(select, [product_id, json.dumps([*replaced])])


def result_rows(product_id: int, test_id: int, detail: Any) -> Rows:
    """Return ``test_feature_results``, ``test_user_stories`` and ``story_bugs`` from the detail of one test."""
    rows = Rows()
    features = scrub(detail.get("features"), rows.credentials)
    for raw in rows.entries(schema.TEST_FEATURE_RESULTS, features, f"the features of test {test_id}"):
        _add_feature(rows, product_id, test_id, raw)
    return rows


def _add_feature(rows: Rows, product_id: int, test_id: int, raw: Any) -> None:
    feature = rows.read(payloads.FeatureResult, schema.TEST_FEATURE_RESULTS, raw, f"in test {test_id}: ")
    if feature is None:
        return
    bug_ids = list_in(raw, "bug_ids")
    # The stories are rows of their own, and the texts stand in ``test_features``.
    own = {key: value for key, value in raw.items() if key not in {"user_stories", "description", "howtofind"}}
    rows.add(
        schema.TEST_FEATURE_RESULTS,
        own,
        **feature.model_dump(exclude={"id"}),
        test_feature_id=feature.id,
        test_id=test_id,
        product_id=product_id,
        bug_ids=None if bug_ids is None else as_json([found for found in map(as_id, bug_ids) if found]),
    )
    name = f"the stories of test feature {feature.id}"
    for story in rows.entries(schema.TEST_USER_STORIES, raw.get("user_stories"), name):
        if not isinstance(story, str):  # see `has_plain_stories`: one gap says it for all
            _add_story(rows, product_id, test_id, feature.id, story)


def _add_story(rows: Rows, product_id: int, test_id: int, test_feature_id: int, raw: Any) -> None:
    story = rows.read(payloads.StoryResult, schema.TEST_USER_STORIES, raw, f"in test {test_id}: ")
    if story is None:
        return
    keys = {"test_feature_id": test_feature_id, "user_story_id": story.id, "test_id": test_id, "product_id": product_id}
    rows.add(
        schema.TEST_USER_STORIES,
        raw,
        **story.model_dump(exclude={"id", "path", "title"}),
        **keys,
        title=story.title if story.path is None else story.path,
    )
    add_story_bugs(rows, raw, **keys)


def has_plain_stories(detail: Any) -> bool:
    """Return whether a test names stories as plain sentences: an API of before 2026 says nothing of their results."""
    return any(
        isinstance(story, str)
        for feature in list_in(detail, "features") or ()
        for story in list_in(feature, "user_stories") or ()
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


def execution_rows(product_id: int, story_id: int, version_id: int, test_id: int, runs: Iterable[Any]) -> Rows:
    """Return ``executions`` of one version of one story. The rows themselves do not say whose they are."""
    rows = Rows()
    for raw in scrub(list(runs), rows.credentials):
        run = rows.read(payloads.Execution, schema.EXECUTIONS, raw, f"of story {story_id} in test {test_id}: ")
        if run is not None:
            rows.add(
                schema.EXECUTIONS,
                raw,
                **run.model_dump(),
                product_id=product_id,
                user_story_id=story_id,
                user_story_version_id=version_id,
                test_id=id_in(raw.get("test_cycle")) or test_id,
                **_devices(list_in(raw, "device_reports") or []),
            )
    return rows


def _devices(reports: list[Any]) -> dict[str, str | None]:
    """Return the words of all device reports of one run, each joined with a comma."""
    found = [device(report) for report in reports if isinstance(report, Mapping)]
    parts = ("category", "operating_system", "os_version", "device", "browsers")
    return {name: ", ".join(dict.fromkeys(word for one in found if (word := one[name]))) or None for name in parts}
