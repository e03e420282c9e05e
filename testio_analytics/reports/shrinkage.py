"""Counts of small numbers, drawn towards what their neighbours say: gamma-Poisson shrinkage.

Two bugs in one test are not the same evidence as forty in twenty. Each feature's bugs per test is therefore taken as a
draw from a gamma distribution that all features of the product share, and what its own tests say is weighed against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
import numpy.typing as npt

from testio_analytics.errors import UnknownValueError
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.posterior import Exposures, rate_posterior

Numbers = npt.NDArray[np.floating[Any]]

FEWEST = 5
"""Features with a test of their own from which on a prior is fitted."""


@dataclass(frozen=True, eq=False)
class Shrunk:
    """Shrunk rates, one per feature, in events per test.

    Attributes:
        rate: the shrunk rate; NaN without any test.
        low, high: its 95 % interval.
        prior_mean: events per test over all features.
        prior_shape: shape of the prior; the larger, the more alike the features are. Infinite where they are pooled.
        is_pooled: whether every feature has the rate of all.
        overdispersion: the variance of what tests find beyond chance, as a part of its squared mean.
    """

    rate: Numbers
    low: Numbers
    high: Numbers
    prior_mean: float
    prior_shape: float
    is_pooled: bool
    overdispersion: float


def shrunk_rates(
    events: npt.ArrayLike, tests: npt.ArrayLike, *, exposures: Exposures | None = None, confidence: float = 0.95
) -> Shrunk:
    """Return the shrunk rate of each feature of one product, with its interval.

    With x events in n tests of a feature, m the events per test over all features, and a the shape of the prior::

        rate = (x + a) / (n + a / m)

    The shape is fitted by moments: a = m² / v, where v is the variance of the raw rates beyond what Poisson counts of
    that size vary by themselves, weighted by tests. With fewer than `FEWEST` tested features, or no variance beyond
    that, every feature has the rate of all. A feature without test has the prior's mean. Source: R. J. Marshall,
    "Mapping disease and mortality rates using empirical Bayes estimators", Journal of the Royal Statistical Society C 40
    (1991), 283-294.

    The interval takes neither m nor a as known, and allows for tests that differ in yield and for single features far
    from the others: see `rate_posterior`. It contains the rate.

    Args:
        events: of each feature.
        tests: of each feature.
        exposures: the same by feature and test, from which the differences between tests are measured.
        confidence: the probability that the rate lies in the interval.

    Raises:
        UnknownValueError: a count is negative, or there are events without tests.
    """
    x, n = np.asarray(events, dtype=float), np.asarray(tests, dtype=float)
    if (x < 0).any() or (n < 0).any() or ((n == 0) & (x > 0)).any():
        raise UnknownValueError(
            "events and tests", "negative", ["counts of 0 or more, and events only where tests are"]
        )
    if not n.sum():
        nothing = np.full(len(x), np.nan)
        return Shrunk(nothing, nothing, nothing, float("nan"), float("inf"), True, 0.0)
    mean, shape, rate = points(x, n)
    found = rate_posterior(x, n, rate, exposures, confidence)
    low, high = np.minimum(found.low, rate), np.maximum(found.high, rate)
    return Shrunk(rate, low, high, mean, shape, not np.isfinite(shape), found.overdispersion)


def points(x: Numbers, n: Numbers) -> tuple[float, float, Numbers]:
    """Return the mean and shape of the prior, and the shrunk rates themselves, of features with a test among them."""
    events, tests = float(x.sum()), float(n.sum())
    mean, shape = events / tests, prior_shape(x, n)
    if not np.isfinite(shape):
        return mean, shape, np.full(len(x), mean)
    # The same as (x + shape) / (n + shape / mean), and exactly the mean where a feature's own rate is: 4 in 6, 2 in 3.
    return mean, shape, mean + (x * tests - n * events) / tests / (n + shape / mean)


def prior_shape(x: Numbers, n: Numbers) -> float:
    """Return the shape of the prior by moments; infinite where the features do not differ beyond chance.

    v = (Σ n (x/n - m)² - (F - 1) m) / (N - Σ n² / N), over the F tested features with N tests in all.
    """
    tested = n > 0
    x, n = x[tested], n[tested]
    total = n.sum()
    if len(x) < FEWEST or not x.sum():
        return float("inf")
    mean = x.sum() / total
    # Summed exactly, so that the order of the features does not matter.
    spread, chance = fsum(n * (x / n - mean) ** 2), (len(x) - 1) * mean
    if not comparable(spread) > comparable(chance):
        return float("inf")
    return float(mean**2 * (total - (n**2).sum() / total) / (spread - chance))
