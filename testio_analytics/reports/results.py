"""What came of each feature: evidence first, words after.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from testio_analytics.api.vocabulary import SEVERITIES, STORY_STATUSES
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubt_words import Doubt, words
from testio_analytics.reports.doubts import doubts, never_synced_products, products_in_doubt, with_gap, with_row_doubts
from testio_analytics.reports.facts import (
    described_features,
    distinct,
    feature_scope,
    located_bugs,
    once,
    product_rows,
    silent_tests,
    story_outcomes,
    stray_bugs,
    unread_tests,
)
from testio_analytics.reports.registry import FIELDS, LINK_FIELDS, STATUSES, column_names, documented
from testio_analytics.reports.shares import with_share

RESULTS = ("issues", "failed", "blocked", "known bugs", "passed", "no findings", "none", "unknown")
_API_WORD = {
    "issues": "failed",
    "failed": "failed",
    "blocked": "blocked",
    "known bugs": "failed",
    "passed": "passed",
    "no findings": "not_tested",
}
STORY_COUNTS = ("stories_failed", "stories_blocked", "stories_passed", "stories_not_run")
RESULT_COLUMNS = column_names("feature_results")
EVIDENCE_COLUMNS = column_names("evidence_by_product")
_BUG_NAMES = ("bugs", "open_bugs", "critical_bugs", "issues")
_STORY_NAMES = (*STORY_COUNTS, "failed_by_bug", "stories_unclear")


@documented
@once
def feature_results(mirror: Mirror, *, as_of: AsOf = None, window: float | None = None) -> pd.DataFrame:
    """Return what came of each active feature in its newest executed test, one row each, by product, title and id.

    With `window`, what came of it in all executed tests of the last `window` days.

    Raises:
        UnknownValueError: `as_of` is no date or time, or `window` is not above 0.
    """
    instant = mirror.instant(as_of)
    everything = feature_scope(mirror, as_of=instant)
    scope = everything[everything["group"] == "executed"]
    newest = scope.drop_duplicates("feature_id", keep="last")[["feature_id", "test_id", "test", "at"]]
    if window is None:
        pairs = newest[["feature_id", "test_id"]]
    else:
        pairs = scope[scope["at"] >= instant - checked_days("window", window)][["feature_id", "test_id"]]
        newest = newest[newest["feature_id"].isin(pairs["feature_id"])]
    return _results_in(mirror, newest, pairs, everything, instant)


def results_in_test(mirror: Mirror, test_id: int) -> pd.DataFrame:
    """Return what came of each active feature in one executed test: the columns of `feature_results`."""
    everything = feature_scope(mirror)
    own = everything[(everything["group"] == "executed") & (everything["test_id"] == test_id)]
    own = own[["feature_id", "test_id", "test", "at"]]
    found = _results_in(mirror, own, own[["feature_id", "test_id"]], everything, mirror.instant())
    return found[found["feature_id"].isin(own["feature_id"])]


def _results_in(
    mirror: Mirror, newest: pd.DataFrame, pairs: pd.DataFrame, scope: pd.DataFrame, instant: pd.Timestamp
) -> pd.DataFrame:
    """Return what came of each feature in these pairs of feature and test; `newest` is the test that a row names."""
    found = described_features(mirror).merge(newest, on="feature_id", how="left", validate="one_to_one")
    for part in (
        _bugs(mirror, pairs, instant),
        _stories(mirror, pairs),
        _unread(mirror, pairs),
        _stray(mirror, pairs, instant),
        _words(mirror, newest),
    ):
        found = found.merge(part, on="feature_id", how="left", validate="one_to_one")
    return _judged(mirror, found, scope, instant)


@documented
def evidence_by_product(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return how many features were shown to be exercised, one row per active product, by name and id."""
    rows = _exercised(mirror, mirror.instant(as_of))
    grouped = rows.groupby("product_id")
    sums = grouped.agg(
        active_features=("feature_id", "nunique"),
        in_scope=("in_scope", "sum"),
        exercised=("exercised", "sum"),
        maybe=("maybe", "sum"),
    ).astype("Int64")
    found = product_rows(mirror).merge(sums.reset_index(), on="product_id", how="left", validate="one_to_one")
    is_known = ~found["product_id"].isin(products_in_doubt(mirror, "features"))
    for name in sums:
        found[name] = found[name].where(found[name].notna() | ~is_known, 0).astype("Int64")
    found["in_scope"] = found["in_scope"].mask(found["product_id"].isin(never_synced_products(mirror, "tests")))
    nothing = (found["active_features"] > 0) & (found["maybe"] == found["active_features"])
    found["exercised_highest"] = found["exercised"] + found["maybe"]
    found["exercised"] = found["exercised"].mask(nothing.fillna(False))
    found = with_share(found, "exercised", "active_features", "share")
    found = with_share(found, "exercised_highest", "active_features", "share_highest")
    return with_row_doubts(found, mirror, "evidence_by_product")[EVIDENCE_COLUMNS]


