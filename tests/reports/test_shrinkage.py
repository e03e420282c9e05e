"""Shrunk rates: they order features better than raw figures, and lie between those and the average."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from testio_analytics.errors import UnknownValueError
from testio_analytics.reports.rate_intervals import poisson_interval, wilson
from testio_analytics.reports.shrinkage import FEWEST, shrunk_rates

COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=25)


def _simulated(
    shape: float, features: int, rng: np.random.Generator, *, mean: float = 0.8
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rates = rng.gamma(shape, mean / shape, features)
    tests = rng.integers(1, 11, features)
    return rates, rng.poisson(rates * tests), tests


def test_wilson_intervals_contain_the_truth() -> None:
    """In 93 to 97 % of 20,000 draws of shares of all sizes."""
    rng = np.random.default_rng(4)
    shares, sizes = rng.uniform(0.05, 0.95, 20_000), rng.integers(5, 200, 20_000)
    counts = rng.binomial(sizes, shares)
    bounds = [wilson(int(k), int(n)) for k, n in zip(counts, sizes, strict=True)]
    hits = sum(low <= share <= high for (low, high), share in zip(bounds, shares, strict=True))
    print(f"{hits / 20_000:.1%} of 20,000 Wilson intervals contain the truth")
    assert 0.93 <= hits / 20_000 <= 0.97


def test_poisson_intervals_contain_the_truth() -> None:
    """The exact interval holds at least what it promises."""
    rng = np.random.default_rng(5)
    rates, tests = rng.uniform(0.1, 5, 5_000), rng.integers(1, 20, 5_000)
    low, high = poisson_interval(rng.poisson(rates * tests), tests)
    assert ((low <= rates) & (rates <= high)).mean() >= 0.95


def test_the_shrunk_order_is_nearer_the_true_one() -> None:
    """Rank correlation with the true rates, over accounts whose features were tested unequally often."""
    rng, shrunk_figures, raw_figures = np.random.default_rng(6), [], []
    for shape in (1.0, 2.0, 4.0):
        for _ in range(100):
            rates, events, tests = _simulated(shape, 30, rng)
            shrunk = shrunk_rates(events, tests)
            if not shrunk.is_pooled:
                shrunk_figures.append(spearmanr(shrunk.rate, rates).statistic)
                raw_figures.append(spearmanr(events / tests, rates).statistic)
    print(f"rank correlation: shrunk {np.mean(shrunk_figures):.3f}, raw {np.mean(raw_figures):.3f}")
    assert np.mean(shrunk_figures) > np.mean(raw_figures)


@given(COUNTS)
def test_rates_lie_between_raw_and_average_and_inside_their_interval(rows: list[tuple[int, int]]) -> None:
    """Shrinking moves a figure towards the average and never beyond it."""
    events, tests = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    shrunk = shrunk_rates(events, tests)
    raw, mean = events / tests, events.sum() / tests.sum()

    assert shrunk.prior_mean == pytest.approx(mean)
    assert (shrunk.rate >= np.minimum(raw, mean) - 1e-9).all()
    assert (shrunk.rate <= np.maximum(raw, mean) + 1e-9).all()
    assert (shrunk.low <= shrunk.rate).all() and (shrunk.rate <= shrunk.high).all()
    assert (shrunk.low >= 0).all() and np.isfinite(shrunk.high).all()
    if len(rows) < FEWEST:
        assert shrunk.is_pooled and np.allclose(shrunk.rate, mean)


@given(COUNTS, st.integers(1, 20))
def test_more_events_of_as_many_tests_rank_higher(rows: list[tuple[int, int]], tests: int) -> None:
    """Among features tested equally often the order is the raw one."""
    events = np.array([count for count, _ in rows], dtype=float)
    shrunk = shrunk_rates(events, np.full(len(rows), tests))
    order = np.argsort(events, kind="stable")
    assert (np.diff(shrunk.rate[order]) >= -1e-12).all()


def test_nothing_tested_is_not_zero() -> None:
    """Without a test there is no figure, and a feature without one has the prior's."""
    nothing = shrunk_rates([0, 0], [0, 0])
    assert np.isnan(nothing.rate).all() and np.isnan(nothing.high).all()
    assert shrunk_rates([3, 0], [2, 0]).rate[1] == pytest.approx(1.5)
    assert np.isnan(poisson_interval([0], [0])[1]).all()


@pytest.mark.parametrize(("events", "tests"), [([-1], [2]), ([1], [-2]), ([1], [0])])
def test_impossible_counts_are_refused(events: list[int], tests: list[int]) -> None:
    """Events without tests cannot be."""
    with pytest.raises(UnknownValueError):
        shrunk_rates(events, tests)
