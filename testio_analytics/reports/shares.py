"""Intervals around shares: how far a share of a small number can be trusted."""

from __future__ import annotations

from functools import cache
from math import isfinite, nan, sqrt
from statistics import NormalDist
from typing import Any

import pandas as pd

from testio_analytics.errors import UnknownValueError


def wilson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of the share k / n.

    With p = k / n and z the normal quantile of (1 + confidence) / 2, the bounds are::

        (p + z²/2n ± z · sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n)

    Unlike the textbook interval p ± z·sqrt(p(1 - p)/n) it never leaves 0 to 1, and stays honest for small n and for
    shares near 0 and 1. Source: E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22 (1927), 209-212; recommended by Brown, Cai and
    DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001), 101-133.

    Args:
        k: how many have the property.
        n: how many there are.
        confidence: the probability with which such intervals contain the true share, between 0 and 1.

    Returns:
        The lower and the upper bound as shares; a pair of NaN when n is 0, since nothing is known then.

    Raises:
        UnknownValueError: n is negative, k is not between 0 and n, or the confidence not between 0 and 1.
    """
    if n < 0:
        raise UnknownValueError("n", n, ["a count of 0 or more"])
    if not 0 <= k <= n:
        raise UnknownValueError("k", k, [f"a count between 0 and n = {n}"])
    if not (isfinite(confidence) and 0 < confidence < 1):
        raise UnknownValueError("confidence", confidence, ["a probability between 0 and 1"])
    if n == 0:
        return nan, nan
    z = _normal_quantile((1 + confidence) / 2)
    share, spread = k / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    # Exactly 0 and 1 at the ends, where rounding would leave a hair's breadth.
    low = 0.0 if k == 0 else max(0.0, middle - half)
    high = 1.0 if k == n else min(1.0, middle + half)
    return low, high


@cache
def _normal_quantile(probability: float) -> float:
    return NormalDist().inv_cdf(probability)


def share(part: Any, whole: Any) -> tuple[float | None, float | None, float | None]:
    """Return part / whole with its 95 % Wilson interval; nothing where there is nothing to divide."""
    if pd.isna(part) or pd.isna(whole) or whole == 0:
        return None, None, None
    return int(part) / int(whole), *wilson(int(part), int(whole))


def with_share(rows: pd.DataFrame, part: str, whole: str, names: tuple[str, str, str]) -> pd.DataFrame:
    """Add a share and the bounds of its interval under these names, from two columns of counts."""
    pairs = zip(rows[part].tolist(), rows[whole].tolist(), strict=True)
    return rows.join(
        pd.DataFrame([share(*pair) for pair in pairs], columns=[*names], index=rows.index, dtype="Float64")
    )
