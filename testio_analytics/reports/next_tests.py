"""What to test next: features ranked by risk, with every part of the figure printed.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from testio_analytics.api.vocabulary import SEVERITIES
from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import SEVERITY_WEIGHTS, bugs_per_feature
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.doubts import with_row_doubts
from testio_analytics.reports.facts import LAPSED_AFTER, feature_scope, looked_up, memberships, once
from testio_analytics.reports.features import feature_catalog
from testio_analytics.reports.impact import Impact, ImpactSource, read_impact
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.reports.results import feature_results
from testio_analytics.text import counted, listed

Numbers = npt.NDArray[np.floating[Any]]

WEIGHTS: Mapping[str, float] = {"bugs": 0.7, "age": 0.1, "changed": 0.1, "failures": 0.1}
"""How much each part of the likelihood counts. The backtest justifies the first two; the others cannot be tested."""

IMPACT_WEIGHTS: Mapping[str, float] = {"severity": 0.5, "stories": 0.5}
NEUTRAL = 0.5
LIKE_BUGS = 5
QUARTER = 0.25
MOST_PROPOSED = 3
PART_NAMES: Mapping[str, str] = {
    "bugs": "bugs per test",
    "age": "time since tested",
    "changed": "changes",
    "failures": "failures",
    "severity": "severity",
    "stories": "stories",
}
"""The parts of the risk, as people read them."""

_IN_REASONS = (
    *("state", "part_bugs", "bugs", "tests", "result", "worst_severity", "changed_since_tested", "changed_words"),
    *("days_since_tested", "part_age", "part_changed", "part_failures"),
)
METHODS: tuple[Literal["min"], Literal["max"]] = ("min", "max")
_NOWHERE = 0  # stands for the section of features that are in none
FAILURES: Mapping[str, float] = {
    "issues": 1.0,
    "failed": 1.0,
    "blocked": 0.5,
    "known bugs": 0.5,
    "passed": 0.0,
    "no findings": 0.0,
}
PLAN_COLUMNS = column_names("next_tests")


@documented
def next_tests(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    impact: ImpactSource = None,
    k: int = 4,
    half_age: float = 90,
    weights: Mapping[str, float] = WEIGHTS,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return the active features by risk, one row each, the highest first; equal ones by id.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        impact: weights of features, see `read_impact`.
        k: features of a proposed test.
        half_age: after how many days without a test half of the full weight of age is reached.
        weights: how much each part of the likelihood counts.
        lapsed_after: see `feature_catalog`; features of lapsed tests are proposed.

    Raises:
        UnknownValueError: an option makes no sense.
        ReportError: the impact weights cannot be read.
    """
    if k < 1:
        raise UnknownValueError("k", k, ["a number of features, 1 or more"])
    checked_days("half_age", half_age)
    if {*weights} != {*WEIGHTS} or min(weights.values()) < 0 or not sum(weights.values()):
        raise UnknownValueError("weights", dict(weights), [f"a weight of 0 or more for each of {', '.join(WEIGHTS)}"])
    found = _with_own_impact(
        _parts(mirror, as_of=as_of, half_age=half_age, lapsed_after=lapsed_after), read_impact(impact)
    )
    parts = {name: _numbers(found[f"part_{name}"]) for name in WEIGHTS}
    severe = {name: _numbers(found[f"part_{name}"]) for name in IMPACT_WEIGHTS}
    own = _numbers(found["own_impact"])
    likely, heavy = weighted(parts, weights), np.where(np.isnan(own), weighted(severe, IMPACT_WEIGHTS), own)
    found = found.assign(likelihood=likely, impact=heavy, risk=comparable(likely * heavy))
    risks = [likely * heavy]
    risks += [weighted(parts, changed) * heavy for changed in _perturbed(weights)]
    risks += [
        likely * np.where(np.isnan(own), weighted(severe, changed), own) for changed in _perturbed(IMPACT_WEIGHTS)
    ]
    places = {method: np.vstack([_places(risk, method) for risk in risks]) for method in METHODS}
    found["rank"] = places["min"][0]
    found["rank_best"], found["rank_worst"] = places["min"].min(axis=0), places["max"].max(axis=0)
    found["flags"], found["why"] = _flags(found), _why(found, weights)
    found = found.sort_values(["rank", "feature_id"], ignore_index=True)
    found["proposed_test"] = _propose_tests(found, _sections_of(mirror), k, MOST_PROPOSED)
    found = with_row_doubts(found, mirror, "next_tests")
    integers = dict.fromkeys(("rank", "rank_best", "rank_worst", "proposed_test"), "Int64")
    floats = dict.fromkeys(("risk", "likelihood", "impact"), "Float64")
    return found.astype(integers | floats)[PLAN_COLUMNS]


