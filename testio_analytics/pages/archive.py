"""Pages in one zip file, to be mailed: the same pages give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

COMMENT = b"testio_analytics report"
"""How a zip file of ours is known."""

EARLIEST_YEAR = 1980
"""A zip file knows no time before."""


def write_zip(path: Path, files: Mapping[str, Path], *, at: datetime) -> Path:
    """Write the files into a zip file under these names, all with one time, and return its path."""
    moment = at.replace(year=max(at.year, EARLIEST_YEAR)).timetuple()[:6]
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        archive.comment = COMMENT
        for name, file in files.items():
            archive.writestr(ZipInfo(name, moment), file.read_bytes(), ZIP_DEFLATED)
    return path


def is_ours(path: Path) -> bool:
    """Say whether a zip file was made here."""
    try:
        with ZipFile(path) as archive:
            return archive.comment == COMMENT
    except (OSError, BadZipFile):
        return False
