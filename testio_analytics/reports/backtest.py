"""Would the list of what to test next have found more than simpler lists? Tried on every month of the past.

At the beginning of a month the whole catalogue is listed, features that were never tested included, with what was known
then and nothing that came later. What a feature would have shown that no test of the month covered, nobody knows: each list
is read from its top, and such features are passed over. Counted they would favour the list that names what is tested anyway.
A list finds the bugs per test of the first features that are left. The catalogue, its sections, titles and stories are
those of now; that texts changed is not known of then.

Source: L. Li, W. Chu, J. Langford and X. Wang, "Unbiased offline evaluation of contextual-bandit-based news article
recommendation algorithms", WSDM 2011, 297-306, for trying a choice on those past cases alone whose outcome is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.expected_bugs import Known, expected_bugs
from testio_analytics.reports.features import feature_catalog
from testio_analytics.reports.next_tests import two_digits
from testio_analytics.reports.past_tests import exposures, groups_of, known_now
from testio_analytics.text import counted, signed

Numbers = npt.NDArray[np.floating[Any]]

OURS = "what to test next"
RANKINGS = (OURS, "most bugs first", "oldest first", "section mean", "random")
PLAIN, BY_SEVERITY = "bugs", "by severity"
TOPS = (4, 12)
MOST_CYCLES, FEWEST_CYCLES, MOST_ROWS = 24, 3, 60_000
DRAWS = 1000
SEED = 20260630


def backtest(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    tops: tuple[int, ...] = TOPS,
    warm_up: int = 5,
    half_age: float = 90,
) -> pd.DataFrame:
    """Return what each list would have found, a row per past month, number of features and way to count bugs, in that order.

    These are the last 24 months in which tests began that found a bug; fewer, but at least three, for a catalogue of more
    than 2,500 features. Months before which fewer than `warm_up` tests had ended are left out, and numbers of features
    that are no less than all that the month's tests covered.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        tops: how many features of a list count.
        warm_up: tests that must have ended before a month.
        half_age: as in `next_tests`.

    Columns: cycle (the month), top, counted ("bugs", or "by severity"), tests, features (that they covered), bugs (per test of
    each, counted so), then what each list finds of that: "what to test next", "most bugs first" (in total, before), "oldest first" (longest not tested,
    never tested first), "section mean" (bugs per test of the section, before), "random" (its expected value). Features
    that tie share what they found evenly.

    Raises:
        UnknownValueError: an option makes no sense.
    """
    for name, value in (("tops", min(tops, default=0)), ("warm_up", warm_up)):
        if value < 1:
            raise UnknownValueError(name, value, ["1 or more"])
    features = feature_catalog(mirror, as_of=as_of)[["product_id", "feature_id", "feature", "stories"]]
    features = features.sort_values("feature_id", ignore_index=True)
    found = exposures(mirror, as_of=as_of)
    found = found[found["feature_id"].isin(features["feature_id"])]
    groups = groups_of(mirror, features)
    rows = []
    for cycle, part, past in _cycles(found, warm_up, len(features)):
        known = known_now(_states(features, past, cycle), past, groups, half_age)
        lists = _lists(known, expected_bugs(known).weighted)
        place = pd.Index(features["feature_id"]).get_indexer(pd.Index(part["feature_id"]))
        tests = np.bincount(place, minlength=len(features))
        covered = tests > 0
        for top in tops:
            for name, column in ((PLAIN, "bugs"), (BY_SEVERITY, "weight")):
                whole = np.bincount(place, weights=part[column].to_numpy(dtype=float), minlength=len(features))
                bugs: Numbers = whole[covered] / tests[covered]
                if top < len(bugs):
                    shares = [_found(score[covered], bugs, top) for score in lists]
                    counts = (part["test_id"].nunique(), len(bugs), float(bugs.sum()))
                    rows.append((f"{cycle:%Y-%m}", top, name, *counts, *shares))
    frame = pd.DataFrame(rows, columns=["cycle", "top", "counted", "tests", "features", "bugs", *RANKINGS])
    kinds = dict.fromkeys(("cycle", "counted"), "str") | dict.fromkeys(("top", "tests", "features"), "Int64")
    frame = frame.astype(kinds | dict.fromkeys(("bugs", *RANKINGS), "Float64"))
    return frame.sort_values(["cycle", "top", "counted"], kind="stable", ignore_index=True)


def _cycles(found: pd.DataFrame, warm_up: int, features: int) -> list[tuple[pd.Timestamp, pd.DataFrame, pd.DataFrame]]:
    """Return the months to try, in order: when each begins, what its tests found, and what tests had found before."""
    months = found["start"].dt.tz_localize(None).dt.to_period("M")
    most = int(np.clip(MOST_ROWS // max(features, 1), FEWEST_CYCLES, MOST_CYCLES))
    cycles: list[tuple[pd.Timestamp, pd.DataFrame, pd.DataFrame]] = []
    for month in sorted(months.unique(), reverse=True):
        begin = month.start_time.tz_localize("UTC")
        part, past = found[months == month], found[found["at"] <= begin]
        if part["bugs"].sum() > 0 and past["test_id"].nunique() >= warm_up and len(cycles) < most:
            cycles.append((begin, part, past))
    return cycles[::-1]


def _states(features: pd.DataFrame, past: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Return how each feature stood then: see `known_now`."""
    last = past.drop_duplicates("feature_id", keep="last").set_index("feature_id").reindex(features["feature_id"])
    days = ((at - last["at"]).dt.total_seconds() / 86_400).astype("Float64")
    return features[["product_id", "feature_id"]].assign(
        days=days.array, changed=False, failed=last["failed"].astype("boolean").fillna(False).array
    )


