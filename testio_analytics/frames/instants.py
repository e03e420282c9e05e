"""Instants and lengths of time: what `as_of` and a number of days mean. Everything is UTC."""

from __future__ import annotations

import operator
import re
from datetime import UTC, date, datetime, time
from typing import SupportsIndex

import pandas as pd

from testio_analytics.errors import UnknownValueError

AsOf = datetime | date | str | int | None
"""What a report takes as `as_of`: an instant, a day, or the number of a sync run; `pandas.Timestamp` is a datetime."""

A_DATE = 10_000_000
"""From here on a number is a date without hyphens, like 20260630, and no run."""

LONGEST_DAYS = 36_525
"""The longest window that makes sense: a hundred years, also so that no date arithmetic leaves the calendar."""

EARLIEST = pd.Timestamp("2000-01-01", tz="UTC").as_unit("us")
"""No test was ever before: an earlier time in the data is a mistake."""

LONGEST_AHEAD = pd.Timedelta(days=3_653)
"""Ten years. A time further ahead of the last sync, or of the report date, is a mistake as well."""


def as_instant(value: datetime | date | str | int) -> pd.Timestamp:
    """Return the instant in UTC that `as_of` names.

    An instant without an offset is taken as UTC. A plain date means the end of that day (23:59:59.999999 UTC), so that
    "as of 30 June" includes what happened on 30 June.

    Raises:
        UnknownValueError: it is no date and no time, or one outside the years 1970 to 9998.
    """
    instant = _parsed(value) if isinstance(value, str) else value
    if isinstance(instant, date) and not isinstance(instant, datetime):
        instant = datetime.combine(instant, time.max, tzinfo=UTC)
    # NaT passes as a datetime for isinstance, and only shows itself by having no year.
    if not isinstance(instant, datetime) or pd.isna(instant) or not 1970 <= instant.year <= 9998:
        raise _bad_instant(value)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    return pd.Timestamp(instant).tz_convert("UTC").as_unit("us")


def as_run(value: AsOf) -> int | None:
    """Return the number of the run that `as_of` names, None where it names a day or an instant."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[0-9]{1,7}\s*", value) else None
    # Numbers out of a frame are numpy's, which are no `int`.
    number = operator.index(value) if isinstance(value, SupportsIndex) and not isinstance(value, bool) else None
    return number if number is not None and number < A_DATE else None


def is_day(value: datetime | date | str | int) -> bool:
    """Return whether `as_of` names a day, not an instant."""
    value = _parsed(value) if isinstance(value, str) else value
    return isinstance(value, date) and not isinstance(value, datetime)


def _parsed(text: str) -> datetime | date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        pass  # not a plain date; an instant, then
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise _bad_instant(text) from None


def _bad_instant(value: object) -> UnknownValueError:
    return UnknownValueError(
        "as_of",
        value,
        ["a date like 2026-06-30", "a time like 2026-06-30T06:00:00+00:00", "the number of a sync run, like 12"],
    )


def checked_days(name: str, days: float) -> pd.Timedelta:
    """Return a number of days as a length of time.

    Raises:
        UnknownValueError: it is not a number above 0, or longer than a hundred years.
    """
    is_number = isinstance(days, (int, float)) and not isinstance(days, bool)
    if not is_number or not 0 < days <= LONGEST_DAYS:
        raise UnknownValueError(name, days, [f"a number of days above 0 and up to {LONGEST_DAYS}"])
    return pd.Timedelta(days=days)
