"""Shares: k out of n, for counts that are complete.

A share of everything that there is has no interval: only a data gap can move it, and then the count is a range.
`rate_intervals` has those of rates, which speak of more than the rows counted.
"""

from __future__ import annotations

from typing import Any

import pandas as pd


def share(part: Any, whole: Any) -> float | None:
    """Return part / whole; nothing where there is nothing to divide."""
    return None if pd.isna(part) or pd.isna(whole) or whole == 0 else int(part) / int(whole)


def with_share(rows: pd.DataFrame, part: str, whole: str, name: str) -> pd.DataFrame:
    """Add a share under this name, from two columns of counts."""
    pairs = zip(rows[part].tolist(), rows[whole].tolist(), strict=True)
    return rows.assign(**{name: pd.array([share(*pair) for pair in pairs], dtype="Float64")})
