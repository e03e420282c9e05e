"""A frame for other programs: CSV that no spreadsheet executes, and JSON that keeps its types."""

from __future__ import annotations

import csv
import io
import json
import math
import numbers
import re
from datetime import date, datetime
from typing import Any

import pandas as pd

from testio_analytics.display.cells import checked_frame, in_utc, is_missing, rounded
from testio_analytics.errors import ReportError
from testio_analytics.text import formula_safe

BYTE_ORDER_MARK = "\ufeff"
"""Put in front of a CSV file, it tells Excel that the file is UTF-8."""

UNSAFE_IN_A_TERMINAL = re.compile("[\x7f-\x9f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069]")


def csv_text(frame: pd.DataFrame) -> str:
    """Return the frame as CSV: a line of column names, then one line per row, without the index.

    Times are ISO 8601 in UTC, truth values ``true`` and ``false``, numbers with six significant digits, missing values empty. Text
    that a spreadsheet would take for a formula gets an apostrophe in front; control characters become visible.

    Raises:
        ReportError: column names that are not text or not distinct.
    """
    frame = checked_frame(frame)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([formula_safe(name) for name in frame.columns])
    writer.writerows(zip(*(_csv_column(frame[name]) for name in frame.columns), strict=True))
    return lines.getvalue()


def _csv_column(column: pd.Series[Any]) -> list[object]:
    """Return the cells of a column; in one of a single type each value is written once, however often it comes."""
    values = column.tolist()
    if column.dtype == "object":
        return [_csv_cell(value) for value in values]
    written = {value: _csv_cell(value) for value in {*values}}
    return [written[value] for value in values]


def _csv_cell(value: object) -> object:
    plain = plain_value(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, (list, dict)):
        return formula_safe(json.dumps(plain, ensure_ascii=False))
    # Times are text by now, and begin with a digit.
    return formula_safe(plain) if isinstance(plain, str) else plain


def json_text(frame: pd.DataFrame) -> str:
    """Return the frame as a JSON list with one object per row.

    Types are kept: numbers (with six significant digits), ``true`` and ``false``, ``null`` for missing values, ISO 8601 text in UTC for times. Text
    comes back exactly; characters that a terminal would obey are written as escapes.

    Raises:
        ReportError: column names that are not text or not distinct, or a number that JSON has no word for.
    """
    frame = checked_frame(frame)
    names = list(frame.columns)
    records = [dict(zip(names, map(plain_value, row), strict=True)) for row in frame.itertuples(index=False, name=None)]
    written = json.dumps(records, ensure_ascii=False, indent=2, allow_nan=False)
    written = UNSAFE_IN_A_TERMINAL.sub(lambda found: f"\\u{ord(found.group()):04x}", written)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found.group()):04x}", written)


def plain_value(value: Any) -> Any:
    """Return the value as a type of JSON: None, bool, int, float, str, list or dict.

    Raises:
        ReportError: an infinite number.
    """
    if is_missing(value):
        return None
    if pd.api.types.is_bool(value):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _finite(float(value))
    if isinstance(value, datetime):
        return in_utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [plain_value(part) for part in value]
    if isinstance(value, dict):
        return {str(name): plain_value(part) for name, part in value.items()}
    return str(value)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ReportError(f"{number!r} cannot be exported: an infinite number is no measurement.")
    return rounded(number)