def _exercised(mirror: Mirror, instant: pd.Timestamp) -> pd.DataFrame:
    """Return which features were in scope, which were shown to be exercised, and which others a gap may hide."""
    features = described_features(mirror)[["product_id", "feature_id"]]
    scope = feature_scope(mirror, as_of=instant)
    pairs = scope[scope["group"] == "executed"][["feature_id", "test_id"]]
    bugs = located_bugs(mirror, as_of=instant)
    stories = _story_results(mirror, pairs)
    of_run = stories[stories["status"].isin(["failed", "blocked", "passed"])]["feature_id"]
    of_bugs = bugs[bugs["group"] == "executed"]["feature_id"].dropna()
    exercised = features["feature_id"].isin(of_run) | features["feature_id"].isin(of_bugs)
    unread = unread_tests(mirror, "bugs") | unread_tests(mirror, "results")
    hidden = [
        pairs[pairs["test_id"].isin(unread)],
        scope[scope["group"] == "unknown"],
        stories[~stories["status"].isin(STORY_STATUSES)],
    ]
    maybe = features["feature_id"].isin(pd.concat([rows["feature_id"] for rows in hidden]))
    maybe |= features["feature_id"].isin(stray_bugs(mirror, as_of=instant)["feature_id"])
    maybe |= features["product_id"].isin(silent_tests(mirror, as_of=instant)["product_id"])
    maybe |= features["product_id"].isin(products_in_doubt(mirror, "tests", "bugs", "results"))
    in_scope = features["feature_id"].isin(pairs["feature_id"])
    return features.assign(in_scope=in_scope, exercised=exercised, maybe=~exercised & maybe)


