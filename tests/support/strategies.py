"""Test databases: rows written straight from the table specifications, and hypothesis strategies for whole accounts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from sqlite_utils import Database

from testio_analytics.mirror import migrations, schema

a_third = settings(max_examples=settings().max_examples // 3)
"""For properties whose every example is a whole account, loaded and reported on: a fraction of a second each."""

NOW = datetime(2026, 6, 30, 6, 0, tzinfo=UTC)
"""The end of the last sync in all test databases, unless a test says otherwise."""

FILLERS: Mapping[str, Any] = {
    "integer": 1,
    "boolean": 0,
    "text": "",
    "time": NOW.isoformat(),
    "number": 0,
    "json": "{}",
}


def ago(days: float = 0, **more: float) -> str:
    """Return the instant so many days before the end of the last sync, as the tables hold it."""
    return (NOW - timedelta(days=days, **more)).isoformat()


@dataclass
class Account:
    """The rows of a test database by table, in the order in which they were added."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, /, **values: Any) -> Account:
        """Add a row; required columns that are not given get a filler, the others stay empty."""
        spec = schema.TABLES[table]
        unknown = set(values) - set(spec.column_names)
        assert not unknown, f"{table} has no {unknown}"
        if table == "test_reads":  # in the status that the test has, unless it is said
            tests = {row["id"]: row["status"] for row in self.rows.get("tests", [])}
            values.setdefault("status", tests.get(values["test_id"]))
        fillers = {column.name: FILLERS[column.kind] if column.required else None for column in spec.columns}
        self.rows.setdefault(table, []).append(fillers | values)
        return self

    def product(self, id: int, name: str | None = "Harbour", **values: Any) -> Account:
        """Add a product."""
        return self.add("products", id=id, name=name, **values)

    def feature(self, id: int, product_id: int = 1, title: str | None = None, **values: Any) -> Account:
        """Add a feature."""
        return self.add("features", id=id, product_id=product_id, title=title or f"Feature {id}", **values)

    def test(
        self, id: int, status: str | None, end_at: str | None = None, product_id: int = 1, **values: Any
    ) -> Account:
        """Add a test."""
        known = {"title": f"Test {id}", "testing_type": "coverage"}
        return self.add("tests", id=id, product_id=product_id, status=status, end_at=end_at, **(known | values))

    def covers(self, test_id: int, *feature_ids: int | None, product_id: int = 1, **values: Any) -> Account:
        """Let a test have features in scope."""
        for feature_id in feature_ids:
            number = len(self.rows.get("test_features", [])) + 1
            self.add(
                "test_features", id=number, test_id=test_id, product_id=product_id, feature_id=feature_id, **values
            )
        return self

    def synced(self, *product_ids: int, streams: tuple[str, ...] = schema.STREAMS, **values: Any) -> Account:
        """Say that the streams of these products, and the list of products, were fully synced at the last sync."""
        if not self.rows.get("sync_runs"):
            self.run()
        for product_id, stream in [(0, "products"), *((p, s) for p in product_ids for s in streams)]:
            state = {"is_complete": 1, "last_complete_run_id": 1, "last_complete_at": NOW.isoformat()}
            if not any(
                r["product_id"] == product_id and r["stream"] == stream for r in self.rows.get("stream_states", [])
            ):
                self.add("stream_states", product_id=product_id, stream=stream, **(state | values))
        return self

    def run(self, outcome: str = "complete", **values: Any) -> Account:
        """Add a run of the sync."""
        number = len(self.rows.get("sync_runs", [])) + 1
        known = {"id": number, "mode": "normal", "package_version": "0.1.0", "schema_version": migrations.HEAD}
        return self.add("sync_runs", outcome=outcome, **({"finished_at": NOW.isoformat()} | known | values))

    def gap(self, product_id: int | None, stream: str, where: str = "page 5", **values: Any) -> Account:
        """Add an open gap."""
        if not self.rows.get("sync_runs"):
            self.run("incomplete")
        number = len(self.rows.get("sync_gaps", [])) + 1
        known = {"id": number, "where": where, "reason": "server error (500)"}
        return self.add("sync_gaps", product_id=product_id, stream=stream, **(known | values))

    def write(self, connection: sqlite3.Connection) -> None:
        """Create the tables and write the rows."""
        database = Database(connection)
        migrations.migrate(database)
        for spec in schema.ALL_TABLES:
            for row in self.rows.get(spec.name, []):
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" for _ in row)
                connection.execute(f'INSERT INTO "{spec.name}" ({names}) VALUES ({marks})', list(row.values()))
        connection.commit()


