"""Exports: everything arrives, with its types where the format has them, and no text is executed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import testio_analytics as ta
from strategies import Account
from testio_analytics.cli import cli
from testio_analytics.display.csv_json import BYTE_ORDER_MARK, csv_text
from testio_analytics.display.files import export
from testio_analytics.display.folders import WORK_PREFIX
from testio_analytics.display.workbook import CUT, LONGEST_CELL
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.mirror.schema import ALL_TABLES
from testio_analytics.reports.registry import REPORTS, make

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "a\x00b\x0bc",
    "\u202eevil",
    "x" * 40_000,
)


@pytest.fixture(name="db")
def _db(tmp_path: Path) -> Path:
    account = Account().product(1, "=1+1")
    for number, title in enumerate(HOSTILE, 1):
        account.feature(number, title=title)
    path = tmp_path / "mirror.db"
    with closing(sqlite3.connect(path)) as connection:
        account.synced(1).write(connection)
    return path


def test_parquet_keeps_values_and_types(demo_db_path: Path, tmp_path: Path) -> None:
    """Every table and every report comes back as the frame that it was."""
    export(demo_db_path, tmp_path, form="parquet", product_id=70340)
    mirror = ta.load_mirror(demo_db_path, product_id=70340)
    frames = {f"tables/{table.name}": getattr(mirror, table.name) for table in ALL_TABLES}
    frames |= {f"reports/{name}": report.function(mirror) for name, report in REPORTS.items()}
    for name, frame in frames.items():
        back = pd.read_parquet(tmp_path / f"{name}.parquet")
        # A column of categories without a single value comes back without its categories.
        pd.testing.assert_frame_equal(back, frame, check_dtype=not frame.empty, check_categorical=not frame.empty)


@pytest.fixture(scope="module", name="exported")
def _exported(demo_db_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Run the export of one product as CSV, once, and return the folder and what the command said."""
    folder = tmp_path_factory.mktemp("export")
    call = ["export", "--db", str(demo_db_path), "--output", str(folder), "--format", "csv", "--product", "70340"]
    return folder, CliRunner().invoke(cli, call)


def test_csv_files_are_what_show_prints(exported: tuple[Path, Result], demo_db_path: Path) -> None:
    """One file per table and report, each with the byte order mark that Excel needs."""
    folder, _ = exported
    assert len([*folder.rglob("*.*")]) == len(ALL_TABLES) + len(REPORTS) + 1
    for name in ("bugs_per_feature", "story_coverage", "next_tests"):
        text = (folder / "reports" / f"{name}.csv").read_text(encoding="utf-8")
        frame, *_ = make(name, demo_db_path, product_id=70340)
        assert text == BYTE_ORDER_MARK + csv_text(frame)


def test_doubts_travel_with_the_files(exported: tuple[Path, Result], demo_db_path: Path, tmp_path: Path) -> None:
    """What could not be read stands beside the figures, in every format."""
    about = json.loads((exported[0] / "about.json").read_text(encoding="utf-8"))
    assert any("Skerry Go" in doubt for doubt in about["in_doubt"])
    assert about["as_of"] == "2026-06-30T06:00:00+00:00"
    export(demo_db_path, tmp_path, form="xlsx", product_id=70340)
    sheet = openpyxl.load_workbook(tmp_path / "testio.xlsx", read_only=True)["About"]
    assert any("Skerry Go" in str(value) for row in sheet.iter_rows(values_only=True) for value in row)


def test_no_cell_of_the_workbook_is_a_formula(db: Path, tmp_path: Path) -> None:
    """Hostile text is text; what a cell cannot hold is replaced or cut, and says so."""
    export(db, tmp_path / "out", form="xlsx")
    book = openpyxl.load_workbook(tmp_path / "out" / "testio.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    titles = [row[2].value for row in book["t_features"].iter_rows(min_row=2)]
    assert titles[0] == "'" + HOSTILE[0]
    assert titles[4] == "a\ufffdb\ufffdc"
    assert len(titles[6]) <= LONGEST_CELL and titles[6].endswith(CUT)
    assert {sheet.title for sheet in book} >= {"About", "next_tests", "t_bugs"}
    assert all(len(sheet.title) <= 31 for sheet in book)


def test_an_empty_database_exports_empty_tables(tmp_path: Path) -> None:
    """With their columns, in every format."""
    path = tmp_path / "empty.db"
    with closing(sqlite3.connect(path)) as connection:
        Account().write(connection)
    for form in ("csv", "parquet", "xlsx"):
        assert export(path, tmp_path / form, form=form)
    assert "severity" in pd.read_parquet(tmp_path / "parquet" / "tables" / "bugs.parquet")


def test_a_failed_export_leaves_what_was_there(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is moved into the folder until all is written, and nothing stays behind."""
    output = tmp_path / "out"
    export(db, output, form="csv")
    before = {path: path.read_bytes() for path in output.rglob("*.csv")}

    def broken(*_: object, **__: object) -> pd.DataFrame:
        raise OSError("disk full")

    monkeypatch.setattr(import_module("testio_analytics.display.files"), "csv_text", broken)
    with pytest.raises(ReportError, match="untouched"):
        export(db, output, form="csv", as_of="2026-06-29")
    assert len(before) > len(ALL_TABLES)
    assert {path: path.read_bytes() for path in output.rglob("*.csv")} == before
    assert not [path for path in output.iterdir() if path.name.startswith(WORK_PREFIX)]


def test_an_unknown_format_is_refused(db: Path, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(UnknownValueError, match="csv"):
        export(db, tmp_path / "out", form="pdf")
    assert not (tmp_path / "out").exists()


def test_the_command_names_files_and_gaps(exported: tuple[Path, Result], db: Path, tmp_path: Path) -> None:
    """Paths on standard output, doubts on standard error, and exit code 3 where figures rest on gaps."""
    folder, result = exported
    assert result.exit_code == 3
    assert str(folder / "reports" / "next_tests.csv") in result.stdout
    assert "Skerry Go" in result.stderr
    complete = CliRunner().invoke(
        cli, ["export", "--db", str(db), "--output", str(tmp_path / "out"), "--format", "csv"]
    )
    assert complete.exit_code == 0, complete.output
