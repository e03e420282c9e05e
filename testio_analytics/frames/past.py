"""The state of the database after an earlier run, rebuilt from the values before that the history keeps.

The tables of that state are temporary views over those of the file, under the same names: every statement that reads the
file reads the earlier state through them. Nothing is written to the file.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

from testio_analytics.frames.entries import entries
from testio_analytics.frames.snapshot import Fetch, rows_of
from testio_analytics.mirror.history import LEDGER, UNKEPT_COLUMNS, key_text, streams_of
from testio_analytics.mirror.schema import ALL_TABLES, STREAM_STATES, SYNC_RUNS, TABLES, TEST_READS, Table

Row: TypeAlias = dict[str, Any]
Undone: TypeAlias = dict[str, Row | None]
"""By the key of a row: the values to put back, None for a row that was not there."""

BY_RUN = ("row_changes", "stream_reads", "packed_runs", "reported")
"""Tables that only grow, a run at a time."""

REMOVAL = {"removed_at": None}


@contextmanager
def state_after(fetch: Fetch, run: int) -> Iterator[None]:
    """Let `fetch` read the state after this run, for the length of the block."""
    undone = _undone(fetch, run)
    made = []
    try:
        for table in ALL_TABLES:
            for kind, name, statement, values in _statements(fetch, table, run, undone.get(table.name, {})):
                fetch(statement, values)
                made.append(f"DROP {kind} temp.{name}")
        yield
    finally:
        for statement in reversed(made):  # a connection that was handed in stays as it was
            fetch(statement, {})


def _undone(fetch: Fetch, run: int) -> dict[str, Undone]:
    """Return what must be put back in each table, going through the changes since the run, the newest first."""
    found = defaultdict[str, Undone](dict)
    for *_, table, created, changed in reversed(entries(fetch, "changes", after=run)):
        undone, is_ledger = found[table], table in LEDGER
        for key in json.loads(created or "[]"):
            undone[str(key)] = None
        for key, before in json.loads(changed or "{}").items():
            if not is_ledger and before != REMOVAL:  # it was written: its content is as old as the history says
                before = {"last_synced": None} | before
            undone[key] = (undone.get(key) or {}) | before
    return found


def _statements(
    fetch: Fetch, table: Table, run: int, undone: Undone
) -> Iterator[tuple[str, str, str, Mapping[str, object]]]:
    """Return what makes the views of a table's earlier state: kind, name and statement, and the values for it."""
    names = [name for name in table.column_names if name not in UNKEPT_COLUMNS]
    listed = ", ".join(f'"{name}"' for name in names)
    if table is SYNC_RUNS:
        # A run that was killed is called interrupted by the next one; after itself it was still running.
        is_cut = f"id = {run:d} AND outcome = 'interrupted' AND finished_at IS NULL"
        outcome = f"CASE WHEN {is_cut} THEN 'running' ELSE outcome END AS outcome"
        shown = ", ".join(outcome if name == "outcome" else f'"{name}"' for name in names)
        yield "VIEW", table.name, _view(table, shown, f"WHERE id <= {run:d}"), {}
    elif table.name in BY_RUN:
        yield "VIEW", table.name, _view(table, listed, f"WHERE run_id <= {run:d}"), {}
    elif undone or table is STREAM_STATES:
        rows = _rows_before(fetch, table, names, undone)
        if table is STREAM_STATES:
            rows = _with_reads(fetch, run, rows, _untouched(fetch, names, undone))
            undone = undone | dict.fromkeys(rows)
        values = [[row[name] for name in names] for row in rows.values()]
        taken = ", ".join(f"json_extract(value, '$[{place}]') AS \"{name}\"" for place, name in enumerate(names))
        yield "TABLE", f"past_{table.name}", _table(f"past_{table.name}", taken), {"rows": json.dumps(values)}
        keys = json.dumps([key_values(table, key) for key in undone])
        parts = ", ".join(f"json_extract(value, '$[{place}]') AS \"{name}\"" for place, name in enumerate(table.key))
        yield "TABLE", f"changed_{table.name}", _table(f"changed_{table.name}", parts), {"rows": keys}
        key = ", ".join(table.key)
        others = f"WHERE ({key}) NOT IN (SELECT {key} FROM temp.changed_{table.name})"
        past = f"UNION ALL SELECT {listed} FROM temp.past_{table.name}"
        yield "VIEW", table.name, _view(table, listed, f"{others} {past}"), {}


