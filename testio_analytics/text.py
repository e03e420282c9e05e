"""How names, counts, shares and instants are put into the sentences of the reports.

Nothing here depends on the machine's locale. Text of the API is shortened and put on one line, not escaped: that is
done where it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import isnan

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
LONGEST_NAME = 60
EN_DASH = "\N{EN DASH}"


def day_words(instant: datetime) -> str:
    """Return the day in UTC as readers write it, like "3 Jul 2026"."""
    return f"{instant.day} {MONTHS[instant.month - 1][:3]} {instant.year}"


def instant_words(instant: datetime) -> str:
    """Return the instant in UTC as readers write it, like "30 June 2026, 06:00 UTC"."""
    return f"{instant.day} {MONTHS[instant.month - 1]} {instant.year}, {instant.hour:02}:{instant.minute:02} UTC"


def age_words(days: int) -> str:
    """Return a whole number of days as an age, like "204 days ago"."""
    if days < 1:
        return "less than a day ago"
    return "1 day ago" if days == 1 else f"{days:,} days ago"


def label(name: object, kind: str, key: object) -> str:
    """Return a name on one line, or kind and id ("Feature 81001") where there is none."""
    text = " ".join(str(name).split()) if isinstance(name, str) else ""
    return text or f"{kind} {key}"


def short(text: str, longest: int = LONGEST_NAME) -> str:
    """Return the text, cut with an ellipsis where it is longer than that many characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def lowered(sentence: str) -> str:
    """Return a sentence as it stands inside another one: with a small first letter."""
    return sentence[:1].lower() + sentence[1:]


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, like "1 test" or "1,709 stories"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def signed(change: float, decimals: int = 0) -> str:
    """Return a change with its sign, like "+4"; a minus is the typographic one."""
    return f"{change:+,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def listed(items: Sequence[str], most: int = 3) -> str:
    """Return items as a list in words, like "A, B and C", or "A, B, C and 2 more"; no items make no words."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most:,} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def percent(share: object) -> str:
    """Return a share as a whole percentage; only an exact 0 or 1 is called 0 % or 100 %, and none "unknown"."""
    if not isinstance(share, float) or isnan(share):  # pandas.NA is no float
        return "unknown"
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share * 100:.0f} %"


def interval_words(low: float, high: float) -> str:
    """Return the bounds of a share in percent, like "19 to 35 %" with a dash between."""
    return f"{low * 100:.0f}{EN_DASH}{high * 100:.0f} %"
