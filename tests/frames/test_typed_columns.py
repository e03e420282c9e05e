"""Columns from the file to the frame: exact, checked, and the same whichever way they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from pandas.testing import assert_frame_equal

from strategies import FILLERS, Account, a_third, accounts_with_findings, ago
from testio_analytics.errors import StoreError
from testio_analytics.frames import loaders
from testio_analytics.frames.dtypes import CATEGORIES
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.frames.query import UNREAD_BY_REPORTS
from testio_analytics.mirror.schema import ALL_TABLES, ROW_CHANGES, STREAM_READS, TABLES, Column, Table

Load = Callable[[Path], pd.DataFrame]
BIG = (2**53 + 1, 2**62)
"""Ids that a float does not hold: it would make 2**53 of the first, and loses the last nine bits of neighbours."""

WRONG = {"integer": "x", "boolean": 7, "time": "soon", "text": b"\xff\x00", "json": b"\xff\x00"}
"""A value for each kind of column that is none of that kind."""


def loader(table: Table, way: str) -> Load:
    """Return what loads a table from a file: by columns, or row by row because a connection is handed in."""
    load = getattr(loaders, f"load_{table.name}")
    if way == "columns":
        return load  # type: ignore[no-any-return]

    def by_rows(path: Path) -> pd.DataFrame:
        with closing(sqlite3.connect(path)) as connection:
            return load(connection)  # type: ignore[no-any-return]

    return by_rows


def write(account: Account, path: Path) -> Path:
    """Write the account to a new file, whatever its links lead to."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        Account().write(connection)
        connection.execute("PRAGMA foreign_keys = off")
        for name, rows in account.rows.items():
            for row in rows:
                names, marks = ", ".join(f'"{key}"' for key in row), ", ".join("?" for _ in row)
                connection.execute(f'INSERT INTO "{name}" ({names}) VALUES ({marks})', list(row.values()))
        connection.commit()
    return path


def filled(table: Table, **values: Any) -> dict[str, Any]:
    """Return a row of a table in which no column is empty, but what says that it is gone or closed."""
    row = {column.name: FILLERS[column.kind] for column in table.columns if column.name not in GONE}
    row |= {name: allowed[0] for (of, name), allowed in CATEGORIES.items() if of == table.name}
    return row | values


GONE = ("removed_at", "closed_at")
WAYS = pytest.mark.parametrize("way", ["columns", "rows"])
# The rows of a run that has ended are packed, so that these two are put together and numbered anew when they are loaded.
UNPACKED = (ROW_CHANGES, STREAM_READS)
EACH_TABLE = pytest.mark.parametrize(
    "table", [table for table in ALL_TABLES if table not in UNPACKED], ids=lambda table: table.name
)


@WAYS
@EACH_TABLE
def test_integers_are_exact_beside_empty_cells(table: Table, way: str, tmp_path: Path) -> None:
    """An integer column with an empty cell is where ids become floats and lose their last digits."""
    integers = [column for column in table.columns if column.kind == "integer"]
    account = Account()
    for big in BIG:
        account.add(table.name, **filled(table, **{column.name: big for column in integers}))
    empty = {column.name: None for column in integers if not column.required}
    account.add(table.name, **filled(table, **{column.name: 1 for column in integers if column.required}, **empty))

    found = loader(table, way)(write(account, tmp_path / "x.db"))

    for column in integers:
        values = [int(value) for value in found[column.name].dropna()]
        assert values == ([1, *BIG] if column.required else [*BIG]), column.name


