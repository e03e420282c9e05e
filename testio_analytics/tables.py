"""What each table holds: columns, keys, links and indexes, as data.

The specifications here are the only description of the schema. `migrations` creates the tables from them, `store`
writes by them, `frames` takes its dtypes from them and the README's reference is compared with them.
How a payload becomes rows of these tables is in `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

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


BOOKKEEPING = ("content_hash", "first_seen", "last_synced", "removed_at")


def _mirrored(*columns: Column) -> tuple[Column, ...]:
    return (
        *columns,
        Column(
            "content_hash",
            "text",
            "Fingerprint of what the API said; an equal one is not written again.",
            True,
        ),
        Column("first_seen", "time", "When a sync first met this row.", True),
        Column("last_synced", "time", "When this content was stored.", True),
        Column("removed_at", "time", "When a complete read no longer had this row; empty while it is there."),
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
        Column("type", "text", "Platform kind as the API names it."),
        Column("default_section_id", "integer", "Id of the implicit default section.", references="sections"),
        Column("is_sectioned", "boolean", "Whether the customer divided the product into sections.", True),
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
    "Sentences that testers confirm; each belongs to one feature.",
    ("id",),
    _mirrored(
        _id("Story id of the API."),
        _product(),
        Column(
            "feature_id",
            "integer",
            "The owning feature; empty where it could not be told.",
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
            "The section tested; may point at one deleted since.",
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
        Column("end_at", "time", "End; a test belongs to this instant."),
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
    ),
    stream="tests",
    since=2,
    indexes=(("product_id", "end_at"),),
)

TEST_FEATURES = Table(
    "test_features",
    "The copies of features inside tests: what testers were asked to look at.",
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
        Column("counts", "json", "Per stream: created, updated, unchanged, removed, rejected, total."),
        Column(
            "unknown_fields",
            "json",
            "Fields that the API's description does not know, and how often they came.",
        ),
        Column("error", "text", "Why it failed."),
        Column("owner", "text", "Process that runs it.", True),
    ),
)

STREAM_STATES = Table(
    "stream_states",
    f"Per product and stream: is it completely read, and since when. Product {ACCOUNT} stands for the account.",
    ("product_id", "stream"),
    (
        Column("product_id", "integer", f"Product, or {ACCOUNT} for the whole account.", True),
        Column("stream", "text", "`products`, `features` or `tests`.", True),
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
            "Rows that the API holds, as far as it can be told; empty where it cannot.",
        ),
        Column("rows_stored", "integer", "Rows stored and not removed.", True),
        Column("rows_rejected", "integer", "Rows that came but could not be stored.", True),
    ),
)

SYNC_GAPS = Table(
    "sync_gaps",
    "What could not be read. A gap is closed by the first run that reads it.",
    ("id",),
    (
        _id("Number of the gap."),
        Column("run_id", "integer", "Run that met it first.", True, "sync_runs", enforced=True),
        Column("last_run_id", "integer", "Run that met it last.", True, "sync_runs", enforced=True),
        Column("product_id", "integer", "Product; empty for the whole account."),
        Column("stream", "text", "`products`, `features` or `tests`.", True),
        Column("where", "text", "The section, page or row, in words.", True),
        Column("reason", "text", "What the API answered.", True),
        Column("attempts", "integer", "Requests spent on it, over all runs.", True),
        Column("opened_at", "time", "When it was first met.", True),
        Column("closed_at", "time", "When it was read after all; empty while it is open."),
    ),
    indexes=(("product_id", "stream"),),
)

REJECTED_ROWS = Table(
    "rejected_rows",
    "Rows that came but could not be stored, each with its reason.",
    ("id",),
    (
        _id("Number of the rejection."),
        Column("run_id", "integer", "Run that met it first.", True, "sync_runs", enforced=True),
        Column("product_id", "integer", "Product; empty for the whole account."),
        Column("stream", "text", "Stream it came with.", True),
        Column("table", "text", "Table it was meant for.", True),
        Column("row_id", "text", "Its id, as far as it can be read."),
        Column("reason", "text", "What is wrong with it.", True),
        Column("fingerprint", "text", "Fingerprint of the payload; the same bad row is listed once.", True),
        Column("first_seen", "time", "When it was first met.", True),
        Column("closed_at", "time", "When it no longer came; empty while it does."),
        Column("raw_data", "json", "The payload, without credentials, personal names and links.", True),
    ),
    indexes=(("product_id", "stream"),),
)

ALL_TABLES: tuple[Table, ...] = (
    PRODUCTS,
    SECTIONS,
    FEATURES,
    FEATURE_SECTIONS,
    USER_STORIES,
    TESTS,
    TEST_FEATURES,
    SYNC_RUNS,
    STREAM_STATES,
    SYNC_GAPS,
    REJECTED_ROWS,
)
"""Every table, parents before children."""

TABLES: dict[str, Table] = {table.name: table for table in ALL_TABLES}

STREAMS: tuple[str, ...] = ("products", "features", "tests")
"""Streams in the order in which they are read."""
