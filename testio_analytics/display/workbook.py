"""Frames as an Excel workbook: a sheet each, and one that says what they are about."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.display.folders import made_in, move_together
from testio_analytics.errors import ReportError
from testio_analytics.reports.doubts import DOUBTS
from testio_analytics.text import formula_safe

LONGEST_CELL = 32_767
MOST_ROWS = 1_048_575
MOST_DIGITS = 15
"""What a sheet holds beside its head, a cell, and a number at most (Microsoft, "Excel specifications and limits")."""

WORKBOOK_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "default_date_format": "yyyy-mm-dd hh:mm:ss",
    "remove_timezone": True,  # Excel has none; all times are UTC, and the sheet About says so
}
SHEET = "Data"
"""The sheet of a single frame."""
FIRST_YEAR = 1900  # Excel knows no time before
CUT = " […cut]"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def to_excel(frame: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write one frame, a report or a table, as an Excel workbook, and return its path; an earlier one is replaced.

    ``DataFrame.to_excel`` refuses times with a time zone, which all of ours have, since Excel knows none. Here they are
    written in UTC, and the sheet About says so, and what puts the figures in doubt (``frame.attrs["doubts"]``, as far as the
    frame still has it). A named index becomes columns. Text is written so that no spreadsheet executes it, and an id with
    more digits than Excel keeps as text.

    Raises:
        ReportError: the frame is too long for a sheet, or the file cannot be written.
    """
    target = Path(path).expanduser()
    about = {"times": "UTC", **({"in_doubt": frame.attrs[DOUBTS]} if DOUBTS in frame.attrs else {})}
    flat = frame.reset_index() if any(frame.index.names) else frame
    with made_in(target.parent) as folder:
        made = write_workbook(
            folder / "frame.xlsx", {SHEET: flat}, about, about_first=False
        )  # a program reads the first
        return move_together({made: target})[0]


def write_workbook(
    path: Path, frames: Mapping[str, pd.DataFrame], about: Mapping[str, Any], *, about_first: bool = True
) -> Path:
    """Write frames into a workbook, a sheet each, and one that says what they are about; return its path.

    Raises:
        ReportError: a frame is too long for a sheet.
        OSError: the file cannot be written.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    book = Workbook(path, {**WORKBOOK_OPTIONS, "tmpdir": str(path.parent)})
    if about_first:
        _add_about(book.add_worksheet("About"), about)
    names: set[str] = {"about"}
    for name, frame in frames.items():
        if len(frame) > MOST_ROWS:
            raise ReportError(
                f"{name} has {len(frame):,} rows; a sheet holds {MOST_ROWS:,}. Export it as csv or parquet."
            )
        _add_frame(book.add_worksheet(_sheet_name(name, names)), frame)
    if not about_first:
        _add_about(book.add_worksheet("About"), about)
    try:
        book.close()
    except FileCreateError as error:
        raise OSError(*error.args) from error
    return path


def _add_about(sheet: Any, about: Mapping[str, Any]) -> None:
    lines = [
        (key, text)
        for key, value in about.items()
        for text in (value or ["nothing"] if isinstance(value, list) else [value])
    ]
    lines.append(("cells", f"Text longer than {LONGEST_CELL:,} characters is cut and ends in “{CUT.strip()}”."))
    for number, line in enumerate(lines):
        sheet.write_row(number, 0, map(_cell, line))


def _add_frame(sheet: Any, frame: pd.DataFrame) -> None:
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(frame), max(len(frame.columns) - 1, 0))
    for number, column in enumerate(frame.columns):
        longest = max((len(str(value)) for value in frame[column].head(100)), default=0)
        sheet.set_column(number, number, min(max(longest, len(str(column))) + 2, 60))
    sheet.write_row(0, 0, map(_cell, frame.columns))
    values = (frame[column].astype(object).where(frame[column].notna(), None) for column in frame.columns)
    for number, row in enumerate(zip(*values, strict=True), 1):
        sheet.write_row(number, 0, map(_cell, row))


def _cell(value: Any) -> Any:
    """Return the value as a cell can hold it without loss: a number with more digits than Excel keeps becomes text."""
    if isinstance(value, datetime) and value.year < FIRST_YEAR:
        return value.isoformat()
    if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
        return str(value)
    if not isinstance(value, str):
        return value
    text = formula_safe(_ILLEGAL.sub("\ufffd", value))
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - len(CUT)] + CUT


def _sheet_name(name: str, taken: set[str]) -> str:
    short, number = name[:31], 2
    while short.lower() in taken:
        short, number = f"{name[:28]}_{number}", number + 1
    taken.add(short.lower())
    return short
