"""What to test next: features by the bugs that a test of them would find now, with every part of the figure printed.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.doubts import with_row_doubts
from testio_analytics.reports.expected_bugs import EFFECTS, GROUPS, Expected, expected_bugs
from testio_analytics.reports.facts import LAPSED_AFTER, feature_scope, looked_up, once
from testio_analytics.reports.features import feature_catalog
from testio_analytics.reports.impact import Impact, ImpactSource, read_impact
from testio_analytics.reports.next_words import ties, whys
from testio_analytics.reports.past_tests import exposures, groups_of, known_now
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.reports.results import feature_results

Numbers = npt.NDArray[np.floating[Any]]

PARTS = ("product", *GROUPS, "own", *EFFECTS)
"""The parts of the expected bugs, in the order in which they are added."""

ALIKE = ("rank", "product_id", "bugs", "tests", "planned_test")
"""What features have in common that nothing tells apart: the figure, and what their own tests found."""

MOST_PROPOSED = 3
PLAN_COLUMNS = column_names("next_tests")
_OF_FEATURE = ("product_id", "product", "feature_id", "feature", "sections", "stories", "state", "executed_tests")
_OF_LAST_TEST = ("days_since_tested", "last_tested_at", "changed_since_tested", "changed_words")


@documented
def next_tests(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    impact: ImpactSource = None,
    k: int = 4,
    half_age: float = 90,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return the active features by the bugs that a test of them would find now, the most first.

    Features whose figures are the same in the two digits that are shown share a rank; among them the order goes over
    sections in turn, then by id. What the account's other products show counts as well: a mirror of one product knows
    nothing of them.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        impact: weights of features, see `read_impact`.
        k: features of a proposed test.
        half_age: after how many days without a test age has half of its effect.
        lapsed_after: see `feature_catalog`; features of lapsed tests are proposed.

    Raises:
        UnknownValueError: an option makes no sense.
        ReportError: the impact weights cannot be read.
    """
    found = _ranked(mirror, as_of, read_impact(impact), k, half_age, lapsed_after)
    return found.astype(dict.fromkeys(("rank", "alike", "proposed_test"), "Int64"))[PLAN_COLUMNS]


