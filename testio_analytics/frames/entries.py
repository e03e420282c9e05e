"""The entries of the history, of packed runs and single ones together."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from testio_analytics.frames.dtypes import typed
from testio_analytics.frames.snapshot import Fetch, rows_of
from testio_analytics.mirror.packed import PARTS, Entry, entry_columns, merged
from testio_analytics.mirror.schema import ACCOUNT

LAST = 2**63 - 1
"""A number of a run that none is later than."""

_ASKED = "run_id > :after AND run_id <= :until"


def entries(fetch: Fetch, part: str, *, after: int = 0, until: int = LAST) -> list[Entry]:
    """Return the entries of the runs after one, until one, in the order of writing: the run, then the other columns.

    `part` is ``changes`` or ``reads``.
    """
    runs = {"after": after, "until": until}
    # Only names of our own are in the text.
    select = f"SELECT run_id, {part} FROM packed_runs WHERE {_ASKED} AND {part} IS NOT NULL"  # noqa: S608
    return merged(rows_of(fetch, select, runs), single_entries(fetch, part, **runs))


def single_entries(fetch: Fetch, part: str, *, after: int = 0, until: int = LAST) -> list[Entry]:
    """Return the entries that are not packed, as `entries` does."""
    listed = ", ".join(f'"{name}"' for name in entry_columns(part))
    select = f"SELECT {listed} FROM {PARTS[part].name} WHERE {_ASKED} ORDER BY id"  # noqa: S608
    return rows_of(fetch, select, {"after": after, "until": until})


def entries_frame(part: str, found: Iterable[Entry], product_ids: Iterable[int] | None) -> pd.DataFrame:
    """Return entries as a frame of the table that holds single ones, of some products and of the account as a whole."""
    table, known = PARTS[part], None if product_ids is None else {*product_ids, ACCOUNT}
    rows = [entry for entry in found if known is None or entry[1] in known]
    numbered = [(number, *entry) for number, entry in enumerate(rows, start=1)]
    values = zip(*numbered, strict=True) if numbered else ((),) * len(table.columns)
    columns = zip(table.columns, values, strict=True)
    return pd.DataFrame({column.name: typed(table, column, tuple(found)) for column, found in columns})
