"""How often the intervals contain the truth, in simulated accounts; the intervals of before stand beside.

Wanted are 93 to 97 %. Run it by hand (a few minutes)::

    python tests/benchmarks/intervals.py [--products 40] [--draws 1000] [--seed 9]

The first table is of triage rates: tests whose bugs resemble each other, over 10, 20, 40 and 60 tests of 2 to 12 bugs and
rates of 0.05 to 0.8. The second is of bugs per test: over 8, 15, 30 and 60 features with 0.2, 0.8 and 3 bugs per test, all
features, then the one with the highest adjusted figure, then the first one, which is the hot spot where there is one.
What stands behind "±" is the standard error of the simulation.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from simulated_bugs import WORLDS, World, simulated, triaged
from testio_analytics.reports.rate_intervals import clustered_wilson, poisson_interval, wilson
from testio_analytics.reports.shrinkage import shrunk_rates

Numbers = npt.NDArray[np.floating[Any]]

TESTS, RATES, CORRELATIONS = (10, 20, 40, 60), (0.05, 0.1, 0.2, 0.35, 0.5, 0.8), (0.0, 0.05, 0.1, 0.2, 0.4)
FEATURES, MEANS = (8, 15, 30, 60), (0.2, 0.8, 3.0)


def triage_table(draws: int, seed: int) -> None:
    """Print the coverage of triage rates for each kind and strength of resemblance."""
    print(f"Triage rates; {draws} draws for each of {len(TESTS) * len(RATES)} pairs of tests and rate")
    print("resemblance        correlation   now ± error   lowest, highest pair   before")
    for kind, name in (("beta", "by degrees"), ("all", "some tests all"), ("none", "some tests none")):
        for correlation in CORRELATIONS:
            now, before = _triage_coverage(kind, correlation, draws, np.random.default_rng(seed))
            error = np.sqrt(now.mean() * (1 - now.mean()) / (draws * now.size))
            print(
                f"{name:20}{correlation:10.2f}   {now.mean():6.1%} ± {error:.1%}   {now.min():6.1%}, {now.max():6.1%}"
                f"        {before.mean():6.1%}",
                flush=True,
            )


def _triage_coverage(kind: str, correlation: float, draws: int, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Return the coverage of each pair of tests and rate, by the test as the unit and by independent bugs."""
    now, before = [], []
    for tests in TESTS:
        for rate in RATES:
            hits, bugs = triaged(kind, tests, rate, correlation, draws, rng)
            group = np.repeat(np.arange(draws), tests)
            low, high = clustered_wilson(hits.ravel(), bugs.ravel(), group, draws)
            now.append(((low <= rate) & (rate <= high)).mean())
            bounds = [wilson(int(k), int(n)) for k, n in zip(hits.sum(axis=1), bugs.sum(axis=1), strict=True)]
            before.append(np.mean([low <= rate <= high for low, high in bounds]))
    return np.array(now), np.array(before)


def rates_table(products: int, seed: int) -> None:
    """Print the coverage of bugs per test for each world: all features, the top-ranked one, the hot spot, the raw figure."""
    print(f"\nBugs per test; {products} products for each of {len(FEATURES) * len(MEANS)} pairs of features and mean")
    print(f"{'':46}    all features       top-ranked         first or hot       raw          width   ms")
    print(f"{'world':46}    now       before   now       before   now       before   now  before  ratio   now")
    for world in WORLDS:
        print(f"{world.name:46}{_rates_row(world, products, np.random.default_rng(seed))}", flush=True)


def _rates_row(world: World, products: int, rng: np.random.Generator) -> str:
    now: list[tuple[float, ...]] = []
    before: list[tuple[float, ...]] = []
    raw: list[tuple[float, ...]] = []
    widths, seconds = [], 0.0
    for features in FEATURES:
        for mean in MEANS:
            for _ in range(products):
                found = simulated(world, features, mean, rng)
                if not found.events.sum():
                    continue
                start = time.process_time()
                shrunk = shrunk_rates(found.events, found.tests, exposures=found.exposures)
                seconds += time.process_time() - start
                former = former_interval(found.events, found.tests, shrunk.rate)
                best = int(np.argmax(shrunk.rate))
                effect = 1 + shrunk.rate * shrunk.overdispersion
                for held, (low, high) in (
                    (now, (shrunk.low, shrunk.high)),
                    (before, former),
                    (raw, poisson_interval(found.events, found.tests, effect=effect)),
                    (raw, poisson_interval(found.events, found.tests)),
                ):
                    inside = (low <= found.rates) & (found.rates <= high)
                    held.append((inside.mean(), inside[best], inside[0]))
                widths.append(np.median((shrunk.high - shrunk.low) / (former[1] - former[0])))
    shares, errors = np.mean(now, axis=0), np.std(now, axis=0) / np.sqrt(len(now))
    formers, raws = np.mean(before, axis=0), np.reshape(raw, (-1, 2, 3)).mean(axis=0)[:, 0]
    parts = [f"{100 * s:5.1f}±{100 * e:.1f}  {100 * f:5.1f}" for s, e, f in zip(shares, errors, formers, strict=True)]
    return (
        f"{'    '.join(parts)}    {100 * raws[0]:.1f}  {100 * raws[1]:.1f}   {np.median(widths):.2f}   "
        f"{1000 * seconds / len(now):.1f}"
    )


# -- the method before: a gamma prior alone, and tests that differ by chance alone --------------------------------------


def former_interval(x: Numbers, n: Numbers, rate: Numbers) -> tuple[Numbers, Numbers]:
    """Return the bounds that stood beside the adjusted figure before: a mixture of gamma distributions."""
    spread = np.sqrt(1.0 / max(x.sum(), 1.0) + 1.5 / len(x))
    means = max(x.sum() / n.sum(), 0.5 / n.sum()) * np.exp(np.linspace(-2.5, 2.5, 9) * spread)
    a, m = (grid.ravel() for grid in np.meshgrid(np.geomspace(0.1, 60.0, 28), means))
    share = a / (a + m * n[:, None])
    terms = special.gammaln(x[:, None] + a) - special.gammaln(a) + a * np.log(share)
    logs = (terms + special.xlogy(x[:, None], 1 - share)).sum(axis=0) - 0.5 * (np.log(a) / 1.5) ** 2
    weight = np.exp(logs - logs.max())
    likely = weight > 1e-4
    a, m, weight = a[likely], m[likely], weight[likely] / weight[likely].sum()
    counts, place = np.unique(np.column_stack([x, n]), axis=0, return_inverse=True)
    alpha, beta = counts[:, :1] + a, counts[:, 1:] + a / m
    low, high = (_mixed_quantile(share, alpha, beta, weight)[place.ravel()] for share in (0.025, 0.975))
    return np.minimum(low, rate), np.maximum(high, rate)


def _mixed_quantile(share: float, alpha: Numbers, beta: Numbers, weight: Numbers) -> Numbers:
    """Return the quantile of each row's mixture of gamma distributions, by halving."""
    low, high = np.full(len(alpha), -20.0), np.full(len(alpha), 8.0)
    for _ in range(20):
        middle = (low + high) / 2
        is_below = special.gammainc(alpha, beta * np.exp(middle)[:, None]) @ weight < share
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    quantile: Numbers = np.exp((low + high) / 2)
    return quantile


def main() -> None:
    """Print both tables."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--products", type=int, default=40)
    options.add_argument("--draws", type=int, default=1000)
    options.add_argument("--seed", type=int, default=9)
    chosen = options.parse_args()
    triage_table(chosen.draws, chosen.seed)
    rates_table(chosen.products, chosen.seed)


if __name__ == "__main__":
    main()
