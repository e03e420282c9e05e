"""A week with a change of every kind and three gaps: all are named, none beside, and the gaps as gaps."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup, Tag

from planted_week import BY_TIME, GAPS, PLANTED, sync_week
from testio_analytics.display.csv_json import BYTE_ORDER_MARK
from testio_analytics.display.packed import unpacked
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.pages.build import make_pages
from testio_analytics.reports.changes import Changes, what_changed

FOLLOWING = {("bugs", 3, "became readable"), ("results", 3, "became readable")}
"""What is read test by test, of the product of which a test became readable."""


@pytest.fixture(scope="module")
def week_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file with both runs of the week."""
    db = tmp_path_factory.mktemp("week") / "week.db"
    sync_week(db)
    return db


@pytest.fixture(scope="module")
def week(week_db: Path) -> Changes:
    """Return what changed in the week."""
    return what_changed(load_mirror(week_db, as_of="1"), load_mirror(week_db))


def test_every_change_of_the_week_is_named_and_none_beside(week: Changes) -> None:
    """From the file of both runs: the changes are the planted ones, with their cause, and the gaps are changes of completeness."""
    events = [row for row in week.found if row.what not in {"figure", "data set"}]
    assert len(events) == len(PLANTED) >= 25
    assert {(row.what, row.kind, row.id) for row in events} == PLANTED
    assert {row.id for row in events if row.cause == "time"} == BY_TIME
    assert {(row.name, row.product_id, row.kind) for row in week.found if row.what == "data set"} == GAPS | FOLLOWING


def test_the_page_names_every_change_and_none_beside(week: Changes, week_db: Path, tmp_path: Path) -> None:
    """In its tables, and in the files that they offer; the gaps stand apart, and above the tables as what is in doubt."""
    (file,) = make_pages(week_db, tmp_path, notebooks=["08_what_changed"])
    html = file.read_text(encoding="utf-8")
    page = BeautifulSoup(html, "html.parser")
    tables = {table.caption.text: [*_rows(table)] for table in page.find_all("table") if table.caption}

    names = {(row.what, row.kind, row.id): (row.name, f"Product {row.product_id}") for row in week.found}
    seen = [
        row for caption, rows in tables.items() if "changed" in caption and "figures" not in caption for row in rows
    ]
    assert sorted((row["What"], row["Change"], row["Name"]) for row in seen) == sorted(
        (what, kind, " ".join(names[what, kind, key])) for what, kind, key in PLANTED
    )
    assert [row["Name"] for row in seen if row["Cause"] == "time"] == [f"Feature {key} Product 1" for key in BY_TIME]
    (reads,) = (rows for caption, rows in tables.items() if caption.startswith("Data sets that became readable"))
    assert sorted((row["Name"], row["Change"]) for row in reads) == sorted(
        (f"{name} Product {product}", kind) for name, product, kind in GAPS | FOLLOWING
    )
    offered = [(row["what"], row["kind"], int(row["id"])) for row in _offered(html) if row["id"]]
    assert len(offered) == len(PLANTED)
    assert {*offered} == PLANTED

    text = " ".join(page.get_text(" ").split())
    assert "1 new critical bug, 1 story failed" in text
    assert "and 22 more changes since 23 June 2026, 06:00 UTC; 2 data sets not known any more; 3 data sets" in text
    for place in ("section 202", "bugs of test 4010", "As of 23 June 2026, 06:00 UTC: the tests of Product 3"):
        assert place in text


def _rows(table: Tag) -> Iterator[dict[str, str]]:
    """Return the rows of a table by its headings."""
    head, *rows = (
        [" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")
    )
    return (dict(zip(head, row, strict=True)) for row in rows)


def _offered(html: str) -> Iterator[dict[str, str]]:
    """Return the rows of all files with changes that a page offers, packed or not."""
    for text in (*map(unquote, re.findall('href="data:text/csv;charset=utf-8,([^"]*)"', html)), *unpacked(html)):
        if text.startswith(f"{BYTE_ORDER_MARK}what,kind,"):
            yield from csv.DictReader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK)))
