"""How one value reads: numbers, shares, dates and gaps in words, and text made safe to show."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias

import pandas as pd

from testio_analytics.errors import ReportError
from testio_analytics.text import EN_DASH, clean, day_words, percent

Kind: TypeAlias = Literal["truth", "number", "time", "text"]

MISSING = "–"
UNKNOWN = "unknown"
NO_BREAK_SPACE = "\u00a0"

STATES = ("untested", "planned", "stale", "unknown", "tested")
"""The coverage states by priority: the one that needs attention most first."""

MARKS = {"untested": "▲", "planned": "▶", "stale": "○", "unknown": "?", "tested": "●"}
"""One shape per state, so that no state is shown by colour alone."""

LOOKS = {state: state for state in STATES} | {
    "complete": "tested",
    **dict.fromkeys(("older", "incomplete", "never read"), "unknown"),
}
"""Words that look like one of the states: what is not fully synced is not known."""


def is_missing(value: Any) -> bool:
    """Return whether there is no value (None, NA, NaN, NaT)."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def kind_of(column: pd.Series[Any]) -> Kind:
    """Return what the column holds, by its dtype; a column of plain objects by what is in it."""
    dtype = column.cat.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    if pd.api.types.is_object_dtype(dtype):
        return _kind_of_objects(column)
    if pd.api.types.is_bool_dtype(dtype):
        return "truth"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    return "time" if pd.api.types.is_datetime64_any_dtype(dtype) else "text"


def _kind_of_objects(column: pd.Series[Any]) -> Kind:
    kinds: dict[str, Kind] = {"boolean": "truth", "integer": "number", "floating": "number", "decimal": "number"}
    kinds |= {"mixed-integer-float": "number", "datetime": "time", "datetime64": "time", "date": "time"}
    return kinds.get(pd.api.types.infer_dtype(column, skipna=True), "text")


def is_id(name: str) -> bool:
    """Return whether a column of this name holds ids: numbers that are names, and are neither grouped nor aligned."""
    return name == "id" or name.endswith("_id")


def heading(name: str) -> str:
    """Return the heading for a column: ``last_tested_at`` becomes "Last tested at"."""
    words = clean(name).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def in_utc(value: datetime) -> datetime:
    """Return the time in UTC; one without an offset is taken as UTC, as everywhere in this package."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def value_words(value: object, *, column: str = "") -> str:
    """Return one present value as a reader writes it: ``yes``, ``1,709``, ``3.14``, ``8 Dec 2025``.

    Ids (by the name of the column) are not grouped. Times are given as their day in UTC.
    """
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return f"{int(value)}" if is_id(column) else f"{int(value):,}"
    if isinstance(value, numbers.Real):
        return number_words(float(value))
    if isinstance(value, datetime):
        return day_words(in_utc(value))
    if isinstance(value, date):
        return f"{value.day} {value:%b} {value.year}"
    return clean(str(value))


def number_words(number: float) -> str:
    """Return a number with up to two decimals; a small one with its first digit, so that it never reads as 0."""
    if not math.isfinite(number):
        return "∞" if number > 0 else "-∞"
    if number == round(number):
        return f"{number:,.0f}"
    return f"{number:,.2f}" if abs(number) >= 0.005 else f"{number:.1g}"


def rounded(number: float) -> float:
    """Return the number with six significant digits, as numbers leave: their last digits differ between processors."""
    return number if not math.isfinite(number) or number.is_integer() else float(f"{number:.6g}")


def share_words(share: float) -> str:
    """Return a share as whole per cent, like "26 %", in the words of `words.percent` and never broken over a line end.

    Raises:
        ReportError: the number is no share (below 0 or above 1).
    """
    if not 0 <= share <= 1:
        raise ReportError(f"A share lies between 0 and 1; {share!r} is none. Give shares as fractions, not per cent.")
    return percent(float(share)).replace(" ", NO_BREAK_SPACE)


def cell_words(value: object, column: str, *, shares: Collection[str], unknown: Collection[str]) -> str:
    """Return what a cell says: a dash where nothing is there, "unknown" where the column is declared so."""
    if is_missing(value):
        return UNKNOWN if column in unknown else MISSING
    if column in shares:
        return share_words(float(value))  # type: ignore[arg-type]  # whatever is no number raises
    return value_words(value, column=column)


def range_words(least: str, most: str) -> str:
    """Return two values in words as one range, like "12–18 %"; one value where both read the same."""
    if least == most:
        return least
    unit = f"{NO_BREAK_SPACE}%"
    least = least.removesuffix(unit) if most.endswith(unit) else least
    return f"{least}{EN_DASH}{most}"


def checked_frame(frame: pd.DataFrame, named: Collection[str] = ()) -> pd.DataFrame:
    """Return the frame ready to be written row by row: named index levels as columns, plain column names.

    Raises:
        ReportError: a column name is there twice or is no text, or a column that was named is missing.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = list(frame.columns)
    if any(not isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ReportError(f"A table needs column names that are text and differ; it has {names}.")
    missing = [name for name in named if name not in names]
    if missing:
        raise ReportError(f"The table has no column {', '.join(missing)}; it has: {', '.join(names)}.")
    return frame
