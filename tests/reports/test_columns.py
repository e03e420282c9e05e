"""Reports are as declared: their columns, the order of them and their dtypes, whatever the account holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from generated import SHAPES
from shared_demo import generated_mirror
from strategies import Account, opened
from testio_analytics.reports.columns import COLUMNS, DTYPES, Column, filled
from testio_analytics.reports.registry import PAGE_TABLES, QUESTIONS, REPORTS, View, report_list

VIEWS: dict[str, View] = {**REPORTS, **PAGE_TABLES}


@pytest.fixture(scope="module", params=["demo", "empty", *SHAPES])
def mirror(request: pytest.FixtureRequest, demo_db_path: Path) -> ta.Mirror:
    """Return the mirror of the demo account, of an empty database, and of each generated account."""
    if request.param == "empty":
        with opened(Account({})) as connection:
            return ta.load_mirror(connection)
    return ta.load_mirror(demo_db_path if request.param == "demo" else generated_mirror(request.param))


def is_of_kind(values: pd.Series[Any], column: Column) -> bool:
    """Return whether a column of a frame has the dtype that its kind says."""
    dtype = str(values.dtype)
    return dtype == DTYPES[column.kind] or (column.kind == "state" and dtype == "str")


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_has_the_columns_that_it_declares(mirror: ta.Mirror, name: str) -> None:
    """Names and order are those declared, and each dtype is that of the column's kind, with rows and without."""
    report = REPORTS[name]
    frame = report.function(mirror)

    assert list(frame.columns) == [column.name for column in report.columns]
    assert [c.name for c in report.columns if not is_of_kind(frame[c.name], c)] == []


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_columns_that_are_there(name: str) -> None:
    """What a terminal or page shows, are columns of the report itself, and so are both ends of an interval, or neither."""
    view = VIEWS[name]
    known = {column.name for column in view.columns}
    shown = {*view.page, *view.under, *getattr(view, "terminal", ())} | ({view.row_header} - {""})

    assert shown <= known
    assert all(known >= {*bounds} or known.isdisjoint(bounds) for c in view.columns if (bounds := c.bounds))
    assert len(known) == len(view.columns)
    assert view.caption.endswith(".")


def used_columns() -> Iterator[Column]:
    """Yield every column of every view, changed as it is there."""
    return (column for view in VIEWS.values() for column in view.columns)


def test_every_column_is_used_and_explained() -> None:
    """The dictionary holds no column that nothing has, and each says what it means, its thresholds filled in."""
    assert {*COLUMNS} == {column.name for column in used_columns()}
    for column in used_columns():
        assert column.label
        assert column.meaning.endswith(".")
        assert not re.search("[{}]", filled(column.label) + filled(column.meaning))


def test_no_column_means_its_opposite_kind_somewhere_unsaid() -> None:
    """Few names do: `high`, `low`, `reason`, `sections` (their number), a flag that is counted, `bugs` that count by severity."""
    kinds = {(column.name, column.kind) for column in used_columns()}
    assert {name for name, kind in kinds if COLUMNS[name].kind != kind} == {
        "high",
        "low",
        "reason",
        "sections",
        "changed_since_tested",
        "bugs",
    }


def test_the_list_names_each_report_once_below_its_question() -> None:
    """Every report has a question of the list, and stands below it with its title."""
    text = report_list()
    parts = dict(part.split("\n", 1) for part in text.split("\n\n"))

    assert list(parts) == list(QUESTIONS)
    for report in REPORTS.values():
        assert re.search(rf"^  {report.name} +{re.escape(report.title)}$", parts[report.question], re.MULTILINE)
        assert text.count(f"  {report.name} ") == 1
