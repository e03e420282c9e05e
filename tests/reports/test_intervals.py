"""Intervals hold what they promise where the bugs of a test resemble each other, and equal evidence has an equal rank.

The simulations are small and seeded; tests/benchmarks/intervals.py has the large ones. Their bounds leave room for three
standard errors.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betaprime, gamma, nbinom

from rates import clustered
from simulated_bugs import WORLDS, World, simulated, triaged
from testio_analytics.reports import posterior
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.posterior import Exposures, rate_posterior
from testio_analytics.reports.rate_intervals import clustered_wilson, poisson_interval, wilson
from testio_analytics.reports.shrinkage import shrunk_rates
from testio_analytics.reports.triage import BANDS, band

COUNTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=30).map(
    lambda rows: [(min(pair), max(pair)) for pair in rows]
)


# -- triage rates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["beta", "all", "none"])
@pytest.mark.parametrize("correlation", [0.05, 0.1, 0.2, 0.4])
def test_rates_contain_the_truth_where_bugs_of_a_test_resemble_each_other(kind: str, correlation: float) -> None:
    """In 93 to 97 % over 10 to 60 tests and rates of 0.05 to 0.8, whatever makes them alike; independent bugs do not."""
    rng, held, former, draws = np.random.default_rng(17), [], [], 120
    for tests in (10, 20, 60):
        for rate in (0.05, 0.2, 0.5, 0.8):
            hits, bugs = triaged(kind, tests, rate, correlation, draws, rng)
            low, high = clustered_wilson(hits.ravel(), bugs.ravel(), np.repeat(np.arange(draws), tests), draws)
            held.append((low <= rate) & (rate <= high))
            bounds = [wilson(int(k), int(n)) for k, n in zip(hits.sum(axis=1), bugs.sum(axis=1), strict=True)]
            former.append([low <= rate <= high for low, high in bounds])
    print(f"{kind}, {correlation}: {np.mean(held):.1%} of {np.size(held)}, of independent bugs {np.mean(former):.1%}")
    assert 0.92 <= np.mean(held) <= 0.98
    assert np.mean(former) < 0.93


@given(COUNTS)
def test_the_interval_of_a_rate_is_that_of_its_definition(rows: list[tuple[int, int]]) -> None:
    """One test, no hit, all hits, tests without bugs: as computed test by test, around the rate, within 0 and 1."""
    hits, bugs = ([row[part] for row in rows] for part in (0, 1))
    low, high = (float(bound[0]) for bound in clustered_wilson(hits, bugs, [0] * len(rows), 1))
    if not sum(bugs):
        assert np.isnan(low) and np.isnan(high)
        return
    assert (low, high) == pytest.approx(clustered(hits, bugs), abs=1e-9)
    assert 0 <= low <= sum(hits) / sum(bugs) <= high <= 1


@given(COUNTS)
def test_the_interval_of_the_others_is_the_mirror_image(rows: list[tuple[int, int]]) -> None:
    """What was not rejected has the reflected interval of what was."""
    hits, bugs = (np.array([row[part] for row in rows]) for part in (0, 1))
    group = np.zeros(len(rows), dtype=int)
    low, high = clustered_wilson(hits, bugs, group, 1)
    other_low, other_high = clustered_wilson(bugs - hits, bugs, group, 1)
    np.testing.assert_allclose([other_low, other_high], [1 - high, 1 - low], atol=1e-9)


def test_bugs_that_are_all_alike_count_as_one_test_each() -> None:
    """The same share is known worse where whole tests were rejected, and never better than of independent bugs."""
    group = [0] * 20
    spread = clustered_wilson([2] * 20, [10] * 20, group, 1)
    whole = clustered_wilson([10] * 4 + [0] * 16, [10] * 20, group, 1)
    assert whole[0][0] < 0.09 and whole[1][0] > 0.39
    assert spread[0][0] <= wilson(40, 200)[0] and spread[1][0] >= wilson(40, 200)[1]
    alone = clustered_wilson([3], [10], [0], 1)
    assert alone[0][0] < 0.05 and alone[1][0] > 0.75  # one test says next to nothing of the next one


# -- bugs per test --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_bugs_per_test_contain_the_truth(world: World) -> None:
    """In 93 to 97 % where features or tests differ, more where they do not; so does the top-ranked one."""
    rng, held, top = np.random.default_rng(23), [], []
    for features, mean in ((8, 0.8), (15, 0.2), (15, 3.0), (40, 0.8)) * 8:
        found = simulated(world, features, mean, rng)
        shrunk = shrunk_rates(found.events, found.tests, exposures=found.exposures)
        inside = (shrunk.low <= found.rates) & (found.rates <= shrunk.high)
        held.append(inside.mean())
        top.append(inside[int(np.argmax(shrunk.rate))])
    print(f"{world.name}: {np.mean(held):.1%} of {len(held)} products, top-ranked {np.mean(top):.1%}")
    assert np.mean(held) >= 0.915
    assert np.mean(held) <= 0.985 or np.isinf(world.shape)
    assert np.mean(top) >= (0.75 if world.hot > 1 and min(world.own_yield, world.shared_yield) < np.inf else 0.84)


def test_raw_figures_contain_the_truth_where_tests_differ() -> None:
    """The exact Poisson interval of one feature's own counts is too short there."""
    rng = np.random.default_rng(29)
    held: list[float] = []
    exact: list[float] = []
    for _ in range(40):
        found = simulated(World("", 2, own_yield=1), 30, 3.0, rng)
        shrunk = shrunk_rates(found.events, found.tests, exposures=found.exposures)
        for place, effect in ((held, 1 + shrunk.rate * shrunk.overdispersion), (exact, 1.0)):
            low, high = poisson_interval(found.events, found.tests, effect=effect)
            place.append(((low <= found.rates) & (found.rates <= high)).mean())
    print(f"raw: {np.mean(held):.1%} of 1,200, by exact intervals {np.mean(exact):.1%}")
    assert np.mean(held) >= 0.93 > 0.85 > np.mean(exact)


