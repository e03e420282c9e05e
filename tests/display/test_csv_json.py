"""CSV that nothing executes, JSON that comes back as it was."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.display.cells import rounded
from testio_analytics.display.csv_json import csv_text, json_text
from testio_analytics.errors import ReportError
from testio_analytics.text import clean, formula_safe

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
WHOLE = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
MEASURED = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
TIMES = st.one_of(st.none(), st.datetimes(pd.Timestamp("1970-01-01"), pd.Timestamp("2200-01-01")))


def frame_of(
    texts: list[Any], whole: list[Any], measured: list[Any], truths: list[Any], times: list[Any]
) -> pd.DataFrame:
    """Return a typed frame, as the loaders and reports give it."""
    return pd.DataFrame(
        {
            "title": pd.Series(texts, dtype=object),
            "tests": pd.array(whole, dtype="Int64"),
            "share": pd.array(measured, dtype="Float64"),
            "known": pd.array(truths, dtype="boolean"),
            "end_at": pd.Series(pd.to_datetime(pd.Series(times, dtype=object), utc=True)).astype("datetime64[us, UTC]"),
        }
    )


ROWS = st.lists(st.tuples(st.one_of(st.none(), ANY_TEXT), WHOLE, MEASURED, st.sampled_from([True, False, None]), TIMES))


def typed(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows as a typed frame."""
    columns = zip(*rows, strict=True) if rows else [()] * 5
    return frame_of(*(list(column) for column in columns))


@given(ROWS)
def test_json_comes_back_with_its_types(rows: list[tuple[Any, ...]]) -> None:
    """Text, numbers, truth values, gaps and instants survive, numbers with six significant digits, whatever the text holds."""
    back = json.loads(json_text(typed(rows)))

    assert [tuple(record) for record in back] == [("title", "tests", "share", "known", "end_at")] * len(rows)
    for record, (title, tests, share, known, end_at) in zip(back, rows, strict=True):
        assert (record["title"], record["tests"]) == (title, tests)
        assert record["share"] == (None if share is None else rounded(share))
        assert record["known"] is known
        assert record["end_at"] == (None if end_at is None else f"{end_at.isoformat()}+00:00")


@given(ANY_TEXT)
def test_json_can_be_printed_to_a_terminal(text: str) -> None:
    """No control character and no mark of direction is in the output itself; it is ordinary UTF-8."""
    written = json_text(pd.DataFrame({"title": pd.Series([text], dtype=object)}))

    written.encode("utf-8")
    assert not [
        c for c in written if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E
    ]


def test_json_has_no_word_for_infinity() -> None:
    """An infinite number is an error, and NaN is missing."""
    assert json.loads(json_text(pd.DataFrame({"x": [math.nan]}))) == [{"x": None}]
    with pytest.raises(ReportError, match="infinite"):
        json_text(pd.DataFrame({"x": [math.inf]}))


@given(ROWS)
def test_csv_comes_back_cell_by_cell(rows: list[tuple[Any, ...]]) -> None:
    """Numbers have six significant digits, truth values are as they were, times are ISO 8601, text is the cleaned and defused text."""
    lines = list(csv.reader(io.StringIO(csv_text(typed(rows)))))

    assert lines[0] == ["title", "tests", "share", "known", "end_at"]
    assert len(lines) == len(rows) + 1
    for line, (title, tests, share, known, end_at) in zip(lines[1:], rows, strict=True):
        assert line[0] == ("" if title is None else formula_safe(title))
        assert line[1] == ("" if tests is None else str(tests))
        assert (line[2] == "") if share is None else float(line[2]) == rounded(share)
        assert line[3] == {True: "true", False: "false", None: ""}[known]
        assert line[4] == ("" if end_at is None else f"{end_at.isoformat()}+00:00")


@given(ANY_TEXT)
def test_a_defused_text_starts_no_formula(text: str) -> None:
    """Its first visible character is none that a spreadsheet computes with; harmless text is only cleaned."""
    safe = formula_safe(text)

    visible = safe.strip().lstrip("\ufeff\u200b\u200e\u200f\u2060")
    assert visible[:1] not in set("=+-@＝＋－＠")  # noqa: RUF001
    assert safe[:1] not in {"\t", "\r", "\n"}
    assert safe in {clean(text), f"'{clean(text)}"}


FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\ufeff=1",
    "\u200b\u00a0=1",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "\n-1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_defused_also_behind_blanks(text: str) -> None:
    """An apostrophe stands in front; a control character is visible, and then it is what begins the text."""
    assert formula_safe(text) == f"'{clean(text)}"
    assert formula_safe(f"\x1f{text}").startswith("␟")


def test_numbers_are_never_touched() -> None:
    """A negative number stays a number; the same signs in text are defused, also in a column's name."""
    assert csv_text(pd.DataFrame({"n": [-5], "=t": ["-5"]})) == "n,'=t\n-5,'-5\n"


def test_an_empty_frame_keeps_its_columns() -> None:
    """CSV is its heading, JSON an empty list."""
    empty = typed([])

    assert csv_text(empty) == "title,tests,share,known,end_at\n"
    assert json.loads(json_text(empty)) == []
