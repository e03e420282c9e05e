"""Periods of the calendar, in UTC, by the names that people give them."""

from __future__ import annotations

import pandas as pd


def quarters(at: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    """Return the quarter of each time, like 2026-Q2; empty where there is no time."""
    names = at.dt.strftime("%Y-Q") + at.dt.quarter.astype("Int64").astype("str")
    return names.astype("str").mask(at.isna())
