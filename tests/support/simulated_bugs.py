"""Bugs of made-up products whose true rates are known, to see whether intervals hold what they promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from testio_analytics.reports.posterior import Exposures

Numbers = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class World:
    """How the bugs of a product's features come about.

    Attributes:
        name: in words.
        shape: of the gamma distribution of the features' rates; the same rate for all when infinite.
        hot: how many times its mean the rate of the first feature is.
        own_yield: shape of what a test multiplies the rate of each of its features by, one by one; none when infinite.
        shared_yield: the same for all features of a test together.
    """

    name: str
    shape: float
    hot: float = 1.0
    own_yield: float = np.inf
    shared_yield: float = np.inf


WORLDS = (
    World("all features alike", np.inf),
    World("features differ little (shape 10)", 10),
    World("features differ (shape 4)", 4),
    World("features differ (shape 2)", 2),
    World("features differ much (shape 1)", 1),
    World("features differ very much (shape 0.5)", 0.5),
    World("tests differ by half (shape 4)", 2, own_yield=4),
    World("tests differ by 70 % (shape 2)", 2, own_yield=2),
    World("tests differ by 100 % (shape 1)", 2, own_yield=1),
    World("whole tests differ by 70 % (shape 2)", 2, shared_yield=2),
    World("whole tests differ by 100 % (shape 1)", 2, shared_yield=1),
    World("whole tests differ by 70 %, features alike", np.inf, shared_yield=2),
    World("one hot spot ×10, others alike", np.inf, hot=10),
    World("one hot spot ×10, others differ", 4, hot=10),
    World("one hot spot ×10, tests differ by 70 %", 4, hot=10, own_yield=2),
    World("one hot spot ×10, whole tests differ by 70 %", 4, hot=10, shared_yield=2),
)


@dataclass(frozen=True, eq=False)
class Product:
    """One simulated product: the true rates of its features, and what its tests found.

    Each feature has 1 to 10 tests; there are half as many tests as features, and ten at least.
    """

    rates: Numbers
    events: Numbers
    tests: Numbers
    exposures: Exposures


def simulated(world: World, features: int, mean: float, rng: np.random.Generator) -> Product:
    """Return a product with so many features, and on average so many bugs per test of the ordinary ones."""
    rates = np.full(features, mean) if np.isinf(world.shape) else rng.gamma(world.shape, mean / world.shape, features)
    rates[0] = rates[0] if world.hot == 1 else world.hot * mean
    covering, tests = rng.integers(1, 11, features), max(10, features // 2)
    feature = np.repeat(np.arange(features), covering)
    test = np.concatenate([rng.permutation(tests)[:count] for count in covering])
    expected = rates[feature]
    if np.isfinite(world.own_yield):
        expected = expected * rng.gamma(world.own_yield, 1 / world.own_yield, len(feature))
    if np.isfinite(world.shared_yield):
        expected = expected * rng.gamma(world.shared_yield, 1 / world.shared_yield, tests)[test]
    found = rng.poisson(expected).astype(float)
    events = np.bincount(feature, weights=found, minlength=features).astype(float)
    return Product(rates, events, covering.astype(float), Exposures(feature, test, found))


def triaged(
    kind: str, tests: int, rate: float, correlation: float, draws: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return hits and bugs of tests, each draw a row: tests of 2 to 12 bugs whose results resemble each other.

    `kind` is how: the tests' own rates have a "beta" distribution, or in some tests "all" bugs are hits, or "none". The
    correlation is that of two bugs of one test.
    """
    bugs = rng.integers(2, 13, (draws, tests))
    if not correlation:
        return rng.binomial(bugs, rate), bugs
    if kind == "beta":
        size = 1 / correlation - 1
        own = rng.beta(rate * size, (1 - rate) * size, bugs.shape)
    else:
        hits = rate if kind == "all" else 1 - rate
        share = correlation * hits / (1 - hits + correlation * hits)  # of tests whose bugs are all alike
        own = np.where(rng.random(bugs.shape) < share, 1.0, (hits - share) / (1 - share))
        own = own if kind == "all" else 1 - own
    return rng.binomial(bugs, own), bugs
