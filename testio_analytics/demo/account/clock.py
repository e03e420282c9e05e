"""Instants as the API spells them: with varying offsets, Central European time among them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache


def central_european(moment: datetime) -> datetime:
    """Return the instant on the clock of Central Europe: +01:00, and +02:00 in summer.

    Summer time lasts from the last Sunday of March to the last Sunday of October, 01:00 UTC each (EU directive
    2000/84/EC). Computed here because not every machine has a time zone database.
    """
    utc = moment.astimezone(UTC)
    is_summer = _last_sunday(utc.year, 3) <= utc < _last_sunday(utc.year, 10)
    return utc.astimezone(timezone(timedelta(hours=2 if is_summer else 1)))


@cache
def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def local_text(moment: datetime, *, milliseconds: bool = False) -> str:
    """Return the instant as ISO 8601 with the offset of Central Europe."""
    return central_european(moment).isoformat(timespec="milliseconds" if milliseconds else "seconds")


def zulu_text(moment: datetime, *, milliseconds: bool = False) -> str:
    """Return the instant as ISO 8601 in UTC, ending in ``Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.removesuffix("+00:00") + "Z"


def parsed(text: str) -> datetime:
    """Return the instant that a timestamp of a payload names; one without offset counts as UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
