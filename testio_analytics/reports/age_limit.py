"""A limit for the age of the data: how it is written, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from testio_analytics.mirror.schema import ACCOUNT
from testio_analytics.text import instant_words

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a read may lie ahead of this machine's clock before one of the two clocks must be wrong."""


@dataclass(frozen=True)
class AgeLimit:
    """A limit for the age of the data, as ``--max-age`` sets it.

    Attributes:
        asked: the limit as it was written, like "24h".
        oldest: the oldest complete read of what was ever asked for; None where something was never completely read.
        holds: whether that is young enough; None where it cannot be judged.
        reason: why it does not hold or cannot be judged, as a sentence; "" where it holds.
    """

    asked: str
    oldest: pd.Timestamp | None
    holds: bool | None
    reason: str = ""


def judged(owed: pd.DataFrame, asked: str, longest: timedelta, now: datetime) -> AgeLimit:
    """Return whether the oldest complete read of rows of `completeness` is at most `longest` before `now`."""
    reads = owed["last_complete"]
    if reads.empty or reads.isna().any():
        return AgeLimit(
            asked, None, None, f"The limit of {asked} cannot be judged: something was never completely read."
        )
    oldest, newest = reads.min(), reads.max()
    if newest > now + CLOCKS_DIFFER:
        reason = f"a read is dated {instant_words(newest)}, and this machine's clock says {instant_words(now)}"
        return AgeLimit(
            asked, oldest, None, f"The limit of {asked} cannot be judged: {reason}. One of the clocks is wrong."
        )
    if now - oldest <= longest:
        return AgeLimit(asked, oldest, True)
    row = owed.sort_values("last_complete").iloc[0]
    whose = "the account" if row["product_id"] == ACCOUNT else row["product"]
    which = f"{row['stream']} of {whose}, last read completely on {instant_words(oldest)}"
    return AgeLimit(asked, oldest, False, f"Older than {asked}: {which}.")
