"""One frame as a workbook: what Excel cannot hold is told or kept as text, and doubts come along."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import testio_analytics as ta
from testio_analytics.display import workbook
from testio_analytics.errors import ReportError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.registry import REPORTS


def test_a_workbook_keeps_every_digit_and_every_instant(tmp_path: Path) -> None:
    """Ids that Excel would round are text; times are times, also where Excel has none for them."""
    times = ["2026-06-30T08:05:00+02:00", "1850-01-01T00:00:00+00:00", None]
    frame = pd.DataFrame(
        {
            "id": pd.array([2**53 + 1, 2**62, 81001], dtype="Int64"),
            "at": pd.to_datetime(pd.Series(times), utc=True, format="ISO8601"),
            "share": pd.array([0.1, None, 2.0], dtype="Float64"),
            "known": pd.array([True, None, False], dtype="boolean"),
            "title": ["{=1}", "http://a.test", None],
        }
    )
    path = ta.to_excel(frame, tmp_path / "new" / "book.xlsx")
    head, *rows = openpyxl.load_workbook(path)["Data"].iter_rows(values_only=True)
    assert head == tuple(frame.columns)
    assert rows == [
        (str(2**53 + 1), datetime(2026, 6, 30, 6, 5), 0.1, True, "{=1}"),  # noqa: DTZ001
        (str(2**62), "1850-01-01T00:00:00+00:00", None, None, "http://a.test"),
        (81001, None, 2, False, None),
    ]


@pytest.mark.parametrize("name", ["untested_features", "coverage_total", "changes", "trends"])
def test_a_report_goes_into_a_workbook_with_its_doubts(name: str, demo_frames: Mirror, tmp_path: Path) -> None:
    """Every row and column on the first sheet, which is what a program reads; its doubts on the second."""
    report = REPORTS[name].function(demo_frames)
    path = ta.to_excel(report, tmp_path / "report.xlsx")
    sheets = pd.read_excel(path, sheet_name=None)

    assert [*sheets] == ["Data", "About"]
    assert sheets["Data"].shape == report.shape
    about = openpyxl.load_workbook(path)["About"].iter_rows(values_only=True)
    said = [text for key, text, *_ in about if key == "in_doubt"]
    assert said
    assert said == report.attrs["doubts"]


def test_a_grouped_frame_keeps_the_names_of_its_groups(demo_frames: Mirror, tmp_path: Path) -> None:
    """A named index becomes columns; without doubts known, none are claimed."""
    counts = demo_frames.bugs.groupby(["severity", "status"]).size().to_frame("bugs")
    path = ta.to_excel(counts, tmp_path / "bugs.xlsx")
    book = openpyxl.load_workbook(path)

    assert next(book["Data"].iter_rows(values_only=True)) == ("severity", "status", "bugs")
    assert "in_doubt" not in [key for key, *_ in book["About"].iter_rows(values_only=True)]


def test_what_does_not_fit_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is replaced by half of a frame."""
    path = ta.to_excel(pd.DataFrame({"a": [1]}), tmp_path / "book.xlsx")
    before = path.read_bytes()
    monkeypatch.setattr(workbook, "MOST_ROWS", 1)

    with pytest.raises(ReportError, match="2 rows"):
        ta.to_excel(pd.DataFrame({"a": [1, 2]}), path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]
