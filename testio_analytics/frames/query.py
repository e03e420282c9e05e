"""Which rows of a table: by product, by section, removed or not, and the statement that reads them.

Everything is read within one transaction. The dtypes come from the specifications in `mirror.schema`: ``Int64``,
``boolean``, ``Float64``, ``datetime64[us, UTC]``, ``str``, and a category where the values are closed; an empty table
has the same columns and dtypes. The column ``raw_data`` is left out: it is the bulk of the file, and no report needs it.

Mirrored tables have one column more, ``last_confirmed``: the last complete read of their product's stream.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.dtypes import declared, instants, typed
from testio_analytics.frames.names import with_names
from testio_analytics.frames.snapshot import Fetch, Source, rows_of, snapshot
from testio_analytics.mirror.schema import ACCOUNT, TABLES, Column, Table

ProductFilter: TypeAlias = int | Sequence[int] | None

UNREAD = ("raw_data",)
UNREAD_BY_REPORTS = (*UNREAD, "content_hash")
"""Columns that no report looks at: half of the file, and 64 characters of digest for each row."""

LAST_CONFIRMED = Column("last_confirmed", "time", "Last complete read of the product's stream.")

_CONFIRMATIONS = "SELECT product_id, last_complete_at FROM stream_states WHERE stream = :stream"
# The list of products is read for the whole account or one by one; everything else product by product.
_PRODUCT_CONFIRMATIONS = f"""
    SELECT p.id, max(s.last_complete_at) FROM products p JOIN stream_states s ON s.product_id IN (p.id, {ACCOUNT:d})
    WHERE s.stream = :stream GROUP BY p.id
"""  # noqa: S608  our own number
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
        (
            "bug_devices",
            "bug_custom_reports",
            "custom_report_values",
            "test_feature_results",
            "test_user_stories",
            "story_bugs",
            "test_requirements",
            "test_reads",
        ),
        f"t.test_id IN ({_TESTS_OF_PRODUCTS})",
    ),
    **dict.fromkeys(
        ("stream_states", "sync_gaps"),
        f"t.product_id IN (SELECT product_id FROM tests WHERE id IN ({_TESTS_OF_PRODUCTS}))",  # noqa: S608  own text
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
    names: bool = False,
) -> pd.DataFrame:
    """Return one table, read in a transaction of its own; with `names`, what its ids mean stands beside them.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    table = TABLES[name]
    with snapshot(db) as fetch:
        conditions, values = _product_condition(table, known_products(fetch, product_id))
        if section_id is not None:
            conditions.append(_SECTION_CONDITIONS[name])
            values["section"] = _known_section(fetch, section_id)
        if not include_removed:
            conditions.append("t.removed_at IS NULL")
        if not include_closed:
            conditions.append("t.closed_at IS NULL")
        rows = read_table(fetch, table, conditions, values)
        return with_names(fetch, table, rows) if names else rows


def _product_condition(table: Table, ids: tuple[int, ...] | None) -> Condition:
    if ids is None or table.name in ("sync_runs", "packed_runs", "reported"):
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


def known_products(fetch: Fetch, product_id: ProductFilter) -> tuple[int, ...] | None:
    """Return the product ids asked for, None for all.

    Raises:
        UnknownValueError: one of them is none of the products there are, which the message lists.
    """
    if product_id is None:
        return None
    known = {row[0]: row[1] for row in rows_of(fetch, "SELECT id, name FROM products ORDER BY id")}
    is_list = isinstance(product_id, Iterable) and not isinstance(product_id, (str, bytes))  # a name is one value
    asked: tuple[object, ...] = tuple(product_id) if is_list else (product_id,)  # type: ignore[arg-type]
    ids = tuple(dict.fromkeys(_checked_id("product_id", value, known) for value in asked))
    if not ids:  # "none of them" is never meant, and an empty report would look like a good one
        raise UnknownValueError("product_id", asked, ["None (all products)", *_choices(known)])
    return ids


def _known_section(fetch: Fetch, section_id: int) -> int:
    # A test may name a section that was deleted before the first sync: it has no name, but it is in the data.
    found = rows_of(
        fetch,
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


def read_table(
    fetch: Fetch,
    table: Table,
    conditions: Sequence[str],
    values: Mapping[str, object],
    *,
    without: Collection[str] = UNREAD,
) -> pd.DataFrame:
    """Return the rows of a table that meet the conditions, ordered by its key, `without` some columns.

    Raises:
        StoreError: a value is not of the kind of its column.
    """
    columns = [column for column in table.columns if column.name not in without]
    selected = ", ".join(f't."{column.name}"' for column in columns)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f't."{name}"' for name in table.key)
    # Only names and conditions of this package are in the text; values travel as parameters.
    found = fetch(f'SELECT {selected} FROM "{table.name}" t{where} ORDER BY {order}', values)  # noqa: S608
    series = {column.name: typed(table, column, found.pop(0)) for column in columns}
    if table.is_mirrored:
        series[LAST_CONFIRMED.name] = _last_confirmed(fetch, table, series)
    return pd.DataFrame(series, copy=False)


def _last_confirmed(fetch: Fetch, table: Table, series: Mapping[str, pd.Series[Any]]) -> pd.Series[Any]:
    """Return for each row when its product's stream was last fully synced."""
    owner, statement = ("id", _PRODUCT_CONFIRMATIONS) if table.name == "products" else ("product_id", _CONFIRMATIONS)
    with declared(table, LAST_CONFIRMED):
        known, times = fetch(statement, {"stream": table.stream})
        places = pc.index_in(pa.array(series[owner]), value_set=pa.array(known, pa.int64()))
        confirmed = instants(times).take(places)
    return typed(table, LAST_CONFIRMED, confirmed)
