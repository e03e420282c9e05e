"""Tables to typed DataFrames.

One loader per table, and `load_mirror` for all of them as of one instant. The dtypes come from the specifications in
`tables`: ``Int64``, ``boolean``, ``Float64``, ``datetime64[us, UTC]``, ``str``, and a category where the values are
closed; an empty table has the same columns and dtypes. Rows are ordered by their key. The column ``raw_data`` is left
out: it is the bulk of the file, and no report needs it.

Mirrored tables have one column more, ``last_confirmed``: the last complete read of their product's stream.
The database is opened for reading only, so a sync may go on writing meanwhile.
"""

from __future__ import annotations

import json
import operator
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd
from sqlite_utils import Database

from testio_analytics.config import resolve_db_path
from testio_analytics.errors import DatabaseMissingError, StoreError, UnknownValueError
from testio_analytics.frames.instants import AsOf, as_instant
from testio_analytics.mirror import migrations
from testio_analytics.mirror.schema import ACCOUNT, ALL_TABLES, TABLES, Column, Kind, Table
from testio_analytics.text import label

Source: TypeAlias = str | os.PathLike[str] | sqlite3.Connection | Database | None
"""Where to read: a path, an open connection (it stays open), or None for the configured database."""

ProductFilter: TypeAlias = int | Sequence[int] | None

BUSY_SECONDS = 10

Dtype = Literal["Int64", "boolean", "Float64", "datetime64[us, UTC]", "str"]
DTYPES: Mapping[Kind, Dtype] = {
    "integer": "Int64",
    "boolean": "boolean",
    "number": "Float64",
    "time": "datetime64[us, UTC]",
    "text": "str",
    "json": "str",
}
CATEGORIES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("user_stories", "feature_link"): ("id", "text", "ambiguous", "none"),
    ("bugs", "feature_link"): ("test_feature", "bug", "results", "none"),
    ("sync_runs", "outcome"): ("running", "complete", "incomplete", "failed", "interrupted"),
    ("sync_runs", "mode"): ("normal", "full"),
}
"""The columns whose values this package itself writes, so that the set is closed."""

READ_OUTCOMES = ("complete", "incomplete")
"""The outcomes of a run that read what it could, and so gives the reports their default instant."""


@dataclass(frozen=True, eq=False, repr=False)
class Mirror:
    """Everything the reports need, read as of one instant of the database.

    Rows that are gone from the source are included, with ``removed_at``; so are closed gaps and rejections.

    Attributes:
        products, sections, features, feature_sections, user_stories, tests, test_features, bugs, bug_devices,
        test_feature_results, test_user_stories, executions: mirrored tables.
        sync_runs, stream_states, sync_gaps, rejected_rows, test_reads: the completeness ledger.
        product_ids: the products asked for, None for all.
        as_of: the default instant of the reports: when the last run that came to its end did so, or a later read
            by a run that was cut off; None when nothing was ever read. Never the wall clock.
        run_id: number of the last run that came to its end, None when there is none.
        package_version: version of this package that carried it out, None when there is none.
        schema_version: schema version of the database.
    """

    products: pd.DataFrame
    sections: pd.DataFrame
    features: pd.DataFrame
    feature_sections: pd.DataFrame
    user_stories: pd.DataFrame
    tests: pd.DataFrame
    test_features: pd.DataFrame
    bugs: pd.DataFrame
    bug_devices: pd.DataFrame
    test_feature_results: pd.DataFrame
    test_user_stories: pd.DataFrame
    executions: pd.DataFrame
    sync_runs: pd.DataFrame
    stream_states: pd.DataFrame
    sync_gaps: pd.DataFrame
    rejected_rows: pd.DataFrame
    test_reads: pd.DataFrame
    product_ids: tuple[int, ...] | None
    as_of: pd.Timestamp | None
    run_id: int | None
    package_version: str | None
    schema_version: int

    def active(self, table: str) -> pd.DataFrame:
        """Return the rows of a mirrored table that the source still had at its last complete read."""
        rows: pd.DataFrame = getattr(self, table)
        return rows[rows["removed_at"].isna()]

    @cached_property
    def product_names(self) -> dict[int, str]:
        """The names of all stored products by id, removed ones included; "Product 5" where there is no name."""
        rows = zip(self.products["id"].tolist(), self.products["name"].tolist(), strict=True)
        return {key: label(name, "Product", key) for key, name in rows}

    def named(self, product_ids: pd.Series[int]) -> pd.Series[str]:
        """Return the name of each product, "Product 5" for one that is not stored."""
        names = self.product_names
        found = [names.get(key) or label(None, "Product", key) for key in product_ids.tolist()]
        return pd.Series(found, index=product_ids.index, dtype="str")

    def instant(self, as_of: AsOf = None) -> pd.Timestamp:
        """Return the instant that a report is about: `as_of`, else the mirror's own, else (nothing ever read) 1970.

        It is never the clock of the machine, so the same database gives the same report.

        Raises:
            UnknownValueError: `as_of` is no instant.
        """
        if as_of is not None:
            return as_instant(as_of)
        # Where nothing was ever read there are no rows to judge, and any instant does.
        return self.as_of if self.as_of is not None else pd.Timestamp(0, tz="UTC").as_unit("us")

    def __repr__(self) -> str:
        counts = (f"{len(getattr(self, name))} {name}" for name in ("products", "features", "tests", "bugs"))
        return f"<Mirror of {', '.join(counts)}, as of {self.as_of}>"


