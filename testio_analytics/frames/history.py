"""Every change of every mirrored row, one row per changed value."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.dtypes import typed
from testio_analytics.frames.entries import entries
from testio_analytics.frames.past import key_values
from testio_analytics.frames.query import ProductFilter, known_products
from testio_analytics.frames.snapshot import Fetch, Source, rows_of, snapshot
from testio_analytics.mirror.history import KEPT_COLUMNS, UNKEPT_COLUMNS, key_text
from testio_analytics.mirror.schema import ACCOUNT, ALL_TABLES, TABLES, Column, Table

MIRRORED = tuple(table.name for table in ALL_TABLES if table.is_mirrored)

HISTORY = Table(
    "history",
    "Every change of every mirrored row.",
    (),
    (
        Column("run_id", "integer", "Run that saw it."),
        Column("changed_at", "time", "When it was written."),
        Column("product_id", "integer", "Product that the row belonged to."),
        Column("table", "text", "Table of the row."),
        Column("row", "text", "Key of the row; the values of a key of several columns are joined with a comma."),
        Column("change", "text", "`created`, `updated`, `removed` or `came back`."),
        Column("field", "text", "The column whose value changed; empty where the change is of the whole row."),
        Column("old", "text", "Its value before, as text."),
        Column("new", "text", "Its value after, as text."),
    ),
)

_ENDS = "SELECT id, finished_at FROM sync_runs"

Values: TypeAlias = dict[str, Any]
Told: TypeAlias = tuple[str, str, str | None, Any, Any]


def load_history(db: Source = None, *, table: str | None = None, product_id: ProductFilter = None) -> pd.DataFrame:
    """Return every change of every mirrored row, one row per changed value, by run and in the order of writing.

    Columns: run_id, changed_at, product_id, table, row (its key), change (created, updated, removed, came back), field,
    old, new. What a created row held is not repeated: `load_mirror` with `as_of` has it. Nothing is known of the time
    before the history of the file began.

    Raises:
        UnknownValueError: there is no such product, or no such table of rows from the API.
    """
    if table is not None and table not in MIRRORED:
        raise UnknownValueError("table", table, MIRRORED)
    with snapshot(db) as fetch:
        ids = known_products(fetch, product_id)
        found = [*_entries(fetch, [table] if table else MIRRORED)]
        rows = _rows(found, _rows_now(fetch, found))
    told = [row for row in rows if ids is None or row[2] in ids]
    columns = zip(*told, strict=True) if told else ([] for _ in HISTORY.columns)
    return pd.DataFrame(
        {
            column.name: typed(HISTORY, column, tuple(values))
            for column, values in zip(HISTORY.columns, columns, strict=True)
        }
    )


def _entries(fetch: Fetch, tables: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Return the entries of some tables, the newest first, with the time of writing."""
    times = {(run, product_id): at for run, product_id, at, *_ in entries(fetch, "reads")}
    ends = dict(rows_of(fetch, _ENDS))
    for run, product_id, table, created, changed in reversed(entries(fetch, "changes")):
        if table in tables:
            at = times.get((run, product_id), ends.get(run))
            yield run, at, product_id, table, json.loads(created or "[]"), json.loads(changed or "{}")


def _rows(found: list[tuple[Any, ...]], now: Mapping[str, dict[str, Values]]) -> list[tuple[Any, ...]]:
    """Return a row for each changed value, going back from the rows as they are now."""
    by_entry = []
    for run_id, changed_at, product_id, table, created, changed in found:  # the newest first
        told = [*_created(created), *_changed(changed, now[table])]
        owners = now[table]
        by_entry.append(
            [(run_id, changed_at, _owner(product_id, table, owners[row]), table, row, *rest) for row, *rest in told]
        )
    return [row for told in reversed(by_entry) for row in told]


def _created(keys: list[Any]) -> Iterator[Told]:
    for key in keys:
        yield str(key), "created", None, None, None


def _changed(changed: Mapping[str, Values], rows: dict[str, Values]) -> Iterator[Told]:
    """Tell what one entry changed, and put the values before back into the rows."""
    for key, before in changed.items():
        if "removed_at" in before:
            yield key, "removed" if before["removed_at"] is None else "came back", None, None, None
        for name in before.keys() - {*KEPT_COLUMNS}:
            yield key, "updated", name, _text(before[name]), _text(rows[key][name])
            rows[key][name] = before[name]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _owner(product_id: int, table: str, row: Values) -> int:
    """Return the product of a row; the list of products is read for the whole account."""
    return product_id if product_id != ACCOUNT else int(row["id" if table == "products" else "product_id"])


def _rows_now(fetch: Fetch, found: list[tuple[Any, ...]]) -> dict[str, dict[str, Values]]:
    """Return the rows that were ever changed as they are now, by table and key."""
    keys = defaultdict[str, set[Any]](set)
    for *_, table, created, changed in found:
        keys[table] |= {key_values(TABLES[table], str(key))[0] for key in [*created, *changed]}
    return {name: dict(_rows_of_table(fetch, TABLES[name], wanted)) for name, wanted in keys.items()}


def _rows_of_table(fetch: Fetch, table: Table, keys: set[Any]) -> Iterator[tuple[str, Values]]:
    names = [name for name in table.column_names if name not in UNKEPT_COLUMNS]
    listed = ", ".join(f'"{name}"' for name in names)
    # Only names of our own are in the text.
    select = f"SELECT {listed} FROM {table.name} WHERE {table.key[0]} IN (SELECT value FROM json_each(:keys))"  # noqa: S608
    for values in rows_of(fetch, select, {"keys": json.dumps(sorted(keys))}):
        row = dict(zip(names, values, strict=True))
        yield key_text(tuple(row[name] for name in table.key)), row
