"""The state of a database in one line, fit for the subject of a mail: the most important first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.asked import scope_note
from testio_analytics.reports.coverage import coverage_total
from testio_analytics.reports.doubt_words import sentences
from testio_analytics.reports.doubts import doubts
from testio_analytics.text import counted, day_words, instant_words, listed, lowered, one_line, short

LONGEST_LINE = 78
"""Characters of a subject that mail programs show whole."""

CUT_OFF = {"running": "killed"}
"""What became of a run that still calls itself this, though no process carries it on; others say it themselves."""


def status_line(mirror: Mirror, run: Any, *, has_failed: bool, limit: str = "") -> str:
    """Return the line: what failed, else what is missing, else which limit is broken; then what was never tested.

    Args:
        mirror: the account, or the products asked for.
        run: the last row of ``sync_runs``, whatever became of it; None where there is none.
        has_failed: whether that run did not come to its end, and none carries it on.
        limit: why a limit for the age of the data does not hold; "" where it does, or none is set.
    """
    if run is None:
        return "Nothing was synced into this database yet"
    if has_failed:
        return _fitting([_failure(run)])
    never, found = _never_tested(mirror), _in_doubt(mirror)
    if found:
        return _fitting(_dated(f"Incomplete: {listed(found)}; {lowered(never)}", mirror))
    if limit:
        return _fitting([limit.removesuffix(".")])
    if run["outcome"] == "running":
        return _fitting([f"{line}; a sync is running" for line in _dated(never, mirror)])
    return _fitting(_dated(f"{never}; complete", mirror))


def _fitting(lines: Sequence[str]) -> str:
    """Return the first line that fits, else the last one, cut."""
    found = next((line for line in map(one_line, lines) if len(line) <= LONGEST_LINE), one_line(lines[-1]))
    return short(found, LONGEST_LINE)


def _dated(line: str, mirror: Mirror) -> list[str]:
    """Return the line with the report date, in ever fewer words, and without it."""
    at = mirror.instant()
    return [f"{line} as of {instant_words(at)}", f"{line} as of {day_words(at)}", line]


def _failure(run: Any) -> str:
    if run["outcome"] == "failed":
        return f"The last sync failed: {run['error'] or 'it did not say why'}"
    became = CUT_OFF.get(run["outcome"], run["outcome"])
    return f"The last sync was {became}: begun on {instant_words(run['started_at'])}, it has no end"


def _never_tested(mirror: Mirror) -> str:
    total = coverage_total(mirror).iloc[0]
    population = total["active_features"]
    if pd.isna(population) or 0 < population == total["unknown"]:
        return "How many features were never tested is unknown"
    if not population:
        return "There are no active features"
    least = int(total["untested"] + total["planned"])
    most = least + int(total["unknown"])
    never = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{never} of {counted(int(population), 'feature')}{_whose(mirror)} never tested"


def _whose(mirror: Mirror) -> str:
    """Return of how many products, where that is not the whole account."""
    is_part = mirror.product_ids is not None or scope_note(mirror) is not None
    return f" of {counted(len(mirror.active('products')), 'product')}" if is_part else ""


def _in_doubt(mirror: Mirror) -> list[str]:
    """Return how much is missing of what was asked for: gaps, rejected rows, and what else puts figures in doubt."""
    found = [one for one in doubts(mirror) if one.was_asked]
    gaps, rejected = (int(rows["closed_at"].isna().sum()) for rows in (mirror.sync_gaps, mirror.rejected_rows))
    others = len(sentences([one for one in found if one.kind != "incomplete" or not gaps + rejected]))
    counts = ((gaps, "gap"), (rejected, "rejected row"), (others, "doubt"))
    return [counted(count, name) for count, name in counts if count] if found else []
