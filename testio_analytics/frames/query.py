"""Tables to typed DataFrames: which rows, read in one transaction, and each column in its dtype.

The dtypes come from the specifications in `mirror.schema`: ``Int64``, ``boolean``, ``Float64``,
``datetime64[us, UTC]``, ``str``, and a category where the values are closed; an empty table has the same columns and
dtypes. The column ``raw_data`` is left out: it is the bulk of the file, and no report needs it.

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
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd
from sqlite_utils import Database

from testio_analytics.config import resolve_db_path
from testio_analytics.errors import DatabaseMissingError, StoreError, UnknownValueError
from testio_analytics.mirror import migrations
from testio_analytics.mirror.database import connect_read_only
from testio_analytics.mirror.schema import ACCOUNT, TABLES, Column, Kind, Table

Source: TypeAlias = str | os.PathLike[str] | sqlite3.Connection | Database | None
"""Where to read: a path, an open connection (it stays open), or None for the configured database."""

ProductFilter: TypeAlias = int | Sequence[int] | None


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


def load_table(
    db: Source,
    name: str,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = True,
    include_closed: bool = True,
) -> pd.DataFrame:
    """Return one table, read in a transaction of its own.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    table = TABLES[name]
    with reading(db) as connection:
        conditions, values = _product_condition(table, known_products(connection, product_id))
        if section_id is not None:
            conditions.append(_SECTION_CONDITIONS[name])
            values["section"] = _known_section(connection, section_id)
        if not include_removed:
            conditions.append("t.removed_at IS NULL")
        if not include_closed:
            conditions.append("t.closed_at IS NULL")
        return read_table(connection, table, conditions, values)


def _product_condition(table: Table, ids: tuple[int, ...] | None) -> Condition:
    if ids is None or table.name == "sync_runs":
        return [], {}
    column = "t.id" if table.name == "products" else "t.product_id"
    condition = f"{column} IN (SELECT value FROM json_each(:products))"  # noqa: S608  own names
    if not table.is_mirrored:
        condition = f"({condition} OR t.product_id IS NULL OR t.product_id = {ACCOUNT:d})"
    return [condition], {"products": json.dumps(ids)}


def mirror_condition(table: Table, ids: tuple[int, ...] | None) -> Condition:
    """Return which rows of a table the mirror of some products needs, in SQL, and the values for its parameters."""
    conditions, values = _product_condition(table, ids)
    if conditions and table.name in _MIRROR_CONDITIONS:
        conditions = [f"({conditions[0]} OR {_MIRROR_CONDITIONS[table.name]})"]
    return conditions, values


def known_products(connection: sqlite3.Connection, product_id: ProductFilter) -> tuple[int, ...] | None:
    """Return the product ids asked for, None for all.

    Raises:
        UnknownValueError: one of them is none of the products there are, which the message lists.
    """
    if product_id is None:
        return None
    known = {row[0]: row[1] for row in rows_of(connection, "SELECT id, name FROM products ORDER BY id")}
    asked = tuple(product_id) if isinstance(product_id, Iterable) else (product_id,)
    ids = tuple(dict.fromkeys(_checked_id("product_id", value, known) for value in asked))
    if not ids:  # "none of them" is never meant, and an empty report would look like a good one
        raise UnknownValueError("product_id", asked, ["None (all products)", *_choices(known)])
    return ids


def _known_section(connection: sqlite3.Connection, section_id: int) -> int:
    # A test may name a section that was deleted before the first sync: it has no name, but it is in the data.
    found = rows_of(
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


@contextmanager
def reading(db: Source) -> Iterator[sqlite3.Connection]:
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
        return connect_read_only(path)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


@contextmanager
def _snapshot(connection: sqlite3.Connection, label: object) -> Iterator[sqlite3.Connection]:
    is_ours = not connection.in_transaction
    try:
        if is_ours:
            connection.execute("BEGIN")
        migrations.check_version(int(rows_of(connection, "PRAGMA user_version")[0][0]), path=label)
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


def rows_of(
    connection: sqlite3.Connection, statement: str, values: Mapping[str, object] | None = None
) -> list[tuple[Any, ...]]:
    """Return the rows of a query as plain tuples."""
    cursor = connection.cursor()
    cursor.row_factory = None  # a connection handed in may have one that makes dicts
    with closing(cursor):
        return cursor.execute(statement, dict(values or {})).fetchall()


def read_table(
    connection: sqlite3.Connection, table: Table, conditions: Sequence[str], values: Mapping[str, object]
) -> pd.DataFrame:
    """Return the rows of a table that meet the conditions, ordered by its key.

    Raises:
        StoreError: a value is not of the kind of its column.
    """
    columns = [column for column in table.columns if column.name != "raw_data"]
    if table.is_mirrored:
        columns.append(Column("last_confirmed", "time", "Last complete read of the product's stream."))
    selected = ", ".join(_selected(table, column.name) for column in columns)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f't."{name}"' for name in table.key)
    # Only names and conditions of this package are in the text; values travel as parameters.
    statement = f'SELECT {selected} FROM "{table.name}" t{where} ORDER BY {order}'  # noqa: S608
    rows = rows_of(connection, statement, values)
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
