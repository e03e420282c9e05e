"""A frame as text for the terminal: aligned columns that fit its width; words of states in colour, where it has any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

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
READABLE_TEXT = 16
"""How wide a column of text may at least be before the least important column is left out."""

COLOURS: Mapping[str, int] = {
    "untested": 31,
    "planned": 36,
    "stale": 33,
    "unknown": 35,
    "tested": 32,
    "failed": 31,
    "blocked": 33,
    "passed": 32,
    "issues": 31,
}
"""The colours of states and results, as a terminal numbers them; the word is always there as well."""


class Shown(NamedTuple):
    """A report as text, and the columns that were left out because the terminal is too narrow."""

    text: str
    left_out: tuple[str, ...] = ()


@dataclass
class _Column:
    """One column as text: its heading, its cells, and how wide it may be."""

    name: str
    cells: list[str]
    is_number: bool
    is_text: bool
    width: int = 0
    colours: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def natural_width(self) -> int:
        """The width at which nothing is cut."""
        return max(map(columns_wide, (self.name, *self.cells)))

    def narrowest_width(self, text: int = NARROWEST_TEXT) -> int:
        natural = self.natural_width
        return min(natural, max(text, columns_wide(self.name))) if self.is_text else natural

    def line(self, text: str) -> str:
        line = (rjust if self.is_number else ljust)(fitted(text, self.width), self.width)
        colour = self.colours.get(text.partition(" (")[0])
        return line if colour is None else f"\x1b[{colour}m{line}\x1b[0m"


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
    return _table(_columns(frame, shares, unknown, highest or {}), len(frame), width)


def _columns(
    frame: pd.DataFrame, shares: Collection[str], unknown: Collection[str], highest: Mapping[str, pd.Series[Any]]
) -> list[_Column]:
    frame = checked_frame(frame, [*shares, *unknown])
    return [_as_text(frame[name], highest.get(name), shares, unknown) for name in frame.columns]


def _table(columns: Sequence[_Column], rows: int, width: int | None) -> str:
    if not columns:
        return "(no columns)"
    fits = _set_widths(columns, width)
    lines = _lines(columns, rows) if fits or not rows else _blocks(columns, rows, width)
    count = "(no rows)" if not rows else "(1 row)" if rows == 1 else f"({rows:,} rows)"
    return "\n".join([*lines, count])


def _readable(columns: Sequence[_Column], width: int | None) -> list[_Column]:
    """Return the columns, the most important first, without the last ones as far as the others cannot be read otherwise."""
    kept = list(columns)
    while width is not None and len(kept) > 1:
        needed = [column.narrowest_width(READABLE_TEXT) for column in kept]
        if sum(needed) + len(GAP) * (len(kept) - 1) <= width:
            break
        kept.pop()
    return kept


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
    words = [cell_words(value, name, shares=shares, unknown=unknown) for value in values]
    if highest is not None:
        most = [cell_words(value, name, shares=shares, unknown=unknown) for value in highest]
        words = [range_words(*pair) for pair in zip(words, most, strict=True)]
    cells = [one_line(word) for word in words]
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
        column.width = column.natural_width
    if width is None:
        return True
    space = width - len(GAP) * (len(columns) - 1)
    narrowest = [column.narrowest_width(READABLE_TEXT) for column in columns]
    if sum(narrowest) > space:
        narrowest = [column.narrowest_width() for column in columns]
    if sum(narrowest) > space:
        return False
    while (excess := sum(column.width for column in columns) - space) > 0:
        _narrow_the_widest(columns, narrowest, excess)
    return True


def _narrow_the_widest(columns: Sequence[_Column], narrowest: Sequence[int], excess: int) -> None:
    free = [(column.width, index) for index, column in enumerate(columns) if column.width > narrowest[index]]
    widest, index = max(free)
    others = [size for size, other in free if other != index]
    if widest in others:  # several are equally wide: they shrink in turn
        columns[index].width -= 1
    else:
        columns[index].width = max(narrowest[index], max(others, default=0), widest - excess)


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


def formatted(
    frame: pd.DataFrame,
    form: str,
    *,
    report: Report,
    width: int | None = None,
    columns: Sequence[str] = (),
    is_coloured: bool = False,
) -> Shown:
    """Return a report as ``table``, ``csv`` or ``json`` text.

    `columns` names those that are shown; without, a file has all, and a table those that are most important and fit.
    """
    if form != "table":
        rows = frame[[*columns]] if columns else frame
        return Shown(csv_text(rows) if form == "csv" else json_text(rows))
    shown = [report.column(name) for name in columns or report.terminal] or report.columns
    shares = [column.name for column in shown if column.kind == "share"]
    unknown = [column.name for column in shown if column.reads_unknown]
    rows = frame[[column.name for column in shown]]
    for column in (column for column in shown if column.words):
        rows = rows.assign(**{column.name: rows[column.name].map(partial(_reads_as, column.words)).astype("str")})
    highest = {column.name: frame[column.highest] for column in shown if column.highest in frame.columns}
    texts = _columns(rows, shares, unknown, highest)
    for text, column in zip(texts, shown, strict=True):
        if is_coloured and column.kind == "state":
            text.colours = {column.words.get(word, word): colour for word, colour in COLOURS.items()}
    kept = _readable(texts, width)
    return Shown(_table(kept, len(rows), width), tuple(text.name for text in texts[len(kept) :]))


def _reads_as(words: Mapping[str, str], value: Any) -> Any:
    return value if is_missing(value) else words.get(value, value)
