"""All tables and reports as files for other programs: CSV, Parquet or one Excel workbook."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.display.csv_json import BYTE_ORDER_MARK, csv_text
from testio_analytics.display.folders import check_ours, made_in, move_together
from testio_analytics.display.workbook import write_workbook
from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ALL_TABLES
from testio_analytics.reports.asked import scope_note
from testio_analytics.reports.doubt_words import sentences
from testio_analytics.reports.doubts import doubts
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.registry import REPORTS, options_of

FORMATS = ("csv", "parquet", "xlsx")
WORKBOOK = "testio.xlsx"
ABOUT = "about.json"


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
    workbook, a sheet): the report date, the run, the versions, and everything that puts the figures in doubt. Tables come with
    their removed rows and without ``raw_data``. Nothing is replaced until all is written, and then all or nothing; files that an
    export did not make are not touched.

    Raises:
        UnknownValueError: there is no such format, product or date.
        StoreError: the database cannot be used.
        ReportError: a table is too long for a sheet, or the folder cannot be written to.
    """
    return export_mirror(load_mirror(db, product_id=product_id), output, form=form, as_of=as_of, impact=impact)


def export_mirror(
    mirror: Mirror, output: str | Path, *, form: str = "csv", as_of: AsOf = None, impact: ImpactSource = None
) -> list[Path]:
    """Do what `export` does, with tables that are loaded already.

    Raises:
        UnknownValueError: there is no such format or date.
        ReportError: as in `export`.
    """
    if form not in FORMATS:
        raise UnknownValueError("The format", form, FORMATS)
    target = Path(output).expanduser()
    with made_in(target) as folder:
        check_ours(_places(form, target), _is_ours, made_by="an export")
        written = _WRITERS[form](dict(_frames(mirror, as_of, impact)), _about(mirror, as_of), folder)
        return move_together({path: target / path.relative_to(folder) for path in written})


def _places(form: str, target: Path) -> list[Path]:
    """Return the files that an export of this form writes."""
    if form == "xlsx":
        return [target / WORKBOOK]
    names = [*(f"tables/{table.name}" for table in ALL_TABLES), *(f"reports/{name}" for name in REPORTS)]
    return [target / ABOUT, *(target / f"{name}.{form}" for name in names)]


def _is_ours(place: Path) -> bool:
    """Say whether an export made the file: a workbook names our tables, beside all others stands what the export is about."""
    try:
        if place.name == WORKBOOK:
            with zipfile.ZipFile(place) as parts:
                return b'name="t_features"' in parts.read("xl/workbook.xml")
        about = place if place.name == ABOUT else place.parents[1] / ABOUT
        return {"sync_run", "in_doubt"} <= {*json.loads(about.read_text(encoding="utf-8"))}
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return False


def _frames(mirror: Mirror, as_of: AsOf, impact: ImpactSource) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    for table in ALL_TABLES:
        yield ("tables", table.name), getattr(mirror, table.name)
    for name, report in REPORTS.items():
        yield ("reports", name), report.function(mirror, **options_of(report.function, as_of=as_of, impact=impact))


def _about(mirror: Mirror, as_of: AsOf) -> dict[str, Any]:
    return {
        "as_of": mirror.instant(as_of).isoformat(),
        "sync_run": mirror.run_id,
        "package_version": mirror.package_version,
        "schema_version": mirror.schema_version,
        "times": "UTC",
        "covers": scope_note(mirror) or "all products that were asked for",
        "in_doubt": [f"{sentence}." for sentence in sentences(doubts(mirror.at(as_of)))],
    }


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
    named = {name if kind == "reports" else f"t_{name}": frame for (kind, name), frame in frames.items()}
    return [write_workbook(folder / WORKBOOK, named, about)]


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
