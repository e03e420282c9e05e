"""One state of the database to read from, column by column, whatever a sync writes meanwhile.

A file is read by Arrow's own driver, which makes no Python object per value. That driver brings a second copy of the
SQLite library, and two copies must not have the same file open in one process: locks belong to the process, so closing
the file in one copy drops the locks of the other, whose data may then be overwritten while it reads. A file that this
process has open already is therefore read by Python's own `sqlite3`, as is a connection that is handed in.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
from sqlite_utils import Database

from testio_analytics.config import resolve_db_path
from testio_analytics.errors import DatabaseMissingError, StoreError
from testio_analytics.mirror import migrations
from testio_analytics.mirror.database import BUSY_SECONDS, OPENING, connect_read_only, read_only_address
from testio_analytics.mirror.file_errors import file_error

Source: TypeAlias = str | os.PathLike[str] | sqlite3.Connection | Database | None
"""Where to read: a path, an open connection (it stays open), or None for the configured database."""

Values: TypeAlias = Mapping[str, object]

Fetch: TypeAlias = Callable[[str, Values], list[Any]]
"""Runs a query with its parameters, in the order in which they first stand in it, and returns its columns: each an
Arrow array with the type of its values, or a tuple of Python values."""

ONE_BATCH = 2**30
"""Rows per batch of Arrow's driver, which takes the type of a column from the first batch alone: so from all rows."""


@contextmanager
def snapshot(db: Source) -> Iterator[Fetch]:
    """Open the database for reading, in one transaction, with its schema checked.

    Raises:
        DatabaseMissingError: there is no such file.
        SchemaVersionError: the file is of another schema version.
        StoreError: the file is no database, or cannot be read.
    """
    if isinstance(db, (sqlite3.Connection, Database)):
        with _by_sqlite3(db if isinstance(db, sqlite3.Connection) else db.conn, "given as open") as fetch:
            yield fetch
        return
    path = resolve_db_path(None if db is None else os.fspath(db))
    if path.is_dir():
        raise file_error(path, IsADirectoryError("it holds files"))
    if not path.is_file():
        raise DatabaseMissingError(
            f"There is no database at {path}. Make one with `testio-analytics sync`, or try `testio-analytics demo`."
        )
    with OPENING:
        if not _is_open_here(path):
            with _by_arrow(path) as fetch:
                yield fetch
            return
    with closing(_connected(path)) as connection, _by_sqlite3(connection, path) as fetch:
        yield fetch


def rows_of(fetch: Fetch, statement: str, values: Values | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a small query."""
    columns = fetch(statement, values or {})
    return list(zip(*(c.to_pylist() if isinstance(c, pa.Array) else c for c in columns), strict=True))


def _is_open_here(path: Path) -> bool:
    """Say whether this process has the file open. On Windows locks belong to a handle, so that it does not matter."""
    if sys.platform == "win32":
        return False
    file = path.stat()
    for descriptor in Path("/dev/fd").iterdir():
        try:
            if os.path.samestat(os.fstat(int(descriptor.name)), file):
                return True
        except OSError:
            continue  # the one that listed the folder is closed by now
    return False


@contextmanager
def _by_arrow(path: Path) -> Iterator[Fetch]:
    from adbc_driver_manager import Error
    from adbc_driver_sqlite import dbapi

    try:
        with closing(dbapi.connect(read_only_address(path))) as connection:  # begins a transaction

            def fetch(statement: str, values: Values) -> list[Any]:
                with connection.cursor(adbc_stmt_kwargs={"adbc.sqlite.query.batch_rows": ONE_BATCH}) as cursor:
                    cursor.execute(statement, list(values.values()) or None)
                    columns = cursor.fetch_arrow_table().columns
                    return [c.chunk(0) if c.num_chunks == 1 else c.combine_chunks() for c in columns]

            fetch(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}", {})
            _check_version(fetch, path)
            yield fetch
    except Error as error:
        detail = str(error).partition("\nquery: ")[0].rpartition("query: ")[2]
        raise _known_cause(path) or _unreadable(path, detail) from error


@contextmanager
def _by_sqlite3(connection: sqlite3.Connection, label: object) -> Iterator[Fetch]:
    def fetch(statement: str, values: Values) -> list[Any]:
        cursor = connection.cursor()
        cursor.row_factory = None  # a connection handed in may have one that makes dicts
        with closing(cursor):
            rows = cursor.execute(statement, dict(values)).fetchall()
            return list(zip(*rows, strict=True)) if rows else [()] * len(cursor.description)

    is_ours = not connection.in_transaction
    try:
        if is_ours:
            connection.execute("BEGIN")
        _check_version(fetch, label)
        yield fetch
    except sqlite3.Error as error:
        raise _unreadable(label, error) from error
    finally:
        if is_ours and connection.in_transaction:
            connection.rollback()


def _check_version(fetch: Fetch, label: object) -> None:
    migrations.check_version(rows_of(fetch, "PRAGMA user_version")[0][0], path=label)


def _connected(path: Path) -> sqlite3.Connection:
    try:
        return connect_read_only(path)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _known_cause(path: Path) -> StoreError | None:
    """Return what is wrong with a file that could not be read, as SQLite itself says it; None where it finds nothing.

    Arrow's driver tells no codes, and is closed by now.
    """
    try:
        # Not by `connect_read_only`: whoever asks this holds its lock.
        with closing(sqlite3.connect(read_only_address(path), uri=True, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return file_error(path, error)
    return None


def _unreadable(label: object, error: object) -> StoreError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if isinstance(label, Path) and isinstance(error, sqlite3.Error) and code != sqlite3.SQLITE_ERROR:
        return file_error(label, error)
    return StoreError(
        f"The database {label} cannot be read: {error}. Is it a file that `testio-analytics sync` made, in a folder "
        "that you may write to (SQLite keeps its -wal and -shm files there)? Name another with --db or TESTIO_DB_PATH."
    )