@documented
def packed_tests(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    impact: ImpactSource = None,
    k: int = 4,
    half_age: float = 90,
    weights: Mapping[str, float] = WEIGHTS,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return the three tests of `k` features to order first, one row per feature, by test and rank.

    A proposed test begins with the highest risk that is left, and holds features of its product that have a section in
    common. Features that a planned test covers are left out.
    """
    ranking = next_tests(
        mirror, as_of=as_of, impact=impact, k=k, half_age=half_age, weights=weights, lapsed_after=lapsed_after
    )
    rows = ranking[ranking["proposed_test"].notna()].sort_values(["proposed_test", "rank"], ignore_index=True)
    columns = ["proposed_test", "product_id", "product", "feature_id", "feature", "sections", "rank", "risk", "why"]
    return rows[[*columns, "is_complete", "gap"]]


def weighted(parts: Mapping[str, Numbers], weights: Mapping[str, float]) -> Numbers:
    """Return the weighted mean of parts, feature by feature; a missing one (NaN) is neutral."""
    total = sum(weights.values())
    summed = sum(weights[name] * np.where(np.isnan(part), NEUTRAL, part) for name, part in parts.items())
    result: Numbers = np.asarray(summed / total, dtype=float)
    return result


def against(values: Numbers, average: Numbers | float) -> Numbers:
    """Return values against an average on a scale from 0 to 1, where the average is 0.5: v / (v + average)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = values / (values + average)
    return np.where((values == 0) & (np.asarray(average) == 0), NEUTRAL, share)


def aged(days: Numbers, half_age: float) -> Numbers:
    """Return the part of the likelihood that time alone gives: 0 today, 0.5 after `half_age` days, towards 1."""
    return np.asarray(1.0 - 0.5 ** (np.maximum(days, 0.0) / half_age), dtype=float)


@once
def _parts(mirror: Mirror, *, as_of: AsOf = None, half_age: float, lapsed_after: float) -> pd.DataFrame:
    """Return the features with all parts of their likelihood and impact, in the order of their ids."""
    instant = mirror.instant(as_of)
    catalog = feature_catalog(mirror, as_of=instant, lapsed_after=lapsed_after)
    of_feature = ("product_id", "product", "feature_id", "feature", "sections", "stories", "state", "executed_tests")
    of_last_test = ("days_since_tested", "last_tested_at", "changed_since_tested", "changed_words")
    catalog = catalog[[*of_feature, *of_last_test]]
    bugs = bugs_per_feature(mirror, as_of=instant)
    bugs = bugs[["feature_id", "bugs", "tests", "bugs_per_test", "shrunk", "prior_mean", *SEVERITIES]]
    results = feature_results(mirror, as_of=instant)[["feature_id", "result", "worst_severity"]]
    found = catalog.merge(bugs, on="feature_id", validate="one_to_one")
    found = found.merge(results, on="feature_id", validate="one_to_one").sort_values("feature_id", ignore_index=True)
    days = (instant - found["last_tested_at"]).dt.total_seconds().to_numpy(dtype=float) / 86_400
    # Never tested is as old as can be; a product whose tests are not all read may have tested it after all.
    never = found["state"].isin(["untested", "planned"])
    parts = {
        "part_bugs": against(_numbers(found["shrunk"]), _numbers(found["prior_mean"])),
        "part_age": np.where(never, 1.0, aged(days, half_age)),
        "part_changed": _numbers(found["changed_since_tested"].astype("Float64")),
        "part_failures": _numbers(found["result"].astype("str").map(dict(FAILURES))),
        "part_severity": _numbers(_severity(found)),
        "part_stories": _stories(found),
    }
    columns = pd.DataFrame(parts, index=found.index).astype("Float64")
    planned = feature_scope(mirror, as_of=instant, lapsed_after=lapsed_after)
    planned = planned[planned["group"] == "planned"].drop_duplicates("feature_id", keep="last")
    titles = looked_up(found["feature_id"], planned.set_index("feature_id")["test"]).astype("str")
    return found.join(columns.mask(columns.isna())).assign(planned_test=titles)


def _numbers(values: pd.Series[Any]) -> Numbers:
    return values.to_numpy(dtype=float, na_value=np.nan)


def _with_own_impact(found: pd.DataFrame, impact: Impact | None) -> pd.DataFrame:
    """Add the weights that the user gave, empty for the other features."""
    given = {} if impact is None else dict(zip(impact.weights["feature_id"], impact.weights["impact"], strict=True))
    weights = [given.get(key) for key in found["feature_id"].tolist()]
    return found.assign(own_impact=pd.Series(weights, index=found.index, dtype="Float64"))


def _stories(found: pd.DataFrame) -> Numbers:
    """Return the number of stories of each feature against the average of its product, 0 to 1."""
    # Without a single story written, their number says nothing of what the feature is worth.
    stories = found["stories"].astype("Float64").mask((found["stories"] == 0).fillna(False))
    average = stories.groupby(found["product_id"]).transform("mean")
    return against(_numbers(stories), _numbers(average))


def _severity(found: pd.DataFrame) -> pd.Series[Any]:
    """Return the severity of the bugs of each feature, 0 to 1: their mean weight, drawn towards that of the product.

    The product's mean counts as five bugs more: one critical bug alone does not make a feature the most severe of all. Bugs
    of a severity without weight say nothing of it and are left out.
    """
    counts = found[list(SEVERITIES)].astype("Float64")
    score, bugs = (
        (counts * pd.Series(dict(SEVERITY_WEIGHTS))).sum(axis=1, skipna=False),
        counts.sum(axis=1, skipna=False),
    )
    totals = pd.DataFrame({"score": score, "bugs": bugs}).groupby(found["product_id"]).transform("sum")
    mean = totals["score"] / totals["bugs"].mask(totals["bugs"] == 0)
    part = (score + mean * LIKE_BUGS) / (bugs + LIKE_BUGS) / max(SEVERITY_WEIGHTS.values())
    return part.mask((bugs == 0).fillna(True))


def _perturbed(weights: Mapping[str, float]) -> list[dict[str, float]]:
    return [{**weights, name: weights[name] * (1 + move)} for name in weights for move in (QUARTER, -QUARTER)]


def _places(risk: Numbers, method: Literal["min", "max"]) -> npt.NDArray[np.int64]:
    """Return the place of each risk, the highest first; of equal ones the best ("min") or the worst ("max")."""
    return pd.Series(comparable(risk)).rank(method=method, ascending=False).to_numpy().astype(np.int64)


def _sections_of(mirror: Mirror) -> dict[int, set[int]]:
    pairs, found = memberships(mirror), defaultdict[int, set[int]](set)
    for feature, section in zip(pairs["feature_id"].tolist(), pairs["section_id"].tolist(), strict=True):
        found[feature].add(section)
    return found


def _propose_tests(found: pd.DataFrame, sections: Mapping[int, set[int]], k: int, most: int) -> pd.Series[Any]:
    """Number the proposed tests. Each begins with the highest risk that is left, and takes the next ones beside it.

    Beside it are the features of its product that share a section with all of the test, since a test has one section.
    """
    numbers = pd.Series(pd.NA, index=found.index, dtype="Int64")
    places = zip(found["product_id"], found["feature_id"], found["planned_test"].isna(), strict=True)
    left = [
        (place, int(product), sections.get(int(feature), {_NOWHERE}))
        for place, (product, feature, is_free) in enumerate(places)
        if is_free
    ]
    for number in range(1, most + 1):
        if not left:
            break
        _, owner, shared = left[0]
        chosen: list[int] = []
        for place, product, own in left:
            if len(chosen) < k and product == owner and shared & own:
                shared = shared & own
                chosen.append(place)
        numbers.iloc[chosen] = number
        left = [row for row in left if row[0] not in chosen]
    return numbers


def _flags(found: pd.DataFrame) -> pd.Series[str]:
    missing = found[[f"part_{name}" for name in PART_NAMES]].isna()
    missing.loc[found["own_impact"].notna(), ["part_severity", "part_stories"]] = False
    texts = []
    for flags in missing.itertuples(index=False):
        absent = [words for words, flag in zip(PART_NAMES.values(), flags, strict=True) if flag]
        texts.append(f"neutral: {listed(absent, most=9)}" if absent else None)
    return pd.Series(texts, index=found.index, dtype="str")


def _why(found: pd.DataFrame, weights: Mapping[str, float]) -> pd.Series[str]:
    rows = found[[*_IN_REASONS]].to_dict("records")
    return pd.Series([_reason(row) or _largest_parts(row, weights) for row in rows], index=found.index, dtype="str")


def _reason(row: Mapping[Any, Any]) -> str:
    """Return what makes a feature a risk by itself, like "never tested"; "" where nothing does."""
    parts = []
    if row["state"] in ("untested", "planned"):
        parts.append("never tested" if row["state"] == "untested" else "scheduled, not yet tested")
    if pd.notna(row["part_bugs"]) and row["bugs"] > 0:
        parts.append(f"{counted(int(row['bugs']), 'bug')} in {counted(int(row['tests']), 'test')}")
    if row["result"] in ("issues", "failed", "blocked"):
        worst = f" ({row['worst_severity']})" if row["result"] == "issues" and pd.notna(row["worst_severity"]) else ""
        parts.append(f"last result: {row['result']}{worst}")
    if pd.notna(row["changed_since_tested"]) and row["changed_since_tested"]:
        parts.append(f"changed since tested ({row['changed_words']})")
    if pd.notna(row["days_since_tested"]) and comparable(row["part_age"]) >= NEUTRAL:
        parts.append(f"last tested {int(row['days_since_tested'])} days ago")
    return "; ".join(parts)


def _largest_parts(row: Mapping[Any, Any], weights: Mapping[str, float]) -> str:
    """Return the two known parts that add most to the likelihood, by name."""
    known = [name for name in WEIGHTS if pd.notna(row[f"part_{name}"])]
    parts = {name: float(comparable(weights[name] * row[f"part_{name}"])) for name in known}
    if not parts:
        return "likelihood unknown, counted as moderate"
    largest = sorted((name for name in parts if parts[name] > 0), key=lambda name: -parts[name])[:2]
    if not largest:
        return "no known risk factor"
    return f"combined moderate risk: {', '.join(PART_NAMES[name] for name in largest)}"