def with_findings(account: Account) -> Account:
    """Add a row to each table of bugs, results and executions, and say that they were read."""
    account.add("bugs", id=1, product_id=1, test_id=1, test_feature_id=1, feature_link="none")
    account.add("bug_devices", bug_id=1, position=1, product_id=1, test_id=1)
    account.add("custom_reports", id=1, product_id=1, title="Survey", keys='[{"key":"q1","label":"Rating"}]')
    account.add("bug_custom_reports", bug_id=1, product_id=1, test_id=1, custom_report_id=1, title="Survey", answers=1)
    account.add("custom_report_values", bug_id=1, position=1, product_id=1, test_id=1, custom_report_id=1, value="4")
    account.add("test_feature_results", test_feature_id=1, test_id=1, product_id=1)
    account.add("test_user_stories", test_feature_id=1, user_story_id=1, test_id=1, product_id=1)
    account.add("story_bugs", test_feature_id=1, user_story_id=1, bug_id=1, test_id=1, product_id=1)
    test_id = account.rows["tests"][0]["id"] if "tests" in account.rows else 1
    account.add("test_requirements", test_id=test_id, position=1, product_id=1, operating_system="iOS")
    account.add("executions", id=1, product_id=1, user_story_id=1, user_story_version_id=1)
    account.add("endpoint_findings", product_id=1, endpoint="all features", is_offered=1, run_id=1)
    account.add("row_changes", id=1, run_id=1, product_id=1, table="features", created="[81001]")
    account.add("stream_reads", id=1, run_id=1, product_id=1, complete="features")
    account.add("packed_runs", run_id=1)
    account.add("reported", id=1, run_id=1, kind="report", state="sent")
    return account.add("test_reads", test_id=1, stream="bugs", product_id=1, is_complete=1, run_id=1)


@contextmanager
def opened(account: Account) -> Iterator[sqlite3.Connection]:
    """Give an open database in memory that holds the account."""
    connection = sqlite3.connect(":memory:")
    try:
        account.write(connection)
        yield connection
    finally:
        connection.close()


# -- strategies ------------------------------------------------------------------------------------------------------

STATUSES = (
    *("running", "locked", "archived", "completed"),
    *("initialized", "customer_finalized", "waiting"),
    *("cancelled", "paused", None),
)
NAMES = st.sampled_from(["Seat map", "Timetable", "", None, "<b>Boat</b>", "=1+1", "עברית", "🚢 deck", "x" * 300])


@st.composite
def instants(draw: st.DrawFn) -> str | None:
    """Draw an instant around the last sync, often one on or beside a threshold, or none."""
    exact = [0, 180, 90]
    days = draw(st.one_of(st.sampled_from(exact), st.integers(-5, 400)))
    shift = draw(st.sampled_from([0, 0, 1, -1]))
    return draw(st.one_of(st.none(), st.just(ago(days, microseconds=shift))))


