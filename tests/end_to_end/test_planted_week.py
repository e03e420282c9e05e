"""A week with a change of every kind and three gaps: all are named, none beside, and the gaps as gaps."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from bs4 import BeautifulSoup, Tag

from planted_week import BY_TIME, GAPS, PLANTED, sync_week
from small_account import small_account, small_product
from syncing import NOW, sync_account
from testio_analytics.display.csv_json import BYTE_ORDER_MARK
from testio_analytics.display.packed import unpacked
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.pages.build import make_pages
from testio_analytics.pages.notebooks import notebook_paths, read_notebook
from testio_analytics.reports.changes import Changes, what_changed
from testio_analytics.reports.explore import explored
from testio_analytics.reports.overview import overview
from testio_analytics.reports.registry import REPORTS
from testio_analytics.reports.since import KEYS, ROWS, SinceLast, since_last

FOLLOWING = {("bugs", 3, "became readable"), ("results", 3, "became readable")}
"""What is read test by test, of the product of which a test became readable."""

FEATURES = {
    190: "new",
    106: "newly stale",
    109: "newly stale",
    107: "newly tested",
    108: "newly scheduled",
    110: "newly untested",
}
"""The word of each feature that is in another state."""


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


def test_rows_of_every_report_that_are_new_have_a_word(week_db: Path) -> None:
    """What the changes tell of a row stands beside it in each report of such rows, in a shared row by number, and on the page Explore."""
    mirror = load_mirror(week_db)
    last = since_last(mirror, report="overview")
    marked = {name: _marked(last, name, REPORTS[name].function(mirror)) for name in ROWS if name in REPORTS}

    assert marked["feature_catalog"] == FEATURES
    assert marked["removed_features"] == {104: "newly removed"}
    assert marked["story_coverage"] == {1051: "new", 1900: "new", 1110: "newly failed", 1120: "newly passed"}
    assert marked["completeness"] == {
        **dict.fromkeys(((2, "features"), (4, "bugs")), "not known any more"),
        **{(3, stream): "newly readable" for stream in ("tests", "bugs", "results")},
    }
    for name, words in marked.items():  # the same word wherever the row stands
        if ROWS[name] == "feature":
            assert words.items() <= (FEATURES | {104: "newly removed"}).items(), name
    shared = last.marks("features_to_test", overview(mirror).next_features)
    assert shared is not None
    assert shared.dropna().tolist() == ["1 newly untested and 1 new", "newly stale", "newly stale"]
    tables = explored(mirror).tables
    assert {key: word for key, word in _words(tables["features"], "feature_id") if word != "newly removed"} == FEATURES
    assert dict(_words(tables["bugs"], "bug_id")) == {12051: "new", 12052: "new"}


def test_what_a_new_product_holds_is_new(tmp_path: Path) -> None:
    """The changes tell it as one; on the pages each of its rows has the word."""
    account, db = small_account(), tmp_path / "m.db"
    sync_account(account, db)
    account.products.append(small_product(6, [601, 602], 1, 3))
    sync_account(account, db, now=NOW + timedelta(days=1))
    mirror = load_mirror(db)
    last = since_last(mirror, report="overview")

    assert last.sentence == "1 product added since 30 June 2026, 06:00 UTC."
    for name in ("coverage_by_product", "coverage_by_section", "feature_catalog", "story_coverage"):
        rows = REPORTS[name].function(mirror)
        marks = last.marks(name, rows)
        assert marks is not None
        assert rows["product_id"].eq(6).tolist() == marks.eq("new").tolist(), name


def test_every_page_says_what_changed_and_marks_what_is_new() -> None:
    """Each notebook but the one about changes says it below its answer, and hands it to every table of rows that can be new."""
    for name, path in notebook_paths().items():
        source = "\n".join(cell["source"] for cell in read_notebook(path).cells if cell["cell_type"] == "code")
        assert "ta.since_last_report(" in source or name == "08_what_changed", name
        for call in source.split("ta.table(")[1:]:
            report = call.split('"')[1]
            assert report not in ROWS or "since=since" in call, (name, call)


def _marked(last: SinceLast, name: str, rows: pd.DataFrame) -> dict[object, str]:
    """Return the word of each marked row of a report by its key."""
    marks = last.marks(name, rows)
    if marks is None:
        return {}
    keys = [
        one[0] if len(one) == 1 else one for one in zip(*(rows[key].tolist() for key in KEYS[ROWS[name]]), strict=True)
    ]
    return {key: word for key, word in zip(keys, marks.tolist(), strict=True) if isinstance(word, str)}


def _words(rows: pd.DataFrame, key: str) -> Iterator[tuple[int, str]]:
    return (
        (one, word)
        for one, word in zip(rows[key].tolist(), rows["since"].tolist(), strict=True)
        if isinstance(word, str)
    )


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
