"""How many bugs a test of each feature would find now: what product, section, own tests and time say, weighed exactly.

A test of feature f at a time t finds a Poisson number of bugs with the mean θ_f · g(t). The rate θ_f is drawn from a gamma
distribution around the rate of its group, that from a log-normal one around the rate of its product, and that around
the rate of the account. Every rate above the feature lies on a fixed grid, so that all of it is summed, not simulated.

    g = 1 + β_age · age + β_changed · changed + β_failures · failures

Age is 0 at once after a test and tends to 1; it is 1 for what was never tested. What the groups are (sections, words of the
title, numbers of stories), how much groups and features differ, and each β are settings. Every combination is weighed by
how well it explains what the account's tests found, and "no effect" weighs most beforehand: with few tests nothing but
the rates of product, group and feature counts.

The weight of a setting, for feature f, comes from all *other* features; its own counts then move it by Bayes' rule under each
setting. So one more bug of the feature never lowers its figure, and one more test without a bug never raises it: under a
setting both rise and fall with the counts, and the weights do not depend on them.

Sources: D. R. Clayton and J. Kaldor, "Empirical Bayes estimates of age-standardized relative risks for use in disease
mapping", Biometrics 43 (1987), 671-681, for gamma-Poisson rates; J. A. Hoeting, D. Madigan, A. E. Raftery and
C. T. Volinsky, "Bayesian model averaging: a tutorial", Statistical Science 14 (1999), 382-401, for the weights; F. Liu,
M. J. Bayarri and J. O. Berger, "Modularization in Bayesian analysis", Bayesian Analysis 4 (2009), 119-150, for learning
them from the others. Grids and prior weights are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from testio_analytics.reports.rate_tree import RATES, Grouping, grouping_of, log_sum, rates_of

Numbers = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]

ALIKE = np.array([60.0, 3.0, 0.9])
"""How alike the features of a group may be: shapes of a gamma distribution. At 60 they hardly differ."""

SPREADS = (0.5, 1.0)
"""How far the groups of a product may lie apart: standard deviations of the logarithm. That they do not is a case of its own."""

EFFECTS = ("age", "changed", "failures")
BETAS: tuple[tuple[float, float, float], ...] = (
    *((0, 0, 0), (1, 0, 0), (5, 0, 0), (0, 1, 0), (0, 0, 1)),
    *((1, 1, 0), (1, 0, 1), (5, 1, 1)),
)
"""The sizes of the effects of age, changed texts and failures that may be."""

NO_EFFECT = 0.6
"""The weight of no effect at all before anything is known; the others share the rest."""

GROUPS: Mapping[str, float] = {"section": 0.35, "words": 0.1, "stories": 0.05}
"""The weights of what may tell features apart before anything is known; that nothing does has the rest."""

USUAL_EXCESS, EXCESS_WEIGHT = 0.3, 4.0
"""The variance of what a test finds beyond chance, as a part of the squared mean, and as how many bugs² this counts."""

FAR = 600.0
"""Logarithms that lie further apart than this are added as logarithms."""

LIKE_BUGS = 5.0
"""As how many bugs the severity of the wider group counts beside the bugs themselves."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the features of an account at some time: one element per feature, then one per exposure.

    Attributes:
        product: the place of the feature's product, from 0 on.
        groups: by name of `GROUPS`, the place of the feature's group, from 0 on; a group lies within one product.
        now: by feature the values of `EFFECTS` of a test now, shape (features, 3).
        feature: by exposure (a test that covered a feature), the place of the feature.
        test: by exposure the place of the test.
        then: by exposure the values of `EFFECTS` when it took place, shape (exposures, 3).
        bugs: by exposure the bugs found.
        weight: by exposure the sum of the severity weights of these bugs.
        weight_of_none: the mean weight of a bug where no bug is known at all.
    """

    product: Places
    groups: Mapping[str, Places]
    now: Numbers
    feature: Places
    test: Places
    then: Numbers
    bugs: Numbers
    weight: Numbers
    weight_of_none: float = 1.5


@dataclass(frozen=True, eq=False)
class Expected:
    """What a test of each feature would find now, one element per feature.

    Attributes:
        parts: in bugs, by name: "product", then what each of `GROUPS`, "own" tests and each of `EFFECTS` add.
        bugs: the sum of the parts.
        weighted: the same, each bug by its severity.
        low, high: between which the number of bugs of the next test lies with the given probability.
        settings: how likely each effect and group is to matter at all, by name.
    """

    parts: Mapping[str, Numbers]
    bugs: Numbers
    weighted: Numbers
    low: Numbers
    high: Numbers
    settings: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Under:
    """What holds under one setting, by feature: how well it explains the other features, and what follows."""

    beta: int
    alike: float
    grouping: Grouping
    left_out: Numbers
    of_product: Numbers
    of_group: Numbers
    per_count: Numbers
    square: Numbers


def expected_bugs(known: Known, *, confidence: float = 0.95) -> Expected:
    """Return what a test of each feature would find now."""
    counts = _Counts.of(known)
    groupings = _groupings(known, counts)
    rows = [
        row
        for beta in range(len(BETAS))
        for alike in ALIKE
        for row in _under(known, counts, groupings, beta, float(alike))
    ]
    left_out = np.array([row.left_out for row in rows])
    share = np.exp(left_out - left_out.max(axis=0))
    return _combined(known, counts, rows, share / share.sum(axis=0), confidence)


@dataclass(frozen=True, eq=False)
class _Counts:
    """Sums over the exposures of each feature; `tests` and `logs` by the sizes of the effects (columns)."""

    bugs: Numbers
    weight: Numbers
    tests: Numbers
    logs: Numbers
    now: Numbers

    @classmethod
    def of(cls, known: Known) -> _Counts:
        """Return the sums. A test at which a feature finds twice as much as usual counts as two."""
        betas, count = np.array(BETAS, dtype=float), len(known.product)
        now, then = (1 + values @ betas.T for values in (known.now, known.then))

        def total(values: Numbers) -> Numbers:
            return np.bincount(known.feature, weights=values, minlength=count).astype(float)

        tests = np.column_stack([total(gain) for gain in then.T])
        logs = np.column_stack([total(known.bugs * np.log(gain)) for gain in then.T])
        return cls(total(known.bugs), total(known.weight), tests, logs, now)


def _groupings(known: Known, counts: _Counts) -> list[Grouping]:
    usual = (counts.weight.sum() - counts.weight + LIKE_BUGS * known.weight_of_none) / (
        counts.bugs.sum() - counts.bugs + LIKE_BUGS
    )
    severity = _severity(counts, known.product, usual)
    found = [grouping_of(known.product, "", known.product, (0.0,), 1 - sum(GROUPS.values()), severity)]
    for name, weight in GROUPS.items():
        own = _severity(counts, known.groups[name], severity)
        found.append(grouping_of(known.product, name, known.groups[name], SPREADS, weight / len(SPREADS), own))
    return found


def _severity(counts: _Counts, group: Places, wider: Numbers) -> Numbers:
    """Return the mean weight of the bugs of the other features of each feature's group, drawn towards the wider group's."""
    bugs, weight = (np.bincount(group, weights=values)[group] - values for values in (counts.bugs, counts.weight))
    return np.asarray((weight + LIKE_BUGS * wider) / (bugs + LIKE_BUGS), dtype=float)


def _under(known: Known, counts: _Counts, groupings: list[Grouping], beta: int, alike: float) -> Iterator[_Under]:
    """Yield what holds under each grouping and spread, for one size of the effects and one likeness of features."""
    bugs, tests = counts.bugs[:, None], counts.tests[:, beta, None]
    per_count = 1 / (tests + alike / RATES)
    own = (bugs + alike) * np.log(per_count) + alike * np.log(alike / RATES)
    own += (special.gammaln(counts.bugs + alike) - special.gammaln(alike) + counts.logs[:, beta])[:, None]
    highest = own.max(axis=1, keepdims=True)
    sums = np.stack([per_count, per_count**2, np.exp(np.minimum(highest - own, FAR))], axis=2)
    is_far = (highest[:, 0] - own.min(axis=1)) > FAR
    prior = np.log(NO_EFFECT if beta == 0 else (1 - NO_EFFECT) / (len(BETAS) - 1)) - np.log(len(ALIKE))
    for grouping in groupings:
        of_groups = grouping.members @ own
        trees = [rates_of(of_groups, grouping, spread) for spread in grouping.spreads]
        posterior = np.stack([of_group for _, _, of_group in trees], axis=1)
        once, square, without = np.moveaxis(posterior[grouping.group] @ sums, 2, 0)
        left_out = np.log(without) - highest
        for place, (evidence, of_product, of_group) in enumerate(trees):
            if is_far.any():
                left_out[is_far, place] = log_sum(
                    np.log(np.maximum(of_group[grouping.group[is_far]], 1e-300)) - own[is_far]
                )
            yield _Under(
                beta,
                alike,
                grouping,
                prior + np.log(grouping.weight) + evidence + left_out[:, place],
                (of_product @ RATES)[known.product],
                (of_group @ RATES)[grouping.group],
                once[:, place],
                square[:, place],
            )


def _combined(known: Known, counts: _Counts, rows: list[_Under], share: Numbers, confidence: float) -> Expected:
    count = len(known.product)
    parts = {name: np.zeros(count) for name in ("product", *GROUPS, "own", *EFFECTS)}
    weighted, second, slope = np.zeros(count), np.zeros(count), np.zeros((count, len(EFFECTS)))
    settings = dict.fromkeys((*GROUPS, *EFFECTS), 0.0)
    for row, likely in zip(rows, share, strict=True):
        rate, gain, beta = (counts.bugs + row.alike) * row.per_count, counts.now[:, row.beta], BETAS[row.beta]
        parts["product"] += likely * row.of_product
        if row.grouping.name:
            parts[row.grouping.name] += likely * (row.of_group - row.of_product)
            settings[row.grouping.name] += float(likely.sum()) / max(count, 1)
        parts["own"] += likely * (rate - row.of_group)
        for place, name in enumerate(EFFECTS):
            parts[name] += likely * beta[place] * known.now[:, place] * rate
            settings[name] += float(likely.sum()) / max(count, 1) * (beta[place] > 0)
            slope[:, place] += likely * beta[place] * rate
        weighted += likely * gain * (row.alike * row.grouping.severity + counts.weight) * row.per_count
        second += likely * gain**2 * (counts.bugs + row.alike) * (counts.bugs + row.alike + 1) * row.square
    bugs = sum(parts.values(), np.zeros(count))
    then = (parts["product"] + sum(parts[name] for name in (*GROUPS, "own")))[known.feature] + (
        slope[known.feature] * known.then
    ).sum(axis=1)
    low, high = _predicted(bugs, second, _excess(known, then), confidence)
    return Expected(parts, bugs, weighted, low, high, settings)


def _excess(known: Known, expected: Numbers) -> float:
    """Return the variance of what tests find beyond chance, as a part of its squared mean."""
    if not len(known.test):
        return USUAL_EXCESS
    found, mean = (np.bincount(known.test, weights=values) for values in (known.bugs, expected))
    beyond = float(((found - mean) ** 2 - mean).sum()) + EXCESS_WEIGHT * USUAL_EXCESS
    return max(beyond / (float((mean**2).sum()) + EXCESS_WEIGHT), 0.0)


def _predicted(mean: Numbers, second: Numbers, excess: float, confidence: float) -> tuple[Numbers, Numbers]:
    """Return between which counts the next one lies: of a negative binomial with this mean and the variance that follows.

    Counts are whole, so no bounds hold exactly that share; these hold the one that is nearest. Where nothing lies below,
    all that may be missed lies above.
    """
    variance = np.maximum(second * (1 + excess) - mean**2, 1e-9)
    counts = stats.nbinom(mean**2 / variance, mean / (mean + variance))
    low = counts.ppf((1 - confidence) / 2)
    below = counts.cdf(low - 1)
    high = counts.ppf(below + confidence)
    is_less = (counts.cdf(high - 1) > 2 * (below + confidence) - counts.cdf(high)) & (high > low)
    return low, high - is_less