@st.composite
def removals(draw: st.DrawFn) -> str | None:
    """Draw when a row was removed: mostly never."""
    return draw(st.sampled_from([None, None, None, ago(1)]))


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Draw a whole account: products of all kinds, tests of every status, dangling links, gaps and unread streams."""
    account = Account().run(draw(st.sampled_from(["complete", "incomplete"])))
    product_ids = list(range(1, draw(st.integers(0, 3)) + 1))
    for product_id in product_ids:
        account.product(product_id, draw(NAMES), removed_at=draw(removals()))
    features: list[int] = []
    for product_id in product_ids:
        features += draw_catalogue(draw, account, product_id)
        draw_tests(draw, account, product_id)
        draw_ledger(draw, account, product_id)
    if draw(st.booleans()):
        account.synced()
    if draw(st.integers(0, 9)) == 0:
        account.gap(None, draw(st.sampled_from(schema.STREAMS)), "everything")
    return account


def draw_catalogue(draw: st.DrawFn, account: Account, product_id: int) -> list[int]:
    """Draw sections, features, memberships and stories of one product. A removed product has only removed rows."""
    gone = next(row["removed_at"] for row in account.rows["products"] if row["id"] == product_id)
    sections = [product_id * 10 + n for n in range(draw(st.integers(0, 2)))]
    for section in sections:
        account.add("sections", id=section, product_id=product_id, name=draw(NAMES), removed_at=gone)
    features = [product_id * 100 + n for n in range(draw(st.integers(0, 6)))]
    for feature in features:
        removed = gone or draw(removals())
        texts = {"title": draw(NAMES), "description": draw(NAMES), "howtofind": draw(NAMES), "removed_at": removed}
        account.add("features", id=feature, product_id=product_id, **texts)
        for section in draw(st.lists(st.sampled_from(sections), unique=True)) if sections else []:
            keys = {"feature_id": feature, "section_id": section, "product_id": product_id}
            account.add("feature_sections", **keys, removed_at=removed or draw(removals()))
        for story in range(draw(st.integers(0, 2))):
            known = {"id": feature * 10 + story, "product_id": product_id, "feature_id": feature, "feature_link": "id"}
            account.add("user_stories", **known, removed_at=removed or draw(removals()))
    return features


def draw_tests(draw: st.DrawFn, account: Account, product_id: int) -> None:
    """Draw tests and what they look at, unknown and missing features among them."""
    features = [row["id"] for row in account.rows.get("features", [])]
    gone = next(row["removed_at"] for row in account.rows["products"] if row["id"] == product_id)
    for number in range(draw(st.integers(0, 6))):
        test = product_id * 100 + number
        removed = gone or draw(removals())
        dates = {"end_at": draw(instants()), "start_at": draw(instants())}
        says = {"testing_type": draw(st.sampled_from(["coverage", None]))}
        says["not_said"] = draw(st.sampled_from([None, None, "features", "features,testing_type"]))
        account.test(test, draw(st.sampled_from(STATUSES)), product_id=product_id, removed_at=removed, **dates, **says)
        scope = draw(st.lists(st.sampled_from([*features, None, 9999]), max_size=5))
        for feature in scope:
            texts = {"title": draw(NAMES), "description": draw(NAMES), "howtofind": draw(NAMES)}
            account.covers(test, feature, product_id=product_id, removed_at=removed or draw(removals()), **texts)


def draw_ledger(draw: st.DrawFn, account: Account, product_id: int) -> None:
    """Draw what is known of each stream: complete, incomplete, with gaps open and closed, or never read."""
    for stream in schema.STREAMS:
        kind = draw(st.sampled_from(["complete", "complete", "complete", "never", "incomplete", "gap", "closed"]))
        if kind in {"complete", "gap", "closed"}:
            account.synced(product_id, streams=(stream,))
        if kind == "incomplete":
            state = {"is_complete": 0, "last_complete_run_id": None, "last_complete_at": None}
            account.synced(product_id, streams=(stream,), **state)
        if kind in {"gap", "closed"}:
            account.gap(product_id, stream, closed_at=ago() if kind == "closed" else None)


# -- what came of the tests ------------------------------------------------------------------------------------------

BUG_STATUSES = ("accepted", "rejected", "forwarded", "question", "submitted", "on_hold", None)
SEVERITIES = ("critical", "high", "low", "visual", "content", "suggestion", "custom", "spelling", "cosmic", None)
SYSTEMS = st.sampled_from(["Android", "iOS", None, "<b>"])


@st.composite
def accounts_with_findings(draw: st.DrawFn) -> Account:
    """Draw a whole account with bugs, devices, results and stories: on removed tests, unknown features, without test."""
    account = draw(accounts())
    for product in account.rows.get("products", []):
        draw_findings(draw, account, product["id"])
    return account


def draw_findings(draw: st.DrawFn, account: Account, product_id: int) -> None:
    """Draw what came of the tests of one product, and which of them were read; nothing of a stream never read."""
    states = account.rows.get("stream_states", [])
    read = {row["stream"] for row in states if row["product_id"] == product_id}
    gone = next(row["removed_at"] for row in account.rows["products"] if row["id"] == product_id)
    features = [row["id"] for row in account.rows.get("features", [])]
    tests = {row["id"]: row["removed_at"] for row in account.rows.get("tests", []) if row["product_id"] == product_id}
    for number in range(draw(st.integers(0, 8 if "bugs" in read else 0))):
        bug = product_id * 1000 + number
        test_id = draw(st.sampled_from([*tests, None]))
        removed = gone or tests.get(test_id or 0) or draw(removals())
        keys = {"product_id": product_id, "test_id": test_id, "removed_at": removed}
        account.add(
            "bugs",
            id=bug,
            **keys,
            feature_id=draw(st.sampled_from([*features, None, 9999])),
            feature_link="bug",
            title=draw(NAMES),
            severity=draw(st.sampled_from(SEVERITIES)),
            status=draw(st.sampled_from(BUG_STATUSES)),
            auto_accepted=draw(st.sampled_from([None, 0, 1])),
            known=draw(st.sampled_from([None, 0, 1])),
            not_said=draw(st.sampled_from([None, "auto_accepted", "auto_accepted,known"])),
        )
        for position in range(1, draw(st.integers(0, 3)) + 1):
            parts = {name: draw(SYSTEMS) for name in ("category", "operating_system", "os_version", "browsers")}
            account.add("bug_devices", bug_id=bug, position=position, **keys, **parts)
    for row in [row for row in account.rows.get("test_features", []) if row["product_id"] == product_id]:
        for story in range(draw(st.integers(0, 2 if "results" in read else 0))):
            account.add(
                "test_user_stories",
                test_feature_id=row["id"],
                user_story_id=(row["feature_id"] or 0) * 10 + story,
                test_id=row["test_id"],
                product_id=product_id,
                feature_id=row["feature_id"],
                title=draw(NAMES),
                execution_status=draw(st.sampled_from(["passed", "failed", "blocked", "not_tested", "odd", None])),
                tested_by_count=draw(st.sampled_from([0, 2, None])),
                bugs_found=draw(st.sampled_from([0, 1, None])),
                removed_at=row["removed_at"],
            )
    for test_id in tests:
        for stream in sorted(read & {"bugs", "results"}):
            if draw(st.integers(0, 4)):
                account.add(
                    "test_reads", test_id=test_id, stream=stream, product_id=product_id, is_complete=1, run_id=1
                )