@documented
def packed_tests(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    impact: ImpactSource = None,
    k: int = 4,
    half_age: float = 90,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return the three tests of `k` features to order first, one row per feature, by test and rank.

    Each is the test of `k` features of one product that finds most, after the ones before it. Features that a planned
    test covers are left out. `test_gain` is what it finds more than the best test after it.
    """
    ranking = _ranked(mirror, as_of, read_impact(impact), k, half_age, lapsed_after)
    rows = ranking[ranking["proposed_test"].notna()].sort_values("proposed_test", kind="stable", ignore_index=True)
    return rows.astype({"rank": "Int64", "proposed_test": "Int64"})[column_names("packed_tests")]


def _ranked(
    mirror: Mirror, as_of: AsOf, impact: Impact | None, k: int, half_age: float, lapsed_after: float
) -> pd.DataFrame:
    if k < 1:
        raise UnknownValueError("k", k, ["a number of features, 1 or more"])
    checked_days("half_age", half_age)
    found = _figures(mirror, as_of=as_of, half_age=half_age, lapsed_after=lapsed_after)
    found = _with_own_impact(found, impact)
    factor = found["own_impact"].fillna(1.0)
    # Without a single test that was read all rates are the usual one: it orders by weights alone and is not shown.
    order = found["usual"] * factor
    found["expected_weighted"] = found["weighted"] * factor
    printed = two_digits(order.to_numpy(dtype=float))
    found["rank"] = pd.Series(printed, index=found.index).rank(ascending=False, method="min").astype("Int64")
    found["alike"] = found.groupby([*ALIKE], dropna=False)["feature_id"].transform("size")
    found["turn"] = found.groupby(["rank", "product_id", "sections"], dropna=False).cumcount()
    found = found.assign(order=order).sort_values(["rank", "product_id", "turn", "feature_id"], ignore_index=True)
    found["tie"], found["why"] = ties(found), whys(found)
    found = pack(found, k)
    return with_row_doubts(found, mirror, "next_tests")


def two_digits(figures: Numbers) -> Numbers:
    """Return figures as they are told apart: in two significant digits."""
    figures = comparable(figures)
    size = np.where(figures > 0, figures, 1.0)
    scale = 10.0 ** (1 - np.floor(np.log10(size)))
    return comparable(np.round(figures * scale) / scale)


@once
def _figures(mirror: Mirror, *, as_of: AsOf = None, half_age: float, lapsed_after: float) -> pd.DataFrame:
    """Return the features with their expected bugs and the parts of them, in the order of their ids."""
    instant = mirror.instant(as_of)
    found = feature_catalog(mirror, as_of=instant, lapsed_after=lapsed_after)[[*_OF_FEATURE, *_OF_LAST_TEST]]
    results = feature_results(mirror, as_of=instant)[["feature_id", "result", "worst_severity"]]
    found = found.merge(results, on="feature_id", validate="one_to_one").sort_values("feature_id", ignore_index=True)
    past = exposures(mirror, as_of=instant)
    planned = feature_scope(mirror, as_of=instant, lapsed_after=lapsed_after)
    planned = planned[planned["group"] == "planned"].drop_duplicates("feature_id", keep="last")
    found["planned_test"] = looked_up(found["feature_id"], planned.set_index("feature_id")["test"]).astype("str")
    # What a scheduled test covers will have been tested when another one comes: it finds it as if tested a moment ago.
    is_free = found["planned_test"].isna()
    last = past.drop_duplicates("feature_id", keep="last").set_index("feature_id")
    days = (instant - found["last_tested_at"]).dt.total_seconds() / 86_400
    state = found[["product_id", "feature_id"]].assign(
        days=days.astype("Float64").where(is_free, 0.0),
        changed=found["changed_since_tested"].fillna(False).astype("boolean") & is_free,
        failed=looked_up(found["feature_id"], last["failed"]).astype("boolean").fillna(False) & is_free,
    )
    return _with_expected(found, past, expected_of(mirror, found, state, past, half_age))


def expected_of(
    mirror: Mirror, features: pd.DataFrame, state: pd.DataFrame, past: pd.DataFrame, half_age: float
) -> Expected:
    """Return what a test of each feature would find, by its state (see `known_now`) and what was found in the past."""
    return expected_bugs(known_now(state, past, groups_of(mirror, features), half_age))


def _with_expected(found: pd.DataFrame, past: pd.DataFrame, expected: Expected) -> pd.DataFrame:
    of_feature = past.groupby("feature_id").agg(bugs=("bugs", "sum"), tests=("test_id", "size"))
    for name in ("bugs", "tests"):
        found[name] = looked_up(found["feature_id"], of_feature[name]).fillna(0).astype("Int64")
    figures = {f"part_{name}": expected.parts[name] for name in PARTS}
    figures |= {"expected_bugs": expected.bugs, "weighted": expected.weighted}
    figures |= {"severity_weight": expected.weighted / np.maximum(expected.bugs, 1e-300)}
    figures |= {"expected_low": expected.low, "expected_high": expected.high}
    columns = pd.DataFrame(figures, index=found.index).astype("Float64")
    if not past["feature_id"].isin(found["feature_id"]).any():
        columns = columns.mask(columns.notna())
    return found.join(columns).assign(usual=expected.weighted)


def _with_own_impact(found: pd.DataFrame, impact: Impact | None) -> pd.DataFrame:
    """Add the weights that the user gave, empty for the other features."""
    given = {} if impact is None else dict(zip(impact.weights["feature_id"], impact.weights["impact"], strict=True))
    weights = [given.get(key) for key in found["feature_id"].tolist()]
    return found.assign(own_impact=pd.Series(weights, index=found.index, dtype="Float64"))


# -- tests to order -------------------------------------------------------------------------------------------------


def pack(found: pd.DataFrame, k: int) -> pd.DataFrame:
    """Number the tests to order, with what each finds (`test_expected`), and what more than the best one after it."""
    left = found[found["planned_test"].isna()]
    chosen: list[list[int]] = []
    sums: list[float] = []
    while len(chosen) <= MOST_PROPOSED and len(left):
        best = left.groupby("product_id", sort=False).head(k).groupby("product_id", sort=False)["order"].sum()
        rows = left[left["product_id"] == best.idxmax()]
        chosen.append(_spread_over_sections(rows, k))
        sums.append(float(found["order"][chosen[-1]].sum()))
        left = left.drop(index=chosen[-1])
    empty = pd.Series(pd.NA, index=found.index, dtype="Float64")
    numbers, whole, gain = empty.copy(), empty.copy(), empty.copy()
    is_known = len(found) > 0 and found["weighted"].notna().any()
    for number, labels in enumerate(chosen[:MOST_PROPOSED]):
        numbers[labels] = number + 1
        if is_known:
            whole[labels] = sums[number]
            gain[labels] = sums[number] - (sums[number + 1] if number + 1 < len(sums) else 0.0)
    return found.assign(proposed_test=numbers, test_expected=whole, test_gain=gain)


def _spread_over_sections(rows: pd.DataFrame, k: int) -> list[int]:
    """Return the labels of the k first rows; of those of equal rank the ones whose sections the test does not have yet."""
    chosen: list[int] = []
    sections: set[str] = set()
    for _, tied in rows.groupby("rank", sort=True):
        names = [_names(value) for value in tied["sections"].tolist()]
        left = [*range(len(tied))]
        while left and len(chosen) < k:
            place = min(left, key=lambda one: len(names[one] & sections))
            chosen.append(int(tied.index[place]))
            sections |= names[place]
            left.remove(place)
        if len(chosen) == k:
            break
    return chosen


def _names(sections: Any) -> set[str]:
    return {*sections.split(", ")} if isinstance(sections, str) else set()