# -- one loader per table -------------------------------------------------------------------------------------------


def load_products(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False
) -> pd.DataFrame:
    """Return the products, one row each, by id."""
    return _load(db, "products", product_id=product_id, include_removed=include_removed)


def load_sections(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False
) -> pd.DataFrame:
    """Return the sections, the implicit default ones included, one row each, by id."""
    return _load(db, "sections", product_id=product_id, include_removed=include_removed)


def load_features(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
) -> pd.DataFrame:
    """Return the feature catalogue, one row per feature, by id.

    A feature that belongs to several sections comes once. The default section of a product without sections of its
    own holds all its features.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return _load(db, "features", product_id=product_id, section_id=section_id, include_removed=include_removed)


def load_feature_sections(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
) -> pd.DataFrame:
    """Return which features belong to which sections, one row per pair, by feature and section.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return _load(db, "feature_sections", product_id=product_id, section_id=section_id, include_removed=include_removed)


def load_user_stories(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
) -> pd.DataFrame:
    """Return the user stories, one row each, by id; with `section_id`, those whose feature belongs to it.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return _load(db, "user_stories", product_id=product_id, section_id=section_id, include_removed=include_removed)


def load_tests(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
) -> pd.DataFrame:
    """Return the exploratory tests, one row each, by id.

    The default section of a product without sections of its own holds its tests that name no section.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return _load(db, "tests", product_id=product_id, section_id=section_id, include_removed=include_removed)


def load_test_features(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False
) -> pd.DataFrame:
    """Return what each test was to look at, one row per test feature, by id."""
    return _load(db, "test_features", product_id=product_id, include_removed=include_removed)


def load_bugs(db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False) -> pd.DataFrame:
    """Return the bugs, one row each, by id. A bug on several devices comes once."""
    return _load(db, "bugs", product_id=product_id, include_removed=include_removed)


def load_bug_devices(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False
) -> pd.DataFrame:
    """Return the devices of the bugs, one row per bug and device, by bug and place in its list."""
    return _load(db, "bug_devices", product_id=product_id, include_removed=include_removed)


def load_test_feature_results(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False
) -> pd.DataFrame:
    """Return what the API says came of each feature of a test, one row per test feature, by id."""
    return _load(db, "test_feature_results", product_id=product_id, include_removed=include_removed)


def load_test_user_stories(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False
) -> pd.DataFrame:
    """Return what came of each story in each test, one row per test feature and story, by their ids."""
    return _load(db, "test_user_stories", product_id=product_id, include_removed=include_removed)


def load_executions(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False
) -> pd.DataFrame:
    """Return the single runs of stories, one row each, by id; empty unless their stream was asked for."""
    return _load(db, "executions", product_id=product_id, include_removed=include_removed)


def load_sync_runs(db: Source = None) -> pd.DataFrame:
    """Return the runs of the sync, one row each, by number."""
    return _load(db, "sync_runs")


