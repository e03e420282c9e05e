"""What a failure of each feature would cost, as the customer sees it: weights from a file or a frame."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from testio_analytics.api.values import as_id
from testio_analytics.errors import ReportError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.text import counted, day_words, listed, one_line, short

COLUMNS = ("feature_id", "impact", "owner", "note")
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,3})?|[0-9]+\.")
_LIKE_A_ROW = re.compile(r"\n\s*\"?\d+\"?\s*[,;]")


@dataclass(frozen=True, eq=False)
class Impact:
    """Weights of features, and where they come from.

    Attributes:
        weights: one row per feature: feature_id, impact (0 to 1), owner, note.
        source: name of the file, or "a DataFrame".
        written: when the file was last changed; None for a frame.
    """

    weights: pd.DataFrame
    source: str
    written: pd.Timestamp | None

    @property
    def sentence(self) -> str:
        """What a page says of the use of these weights: source, date, owners."""
        owners = sorted({str(owner) for owner in self.weights["owner"].dropna() if str(owner).strip()})
        when = "" if self.written is None else f", as of {day_words(self.written)}"
        whose = f", by {listed(owners)}" if owners else ", without an owner"
        return f"Impact weights of {counted(len(self.weights), 'feature')} from {self.source}{when}{whose}."


ImpactSource: TypeAlias = str | os.PathLike[str] | pd.DataFrame | Impact | None
"""Where weights come from: a CSV file, a frame with the same columns, or weights that were read before."""


def read_impact(source: ImpactSource) -> Impact | None:
    """Return the weights of a CSV file (``feature_id, impact, owner, note``) or of a frame; None for None.

    The impact is a number between 0 and 1: 1 is the worst that can happen. `owner` and `note` may be missing. The file is
    UTF-8, with comma or semicolon; empty rows are left out.

    Raises:
        ReportError: the file cannot be read, or a row is wrong; the message names file, line and value.
    """
    if source is None or isinstance(source, Impact):
        return source
    if isinstance(source, pd.DataFrame):
        names = list(map(str, source.columns))
        _check_names(names, "The DataFrame")
        records = source.set_axis(names, axis=1).to_dict("records")
        rows = [(f"row {number}", dict(row)) for number, row in enumerate(records, 1)]
        return Impact(_checked(rows, "The DataFrame"), "a DataFrame", None)
    path = Path(source)
    try:
        content = path.read_bytes()
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise ReportError(f"The impact weights {path} cannot be read: {error}.") from error
    rows = _rows_of(_text_of(content, path.name), path.name)
    return Impact(_checked(rows, path.name), path.name, pd.Timestamp(written).floor("s").as_unit("us"))


def unknown_impact_ids(mirror: Mirror, impact: ImpactSource) -> list[int]:
    """Return the ids among the weights that are no active feature of these products, in order."""
    found = read_impact(impact)
    if found is None:
        return []
    known = {*mirror.active("features")["id"].tolist()}
    return sorted(int(key) for key in found.weights["feature_id"] if key not in known)


def unknown_impact_note(mirror: Mirror, impact: ImpactSource) -> str | None:
    """Return a sentence about the weights of what is no active feature; None where there are none."""
    found, unknown = read_impact(impact), unknown_impact_ids(mirror, impact)
    if found is None or not unknown:
        return None
    verb = "is" if len(unknown) == 1 else "are"
    return (
        f"{len(unknown):,} of {counted(len(found.weights), 'impact weight')} from {found.source} {verb} of no active "
        f"feature and {'counts' if verb == 'is' else 'count'} for nothing: {listed([*map(str, unknown)])}."
    )


def _text_of(content: bytes, source: str) -> str:
    """Return the content of a file as text with plain line ends.

    Raises:
        ReportError: it is not UTF-8, or no text at all.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReportError(
            f"{source}, line {line}: byte {content[error.start]:#04x} is not UTF-8. Save the file as CSV in UTF-8."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ReportError(f"{source}, line {line}: a NUL byte, as no text holds one. Save the file as CSV in UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _rows_of(text: str, source: str) -> list[tuple[str, dict[Any, Any]]]:
    """Return the rows of a CSV text by the names of its first line, each with the line on which it begins.

    Raises:
        ReportError: it is no sound CSV, or a quote that is not closed may have swallowed rows.
    """
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True)
    rows: list[tuple[str, dict[Any, Any]]] = []
    names: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if names is None:
                names = [cell.strip() for cell in cells]
                _check_names(names, source)
            elif any(cell.strip() for cell in cells):
                _check_cells(cells, names, f"{source}, line {line}")
                rows.append((f"line {line}", dict(zip(names, cells, strict=False))))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ReportError(
            f"{source}, line {line}: no row can be read from here on: {error}. Is a quote opened and not closed?"
        ) from error
    if names is None:
        _check_names([], source)
    return rows


def _check_names(names: Sequence[str], source: str) -> None:
    if not {"feature_id", "impact"} <= {*names}:
        raise ReportError(
            f"{source} has the columns {listed(names, most=9) or 'none'}; it needs feature_id and impact, and may have "
            "owner and note."
        )
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise ReportError(f"{source} has the column {listed(twice)} twice. Leave one of them.")


def _check_cells(cells: Sequence[str], names: Sequence[str], place: str) -> None:
    if len(cells) > len(names):
        raise ReportError(
            f"{place}: {len(cells)} cells, and the first line names {len(names)}. Write a text with a separator in quotes, "
            "and a number with a point (0.5)."
        )
    if any(_LIKE_A_ROW.search(cell) for cell in cells):
        raise ReportError(
            f"{place}: a text in quotes goes over lines that look like rows of their own. Close the quote on its line."
        )


def _checked(rows: list[tuple[str, dict[Any, Any]]], source: str) -> pd.DataFrame:
    found: dict[int, tuple[float, str | None, str | None]] = {}
    for place, row in rows:
        key, weight = _id(row.get("feature_id")), _weight(row.get("impact"))
        if key is None:
            raise ReportError(
                f"{source}, {place}: feature_id is {_shown(row.get('feature_id'))}, and must be the id of a feature."
            )
        if weight is None:
            raise ReportError(
                f"{source}, {place}: impact is {_shown(row.get('impact'))}, and must be a number from 0 to 1."
            )
        if key in found:
            raise ReportError(f"{source}, {place}: feature {key} came before. Each feature may have one weight.")
        found[key] = (weight, _text(row.get("owner")), _text(row.get("note")))
    frame = pd.DataFrame([(key, *values) for key, values in found.items()], columns=list(COLUMNS))
    return frame.astype({"feature_id": "Int64", "impact": "Float64", "owner": "str", "note": "str"})


def _id(value: Any) -> int | None:
    if isinstance(value, float):  # how a frame holds ids beside empty cells; from 2^53 on it may have been another one
        return as_id(int(value)) if value.is_integer() and abs(value) < 2**53 else None
    if isinstance(value, str):
        return as_id(value.strip())
    return as_id(int(value)) if hasattr(value, "__index__") and not isinstance(value, bool) else None


def _weight(value: Any) -> float | None:
    if (isinstance(value, str) and not _NUMBER.fullmatch(value.strip())) or isinstance(value, bool):
        return None
    try:
        weight = float(value)
    except (TypeError, ValueError):
        return None
    return weight if 0 <= weight <= 1 else None


def _shown(value: Any) -> str:
    return short(one_line(repr(value)))


def _text(value: Any) -> str | None:
    return " ".join(value.split()) or None if isinstance(value, str) else None
