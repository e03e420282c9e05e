"""What the counts of all features of a product say of the bugs per test of each: the interval beside the shrunk figure.

Features differ, tests differ in how much they find, and neither is known beforehand: the interval averages over what
both may be, each possibility weighed by how well it explains all counts. Everything is summed over fixed grids, so that
the same counts give the same interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Numbers = npt.NDArray[np.floating[Any]]

SHAPES = np.array([0.2, 0.4, 0.7, 1.2, 2.0, 3.5, 6.0, 11.0, 20.0, 40.0, 100.0, 400.0])
"""How alike most features may be: shapes of a gamma distribution. At 400 all have nearly the same rate."""

SAME_RATE = 10.0
"""The weight of the last shape: that features do not differ is a case of its own, not one of many."""

MEANS = np.linspace(-3.0, 3.0, 9)
"""Means of the features that may be, in standard errors of their logarithm around the one observed."""

FAR_MEANS = 2.0
"""So many standard errors away, a mean has the weight that a normal distribution gives it one deviation away."""

YIELDS = np.array([0.4, 0.8, 1.5, 3.0, 6.0, 15.0, 1000.0])
"""How alike tests may be in what they find: shapes of a gamma distribution. At 1000 they vary by chance alone."""

HOT, HOT_SIZE, HOT_TAIL = 0.08, 8.0, 1.5
"""The share of features that may be far from the others, about how many times the mean, and how fast larger ones thin out."""


@dataclass(frozen=True, eq=False)
class Exposures:
    """What each executed test found in each feature that it covers: one element per pair of feature and test.

    Attributes:
        feature: the feature's place among the counts per feature.
        test: any number that tells tests apart.
        events: what the test found in the feature.
    """

    feature: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    events: Numbers


@dataclass(frozen=True, eq=False)
class Posterior:
    """The bounds of each feature's interval, and how much more than by chance tests vary.

    Attributes:
        low, high: bounds of the rate of each feature, in events per test.
        overdispersion: the variance of what a test finds beyond chance, as a part of its squared mean; 0 where tests
            vary by chance alone.
    """

    low: Numbers
    high: Numbers
    overdispersion: float


def rate_posterior(
    events: Numbers, tests: Numbers, rate: Numbers, exposures: Exposures | None, confidence: float = 0.95
) -> Posterior:
    """Return the equal-tailed interval of the rate of each feature of one product.

    The events of a feature of rate r in n tests are negative binomial of mean n r and size n c: each test multiplies r
    by a yield drawn from a gamma distribution of shape c and mean 1. Rates of features are drawn from a gamma
    distribution of shape a and mean m for 92 % of them; the rest may lie anywhere, most likely at some eight times m, with
    a tail that falls as slowly as a power, so that one hot spot is neither drawn down to the others nor makes them look
    uneven. a, m and c are not known: each combination on the grid is weighed by its likelihood and by a prior that falls
    with the square root of a (all standard deviations of the rates are as likely), is even in the logarithm of c,
    wide in that of m, and holds "all the same" apart.

    Where single exposures are known, they tell c directly: given the sum of a feature, how it is spread over its tests
    depends on c alone. A test that finds much in one feature often does so in all, so that exposures are less evidence
    than as many independent ones: the logarithm of the likelihood is multiplied by the ratio of the squared residuals
    of single exposures to those of whole tests, where that is below 1.

    Simulated (tests/benchmarks/intervals.py), 94 to 97 % of the intervals contain the rate where features or tests
    differ, and 94 to 99 % of those of the feature with the highest figure. Where all features, or all but one, have the same
    rate, it is 98 to nearly 100 %: the interval allows for differences that cannot be excluded. Where one feature has ten
    times the rate of the others *and* tests differ in yield by more than half of their mean, that feature's own interval
    holds in 88 to 93 % only: after one to three poor tests nothing tells it from the others.

    Sources: C. N. Morris, "Parametric empirical Bayes inference: theory and applications", Journal of the American
    Statistical Association 78 (1983), 47-55, and N. M. Laird and T. A. Louis, "Empirical Bayes confidence intervals based on
    bootstrap samples", there 82 (1987), 739-750, for why the prior's parameters must not be taken as known; A. Gelman,
    "Prior distributions for variance parameters in hierarchical models", Bayesian Analysis 1 (2006), 515-533, for the prior
    of their spread; A. O'Hagan, "On outlier rejection phenomena in Bayes inference", Journal of the Royal Statistical
    Society B 41 (1979), 358-367, for the slow tail; F. Pauli, W. Racugno and L. Ventura, "Bayesian composite marginal
    likelihoods", Statistica Sinica 21 (2011), 149-164, for the scaled likelihood of what is not independent. Grid, weights
    and the share of hot spots are ours.

    Args:
        events: of each feature.
        tests: of each feature; 0 is allowed.
        rate: the shrunk rate of each feature.
        exposures: the same events by feature and test; without them yields are judged from the sums alone.
        confidence: the probability that the rate lies between the bounds.
    """
    counts, place, times = np.unique(np.column_stack([events, tests]), axis=0, return_inverse=True, return_counts=True)
    rates = _grid(counts[:, 0], counts[:, 1])
    likelihood, scale = _likelihood(counts, rates)
    prior, weight = _priors(rates, events, tests)
    # Per pair of counts, yield and prior: how likely those counts are, whatever the rate.
    joint = likelihood.reshape(-1, len(rates)) @ prior.T
    joint = joint.reshape(len(counts), len(YIELDS), -1)
    evidence = (times[:, None, None] * (np.log(joint) + scale[:, :, None])).sum(axis=0) + _of_yields(
        events, tests, exposures
    )[:, None]
    evidence = evidence * _independence(rate, exposures) + weight
    likely = np.exp(evidence - evidence.max())
    likely /= likely.sum()
    mixed = ((likely / joint).reshape(-1, len(prior)) @ prior).reshape(likelihood.shape)
    density = (mixed * likelihood).sum(axis=1)
    low, high = (_quantiles(density, rates, bound) for bound in ((1 - confidence) / 2, (1 + confidence) / 2))
    return Posterior(
        low[place.ravel()], high[place.ravel()], float(likely.sum(axis=1) @ (1 / YIELDS * (YIELDS < 1000)))
    )


def _mean(events: Numbers, tests: Numbers) -> float:
    """Return events per test over all features; half an event where there was none."""
    return float(max(events.sum(), 0.5) / tests.sum())


def _grid(events: Numbers, tests: Numbers) -> Numbers:
    """Return the rates to sum over: in even steps of the root, which suit Poisson counts; of the logarithm at both ends."""
    most, mean = tests.max(), _mean(events, tests)
    top = max(float(((events + 1 + 5 * np.sqrt(events + 1)) / np.maximum(tests, 1)).max()), 12 * mean)
    roots = np.linspace(0.8, np.sqrt(most * top), int(np.clip(np.sqrt(most * top) / 0.15, 20, 1000)))
    lowest = np.log(min(mean * 1e-5, 0.3 / most))
    low = np.exp(np.arange(lowest, np.log(0.6 / most), 0.3))
    high = top * np.exp(np.arange(1, 14) * 0.25)
    return np.concatenate([low, roots**2 / most, high])


def _likelihood(counts: Numbers, rates: Numbers) -> tuple[Numbers, Numbers]:
    """Return how likely each pair of events and tests is, by yield and rate, and the logarithms of what it was divided by."""
    events, tests, shapes = counts[:, :1, None], counts[:, 1:, None], YIELDS[None, :, None]
    logs = special.xlogy(events, rates / (shapes + rates)) - tests * shapes * np.log1p(rates / shapes)
    scale = logs.max(axis=2)
    return np.exp(logs - scale[:, :, None]), scale


def _priors(rates: Numbers, events: Numbers, tests: Numbers) -> tuple[Numbers, Numbers]:
    """Return the distributions of rates that may be, one per row, and the logarithm of the weight of each."""
    # How far the mean of all may be off: by the counts themselves, and by which features happen to be there.
    error = np.sqrt(1.0 / max(events.sum(), 1.0) + 2.0 / (tests > 0).sum())
    means = _mean(events, tests) * np.exp(MEANS * error)
    shape, mean = (grid.ravel() for grid in np.meshgrid(SHAPES, means, indexing="ij"))
    step = np.gradient(np.log(rates))
    times = rates / means[:, None]
    usual = np.exp(shape[:, None] * (np.log(rates / mean[:, None]) + 1 - rates / mean[:, None])) * step
    hot = times / HOT_SIZE / (1 + times / HOT_SIZE) ** (1 + HOT_TAIL) * step
    usual, hot = (rows / rows.sum(axis=1, keepdims=True) for rows in (usual, hot))
    weight = -0.5 * np.log(SHAPES)
    weight[-1] += np.log(SAME_RATE)
    weights = (weight[:, None] - 0.5 * (MEANS / FAR_MEANS) ** 2).ravel()
    return (1 - HOT) * usual + HOT * np.tile(hot, (len(SHAPES), 1)), weights


def _of_yields(events: Numbers, tests: Numbers, exposures: Exposures | None) -> Numbers:
    """Return what how the events are spread over tests (else over features) says of each yield: log-likelihoods."""
    found, sizes = (events, tests) if exposures is None else (exposures.events, np.ones(len(exposures.events)))
    pairs, times = np.unique(np.column_stack([found, sizes])[found > 0], axis=0, return_counts=True)
    sizes = pairs[:, 1:] * YIELDS
    logs: Numbers = times @ (special.gammaln(pairs[:, :1] + sizes) - special.gammaln(sizes))
    return logs


def _independence(rate: Numbers, exposures: Exposures | None) -> float:
    """Return as how much evidence the exposures of one test count: 1 where they are independent, less where alike."""
    if exposures is None:
        return 1.0
    residuals = exposures.events - rate[exposures.feature]
    _, tests = np.unique(exposures.test, return_inverse=True)
    whole = np.bincount(tests, weights=residuals)
    return min(1.0, float(residuals @ residuals) / max(float(whole @ whole), 1e-12))


def _quantiles(density: Numbers, rates: Numbers, share: float) -> Numbers:
    """Return below which rate each row of masses has that share."""
    below = np.cumsum(density, axis=1)
    below = (below - density / 2) / below[:, -1:]
    logs = np.log(rates)
    return np.exp([np.interp(share, row, logs) for row in below])