def _bugs(mirror: Mirror, pairs: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the bugs of each feature in its tests: valid ones, open and critical ones, those that are issues."""
    bugs = located_bugs(mirror, as_of=instant)
    bugs = bugs[bugs["is_valid"].astype(bool)].merge(pairs, on=["feature_id", "test_id"], how="inner")
    issues = bugs[~bugs["is_known"].astype(bool)]
    order = {name: place for place, name in enumerate(SEVERITIES)}
    ranked = issues.assign(order=issues["severity"].map(order).fillna(len(order))).sort_values(
        ["order", "severity", "bug_id"]
    )
    parts = {
        "bugs": bugs,
        "open_bugs": bugs[bugs["bucket"] == "open"],
        "critical_bugs": bugs[bugs["severity"] == "critical"],
        "issues": issues,
    }
    found = (
        pd.DataFrame({name: distinct(rows, "bug_id", "feature_id") for name, rows in parts.items()})
        .fillna(0)
        .astype("Int64")
    )
    found["worst_severity"] = ranked.drop_duplicates("feature_id").set_index("feature_id")["severity"]
    return found.rename_axis("feature_id").reset_index().astype({"worst_severity": "str", "feature_id": "Int64"})


def _story_results(mirror: Mirror, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the results of the stories of each feature in its tests, by the feature that the test feature leads to."""
    return story_outcomes(mirror).merge(pairs, on=["feature_id", "test_id"], how="inner")


def _stories(mirror: Mirror, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct stories of each feature by their weightiest result there, a failed run before a bug alone."""
    stories = _story_results(mirror, pairs)
    order = {status: place for place, status in enumerate(STORY_STATUSES)}
    stories = stories.assign(order=stories["status"].map(order))
    unclear = distinct(stories[stories["order"].isna()], "user_story_id", "feature_id")
    worst = stories.dropna(subset=["order"]).sort_values(["order", "is_by_bug"])
    worst = worst.drop_duplicates(["feature_id", "user_story_id"])
    counts = pd.crosstab(worst["feature_id"], worst["status"].astype(str)).reindex(
        columns=list(STORY_STATUSES), fill_value=0
    )
    counts.columns = pd.Index(STORY_COUNTS)
    counts["failed_by_bug"] = worst.groupby("feature_id")["is_by_bug"].sum()
    counts = counts.join(unclear.rename("stories_unclear"), how="outer").fillna(0)
    return counts.astype("Int64").rename_axis("feature_id").reset_index().astype({"feature_id": "Int64"})


def _unread(mirror: Mirror, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return how many tests of each feature have unread bugs, and unread results."""
    unread = {stream: pairs[pairs["test_id"].isin(unread_tests(mirror, stream))] for stream in ("bugs", "results")}
    parts = {f"unread_{stream}": distinct(rows, "test_id", "feature_id") for stream, rows in unread.items()}
    found = pd.DataFrame(parts).fillna(0).astype("Int64")
    return found.rename_axis("feature_id").reset_index().astype({"feature_id": "Int64"})


def _stray(mirror: Mirror, pairs: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Return how many bugs of the tests of each feature, or of no test, may be bugs of the feature."""
    stray = stray_bugs(mirror, as_of=instant)
    of_test = stray.merge(pairs, on=["feature_id", "test_id"], how="inner")
    without = stray[stray["test_id"].isna() & stray["feature_id"].isin(pairs["feature_id"])]
    found = distinct(pd.concat([of_test, without]), "bug_id", "feature_id").rename("stray_bugs")
    return found.rename_axis("feature_id").reset_index().astype({"feature_id": "Int64"})


def _words(mirror: Mirror, newest: pd.DataFrame) -> pd.DataFrame:
    """Return the API's own word for each feature in its newest test; of two copies of a feature the weightier one."""
    copies = mirror.active("test_features")[["id", "feature_id"]].rename(columns={"id": "test_feature_id"})
    said = mirror.active("test_feature_results").drop(columns="feature_id")
    said = said.merge(copies, on="test_feature_id", how="inner")
    said = said.merge(newest[["feature_id", "test_id"]], on=["feature_id", "test_id"], how="inner")
    order = {status: place for place, status in enumerate(STORY_STATUSES)}
    said = said.assign(order=said["execution_status"].map(order).fillna(len(order))).sort_values(
        ["order", "test_feature_id"]
    )
    said = said.drop_duplicates("feature_id")[["feature_id", "execution_status"]]
    return said.rename(columns={"execution_status": "api_status"})


def _judged(mirror: Mirror, found: pd.DataFrame, scope: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Say what the result is, blank the counts that nobody knows, and compare with the API's own word."""
    covered = found["test_id"].notna()
    counts = [*_BUG_NAMES, *_STORY_NAMES, "unread_bugs", "unread_results", "stray_bugs"]
    found[counts] = found[counts].fillna(0).astype("Int64")
    found = found.join(_unknown_tests(scope, found), on="feature_id")
    found["unknown_tests"] = found["unknown_tests"].fillna(0).astype("Int64")
    in_doubt = found["product_id"].isin(products_in_doubt(mirror, "tests"))
    in_doubt |= found["product_id"].isin(silent_tests(mirror, as_of=instant)["product_id"])
    found["result"] = _results(found, in_doubt)
    found["worst_severity"] = found["worst_severity"].where(found["result"] == "issues")
    no_bugs, no_results = found["unread_bugs"] + found["stray_bugs"] > 0, found["unread_results"] > 0
    found[[*_BUG_NAMES]] = found[[*_BUG_NAMES]].mask(~covered | (no_bugs & (found["bugs"] == 0)))
    found[[*_STORY_NAMES]] = found[[*_STORY_NAMES]].mask(~covered | no_results)
    means = found["result"].astype("str").map(_API_WORD)
    found["differs"] = (found["api_status"] != means).astype("boolean").mask(found["api_status"].isna() | means.isna())
    return with_gap(found, _row_gaps(mirror, found))[RESULT_COLUMNS]


def _unknown_tests(scope: pd.DataFrame, found: pd.DataFrame) -> pd.Series[int]:
    """Return by feature how many tests of unknown status may be its newest executed one."""
    unknown = scope[scope["group"] == "unknown"][["feature_id", "test_id", "at"]]
    unknown = unknown.merge(found[["feature_id", "at"]], on="feature_id", suffixes=("", "_of_newest"))
    is_older = unknown["at"] < unknown["at_of_newest"]
    return unknown[~is_older].groupby("feature_id")["test_id"].size().rename("unknown_tests")


def _results(found: pd.DataFrame, in_doubt: pd.Series[bool]) -> pd.Series[str]:
    """Return the first result that holds; a missing test may cover what no other does."""
    covered, may_be_covered = found["test_id"].notna(), in_doubt | (found["unknown_tests"] > 0)
    rules = [
        (~covered & may_be_covered, "unknown"),
        (~covered, "none"),
        (found["issues"] > 0, "issues"),
        (found["unread_bugs"] + found["stray_bugs"] > 0, "unknown"),
        (found["stories_failed"] > 0, "failed"),
        ((found["unread_results"] > 0) | (found["stories_unclear"] > 0), "unknown"),
        (found["stories_blocked"] > 0, "blocked"),
        # Known bugs are no issues, but with them a story that passed is no pass.
        (found["bugs"] > 0, "known bugs"),
        (found["stories_passed"] > 0, "passed"),
    ]
    chosen = np.select([rule.to_numpy(dtype=bool) for rule, _ in rules], [name for _, name in rules], "no findings")
    return pd.Series(pd.Categorical(chosen, categories=list(RESULTS), ordered=True), index=found.index)


def _row_gaps(mirror: Mirror, found: pd.DataFrame) -> pd.Series[str]:
    """Return what puts the result of each feature in doubt, in words: what is missing of its product and of itself."""
    of_product = defaultdict[int | None, list[str]](list)
    for one in doubts(mirror, ("tests", *FIELDS)):
        if one.value in LINK_FIELDS:
            continue  # said feature by feature
        of_product[one.product_id].append(words(one, "this product"))
        for other in one.others:
            of_product[other].append(words(one))
    columns = ["product_id", "unread_bugs", "unread_results", "unknown_tests", "stories_unclear", "stray_bugs"]
    texts = []
    for product, bugs, results, tests, stories, stray in zip(*(found[name].tolist() for name in columns), strict=True):
        own = [
            Doubt("bugs", "unread tests", product, "", bugs),
            Doubt("results", "unread tests", product, "", results),
            Doubt(STATUSES, "unknown status", product, "", tests),
            Doubt("results", "unknown results", product, "", 0 if pd.isna(stories) else stories),
            Doubt("bugs", "missing field", product, "", stray, value="bugs.test_feature"),
        ]
        parts = [*of_product.get(product, ()), *(words(one, "this feature") for one in own if one.count)]
        texts.append("; ".join(parts) or None)
    return pd.Series(texts, index=found.index, dtype="str")
