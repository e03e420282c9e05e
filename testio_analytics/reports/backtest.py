"""Would the ranking have found more of the next cycle's bugs than simpler ones? Tried on every past test.

Of a past test it is known which bugs its features had. Its features are ranked with what was known when it began, and nothing that
came later; the share of its bugs in the first k of them is what such a test of k features would have found. Only the
likelihood is tested here: data of the past do not say how much a bug matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.facts import feature_scope, located_bugs, unread_tests
from testio_analytics.reports.next_tests import WEIGHTS, against, aged, weighted
from testio_analytics.reports.shrinkage import FEWEST, points
from testio_analytics.text import counted, signed

Numbers = npt.NDArray[np.floating[Any]]

OURS = "risk ranking"
RANKINGS = (OURS, "most bugs first", "oldest first", "random")
EXPOSURE_COLUMNS = ("account", "product_id", "test_id", "feature_id", "start", "at", "bugs")
DRAWS = 1000
SEED = 20260630


def exposures(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return what each executed test found in each of its features, one row per pair, by product, time, test, feature.

    Columns: account (0), product_id, test_id, feature_id, start, at (start and end of the test; a start that is not known
    is its end), bugs (distinct valid ones). Tests without any date are left out, and those
    whose bugs were not read.
    """
    scope = feature_scope(mirror, as_of=as_of)
    scope = scope[(scope["group"] == "executed") & scope["at"].notna()]
    scope = scope[~scope["test_id"].isin(unread_tests(mirror, "bugs"))]
    owners = dict(zip(mirror.tests["id"].tolist(), mirror.tests["product_id"].tolist(), strict=True))
    bugs = located_bugs(mirror, as_of=as_of)
    counts = bugs[bugs["is_valid"].astype(bool)].groupby(["test_id", "feature_id"])["bug_id"].nunique().rename("bugs")
    found = scope.merge(counts.reset_index(), on=["test_id", "feature_id"], how="left", validate="one_to_one")
    found = found.assign(
        account=0,
        product_id=[owners[key] for key in found["test_id"].tolist()],
        start=found["start_at"].fillna(found["at"]).clip(upper=found["at"]),
        bugs=found["bugs"].fillna(0).astype("Int64"),
    )
    order = ["product_id", "at", "test_id", "feature_id"]
    return found.astype({"account": "Int64", "product_id": "Int64"})[list(EXPOSURE_COLUMNS)].sort_values(
        order, ignore_index=True
    )


def backtest(
    found: pd.DataFrame,
    *,
    k: int = 4,
    warm_up: int = 5,
    half_age: float = 90,
    weights: Mapping[str, float] = WEIGHTS,
) -> pd.DataFrame:
    """Return what each ranking would have found, one row per past test, by account, product and time.

    Tests with at most `k` features, without any bug, or with fewer than `warm_up` earlier tests of their product are left
    out: there is nothing to choose, to find, or to know.

    Args:
        found: exposures, as `exposures` returns them; of several accounts with different `account`.
        k: features that the test would have been cut to.
        warm_up: tests of a product that must have ended before one of its tests is used.
        half_age: as in `next_tests`.
        weights: as there; the parts that are not known of the past are neutral.

    Columns: account, product_id, test_id, at, features, bugs, then the bugs found by each ranking: "risk ranking", "most bugs
    first" (in total, before), "oldest first" (longest not tested, never tested first), "random" (its expected value). Ties
    share what their features found evenly.

    Raises:
        UnknownValueError: an option makes no sense.
    """
    for name, value in (("k", k), ("warm_up", warm_up)):
        if value < 1:
            raise UnknownValueError(name, value, ["1 or more"])
    rows = [
        row
        for _, part in found.groupby(["account", "product_id"])
        for row in _of_product(
            int(part["account"].iloc[0]), int(part["product_id"].iloc[0]), part, k, warm_up, half_age, weights
        )
    ]
    columns = ["account", "product_id", "test_id", "at", "features", "bugs", *RANKINGS]
    frame = pd.DataFrame(rows, columns=columns)
    kinds = {
        "at": "datetime64[us, UTC]",
        **dict.fromkeys(("account", "product_id", "test_id", "features", "bugs"), "Int64"),
    }
    frame = frame.astype(kinds | dict.fromkeys(RANKINGS, "Float64"))
    return frame.sort_values(["account", "product_id", "at", "test_id"], ignore_index=True)


def backtest_summary(cycles: pd.DataFrame) -> pd.DataFrame:
    """Return the share of all bugs that each ranking found, one row per ranking, ours first.

    Columns: ranking, cycles, bugs, found (share of all bugs of these cycles, 0 to 1), low, high (95 % bootstrap interval over
    products, over past tests where there are fewer than five products; 1,000 draws, always the same ones; empty for one
    test alone), lead (what our ranking found more, as a share; empty for ours), lead_low,
    lead_high (likewise, paired). Everything is empty without cycles.
    """
    names = ["bugs", *RANKINGS]
    clusters = cycles.groupby(["account", "product_id"])[names].sum().to_numpy(dtype=float)
    if len(clusters) < FEWEST:  # so few products, drawn anew, are mostly the same ones
        clusters = cycles[names].to_numpy(dtype=float)
    draws = np.random.default_rng(SEED).integers(0, max(len(clusters), 1), size=(DRAWS, len(clusters)))
    rows = []
    for place, name in enumerate(RANKINGS, 1):
        if not len(clusters):
            rows.append((name, 0, 0, *[np.nan] * 6))
            continue
        sums = clusters[draws].sum(axis=1)
        share, ours = sums[:, place] / sums[:, 0], sums[:, 1] / sums[:, 0]
        total = clusters.sum(axis=0)
        lead = [np.nan] * 3
        if place > 1:
            lead = [float((total[1] - total[place]) / total[0]), *_middle(ours - share, len(clusters))]
        rows.append(
            (name, len(cycles), int(total[0]), float(total[place] / total[0]), *_middle(share, len(clusters)), *lead)
        )
    columns = ["ranking", "cycles", "bugs", "found", "low", "high", "lead", "lead_low", "lead_high"]
    frame = pd.DataFrame(rows, columns=columns).astype({"ranking": "str", "cycles": "Int64", "bugs": "Int64"})
    frame[columns[3:]] = frame[columns[3:]].astype("Float64")
    frame[columns[3:]] = frame[columns[3:]].mask(frame[columns[3:]].isna())
    return frame


