"""Counts of small numbers, drawn towards what their neighbours say: gamma-Poisson shrinkage.

Two bugs in one test are not the same evidence as forty in twenty. Each feature's bugs per test is therefore taken as a
draw from a gamma distribution that all features of the product share, and what its own tests say is weighed against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from testio_analytics.errors import UnknownValueError

Numbers = npt.NDArray[np.floating[Any]]

FEWEST = 5
"""Features with a test of their own from which on a prior is fitted."""

MOST_STEPS, PRECISION = 50, 1e-10
"""Steps towards a quantile, and the relative change of one at which they end."""

_SHAPES = np.geomspace(0.1, 60.0, 28)
_MEANS = np.linspace(-2.5, 2.5, 9)


@dataclass(frozen=True, eq=False)
class Shrunk:
    """Shrunk rates, one per feature, in events per test.

    Attributes:
        rate: the shrunk rate; NaN without any test.
        low, high: its 95 % interval.
        prior_mean: events per test over all features.
        prior_shape: shape of the prior; the larger, the more alike the features are. Infinite where they are pooled.
        is_pooled: whether every feature has the rate of all.
    """

    rate: Numbers
    low: Numbers
    high: Numbers
    prior_mean: float
    prior_shape: float
    is_pooled: bool


def shrunk_rates(events: npt.ArrayLike, tests: npt.ArrayLike, *, confidence: float = 0.95) -> Shrunk:
    """Return the shrunk rate of each feature of one product, with its interval.

    With x events in n tests of a feature, m the events per test over all features, and a the shape of the prior::

        rate = (x + a) / (n + a / m)

    The shape is fitted by moments: a = m² / v, where v is the variance of the raw rates beyond what Poisson counts of
    that size vary by themselves, weighted by tests. With fewer than `FEWEST` tested features, or no variance beyond
    that, every feature has the rate of all. A feature without test has the prior's mean.

    The interval does not take m and a as known: it is that of the mixture over what else they may be, given all counts.
    A plug-in interval is too short for few features.

    Sources: R. J. Marshall, "Mapping disease and mortality rates using empirical Bayes estimators", Journal of the
    Royal Statistical Society C 40 (1991), 283-294, for the moments; J. B. Carlin and A. Gelfand, "Approaches for
    empirical Bayes confidence intervals", Journal of the American Statistical Association 85 (1990), 105-114, for the
    correction of the interval.

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
        return Shrunk(nothing, nothing, nothing, float("nan"), float("inf"), True)
    mean, shape, rate = points(x, n)
    low, high = _interval(x, n, mean, confidence)
    return Shrunk(rate, np.minimum(low, rate), np.maximum(high, rate), mean, shape, not np.isfinite(shape))


def points(x: Numbers, n: Numbers) -> tuple[float, float, Numbers]:
    """Return the mean and shape of the prior, and the shrunk rates themselves, of features with a test among them."""
    mean = float(x.sum() / n.sum())
    shape = prior_shape(x, n)
    return mean, shape, (x + shape) / (n + shape / mean) if np.isfinite(shape) else np.full(len(x), mean)


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
    spread = (n * (x / n - mean) ** 2).sum() - (len(x) - 1) * mean
    variance = spread / (total - (n**2).sum() / total)
    return float(mean**2 / variance) if variance > 0 else float("inf")


def _interval(x: Numbers, n: Numbers, mean: float, confidence: float) -> tuple[Numbers, Numbers]:
    """Return the bounds from the mixture over shapes and means, each weighed by how well it explains all counts."""
    tested = n > 0
    count, features = max(x.sum(), 1.0), max(int(tested.sum()), 1)
    # How far the mean of all may be off: by the counts themselves, and by which features happen to be there.
    spread = np.sqrt(1.0 / count + 1.5 / features)
    means = max(mean, 0.5 / n.sum()) * np.exp(_MEANS * spread)
    a, m = (grid.ravel() for grid in np.meshgrid(_SHAPES, means))
    weight = _log_likelihood(x[tested], n[tested], a, m)
    # Shapes between 0.2 and 5 are usual (they are for bugs of features); far smaller or larger ones need evidence.
    weight = weight - 0.5 * (np.log(a) / 1.5) ** 2
    weight = np.exp(weight - weight.max())
    likely = weight > 1e-4
    a, m, weight = a[likely], m[likely], weight[likely] / weight[likely].sum()
    # Features with the same counts have the same interval.
    counts, place = np.unique(np.column_stack([x, n]), axis=0, return_inverse=True)
    alpha, beta = counts[:, :1] + a, counts[:, 1:] + a / m
    low, high = (_quantiles((1 - confidence) / 2, alpha, beta, weight, upper=upper) for upper in (False, True))
    return low[place.ravel()], high[place.ravel()]


def _quantiles(tail: float, alpha: Numbers, beta: Numbers, weight: Numbers, *, upper: bool) -> Numbers:
    """Return below which (or, for the upper tail, above which) each row's mixture of gamma distributions has that share.

    Newton's method for the logarithm of the tail as a function of the logarithm of the quantity. That function is concave
    for a gamma distribution, so that the steps cannot run away; they begin at the quantile of the one gamma distribution
    with the mean and variance of the mixture.
    """
    tail_of = special.gammaincc if upper else special.gammainc
    mean = (alpha / beta) @ weight
    variance = (alpha * (alpha + 1) / beta**2) @ weight - mean**2
    shape = mean**2 / variance
    begin = special.gammainccinv if upper else special.gammaincinv
    at = np.maximum(begin(shape, tail), 1e-12) * mean / shape
    norm = special.gammaln(alpha)
    for _ in range(MOST_STEPS):
        scaled = beta * at[:, None]
        share = tail_of(alpha, scaled) @ weight
        slope = np.exp(alpha * np.log(scaled) - scaled - norm) @ weight / share * (-1 if upper else 1)
        step = np.clip((np.log(share) - np.log(tail)) / slope, -2.0, 2.0)
        at = at * np.exp(-step)
        if np.abs(step).max(initial=0.0) < PRECISION:
            break
    return np.asarray(at, dtype=float)


def _log_likelihood(x: Numbers, n: Numbers, a: Numbers, m: Numbers) -> Numbers:
    """Return the log-likelihood of all counts under each pair of shape and mean (negative binomial)."""
    x, n = x[:, None], n[:, None]
    share = a / (a + m * n)
    terms = special.gammaln(x + a) - special.gammaln(a) + a * np.log(share) + special.xlogy(x, 1 - share)
    summed: Numbers = terms.sum(axis=0)
    return summed


def poisson_interval(events: npt.ArrayLike, tests: npt.ArrayLike, confidence: float = 0.95) -> tuple[Numbers, Numbers]:
    """Return the exact interval of events per test from one feature's own counts alone; NaN without tests.

    Source: F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936), 437-442.
    """
    x, n = np.asarray(events, dtype=float), np.asarray(tests, dtype=float)
    tail = (1 - confidence) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(x > 0, special.gammaincinv(np.maximum(x, 0.5), tail), 0.0) / n
        high = special.gammaincinv(x + 1, 1 - tail) / n
    unknown = n == 0
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)