def load_stream_states(db: Source = None, *, product_id: ProductFilter = None) -> pd.DataFrame:
    """Return the state of each stream, one row per product and stream; product 0 stands for the whole account.

    Rows of the whole account stay in whatever product is asked for, since they concern each.
    """
    return _load(db, "stream_states", product_id=product_id)


def load_sync_gaps(
    db: Source = None, *, product_id: ProductFilter = None, include_closed: bool = False
) -> pd.DataFrame:
    """Return what could not be read and is still missing, one row per gap, by number.

    Rows of the whole account (without product) stay in whatever product is asked for, since they concern each.
    """
    return _load(db, "sync_gaps", product_id=product_id, include_closed=include_closed)


def load_rejected_rows(
    db: Source = None, *, product_id: ProductFilter = None, include_closed: bool = False
) -> pd.DataFrame:
    """Return the rows that still come and cannot be stored, one row each with its reason, by number.

    Rows of the whole account (without product) stay in whatever product is asked for, since they concern each.
    """
    return _load(db, "rejected_rows", product_id=product_id, include_closed=include_closed)


def load_test_reads(db: Source = None, *, product_id: ProductFilter = None) -> pd.DataFrame:
    """Return which tests had their bugs, results and executions read, one row per test and stream, by their names."""
    return _load(db, "test_reads", product_id=product_id)


def load_mirror(db: Source = None, *, product_id: ProductFilter = None) -> Mirror:
    """Return all tables, read in one transaction: they fit together even while a sync writes.

    With `product_id`, the tests of other products stay in as far as they look at a feature of these, so that a
    feature has the same state whichever products are asked for.

    Raises:
        UnknownValueError: there is no such product.
    """
    with _reading(db) as connection:
        ids = _known_products(connection, product_id)
        frames = {table.name: _read(connection, table, *_mirror_filter(table, ids)) for table in ALL_TABLES}
        version = int(_rows(connection, "PRAGMA user_version")[0][0])
    run = _last_finished(frames["sync_runs"])
    return Mirror(
        **frames,
        product_ids=ids,
        as_of=_last_read(run, frames["stream_states"]),
        run_id=None if run is None else int(run["id"]),
        package_version=None if run is None else str(run["package_version"]),
        schema_version=version,
    )


def _last_finished(runs: pd.DataFrame) -> pd.Series[Any] | None:
    finished = runs[runs["outcome"].isin(READ_OUTCOMES) & runs["finished_at"].notna()]
    return None if finished.empty else finished.sort_values(["finished_at", "id"]).iloc[-1]


def _last_read(run: pd.Series[Any] | None, states: pd.DataFrame) -> pd.Timestamp | None:
    # What a run stored before it was cut off is in the tables too; judged at the end of the run before,
    # its newest tests would seem to lie in the future.
    instants = [states["last_read_at"].max(), pd.NaT if run is None else run["finished_at"]]
    known = [instant for instant in instants if not pd.isna(instant)]
    return max(known, default=None)


# -- filters --------------------------------------------------------------------------------------------------------

# A removed feature keeps the sections that it had; one that left a section while it lives is out of it.
_FEATURES_IN_SECTION = """
    SELECT m.feature_id FROM feature_sections m JOIN features f ON f.id = m.feature_id
    WHERE m.section_id = :section AND (m.removed_at IS NULL OR f.removed_at IS NOT NULL)
    UNION
    SELECT f.id FROM features f JOIN products p ON p.id = f.product_id JOIN sections s ON s.product_id = p.id
    WHERE s.id = :section AND s.is_default = 1 AND p.is_sectioned = 0
"""
_TESTS_IN_SECTION = """
    SELECT id FROM tests WHERE section_id = :section
    UNION
    SELECT t.id FROM tests t JOIN products p ON p.id = t.product_id JOIN sections s ON s.product_id = p.id
    WHERE t.section_id IS NULL AND s.id = :section AND s.is_default = 1 AND p.is_sectioned = 0
"""
_SECTION_CONDITIONS: Mapping[str, str] = {
    "features": f"t.id IN ({_FEATURES_IN_SECTION})",
    "user_stories": f"t.feature_id IN ({_FEATURES_IN_SECTION})",
    "feature_sections": "t.section_id = :section",
    "tests": f"t.id IN ({_TESTS_IN_SECTION})",
}
_FEATURES_OF_PRODUCTS = "SELECT id FROM features WHERE product_id IN (SELECT value FROM json_each(:products))"
_TESTS_OF_PRODUCTS = """
    SELECT m.test_id FROM test_features m JOIN features f ON f.id = m.feature_id
    WHERE f.product_id IN (SELECT value FROM json_each(:products))
"""
_MIRROR_CONDITIONS: Mapping[str, str] = {
    "tests": f"t.id IN ({_TESTS_OF_PRODUCTS})",
    "test_features": f"t.feature_id IN ({_FEATURES_OF_PRODUCTS})",
    "bugs": f"t.feature_id IN ({_FEATURES_OF_PRODUCTS})",
    **dict.fromkeys(
        ("bug_devices", "test_feature_results", "test_user_stories", "test_reads"),
        f"t.test_id IN ({_TESTS_OF_PRODUCTS})",
    ),
}
"""Rows of other products that the mirror of some products needs all the same."""

