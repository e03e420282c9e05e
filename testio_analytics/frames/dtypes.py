"""A column of the database → a typed Series: every value checked against the kind that the specification declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from testio_analytics.errors import StoreError
from testio_analytics.mirror.schema import Column, Kind, Table

CATEGORIES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("user_stories", "feature_link"): ("id", "text", "ambiguous", "none"),
    ("bugs", "feature_link"): ("test_feature", "bug", "results", "none"),
    ("sync_runs", "outcome"): ("running", "complete", "incomplete", "failed", "interrupted"),
    ("sync_runs", "mode"): ("normal", "full"),
}
"""The columns whose values this package itself writes, so that the set is closed."""

INSTANT = pa.timestamp("us", tz="UTC")
STORED: Mapping[Kind, pa.DataType] = {
    **dict.fromkeys(("integer", "boolean"), pa.int64()),
    **dict.fromkeys(("time", "text", "json"), pa.string()),
    "number": pa.float64(),
}
"""How the database holds a value of each kind."""
CHECKED: Mapping[Kind, pa.DataType] = {**STORED, "boolean": pa.bool_(), "time": INSTANT}
"""The Arrow type that a value of each kind is turned into."""
DTYPES: Mapping[pa.DataType, Any] = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=np.nan),
}
"""The dtypes that pandas would not choose by itself: an integer column with an empty cell would become one of floats."""


def typed(table: Table, column: Column, values: Any) -> pd.Series[Any]:
    """Return the values of a column, an Arrow array or a tuple, as a Series of the dtype of its kind.

    Times may also come as Arrow timestamps.

    Raises:
        StoreError: a value is none of that kind; silently made empty, it would be missing from every count.
    """
    allowed = CATEGORIES.get((table.name, column.name))
    with declared(table, column):
        stored = _stored(column.kind, values)
        if allowed:
            return _category(stored, allowed)
        if column.kind == "boolean" and (others := {*stored.unique().to_pylist()} - {None, 0, 1}):
            raise ValueError(f"{sorted(others)} is neither 0 nor 1")
        if CHECKED[column.kind] == pa.string():
            # Copied, or each text would keep all columns in memory: what the driver reads is freed as a whole.
            stored = pa.concat_arrays([stored, stored[:0]])
        series: pd.Series[Any] = stored.cast(CHECKED[column.kind]).to_pandas(types_mapper=DTYPES.get)
    return series


@contextmanager
def declared(table: Table, column: Column) -> Iterator[None]:
    """Say of an error in the values of a column which column it is.

    Raises:
        StoreError: in place of Arrow's error.
    """
    try:
        yield
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise StoreError(
            f"The column {table.name}.{column.name} holds something that is no {column.kind}: {error}. "
            "The file was changed by something else, or is damaged; sync into a new one."
        ) from error


def instants(values: Any) -> pa.Array:
    """Return ISO 8601 texts as Arrow timestamps."""
    return _stored("time", values).cast(INSTANT)


def _stored(kind: Kind, values: Any) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    wanted = STORED[kind]
    if array.null_count == len(array):  # a column without any value has no type
        return pa.nulls(len(array), wanted)
    if array.type not in ((wanted, INSTANT) if kind == "time" else (wanted,)):
        if kind != "number" or not pa.types.is_integer(array.type):
            raise ValueError(f"it holds values of the type {array.type}")
        return array.cast(wanted)
    array.validate(full=True)  # a text may hold bytes that are no UTF-8
    return array


def _category(stored: pa.Array, allowed: tuple[str, ...]) -> pd.Series[Any]:
    codes = pc.index_in(stored, value_set=pa.array(allowed))
    if codes.null_count > stored.null_count:
        others = {*stored.unique().to_pylist()} - {None, *allowed}
        raise ValueError(f"{sorted(others)} is none of {', '.join(allowed)}")
    return pd.Series(pd.Categorical.from_codes(codes.fill_null(-1).to_numpy(), categories=pd.Index(allowed)))