def test_the_interval_is_that_of_the_model_summed_in_another_way() -> None:
    """The mixture of the docstring, from the distributions of a library on an even grid, has the same quantiles."""
    events, tests = np.array([0.0, 2, 9, 1, 30, 4]), np.array([1.0, 3, 4, 9, 10, 2])
    logs = np.linspace(np.log(1e-7), np.log(2000), 1500)
    rates, mean = np.exp(logs), events.sum() / tests.sum()
    means = mean * np.exp(posterior.MEANS * np.sqrt(1 / events.sum() + 2 / len(events)))
    total = np.zeros((len(events), len(logs)))
    likely = [
        nbinom.pmf(events[:, None], tests[:, None] * size, size / (size + rates)) for size in posterior.YIELDS.tolist()
    ]
    for shape in posterior.SHAPES:
        for step, m in zip(posterior.MEANS, means, strict=True):
            usual = gamma.pdf(rates, shape, scale=m / shape)
            hot = betaprime.pdf(rates, 1, 1.5, scale=8 * m)
            prior = (0.92 * usual + 0.08 * hot) * rates
            weight = shape**-0.5 * np.exp(-0.5 * (step / 2) ** 2) * (10 if shape == 400 else 1)
            for likelihood in likely:
                parts = likelihood * prior
                each = parts.sum(axis=1) * (logs[1] - logs[0])
                total += weight * each.prod() * parts / each[:, None]
    below = np.cumsum(total, axis=1)
    below /= below[:, -1:]
    found = rate_posterior(events, tests, events / tests, None)
    for place, row in enumerate(below):
        expected = np.exp(np.interp([0.025, 0.975], row, logs))
        assert [found.low[place], found.high[place]] == pytest.approx(expected, rel=0.04, abs=0.002), place


