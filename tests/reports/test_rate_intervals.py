"""The interval around a share of independent draws."""

from __future__ import annotations

from math import isnan, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.errors import UnknownValueError
from testio_analytics.reports.rate_intervals import wilson

COUNTS = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CONFIDENCES = st.floats(0.5, 0.999)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),  # Brown, Cai and DasGupta's case of no success, to four places
        (10, 10, 0.7225, 1.0),
        (1, 2, 0.0945, 0.9055),
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), table I, Wilson without continuity correction
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 112, 0.1868, 0.3471),
    ],
)
def test_interval_has_the_published_values(k: int, n: int, low: float, high: float) -> None:
    """The bounds equal those printed in the literature."""
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS, CONFIDENCES)
def test_interval_holds_the_share_and_stays_between_0_and_1(counts: tuple[int, int], confidence: float) -> None:
    """0 <= low <= k/n <= high <= 1, whatever the numbers."""
    k, n = counts
    low, high = wilson(k, n, confidence)

    assert 0 <= low <= k / n + 1e-12
    assert k / n - 1e-12 <= high <= 1


@given(COUNTS, CONFIDENCES)
def test_bounds_solve_the_score_equation(counts: tuple[int, int], confidence: float) -> None:
    """At each bound the share lies exactly z standard errors away: the equation that defines the interval."""
    from statistics import NormalDist

    k, n = counts
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for bound in wilson(k, n, confidence):
        assert abs(k / n - bound) == pytest.approx(z * sqrt(bound * (1 - bound) / n), abs=1e-9)


@given(COUNTS)
def test_interval_of_the_others_is_the_mirror_image(counts: tuple[int, int]) -> None:
    """What is not covered has the reflected interval."""
    k, n = counts
    low, high = wilson(k, n)
    other_low, other_high = wilson(n - k, n)

    assert (other_low, other_high) == pytest.approx((1 - high, 1 - low))


@given(COUNTS, st.integers(2, 50))
def test_interval_shrinks_with_more_features_of_the_same_share(counts: tuple[int, int], times: int) -> None:
    """The same share of more is known better."""
    k, n = counts
    low, high = wilson(k, n)
    narrow_low, narrow_high = wilson(k * times, n * times)

    assert narrow_high - narrow_low < high - low


def test_interval_of_nothing_is_not_a_number() -> None:
    """A share of no features is unknown, not 0."""
    low, high = wilson(0, 0)

    assert isnan(low)
    assert isnan(high)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, -1), (1, 0)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    """More than all, or fewer than none, is a mistake of the caller."""
    with pytest.raises(UnknownValueError, match="must be one of: a count"):
        wilson(k, n)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, float("nan")])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    """A confidence is a probability, not a percentage."""
    with pytest.raises(UnknownValueError, match="between 0 and 1"):
        wilson(1, 2, confidence)
