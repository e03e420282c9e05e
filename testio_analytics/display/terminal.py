"""A frame as text for the terminal: aligned columns that fit its width and read without colour."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from wcwidth import clip, ljust, rjust
from wcwidth import width as columns_wide

from testio_analytics.display.cells import (
    Kind,
    cell_words,
    checked_frame,
    is_id,
    is_missing,
    kind_of,
    range_words,
)
from testio_analytics.display.csv_json import csv_text, json_text
from testio_analytics.reports.registry import Report
from testio_analytics.text import ELLIPSIS, one_line

GAP = "  "
NARROWEST_TEXT = 10


@dataclass
class _Column:
    """One column as text: its heading, its cells, and how wide it may be."""

    name: str
    cells: list[str]
    is_number: bool
    is_text: bool
    width: int = 0

    def natural_width(self) -> int:
        return max(map(columns_wide, (self.name, *self.cells)))

    def narrowest_width(self) -> int:
        natural = self.natural_width()
        return min(natural, max(NARROWEST_TEXT, columns_wide(self.name))) if self.is_text else natural

    def line(self, text: str) -> str:
        return (rjust if self.is_number else ljust)(fitted(text, self.width), self.width)


def text_table(
    frame: pd.DataFrame,
    *,
    width: int | None = None,
    shares: Collection[str] = (),
    unknown: Collection[str] = (),
    highest: Mapping[str, pd.Series[Any]] | None = None,
) -> str:
    """Return the frame as lines of text: column names, a rule, one line per row, and how many rows there are.

    Long text is cut with … to fit `width` terminal columns, the widest first; numbers and dates are never cut. What
    cannot be made to fit is written as one block of lines per row instead, so that no column is lost. With no
    `width`, as for a pipe, nothing is cut. Columns in `shares` read as per cent; a missing value is a dash, in
    the columns in `unknown` it reads "unknown". A column in `highest` reads as a range where its most, given there, is
    another value. Control characters are made visible.

    Raises:
        ReportError: column names that are not text or not distinct, or a share outside 0 to 1.
    """
    frame = checked_frame(frame, [*shares, *unknown])
    most = highest or {}
    columns = [_as_text(frame[name], most.get(name), shares, unknown) for name in frame.columns]
    if not columns:
        return "(no columns)"
    fits = _set_widths(columns, width)
    lines = _lines(columns, len(frame)) if fits or not len(frame) else _blocks(columns, len(frame), width)
    count = "(no rows)" if not len(frame) else "(1 row)" if len(frame) == 1 else f"({len(frame):,} rows)"
    return "\n".join([*lines, count])


def fitted(text: str, width: int) -> str:
    """Return the text cut with … to at most `width` terminal columns."""
    if columns_wide(text) <= width:
        return text
    return clip(text, 0, width - 1).rstrip() + ELLIPSIS


def _as_text(
    column: pd.Series[Any], highest: pd.Series[Any] | None, shares: Collection[str], unknown: Collection[str]
) -> _Column:
    name, kind = str(column.name), kind_of(column)
    values = _time_words(column) if kind == "time" else column
    cells = [one_line(cell_words(value, name, shares=shares, unknown=unknown)) for value in values]
    if highest is not None:
        most = [cell_words(value, name, shares=shares, unknown=unknown) for value in highest]
        cells = [range_words(*pair) for pair in zip(cells, most, strict=True)]
    return _Column(one_line(name), cells, is_number=_is_aligned_right(kind, name), is_text=kind == "text")


def _is_aligned_right(kind: Kind, name: str) -> bool:
    return kind == "number" and not is_id(name)


def _time_words(column: pd.Series[Any]) -> list[str | None]:
    """Give days as ISO days, and with the minute where any of them has one; these sort as text."""
    times = pd.to_datetime(column, utc=True)
    known = times.dropna()
    form = "%Y-%m-%d" if known.equals(known.dt.normalize()) else "%Y-%m-%d %H:%M"
    return [None if is_missing(time) else time.strftime(form) for time in times]


def _set_widths(columns: Sequence[_Column], width: int | None) -> bool:
    """Give each column its width; return whether all of them fit."""
    for column in columns:
        column.width = column.natural_width()
    if width is None:
        return True
    space = width - len(GAP) * (len(columns) - 1)
    narrowest = [column.narrowest_width() for column in columns]
    if sum(narrowest) > space:
        return False
    while (excess := sum(column.width for column in columns) - space) > 0:
        _narrow_the_widest(columns, narrowest, excess)
    return True


def _narrow_the_widest(columns: Sequence[_Column], narrowest: Sequence[int], excess: int) -> None:
    free = [(column.width, index) for index, column in enumerate(columns) if column.width > narrowest[index]]
    widest, index = max(free)
    next_widest = max((size for size, other in free if other != index and size < widest), default=0)
    columns[index].width = max(narrowest[index], next_widest, widest - excess, 1)
    if columns[index].width == widest:  # several are equally wide: they shrink in turn
        columns[index].width -= 1


def _lines(columns: Sequence[_Column], rows: int) -> list[str]:
    head = GAP.join(column.line(column.name) for column in columns)
    rule = GAP.join("─" * column.width for column in columns)
    body = (GAP.join(column.line(column.cells[row]) for column in columns) for row in range(rows))
    return [line.rstrip() for line in (head, rule, *body)]


def _blocks(columns: Sequence[_Column], rows: int, width: int | None) -> list[str]:
    label = max(columns_wide(column.name) for column in columns)
    space = max((width or 0) - label - len(GAP), NARROWEST_TEXT)
    lines = []
    for row in range(rows):
        for column in columns:
            lines.append(f"{ljust(column.name, label)}{GAP}{fitted(column.cells[row], space)}".rstrip())
        lines.append("")
    return lines


def formatted(frame: pd.DataFrame, form: str, *, report: Report, width: int | None) -> str:
    """Return a report as ``table``, ``csv`` or ``json`` text; a table shows what a terminal fits."""
    if form == "csv":
        return csv_text(frame)
    if form == "json":
        return json_text(frame)
    shown = [report.column(name) for name in report.terminal] or report.columns
    shares = [column.name for column in shown if column.kind == "share"]
    unknown = [column.name for column in shown if column.reads_unknown]
    rows = frame[[column.name for column in shown]]
    for column in (column for column in shown if column.words):
        rows = rows.assign(**{column.name: rows[column.name].map(partial(_reads_as, column.words)).astype("str")})
    highest = {column.name: frame[column.highest] for column in shown if column.highest in frame.columns}
    return text_table(rows, width=width, shares=shares, unknown=unknown, highest=highest)


def _reads_as(words: Mapping[str, str], value: Any) -> Any:
    return value if is_missing(value) else words.get(value, value)
