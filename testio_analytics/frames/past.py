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
from testio_analytics.mirror.schema import ACCOUNT, ALL_TABLES, STREAM_STATES, SYNC_RUNS, TABLES, TEST_READS, Table

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
    for _, product_id, table, created, changed in reversed(entries(fetch, "changes", after=run)):
        undone = found[table]
        # What was written was of the product that was read; its content is as old as the history says.
        unsaid = {} if table in LEDGER else {"last_synced": None}
        if table == TEST_READS.name and product_id != ACCOUNT:
            unsaid = {"product_id": product_id}
        for key in json.loads(created or "[]"):
            undone[str(key)] = None
        for key, before in json.loads(changed or "{}").items():
            undone[key] = (undone.get(key) or {}) | (before if before == REMOVAL else unsaid | before)
    found[STREAM_STATES.name] = _with_reads(fetch, run, found[STREAM_STATES.name])
    _tell_times(fetch, found[TEST_READS.name])
    return found


def _with_reads(fetch: Fetch, run: int, undone: Undone) -> Undone:
    """Return the states of all streams, each with the runs up to this one that last read it, and read it completely."""
    last, complete = dict[str, Row](), dict[str, Row]()
    for number, product_id, read_at, whole, with_gaps in entries(fetch, "reads", until=run):
        for stream in streams_of(whole, with_gaps):
            last[f"{product_id},{stream}"] = {"last_run_id": number, "last_read_at": read_at}
        for stream in streams_of(whole):
            complete[f"{product_id},{stream}"] = {"last_complete_run_id": number, "last_complete_at": read_at}
    keys = dict.fromkeys(key_text(row) for row in rows_of(fetch, "SELECT product_id, stream FROM main.stream_states"))
    never = {"last_complete_run_id": None, "last_complete_at": None}
    there: Undone = {
        key: {**(undone.get(key) or {}), **last.get(key, {}), **complete.get(key, never)}
        for key in keys | undone
        if undone.get(key, {}) is not None
    }
    return undone | there


def _tell_times(fetch: Fetch, undone: Undone) -> None:
    """Say when the runs read that read a test before."""
    rows = [row for row in undone.values() if row is not None and "run_id" in row]
    times = {(product_id, number): at for number, product_id, at, *_ in entries(fetch, "reads")} if rows else {}
    for row in rows:
        if at := times.get((row["product_id"], row["run_id"])):
            row["read_at"] = at


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
    elif undone:
        keys = {key: key_values(table, key) for key in undone}
        rows = [[*keys[key], row] for key, row in undone.items() if row is not None]
        yield "TABLE", f"past_{table.name}", _past_table(table, names, rows), {"rows": json.dumps(rows)}
        parts = ", ".join(f'{_part(place)} AS "{name}"' for place, name in enumerate(table.key))
        changed = f"CREATE TEMP TABLE changed_{table.name} AS SELECT {parts} FROM json_each(:rows) e"
        yield "TABLE", f"changed_{table.name}", changed, {"rows": json.dumps([*keys.values()])}
        key = ", ".join(table.key)
        others = f"WHERE ({key}) NOT IN (SELECT {key} FROM temp.changed_{table.name})"
        past = f"UNION ALL SELECT {listed} FROM temp.past_{table.name}"
        yield "VIEW", table.name, _view(table, listed, f"{others} {past}"), {}


def _view(table: Table, columns: str, rest: str) -> str:
    return f"CREATE TEMP VIEW {table.name} AS SELECT {columns} FROM main.{table.name} {rest}"


def _past_table(table: Table, names: list[str], rows: list[list[Any]]) -> str:
    """Return the statement that makes the rows as they were, of lists of key and values before, for the columns `names`.

    What has no value before is as it is now. A row that was deleted since has all of its values before.
    """
    differing = {name for *_, row in rows for name in row}
    columns = ", ".join(f'{_value_before(table, name, name in differing)} AS "{name}"' for name in names)
    key = " AND ".join(f't."{name}" = {_part(place)}' for place, name in enumerate(table.key))
    source = f"json_each(:rows) e LEFT JOIN main.{table.name} t ON {key}"
    return f"CREATE TEMP TABLE past_{table.name} AS SELECT {columns} FROM {source}"


def _value_before(table: Table, name: str, is_said: bool) -> str:
    if name in table.key:
        return _part(table.key.index(name))
    if not is_said:
        return f't."{name}"'
    path = f"$[{len(table.key)}].{name}"
    before = (
        f"CASE WHEN json_type(e.value, '{path}') IS NULL THEN t.\"{name}\" ELSE json_extract(e.value, '{path}') END"
    )
    return f"ifnull({before}, t.first_seen)" if name == "last_synced" else before


def _part(place: int) -> str:
    return f"json_extract(e.value, '$[{place}]')"


def key_values(table: Table, text: str) -> list[Any]:
    """Return the values of the key that the history names so."""
    kinds = _key_kinds(table.name)
    return [kind(part) for kind, part in zip(kinds, text.split(",", len(kinds) - 1), strict=True)]


@cache
def _key_kinds(name: str) -> tuple[Callable[[str], Any], ...]:
    table = TABLES[name]
    kinds = {column.name: str if column.kind == "text" else int for column in table.columns}
    return tuple(kinds[name] for name in table.key)
