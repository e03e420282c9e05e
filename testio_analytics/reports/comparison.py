"""Figures as they are compared: without the last digits of a float, which depend on the order of the sums behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.floating[Any]]

DIGITS = 9
"""Significant digits that are compared. Sums of a million terms are exact to eleven, and no report shows more than six."""

NOTHING = 1e-12
"""What is smaller counts as 0: it is what two equal figures leave when one is taken from the other."""


def comparable(figures: npt.ArrayLike) -> Numbers:
    """Return figures rounded to `DIGITS` significant digits; NaN and infinite ones stay as they are.

    Whatever forms a rank, an order, a verdict or "higher than" compares figures rounded by this: two that rest on equal
    evidence are equal then, however they were computed. Missing values of pandas are NaN in the result.
    """
    values = np.asarray(figures, dtype=float)
    size = np.abs(values)
    is_number = np.isfinite(values) & (size >= NOTHING)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.where(is_number, size, 1.0))))
    rounded: Numbers = np.where(is_number, np.round(values * scale) / scale, np.where(size < NOTHING, 0.0, values))
    return rounded
