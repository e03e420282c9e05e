"""Large accounts: the rows of one mirror, copied many times with shifted ids into one file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from testio_analytics.mirror.database import connect_read_only
from testio_analytics.mirror.schema import (
    ACCOUNT,
    ALL_TABLES,
    PACKED_RUNS,
    REPORTED,
    ROW_CHANGES,
    SYNC_RUNS,
    Column,
    Table,
)

SHIFT = 1_000_000_000
"""How far the ids of one copy are from those of the next; more than any id of the demo account."""


def copy_rows(origin: Path, target: Path, copies: int) -> None:
    """Write a new database that holds the rows of another one, so many times.

    Ids and all references to them are shifted by the same distance in a copy, so that each copy is an account's worth
    of products that has nothing to do with the others. The runs of the sync, its history, and the ledger's rows about the
    account as a whole, stand there once.
    """
    with closing(sqlite3.connect(target)) as connection:
        with closing(connect_read_only(origin)) as source:
            source.backup(connection)
        connection.execute("PRAGMA journal_mode = off")
        connection.execute("PRAGMA synchronous = off")
        connection.execute("ATTACH ? AS origin", [str(origin)])
        for number in range(1, copies):
            for table in ALL_TABLES:
                if table not in (SYNC_RUNS, ROW_CHANGES, PACKED_RUNS, REPORTED):
                    connection.execute(_copying(table), {"shift": number * SHIFT})
        connection.commit()


def _copying(table: Table) -> str:
    names = ", ".join(f'"{name}"' for name in table.column_names)
    values = ", ".join(_shifted(column) for column in table.columns)
    rows = "" if table.is_mirrored else f" WHERE product_id > {ACCOUNT}"
    return f'INSERT INTO main."{table.name}" ({names}) SELECT {values} FROM origin."{table.name}"{rows}'


def _shifted(column: Column) -> str:
    name = f'"{column.name}"'
    if column.name == "bug_ids":
        return f"CASE WHEN {name} IS NULL THEN NULL ELSE (SELECT json_group_array(value + :shift) FROM json_each({name})) END"
    is_id = column.kind == "integer" and (column.name == "id" or column.name.endswith("_id"))
    return f"{name} + :shift" if is_id and column.references != SYNC_RUNS.name else name
