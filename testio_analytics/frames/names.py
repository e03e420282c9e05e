"""The names that people know beside the ids of a table: of products, sections, features, tests, stories and bugs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from testio_analytics.frames.snapshot import Fetch, rows_of
from testio_analytics.mirror.schema import ACCOUNT, TABLES, Column, Table
from testio_analytics.text import label

KIND_OF_ROW: Mapping[str, str] = {
    "products": "Product",
    "sections": "Section",
    "features": "Feature",
    "tests": "Test",
    "test_features": "Test feature",
    "user_stories": "Story",
    "bugs": "Bug",
}
"""The tables whose rows have a name, and what one of them is called where it has none or is not stored."""

WHOLE_ACCOUNT = "(the account)"


def with_names(fetch: Fetch, table: Table, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table with the name of what an id means right of each such column.

    The column is called like that of the id, without ``_id``: ``feature`` beside ``feature_id``. What has no name, or is
    not stored, is named by its kind and id ("Feature 81001"); where there is no id, there is no name.
    """
    for column in table.columns:
        owner = named_by(column)
        if owner is not None:
            place = [*rows.columns].index(column.name) + 1
            rows.insert(place, name_column(column), _names(fetch, owner, rows[column.name]))
    return rows


def named_by(column: Column) -> str | None:
    """Return the table in which the name of a column's ids stands; None where they are no such ids."""
    owner = "products" if column.name == "product_id" else column.references  # those of the ledger are not declared
    return owner if owner in KIND_OF_ROW else None


def name_column(column: Column) -> str:
    """Return what the column of the names is called: "test" for "test_id", "story" for "user_story_id"."""
    return column.name.removesuffix("_id").removeprefix("user_")


def _names(fetch: Fetch, owner: str, ids: pd.Series[int]) -> pd.Series[str]:
    wanted = ids.dropna().unique().tolist()
    title = "title" if "title" in TABLES[owner].column_names else "name"
    found = dict(rows_of(fetch, f'SELECT id, "{title}" FROM "{owner}"'))  # noqa: S608  names of our own schema
    names = {key: label(found.get(key), KIND_OF_ROW[owner], key) for key in wanted}
    if owner == "products" and ACCOUNT in names:
        names[ACCOUNT] = WHOLE_ACCOUNT
    # By Arrow, so that no id passes through a float.
    return pd.Series([names.get(key) for key in pa.array(ids).to_pylist()], index=ids.index, dtype="str")