Condition: TypeAlias = tuple[list[str], dict[str, object]]


def _load(
    db: Source,
    name: str,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = True,
    include_closed: bool = True,
) -> pd.DataFrame:
    table = TABLES[name]
    with _reading(db) as connection:
        conditions, values = _product_condition(table, _known_products(connection, product_id))
        if section_id is not None:
            conditions.append(_SECTION_CONDITIONS[name])
            values["section"] = _known_section(connection, section_id)
        if not include_removed:
            conditions.append("t.removed_at IS NULL")
        if not include_closed:
            conditions.append("t.closed_at IS NULL")
        return _read(connection, table, conditions, values)


def _product_condition(table: Table, ids: tuple[int, ...] | None) -> Condition:
    if ids is None or table.name == "sync_runs":
        return [], {}
    column = "t.id" if table.name == "products" else "t.product_id"
    condition = f"{column} IN (SELECT value FROM json_each(:products))"  # noqa: S608  own names
    if not table.is_mirrored:
        condition = f"({condition} OR t.product_id IS NULL OR t.product_id = {ACCOUNT:d})"
    return [condition], {"products": json.dumps(ids)}


def _mirror_filter(table: Table, ids: tuple[int, ...] | None) -> Condition:
    conditions, values = _product_condition(table, ids)
    if conditions and table.name in _MIRROR_CONDITIONS:
        conditions = [f"({conditions[0]} OR {_MIRROR_CONDITIONS[table.name]})"]
    return conditions, values


def _known_products(connection: sqlite3.Connection, product_id: ProductFilter) -> tuple[int, ...] | None:
    """Return the product ids asked for, None for all.

    Raises:
        UnknownValueError: one of them is none of the products there are, which the message lists.
    """
    if product_id is None:
        return None
    known = {row[0]: row[1] for row in _rows(connection, "SELECT id, name FROM products ORDER BY id")}
    asked = tuple(product_id) if isinstance(product_id, Iterable) else (product_id,)
    ids = tuple(dict.fromkeys(_checked_id("product_id", value, known) for value in asked))
    if not ids:  # "none of them" is never meant, and an empty report would look like a good one
        raise UnknownValueError("product_id", asked, ["None (all products)", *_choices(known)])
    return ids


def _known_section(connection: sqlite3.Connection, section_id: int) -> int:
    # A test may name a section that was deleted before the first sync: it has no name, but it is in the data.
    found = _rows(
        connection,
        "SELECT id, name FROM sections UNION SELECT section_id, NULL FROM tests "
        "WHERE section_id IS NOT NULL AND section_id NOT IN (SELECT id FROM sections) ORDER BY 1",
    )
    return _checked_id("section_id", section_id, {row[0]: row[1] for row in found})


def _checked_id(what: str, value: object, known: Mapping[int, str | None]) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) not in known:
        raise UnknownValueError(what, value, _choices(known) or ["nothing yet: run `testio-analytics sync`"])
    return operator.index(value)


def _choices(known: Mapping[int, str | None]) -> list[str]:
    return [f"{key} ({name})" if name else str(key) for key, name in known.items()]


# -- reading --------------------------------------------------------------------------------------------------------