@WAYS
@EACH_TABLE
def test_a_value_of_another_kind_is_refused_in_every_column(table: Table, way: str, tmp_path: Path) -> None:
    """Whether it stands in the first row or the last, and whether the others are empty or not."""
    path = write(Account().add(table.name, **filled(table)), tmp_path / "x.db")
    with closing(sqlite3.connect(path)) as connection:
        names = ", ".join(f'"{name}"' for name in filled(table))
        other = ", ".join("2" if name in table.key else f'"{name}"' for name in filled(table))
        connection.execute(f'INSERT INTO "{table.name}" ({names}) SELECT {other} FROM "{table.name}"')
        connection.commit()
    whole = path.read_bytes()
    for column in table.columns:
        if column.name in ("id", "raw_data", *GONE) or column.name in table.key:
            continue  # SQLite itself refuses a text as a row's number
        for place in ("min", "max"):
            path.write_bytes(whole)
            with closing(sqlite3.connect(path)) as connection:
                where = f'rowid = (SELECT {place}(rowid) FROM "{table.name}")'
                connection.execute(
                    f'UPDATE "{table.name}" SET "{column.name}" = ? WHERE {where}', [wrong(table, column)]
                )
                connection.commit()
            with pytest.raises(StoreError, match=rf"{table.name}\.{column.name} holds"):
                loader(table, way)(path)


def wrong(table: Table, column: Column) -> Any:
    """Return a value that the column must not hold."""
    return "odd" if (table.name, column.name) in CATEGORIES else WRONG[column.kind]


@WAYS
def test_a_malformed_read_time_is_refused_where_it_is_joined_in(way: str, tmp_path: Path) -> None:
    """The ledger's time becomes a column of every mirrored table."""
    account = Account().product(1).feature(1).synced(1, last_complete_at="soon")
    path = write(account, tmp_path / "x.db")
    for name in ("features", "products"):
        with pytest.raises(StoreError, match=f"{name}.last_confirmed"):
            loader(TABLES[name], way)(path)


@WAYS
@pytest.mark.parametrize(
    "text", ["2026-06-30T06:00:00+00:00", "2026-06-30T06:00:00.5+00:00", "2026-06-30T06:00:00.123456+00:00"]
)
def test_times_of_every_precision_are_exact(text: str, way: str, tmp_path: Path) -> None:
    """Microseconds may be missing, and one row has other digits than the next."""
    account = Account().test(1, "archived", text).test(2, "archived", ago(3)).test(3, "archived")
    found = loader(TABLES["tests"], way)(write(account, tmp_path / "x.db"))["end_at"]

    assert found.tolist() == [pd.Timestamp(text), pd.Timestamp(ago(3)), pd.NaT]


def test_a_connection_in_a_transaction_shows_what_it_wrote(tmp_path: Path) -> None:
    """Its own rows are seen before they are committed, and the transaction stays as it is."""
    with closing(sqlite3.connect(write(Account().product(1, "Harbour"), tmp_path / "x.db"))) as connection:
        connection.execute("UPDATE products SET name = 'Quay'")
        assert loaders.load_products(connection)["name"].tolist() == ["Quay"]
        assert connection.in_transaction


@a_third
@given(account=accounts_with_findings())
def test_both_ways_give_the_same_frames(account: Account, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any account, empty tables included: values, dtypes and order."""
    path = write(account, tmp_path_factory.getbasetemp() / "same.db")
    by_columns = load_mirror(path)
    with closing(sqlite3.connect(path)) as connection:
        by_rows = load_mirror(connection)
    for name in TABLES:
        assert_frame_equal(getattr(by_columns, name), getattr(by_rows, name))


@pytest.fixture(scope="module")
def demo_mirror(demo_db_path: Path) -> Mirror:
    """Return the mirror of the demo account."""
    return load_mirror(demo_db_path)


@EACH_TABLE
def test_frames_hold_what_the_file_holds(table: Table, demo_mirror: Mirror, demo_db_path: Path) -> None:
    """Every value of the demo account, compared with a plain reading of the file."""
    frame = getattr(demo_mirror, table.name)
    with closing(sqlite3.connect(demo_db_path)) as connection:
        for column in table.columns:
            if column.name in UNREAD_BY_REPORTS:
                continue
            order = ", ".join(table.key)
            rows = connection.execute(f'SELECT "{column.name}" FROM "{table.name}" ORDER BY {order}').fetchall()
            expected = [pd.Timestamp(v) if v is not None and column.kind == "time" else v for (v,) in rows]
            assert [None if pd.isna(value) else value for value in frame[column.name]] == expected, column.name
