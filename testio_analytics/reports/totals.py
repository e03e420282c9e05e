"""Totals: the reports of one row, each figure of them with the range that gaps leave, and the rows that a count counts.

A total is summed from counts, and its shares are made of the sums: shares are never averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from testio_analytics.api.vocabulary import SEVERITIES
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import bugs_by_product
from testio_analytics.reports.columns import Column
from testio_analytics.reports.coverage import ALL_PRODUCTS
from testio_analytics.reports.doubt_words import Doubt
from testio_analytics.reports.doubts import doubts_of, nothing_read, with_doubts
from testio_analytics.reports.facts import BUCKETS, located_bugs, once
from testio_analytics.reports.features import STATES as FEATURE_STATES
from testio_analytics.reports.features import features_with_state
from testio_analytics.reports.registry import BUG_FIELDS, LINK_FIELDS, REPORTS, SCOPE_FIELDS, STATUSES, documented
from testio_analytics.reports.results import evidence_by_product
from testio_analytics.reports.shares import share, with_share
from testio_analytics.reports.stories import COUNT_COLUMNS, story_coverage, story_coverage_by_product
from testio_analytics.reports.stories import STATES as STORY_STATES

NUMBERS = ("count", "share", "rate", "days")

TOTALS: Mapping[str, frozenset[str]] = {
    "coverage_total": frozenset(("tests", STATUSES, *SCOPE_FIELDS)),
    "story_coverage_total": frozenset(("tests", "results", STATUSES, *SCOPE_FIELDS)),
    "evidence_total": frozenset(("tests", "bugs", "results", STATUSES, *SCOPE_FIELDS, *BUG_FIELDS, *LINK_FIELDS)),
    "bugs_total": frozenset(("tests", "bugs", "bugs.status")),
    "triage_total": frozenset(("bugs.status", "bugs.auto_accepted")),
}
"""The reports of one row, each with what its ranges allow for: a stream that has gaps, or a missing field.

What is missing of the catalogue is in no range: nobody knows how many features there are besides.
"""

OF_ALL = ("before the data", "before the history", "wrong clock")
"""The kinds of doubt that no range allows for."""

MOST: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "coverage_total": {
        "untested": ("untested", "unknown"),
        "planned": ("planned", "unknown"),
        "tested": ("recent_covered_highest",),
        "never_executed": ("never_executed_highest",),
        "ever_covered": ("ever_covered_highest",),
        "recent_covered": ("recent_covered_highest",),
    }
}
"""The columns that add up to the most that a count can be, where the column itself declares none."""

PARTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "coverage_total": {
        "ever_share": ("ever_covered", "active_features"),
        "recent_share": ("recent_covered", "active_features"),
    },
    "story_coverage_total": {"share": ("covered", "stories")},
    "evidence_total": {"share": ("exercised", "active_features")},
}
"""The counts that a share is made of."""


@dataclass(frozen=True)
class Figure:
    """One figure of a total.

    Attributes:
        column: what it is.
        value: the figure, the least that it can be where it has a range; None where nothing is known.
        highest: the most that it can be; the same as `value` where the report gives no range.
        bounds: the ends of its 95 % interval; the figure's own range where none is declared, None where it is not known.
        k_of_n: the counts that a share is made of.
        has_interval: whether an interval is declared.
        doubts: what puts it in doubt that its range does not allow for.
    """

    column: Column
    value: float | None
    highest: float | None
    bounds: tuple[float, float] | None
    k_of_n: tuple[int, int] | None
    has_interval: bool
    doubts: tuple[Doubt, ...]


def figure_columns(report: str) -> dict[str, Column]:
    """Return the figures of a report by name: its numbers, without the ends of ranges and intervals."""
    found = REPORTS[report].columns
    ends = {name for column in found for name in (*(column.bounds or ()), column.highest)}
    ends |= {name for names in MOST.get(report, {}).values() for name in names if name.endswith("_highest")}
    return {column.name: column for column in found if column.kind in NUMBERS and column.name not in ends}


def figure_of(mirror: Mirror, report: str, name: str) -> Figure:
    """Return a figure of a total as of the mirror's own instant."""
    row = _rows(mirror, report).iloc[0].to_dict()
    column, parts = figure_columns(report)[name], PARTS.get(report, {}).get(name)
    ends = _ends_of_range(report, column)
    value = _number(row[name])
    highest = value if ends is None else _most(row, ends, parts[1] if parts and not column.highest else None)
    low, high = (_number(row[end]) for end in column.bounds) if column.bounds else (value, highest)
    return Figure(
        column,
        value,
        highest,
        None if low is None or high is None else (low, high),
        None if parts is None or value is None else (int(row[parts[0]]), int(row[parts[1]])),
        column.bounds is not None,
        _beyond_range(doubts_of(mirror, report), report if ends else None),
    )


@once
def _rows(mirror: Mirror, report: str) -> pd.DataFrame:
    return REPORTS[report].function(mirror)


def _ends_of_range(report: str, column: Column) -> tuple[str, ...] | None:
    """Return the columns that add up to the most that a figure can be; those of its part for a share; None without."""
    part = PARTS.get(report, {}).get(column.name, (column.name,))[0]
    declared = (column.highest,) if column.highest else None
    return declared or MOST.get(report, {}).get(part)


def _most(row: Mapping[Any, Any], ends: tuple[str, ...], whole: str | None) -> float | None:
    """Return the most that a figure can be: the sum of these columns, out of all where they are counts of a share."""
    numbers = [number for end in ends if (number := _number(row[end])) is not None]
    total = sum(numbers) if len(numbers) == len(ends) else None
    return total if whole is None else share(total, row[whole])


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _beyond_range(found: tuple[Doubt, ...], ranged: str | None) -> tuple[Doubt, ...]:
    """Return the doubts that the ranges of a report do not allow for; all of them for a figure without range."""
    allowed = TOTALS[ranged] if ranged else frozenset()
    return tuple(one for one in found if one.kind in OF_ALL or one.source not in allowed)


