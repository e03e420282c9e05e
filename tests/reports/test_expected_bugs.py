"""The model behind what to test next: parts, what moves a figure and which way, intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from testio_analytics.reports.expected_bugs import Known, expected_bugs

NOW = 500.0


@dataclass(frozen=True)
class Exposure:
    """A test of a feature: when, what it found, how severe in all, the version of the text, whether a story failed."""

    feature: int
    at: float
    bugs: int = 0
    weight: float = 0
    text: int = 0
    failed: bool = False


def known_of(exposures: list[Exposure], features: int, sections: int = 2, products: int = 1) -> Known:
    """Return what is known at day `NOW`; text 0 is that of now."""
    last: dict[int, Exposure] = {}

    def effects(feature: int, at: float, text: int) -> tuple[float, float, float]:
        before = last.get(feature)
        if before is None:
            return 1.0, 0.0, 0.0
        return 1 - 0.5 ** ((at - before.at) / 90), float(before.text != text), float(before.failed)

    ordered = sorted(exposures, key=lambda one: one.at)
    then = []
    for one in ordered:
        then.append(effects(one.feature, one.at, one.text))
        last[one.feature] = one
    places = np.arange(features)
    section = places % sections + sections * (places * products // features)
    groups = {
        "section": np.unique(section, return_inverse=True)[1],
        "words": np.unique(places // 3 + 1000 * (places * products // features), return_inverse=True)[1],
        "stories": places * products // features,
    }
    return Known(
        places * products // features,
        groups,
        np.array([effects(feature, NOW, 0) for feature in range(features)]),
        np.array([one.feature for one in ordered], dtype=np.int64),
        np.arange(len(ordered)),
        np.array(then, dtype=float).reshape(-1, 3),
        np.array([one.bugs for one in ordered], dtype=float),
        np.array([one.weight for one in ordered], dtype=float),
    )


BUGS = st.one_of(st.integers(0, 3), st.integers(0, 400))
EXPOSURES = st.lists(
    st.builds(
        Exposure, st.integers(0, 7), st.floats(0, NOW), BUGS, st.just(0.0), st.integers(0, 2), st.booleans()
    ).flatmap(lambda one: st.floats(0, 5).map(lambda weight: replace(one, weight=weight * one.bugs))),
    max_size=25,
)


@settings(max_examples=15, deadline=None)
@given(EXPOSURES, st.integers(0, 24), st.sampled_from([0.0, 1.0, 3.0, 5.0]))
def test_one_more_bug_never_lowers_a_figure(exposures: list[Exposure], place: int, weight: float) -> None:
    """Neither the number of bugs nor that weighted by severity, however light the bug and whatever else was found."""
    if not exposures:
        return
    place %= len(exposures)
    one = exposures[place]
    more = [*exposures]
    more[place] = replace(one, bugs=one.bugs + 1, weight=one.weight + weight)
    before, after = (expected_bugs(known_of(rows, 8)) for rows in (exposures, more))
    for name in ("bugs", "weighted"):
        assert getattr(after, name)[one.feature] >= getattr(before, name)[one.feature] * (1 - 1e-9)


@settings(max_examples=15, deadline=None)
@given(EXPOSURES, st.integers(0, 7), st.floats(0, NOW))
def test_one_more_clean_test_never_raises_a_figure(exposures: list[Exposure], feature: int, at: float) -> None:
    """Whenever it took place, before, between or after the others; its text is that of the test after it."""
    if any(one.feature == feature and one.at == at for one in exposures):
        return
    own = [one for one in exposures if one.feature == feature]
    later = [one.text for one in sorted(own, key=lambda one: one.at) if one.at > at]
    clean = Exposure(feature, at, text=later[0] if later else 0)
    before, after = (expected_bugs(known_of(rows, 8)) for rows in (exposures, [*exposures, clean]))
    for name in ("bugs", "weighted"):
        assert getattr(after, name)[feature] <= getattr(before, name)[feature] * (1 + 1e-9)


def test_parts_add_up_and_a_feature_without_tests_has_the_figure_of_its_group() -> None:
    """Exactly; its own tests then add nothing."""
    exposures = [Exposure(feature, 10.0 * feature + 100, feature % 3, 2.0 * (feature % 3)) for feature in range(6)]
    found = expected_bugs(known_of(exposures, 8))
    assert np.array_equal(sum(found.parts.values()), found.bugs)
    assert np.allclose(found.parts["own"][6:], 0, atol=1e-12)
    assert (found.low <= found.bugs).all() and (found.bugs <= found.high + 1).all()


def test_what_matters_in_the_past_counts_and_nothing_else() -> None:
    """A section with all bugs raises a feature of it that was never tested; alike sections do not."""
    apart = [
        Exposure(feature, 100.0 + test, 4 * (feature % 2), 4.0 * (feature % 2))
        for test in range(6)
        for feature in range(6)
    ]
    alike = [replace(one, bugs=2, weight=2.0) for one in apart]
    low, high = expected_bugs(known_of(apart, 8)).bugs[6:]
    assert high > 5 * low
    same = expected_bugs(known_of(alike, 8))
    assert abs(same.bugs[6] - same.bugs[7]) < 1e-6
    assert same.settings["section"] < 0.2


def test_without_any_test_there_is_the_usual_rate_and_a_wide_interval() -> None:
    """All features alike."""
    found = expected_bugs(known_of([], 5))
    assert np.ptp(found.bugs) < 1e-12 and found.high.max() >= 3
