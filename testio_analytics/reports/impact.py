"""What a failure of each feature would cost, as the customer sees it: weights from a file or a frame."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from testio_analytics.api.values import as_id
from testio_analytics.errors import ReportError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.text import counted, day_words, listed

COLUMNS = ("feature_id", "impact", "owner", "note")


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
    UTF-8, with comma or semicolon.

    Raises:
        ReportError: the file cannot be read, or a row is wrong; the message names file, line and value.
    """
    if source is None or isinstance(source, Impact):
        return source
    if isinstance(source, pd.DataFrame):
        rows = [(f"row {number}", dict(row)) for number, row in enumerate(source.to_dict("records"), 1)]
        return Impact(_checked(rows, list(map(str, source.columns)), "the DataFrame"), "a DataFrame", None)
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, UnicodeError) as error:
        raise ReportError(
            f"The impact weights {path} cannot be read: {error}. They must be a CSV file in UTF-8."
        ) from error
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    names = [str(name).strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    rows = [(f"line {reader.line_num}", row) for row in reader]
    return Impact(_checked(rows, names, path.name), path.name, pd.Timestamp(written).floor("s").as_unit("us"))


def unknown_impact_ids(mirror: Mirror, impact: ImpactSource) -> list[int]:
    """Return the ids among the weights that are no active feature of these products, in order."""
    found = read_impact(impact)
    if found is None:
        return []
    known = {*mirror.active("features")["id"].tolist()}
    return sorted(int(key) for key in found.weights["feature_id"] if key not in known)


def _checked(rows: list[tuple[str, dict[Any, Any]]], names: list[str], source: str) -> pd.DataFrame:
    if not {"feature_id", "impact"} <= {*names}:
        raise ReportError(
            f"{source} has the columns {listed(names, most=9) or 'none'}; it needs feature_id and impact, and may have "
            "owner and note."
        )
    found: dict[int, tuple[float, str | None, str | None]] = {}
    for place, row in rows:
        key, weight = _id(row["feature_id"]), _weight(row["impact"])
        if key is None:
            raise ReportError(
                f"{source}, {place}: feature_id is {row['feature_id']!r}, and must be the id of a feature."
            )
        if weight is None:
            raise ReportError(f"{source}, {place}: impact is {row['impact']!r}, and must be a number from 0 to 1.")
        if key in found:
            raise ReportError(f"{source}, {place}: feature {key} came before. Each feature may have one weight.")
        found[key] = (weight, _text(row.get("owner")), _text(row.get("note")))
    frame = pd.DataFrame([(key, *values) for key, values in found.items()], columns=list(COLUMNS))
    return frame.astype({"feature_id": "Int64", "impact": "Float64", "owner": "str", "note": "str"})


def _id(value: Any) -> int | None:
    if isinstance(value, float):  # how a frame holds ids beside empty cells; from 2^53 on it may have been another one
        return as_id(int(value)) if value.is_integer() and abs(value) < 2**53 else None
    return as_id(value.strip() if isinstance(value, str) else int(value) if hasattr(value, "__index__") else value)


def _weight(value: Any) -> float | None:
    try:
        weight = float(value.strip() if isinstance(value, str) else value)
    except (TypeError, ValueError):
        return None
    return weight if 0 <= weight <= 1 else None


def _text(value: Any) -> str | None:
    return " ".join(value.split()) or None if isinstance(value, str) else None
