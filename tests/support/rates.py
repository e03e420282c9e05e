"""The interval of a rate over bugs, computed from its definition alone, test by test in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from scipy.stats import t


def clustered(hits: Sequence[int], bugs: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % interval of the rate of hits among the bugs, with the test as the unit."""
    counts = [(k, n) for k, n in zip(hits, bugs, strict=True) if n]
    k_all, n_all = sum(k for k, _ in counts), sum(n for _, n in counts)
    rate, alike = k_all / n_all, sum(n * n for _, n in counts) / n_all
    weight = min(len(counts) - 1, k_all, n_all - k_all)
    effect = 1 + 0.15 * (alike - 1)
    if weight:
        variance = sum((k - rate * n) ** 2 / (1 - n / n_all) for k, n in counts)
        effect = (weight * variance / (n_all * rate * (1 - rate)) + 2 * effect) / (weight + 2)
    effective = n_all / min(max(effect, 1), alike)
    quantile = t.ppf(0.975, weight + 2) ** 2 / effective
    middle, half = rate + quantile / 2, sqrt(rate * (1 - rate) * quantile + quantile**2 / 4)
    return (middle - half) / (1 + quantile), (middle + half) / (1 + quantile)