def test_tests_that_differ_widen_the_interval_and_one_hot_spot_keeps_its_own() -> None:
    """The same sums, from steady tests and from uneven ones; a hot spot is not drawn down to the others."""
    events, tests = np.array([12.0, 9, 11, 10, 8, 10]), np.full(6, 5.0)
    feature, test = np.repeat(np.arange(6), 5), np.tile(np.arange(5), 6)
    even = np.concatenate([np.full(5, count // 5) + (np.arange(5) < count % 5) for count in events])
    uneven = np.concatenate([np.where(np.arange(5) == place % 5, count, 0) for place, count in enumerate(events)])
    steady, bursts = (
        shrunk_rates(events, tests, exposures=Exposures(feature, test, found)) for found in (even, uneven)
    )
    assert (bursts.high - bursts.low > 1.5 * (steady.high - steady.low)).all()
    assert bursts.overdispersion > 1 > 0.2 > steady.overdispersion
    np.testing.assert_array_equal(bursts.rate, steady.rate)

    hot = shrunk_rates([40, *[4] * 11], [4] * 12)
    assert hot.low[0] < 10 < hot.high[0] and hot.low[0] > 6
    assert hot.high[1] < 2.2


# -- equal evidence -------------------------------------------------------------------------------------------------


def test_seven_features_with_one_bug_among_them_are_not_told_apart() -> None:
    """One test each and one bug in all vary by chance alone: one figure, whichever feature has the bug."""
    for place in range(7):
        shrunk = shrunk_rates(np.eye(7)[place], np.ones(7))
        assert shrunk.is_pooled
        assert len({*shrunk.rate}) == 1


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.lists(st.integers(1, 20), min_size=2, max_size=8, unique=True),
    st.integers(0, 30),
    st.randoms(use_true_random=False),
)
def test_features_of_the_average_share_one_figure(
    bugs: int, tests: int, times: list[int], apart: int, chance: object
) -> None:
    """4 bugs in 6 tests and 2 in 3 are equal where the average is 2/3, whatever the others and the order of the rows."""
    rows = [(bugs * count, tests * count) for count in times]
    size = 40
    rows += [
        (bugs * size - min(apart, bugs * size), tests * size),
        (bugs * size + min(apart, bugs * size), tests * size),
    ]
    order = list(range(len(rows)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    events, covered = (np.array([rows[place][part] for place in order], dtype=float) for part in (0, 1))
    shrunk = shrunk_rates(events, covered)
    figures = comparable(shrunk.rate)
    assert len({figures[order.index(place)] for place in range(len(times))}) == 1


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=2, max_size=25),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_features_changes_nothing(rows: list[tuple[int, int]], chance: object) -> None:
    """Figures, ranks and pooling are the same for each feature, and so is its interval."""
    order = list(range(len(rows)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    events, tests = (np.array([row[part] for row in rows], dtype=float) for part in (0, 1))
    first, second = shrunk_rates(events, tests), shrunk_rates(events[order], tests[order])
    assert first.is_pooled == second.is_pooled
    np.testing.assert_array_equal(first.rate[order], second.rate)
    np.testing.assert_array_equal(comparable(first.low[order]), comparable(second.low))
    np.testing.assert_array_equal(comparable(first.high[order]), comparable(second.high))
    equal = {pair: {figure for row, figure in zip(rows, first.rate, strict=True) if row == pair} for pair in rows}
    assert all(len(figures) == 1 for figures in equal.values())


def test_figures_are_compared_without_their_last_digits() -> None:
    """However a sum was made; what cancels is 0; what is not a number stays that."""
    assert comparable(0.1 + 0.2) == comparable(0.3)
    assert comparable(0.3 - 0.1 - 0.2) == 0 == comparable(1e-13)
    assert comparable(1 / 3) != comparable(0.33333333)
    assert comparable(-123456.7890123) == -123456.789
    np.testing.assert_array_equal(comparable([np.nan, np.inf, -np.inf, 0.0]), [np.nan, np.inf, -np.inf, 0.0])


@pytest.mark.parametrize(
    ("rate", "name", "expected"),
    [
        (0.2 * 3, "review", "critical"),
        (0.1 * 3 + 0.05, "rejection", "critical"),
        (0.7 / 2, "active_acceptance", "warning"),
    ],
)
def test_a_rate_at_its_limit_has_passed_it_however_it_was_computed(rate: float, name: str, expected: str) -> None:
    """60 % is at the limit of 60 %, also where a float says 0.6000000000000001."""
    assert band(rate, BANDS[name]) == expected
