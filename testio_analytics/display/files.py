"""Tables and reports as files for other programs: CSV, Parquet or one Excel workbook."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.display.csv_json import BYTE_ORDER_MARK, csv_text, formula_safe
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror, load_mirror
from testio_analytics.mirror.schema import ALL_TABLES
from testio_analytics.reports.completeness import report_instant
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.registry import REPORTS, doubts, options_of

FORMATS = ("csv", "parquet", "xlsx")
WORKBOOK = "testio.xlsx"
ABOUT = "about.json"
LONGEST_CELL = 32_767
MOST_ROWS = 1_048_575
"""What a sheet holds beside its head, and a cell at most (Microsoft, "Excel specifications and limits")."""

CUT = " […cut]"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def export(
    db: str | Path | None = None,
    output: str | Path = "export",
    *,
    form: str = "csv",
    product_id: int | Sequence[int] | None = None,
    as_of: AsOf = None,
    impact: ImpactSource = None,
) -> list[Path]:
    """Write every table and every report into a folder, and return the paths.

    ``csv`` and ``parquet`` write one file each into ``tables`` and ``reports``, ``xlsx`` one workbook with a sheet each.
    Parquet keeps the types; CSV and Excel get text that no spreadsheet executes. Beside them stands ``about.json`` (in the
    workbook, a sheet): the instant, the run, the versions, and everything that puts the figures in doubt. Tables come with
    their removed rows and without ``raw_data``. Nothing is replaced until all is written.

    Raises:
        UnknownValueError: there is no such format, product or instant.
        StoreError: the database cannot be used.
        ReportError: a table is too long for a sheet, or the folder cannot be written to.
    """
    if form not in FORMATS:
        raise UnknownValueError("The format", form, FORMATS)
    mirror = load_mirror(db, product_id=product_id)
    about = _about(mirror, as_of)
    frames = dict(_frames(mirror, as_of, impact))
    target = Path(output)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".export-") as folder:
            written = _WRITERS[form](frames, about, Path(folder))
            return [_moved(path, Path(folder), target) for path in written]
    except OSError as error:
        raise ReportError(f"The export into {target} failed: {error}. What was there before is untouched.") from error


def _frames(mirror: Mirror, as_of: AsOf, impact: ImpactSource) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    for table in ALL_TABLES:
        yield ("tables", table.name), getattr(mirror, table.name)
    for name, report in REPORTS.items():
        yield ("reports", name), report.function(mirror, **options_of(report.function, as_of=as_of, impact=impact))


def _about(mirror: Mirror, as_of: AsOf) -> dict[str, Any]:
    return {
        "as_of": report_instant(mirror, as_of).isoformat(),
        "sync_run": mirror.run_id,
        "package_version": mirror.package_version,
        "schema_version": mirror.schema_version,
        "times": "UTC",
        "in_doubt": doubts(mirror),
    }


def _moved(path: Path, folder: Path, target: Path) -> Path:
    place = target / path.relative_to(folder)
    place.parent.mkdir(exist_ok=True)
    shutil.move(path, place)
    return place


Frames = Mapping[tuple[str, str], pd.DataFrame]


def _write_csv(frames: Frames, about: Mapping[str, Any], folder: Path) -> list[Path]:
    paths = [_about_file(about, folder)]
    for (kind, name), frame in frames.items():
        path = _place(folder, kind, f"{name}.csv")
        path.write_text(BYTE_ORDER_MARK + csv_text(frame), encoding="utf-8")
        paths.append(path)
    return paths


def _write_parquet(frames: Frames, about: Mapping[str, Any], folder: Path) -> list[Path]:
    paths = [_about_file(about, folder)]
    for (kind, name), frame in frames.items():
        path = _place(folder, kind, f"{name}.parquet")
        frame.to_parquet(path, engine="pyarrow", index=False)
        paths.append(path)
    return paths


def _write_xlsx(frames: Frames, about: Mapping[str, Any], folder: Path) -> list[Path]:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("About")
    for key, value in about.items():
        for text in value or ["nothing"] if isinstance(value, list) else [value]:
            sheet.append([key, _cell(text)])
    sheet.append(["cells", f"Text longer than {LONGEST_CELL:,} characters is cut and ends in “{CUT.strip()}”."])
    names: set[str] = {"about"}
    for (kind, name), frame in frames.items():
        if len(frame) > MOST_ROWS:
            raise ReportError(
                f"{name} has {len(frame):,} rows; a sheet holds {MOST_ROWS:,}. Export it as csv or parquet."
            )
        _add_sheet(book, _sheet_name(name if kind == "reports" else f"t_{name}", names), frame)
    path = folder / WORKBOOK
    book.save(path)
    return [path]


def _add_sheet(book: Any, name: str, frame: pd.DataFrame) -> None:
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"
    for number, column in enumerate(frame.columns, 1):
        longest = max((len(str(value)) for value in frame[column].head(100)), default=0)
        sheet.column_dimensions[get_column_letter(number)].width = min(max(longest, len(str(column))) + 2, 60)
    sheet.auto_filter.ref = f"A1:{get_column_letter(max(len(frame.columns), 1))}{len(frame) + 1}"
    sheet.append([_cell(str(column)) for column in frame.columns])
    for row in zip(*(_plain(frame[column]) for column in frame.columns), strict=True):
        sheet.append([_cell(value) for value in row])


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Return the values as Excel knows them: times without zone, since it has none (the sheet About says that they are UTC)."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return [
        None if pd.isna(value) else value.item() if hasattr(value, "item") else value for value in column.astype(object)
    ]


def _cell(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime(warn=False)
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


def _about_file(about: Mapping[str, Any], folder: Path) -> Path:
    path = folder / ABOUT
    path.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _place(folder: Path, kind: str, name: str) -> Path:
    (folder / kind).mkdir(exist_ok=True)
    return folder / kind / name


_WRITERS: Mapping[str, Callable[[Frames, Mapping[str, Any], Path], list[Path]]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "xlsx": _write_xlsx,
}