def _lists(known: Known, ours: Numbers) -> list[Numbers]:
    """Return by which figures each list orders the features, in the order of `RANKINGS`."""
    count = len(known.product)
    bugs = np.bincount(known.feature, weights=known.bugs, minlength=count)
    tests = np.bincount(known.feature, minlength=count).astype(float)
    section = known.groups["section"]
    of_section, in_section = (np.bincount(section, weights=values)[section] for values in (bugs, tests))
    mean = np.where(in_section > 0, of_section / np.maximum(in_section, 1), bugs.sum() / max(tests.sum(), 1))
    return [two_digits(ours), bugs, known.now[:, 0], mean, np.zeros(count)]


def _found(score: Numbers, bugs: Numbers, k: int) -> float:
    """Return the bugs of the k features with the highest score; those that tie for the last places share them evenly."""
    score = comparable(score)
    border = np.sort(score)[::-1][k - 1]
    above, tied = score > border, score == border
    return float(bugs[above].sum() + bugs[tied].mean() * (k - above.sum()))


def backtest_summary(cycles: pd.DataFrame) -> pd.DataFrame:
    """Return the share of all bugs that each list found, by number of features and way to count bugs, ours first.

    Columns: top, counted, ranking, cycles, bugs, found (share of all bugs of these months, 0 to 1), low, high (95 %
    bootstrap interval over months; 1,000 draws, always the same ones; empty for one month alone), lead (what our list found
    more, as a share; empty for ours), lead_low, lead_high (likewise, paired). Without months there is a row of ours alone,
    with empty figures.
    """
    rows: list[tuple[object, ...]] = []
    for (top, way), part in cycles.groupby(["top", "counted"], sort=False):
        values = part[["bugs", *RANKINGS]].to_numpy(dtype=float)
        draws = np.random.default_rng(SEED).integers(0, len(values), size=(DRAWS, len(values)))
        sums, total = values[draws].sum(axis=1), values.sum(axis=0)
        shares = sums[:, 1:] / np.maximum(sums[:, :1], 1e-12)
        for place, name in enumerate(RANKINGS):
            lead = [np.nan] * 3
            if place:
                difference = (total[1] - total[place + 1]) / total[0]
                lead = [float(difference), *_middle(shares[:, 0] - shares[:, place], len(values))]
            share = float(total[place + 1] / total[0])
            rows.append((top, way, name, len(values), total[0], share, *_middle(shares[:, place], len(values)), *lead))
    if not rows:
        rows = [(np.nan, PLAIN, OURS, 0, 0.0, *[np.nan] * 6)]
    figures = ["found", "low", "high", "lead", "lead_low", "lead_high"]
    frame = pd.DataFrame(rows, columns=["top", "counted", "ranking", "cycles", "bugs", *figures])
    frame = frame.astype(dict.fromkeys(("counted", "ranking"), "str") | dict.fromkeys(("top", "cycles"), "Int64"))
    frame[["bugs", *figures]] = frame[["bugs", *figures]].astype("Float64")
    frame[figures] = frame[figures].mask(frame[figures].isna())
    return frame


def _middle(values: Numbers, units: int) -> list[float]:
    if units < 2:
        return [np.nan, np.nan]
    return [float(bound) for bound in np.quantile(values, [0.025, 0.975])]


def backtest_sentence(summary: pd.DataFrame) -> str:
    """Return the verdict on our list: what its longest part finds, and by how much it leads, or that it does not."""
    if summary["found"].isna().all():
        return (
            "Whether this list finds more than simple ones cannot be said: there is no past month with a bug, enough tests "
            "before it, and more features than are listed."
        )
    shown = summary[(summary["top"] == summary["top"].max()) & (summary["counted"] == BY_SEVERITY)]
    ours = shown.iloc[0]
    parts = [_lead_words(row) for row in shown.iloc[1:].to_dict("records") if row["ranking"] in RANKINGS[1:4]]
    return (
        f"On this account's own past ({counted(int(ours['cycles']), 'month')}), the first {int(ours['top'])} of the tested "
        f"features by this list, drawn up before, had {float(ours['found']) * 100:.0f} % of the bugs by severity: "
        f"{'; '.join(parts)}."
    )


def _lead_words(row: dict[Any, Any]) -> str:
    if pd.isna(row["lead_low"]):
        return f"one month is too few to compare with “{row['ranking']}”"
    lead, low, high = (float(row[column]) * 100 for column in ("lead", "lead_low", "lead_high"))
    signs = np.sign(comparable([low, high]))
    verdict = "more than" if signs[0] > 0 else "fewer than" if signs[1] < 0 else "not distinguishable from"
    return (
        f"{verdict} “{row['ranking']}” ({signed(lead, 1)} points, 95 % interval {signed(low, 1)} to {signed(high, 1)})"
    )
