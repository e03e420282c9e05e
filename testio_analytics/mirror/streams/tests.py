"""The exploratory tests of one product, page by page, and which of them must have their bugs and results read now.

A row that breaks its page costs only itself. A test that can no longer change is read once in that state; every other
one each time (testio-api 7.9 and 18.1, 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.api.paging import PagedList
from testio_analytics.api.scrubbing import scrub
from testio_analytics.api.values import id_in, text_of
from testio_analytics.api.vocabulary import IMMUTABLE, WITHOUT_RESULTS
from testio_analytics.mirror import diff, schema
from testio_analytics.mirror.custom_reports import add_forms
from testio_analytics.mirror.diff import StreamRead, TestReads, Vanished
from testio_analytics.mirror.requirements import add_requirements
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.streams.gaps import Gaps
from testio_analytics.mirror.worker import RowWorker
from testio_analytics.text import counted

Scope = Mapping[int, tuple[int, int | None]]
"""The test features of a product: id → test and, where the API names one, catalogue feature."""


async def read_tests(
    db: Database, api: Client, worker: RowWorker, product_id: int, *, full: bool = False
) -> StreamRead:
    """Read all tests of one product; rows that cannot be served become gaps, and so does a list that may not be whole.

    A test that is stored, or came in one reading and not in the next, is asked for on its own before anything is
    concluded from its absence: it may be hidden, and a row that breaks its page may still be readable alone.
    """
    gaps = Gaps("tests", product_id)
    listed = await gaps.answer("all tests", api.tests(product_id, _known_ids(db, product_id)))
    if listed is None:
        return StreamRead("tests", Rows(), tuple(gaps.noted), None)
    missing = _note_missing(listed, gaps)
    found = await worker(test_rows, product_id, listed.rows)

    def is_elsewhere(detail: Any) -> bool:
        return id_in(detail.get("product")) not in {None, product_id}

    gone = diff.vanished(db, StreamRead("tests", found), product_id=product_id)
    came_once = tuple(row_id for row in listed.withdrawn if (row_id := id_in(row)) and row_id not in gone.ids)
    # However many came only once, they are none of the stored ones that may not vanish by halves.
    for name, ids in (("tests", gone), ("tests of an earlier reading", Vanished(came_once, 2 * len(came_once)))):
        details = await gaps.still_there(name, ids, api.test, full=full, is_elsewhere=is_elsewhere)
        here = [detail for detail in details if not is_elsewhere(detail)]
        found.extend(test_rows(product_id, here))
    return StreamRead("tests", found, tuple(gaps.noted), missing)


def _known_ids(db: Database, product_id: int) -> frozenset[int] | None:
    """Return the tests that the last read of the list brought; None where that was not complete."""
    select = "select 1 from stream_states where product_id = ? and stream = 'tests' and is_complete = 1"
    if not list(db.query(select, [product_id])):
        return None
    return frozenset(row["id"] for row in _active(db, "id", "tests", product_id))


def _note_missing(listed: PagedList, gaps: Gaps) -> int | None:
    """Note what is missing of a list, and return the number of missing rows, None where that is unknown."""
    for rows in listed.lost:
        gaps.note(str(rows), rows.reason, rows.attempts)
    if listed.doubt:
        gaps.note("end and order of the test list", listed.doubt)
    if listed.hidden:
        words = f"{counted(listed.hidden, 'place')} before the end of the list came without a test"
        gaps.note("hidden rows of the test list", f"{words}: the server leaves out what it does not say")
    counts = [rows.count for rows in listed.lost]
    missing = None if None in counts or listed.doubt else sum(count or 0 for count in counts) + listed.hidden
    came = len(listed.rows) + (missing or 0)
    if listed.total is None or listed.total == came:
        return missing
    gaps.note("number of tests", f"the API counts {listed.total} and listed {came}")
    return None if missing is None or listed.total < came else missing + listed.total - came


def test_rows(product_id: int, tests: Iterable[Any]) -> Rows:
    """Return ``tests``, their features, requirements and forms, of one product; a test that comes twice is one row."""
    rows = Rows()
    kept = [scrub(payload, rows.credentials) for payload in tests]
    for raw in kept:
        _add_test(rows, product_id, raw)
    ends = {row["id"]: row["end_at"] or "" for row in rows.of(schema.TESTS)}
    of_tests = [(key, ends[key], raw) for raw in kept if (key := id_in(raw)) is not None and key in ends]
    add_forms(rows, product_id, of_tests)
    return rows


test_rows.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it for its name


def _add_test(rows: Rows, product_id: int, raw: Any) -> None:
    test = rows.read(payloads.ExploratoryTest, schema.TESTS, raw)
    if test is None or (test.id,) in rows.by_table[schema.TESTS.name]:
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
        environment_title=text_of(environment.get("title")),
    )
    add_requirements(rows, raw, test_id=test.id, product_id=product_id)
    for entry in rows.entries(schema.TEST_FEATURES, test.features, f"the features of test {test.id}"):
        _add_test_feature(rows, product_id, test.id, entry)


def _add_test_feature(rows: Rows, product_id: int, test_id: int, raw: Any) -> None:
    feature = rows.read(payloads.TestFeature, schema.TEST_FEATURES, raw, f"in test {test_id}: ")
    if feature is None:
        return
    known = rows.by_table[schema.TEST_FEATURES.name].get((feature.id,))
    if known is not None and known["test_id"] != test_id:
        rows.reject(schema.TEST_FEATURES, raw, f"in test {test_id}: its id already came with test {known['test_id']}")
        return
    rows.add(schema.TEST_FEATURES, raw, test_id=test_id, product_id=product_id, **feature.model_dump())


@dataclass(frozen=True)
class Known:
    """What is known of the tests of one product when their bugs and results are to be read.

    `statuses` holds every test with its status; `scope` its test features with test and catalogue feature; `is_listed`
    whether the list of tests was read at any time, so that "no tests" means that there are none.
    """

    product_id: int
    statuses: dict[int, str | None]
    scope: Scope
    is_listed: bool

    def gaps(self, stream: str) -> Gaps:
        """Return the gaps to begin with: what tests found cannot be known where these were never read."""
        gaps = Gaps(stream, self.product_id)
        if not self.is_listed:
            reason = "the tests of this product were never read, so it is not known which there are"
            gaps.note(f"{stream} of all tests", f"{reason}. Sync the stream tests as well")
        return gaps

    def reads(self, asked: Iterable[int], unsound: Iterable[int]) -> TestReads:
        """Return which tests were asked for, and of which of them something is missing."""
        return TestReads({test_id: self.statuses[test_id] for test_id in asked}, frozenset(unsound))


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
    return Known(product_id, statuses, scope, read is not None or bool(list(db.query(listed, [product_id]))))


def due_tests(db: Database, stream: str, known: Known, *, full: bool = False) -> list[int]:
    """Return the tests to read for a stream, oldest id first; all of those that can have such rows where `full`.

    Bugs are asked for in batches and cost little; results cost a request for each test, and no test has any before it
    runs.
    """
    may_have = {
        test_id: status
        for test_id, status in known.statuses.items()
        if stream == "bugs" or status not in WITHOUT_RESULTS
    }
    if full:
        return sorted(may_have)
    select = "select test_id, status from test_reads where product_id = ? and stream = ? and is_complete = 1"
    done = {row["test_id"]: row["status"] for row in db.query(select, [known.product_id, stream])}
    again = set[int]()
    if stream == "bugs":
        again = _newly_attributable(db, known.product_id) | _with_unkept_answers(db, known.product_id)
    return sorted(
        test_id
        for test_id, status in may_have.items()
        if status not in IMMUTABLE or done.get(test_id) != status or test_id not in done or test_id in again
    )


def tests_without(db: Database, stream: str, known: Known, read: StreamRead | None) -> frozenset[int]:
    """Return the tests of which a stream was never read to the end, neither before nor just now."""
    select = "select test_id from test_reads where product_id = ? and stream = ? and is_complete = 1"
    done = {row["test_id"] for row in db.query(select, [known.product_id, stream])}
    if read is not None and read.tests is not None:
        done = (done - read.tests.unsound) | (read.tests.statuses.keys() - read.tests.unsound)
    return frozenset(known.statuses.keys() - done)


def _newly_attributable(db: Database, product_id: int) -> set[int]:
    """Return the tests with a bug that named no feature when it was read, while results that came later may name it."""
    select = """
        select distinct b.test_id from bugs b
        join test_reads r on r.test_id = b.test_id and r.stream = 'results'
        join test_reads s on s.test_id = b.test_id and s.stream = 'bugs'
        where b.product_id = ? and b.feature_link = 'none' and b.removed_at is null and r.run_id > s.run_id
    """
    return {row["test_id"] for row in db.query(select, [product_id])}


def _with_unkept_answers(db: Database, product_id: int) -> set[int]:
    """Return the tests with a bug whose answers on a form are not known, because a version that did not keep them read it."""
    select = """
        select distinct b.test_id from bug_custom_reports b
        join test_reads r on r.test_id = b.test_id and r.stream = 'bugs'
        join sync_runs s on s.id = r.run_id
        where b.product_id = ? and b.answers is null and b.removed_at is null and s.schema_version < ?
    """
    return {row["test_id"] for row in db.query(select, [product_id, schema.CUSTOM_REPORT_VALUES.since])}


def _active(db: Database, columns: str, table: str, product_id: int) -> Iterable[dict[str, Any]]:
    # Only names of our own are in the text.
    return db.query(f"select {columns} from {table} where product_id = ? and removed_at is null", [product_id])  # noqa: S608