# -- the rows that a count counts -----------------------------------------------------------------------------------


def members(mirror: Mirror, report: str, name: str) -> frozenset[int]:
    """Return the ids of the features, stories or bugs that a count of a total counts, as far as they are known.

    Raises:
        KeyError: that figure counts no such rows; see `countable`.
    """
    ids, rows, chosen = _COUNTABLE[report]
    found = rows(mirror)
    return frozenset(found[chosen[name](found)][ids].tolist())


def countable(report: str) -> frozenset[str]:
    """Return the names of the figures of a total of which `members` knows the rows."""
    return frozenset(_COUNTABLE[report][2]) if report in _COUNTABLE else frozenset()


Chosen = Callable[[pd.DataFrame], "pd.Series[bool]"]


def _is_in(column: str, *values: str) -> Chosen:
    return lambda rows: rows[column].isin(values)


def _valid(severity: Chosen | None = None) -> Chosen:
    return lambda rows: rows["is_valid"].astype(bool) & (True if severity is None else severity(rows))


def _own_bugs(mirror: Mirror) -> pd.DataFrame:
    bugs = located_bugs(mirror)
    return bugs[bugs["product_id"].isin(mirror.active("products")["id"])]


def _feature_states(mirror: Mirror) -> pd.DataFrame:
    return features_with_state(mirror, stale_after=180, window=180)


_COUNTABLE: Mapping[str, tuple[str, Callable[[Mirror], pd.DataFrame], Mapping[str, Chosen]]] = {
    "coverage_total": (
        "feature_id",
        _feature_states,
        {
            **{state: _is_in("state", state) for state in FEATURE_STATES},
            "active_features": _is_in("state", *FEATURE_STATES),
            "never_executed": _is_in("state", "untested", "planned"),
            "ever_covered": _is_in("state", "tested", "stale"),
            "recent_covered": _is_in("state", "tested"),
        },
    ),
    "story_coverage_total": (
        "story_id",
        story_coverage,
        {name: _is_in("state", state) for name, state in zip(COUNT_COLUMNS, STORY_STATES, strict=True)}
        | {"stories": _is_in("state", *STORY_STATES)},
    ),
    "bugs_total": (
        "bug_id",
        _own_bugs,
        {
            "bugs": _valid(),
            "known": _valid(lambda rows: rows["is_known"].astype(bool)),
            "critical_bugs": _valid(_is_in("severity", "critical")),
            **{name: _valid(_is_in("severity", name)) for name in SEVERITIES if name != "critical"},
        },
    ),
    "triage_total": (
        "bug_id",
        _own_bugs,
        {"total": _is_in("bucket", *BUCKETS), **{name: _is_in("bucket", name) for name in BUCKETS}},
    ),
}
"""For each total: the id of what it counts, its rows, and which of them each count counts."""


# -- the reports ----------------------------------------------------------------------------------------------------


@documented
def bugs_total(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the valid bugs of all products, in one row; empty where the bugs of a product were never read."""
    rows = bugs_by_product(mirror, as_of=as_of).rename(columns={"critical": "critical_bugs"})
    return _with_doubts(_summed(mirror, rows, "bugs_total", "bugs"), mirror, "bugs_total")


@documented
def story_coverage_total(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return how all active stories stand, in one row; counts are empty where those of a product are."""
    found = _summed(mirror, story_coverage_by_product(mirror, as_of=as_of), "story_coverage_total", "features")
    found = with_share(found, "covered", "stories", "share")
    found = with_share(found, "covered_highest", "stories", "share_highest")
    with_result = found.assign(with_result=found["passed"] + found["failed"])
    found = found.join(with_share(with_result, "passed", "with_result", "passed_share")["passed_share"])
    return _with_doubts(found, mirror, "story_coverage_total")


@documented
def evidence_total(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return how many features of all products were shown to be exercised, in one row."""
    found = _summed(mirror, evidence_by_product(mirror, as_of=as_of), "evidence_total", "features")
    found = with_share(found, "exercised", "active_features", "share")
    found = with_share(found, "exercised_highest", "active_features", "share_highest")
    return _with_doubts(found, mirror, "evidence_total")


def _summed(mirror: Mirror, rows: pd.DataFrame, report: str, stream: str) -> pd.DataFrame:
    """Return the sums of the counts of a report; empty where one is, and where nothing was read of all that it counts.

    Where a product's count can be anything up to its highest, the least is 0; only where that is so for the whole total
    its least is empty, as a number made of nothing.
    """
    declared = [column for column in REPORTS[report].columns if column.kind == "count"]
    for column in (column for column in declared if column.highest):
        rows[column.name] = rows[column.name].mask(rows[column.name].isna() & rows[column.highest].notna(), 0)
    names = [column.name for column in declared]
    is_known = not nothing_read(mirror, stream)
    sums = {name: [rows[name].sum(skipna=False) if is_known else pd.NA] for name in names}
    found = pd.DataFrame(sums).astype(dict.fromkeys(names, "Int64"))
    for part, whole in PARTS.get(report, {}).values():
        nothing = (found[whole] > 0) & (found[part] == 0) & (found[f"{part}_highest"] == found[whole])
        found[part] = found[part].mask(nothing.fillna(False))
    return found.assign(product=pd.Series([ALL_PRODUCTS], dtype="str"))


def _with_doubts(found: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    return with_doubts(found, mirror, report)[[column.name for column in REPORTS[report].columns]]
