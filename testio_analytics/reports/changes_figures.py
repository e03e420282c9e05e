"""The headline figures of two states, each with its change, and whether that is more than chance explains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import bugs_by_product
from testio_analytics.reports.change_kinds import FIGURE, Change
from testio_analytics.reports.change_sides import Sides
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.coverage import coverage_total
from testio_analytics.reports.doubts import nothing_read, products_in_doubt
from testio_analytics.reports.rate_intervals import difference_interval
from testio_analytics.reports.registry import REPORTS
from testio_analytics.reports.stories import story_coverage_by_product
from testio_analytics.reports.triage import triage_total
from testio_analytics.text import EN_DASH, percent_range, signed

RATES = {
    "review": "Bugs triaged manually",
    "auto_acceptance": "Auto-acceptance",
    "rejection": "Rejection",
}

_FIGURES_OF = {
    "coverage_total": (
        *("Active features", "Never tested", "Untested", "Scheduled, not yet tested", "Stale", "Recently tested"),
    ),
    "story_coverage_by_product": ("Stories", "Stories passed", "Stories failed"),
    "bugs_by_product": ("Valid bugs", "Critical bugs", "Open bugs"),
    "triage_total": tuple(RATES.values()),
}
FIGURE_STREAMS = {name: REPORTS[report].streams for report, names in _FIGURES_OF.items() for name in names}
"""The streams that each figure rests on: those of the report that it comes from."""


class Value(NamedTuple):
    """A figure of one state: the least and the most it can be (None where that is not known), and its interval."""

    least: float | None
    most: float | None
    low: float | None = None
    high: float | None = None


def figure_changes(sides: Sides) -> Iterator[Change]:
    """Yield every headline figure, whether it changed or not; where products became known, what it was is not known."""
    now = _figures(sides.after)
    if sides.known_later:
        then, aged = dict.fromkeys(now, Value(None, None)), dict[str, Value]()
    else:
        then, aged = _figures(sides.before), _coverage(sides.aged)
    for name, value in now.items():
        yield _changed(name, then[name], aged.get(name, then[name]), value)


def _figures(mirror: Mirror) -> dict[str, Value]:
    return {**_coverage(mirror), **_stories(mirror), **_bugs(mirror), **_triage(mirror)}


def _coverage(mirror: Mirror) -> dict[str, Value]:
    total = coverage_total(mirror).iloc[0]
    unknown = _number(total["unknown"])
    # What a gap of the catalogue hides may be any number of features.
    hides = bool(products_in_doubt(mirror, "features"))
    figures = {
        "Active features": (total["active_features"], total["active_features"]),
        "Never tested": (total["never_executed"], total["never_executed_highest"]),
        "Untested": (total["untested"], _sum(total["untested"], unknown)),
        "Scheduled, not yet tested": (total["planned"], _sum(total["planned"], unknown)),
        "Stale": (total["stale"], _sum(total["stale"], unknown)),
        "Recently tested": (total["recent_covered"], total["recent_covered_highest"]),
    }
    return {name: Value(_number(least), None if hides else _number(most)) for name, (least, most) in figures.items()}


def _stories(mirror: Mirror) -> dict[str, Value]:
    rows, hides = story_coverage_by_product(mirror), bool(products_in_doubt(mirror, "features"))
    unknown = rows["unknown"].sum(min_count=1)
    ends = {
        "Stories": (rows["stories"], 0),
        "Stories passed": (rows["passed"], unknown),
        "Stories failed": (rows["failed"], unknown),
    }
    return {name: _counted(mirror, values, more, hides) for name, (values, more) in ends.items()}


def _counted(mirror: Mirror, values: pd.Series[Any], more: Any, hides: bool) -> Value:
    """Return the sum over products; without any it is 0 where that is known, and unknown else."""
    if values.empty:
        return Value(None, None) if nothing_read(mirror, "products") else Value(0, 0)
    least = _number(values.sum(min_count=1))
    return Value(least, None if hides or values.isna().any() else _sum(least, more))


def _bugs(mirror: Mirror) -> dict[str, Value]:
    rows, hides = bugs_by_product(mirror), bool(products_in_doubt(mirror, "tests", "bugs"))
    valid = _counted(mirror, rows["bugs"], (rows["bugs_highest"] - rows["bugs"]).sum(skipna=False), hides)
    return {
        "Valid bugs": valid,
        "Critical bugs": _counted(mirror, rows["critical"], rows["severity_other"].sum(), hides),
        "Open bugs": _counted(mirror, rows["open"], 0, hides),
    }


def _triage(mirror: Mirror) -> dict[str, Value]:
    total = triage_total(mirror).iloc[0]
    ends = ("", "_highest", "_low", "_high")
    return {label: Value(*(_number(total[f"{name}{end}"]) for end in ends)) for name, label in RATES.items()}


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _sum(one: Any, other: Any) -> float | None:
    return None if pd.isna(one) or pd.isna(other) else float(one) + float(other)


def _changed(name: str, then: Value, aged: Value, now: Value) -> Change:
    least, most = _difference(then, now)
    before, after = _words(name, then), _words(name, now)
    has_moved = _is_another(least) or _is_another(most) or before != after
    by_time, same = _difference(then, aged)
    note = ""
    if by_time is not None and by_time == same and _is_another(by_time) and now.low is None:
        note = f"{signed(by_time)} by time alone"
    return Change(
        FIGURE,
        "changed" if has_moved else "unchanged",
        None,
        None,
        name,
        before,
        after,
        cause="time" if note and aged == now else "",
        change=least,
        change_highest=most,
        beyond_interval=is_beyond(then, now),
        note=note,
    )


def _is_another(change: float | None) -> bool:
    return change is not None and float(comparable([change])[0]) != 0


def _difference(then: Value, now: Value) -> tuple[float | None, float | None]:
    """Return the least and the most that a figure can have changed by; nothing where that is not known."""
    if then.least is None or then.most is None or now.least is None or now.most is None:
        return None, None
    return now.least - then.most, now.most - then.least


def is_beyond(then: Value, now: Value) -> bool | None:
    """Return whether a rate changed by more than chance explains; None for counts, which have no interval.

    The interval of the change is made of those of both rates (the square-and-add method of Newcombe), as if they came of
    different bugs. Many are the same, so that it is rather too wide.
    """
    ends = (*then, *now)
    if any(end is None for end in ends):
        return None
    lowest, highest = difference_interval(then=then, now=now)  # type: ignore[arg-type]  # no end is missing
    return bool(lowest > 0 or highest < 0)


def _words(name: str, value: Value) -> str:
    if value.least is None:
        return "unknown"
    if name in RATES.values():
        return percent_range(value.least, value.least if value.most is None else value.most)
    least = f"{value.least:,.0f}"
    if value.most is None:
        return f"at least {least}"
    return least if value.most == value.least else f"{least}{EN_DASH}{value.most:,.0f}"