def backtest_sentence(summary: pd.DataFrame) -> str:
    """Return the verdict on our ranking: what it finds, and by how much it leads, or that it does not."""
    ours = summary.iloc[0]
    if pd.isna(ours["found"]):
        return "There is no past test to use: too few tests, or none with more features than a proposed one."
    parts = []
    for row in summary.iloc[1:].to_dict("records"):
        if pd.isna(row["lead_low"]):
            parts.append(f"one past test is too few to compare with “{row['ranking']}”")
            continue
        lead, low, high = (float(row[column]) * 100 for column in ("lead", "lead_low", "lead_high"))
        signs = np.sign(comparable([low, high]))
        verdict = "more than" if signs[0] > 0 else "fewer than" if signs[1] < 0 else "not distinguishable from"
        parts.append(
            f"{verdict} “{row['ranking']}” ({signed(lead, 1)} points, 95 % interval {signed(low, 1)} to {signed(high, 1)})"
        )
    return (
        f"Backtest on {counted(int(ours['cycles']), 'past test')} with {counted(int(ours['bugs']), 'bug')}: the risk "
        f"ranking finds {float(ours['found']) * 100:.0f} % of the bugs, {'; '.join(parts)}."
    )


def _middle(values: Numbers, units: int) -> list[float]:
    if units < 2:
        return [np.nan, np.nan]
    return [float(bound) for bound in np.quantile(values, [0.025, 0.975])]


def _of_product(
    account: int, product: int, part: pd.DataFrame, k: int, warm_up: int, half_age: float, weights: Mapping[str, float]
) -> list[tuple[object, ...]]:
    tests = part.drop_duplicates("test_id").sort_values(["at", "test_id"])
    features = np.sort(part["feature_id"].unique().astype(np.int64))
    row_of = {int(key): place for place, key in enumerate(tests["test_id"])}
    rows = np.array([row_of[int(key)] for key in part["test_id"]])
    columns = np.searchsorted(features, part["feature_id"].to_numpy(dtype=np.int64))
    covered, bugs = np.zeros((len(tests), len(features))), np.zeros((len(tests), len(features)))
    covered[rows, columns], bugs[rows, columns] = 1, part["bugs"].to_numpy(dtype=float)
    ends = tests["at"].astype("int64").to_numpy()
    starts = tests["start"].astype("int64").to_numpy()
    day = 86_400_000_000  # the columns count microseconds
    last = np.maximum.accumulate(np.where(covered > 0, ends[:, None], -1), axis=0)
    seen, bugs_so_far = covered.cumsum(axis=0), bugs.cumsum(axis=0)
    found: list[tuple[object, ...]] = []
    for place, (test_id, at) in enumerate(zip(tests["test_id"], tests["at"], strict=True)):
        before = int(np.searchsorted(ends, starts[place], side="right"))
        before = min(before, place)
        mine = np.flatnonzero(covered[place])
        total = bugs[place].sum()
        if before < warm_up or len(mine) <= k or not total:
            continue
        n, x, end = seen[before - 1], bugs_so_far[before - 1], last[before - 1]
        days = np.where(end >= 0, (starts[place] - end) / day, np.inf)
        scores = (_likelihood(x, n, days, half_age, weights), x, days, np.zeros(len(x)))  # in the order of RANKINGS
        shares = [_found(score[mine], bugs[place][mine], k) for score in scores]
        found.append((account, product, int(test_id), at, len(mine), int(total), *shares))
    return found


def _likelihood(x: Numbers, n: Numbers, days: Numbers, half_age: float, weights: Mapping[str, float]) -> Numbers:
    """Return the likelihood of `next_tests` from what was known then; the parts that were not are neutral."""
    mean, _, rate = points(x, n)
    unknown = np.full(len(x), np.nan)
    parts = {
        "bugs": np.where(n > 0, against(rate, mean), np.nan),
        "age": np.where(np.isinf(days), 1.0, aged(np.where(np.isinf(days), 0.0, days), half_age)),
        "changed": unknown,
        "failures": unknown,
    }
    return weighted(parts, weights)


def _found(score: Numbers, bugs: Numbers, k: int) -> float:
    """Return the bugs of the k features with the highest score; those that tie for the last places share them evenly."""
    score = comparable(score)
    border = np.sort(score)[::-1][k - 1]
    above, tied = score > border, score == border
    return float(bugs[above].sum() + bugs[tied].mean() * (k - above.sum()))