@contextmanager
def _reading(db: Source) -> Iterator[sqlite3.Connection]:
    """Open the database for reading, in one transaction, with its schema checked.

    Raises:
        DatabaseMissingError: there is no such file.
        SchemaVersionError: the file is of another schema version.
        StoreError: the file is no database, or cannot be read.
    """
    if isinstance(db, (sqlite3.Connection, Database)):
        with _snapshot(db if isinstance(db, sqlite3.Connection) else db.conn, "given as open") as connection:
            yield connection
        return
    path = resolve_db_path(None if db is None else os.fspath(db))
    if not path.is_file():
        raise DatabaseMissingError(
            f"There is no database at {path}. Make one with `testio-analytics sync`, or try `testio-analytics demo`."
        )
    with closing(_connected(path)) as opened, _snapshot(opened, path) as connection:
        yield connection


def _connected(path: Path) -> sqlite3.Connection:
    try:
        # as_uri quotes what a query string would misread, such as "?" and "#".
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


@contextmanager
def _snapshot(connection: sqlite3.Connection, label: object) -> Iterator[sqlite3.Connection]:
    is_ours = not connection.in_transaction
    try:
        if is_ours:
            connection.execute("BEGIN")
        migrations.check_version(int(_rows(connection, "PRAGMA user_version")[0][0]), path=label)
        yield connection
    except sqlite3.Error as error:
        raise _unreadable(label, error) from error
    finally:
        if is_ours and connection.in_transaction:
            connection.rollback()


def _unreadable(label: object, error: sqlite3.Error) -> StoreError:
    return StoreError(
        f"The database {label} cannot be read: {error}. Is it a file that `testio-analytics sync` made, in a folder "
        "that you may write to (SQLite keeps its -wal and -shm files there)? Name another with --db or TESTIO_DB_PATH."
    )


def _rows(
    connection: sqlite3.Connection, statement: str, values: Mapping[str, object] | None = None
) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.row_factory = None  # a connection handed in may have one that makes dicts
    with closing(cursor):
        return cursor.execute(statement, dict(values or {})).fetchall()


def _read(
    connection: sqlite3.Connection, table: Table, conditions: Sequence[str], values: Mapping[str, object]
) -> pd.DataFrame:
    columns = [column for column in table.columns if column.name != "raw_data"]
    if table.is_mirrored:
        columns.append(Column("last_confirmed", "time", "Last complete read of the product's stream."))
    selected = ", ".join(_selected(table, column.name) for column in columns)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f't."{name}"' for name in table.key)
    # Only names and conditions of this package are in the text; values travel as parameters.
    statement = f'SELECT {selected} FROM "{table.name}" t{where} ORDER BY {order}'  # noqa: S608
    rows = _rows(connection, statement, values)
    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pd.DataFrame(
        {column.name: _typed(table, column, list(found)) for column, found in zip(columns, by_column, strict=True)}
    )


def _selected(table: Table, name: str) -> str:
    if name != "last_confirmed":
        return f't."{name}"'
    # The list of products is read for the whole account or one by one; everything else product by product.
    owners = f"(t.id, {ACCOUNT:d})" if table.name == "products" else "(t.product_id)"
    return (
        "(SELECT max(s.last_complete_at) FROM stream_states s "  # noqa: S608  names of our own
        f"WHERE s.stream = '{table.stream}' AND s.product_id IN {owners})"
    )


def _typed(table: Table, column: Column, values: list[Any]) -> pd.Series[Any]:
    """Return the values as a column of the dtype that the specification asks for.

    Raises:
        StoreError: a value is none of that kind; silently made empty, it would be missing from every count.
    """
    allowed = CATEGORIES.get((table.name, column.name))
    try:
        if allowed:
            return _categorical(values, allowed)
        if column.kind == "time":
            instants = pd.to_datetime(pd.Series(values, dtype="object"), format="ISO8601", utc=True)
            return instants.astype("datetime64[us, UTC]")
        return pd.Series(values, dtype=DTYPES[column.kind])
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"The column {table.name}.{column.name} holds something that is no {column.kind}: {error}. "
            "The file was changed by something else, or is damaged; sync into a new one."
        ) from error


def _categorical(values: list[Any], allowed: tuple[str, ...]) -> pd.Series[Any]:
    if others := {value for value in values if value is not None} - {*allowed}:
        raise ValueError(f"{sorted(map(str, others))} is none of {', '.join(allowed)}")
    return pd.Series(pd.Categorical(values, categories=list(allowed)))
