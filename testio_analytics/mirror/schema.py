"""What each table holds: columns, keys, links and indexes, as data.

The specifications here are the only description of the schema. `migrations` creates the tables from them, `store`
writes by them, `frames` takes its dtypes from them, and the reference in data/README.md is generated from them. How a payload becomes
rows of these tables is in `streams`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal

Kind = Literal["integer", "text", "boolean", "time", "number", "json"]

ACCOUNT = 0
"""The product id of ledger rows that belong to the account as a whole (ids of the API are positive)."""


@dataclass(frozen=True)
class Column:
    """One column: its name, kind and meaning.

    `references` names the table whose ``id`` it holds. The link is enforced only where `enforced` says so: elsewhere
    the API may name something that it no longer lists, and such a row must be stored all the same.
    """

    name: str
    kind: Kind
    doc: str
    required: bool = False
    references: str | None = None
    enforced: bool = False
    since: int = 1


@dataclass(frozen=True)
class Table:
    """One table: its key and columns, the stream that fills it, and the schema version that brought it."""

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    stream: str | None = None
    since: int = 1
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def is_mirrored(self) -> bool:
        """Whether the rows come from the API (the others are the ledger of this package)."""
        return self.stream is not None

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The names of all columns, in table order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def content_columns(self) -> tuple[str, ...]:
        """The columns that hold what the API said, without the bookkeeping of this package."""
        return tuple(name for name in self.column_names if name not in BOOKKEEPING)

    @cached_property
    def content_of(self) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
        """A function that takes their values out of a row."""
        return itemgetter(*self.content_columns)

    @cached_property
    def hashed_of(self) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
        """A function that takes the values out of a row that its hash is made of."""
        return itemgetter(*(name for name in self.content_columns if name != NOT_SAID))

    @cached_property
    def content_set(self) -> frozenset[str]:
        """The same as a set."""
        return frozenset(self.content_columns)


BOOKKEEPING = ("content_hash", "first_seen", "last_synced", "removed_at")

NOT_SAID = "not_said"
"""A column that is derived from ``raw_data``, and so has no part in the hash of a row."""


def _mirrored(*columns: Column) -> tuple[Column, ...]:
    return (
        *columns,
        Column(
            "content_hash",
            "text",
            "Hash of what the API said; a row whose hash is unchanged is not written again.",
            True,
        ),
        Column("first_seen", "time", "When a sync first read this row.", True),
        Column("last_synced", "time", "When this content was stored.", True),
        Column("removed_at", "time", "When a complete read no longer found this row; empty while it is there."),
        Column(
            "raw_data",
            "json",
            "The payload as JSON text, without credentials, personal names and links.",
            True,
        ),
    )


def _id(doc: str) -> Column:
    return Column("id", "integer", doc, required=True)


def _product(doc: str = "The product it belongs to.") -> Column:
    return Column("product_id", "integer", doc, required=True, references="products", enforced=True)


PRODUCTS = Table(
    "products",
    "The applications of the account.",
    ("id",),
    _mirrored(
        _id("Product id of the API."),
        Column("name", "text", "Display name."),
        Column("description", "text", "Free text."),
        Column("type", "text", "Platform (website, mobile app, …), as the API names it."),
        Column("default_section_id", "integer", "Id of the implicit default section.", references="sections"),
        Column(
            "is_sectioned",
            "boolean",
            "Whether the customer divided the product into sections; decides how its features are read.",
            True,
        ),
    ),
    stream="products",
)

SECTIONS = Table(
    "sections",
    "Subdivisions of products, the implicit default section included.",
    ("id",),
    _mirrored(
        _id("Section id of the API."),
        _product(),
        Column("name", "text", "Display name."),
        Column("is_default", "boolean", "Whether this is the implicit section that every product has.", True),
    ),
    stream="products",
)

FEATURES = Table(
    "features",
    "The feature catalogue: areas to test. A feature is shared by the sections of its product.",
    ("id",),
    _mirrored(
        _id("Catalogue feature id of the API."),
        _product(),
        Column("title", "text", "Name."),
        Column("description", "text", "What it is."),
        Column("howtofind", "text", "Directions for the tester."),
    ),
    stream="features",
)

FEATURE_SECTIONS = Table(
    "feature_sections",
    "Which features belong to which sections. Known only for sectioned products, from the section that listed them.",
    ("feature_id", "section_id"),
    _mirrored(
        Column("feature_id", "integer", "The feature.", True, "features", enforced=True),
        Column("section_id", "integer", "The section.", True, "sections", enforced=True),
        _product(),
    ),
    stream="features",
)

USER_STORIES = Table(
    "user_stories",
    "Sentences that testers confirm or refute; each belongs to one feature.",
    ("id",),
    _mirrored(
        _id("Story id of the API."),
        _product(),
        Column(
            "feature_id",
            "integer",
            "The owning feature; empty where it is not known.",
            references="features",
            enforced=True,
        ),
        Column(
            "feature_link",
            "text",
            "How the feature is known: `id` (from the API), `text` (by its sentence), `ambiguous` (several match), `none`.",
            True,
        ),
        Column("title", "text", "Short title."),
        Column("path", "text", "The whole sentence."),
        Column("requirements", "text", "As the API gives it, when it does."),
    ),
    stream="features",
)

TESTS = Table(
    "tests",
    "Exploratory tests (test cycles).",
    ("id",),
    _mirrored(
        _id("Test id of the API."),
        _product(),
        Column(
            "section_id",
            "integer",
            "The section tested; it may have been deleted since.",
            references="sections",
        ),
        Column("title", "text", "Title."),
        Column("status", "text", "Life-cycle status, as the API spells it."),
        Column("review_status", "text", "Status of the team lead's review."),
        Column(
            "testing_type",
            "text",
            "`coverage`, `focused`, `rapid`, `usability`, …; empty for test-case runs.",
        ),
        Column("start_at", "time", "Planned or actual start."),
        Column("end_at", "time", "End; a test belongs to this time."),
        Column(
            "environment_id",
            "integer",
            "Id of the test environment; nothing else of it is kept but its title.",
        ),
        Column("environment_title", "text", "Label of the test environment."),
        Column("report_language", "text", "`en` or `de`."),
        Column("demo", "boolean", "The API's own flag for demo tests."),
        Column("enable_low", "boolean", "Low functional bugs in scope."),
        Column("enable_high", "boolean", "High functional bugs in scope."),
        Column("enable_critical", "boolean", "Critical functional bugs in scope."),
        Column(
            NOT_SAID,
            "text",
            "Fields that the API did not say, joined with a comma: `features` (null or absent; an empty list says that "
            "there are none), `testing_type` (absent), `requirements` (null or absent).",
            since=5,
        ),
    ),
    stream="tests",
    since=2,
    indexes=(("product_id", "end_at"),),
)

TEST_FEATURES = Table(
    "test_features",
    "The features in scope of each test, as copies with ids of their own: what testers were asked to look at.",
    ("id",),
    _mirrored(
        _id("Test-feature id of the API, new for each pair of test and feature."),
        Column("test_id", "integer", "The test.", True, "tests", enforced=True),
        _product("The product of the test."),
        Column(
            "feature_id",
            "integer",
            "The catalogue feature as the API names it; may be empty or unknown.",
            references="features",
        ),
        Column("title", "text", "The feature's name when the test was made."),
        Column("description", "text", "Its description then."),
        Column("howtofind", "text", "Its directions then."),
        Column("enable_default", "boolean", "Functional bugs in scope."),
        Column("enable_content", "boolean", "Content bugs in scope; empty means not said."),
        Column("enable_visual", "boolean", "Visual bugs in scope; empty means not said."),
    ),
    stream="tests",
    since=2,
)

TEST_REQUIREMENTS = Table(
    "test_requirements",
    "The devices that a test asks for, one row per requirement; a test that names none allows any.",
    ("test_id", "position"),
    _mirrored(
        Column("test_id", "integer", "The test.", True, "tests", enforced=True),
        Column("position", "integer", "Place in the test's list, from 1.", True),
        _product("The product of the test."),
        Column("requirement_id", "integer", "Id of the requirement; empty where the API names none."),
        Column("category", "text", "Kind of device."),
        Column("vendor", "text", "Maker; empty for any."),
        Column("operating_system", "text", "Operating system; empty for any."),
        Column("min_os_version", "text", "Its lowest version; empty for any."),
        Column("max_os_version", "text", "Its highest version; empty for any."),
        Column("devices", "text", "Models, joined with a comma; empty for any."),
        Column("browsers", "text", "Browsers, joined with a comma; empty for any."),
        Column("input_devices", "text", "Kinds of input device, joined with a comma."),
        Column("browser_based", "boolean", "Whether it is about a browser."),
        Column("gaming", "boolean", "Whether it is about a games console."),
    ),
    stream="tests",
    since=9,
)

_IN_TEST = Column("test_id", "integer", "The exploratory test.", True, references="tests")

BUGS = Table(
    "bugs",
    "What testers reported.",
    ("id",),
    _mirrored(
        _id("Bug id of the API."),
        _product("The product of the test."),
        Column("test_id", "integer", "The test; empty where the API does not say.", references="tests"),
        Column("test_feature_id", "integer", "The test feature that the bug names.", references="test_features"),
        Column(
            "feature_id",
            "integer",
            "The catalogue feature that this is linked to; empty without.",
            references="features",
        ),
        Column(
            "feature_link",
            "text",
            "How the feature is known: `test_feature` (by the test's own list), `bug` (the bug names it), `results` "
            "(the test's results name the bug), `none`.",
            True,
        ),
        Column("title", "text", "Summary."),
        Column(
            "severity",
            "text",
            "`critical`, `high` or `low` for functional bugs, else the kind of bug (`visual`, `content`, …), as the API spells it.",
        ),
        Column("status", "text", "`accepted`, `rejected`, `forwarded`, …, as the API spells it."),
        Column("auto_accepted", "boolean", "Whether it was accepted automatically; empty where the API does not say."),
        Column("known", "boolean", "Whether the customer knew it before; empty means not said."),
        Column("fixed", "boolean", "Whether it is marked as fixed; empty means not said."),
        Column("language", "text", "`en` or `de`."),
        Column("reported_at", "time", "When the tester reported it."),
        Column("exported_at", "time", "When it was exported to the customer's tracker."),
        Column("external_idx", "text", "Its key in that tracker."),
        Column(
            NOT_SAID,
            "text",
            "Fields that are absent, joined with a comma: `auto_accepted`, `known`. (A null of theirs has a meaning.)",
            since=5,
        ),
    ),
    stream="bugs",
    since=3,
)

BUG_DEVICES = Table(
    "bug_devices",
    "The devices on which a bug was seen; a bug may have several, or none.",
    ("bug_id", "position"),
    _mirrored(
        Column("bug_id", "integer", "The bug.", True, "bugs", enforced=True),
        Column("position", "integer", "Place in the bug's list, from 1.", True),
        _product("The product of the test."),
        Column("test_id", "integer", "The test of the bug.", references="tests"),
        Column("category", "text", "Kind of device."),
        Column("vendor", "text", "Maker."),
        Column("operating_system", "text", "Operating system."),
        Column("os_version", "text", "Its version."),
        Column("device", "text", "Model."),
        Column("browsers", "text", "Browsers, joined with a comma; empty where none is named."),
    ),
    stream="bugs",
    since=3,
)

CUSTOM_REPORTS = Table(
    "custom_reports",
    "The customer's own forms for reports, as the tests carry them; of several copies, that of the test that ended last.",
    ("id", "product_id"),
    _mirrored(
        _id("Id of the form (its configuration)."),
        _product("The product of the tests that carry it."),
        Column("title", "text", "Title."),
        Column("keys", "json", "Its keys in order, as a JSON list of objects with `key` and `label`.", True),
    ),
    stream="tests",
    since=7,
)

BUG_CUSTOM_REPORTS = Table(
    "bug_custom_reports",
    "Which bugs were reported on a form of the customer's own.",
    ("bug_id",),
    _mirrored(
        Column("bug_id", "integer", "The bug.", True, "bugs", enforced=True),
        _product("The product of the test."),
        Column("test_id", "integer", "The test of the bug.", references="tests"),
        Column(
            "custom_report_id",
            "integer",
            "The form; empty where the bug does not name it.",
            references="custom_reports",
        ),
        Column("title", "text", "Title of the form, as the bug gives it."),
        Column("answers", "integer", "Number of answers; empty where they are not known."),
    ),
    stream="bugs",
    since=7,
)

CUSTOM_REPORT_VALUES = Table(
    "custom_report_values",
    "What bugs answer on the customer's own forms, one row per answer.",
    ("bug_id", "position"),
    _mirrored(
        Column("bug_id", "integer", "The bug.", True, "bugs", enforced=True),
        Column("position", "integer", "Place among the bug's answers, from 1, in the order that the API says.", True),
        _product("The product of the test."),
        Column("test_id", "integer", "The test of the bug.", references="tests"),
        Column(
            "custom_report_id",
            "integer",
            "The form; empty where the bug does not name it.",
            references="custom_reports",
        ),
        Column("key", "text", "Key of the question."),
        Column("name", "text", "The question."),
        Column("type", "text", "Kind of answer, as the API names it."),
        Column("value", "text", "The answer as text; several choices are joined with a comma."),
    ),
    stream="bugs",
    since=7,
)

TEST_FEATURE_RESULTS = Table(
    "test_feature_results",
    "The result of each feature in each test, as the API gives it (customer-visible results only).",
    ("test_feature_id",),
    _mirrored(
        Column("test_feature_id", "integer", "The test feature.", True, references="test_features"),
        _IN_TEST,
        _product("The product of the test."),
        Column("feature_id", "integer", "The catalogue feature; may be empty or unknown.", references="features"),
        Column("execution_status", "text", "`not_tested`, `passed`, `failed` or `blocked`, as the API derives it."),
        Column("tester_count", "integer", "Distinct testers."),
        Column("bugs_found", "integer", "Bugs, as the API counts them."),
        Column("bug_ids", "json", "Their ids, as a JSON list."),
    ),
    stream="results",
    since=3,
)

TEST_USER_STORIES = Table(
    "test_user_stories",
    "The result of each user story in each test, as the API gives it.",
    ("test_feature_id", "user_story_id"),
    _mirrored(
        Column("test_feature_id", "integer", "The test feature.", True, references="test_features"),
        Column("user_story_id", "integer", "The catalogue story; may have left the catalogue.", True, "user_stories"),
        _IN_TEST,
        _product("The product of the test."),
        Column("feature_id", "integer", "The catalogue feature as the story names it.", references="features"),
        Column("user_story_version_id", "integer", "The version of the story at the time of this test."),
        Column("title", "text", "The story as it stood in this test."),
        Column("execution_status", "text", "`not_tested`, `passed`, `failed` or `blocked`, as the API derives it."),
        Column("tested_by_count", "integer", "Distinct testers."),
        Column("bugs_found", "integer", "Bugs, as the API counts them."),
    ),
    stream="results",
    since=3,
)

STORY_BUGS = Table(
    "story_bugs",
    "Which bugs the API names in the result of a story in a test.",
    ("test_feature_id", "user_story_id", "bug_id"),
    _mirrored(
        Column("test_feature_id", "integer", "The test feature.", True, references="test_features"),
        Column("user_story_id", "integer", "The catalogue story.", True, "user_stories"),
        Column("bug_id", "integer", "The bug; it may not be stored.", True, "bugs"),
        _IN_TEST,
        _product("The product of the test."),
    ),
    stream="results",
    since=9,
)

EXECUTIONS = Table(
    "executions",
    "Single runs of user stories by testers. Read only when asked for.",
    ("id",),
    _mirrored(
        _id("Execution id of the API."),
        _product("The product of the story."),
        Column("user_story_id", "integer", "The user story.", True, references="user_stories"),
        Column("user_story_version_id", "integer", "The version of the story.", True),
        Column("test_id", "integer", "The test.", references="tests"),
        Column("status", "text", "`pending`, `passed`, `failed`, `blocked` or `cancelled`."),
        Column("executed_at", "time", "When the tester began."),
        Column("category", "text", "Kinds of device, joined with a comma."),
        Column("operating_system", "text", "Operating systems, joined with a comma."),
        Column("os_version", "text", "Their versions, joined with a comma."),
        Column("device", "text", "Models, joined with a comma."),
        Column("browsers", "text", "Browsers, joined with a comma."),
    ),
    stream="executions",
    since=3,
)

SYNC_RUNS = Table(
    "sync_runs",
    "One row per run of a sync.",
    ("id",),
    (
        _id("Number of the run."),
        Column("started_at", "time", "Start.", True),
        Column("finished_at", "time", "End; empty while it runs."),
        Column("outcome", "text", "`running`, `complete`, `incomplete`, `failed` or `interrupted`.", True),
        Column("mode", "text", "`normal` or `full`.", True),
        Column("streams", "json", "Streams asked for.", True),
        Column("products", "json", "Products asked for; empty for all."),
        Column("package_version", "text", "Version of this package.", True),
        Column("schema_version", "integer", "Version of the schema.", True),
        Column("requests", "integer", "Requests sent, retries included."),
        Column("counts", "json", "Rows per stream: created, updated, unchanged, removed, rejected, total."),
        Column(
            "unknown_fields",
            "json",
            "Fields of the API that this package does not know, and how often they came.",
        ),
        Column("error", "text", "Why it failed."),
        Column("owner", "text", "Process that runs it.", True),
        Column(
            "has_history",
            "boolean",
            "Whether the state after this run can be rebuilt: no for runs before the history began, and for those whose "
            "history was let go of.",
            since=6,
        ),
    ),
)

STREAM_STATES = Table(
    "stream_states",
    f"Per product and stream: is it fully synced, and since when. Product {ACCOUNT} stands for the account.",
    ("product_id", "stream"),
    (
        Column("product_id", "integer", f"Product, or {ACCOUNT} for the whole account.", True),
        Column("stream", "text", "`products`, `features`, `tests`, `bugs`, `results` or `executions`.", True),
        Column("is_complete", "boolean", "Whether the last read of it had no gap.", True),
        Column("last_run_id", "integer", "Run that last read it.", True, "sync_runs", enforced=True),
        Column("last_read_at", "time", "When that was.", True),
        Column(
            "last_complete_run_id",
            "integer",
            "Run that last read it completely.",
            references="sync_runs",
            enforced=True,
        ),
        Column("last_complete_at", "time", "When that was."),
        Column(
            "rows_expected",
            "integer",
            "Rows that the API holds, as far as that is known; empty where it is not.",
        ),
        Column("rows_stored", "integer", "Rows stored and not removed.", True),
        Column("rows_rejected", "integer", "Rejected records: they came and could not be stored.", True),
    ),
)

SYNC_GAPS = Table(
    "sync_gaps",
    "What could not be read. A gap is closed by the first run that reads it.",
    ("id",),
    (
        _id("Number of the gap."),
        Column("run_id", "integer", "First run in which it happened.", True, "sync_runs", enforced=True),
        Column("last_run_id", "integer", "Last run in which it happened.", True, "sync_runs", enforced=True),
        Column("product_id", "integer", "Product; empty for the whole account."),
        Column("stream", "text", "`products`, `features`, `tests`, `bugs`, `results` or `executions`.", True),
        Column("where", "text", "The section, page or row, in words.", True),
        Column("reason", "text", "What the API answered.", True),
        Column("attempts", "integer", "Requests spent on it, over all runs.", True),
        Column("opened_at", "time", "When it first happened.", True),
        Column("closed_at", "time", "When it was read after all; empty while it is open."),
    ),
    indexes=(("product_id", "stream"),),
)

REJECTED_ROWS = Table(
    "rejected_rows",
    "Rejected records: they came and could not be stored, each with its reason.",
    ("id",),
    (
        _id("Number of the rejection."),
        Column("run_id", "integer", "First run in which it happened.", True, "sync_runs", enforced=True),
        Column("product_id", "integer", "Product; empty for the whole account."),
        Column("stream", "text", "Stream it came with.", True),
        Column("table", "text", "Table it was meant for.", True),
        Column("row_id", "text", "Its id, as far as it can be read."),
        Column("reason", "text", "What is wrong with it.", True),
        Column("fingerprint", "text", "Hash of the payload; the same bad row is listed once.", True),
        Column("first_seen", "time", "When it first happened.", True),
        Column("closed_at", "time", "When it no longer came; empty while it does."),
        Column("raw_data", "json", "The payload, without credentials, personal names and links.", True),
    ),
    indexes=(("product_id", "stream"),),
)

TEST_READS = Table(
    "test_reads",
    "Which tests had their bugs, results or executions read, and in which status. Tests that can no longer change "
    "are not read again.",
    ("test_id", "stream"),
    (
        Column("test_id", "integer", "The test.", True, references="tests"),
        Column("stream", "text", "`bugs`, `results` or `executions`.", True),
        Column("product_id", "integer", "Its product.", True),
        Column("status", "text", "The test's status at that read."),
        Column("is_complete", "boolean", "Whether the last attempt read all of it.", True),
        Column("run_id", "integer", "Run of the last attempt.", True, "sync_runs", enforced=True),
        Column("read_at", "time", "When that was.", True),
    ),
    since=3,
    indexes=(("product_id", "stream"),),
)

OUTSIDE_SECTIONS = "features outside sections"
STORY_IDS = "user stories of features by id"
"""Lists that not every API has, as ``endpoint_findings`` names them."""

ENDPOINT_FINDINGS = Table(
    "endpoint_findings",
    "Which lists the API was found to offer for a product, so that a later refusal is not taken for their absence.",
    ("product_id", "endpoint"),
    (
        _product("The product that was asked for."),
        Column("endpoint", "text", "The list, in words.", True),
        Column("is_offered", "boolean", "Whether it answered; no where it said that there is no such list.", True),
        Column("run_id", "integer", "Run that found this.", True, "sync_runs", enforced=True),
        Column("found_at", "time", "When that was.", True),
    ),
    since=4,
)

ROW_CHANGES = Table(
    "row_changes",
    "What a run changed in the rows of one table and product. The values before are kept, so that the state after any "
    "run can be rebuilt; the values after are those of the next change, or of the row itself.",
    ("id",),
    (
        _id("Number of the change, in the order of writing."),
        Column("run_id", "integer", "Run that saw it.", True, "sync_runs", enforced=True),
        Column("product_id", "integer", f"Product that was read; {ACCOUNT} for the list of products.", True),
        Column("table", "text", "Table that was changed.", True),
        Column(
            "created",
            "json",
            "The keys of the new rows, as a JSON list; the values of a key of several columns are joined with a comma.",
        ),
        Column(
            "changed",
            "json",
            "The values before, as a JSON object of rows by key: of each changed column, of `removed_at` where a row was "
            "removed or came back, of the whole row where it was deleted. `last_synced` is left out where it was `first_seen`.",
        ),
    ),
    since=6,
)

STREAM_READS = Table(
    "stream_reads",
    "Which streams of a product each run read, and when.",
    ("id",),
    (
        _id("Number of the read, in the order of writing."),
        Column("run_id", "integer", "Run that read them.", True, "sync_runs", enforced=True),
        Column("product_id", "integer", f"Product, or {ACCOUNT} for the list of products.", True),
        Column("read_at", "time", "When that was.", True),
        Column("complete", "text", "The streams that were read completely, joined with a comma."),
        Column("incomplete", "text", "Those that were read with gaps."),
    ),
    since=6,
)

PACKED_RUNS = Table(
    "packed_runs",
    "What a finished run changed and read: its entries of `row_changes` and `stream_reads`, packed (base64 of zlib of a JSON "
    "list of their values). Those two tables hold the entries of runs that were killed, or ended before schema version 8; "
    "their loaders return all entries.",
    ("run_id",),
    (
        Column("run_id", "integer", "Run that saw it.", True, "sync_runs", enforced=True),
        Column("changes", "text", "Its entries of `row_changes`; empty where nothing changed."),
        Column("reads", "text", "Its entries of `stream_reads`; empty where nothing was read."),
    ),
    since=8,
)

REPORTED = Table(
    "reported",
    "Which runs people were told of: by a report, or by a message.",
    ("id",),
    (
        _id("Number of the report or message."),
        Column("run_id", "integer", "Run that it spoke of.", True, "sync_runs", enforced=True),
        Column("kind", "text", "`report` or `notify`.", True),
        Column("products", "json", "Ids of the products that it was about; empty for all."),
        Column("at", "time", "When that was.", True),
        Column("state", "text", "`sent`, or `sending` while it is not known whether a message arrived.", True),
        Column("fingerprint", "text", "Hash of what a message said."),
    ),
    since=6,
)

ALL_TABLES: tuple[Table, ...] = (
    PRODUCTS,
    SECTIONS,
    FEATURES,
    FEATURE_SECTIONS,
    USER_STORIES,
    TESTS,
    TEST_FEATURES,
    TEST_REQUIREMENTS,
    BUGS,
    BUG_DEVICES,
    CUSTOM_REPORTS,
    BUG_CUSTOM_REPORTS,
    CUSTOM_REPORT_VALUES,
    TEST_FEATURE_RESULTS,
    TEST_USER_STORIES,
    STORY_BUGS,
    EXECUTIONS,
    SYNC_RUNS,
    STREAM_STATES,
    SYNC_GAPS,
    REJECTED_ROWS,
    TEST_READS,
    ENDPOINT_FINDINGS,
    ROW_CHANGES,
    STREAM_READS,
    PACKED_RUNS,
    REPORTED,
)
"""Every table, parents before children."""

TABLES: dict[str, Table] = {table.name: table for table in ALL_TABLES}

FULL_TEXT: Mapping[str, tuple[str, ...]] = {
    "features": ("title", "description"),
    "user_stories": ("title", "path"),
    "tests": ("title",),
    "bugs": ("title",),
}
"""The tables whose texts can be searched by words, each with these columns: its index is the table ``…_fts``."""

FULL_TEXT_SINCE = 7
TOKENIZER = "unicode61 remove_diacritics 2"
"""Words are compared without case and accents."""

STREAMS: tuple[str, ...] = ("products", "features", "tests", "bugs", "results")
"""Streams that every sync reads unless others are named, in the order in which they are read."""

ON_REQUEST: tuple[str, ...] = ("executions",)
"""Streams that are read only when they are asked for: they need one request for each story of each test."""

BY_TEST: tuple[str, ...] = ("bugs", "results", "executions")
"""Streams that are read test by test, so that tests which can no longer change are read only once."""

MAIN_TABLE: dict[str, Table] = {
    "products": PRODUCTS,
    "features": FEATURES,
    "tests": TESTS,
    "bugs": BUGS,
    "results": TEST_FEATURE_RESULTS,
    "executions": EXECUTIONS,
}
"""The table whose rows are counted for each stream."""