def _view(table: Table, columns: str, rest: str) -> str:
    return f"CREATE TEMP VIEW {table.name} AS SELECT {columns} FROM main.{table.name} {rest}"


def _table(name: str, columns: str) -> str:
    return f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM json_each(:rows)"


def key_values(table: Table, text: str) -> list[Any]:
    """Return the values of the key that the history names so."""
    kinds = _key_kinds(table.name)
    return [kind(part) for kind, part in zip(kinds, text.split(",", len(kinds) - 1), strict=True)]


@cache
def _key_kinds(name: str) -> tuple[Callable[[str], Any], ...]:
    table = TABLES[name]
    kinds = {column.name: str if column.kind == "text" else int for column in table.columns}
    return tuple(kinds[name] for name in table.key)


def _rows_before(fetch: Fetch, table: Table, names: list[str], undone: Undone) -> dict[str, Row]:
    """Return the rows as they were, by key, of those that were changed since."""
    there = [key for key, before in undone.items() if before is not None]
    listed = ", ".join(f'"{name}"' for name in names)
    select = f"SELECT {listed} FROM main.{table.name} WHERE {table.key[0]} IN (SELECT value FROM json_each(:keys))"
    now: dict[str, Row] = {}
    if there:
        for values in rows_of(fetch, select, {"keys": json.dumps([key_values(table, key)[0] for key in there])}):
            row = dict(zip(names, values, strict=True))
            now[key_text(tuple(row[name] for name in table.key))] = row
    rows = {key: now.get(key, {}) | (undone[key] or {}) for key in there}
    for row in rows.values():
        if table.is_mirrored and row["last_synced"] is None:
            row["last_synced"] = row["first_seen"]
    if table is TEST_READS:
        times = {(product_id, number): at for number, product_id, at, *_ in entries(fetch, "reads")}
        for key in (key for key in there if "run_id" in (undone[key] or {})):
            rows[key]["read_at"] = times.get((rows[key]["product_id"], rows[key]["run_id"]), rows[key]["read_at"])
    return rows


def _untouched(fetch: Fetch, names: list[str], undone: Undone) -> dict[str, Row]:
    listed = ", ".join(f'"{name}"' for name in names)
    found = (
        dict(zip(names, values, strict=True)) for values in rows_of(fetch, f"SELECT {listed} FROM main.stream_states")
    )
    rows = {key_text((row["product_id"], row["stream"])): row for row in found}
    return {key: row for key, row in rows.items() if key not in undone}


def _with_reads(fetch: Fetch, run: int, changed: Mapping[str, Row], others: Mapping[str, Row]) -> dict[str, Row]:
    """Return the states of all streams, each with the runs up to this one that last read it, and read it completely."""
    last, complete = dict[str, tuple[int, str]](), dict[str, tuple[int, str]]()
    for number, product_id, read_at, whole, with_gaps in entries(fetch, "reads", until=run):
        for stream in streams_of(whole, with_gaps):
            last[key_text((product_id, stream))] = (number, read_at)
        for stream in streams_of(whole):
            complete[key_text((product_id, stream))] = (number, read_at)
    rows = {**others, **changed}
    for key, row in rows.items():
        row["last_run_id"], row["last_read_at"] = last.get(key, (row["last_run_id"], row["last_read_at"]))
        row["last_complete_run_id"], row["last_complete_at"] = complete.get(key, (None, None))
    return rows
