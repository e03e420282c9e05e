"""Periods of the calendar, in UTC, by the names that people give them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from testio_analytics.errors import UnknownValueError

Kind = Literal["month", "quarter", "year"]
FORMS = ("a quarter like 2026-Q2", "a month like 2026-06", "a year like 2026")
_NAME = re.compile(r"(20\d\d)(?:-(?:Q(?P<quarter>[1-4])|(?P<month>0[1-9]|1[0-2])))?", re.ASCII)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_RESOLUTION = pd.Timedelta(microseconds=1)


@dataclass(frozen=True)
class Period:
    """A month, a quarter or a year: its name, its kind, when it begins, and when the next one does."""

    name: str
    kind: Kind
    start: pd.Timestamp
    end: pd.Timestamp

    def holds(self, at: pd.Series[pd.Timestamp]) -> pd.Series[bool]:
        """Return which of the times lie in it."""
        return (at >= self.start) & (at < self.end)

    def last(self, instant: pd.Timestamp) -> pd.Timestamp:
        """Return its last instant that is not after another one."""
        return min(self.end - _RESOLUTION, instant)

    def is_over(self, instant: pd.Timestamp) -> bool:
        """Return whether it is over at an instant; its last day as a date is the last microsecond of it."""
        return self.end <= instant + _RESOLUTION


def quarters(at: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    """Return the quarter of each time, like 2026-Q2; empty where there is no time."""
    names = at.dt.strftime("%Y-Q") + at.dt.quarter.astype("Int64").astype("str")
    return names.astype("str").mask(at.isna())


def period_names(at: pd.Series[pd.Timestamp], kind: Kind) -> pd.Series[str]:
    """Return the month, quarter or year of each time by its name; empty where there is no time."""
    if kind == "quarter":
        return quarters(at)
    return at.dt.strftime("%Y-%m" if kind == "month" else "%Y").astype("str")


def period_of(what: str, name: str) -> Period:
    """Return the period of that name; `what` names the option that gave it.

    Raises:
        UnknownValueError: it is the name of none.
    """
    found = _NAME.fullmatch(name.strip().upper()) if isinstance(name, str) else None
    if found is None:
        raise UnknownValueError(what, name, FORMS)
    quarter, month = found["quarter"], found["month"]
    first = (int(quarter) - 1) * 3 + 1 if quarter else int(month or 1)
    return _period("quarter" if quarter else "month" if month else "year", int(found[1]), first)


def last_quarter(instant: pd.Timestamp) -> Period:
    """Return the last quarter that was over at an instant."""
    now = _period("quarter", instant.year, (instant.quarter - 1) * 3 + 1)
    return now if now.is_over(instant) else before(now)


def before(period: Period) -> Period:
    """Return the period of the same kind that ends where this one begins."""
    start: Any = period.start - pd.DateOffset(months=_MONTHS[period.kind])
    return _period(period.kind, start.year, start.month)


def _period(kind: Kind, year: int, month: int) -> Period:
    start = pd.Timestamp(year=year, month=month, day=1, tz="UTC").as_unit("us")
    name = str(period_names(pd.Series([start]), kind)[0])
    return Period(name, kind, start, start + pd.DateOffset(months=_MONTHS[kind]))
