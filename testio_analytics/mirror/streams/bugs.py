"""The bugs of one product, several tests at a time; a test that the server cannot serve costs only itself.

Each bug becomes a row with its devices, and with the test and the catalogue feature that it belongs to.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlite_utils import Database

from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.api.scrubbing import scrub
from testio_analytics.api.values import as_id, id_in, names, shown
from testio_analytics.concurrency import gather
from testio_analytics.mirror import diff, schema
from testio_analytics.mirror.custom_reports import add_report
from testio_analytics.mirror.diff import StreamRead, TestReads
from testio_analytics.mirror.rows import Row, Rows, content_hash
from testio_analytics.mirror.streams.gaps import GAP_ERRORS, Gaps
from testio_analytics.mirror.streams.tests import Known, Scope
from testio_analytics.mirror.worker import RowWorker
from testio_analytics.text import listed

BATCH = 15
"""Tests asked for at once: more of them end in timeouts (testio-api 11.2)."""


async def read_bugs(
    api: Client, worker: RowWorker, due: Sequence[int], known: Known, *, at_once: int = BATCH
) -> StreamRead:
    """Read the bugs of the tests that are due; what fails or is not whole is asked for in halves, down to one test."""
    found, gaps = BugRows(), known.gaps("bugs")

    async def halves(tests: Sequence[int]) -> None:
        half = len(tests) // 2
        await batch(tests[:half])
        await batch(tests[half:])

    async def batch(tests: Sequence[int]) -> None:
        is_one = len(tests) == 1
        try:
            bugs = await api.bugs(tests, is_last_try=is_one)
        except GAP_ERRORS as error:
            if not is_one:
                await halves(tests)
                return
            found.unsound.update(tests)
            gaps.note_error(f"bugs of test {tests[0]}", error)
            return
        rows = await worker(bug_rows, known.product_id, bugs, asked=tests, scope=known.scope)
        found.extend(rows)
        if bugs.miscount and not is_one:
            await halves(tests)
        elif bugs.miscount:
            found.unsound.update(tests)
            gaps.note(f"bugs of test {tests[0]}", bugs.miscount, 1)
        elif rows.unasked:
            _note_unanswered(tests, rows)

    def _note_unanswered(tests: Sequence[int], rows: BugRows) -> None:
        """Note the tests of a batch of which no bug came, while bugs of other tests did: was the question heard?"""
        silent = {*tests} - {row["test_id"] for row in rows.rows.of(schema.BUGS)}
        found.unsound.update(silent)
        for test_id in sorted(silent):
            others = listed([str(other) for other in sorted(rows.unasked)])
            gaps.note(f"bugs of test {test_id}", f"asked for its bugs, the API answered with bugs of test {others}", 1)

    await gather(*(batch(due[start : start + at_once]) for start in range(0, len(due), at_once)))
    for test_id in sorted(found.unasked - {*known.statuses}):
        reason = f"the API answered with bugs of test {test_id}, which it does not list; they are not stored"
        gaps.note(f"bugs of unlisted test {test_id}", reason)
    return StreamRead("bugs", found.rows, gaps.in_order, gaps.missing, known.reads(due, found.unsound))


async def with_vanished(db: Database, api: Client, read: StreamRead, known: Known, *, full: bool) -> StreamRead:
    """Return a read of bugs with those that no longer came and still answer by their ids.

    One that names no test, or one that was not asked for now, need not have come with any.
    """
    gaps, asked = Gaps("bugs", known.product_id, [*read.gaps]), read.tests.statuses if read.tests else {}

    def is_elsewhere(bug: Any) -> bool:
        return _id_under(bug, "test") not in asked

    gone = diff.vanished(db, read, product_id=known.product_id)
    bugs = await gaps.still_there("bugs", gone, api.bug, full=full, is_elsewhere=is_elsewhere)
    rows = bug_rows(known.product_id, bugs, asked=known.statuses, scope=known.scope).rows
    read.rows.extend(rows)
    return replace(read, gaps=gaps.in_order, missing=gaps.missing)


async def with_named(api: Client, worker: RowWorker, read: StreamRead, results: StreamRead, known: Known) -> StreamRead:
    """Return a read of bugs with those that results, read at the same time, name and that did not come.

    They may have been reported between the two, or cut off, so each of their tests is asked for once more, alone; what
    then still did not come is a gap.
    """
    doubtful = _named_and_missing(read, results)
    if not doubtful:
        return read
    again = await read_bugs(api, worker, sorted(doubtful), known, at_once=1)
    again.rows.extend(read.rows)
    gaps, left = Gaps("bugs", known.product_id, [*read.gaps, *again.gaps]), _named_and_missing(again, results)
    for test_id, ids in left.items():
        named = listed([str(bug_id) for bug_id in sorted(ids)])
        gaps.note(f"bugs of test {test_id}", f"its results name bugs that did not come with its bugs ({named})")
    reads = replace(_tests_of(read), unsound=_tests_of(read).unsound | _tests_of(again).unsound | left.keys())
    return replace(read, rows=again.rows, gaps=gaps.in_order, missing=gaps.missing, tests=reads)


def with_gone(read: StreamRead, results: StreamRead, known: Known) -> StreamRead:
    """Return a read of bugs in which silence about a test that exists no more is a gap.

    A test that was listed and deleted before its bugs were read looks like one without bugs.
    """
    silent = _tests_of(results).gone & _tests_of(read).statuses.keys()
    silent -= {row["test_id"] for row in read.rows.of(schema.BUGS)}
    gaps = Gaps("bugs", known.product_id, [*read.gaps])
    for test_id in sorted(silent):
        reason = "no bug of it came, and its detail answered that there is no such test, although it was just listed"
        gaps.note(f"bugs of test {test_id}", f"{reason}. It may have been deleted meanwhile: sync again", 1)
    reads = replace(_tests_of(read), unsound=_tests_of(read).unsound | silent)
    return replace(read, gaps=gaps.in_order, missing=gaps.missing, tests=reads)


def _named_and_missing(read: StreamRead, results: StreamRead) -> dict[int, set[int]]:
    """Return by test the bugs that its results name and that did not come, of tests of which both were read whole."""
    whole = [found.statuses.keys() - found.unsound for found in (_tests_of(read), _tests_of(results))]
    came, missing = {row["id"] for row in read.rows.of(schema.BUGS)}, defaultdict[int, set[int]](set)
    for row in results.rows.of(schema.TEST_FEATURE_RESULTS):
        if row["test_id"] in whole[0] & whole[1] and row["bug_ids"]:
            missing[row["test_id"]] |= {*json.loads(row["bug_ids"])} - came
    return {test_id: ids for test_id, ids in missing.items() if ids}


def _tests_of(read: StreamRead) -> TestReads:
    return read.tests or TestReads({})


@dataclass
class BugRows:
    """Bugs of some tests as rows.

    `unsound` are the tests of which something is missing; `unasked` are the ids of tests that were not asked for and
    whose bugs came all the same.
    """

    rows: Rows = field(default_factory=Rows)
    unsound: set[int] = field(default_factory=set)
    unasked: set[int] = field(default_factory=set)

    def extend(self, other: BugRows) -> None:
        """Take over another batch."""
        self.rows.extend(other.rows)
        self.unsound |= other.unsound
        self.unasked |= other.unasked


def bug_rows(product_id: int, bugs: Iterable[Any], *, asked: Collection[int], scope: Scope) -> BugRows:
    """Return ``bugs``, with their devices and the forms that they were reported on, of the tests that were asked for.

    A bug that names no test belongs to the test of its test feature, whichever tests were asked for; where that is not
    known either it is kept without one. Bugs that name other tests are left out: they come when those are asked for.
    """
    found = BugRows()
    asked = {*asked}
    for raw in scrub(list(bugs), found.rows.credentials):
        test_feature_id = _id_under(raw, "test_feature")
        named = _id_under(raw, "test")
        test_id = named or scope.get(test_feature_id or 0, (None,))[0]
        if named is not None and named not in asked:
            found.unasked.add(named)
        elif not _add_bug(found.rows, product_id, raw, (test_id, test_feature_id), scope):
            found.unsound |= asked if test_id is None else {test_id}
    return found


def _add_bug(rows: Rows, product_id: int, raw: Any, place: tuple[int | None, int | None], scope: Scope) -> bool:
    """Add a bug, found in a test and a test feature, with its devices; return whether all of it could be stored."""
    refused = len(rows.rejections)
    bug = rows.read(payloads.Bug, schema.BUGS, raw)
    if bug is None:
        return False
    test_id, test_feature_id = place
    feature_id, link = _feature_of(raw, test_id, test_feature_id, scope)
    values = bug.__dict__  # the fields in one dictionary, without the copies that model_dump makes
    keys: dict[str, Any] = {"product_id": product_id, "test_id": test_id}
    links = {"test_feature_id": test_feature_id, "feature_id": feature_id, "feature_link": link}
    rows.add(schema.BUGS, raw, **values, **keys, **links)
    devices = rows.entries(schema.BUG_DEVICES, raw.get("devices"), f"the devices of bug {bug.id}", row_id=str(bug.id))
    for position, entry in enumerate(devices, 1):
        if isinstance(entry, dict):
            rows.add(schema.BUG_DEVICES, entry, bug_id=bug.id, position=position, **keys, **device(entry))
        else:
            reason = f"device {position} of bug {bug.id} is not an object but {shown(entry)}"
            rows.reject(schema.BUG_DEVICES, entry, reason, row_id=str(bug.id))
    add_report(rows, raw, bug_id=bug.id, **keys)
    return len(rows.rejections) == refused


def _feature_of(
    raw: Mapping[str, Any], test_id: int | None, test_feature_id: int | None, scope: Scope
) -> tuple[int | None, str]:
    """Resolve the catalogue feature (testio-api 8.5): by the test's own list first, then as the bug itself says.

    ``bug.feature.id`` is never used: it may be the id of a test feature.
    """
    owner, feature_id = scope.get(test_feature_id or 0, (None, None))
    if feature_id is not None and owner == test_id:
        return feature_id, "test_feature"
    named = raw.get("test_feature")
    if isinstance(named, Mapping):
        said = as_id(named.get("feature_id")) or _id_under(named, "feature")
        if said is not None:
            return said, "bug"
    return None, "none"


def device(raw: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the words of one device report: category, vendor, operating_system, os_version, device, browsers.

    An older description writes the key ``device`` as ``devices`` (testio-api 8.7).
    """
    return {
        "category": names(raw.get("category")),
        "vendor": names(raw.get("vendor")),
        "operating_system": names(raw.get("operating_system")),
        "os_version": names(raw.get("operating_system_version")),
        "device": names(raw.get("device", raw.get("devices"))),
        "browsers": names(raw.get("browsers")),
    }


def link_by_results(rows: Rows, named: Mapping[int, int | None]) -> None:
    """Give the bugs that name no feature the one whose results name the bug (testio-api 8.5, third way).

    `named` holds bug id → catalogue feature, None where two features claim the bug.
    """
    for key, row in rows.by_table[schema.BUGS.name].items():
        feature_id = named.get(row["id"])
        if row["feature_link"] == "none" and feature_id is not None:
            changed: Row = row | {"feature_id": feature_id, "feature_link": "results"}
            changed["content_hash"] = content_hash(schema.BUGS, changed)
            rows.by_table[schema.BUGS.name][key] = changed


def _id_under(raw: Any, key: str) -> int | None:
    return id_in(raw.get(key)) if isinstance(raw, Mapping) else None
